"""Classes of stars drawn by plain cuts in parameter planes, and how well predictions reproduce them.

Shapes: N stars.
"""

from collections.abc import Callable

import numpy as np

GIANT_LOGG = 3.5  # below: giants and the upper subgiant branch, as in the calibrations of APOGEE
HALO_MH = -1.0  # below: halo, whatever [α/Fe]
# above alphafe = .05 − .20·mh: thick disc; the gap between the two sequences
THICK_ALPHAFE, THICK_SLOPE = 0.05, -0.20


def stage(labels: dict[str, np.ndarray]) -> np.ndarray:
    """(N,) `dwarf` or `giant` by logg alone."""
    return np.where(labels["logg"] < GIANT_LOGG, "giant", "dwarf")


def population(labels: dict[str, np.ndarray]) -> np.ndarray:
    """(N,) `thin disc`, `thick disc` or `halo` by mh and alphafe alone (paper, Figs. 5 and 10)."""
    mh, alphafe = labels["mh"], labels["alphafe"]
    disc = np.where(alphafe > THICK_ALPHAFE + THICK_SLOPE * mh, "thick disc", "thin disc")
    return np.where(mh < HALO_MH, "halo", disc)


SCHEMES: dict[
    str, tuple[tuple[str, ...], Callable[[dict[str, np.ndarray]], np.ndarray], tuple[str, ...], str]
] = {
    "dwarf_giant": (("logg",), stage, ("dwarf", "giant"), f"giant: logg < {GIANT_LOGG}"),
    "population": (
        ("mh", "alphafe"),
        population,
        ("thin disc", "thick disc", "halo"),
        f"halo: mh < {HALO_MH}; else thick disc: alphafe > {THICK_ALPHAFE} − {-THICK_SLOPE}·mh",
    ),
}


def class_scores(predicted: np.ndarray, true: np.ndarray, names: tuple[str, ...]) -> dict[str, dict]:
    """Completeness and purity of each class of each scheme whose labels are there.

    predicted, true: (N, P) labels; a star lacking one of a scheme's labels does not count. Completeness: the
    share of a true class that is predicted as such; purity: the share of a predicted class that is true; None
    where the class is empty.
    """
    found = {}
    for scheme, (needed, classify, members, rule) in SCHEMES.items():
        if set(needed) <= set(names):
            columns = [names.index(n) for n in needed]
            known = np.isfinite(predicted[:, columns]).all(1) & np.isfinite(true[:, columns]).all(1)
            guess, truth = (
                classify(dict(zip(needed, v[known][:, columns].T, strict=True))) for v in (predicted, true)
            )
            found[scheme] = {"rule": rule, "classes": {m: _scores(guess == m, truth == m) for m in members}}
    return found


def _scores(guess: np.ndarray, truth: np.ndarray) -> dict[str, float | int | None]:
    both = int((guess & truth).sum())
    share = lambda whole: both / int(whole) if whole else None  # noqa: E731
    return {"completeness": share(truth.sum()), "purity": share(guess.sum()), "stars": int(truth.sum())}
