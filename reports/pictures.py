"""The figures of docs/results.md: the package's own figures, drawn by Chromium into PNG files."""

from pathlib import Path

import plotly.graph_objects as go
from driver import CHROMIUM, FLAGS

from gandalf_core.figures import audits, measured, sweeps

WIDTH = 900


def figures(runs: dict, ablations: list[dict], curves: dict, audit: dict) -> dict[str, tuple[go.Figure, str]]:
    """File name -> (figure, the sentence under it), for what was run."""
    made = {}
    if runs:
        made["leakage"] = (
            measured.leakage(runs),
            "Excess R² of every removed parameter, a mark a seed, on the 12,861 test stars: the paper's recipe and ours.",
        )
        made["sliders"] = (
            measured.sliders(runs),
            "Relative error of the change that a slider makes; filled where the new value lies in the sample's range.",
        )
    if audit:
        made["references"] = (
            audits.references(audit),
            "What a fresh probe reads from `physical-removed` and from its references.",
        )
    if ablations:
        made["ablation"] = (
            measured.ablation(ablations),
            "What leaks of Teff and log g, and what is kept of the other two; the paper's recipe in grey.",
        )
    if curves.get("latent_size"):
        made["latent-size"] = (
            sweeps.latent_size(curves["latent_size"]),
            "The paper's first choice: how many latent numbers.",
        )
    if curves.get("adversary"):
        made["lambda"] = (sweeps.adversary(curves["adversary"]), "The paper's second choice: λ.")
    return made


def draw(made: dict[str, tuple[go.Figure, str]], folder: Path) -> str:
    """Write the PNG files; the Markdown that shows them."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(device_scale_factor=1.5)
        for name, (figure, _) in made.items():
            figure.update_layout(width=WIDTH, template="plotly_white", paper_bgcolor="white")
            page.set_content(figure.to_html(include_plotlyjs=True, config={"displayModeBar": False}))
            page.locator(".js-plotly-plot .main-svg").first.wait_for()
            page.locator(".js-plotly-plot").screenshot(path=folder / f"{name}.png")
        browser.close()
    lines = [
        f"![{sentence}](images/results/{name}.png)\n\n*{sentence}*\n" for name, (_, sentence) in made.items()
    ]
    return "## In pictures\n\n" + "\n".join(lines) if lines else ""
