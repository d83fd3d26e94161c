"""How well a model fits a star: chi² of all pixels, and of deep lines, shallow lines and continuum apart.

Where only the noise is larger than stated, all three are too large alike, and neighbouring pixels differ by
as much; where the physics is wrong, lines are. Error bars depend on that. Shapes: N stars, L pixels.
"""

import numpy as np

from ..regression.quality import Measures
from ..simulator.noise import model_error_spread
from ..simulator.nuisances import DEFAULT

# bounds of the depth of a pixel in the reconstruction, 1 − flux
PARTS = {"chi2_continuum": (-np.inf, 0.06), "chi2_lines": (0.06, 0.3), "chi2_deep": (0.3, np.inf)}
FEWEST = 10  # pixels that tell a chi²
MODEL_ERROR = 0.007  # of the flux, as in `reduced_chi2`; without it bright stars alone would count


def reduced_chi2(
    flux: np.ndarray, guess: np.ndarray, error: np.ndarray | None, hidden: np.ndarray, physics: bool
) -> np.ndarray:
    """(N,) mean of (x − x̂)²/(σ² + s²) over the usable pixels; NaN where the errors σ are unknown (None).

    s is what synthetic spectra get wrong where `physics` is true (a share of the depth, and of the
    continuum), else 0.7 % of the flux. flux, guess, error, hidden: (N, L).
    """
    if error is None:
        return np.full(len(flux), np.nan)
    sigma = np.nan_to_num(error, nan=0.0, posinf=0.0)
    spread = model_error_spread(guess, DEFAULT) if physics else MODEL_ERROR * flux
    terms = np.where(hidden, 0.0, (flux - guess) ** 2 / np.maximum(sigma**2 + spread**2, 1e-10))
    return np.nan_to_num(terms).sum(1) / np.maximum((~hidden).sum(1), 1)


def fit_measures(flux: np.ndarray, guess: np.ndarray, error: np.ndarray, hidden: np.ndarray) -> Measures:
    """Reduced chi² (N,) of the pixels of each of PARTS, and `roughness`: all that error bars depend on.

    roughness: mean square of the differences between neighbouring residuals, in units of their errors, which
    the noise makes and physics hardly. NaN for fewer than `FEWEST` pixels or without errors. flux, guess,
    error: (N, L).  hidden: (N, L) true for pixels that say nothing.
    """
    stated = np.isfinite(error) & (error > 0)
    noise = np.where(stated, error, 0.0) ** 2
    residual, usable = flux - guess, ~hidden & stated & np.isfinite(flux - guess)
    terms = residual**2 / np.maximum(noise + (MODEL_ERROR * flux) ** 2, 1e-10)
    depth = 1 - guess
    measures = {n: _mean(terms, usable & (depth > low) & (depth <= high)) for n, (low, high) in PARTS.items()}
    steps = np.diff(residual) ** 2 / np.maximum(noise[:, 1:] + noise[:, :-1], 1e-10)
    return measures | {"roughness": _mean(steps, usable[:, 1:] & usable[:, :-1])}


def _mean(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(N,) mean of the chosen values of each row; NaN for fewer than `FEWEST`."""
    count = chosen.sum(1)
    total = np.where(chosen, values, 0.0).sum(1)
    return np.where(count >= FEWEST, total / np.maximum(count, 1), np.nan)
