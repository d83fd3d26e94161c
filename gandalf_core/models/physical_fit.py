"""The best fit of a star by synthetic spectra: the same for every model, because no model takes part in it.

Labels, nitrogen, velocity, rotation, the interstellar band and a slow continuum are fitted by least squares
to the spectrum without the cores of the Ca II triplet. The start is the best of a bank of templates, moved by
whole pixels; then follow damped Gauss-Newton steps (Marquardt 1963, J. SIAM 11, 431).
Shapes: N stars, L = 800 pixels of PIXELS_800, Q quantities, B templates, S shifts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from ..parameters import in_calcium_cores
from ..seeds import TEMPLATE_SEED
from ..simulator import population
from ..simulator.emulator import BOX, CN_RANGE
from ..simulator.grids import PIXELS_800
from ..simulator.noise import model_error_spread
from ..simulator.nuisances import DEFAULT
from . import physics
from .physics import PIXEL_KMS, QUANTITIES, ROTATION, SHIFT, Seen

MOST_PIXELS = 40  # by which a star's lines are looked for: 420 km/s
BANK, FOR_SHIFTS = 700, 28  # templates, and those of them by which lines are looked for
STEPS, MORE_STEPS = 3, 2  # with derivatives of their own; and along the last ones, with better weights
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
    pixels: (N,) whole pixels by which the star was moved to rest.  seen, slopes: the spectra of the values
    and their derivatives (N, Q, L), as `physics.spectra_and_slopes` gives them.
    flux, weights: (N, L) the stars as they were fitted, moved to rest, and 1/variance of each pixel, 0 where
    it is not used.  pull: (N, Q) the next step from a limit of the fit outwards, 0 elsewhere.
    """

    values: np.ndarray
    covariance: np.ndarray
    pixels: np.ndarray
    seen: Seen
    slopes: np.ndarray
    flux: np.ndarray
    weights: np.ndarray
    pull: np.ndarray

    @property
    def velocity_kms(self) -> np.ndarray:
        """(N,) by which the lines lie to the red."""
        return self.values[:, SHIFT] + self.pixels * PIXEL_KMS

    @cached_property
    def residual(self) -> np.ndarray:
        """(N, L) observed minus fitted."""
        return self.flux - self.seen.flux

    @property
    def chi2(self) -> np.ndarray:
        """(N,) per used pixel."""
        used = np.maximum((self.weights > 0).sum(1), 1)
        return (self.weights * self.residual**2).sum(1) / used


def fit_spectra(flux: np.ndarray, error: np.ndarray, mask: np.ndarray) -> Fit:
    """The best fits of spectra (N, L) with these errors on PIXELS_800; masked pixels carry no weight."""
    values, pixels = _start(np.where(mask, 1.0, flux), error, mask)
    used = ~moved(mask, -pixels, True) & ~CORES
    variance = moved(error, -pixels, 1.0).astype(np.float32) ** 2
    stars = _Stars(moved(np.where(mask, 1.0, flux), -pixels, 1.0).astype(np.float32), variance, used)
    place = _Place(values, *physics.spectra_and_slopes(values))
    place = _steps(stars, stars.weights(place.seen), place)
    weights = stars.weights(place.seen)
    place = _steps_along(stars, weights, place)
    matrix, slope = _normal(stars, weights, place)
    covariance = np.linalg.inv(matrix)
    step = np.einsum("nij,nj->ni", covariance, slope)
    beyond = ((place.values <= _LOW) & (step < 0)) | ((place.values >= _HIGH) & (step > 0))
    pull = np.where(beyond, step, 0.0)
    return Fit(place.values, covariance, pixels, place.seen, place.slopes, stars.flux, weights, pull)


def moved(array: np.ndarray, pixels: np.ndarray, fill: float | bool) -> np.ndarray:
    """The rows of (N, L) moved by whole pixels (N,) to the red, with `fill` where they leave a gap."""
    place = np.arange(array.shape[1]) - pixels[:, None]
    inside = (place >= 0) & (place < array.shape[1])
    return np.where(inside, np.take_along_axis(array, np.clip(place, 0, array.shape[1] - 1), 1), fill)


