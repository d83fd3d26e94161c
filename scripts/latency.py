"""`python scripts/latency.py`: how fast the app feels in headless Chromium, and the server's time per page.

Prints a table beside the figures stored before (or --json); --write puts it into docs/performance.md. The
figures depend on the machine; a browser that draws in software makes them pessimistic.
"""

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from driver import (
    CHROMIUM,
    FLAGS,
    PATIENCE_MS,
    ROOT,
    TITLES,
    Traffic,
    choose,
    go,
    live,
    panels,
    press,
    serving,
    settle,
    until,
    visit,
)
from playwright.sync_api import Page, expect, sync_playwright

from gandalf_core.seeds import CHOICE_SEED, EXAMPLE_SEED
from reports.markdown import replace_between, table

STORED = ROOT / "docs" / "results" / "latency.json"  # the old figures
PAGE, MARKS = ROOT / "docs" / "performance.md", ("<!-- latency -->\n", "<!-- /latency -->")
AIMS = {  # by the words that a figure begins with
    "Decode, first visit": "≤ 1.5",
    "Decode, change to": "≤ .7",
    "Parameters on a fresh server, first": "≤ 1000",
    "Parameters on a fresh server, slowest": "≤ 1000",
    "slider drag": "≥ 30",
    "typed value": "≤ 150",
    "lasso": "≤ 1000",
    "page change": "≤ 1000",
    "server's memory": "≤ 800",
}
STARS, MANY = f"simulated:12861:{CHOICE_SEED}", f"simulated:64305:{CHOICE_SEED}"
DWARF = f"model=generator&stars=simulated:50:{EXAMPLE_SEED}&star=sim{EXAMPLE_SEED}-31"
TABS = ("Joint errors", "Origin", "Against the truth", "Residuals", "Error bars", "Representations", "Table")
TYPED = """async element => {
  const v = element.gandalf, times = []
  const box = element.querySelector('.slider[data-label=teff] input[type=number]')
  for (let k = 0; k < 40; k++) {
    const before = v.paints, began = performance.now()
    box.value = 5000 + 30 * k
    box.dispatchEvent(new Event('change'))
    while (v.paints === before) await new Promise(requestAnimationFrame)
    times.push(performance.now() - began)
  }
  return times
}"""


def repaints_while_dragging(page: Page, url: str) -> dict:
    """Repaints per second while the Teff slider is dragged to and fro, and whether the zoom survives."""
    visit(page, f"{url}/decode?{DWARF}", "Decode")
    live(page, "v.setZoom([852, 858])")
    thumb = page.locator(".slider[data-label=teff] input[type=range]").bounding_box()
    y = thumb["y"] + thumb["height"] / 2
    page.mouse.move(thumb["x"] + thumb["width"] * 0.5, y)
    page.mouse.down()
    before, began = live(page, "v.paints"), time.perf_counter()
    for k in range(150):
        page.mouse.move(thumb["x"] + thumb["width"] * (0.3 + 0.4 * abs((k % 40) / 20 - 1)), y)
    painted, seconds = live(page, "v.paints") - before, time.perf_counter() - began
    page.mouse.up()
    settle(page)
    zoom = live(page, "v.zoom")
    return {"slider drag, repaints per second": painted / seconds, "zoom kept": zoom == [852, 858]}


def typed_values(page: Page, url: str) -> dict:
    """Time from a typed value to its painted spectrum."""
    visit(page, f"{url}/decode?{DWARF}", "Decode")
    live(page, "v.paints")
    times = page.locator(".gandalf").first.evaluate(TYPED)
    return {"typed value to paint, p95 [ms]": sorted(times)[int(0.95 * len(times))]}


def pan_and_zoom(page: Page, url: str) -> dict:
    """Frames per second while 64,305 points are panned."""
    visit(page, f"{url}/data?model=generator&stars={MANY}", "Data")
    count = panels(page, "v.count")
    page.locator(".panels [data-mode=pan]").click()
    box = page.locator(".panels figure canvas").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    before, began = panels(page, "v.paints"), time.perf_counter()
    for k in range(120):
        page.mouse.move(x + 60 * abs((k % 30) / 15 - 1), y + 40 * abs((k % 24) / 12 - 1))
    frames, seconds = panels(page, "v.paints") - before, time.perf_counter() - began
    page.mouse.up()
    return {f"panning {count:,} points, frames per second": frames / seconds}


def lasso(page: Page, url: str) -> dict:
    """Time from the end of a lasso until the server has answered with the selected stars."""
    visit(page, f"{url}/data?model=generator&stars={STARS}", "Data")
    panels(page, "v.paints")
    box = page.locator(".panels figure canvas").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    for fx, fy in ((0.9, 0.2), (0.9, 0.7), (0.5, 0.7), (0.5, 0.2)):
        page.mouse.move(box["x"] + box["width"] * fx, box["y"] + box["height"] * fy, steps=5)
    began = time.perf_counter()
    page.mouse.up()
    page.wait_for_function(
        """() => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')].some(e => {
            const v = e.shadowRoot?.querySelector('.panels')?.gandalf
            return v && v.selectedCount > 0 && v.sent.has(v.data.token) })"""
    )
    return {f"lasso round trip, {STARS} [ms]": 1000 * (time.perf_counter() - began)}


