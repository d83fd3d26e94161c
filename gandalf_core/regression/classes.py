"""Classes of stars, drawn by plain cuts in their labels, and how well predictions reproduce them.

Shapes: N stars, P labels.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

GIANT_LOGG = 3.5  # below: giants and the upper subgiant branch, as in the calibrations of APOGEE
HALO_MH = -1.0  # below: halo, whatever [α/Fe]
# above alphafe = .05 − .20·mh: thick disc; the line runs in the gap between the two sequences
THICK_ALPHAFE, THICK_SLOPE = 0.05, -0.20


def stage(labels: dict[str, np.ndarray]) -> np.ndarray:
    """(N,) `dwarf` or `giant` by logg alone."""
    return np.where(labels["logg"] < GIANT_LOGG, "giant", "dwarf")


def population(labels: dict[str, np.ndarray]) -> np.ndarray:
    """(N,) `thin disc`, `thick disc` or `halo` by mh and alphafe alone (paper, Figs. 5 and 10)."""
    mh, alphafe = labels["mh"], labels["alphafe"]
    disc = np.where(alphafe > THICK_ALPHAFE + THICK_SLOPE * mh, "thick disc", "thin disc")
    return np.where(mh < HALO_MH, "halo", disc)


class Scheme(NamedTuple):
    """One way to class stars: the labels it needs, the function of them, its classes, its rule in words."""

    labels: tuple[str, ...]
    classify: Callable[[dict[str, np.ndarray]], np.ndarray]
    classes: tuple[str, ...]
    rule: str


SCHEMES = {
    "dwarf_giant": Scheme(("logg",), stage, ("dwarf", "giant"), f"giant: logg < {GIANT_LOGG}"),
    "population": Scheme(
        ("mh", "alphafe"),
        population,
        ("thin disc", "thick disc", "halo"),
        f"halo: mh < {HALO_MH}; else thick disc: alphafe > {THICK_ALPHAFE} − {-THICK_SLOPE}·mh",
    ),
}


def class_scores(predicted: np.ndarray, true: np.ndarray, names: tuple[str, ...]) -> dict[str, dict]:
    """Completeness and purity of each class, for every scheme whose labels are among `names`.

    predicted, true: (N, P) labels; a star without one of a scheme's labels does not count. Completeness: the
    share of a true class that is predicted as such; purity: the share of a predicted class that is true; None
    where the class is empty.
    """
    return {
        key: {"rule": scheme.rule, "classes": _scheme_scores(scheme, predicted, true, names)}
        for key, scheme in SCHEMES.items()
        if set(scheme.labels) <= set(names)
    }


def _scheme_scores(
    scheme: Scheme, predicted: np.ndarray, true: np.ndarray, names: tuple[str, ...]
) -> dict[str, dict[str, float | int | None]]:
    columns = [names.index(name) for name in scheme.labels]
    predicted, true = predicted[:, columns], true[:, columns]
    finite = np.isfinite(predicted).all(1) & np.isfinite(true).all(1)
    guess, truth = (
        scheme.classify(dict(zip(scheme.labels, values[finite].T, strict=True)))
        for values in (predicted, true)
    )
    return {member: _class_score(guess == member, truth == member) for member in scheme.classes}


def _class_score(guess: np.ndarray, truth: np.ndarray) -> dict[str, float | int | None]:
    """Of one class; guess, truth: (N,) bool, predicted and true members."""
    both, predicted, true = int((guess & truth).sum()), int(guess.sum()), int(truth.sum())
    return {
        "completeness": both / true if true else None,
        "purity": both / predicted if predicted else None,
        "stars": true,
    }
