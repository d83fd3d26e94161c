"""The pictures of docs/results.md: the package's own figures, drawn by Chromium into PNG files."""

from pathlib import Path
from typing import Any, NamedTuple

import plotly.graph_objects as go

from gandalf_core.figures import audits, measured, sweeps
from scripts.driver import CHROMIUM, FLAGS

from .stored import stars_in_words

WIDTH = 900


class Picture(NamedTuple):
    """A figure and the sentence under it."""

    figure: go.Figure
    caption: str


def sources(runs: dict[str, list[dict[str, Any]]]) -> set[str]:
    """The stars that runs were audited on."""
    return {report["source"] for reports in runs.values() for report in reports}


def pictures(
    runs: dict[str, list], ablations: list[dict], curves: dict[str, list], audit: dict[str, Any]
) -> dict[str, Picture]:
    """File name -> picture, for the runs there are."""
    drawn: dict[str, Picture] = {}
    if runs:
        drawn["leakage"] = Picture(
            measured.leakage(runs),
            f"Excess R² of every removed parameter on {stars_in_words(sources(runs))}; one mark per seed, "
            "the paper's recipe and ours.",
        )
        drawn["sliders"] = Picture(
            measured.sliders(runs),
            "Relative error of the change that a slider makes; filled where the new value lies in the "
            "sample's range.",
        )
    if audit:
        caption = "What a fresh probe reads from `physical-removed`, and from its references."
        drawn["references"] = Picture(audits.references(audit), caption)
    if ablations:
        drawn["ablation"] = Picture(
            measured.ablation(ablations),
            "What leaks of Teff and log g, and what is kept of the other two; the paper's recipe in grey.",
        )
    if curves.get("latent_size"):
        caption = "The paper's first choice: how many latent dimensions."
        drawn["latent-size"] = Picture(sweeps.latent_size(curves["latent_size"]), caption)
    if curves.get("adversary"):
        drawn["lambda"] = Picture(sweeps.adversary(curves["adversary"]), "The paper's second choice: λ.")
    return drawn


def draw(drawn: dict[str, Picture], folder: Path) -> None:
    """Write each picture as a PNG file into the folder."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(device_scale_factor=1.5)
        for name, (figure, _) in drawn.items():
            figure.update_layout(width=WIDTH, template="plotly_white", paper_bgcolor="white")
            page.set_content(figure.to_html(include_plotlyjs=True, config={"displayModeBar": False}))
            page.locator(".js-plotly-plot .main-svg").first.wait_for()
            page.locator(".js-plotly-plot").screenshot(path=folder / f"{name}.png")
        browser.close()


def section(drawn: dict[str, Picture]) -> str:
    """The Markdown that shows the pictures."""
    lines = [
        f"![{caption}](images/results/{name}.png)\n\n*{caption}*\n" for name, (_, caption) in drawn.items()
    ]
    return "## In pictures\n\n" + "\n".join(lines) if lines else ""
