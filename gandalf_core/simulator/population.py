"""A mock of the reference sample of Manteiga et al. 2025, section 3: 64,305 stars of APOGEE and GALAH.

Not a model of the Galaxy: simple analytic isochrones in (teff, logg) that move with age and [M/H], and the
[α/Fe]-[M/H] sequences of thin disc, thick disc and halo, so that the Kiel and abundance diagrams look like
those of the survey (54,422 stars of APOGEE and 9,883 of GALAH, 8 ≤ G ≤ 14). Shapes: N stars.
"""

from collections.abc import Callable

import numpy as np

from ..parameters import LABELS, STELLAR
from . import streams
from .emulator import BOX, inside

COMPONENTS = ("thin disc", "thick disc", "halo")
STAGES = ("main sequence", "subgiant", "red-giant branch", "red clump")
COMPONENT_SHARE = np.array([0.73, 0.23, 0.04])
# of each component
STAGE_SHARE = np.array([[0.29, 0.11, 0.32, 0.28], [0.24, 0.13, 0.43, 0.20], [0.12, 0.10, 0.70, 0.08]])
MH_MEAN, MH_SPREAD = np.array([-0.08, -0.48, -1.35]), np.array([0.22, 0.24, 0.45])
AGE_RANGE_GYR = np.array([[0.8, 9.0], [8.0, 12.5], [10.0, 13.0]])
ALPHA_SCATTER = np.array([0.032, 0.038, 0.055])
TEFF_SCATTER, LOGG_SCATTER = 45.0, 0.04
LIMITS = np.array([[STELLAR[name].low for name in LABELS], [STELLAR[name].high for name in LABELS]])
ROUNDS = 200  # of redrawing the stars that fell outside; a few dozen are enough
# mock: the reference sample. uniform: everywhere in the emulator's region. wide: mock, but for one in TWELVE,
# so that of the four fifths that train a tenth is dealt uniformly and stars off the sequences are known too.
DEALT = ("mock", "uniform", "wide")
TWELVE = 12


def classes(seed: int, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) component and (N,) evolutionary stage of the stars k, as indices into COMPONENTS and STAGES."""
    component = np.searchsorted(
        COMPONENT_SHARE.cumsum()[:-1], streams.uniform(seed, "component", k), side="right"
    )
    stage = (streams.uniform(seed, "stage", k)[:, None] > STAGE_SHARE[component].cumsum(1)[:, :-1]).sum(1)
    return component, stage


def components(n: int, seed: int = 0) -> np.ndarray:
    """(N,) name of the Galactic component of each of the first n stars of `seed`."""
    return np.array(COMPONENTS)[classes(seed, np.arange(n))[0]]


def stages(n: int, seed: int = 0) -> np.ndarray:
    """(N,) name of the evolutionary stage of each of the first n stars of `seed`."""
    return np.array(STAGES)[classes(seed, np.arange(n))[1]]


def is_uniform(dealt: str, k: np.ndarray) -> np.ndarray:
    """(N,) true for the stars k whose labels are dealt uniformly."""
    return (k % TWELVE == TWELVE - 1) if dealt == "wide" else np.full(len(k), dealt == "uniform")


def dealt_labels(dealt: str, seed: int, k: np.ndarray) -> np.ndarray:
    """(N, 4) teff, logg, mh, alphafe of the stars k (N,), dealt as one of DEALT."""
    everywhere = is_uniform(dealt, k)
    out = np.empty((len(k), 4))
    for draw, here in ((labels, ~everywhere), (uniform_labels, everywhere)):
        if here.any():
            out[here] = draw(seed, k[here])
    return out


def labels(seed: int, k: np.ndarray) -> np.ndarray:
    """(N, 4) teff, logg, mh, alphafe of the stars k (N,) of the mock sample.

    They are redrawn within a star's class until they lie in the sample's ranges and the emulator's region.
    """
    component, stage = classes(seed, k)

    def propose(attempt: int, rows: np.ndarray) -> np.ndarray:
        uniform = streams.uniform(seed, f"labels {attempt}", k[rows], 4)
        normal = streams.normal(seed, f"scatter {attempt}", k[rows], 4)
        drawn = _draw(component[rows], stage[rows], uniform, normal)
        usual = ((drawn >= LIMITS[0]) & (drawn <= LIMITS[1])).all(1)
        return np.where(usual[:, None], drawn, np.nan)

    return _until_inside(len(k), propose)


def uniform_labels(seed: int, k: np.ndarray) -> np.ndarray:
    """(N, 4) teff, logg, mh, alphafe of the stars k (N,), dealt uniformly over the emulator's region."""

    def propose(attempt: int, rows: np.ndarray) -> np.ndarray:
        return BOX[0] + (BOX[1] - BOX[0]) * streams.uniform(seed, f"anywhere {attempt}", k[rows], 4)

    return _until_inside(len(k), propose)


