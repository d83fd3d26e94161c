"""What kind of star it looks like: a score that grades, a word, and a sentence that says why.

Where the spectra are those of the simulator's instrument the verdict rests on the best physical fit
(`physical_fit`, `deviations`) and is the same whatever model is asked; `own_verdicts` is for all others.
Shapes: N stars, L pixels, P labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from ..data.spectra import SpectraSet
from ..errors import ModelError
from ..io import rebin
from ..places import data_folder
from ..simulator.grids import PIXELS_800
from . import reasons
from .deviations import Deviations, deviations
from .ordinary import Ordinary
from .physical_fit import templates
from .reasons import OUTSIDE

ORDINARY_FILE = data_folder() / "ordinary_stars.npz"
COARSEST_NM = 0.035  # of a grid on which the physical fit is made
LEAST_SHARE = 0.6  # of PIXELS_800 that a grid must cover
# the measures in the score, by how readily each makes a star unusual: activity differs from star to star by
# nearly as much as makes an active star, so it has more than half of all
SCORED = {"core": 0.6, "second": 0.1, "rotation": 0.1, "misfit": 0.07, "structure": 0.07, "local": 0.06}
CONTINUUM = {"tilt": 0.0, "level": 0.0}  # measures of how a spectrum was normalised, which are no part of it
DWARF_LOGG = (3.2, 3.8)  # between them a star counts in part as a giant, in part as a dwarf


@dataclass(frozen=True, eq=False)
class Verdicts:
    """The verdict on N stars, (N,) each.

    score: 0-1, the share of ordinary stars that are less unusual; NaN where it is not known.  word: one of
    `reasons.WORDS`.  reason: a sentence.  outside: beyond what models know.  velocity_kms, velocity_error: by
    which the lines lie to the red.  preparation: what is wrong with how the spectrum was prepared, "" for
    nothing: not at rest, not in vacuum, not normalised.  parts: share of ordinary stars
    that are less unusual in each measure.
    labels, label_errors: (N, 4) of the best physical fit, NaN where there is none.
    """

    score: np.ndarray
    word: np.ndarray
    reason: np.ndarray
    outside: np.ndarray
    velocity_kms: np.ndarray
    velocity_error: np.ndarray
    preparation: np.ndarray
    parts: Mapping[str, np.ndarray] = field(default_factory=dict)
    labels: np.ndarray | None = None
    label_errors: np.ndarray | None = None

    def put_outside(self, rows: np.ndarray, texts: Mapping[int, str]) -> "Verdicts":
        """The same with more stars (N, bool) outside, for the reason given for each of these rows.

        What a star was found to be beside that stays its word.
        """
        new = rows & ~self.outside
        reason, word = self.reason.astype(object), self.word.astype(object)
        for row in np.flatnonzero(new):
            plain = word[row] in (reasons.NORMAL, reasons.NOISY, "")
            reason[row] = texts[int(row)] if plain else f"{reason[row]}; {texts[int(row)]}"
            word[row] = OUTSIDE if plain else word[row]
        return replace(self, outside=self.outside | rows, reason=reason.astype(str), word=word.astype(str))


def no_verdicts(n: int, reason: str = "") -> Verdicts:
    """That nothing is known of N stars, for a reason."""
    unknown, blank = np.full(n, np.nan), np.full(n, "")
    return Verdicts(unknown, blank, np.full(n, reason), np.zeros(n, bool), unknown, unknown, blank)


def is_physical(wavelength_nm: np.ndarray) -> bool:
    """Whether spectra on a grid (L,) can be fitted with the simulator's: its range, and pixels as fine."""
    step = float(np.median(np.diff(wavelength_nm)))
    covered = np.interp(PIXELS_800, wavelength_nm[[0, -1]] + [-step, step], [1.0, 1.0], 0.0, 0.0)
    return step <= COARSEST_NM and bool(covered.mean() >= LEAST_SHARE)


def physical_verdicts(stars: SpectraSet) -> Verdicts:
    """The verdict on stars by their best physical fits. Raises ModelError where the reference is missing."""
    found = physical_deviations(stars)
    classes = classes_of(found)
    measures, snr = measures_of(found, np.isfinite(stars.mean_error)), found.snr
    ordinary = ordinary_stars()
    rareness = ordinary.rareness(measures, snr, classes)
    score = ordinary.score(rareness, snr, classes)
    usual = reasons.Usual(
        misfit=np.exp(ordinary.quantile("misfit", snr, classes, 0.5)),
        worst_misfit=np.exp(ordinary.quantile("misfit", snr, classes, 0.95)),
        core=ordinary.quantile("core", snr, classes, 0.5),
        rotation=ordinary.quantile("rotation", snr, classes, 0.95),
        tilt=ordinary.quantile("tilt", snr, classes, 1 - reasons.FAR),
        level=ordinary.quantile("level", snr, classes, 1 - reasons.FAR),
    )
    cases = reasons.Cases(found, rareness, SCORED, score, usual, templates()[0][:, :4])
    verdicts = [reasons.verdict(cases, row) for row in range(len(found))]
    return Verdicts(
        score=score,
        word=np.array([v.word for v in verdicts], str),
        reason=np.array([v.reason for v in verdicts], str),
        outside=np.array([v.outside for v in verdicts], bool),
        velocity_kms=found.velocity_kms,
        velocity_error=found.velocity_error,
        preparation=np.array([reasons.preparation(cases, row) for row in range(len(found))], str),
        parts={name: 1 - rare for name, rare in rareness.items()},
        labels=found.labels[:, :4],
        label_errors=found.label_errors[:, :4],
    )


def physical_deviations(stars: SpectraSet) -> Deviations:
    """How stars on any such grid deviate from their best fits; errors that are unknown are estimated."""
    pixels = rebin(stars, PIXELS_800)
    flux = np.where(pixels.mask, 1.0, pixels.flux).astype(float)
    error = np.full(flux.shape, np.nan)
    if pixels.flux_error is not None:
        error = np.where(pixels.flux_error > 0, pixels.flux_error, np.nan).astype(float)
    return deviations(flux, error, pixels.mask)


def measures_of(found: Deviations, with_errors: np.ndarray | bool = True) -> dict[str, np.ndarray]:
    """What is compared with ordinary stars, (N,) each; of a star without errors the misfit says nothing."""
    misfit = np.log(found.chi2)
    return {
        "misfit": np.where(with_errors, misfit, np.nan),
        # errors that are too large, as those of a spectrum without noise, make no structure
        "structure": misfit - 2 * np.log(np.maximum(found.roughness, found.expected_roughness)),
        "local": np.log(found.local),
        "core": found.core,
        "second": np.log1p(found.second),
        "rotation": found.rotation_kms,
        "tilt": np.abs(found.tilt),
        "level": np.abs(found.level - 1),
    }


def classes_of(found: Deviations) -> np.ndarray:
    """(N, 2) how much of a dwarf and of a giant each star is."""
    low, high = DWARF_LOGG
    dwarf = np.clip((found.labels[:, 1] - low) / (high - low), 0, 1)
    return np.stack([dwarf, 1 - dwarf], 1)


@cache
def ordinary_stars() -> Ordinary:
    """What is ordinary among simulated stars of both natures; made by scripts/ordinary_stars.py."""
    if not ORDINARY_FILE.exists():
        cure = "restore it from the repository or run scripts/ordinary_stars.py"
        raise ModelError(f"{ORDINARY_FILE} is missing: {cure}")
    with np.load(ORDINARY_FILE, allow_pickle=False) as stored:
        return Ordinary(**{name: stored[name] for name in stored.files})