# --- Gauss-Newton ---


class _Stars(NamedTuple):
    """Spectra moved to rest, (N, L) each: flux, variance of the noise, and which pixels are used."""

    flux: np.ndarray
    variance: np.ndarray
    used: np.ndarray

    def weights(self, seen: Seen) -> np.ndarray:
        """(N, L) 1/variance of noise and model errors together; 0 for pixels that are not used."""
        spread = model_error_spread(seen.lines, DEFAULT)
        return np.where(self.used, 1 / (self.variance + spread**2), np.float32(0)).astype(np.float32)


class _Place(NamedTuple):
    """Where fits are: values (N, Q), their spectra, and derivatives (N, Q, L) there or nearby."""

    values: np.ndarray
    seen: Seen
    slopes: np.ndarray


def _steps(stars: _Stars, weights: np.ndarray, place: _Place) -> _Place:
    """The best place after some damped steps, each with the derivatives where it starts."""
    cost, damping = _cost(stars, weights, place), np.full(len(weights), DAMPING)
    for _ in range(STEPS):
        values = place.values + _step(*_normal(stars, weights, place), damping)
        values = np.clip(values, _LOW, _HIGH)
        new = _Place(values, *physics.spectra_and_slopes(values))
        place, cost, better = _better(stars, weights, place, cost, new)
        damping = np.clip(np.where(better, damping / 10, damping * 30), LEAST, MOST)
    return place


def _steps_along(stars: _Stars, weights: np.ndarray, place: _Place) -> _Place:
    """The best place after some more steps with the derivatives that are known, which costs little."""
    cost, damping = _cost(stars, weights, place), np.full(len(weights), DAMPING)
    for _ in range(MORE_STEPS):
        values = np.clip(place.values + _step(*_normal(stars, weights, place), damping), _LOW, _HIGH)
        new = _Place(values, physics.spectra(values), place.slopes)
        place, cost, better = _better(stars, weights, place, cost, new)
        damping = np.where(better, damping, damping * 30)
    return place


def _step(matrix: np.ndarray, slope: np.ndarray, damping: np.ndarray) -> np.ndarray:
    """(N, Q) the step that solves the damped normal equations, not longer than _STEP."""
    diagonal = np.einsum("nii->ni", matrix)
    damped = matrix + (diagonal * damping[:, None])[:, None] * np.eye(len(QUANTITIES))
    step = np.linalg.solve(damped, slope[..., None])[..., 0]
    return step / np.maximum(1, (np.abs(step) / _STEP).max(1, keepdims=True))


def _better(
    stars: _Stars, weights: np.ndarray, old: _Place, cost: np.ndarray, new: _Place
) -> tuple[_Place, np.ndarray, np.ndarray]:
    """Of two places the better for each star, its cost (N,), and whether it is the new one."""
    new_cost = _cost(stars, weights, new)
    better = new_cost < cost
    for old_array, new_array in (
        (old.values, new.values),
        (old.slopes, new.slopes),
        *zip(old.seen, new.seen, strict=True),
    ):
        new_array[~better] = old_array[~better]
    return new, np.where(better, new_cost, cost), better


def _cost(stars: _Stars, weights: np.ndarray, place: _Place) -> np.ndarray:
    """(N,) chi² with the prior's."""
    prior = (((place.values - _EXPECTED) / _SPREAD) ** 2).sum(1)
    return (weights * (stars.flux - place.seen.flux) ** 2).sum(1) + prior


def _normal(stars: _Stars, weights: np.ndarray, place: _Place) -> tuple[np.ndarray, np.ndarray]:
    """The normal equations: matrix (N, Q, Q) and right side (N, Q)."""
    weighted = place.slopes * weights[:, None]
    precision = 1 / _SPREAD**2
    matrix = weighted @ place.slopes.transpose(0, 2, 1) + np.diag(precision + 1e-12)
    slope = (weighted @ (stars.flux - place.seen.flux)[..., None])[..., 0].astype(float)
    return matrix, slope + precision * (_EXPECTED - place.values)


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
