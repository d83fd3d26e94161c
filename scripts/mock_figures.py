"""Draw the mock reference sample as the paper's Figures 3-5 draw the real one.

    PYTHONPATH=. python scripts/mock_figures.py --stars 20000 --out mock.html

Histograms of the labels, the Kiel diagram, and [α/Fe] against [M/H]. The exit status is 1 when the sample has
lost the survey's two sequences: [α/Fe] must be bimodal near [M/H] = -0.5.
"""

import argparse
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from sklearn.mixture import GaussianMixture

from gandalf_core.atomic import write_bytes, write_text
from gandalf_core.parameters import LABELS, STELLAR
from gandalf_core.simulator import population

NEAR_MH, HALF_WIDTH = -0.5, 0.1  # where the thin and the thick disc lie side by side
CLEARLY = 50  # the Bayesian information criterion must prefer two sequences to one by this much
VALLEY = 0.6  # of the stars at the poorer sequence: more of them half-way is a bridge, not a valley


def histograms(figure: go.Figure, labels: np.ndarray) -> None:
    """The four labels (N, 4) in the first row."""
    for column, (name, values) in enumerate(zip(LABELS, labels.T, strict=True), 1):
        figure.add_trace(go.Histogram(x=values, nbinsx=60, marker_color="#4477aa"), 1, column)
        figure.update_xaxes(title_text=STELLAR[name].axis_title, row=1, col=column)


def diagrams(figure: go.Figure, labels: np.ndarray) -> None:
    """Kiel diagram coloured by [M/H] and abundance plane coloured by density, in the second row."""
    teff, logg, mh, alphafe = labels.T
    points = {"size": 2, "color": mh, "colorscale": "Viridis", "cmin": -1.2, "cmax": 0.4}
    figure.add_trace(go.Scattergl(x=teff, y=logg, mode="markers", marker=points), 2, 1)
    count, edges_mh, edges_alphafe = np.histogram2d(mh, alphafe, bins=(120, 70))
    density = np.log10(np.where(count > 0, count, np.nan)).T
    heatmap = go.Heatmap(
        x=centres(edges_mh), y=centres(edges_alphafe), z=density, colorscale="Viridis", showscale=False
    )
    figure.add_trace(heatmap, 2, 3)
    for column, (x, y) in ((1, ("teff", "logg")), (3, ("mh", "alphafe"))):
        for update, name in ((figure.update_xaxes, x), (figure.update_yaxes, y)):
            direction = "reversed" if STELLAR[name].reversed_axis else True
            update(title_text=STELLAR[name].axis_title, autorange=direction, row=2, col=column)


def centres(edges: np.ndarray) -> np.ndarray:
    """The middle of each bin."""
    return (edges[1:] + edges[:-1]) / 2


def sequences(labels: np.ndarray) -> tuple[float, float, float]:
    """Centres [dex] of the two sequences of [α/Fe] near [M/H] = -0.5, and how full the valley between is.

    labels: (N, 4). The valley: stars within 0.02 dex of the middle, over those at the poorer of the two
    centres; 1 where the Bayesian information criterion does not clearly prefer two sequences to one.
    """
    alphafe = labels[np.abs(labels[:, 2] - NEAR_MH) < HALF_WIDTH, 3:]
    one, two = (GaussianMixture(n, random_state=0).fit(alphafe) for n in (1, 2))
    low, high = np.sort(two.means_[:, 0])
    middle, *sides = [(np.abs(alphafe - centre) < 0.02).sum() for centre in ((low + high) / 2, low, high)]
    valley = middle / max(min(sides), 1) if two.bic(alphafe) < one.bic(alphafe) - CLEARLY else 1.0
    return float(low), float(high), float(valley)


def draw(labels: np.ndarray) -> go.Figure:
    """Histograms above, diagrams below, of labels (N, 4)."""
    layout = [[{}] * 4, [{"colspan": 2}, None, {"colspan": 2}, None]]
    figure = make_subplots(2, 4, specs=layout, row_heights=[0.35, 0.65], vertical_spacing=0.12)
    histograms(figure, labels)
    diagrams(figure, labels)
    title = f"Mock reference sample, {len(labels):,} stars"
    return figure.update_layout(
        title=title, showlegend=False, template="plotly_white", width=1400, height=900
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the mock reference sample.")
    parser.add_argument("--stars", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path("mock.html"), help=".html, or .png where kaleido is installed"
    )
    arguments = parser.parse_args()
    labels = population.labels(arguments.seed, np.arange(arguments.stars))
    figure = draw(labels)
    if arguments.out.suffix == ".html":
        write_text(arguments.out, figure.to_html(include_plotlyjs=True))
    else:
        write_bytes(arguments.out, figure.to_image(format=arguments.out.suffix.removeprefix(".")))
    print(f"{arguments.stars} stars -> {arguments.out}")
    low, high, valley = sequences(labels)
    print(
        f"[α/Fe] near [M/H] = {NEAR_MH:g}: sequences at {low:.2f} and {high:.2f} dex, "
        f"{valley:.0%} as many stars between them"
    )
    if valley > VALLEY:
        raise SystemExit("[α/Fe] is not bimodal: the mock has lost the survey's two sequences")


if __name__ == "__main__":
    main()
