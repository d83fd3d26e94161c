"""The best fit of a star by synthetic spectra: the same for every model, because no model takes part in it.

Labels, nitrogen, velocity, rotation, the interstellar band and a slow continuum are fitted by least squares
to the spectrum without the cores of the Ca II triplet. The start is the best of a bank of templates, moved by
whole pixels; then follow damped Gauss-Newton steps (Marquardt 1963, J. SIAM 11, 431).
Shapes: N stars, L = 800 pixels of PIXELS_800, Q quantities, B templates, S shifts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..parameters import in_calcium_cores
from ..seeds import TEMPLATE_SEED
from ..simulator import population
from ..simulator.emulator import BOX, CN_RANGE
from ..simulator.grids import PIXELS_800
from ..simulator.noise import model_error_spread
from ..simulator.nuisances import DEFAULT
from . import physics
from .physics import PIXEL_KMS, QUANTITIES, ROTATION, SHIFT, Spectra

MOST_PIXELS = 40  # by which a star's lines are looked for: 420 km/s
BANK, FOR_SHIFTS = 700, 28  # templates, and those of them by which lines are looked for
ROUNDS, STEPS = 2, 3  # rounds of steps, each with the weights that follow from the last fit
DAMPING, LEAST, MOST = 1e-3, 1e-6, 1e6
TYPICAL_ROTATION = 80.0  # km²/s²
CORES = in_calcium_cores(PIXELS_800)

# of each quantity: how far a step goes, where the fit ends, a weak prior on what some stars do not show
_STEP = np.array([500, 0.8, 0.7, 0.3, 0.4, 8.0, 1500, 0.1, 0.1, *[0.2] * 5])
_LOW = np.array([*BOX[0], CN_RANGE[0], -3 * PIXEL_KMS, 0, -0.1, -0.1, *[-2.0] * 5])
_HIGH = np.array([*BOX[1], CN_RANGE[1], 3 * PIXEL_KMS, 150.0**2, 0.4, 0.1, *[2.0] * 5])
_EXPECTED = np.array([*[0.0] * 4, 0.08, *[0.0] * 9])
_SPREAD = np.array([*[np.inf] * 4, 0.3, np.inf, np.inf, 0.05, 0.02, *[np.inf] * 5])


@dataclass(frozen=True, eq=False)
class Fit:
    """Best fits of N stars.

    values: (N, Q) of QUANTITIES, where the shift is that left after `pixels`.  covariance: (N, Q, Q).
    pixels: (N,) whole pixels by which the star was moved to rest.  spectra: of the values.
    flux, weights: (N, L) the stars as they were fitted, moved to rest, and 1/variance of each pixel, 0 where
    it is not used.  pull: (N, Q) the next step from a limit of the fit outwards, 0 elsewhere.
    """

    values: np.ndarray
    covariance: np.ndarray
    pixels: np.ndarray
    spectra: Spectra
    flux: np.ndarray
    weights: np.ndarray
    pull: np.ndarray

    @property
    def velocity_kms(self) -> np.ndarray:
        """(N,) by which the lines lie to the red."""
        return self.values[:, SHIFT] + self.pixels * PIXEL_KMS

    @property
    def residual(self) -> np.ndarray:
        """(N, L) observed minus fitted."""
        return self.flux - self.spectra.flux

    @property
    def chi2(self) -> np.ndarray:
        """(N,) per used pixel."""
        used = np.maximum((self.weights > 0).sum(1), 1)
        return (self.weights * self.residual**2).sum(1) / used


def fit_spectra(flux: np.ndarray, error: np.ndarray, mask: np.ndarray) -> Fit:
    """The best fits of spectra (N, L) with these errors on PIXELS_800; masked pixels carry no weight."""
    flux = np.where(mask, 1.0, flux)
    values, pixels = _start(flux, error, mask)
    flux, variance = moved(flux, -pixels, 1.0), moved(error, -pixels, 1.0) ** 2
    used = ~moved(mask, -pixels, True) & ~CORES
    spectra = physics.spectra(values)
    for _ in range(ROUNDS):
        weights = _weights(variance, used, spectra.lines)
        values, spectra = _steps(values, flux, weights)
    weights = _weights(variance, used, spectra.lines)
    matrix, slope = _normal(values, spectra, flux, weights)
    covariance = np.linalg.inv(matrix)
    step = np.einsum("nij,nj->ni", covariance, slope)
    beyond = ((values <= _LOW) & (step < 0)) | ((values >= _HIGH) & (step > 0))
    return Fit(values, covariance, pixels, spectra, flux, weights, np.where(beyond, step, 0.0))


def moved(array: np.ndarray, pixels: np.ndarray, fill: float | bool) -> np.ndarray:
    """The rows of (N, L) moved by whole pixels (N,) to the red, with `fill` where they leave a gap."""
    place = np.arange(array.shape[1]) - pixels[:, None]
    inside = (place >= 0) & (place < array.shape[1])
    return np.where(inside, np.take_along_axis(array, np.clip(place, 0, array.shape[1] - 1), 1), fill)


def _weights(variance: np.ndarray, used: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """(N, L) 1/variance of noise and model errors together; 0 for pixels that are not used."""
    return np.where(used, 1 / (variance + model_error_spread(lines, DEFAULT) ** 2), 0.0)


# --- Gauss-Newton ---


def _steps(values: np.ndarray, flux: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, Spectra]:
    """The best values (N, Q) after some damped steps with fixed weights, and their spectra."""
    spectra = physics.spectra(values)
    cost = _cost(values, spectra, flux, weights)
    damping = np.full(len(values), DAMPING)
    for _ in range(STEPS):
        matrix, slope = _normal(values, spectra, flux, weights)
        diagonal = np.einsum("nii->ni", matrix)
        damped = matrix + (diagonal * damping[:, None])[:, None] * np.eye(len(QUANTITIES))
        step = np.linalg.solve(damped, slope[..., None])[..., 0]
        step /= np.maximum(1, (np.abs(step) / _STEP).max(1, keepdims=True))
        proposed = np.clip(values + step, _LOW, _HIGH)
        new = physics.spectra(proposed)
        new_cost = _cost(proposed, new, flux, weights)
        better = new_cost < cost
        values = np.where(better[:, None], proposed, values)
        spectra = Spectra(*(np.where(_over(better, a), a, b) for a, b in zip(new, spectra, strict=True)))
        cost = np.where(better, new_cost, cost)
        damping = np.clip(np.where(better, damping / 10, damping * 30), LEAST, MOST)
    return values, spectra


def _over(rows: np.ndarray, array: np.ndarray) -> np.ndarray:
    """A choice of rows (N,) in the shape of an array (N, …)."""
    return rows.reshape(-1, *[1] * (array.ndim - 1))


def _cost(values: np.ndarray, spectra: Spectra, flux: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N,) chi² with the prior's."""
    prior = (((values - _EXPECTED) / _SPREAD) ** 2).sum(1)
    return (weights * (flux - spectra.flux) ** 2).sum(1) + prior


