"""Why a number in a table of predictions is missing or doubtful, as one integer of bits. Shapes: N stars."""

from typing import NamedTuple

import numpy as np

from .predictions import Predictions
from .reasons import ACTIVE, COMPOSITE, NOISY, UNUSUAL, is_shifted


class Flag(NamedTuple):
    """A bit of the column `flags`: its value, what it says of a star, and of which number."""

    value: int
    name: str
    meaning: str


FLAGS = (
    Flag(1, "outside", "the star lies beyond what the model knows: its errors are lower limits"),
    Flag(2, "no label", "a label is missing: the model cannot read it, or not from this spectrum"),
    Flag(4, "no error", "the error of a label is missing, though the label is not"),
    Flag(8, "no fit", "chi2 is missing: the errors of the flux are unknown"),
    Flag(
        16, "no verdict", "score and verdict are missing: not asked for, or the model has nothing to judge by"
    ),
    Flag(32, "no velocity", "the shift of the lines is missing: not asked for, or not measurable"),
    Flag(64, "shifted", "the star is not at rest: its labels are doubtful"),
    Flag(128, "unusual", "the outlier score is above 0.95"),
    Flag(256, "noisy", "too noisy for a verdict of its own: an unusual star would not be noticed"),
    Flag(512, "active", "the star looks active: Ca II cores are filled, labels may follow them"),
    Flag(1024, "composite", "two stars, or a fast rotator: labels are those of neither"),
)


def flags_of(found: Predictions) -> np.ndarray:
    """(N,) the sums of the flags that hold, as 32-bit integers."""
    values, errors = np.isnan(found.values), np.isnan(found.errors)
    holds = {
        "outside": found.outside,
        "no label": values.any(axis=1),
        "no error": (errors & ~values).any(axis=1),
        "no fit": np.isnan(found.chi2),
        "no verdict": np.isnan(found.outlier_score),
        "no velocity": np.isnan(found.velocity_kms),
        "shifted": is_shifted(found.velocity_kms, found.velocity_kms_error),
        "unusual": np.nan_to_num(found.outlier_score) > UNUSUAL,
        "noisy": found.verdict == NOISY,
        "active": found.verdict == ACTIVE,
        "composite": found.verdict == COMPOSITE,
    }
    bits = np.zeros(len(found), np.int32)
    for flag in FLAGS:
        bits[holds[flag.name]] |= flag.value
    return bits