def _until_inside(n: int, propose: Callable[[int, np.ndarray], np.ndarray]) -> np.ndarray:
    """(n, 4) the first proposal for each star that lies in the emulator's region."""
    out = np.full((n, 4), np.nan)
    todo = np.arange(n)
    for attempt in range(ROUNDS):
        if not len(todo):
            return out
        proposal = propose(attempt, todo)
        good = inside(proposal)
        out[todo[good]] = proposal[good]
        todo = todo[~good]
    raise RuntimeError(f"{len(todo)} stars have no labels inside the emulator's region after {ROUNDS} draws")


def _draw(component: np.ndarray, stage: np.ndarray, uniform: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """(N, 4) labels from uniform and normal random numbers (N, 4)."""
    mh = MH_MEAN[component] + MH_SPREAD[component] * normal[:, 0]
    young, old = AGE_RANGE_GYR[component].T
    age = young + (old - young) * uniform[:, 0]
    teff, logg = np.empty(len(mh)), np.empty(len(mh))
    for i, track in enumerate((main_sequence, subgiants, giants, clump)):
        here = stage == i
        teff[here], logg[here] = track(uniform[here, 1], mh[here], age[here])
    alphafe = alpha_sequence(component, mh, uniform[:, 2]) + ALPHA_SCATTER[component] * normal[:, 3]
    return np.stack([teff + TEFF_SCATTER * normal[:, 1], logg + LOGG_SCATTER * normal[:, 2], mh, alphafe], 1)


def alpha_sequence(component: np.ndarray, mh: np.ndarray, u: np.ndarray) -> np.ndarray:
    """(N,) mean [α/Fe] of the component at this [M/H].

    Thin disc: low, rising slowly towards the metal-poor. Thick disc: a plateau with a knee at [M/H] = -0.6.
    Halo: the plateau of stars born here, or (u < .65) the earlier knee of accreted ones.
    """
    thin = 0.01 + 0.16 * np.clip(-mh, -0.1, 0.8)
    thick = 0.27 - 0.30 * np.clip(mh + 0.6, 0, 0.75)
    accreted = 0.27 - 0.17 * np.clip(mh + 1.6, 0, 1.2)
    return np.choose(component, [thin, thick, np.where(u < 0.65, accreted, 0.30)])


def turn_off(mh: np.ndarray, age: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) teff and logg of the hottest point of the isochrone: hotter when young or metal-poor."""
    metal = np.where(mh > -1, -450 * mh, 450 - 230 * (mh + 1))
    return 5800 - 1500 * np.log10(age / 10) + metal, 4.17 + 0.08 * np.log10(age / 10)


def zero_age_logg(teff: np.ndarray, mh: np.ndarray) -> np.ndarray:
    """(N,) logg on the zero-age main sequence."""
    return 4.64 - 0.22 * np.clip((teff - 4500) / 1500, 0, 2) ** 1.3 - 0.07 * mh


def main_sequence(u: np.ndarray, mh: np.ndarray, age: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) teff and logg along the main sequence.

    As in a magnitude-limited sample, most stars lie just below the turn-off.
    """
    hot, logg_hot = turn_off(mh, age)
    teff = hot - (hot - 4450) * (1 - u**0.6)
    evolved = np.clip((teff - 4450) / np.maximum(hot - 4450, 100), 0, 1) ** 5
    return teff, zero_age_logg(teff, mh) + (logg_hot - zero_age_logg(hot, mh)) * evolved


def giant_branch(logg: np.ndarray, mh: np.ndarray, age: np.ndarray) -> np.ndarray:
    """(N,) teff of the red-giant branch at this logg: cooler when metal-rich or old."""
    metal = np.where(mh > -1, -340 * mh, 340 - 150 * (mh + 1))
    return 4600 + 480 * (logg - 2.5) - 90 * (logg - 2.5) ** 2 + metal - 120 * np.log10(age / 5)


def subgiants(u: np.ndarray, mh: np.ndarray, age: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) teff and logg on a smooth bend from the turn-off to the foot of the giant branch at logg 3.5."""
    hot, logg_hot = turn_off(mh, age)
    foot = giant_branch(np.full(len(u), 3.5), mh, age)
    a, b, c = (1 - u) ** 2, 2 * u * (1 - u), u**2  # a quadratic Bézier curve
    teff = a * hot + b * (hot - 0.15 * (hot - foot)) + c * foot
    return teff, a * logg_hot + b * (logg_hot - 0.38) + c * 3.5


def giants(u: np.ndarray, mh: np.ndarray, age: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) teff and logg on the red-giant branch, from logg 3.5 to 1.45."""
    logg = 1.45 + 2.05 * u**0.85
    return giant_branch(logg, mh, age), logg


def clump(u: np.ndarray, mh: np.ndarray, age: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) teff and logg of stars that burn helium in their core.

    The red clump, and for the youngest stars the secondary clump below it.
    """
    young = np.clip((1.6 - age) / 0.8, 0, 1)
    logg = 2.45 + 0.35 * young + 0.24 * (u - 0.5)
    return giant_branch(logg, mh, np.full(len(u), 5.0)) + 170 - 60 * np.maximum(-mh - 0.6, 0), logg