def _normal(
    values: np.ndarray, spectra: Spectra, flux: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The normal equations: matrix (N, Q, Q) and right side (N, Q)."""
    weighted = spectra.slopes * weights[:, None]
    precision = 1 / _SPREAD**2
    matrix = weighted @ spectra.slopes.transpose(0, 2, 1) + np.diag(precision + 1e-12)
    slope = (weighted @ (flux - spectra.flux)[..., None])[..., 0] + precision * (_EXPECTED - values)
    return matrix, slope


# --- where it starts ---


@cache
def templates() -> tuple[np.ndarray, np.ndarray]:
    """Values (B, Q) and lines (B, L) of templates: the usual sequences, and the whole region of the grid."""
    k = np.arange(BANK // 2)
    labels = np.concatenate(
        [population.labels(TEMPLATE_SEED, k), population.uniform_labels(TEMPLATE_SEED, k)]
    )
    values = np.tile(_EXPECTED, (len(labels), 1))
    values[:, :4], values[:, ROTATION] = labels, TYPICAL_ROTATION
    lines = [physics.spectra(values[rows]).lines for rows in _chunks(len(values), 64)]
    return values, np.concatenate(lines)


def _start(flux: np.ndarray, error: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (N, Q) of the best template of each star, and whole pixels (N,) by which it lies to the red."""
    values, lines = templates()
    pixels = _pixels(flux, mask, lines[:: len(lines) // FOR_SHIFTS])
    rest, used = moved(flux, -pixels, 1.0), ~moved(mask, -pixels, True) & ~CORES
    weights = used / (moved(error, -pixels, 1.0) ** 2 + 0.01**2)
    # chi² with a free scale, which is the first part of a continuum
    scale = (weights * rest) @ lines.T
    size = np.maximum(weights @ (lines**2).T, 1e-12)
    gain = scale**2 / size
    best = gain.argmax(1)
    start = values[best].copy()
    row = np.arange(len(flux))
    start[:, physics.CONTINUUM] = np.clip(scale[row, best] / size[row, best] - 1, -0.9, 1.9)
    return start, pixels


def _pixels(flux: np.ndarray, mask: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """(N,) whole pixels to the red at which a spectrum correlates best with any of the lines (B, L)."""
    inner = slice(MOST_PIXELS, flux.shape[1] - MOST_PIXELS)
    shifts = np.arange(-MOST_PIXELS, MOST_PIXELS + 1)
    stars = np.where(mask, np.nan, flux)[:, inner]
    stars = np.nan_to_num(stars - np.nanmean(stars, 1, keepdims=True)).astype(np.float32)
    likeness = np.full((len(flux), len(shifts)), -np.inf)
    for s, shift in enumerate(shifts):
        there = np.roll(lines, shift, 1)[:, inner].astype(np.float32)
        there -= there.mean(1, keepdims=True)
        there /= np.linalg.norm(there, axis=1, keepdims=True)
        likeness[:, s] = (stars @ there.T).max(1)
    return shifts[likeness.argmax(1)]


def _chunks(n: int, size: int) -> Iterator[slice]:
    yield from (slice(i, min(i + size, n)) for i in range(0, n, size))
