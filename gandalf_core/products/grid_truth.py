"""How far a grid of generated spectra is from the simulator's own. Shapes: N nodes, L pixels."""

from dataclasses import replace
from typing import Any

import numpy as np

from ..data.spectra import SpectraSet, same_grid
from ..errors import SpectraError
from ..parameters import LABELS
from ..seeds import STANDARD_SEED
from ..simulator import simulate, truth
from .grid import Grid

REFERENCE_STARS = 16  # simulated stars whose mean stands for an average star's spectrum


def compare_with_simulator(grid: Grid, star: SpectraSet | None = None) -> Grid:
    """The grid with its difference from the simulator's own spectra, where those reach.

    star: one simulated star, whose nuisances the true spectra share (give the star whose latent made the
    grid); None: the mean over simulated stars, as befits the mean latent. The result has `rms` (N,), in flux,
    NaN where the simulator does not reach, and `comparison`: the number of `nodes` compared, their `rms`,
    `median_rms`, `relative` (rms of the difference over the flux) and `relative_to_change`,
    √Σ‖generated − true‖² / √Σ‖true − mean of the true‖², which is 1 for a constant spectrum. Raises
    SpectraError for labels or a wavelength grid that the simulator does not have.
    """
    if not set(LABELS) <= set(grid.label_names) or not np.isfinite(grid.stellar_labels).all():
        raise SpectraError(f"the simulator needs {', '.join(LABELS)} of every node")
    true = true_spectra(grid, simulate(REFERENCE_STARS, seed=STANDARD_SEED) if star is None else star)
    known = np.all(np.isfinite(true), axis=1)
    difference = np.where(known[:, None], grid.flux - true, np.nan)
    rms = np.sqrt(np.square(difference).mean(1))
    return replace(grid, rms=rms, comparison=_comparison(difference[known], true[known], rms[known]))


def true_spectra(grid: Grid, stars: SpectraSet) -> np.ndarray:
    """(N, L) noise-free spectra of the nodes, the mean over the simulated stars' nuisances.

    NaN where the simulator does not reach. Raises SpectraError for stars on another wavelength grid.
    """
    if not same_grid(stars.wavelength_nm, grid.wavelength_nm):
        raise SpectraError("the simulated star is not on the model's wavelength grid")
    labels, total = grid.stellar_labels, np.zeros(grid.flux.shape)
    for row in range(len(stars)):
        same_star = stars[np.full(len(grid), row)]
        total += truth(same_star, labels, without=("model_error",)).flux
    return total / len(stars)


def _comparison(difference: np.ndarray, true: np.ndarray, rms: np.ndarray) -> dict[str, Any]:
    if not len(true):
        return {"nodes": 0, "rms": None, "median_rms": None, "relative": None, "relative_to_change": None}
    change = np.sqrt(np.square(true - true.mean(0)).sum())
    return {
        "nodes": len(true),
        "rms": float(np.sqrt(np.square(difference).mean())),
        "median_rms": float(np.median(rms)),
        "relative": float(np.sqrt(np.square(difference / true).mean())),
        "relative_to_change": float(np.sqrt(np.square(difference).sum()) / change) if change else None,
    }
