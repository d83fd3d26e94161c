"""Sentences under a figure that depend on its numbers. Shapes: L pixels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gandalf_core.parameters import CALCIUM_CORES_NM, parameter

STRIKING = 6.0  # σ: noise does not reach this in any of 800 pixels
CORE_NM = 0.3  # on either side of a Ca II line's centre


def largest_residual(wavelength_nm: np.ndarray, residual: np.ndarray) -> str:
    """A sentence on the largest residual [σ] of a star (L,); empty where noise explains it."""
    if not np.isfinite(residual).any():
        return ""
    at = int(np.nanargmax(np.abs(residual)))
    if abs(residual[at]) < STRIKING:
        return ""
    nm = float(wavelength_nm[at])
    in_core = np.abs(nm - np.array(CALCIUM_CORES_NM)).min() <= CORE_NM
    where = ", in the core of a Ca II line, where real stars differ from the simulator's" if in_core else ""
    return f"The largest: {abs(residual[at]):.0f} σ at {nm:.1f} nm{where}."


def discriminators(sees_kept: bool, history: Sequence[Mapping[str, Any]] = ()) -> str:
    """What the curves of the discriminators show, where they ended, and what that is worth.

    sees_kept: the discriminators also see the true kept labels. history: the records of a training's epochs.
    """
    cause = (
        "the kept parameters tell more about one than about another"
        if sees_kept
        else "some of the ranges to choose from hold more stars than others"
    )
    guessing = (
        f"Dashed: guessing without the latent. That is not equally easy for all parameters, since {cause}."
    )
    return " ".join(
        filter(None, (guessing, _last_epoch(history), "A fresh probe is the real test: see Audit."))
    )


def _last_epoch(history: Sequence[Mapping[str, Any]]) -> str:
    """Each discriminator's last accuracy beside that of guessing."""
    if not history or not history[-1]["discriminator_accuracy"]:
        return ""
    last = history[-1]
    ends = (
        f"{parameter(n).in_text} {accuracy:.2f} (guessing {last['chance'][n]:.2f})"
        for n, accuracy in last["discriminator_accuracy"].items()
    )
    return f"Accuracy in the last epoch: {', '.join(ends)}."