def weight(page: Page, url: str) -> dict:
    """Megabytes that Decode sends at the first visit and at a change of model, without Streamlit's own files.

    The page that measures has seen no model yet; each other model is met for the first time, too.
    """
    traffic = Traffic(page)
    visit(page, f"{url}/decode?{DWARF}", "Decode")
    live(page, "v.paints")
    sizes = {"Decode, first visit [MB]": traffic.received / 1e6}
    for name in ("physical-removed", "chemical-removed", "paper-physical-removed"):
        traffic.received = 0
        choose(page, "Model", name)
        until(page, "v.ready && v.data.title", name)
        sizes[f"Decode, change to {name} [MB]"] = traffic.received / 1e6
    return sizes


def first_parameters(page: Page, url: str) -> dict:
    """Time from a click on Parameters to its first diagrams and to all stars, on a server without spectra.

    Then that of its slowest tab, each opened for the first time.
    """
    visit(page, f"{url}/train?model=generator", "Train")
    began = time.perf_counter()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Parameters", exact=True).click()
    panels(page, "v.count")
    first = time.perf_counter() - began
    expect(page.get_by_test_id("stProgress")).to_have_count(0)
    settle(page)
    whole = time.perf_counter() - began
    tabs = {}
    for tab in TABS:
        began = time.perf_counter()
        press(page, tab)
        tabs[tab] = time.perf_counter() - began
    slowest = max(tabs, key=lambda tab: tabs[tab])
    return {
        "Parameters on a fresh server, first stars drawn [ms]": 1000 * first,
        "Parameters on a fresh server, all stars drawn [ms]": 1000 * whole,
        f"Parameters on a fresh server, slowest tab: {slowest} [ms]": 1000 * tabs[slowest],
    }


def server_memory(url: str) -> dict:
    """Resident memory of the server, after all that was measured before."""
    port = url.rsplit(":", 1)[1]
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"--server.port\0{port}" in (status.parent / "cmdline").read_text(encoding="utf-8"):
                lines = status.read_text(encoding="utf-8").splitlines()
                size = next(line for line in lines if line.startswith("VmRSS"))
                return {"server's memory after a walk through all pages [MB]": int(size.split()[1]) / 1024}
    return {}


def page_changes(page: Page, url: str) -> dict:
    """Time from a click in the navigation to a settled page, warm, with 12,861 stars."""
    visit(page, f"{url}/?model=generator&stars={STARS}", TITLES[""])
    names = [title for path, title in TITLES.items() if path]
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(3):
        for name in names:
            began = time.perf_counter()
            go(page, name)
            if turn:
                times[name].append(1000 * (time.perf_counter() - began))
    return {f"page change to {name}, warm [ms]": statistics.median(t) for name, t in times.items()}


def server_times() -> dict:
    """The server's own time for a whole run of each page, warm, with 12,861 stars (no browser)."""
    from streamlit.testing.v1 import AppTest

    test = AppTest.from_file(str(ROOT / "pages" / "ui" / "main.py"), default_timeout=600)
    test.query_params["model"], test.query_params["stars"] = "generator", STARS
    test.run()
    medians = {}
    for path, title in TITLES.items():
        if path:
            test.switch_page(f"../{path}.py").run()
        times = []
        for _ in range(3):
            began = time.perf_counter()
            test.run()
            times.append(1000 * (time.perf_counter() - began))
        medians[f"server time of {title} [ms]"] = statistics.median(times)
    return medians


def browser_times(folder: Path) -> dict:
    """Everything that is measured in the browser, with a fresh server."""
    results: dict = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        began = time.perf_counter()
        with serving(folder) as url:
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.set_default_timeout(PATIENCE_MS)
            visit(page, url, TITLES[""])
            results["start of the server to the first page [ms]"] = 1000 * (time.perf_counter() - began)
            for measure in (first_parameters, weight):
                fresh = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
                fresh.set_default_timeout(PATIENCE_MS)
                results |= measure(fresh, url)
                fresh.context.close()
            for measure in (repaints_while_dragging, typed_values, lasso, page_changes):
                results |= measure(page, url)
            results |= server_memory(url)
            results |= pan_and_zoom(page, url)  # last: so many stars take memory that no walk does
        browser.close()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} and {STORED.name}, too")
    arguments = parser.parse_args()
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as folder:
        results = browser_times(Path(folder))
        os.environ |= {"GANDALF_RUNS": f"{folder}/runs", "GANDALF_CACHE": f"{folder}/cache"}
        results |= server_times()
    before = json.loads(STORED.read_text(encoding="utf-8")) if STORED.is_file() else {}
    text = _table(results, before)
    print(json.dumps(results) if arguments.json else text)
    if arguments.write:
        STORED.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        replace_between(PAGE, MARKS, text)


def _table(results: dict, before: dict) -> str:
    rows = [
        [name, _text(before[name]) if name in before else "", _text(value), _aim(name)]
        for name, value in results.items()
    ]
    return table(["figure", "stored before", "measured", "aim"], rows)


def _aim(name: str) -> str:
    return next((aim for words, aim in AIMS.items() if name.startswith(words)), "")


def _text(value: float | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"


if __name__ == "__main__":
    main()
