"""The words of a verdict, and the sentence with numbers behind each of them.

Shapes: N stars.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..io.normalised import Continuum, poorly_normalised
from ..parameters import STELLAR
from .deviations import Deviations
from .line_shift import AIR_KMS
from .region import beyond_grid

NORMAL, NOISY, ACTIVE = "ordinary", "noisy", "active chromosphere"
COMPOSITE, OUTSIDE = "composite or fast rotator", "outside the sample"
WORDS = (NORMAL, NOISY, ACTIVE, COMPOSITE, OUTSIDE)

UNUSUAL = 0.95  # the score above which a star is not called ordinary
TELLING = 0.1  # probability over its weight below which a measure can be the cause of a high score
FAR = 1e-3  # probability below which a misfit is far outside
EXPLAINED = 0.3  # of the excess of chi², so that a second spectrum is its cause
PIXELS = 750  # used in a fit, about
PULL = 5.0  # errors by which a fit would go on beyond the limits of the grid
KNOWN_ROTATION_KMS = 25.0  # models know up to 20
FAINT_SNR = 15.0  # below, noise hides most of what could be unusual
AT_REST_KMS = 6.0  # a shift beyond this is to be corrected ...
KNOWN_SHIFT_KMS = 1.5  # ... if it is four times what ordinary stars have, its own error included
FAST_KMS = 50.0  # a shift that two stars around one centre hardly have
AIR_WITHIN_KMS = 8.0  # of the shift that wavelengths in air have
TO_REST = "move it to rest with --shift auto or on the page Parameters"


class Verdict(NamedTuple):
    """word: one of WORDS.  reason: a sentence.  outside: beyond what models know."""

    word: str
    reason: str
    outside: bool


@dataclass(frozen=True, eq=False)
class Usual:
    """Of ordinary stars of the same S/N and kind, (N,) each.

    misfit, worst_misfit: median and 95 % of chi².  core: median excess of the Ca II cores.  rotation: 95 %.
    tilt, level: by which hardly any continuum rises or falls, or lies above or below 1.
    """

    misfit: np.ndarray
    worst_misfit: np.ndarray
    core: np.ndarray
    rotation: np.ndarray
    tilt: np.ndarray
    level: np.ndarray


@dataclass(frozen=True, eq=False)
class Cases:
    """All that a verdict rests on.

    rare: probability that an ordinary star has a larger deviation, by measure (N,).  weights: of the
    measures.  score: (N,).  within: (S, 4) labels of some ordinary stars.
    """

    found: Deviations
    rare: Mapping[str, np.ndarray]
    weights: Mapping[str, float]
    score: np.ndarray
    usual: Usual
    within: np.ndarray

    def unusual(self, row: int) -> bool:
        """Whether a star is not called ordinary."""
        return bool(self.score[row] > UNUSUAL)

    def telling(self, measure: str, row: int) -> bool:
        """Whether a star is unusual, and for this measure."""
        return self.unusual(row) and self.rarer(measure, row, TELLING * self.weights[measure])

    def rarer(self, measure: str, row: int, limit: float) -> bool:
        """Whether a probability is known and below a limit."""
        return bool(self.rare[measure][row] < limit)


def verdict(cases: Cases, row: int) -> Verdict:
    """The verdict on the star in this row."""
    far = cases.rarer("misfit", row, FAR)
    broad = bool(cases.found.rotation_least[row] > KNOWN_ROTATION_KMS)
    if text := _second(cases, row) or _rotation(cases, row):
        # the mean of two stars may move by itself
        frame = preparation(cases, row) if abs(cases.found.velocity_kms[row]) > FAST_KMS else ""
        both = f"{text}; {frame}" if frame else text
        return Verdict(COMPOSITE, with_odds(both, cases.score[row]), far or broad or bool(frame))
    if text := _local(cases, row) or _noise(cases, row):
        return Verdict(NOISY, with_odds(text, cases.score[row]), far)
    if far:
        return Verdict(OUTSIDE, _edge(cases, row) or _misfit(cases, row), True)
    if text := _edge(cases, row) or preparation(cases, row):
        return Verdict(OUTSIDE, text, True)
    if text := _core(cases, row):
        return Verdict(ACTIVE, with_odds(text, cases.score[row]), False)
    if cases.unusual(row):
        return Verdict(NOISY, with_odds(_misfit(cases, row), cases.score[row]), False)
    if cases.found.snr[row] < FAINT_SNR:
        text = f"S/N {cases.found.snr[row]:.0f} per pixel: noise hides most of what could be unusual"
        return Verdict(NOISY, text, False)
    return Verdict(NORMAL, _ordinary(cases, row), False)


# --- causes ---


def _second(cases: Cases, row: int) -> str:
    """A second spectrum, where it explains much of the misfit."""
    found = cases.found
    chi2, gain = found.chi2[row], found.second[row] * found.chi2[row] / PIXELS
    if not cases.telling("second", row) or gain < EXPLAINED * (chi2 - cases.usual.misfit[row]):
        return ""
    share = f"about {100 * np.clip(found.second_share[row], 0.01, 0.99):.0f} % of the light"
    return (
        f"a second spectrum at {found.second_kms[row]:+.0f} km/s with {share} lowers chi² from {chi2:.2f} to "
        f"{chi2 - gain:.2f}"
    )


def _rotation(cases: Cases, row: int) -> str:
    """Lines that are too broad, where the misfit is not much rarer than that."""
    rare = float(cases.rare["rotation"][row])
    if not cases.telling("rotation", row) or cases.rarer("misfit", row, rare / 10):
        return ""
    return (
        f"its lines are as broad as a rotation of {cases.found.rotation_kms[row]:.0f} km/s makes them "
        f"(ordinary: below {cases.usual.rotation[row]:.0f}): a fast rotator, two stars close in velocity, "
        "or a lower resolution"
    )


def _core(cases: Cases, row: int) -> str:
    """Ca II cores that are filled in, where the misfit is not as rare."""
    rare = float(cases.rare["core"][row])
    if not cases.telling("core", row) or cases.rarer("misfit", row, min(rare, FAR)):
        return ""
    filled = cases.found.core[row] - cases.usual.core[row]
    return (
        f"the cores of the Ca II triplet are filled by {filled:.2f} of the continuum more than those of "
        "a star without activity"
    )


def _noise(cases: Cases, row: int) -> str:
    """Residuals that scatter from pixel to pixel as much as over all."""
    if not cases.telling("misfit", row) or cases.telling("structure", row):
        return ""
    times = np.sqrt(cases.found.chi2[row] / cases.usual.misfit[row])
    return (
        f"its residuals scatter {times:.1f} times as much as the flux errors say, evenly along the spectrum: "
        "the errors are too small"
    )


def _local(cases: Cases, row: int) -> str:
    """A few pixels that deviate in an otherwise good fit."""
    found = cases.found
    if not cases.telling("local", row) or found.trimmed[row] > cases.usual.worst_misfit[row]:
        return ""
    return (
        f"a deviation of {found.local_depth[row]:+.2f} of the continuum at {found.local_nm[row]:.2f} nm in "
        "an otherwise good fit: a cosmic-ray hit, another artefact, or a line that the synthetic spectra lack"
    )


# --- beyond what models know ---


def _edge(cases: Cases, row: int) -> str:
    """A best fit at the edge of the synthetic spectra that would go on, or one beyond them."""
    labels, pull = cases.found.labels[row], cases.found.pull[row]
    if (pull > PULL).any():
        j = int(pull.argmax())
        where = f"cn = {labels[j]:.1f}"
        if j < len(STELLAR):
            label = list(STELLAR.values())[j]
            where = f"{label.plain} = {label.format(labels[j])}"
        return f"its best fit ends at the edge of the synthetic spectra, {where}, and would go on"
    errors = cases.found.label_errors[row]
    if beyond_grid(labels[None, :4], errors[None, :4], cases.within)[0]:
        values = (f"{p.plain} {p.format(v)}" for p, v in zip(STELLAR.values(), labels, strict=False))
        return f"its best fit ({', '.join(values)}) lies beyond the synthetic spectra"
    return ""


def preparation(cases: Cases, row: int) -> str:
    """A spectrum that is not at rest, not in vacuum or not normalised."""
    found, usual = cases.found, cases.usual
    if is_shifted(found.velocity_kms[row], found.velocity_error[row]):
        return shift_text(found.velocity_kms[row], found.velocity_error[row])
    continuum = Continuum(float(found.level[row]), float(found.tilt[row]))
    return poorly_normalised(continuum, float(usual.level[row]), float(usual.tilt[row]))


def is_shifted(velocity_kms: np.ndarray | float, error_kms: np.ndarray | float) -> np.ndarray:
    """(N,) true for shifts that are to be corrected; a shift that is not known is none."""
    limit = np.maximum(AT_REST_KMS, 4 * np.hypot(KNOWN_SHIFT_KMS, np.nan_to_num(error_kms)))
    return np.nan_to_num(np.abs(velocity_kms)) > limit


def shift_text(velocity_kms: float, error_kms: float) -> str:
    """A shift with its error, what it looks like, and what to do."""
    error = f" ± {error_kms:.1f}" if np.isfinite(error_kms) else ""
    said = f"its lines are shifted by {velocity_kms:+.1f}{error} km/s"
    if abs(velocity_kms - AIR_KMS) < AIR_WITHIN_KMS:
        return f"{said}, as wavelengths in air are: convert them to vacuum, or {TO_REST}"
    return f"{said}: {TO_REST}"


def _misfit(cases: Cases, row: int) -> str:
    found, worst = cases.found, cases.usual.worst_misfit[row]
    return (
        f"even the best synthetic spectrum has chi² {found.chi2[row]:.2f}; that of 19 in 20 ordinary stars "
        f"of S/N {found.snr[row]:.0f} is below {worst:.2f}"
    )


def _ordinary(cases: Cases, row: int) -> str:
    found = cases.found
    return (
        f"a synthetic spectrum fits it with chi² {found.chi2[row]:.2f} at S/N {found.snr[row]:.0f}, and "
        "nothing stands out"
    )


def score_text(score: float) -> str:
    """A score with as many digits as it takes to see that it is not 1: 0.42, 0.98, 0.9993."""
    if not score > 0.985:
        return f"{score:.2f}"
    digits = min(int(np.ceil(-np.log10(1 - score))) + 1, 6) if score < 1 else 6
    return f"{min(score, 0.999999):.{digits}f}"


def chi2_text(chi2: float) -> str:
    """A reduced chi² as it is shown: `unknown` without flux errors."""
    return f"{chi2:.2f}" if np.isfinite(chi2) else "unknown"


def with_odds(text: str, score: float) -> str:
    """The text, and how many ordinary stars are as unusual."""
    one_in = 1 / max(1 - float(score), 1e-6)
    rounded = round(one_in, -max(int(np.log10(one_in)) - 1, 0))
    return f"{text} (1 in {rounded:,.0f} ordinary stars is as unusual)"
