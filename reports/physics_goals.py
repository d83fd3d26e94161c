"""The second table of docs/results.md: goals on real stars, on other physics, and on points kept back."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gandalf_core.parameters import LABELS, parameter

from .foundations import GOALS as KEPT_BACK
from .markdown import number, plain, table
from .real_stars import pulls, width_ratio

Row = list[str]
Stored = dict[str, Any]
SUN = {"teff": ("60 K", "30 K"), "logg": (".1", ".05"), "mh": (".05", ".03"), "alphafe": (".05", ".03")}
KEPT_BACK_MOONSHOTS = {"teff": 30.0, "logg": 0.08, "mh": 0.04, "alphafe": 0.03}
GIANT = "HD176650"


def physics_goals_table(real: Stored, foundations: Stored, scores: Stored, coverage: Stored) -> str:
    """The table under its heading; rows only of what was measured."""
    rows = [*kept_back_rows(foundations), *real_star_rows(real), *score_rows(real, scores)]
    rows += [*coverage_rows(coverage), *nature_rows(foundations)]
    head = ["", "reached", "goal", "moonshot"]
    return "## Goals: real stars and other physics\n\n" + table(head, rows) if rows else ""


def kept_back_rows(foundations: Stored) -> Iterator[Row]:
    """The largest median error of each label over the thirds of [M/H], and the share outside."""
    thirds = foundations.get("kept-back", {}).get("thirds", [])
    if not thirds:
        return
    for n in LABELS:
        worst = max((third["median"][n] for third in thirds), key=abs)
        goals = (f"≤ {limits[n]:g}" for limits in (KEPT_BACK, KEPT_BACK_MOONSHOTS))
        what = rf"points kept back, S/N 100: median error of {plain(n)} in the worst third of \[M/H\]"
        yield [what, f"{worst:+.{parameter(n).decimals}f}", *goals]
    outside = max(third["outside"] for third in thirds)
    yield ["the same: share called outside", f"{outside:.1%}", "≤ 30 %", "-"]


def real_star_rows(real: Stored) -> Iterator[Row]:
    """Labels within their errors, the Sun, and a giant that is rich in CN."""
    if not real:
        return
    sigma = np.abs(pulls(real))
    reached = f"{np.mean(sigma <= 2):.0%} of {len(sigma)}, the farthest at {sigma.max():.1f} σ"
    yield ["real stars: labels within 2 σ of the literature", reached, "≥ 90 %, none beyond 3 σ", "all"]
    what = "real stars: claimed errors over those of simulated stars of the same S/N"
    yield [what, f"at most {width_ratio(real):.2f}", "≤ 1.5", "≤ 1.2"]
    for n, (goal, moonshot) in SUN.items():
        error = real["Sun"]["predicted"][n] - real["Sun"]["literature"][n][0]
        yield [f"the Sun: error of {plain(n)}", f"{error:+.{parameter(n).decimals}f}", goal, moonshot]
    giant = np.abs(pulls({GIANT: real[GIANT]})).max()
    yield [f"{GIANT}: Teff and log g, in σ", f"{giant:.1f}", "≤ 1.5", "-"]
    yield [f"{GIANT}: chi²", number(real[GIANT]["predicted"]["chi2"], 2), "≤ 2", "-"]


def score_rows(real: Stored, scores: Stored) -> Iterator[Row]:
    """Scores of ordinary real stars, and of simulated ones under wrong physics."""
    if real:
        highest = max(star["predicted"]["outlier_score"] for star in real.values())
        yield ["outlier score of ordinary real stars, the highest", number(highest, 2), "< .95", "< .8"]
    if scores:
        wrong = scores["wrong"]
        ordinary = f"{wrong['ordinary']['unusual']:.1%}"
        yield ["score above .95 under wrong physics: ordinary stars", ordinary, "≤ 5 %", "-"]
        for kind, words in (("binaries", "binaries"), ("active", "active stars")):
            found = f"{wrong[kind]['unusual']:.1%}"
            yield [f"score above .95 under wrong physics, S/N > 60: {words}", found, "≥ 80 %", "-"]


def coverage_rows(coverage: Stored) -> Iterator[Row]:
    """The least and the greatest share that 68 % intervals of the plain model hold in any bin."""
    by_source = coverage.get("models", {}).get("autoencoder", {})
    for source, found in by_source.items():
        for physics, goal, moonshot in (("right", ".62-.74", "-"), ("wrong", ".58-.80", ".62-.74")):
            bins = found["held"][f"{physics} 0.6827"].values()
            shares = [row[n] for rows in bins for row in rows for n in LABELS if n in row]
            what = f"share that 68 % intervals hold in any bin under {physics} physics, from the {source}"
            yield [what, f"{min(shares):.2f} to {max(shares):.2f}", goal, moonshot]


def nature_rows(foundations: Stored) -> Iterator[Row]:
    """The sliders of the generator on stars of another nature than it was trained on."""
    for n, error in foundations.get("natures", {}).get("wrong", {}).get("sliders", {}).items():
        what = f"`generator`: error of the {plain(n)} slider on stars of nature b, which it never saw"
        yield [what, number(error), "-", "-"]
