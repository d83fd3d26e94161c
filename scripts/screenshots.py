"""`python scripts/screenshots.py OUT`: every view in both themes and both widths, as a person sees it.

--views decode,maps  --themes light  --widths 1280,1920,390  --server URL (a running app)
"""

import argparse
import contextlib
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from driver import (
    CHROMIUM,
    FLAGS,
    PATIENCE_MS,
    TITLES,
    choose,
    drag,
    live,
    panels,
    press,
    serving,
    settle,
    visit,
)
from playwright.sync_api import Page, expect, sync_playwright

from gandalf_core.seeds import EXAMPLE_SEED

HEIGHTS = {1280: 900, 1920: 1080, 390: 800}
TALLEST = 2600


Act = Callable[[Page], None]  # brings a page into the state to show


def as_it_is(page: Page) -> None:
    page.wait_for_timeout(300)


def segment(label: str) -> Act:
    return partial(press, label=label)


def hot(page: Page) -> None:
    """The star of the Decode page at 6500 K."""
    box = page.locator(".slider[data-label=teff] input[type=number]")
    box.fill("6500")
    box.press("Enter")
    settle(page)
    live(page, "v.paints")


def why(page: Page) -> None:
    """What a slider changes, beside physics."""
    page.get_by_text("Why does it say so?").click()
    settle(page)


def lasso(page: Page) -> None:
    """A lasso in the first diagram."""
    panels(page, "v.paints")
    canvas = page.locator(".panels figure canvas").first
    canvas.scroll_into_view_if_needed()
    drag(page, canvas.bounding_box(), (0.62, 0.15), (0.95, 0.2), (0.95, 0.6), (0.62, 0.55), (0.62, 0.17))
    page.wait_for_timeout(500)
    settle(page)


def new_sweep(page: Page) -> None:
    """The form of a new sweep, opened."""
    form = page.get_by_text("New sweep")
    if not page.get_by_role("button", name="Start the sweep").is_visible():
        form.click()
    page.get_by_role("button", name="Start the sweep").wait_for()
    page.wait_for_timeout(500)


def comparison(page: Page) -> None:
    choose(page, "Compare with", "physical-removed")


VIEWS = {
    "home": ("", as_it_is),
    "tour-1": ("tour", as_it_is),
    "tour-2": ("tour", segment("2 The adversary")),
    "tour-3": ("tour", segment("3 A fresh probe")),
    "tour-4": ("tour", segment("4 Decode")),
    "data": ("data", lasso),
    "data-histograms": ("data", segment("Histograms")),
    "data-spectra": ("data", segment("Spectra")),
    "data-table": ("data", segment("Table")),
    "maps": ("maps", as_it_is),
    "maps-lasso": ("maps", lasso),
    "latent": ("latent", as_it_is),
    "latent-traverse": ("latent", segment("Traverse")),
    "latent-spectrum": ("latent", segment("On the spectrum")),
    "decode": ("decode", hot),
    "decode-why": ("decode", why),
    "parameters": ("parameters", as_it_is),
    "parameters-origin": ("parameters", segment("Origin")),
    "parameters-truth": ("parameters", segment("Against the truth")),
    "parameters-residuals": ("parameters", segment("Residuals")),
    "parameters-errors": ("parameters", segment("Error bars")),
    "parameters-four": ("parameters", segment("Representations")),
    "parameters-table": ("parameters", segment("Table")),
    "train": ("train", as_it_is),
    "train-own": ("train", segment("From a model, with my stars")),
    "sweeps": ("sweeps", as_it_is),
    "sweeps-new": ("sweeps", new_sweep),
    "audit": ("audit", as_it_is),
    "audit-sliders": ("audit", segment("Sliders")),
    "models": ("models", comparison),
}
QUERY = {
    "decode-why": f"model=generator&stars=simulated:50:{EXAMPLE_SEED}&star=sim{EXAMPLE_SEED}-31",
    "decode": f"model=generator&stars=simulated:50:{EXAMPLE_SEED}&star=sim{EXAMPLE_SEED}-31",
    "tour-2": "model=physical-removed",
    "audit": "model=physical-removed",
}


def shoot(page: Page, url: str, name: str, path: Path, width: int) -> None:
    """One view at its full height."""
    place, act = VIEWS[name]
    page.set_viewport_size({"width": width, "height": HEIGHTS.get(width, 900)})
    visit(page, f"{url}/{place}?{QUERY.get(name, 'model=generator')}", TITLES[place])
    act(page)
    tall = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(TALLEST, max(tall + 40, HEIGHTS.get(width, 900)))})
    page.wait_for_timeout(700)
    page.screenshot(path=path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--views", default=",".join(VIEWS))
    parser.add_argument("--themes", default="light,dark")
    parser.add_argument("--widths", default="1280,1920")
    parser.add_argument("--server", help="address of a running app, instead of a fresh one")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = contextlib.nullcontext(arguments.server) if arguments.server else serving(Path(folder))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with server as url:
            for theme in arguments.themes.split(","):
                page = browser.new_context(color_scheme=theme, reduced_motion="reduce").new_page()
                page.set_default_timeout(PATIENCE_MS)
                for width in map(int, arguments.widths.split(",")):
                    for name in arguments.views.split(","):
                        path = arguments.out / f"{name}-{theme}-{width}.png"
                        shoot(page, url, name, path, width)
                        print(path, flush=True)
        browser.close()


if __name__ == "__main__":
    main()
