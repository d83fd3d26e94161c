"""How a star deviates from its best fit: overall, in one place, in the Ca II cores, or by a second spectrum.

Shapes: N stars, L = 800 pixels of PIXELS_800, W widths, S shifts.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cache
from threading import Lock

import numpy as np
from scipy.ndimage import correlate1d
from threadpoolctl import threadpool_limits

from ..parameters import CALCIUM_CORES_NM
from ..simulator.grids import PIXELS_800
from . import physics
from .physical_fit import Fit, fit_spectra, moved
from .physics import PIXEL_KMS, PIXEL_NM, ROTATION, SHIFT

_ALONE = Lock()  # the limit of threads is that of the whole process
BATCH = 128  # stars at once: their derivatives stay in the processor's cache
LINE_WIDTHS_NM = (0.08, 0.16, 0.32)  # full widths of the local deviations that are looked for
REACH = 14  # pixels to each side
GUESSED_ERROR, LEAST_ERROR = 0.01, 1e-4
# the scatter of neighbours over the error: of the noise of Gaia's 0.03 nm pixels, and of model errors
WHITE, SMOOTH = 0.84, 0.26
WINGS = np.any([np.abs(PIXELS_800 - nm) < 0.35 for nm in CALCIUM_CORES_NM], axis=0)
CLEAR_OF_WINGS = 9  # pixels from which on a second Ca II line lies clear of the first one's wings
# pixels at which a second spectrum is looked for: 73 to 314 km/s; closer, lines blend
NEAREST, FARTHEST = 7, 30


@dataclass(frozen=True, eq=False)
class Deviations:
    """Of N stars, (N,) each unless it says otherwise.

    snr: of the continuum per pixel of 0.03 nm, as the errors say.  labels: (N, 5) of the best fit, the last
    of them cn.  label_errors: (N, 5), model errors included.  pull: (N, 5) by how many of these the fit would
    go on beyond the limits of the grid.  velocity_kms, velocity_error.  rotation_kms: v sin i;
    rotation_least: what it is at least, by three errors.
    chi2: per pixel of 0.03 nm, the Ca II cores left out; trimmed: without the 2 % of the pixels that
    deviate most.  roughness: the scatter of neighbouring residuals in
    units of their errors, which noise makes and physics does not; expected_roughness: if the errors are true.
    local: the largest deviation a line wide or a few, in units of the error of such a deviation in this star;
    local_nm, local_depth: where and how large, positive for too much flux.
    core: by how much the flux in the three cores exceeds the fit's, mean of the lines; core_error.
    second: chi² that a second spectrum takes away, over chi²; second_kms, second_share: its velocity against
    the first and its share of the light.
    tilt: of the continuum, from edge to edge.  level: of the continuum.  continuum: (N, D) its Legendre terms
    in 1 + Σ c P, on the pixels of the star after it was moved to the blue by whole `pixels`.
    """

    snr: np.ndarray
    labels: np.ndarray
    label_errors: np.ndarray
    pull: np.ndarray
    velocity_kms: np.ndarray
    velocity_error: np.ndarray
    rotation_kms: np.ndarray
    rotation_least: np.ndarray
    chi2: np.ndarray
    trimmed: np.ndarray
    roughness: np.ndarray
    expected_roughness: np.ndarray
    local: np.ndarray
    local_nm: np.ndarray
    local_depth: np.ndarray
    core: np.ndarray
    core_error: np.ndarray
    second: np.ndarray
    second_kms: np.ndarray
    second_share: np.ndarray
    tilt: np.ndarray
    level: np.ndarray
    continuum: np.ndarray
    pixels: np.ndarray

    def __len__(self) -> int:
        return len(self.snr)


def deviations(flux: np.ndarray, error: np.ndarray, mask: np.ndarray) -> Deviations:
    """How spectra (N, L) with these errors on PIXELS_800 deviate from their best fits.

    Errors of a star without a single one that is known (NaN) are estimated from the scatter of neighbouring
    residuals.
    """

    def batch(start: int) -> Deviations:
        rows = slice(start, start + BATCH)
        own, bare = error[rows].copy(), ~np.isfinite(error[rows]).any(1)
        if bare.any():
            own[bare] = _estimated_error(flux[rows][bare], mask[rows][bare])
        unknown = ~np.isfinite(own)
        return _deviations(flux[rows], np.where(unknown, 1.0, own), mask[rows] | unknown)

    starts = range(0, max(len(flux), 1), BATCH)
    # many small products: a core for each batch is faster than all cores for each product
    with _ALONE, threadpool_limits(1, "blas"), ThreadPoolExecutor(min(len(starts), _workers())) as pool:
        return joined(list(pool.map(batch, starts)))


def _workers() -> int:
    """How many cores may be used."""
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return max(int(said), 1) if said.isdecimal() else os.cpu_count() or 1


def _estimated_error(flux: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(N, L) the error of each star, the same for all its pixels."""
    fit = fit_spectra(flux, np.full(flux.shape, GUESSED_ERROR), mask)
    size = _neighbours(np.where(fit.weights > 0, fit.residual, np.nan)) / WHITE
    return np.repeat(np.maximum(size, LEAST_ERROR)[:, None], flux.shape[1], 1)


def joined(parts: list[Deviations]) -> Deviations:
    """Those of several sets of stars as one."""
    return Deviations(
        *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Deviations))
    )


def _deviations(flux: np.ndarray, error: np.ndarray, mask: np.ndarray) -> Deviations:
    fit = fit_spectra(flux, error, mask)
    chi2, widths = fit.chi2, np.sqrt(np.einsum("nqq->nq", fit.covariance))
    excess = np.sqrt(np.maximum(chi2, 1))
    local, local_nm, local_depth = _local(fit, np.sqrt(chi2))
    core, core_error = _cores(fit, error, mask)
    second, second_kms, second_share = _second(fit)
    rotation = fit.values[:, ROTATION]
    continuum = fit.values[:, physics.CONTINUUM :]
    return Deviations(
        snr=np.nanmedian(np.where(mask, np.nan, (1 + continuum[:, :1]) / error), 1),
        labels=fit.values[:, :5],
        label_errors=widths[:, :5] * excess[:, None],
        pull=np.abs(fit.pull[:, :5]) / widths[:, :5] / excess[:, None],
        velocity_kms=fit.velocity_kms,
        velocity_error=widths[:, SHIFT] * excess,
        rotation_kms=np.sqrt(rotation),
        rotation_least=np.sqrt(np.maximum(rotation - 3 * widths[:, ROTATION] * excess, 0)),
        chi2=chi2,
        trimmed=_trimmed(fit),
        roughness=_neighbours(np.where(fit.weights > 0, fit.residual * np.sqrt(fit.weights), np.nan)),
        expected_roughness=_expected(fit, error),
        local=local,
        local_nm=local_nm,
        local_depth=local_depth,
        core=core,
        core_error=core_error,
        second=second / chi2,
        second_kms=second_kms,
        second_share=second_share,
        tilt=2 * (continuum[:, 1] + continuum[:, 3]) / (1 + continuum[:, 0]),
        level=1 + continuum[:, 0],
        continuum=continuum,
        pixels=fit.pixels,
    )


def _trimmed(fit: Fit) -> np.ndarray:
    """(N,) chi² per pixel without the 2 % of the pixels that deviate most."""
    terms = np.sort(fit.weights * fit.residual**2, axis=1)
    count = (fit.weights > 0).sum(1)
    kept = terms.shape[1] - np.ceil(0.02 * count).astype(int)
    total = np.take_along_axis(terms.cumsum(1), kept[:, None] - 1, 1)[:, 0]
    return total / np.maximum(kept - (terms.shape[1] - count), 1)


def _expected(fit: Fit, error: np.ndarray) -> np.ndarray:
    """(N,) roughness of residuals whose noise and model errors have the size that they are said to have."""
    used = fit.weights > 0
    noise = np.where(used, fit.weights * moved(error, -fit.pixels, 1.0) ** 2, 0.0).sum(1) / used.sum(1)
    return np.sqrt(WHITE**2 * noise + SMOOTH**2 * (1 - noise))


def _neighbours(residual: np.ndarray) -> np.ndarray:
    """(N,) scatter of r(i − 1) − 2 r(i) + r(i + 1) of residuals (N, L) with NaN, over √6."""
    bend = residual[:, 2:] - 2 * residual[:, 1:-1] + residual[:, :-2]
    return 1.4826 * np.nanmedian(np.abs(bend), 1) / np.sqrt(6)


# --- somewhere along the spectrum ---


def _local(fit: Fit, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N,) the largest deviation in the shape of a line, in units of its error times `unit` (N,).

    A matched filter for Gaussians of LINE_WIDTHS_NM; also its wavelength [nm] and its height.
    """
    weighted, height, strength = fit.residual * fit.weights, [], []
    for width in LINE_WIDTHS_NM:
        line = _gaussian(width)
        information = correlate1d(fit.weights, line**2, axis=1, mode="constant")
        enough = information > 0.5 * np.median(information, 1, keepdims=True)
        information = np.where(enough, information, np.inf)
        signal = correlate1d(weighted, line, axis=1, mode="constant")
        height.append(signal / information)
        strength.append(signal / np.sqrt(information))
    size = np.abs(np.concatenate(strength, 1))  # (N, W L)
    best, row = size.argmax(1), np.arange(len(unit))
    pixel = best % len(PIXELS_800)
    heights = np.concatenate(height, 1)[row, best]
    return size[row, best] / unit, PIXELS_800[pixel], heights


def _gaussian(width_nm: float) -> np.ndarray:
    offset = PIXEL_NM * np.arange(-REACH, REACH + 1)
    return np.exp(-4 * np.log(2) * (offset / width_nm) ** 2)


# --- the cores of the Ca II triplet ---


def _cores(fit: Fit, error: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) flux at the centre of the three lines above the fit's, their mean, and its error; NaN if masked.

    The excess falls to both sides as a squared cosine, as the simulator's does.
    """
    variance = moved(error, -fit.pixels, np.inf) ** 2
    weights = np.where(moved(mask, -fit.pixels, True), 0.0, 1 / variance)
    excess, width = [], []
    for shape in _core_shapes():
        information = (weights * shape**2).sum(1)
        known = np.where(information > 0, information, np.nan)
        excess.append((weights * fit.residual * shape).sum(1) / known)
        width.append(1 / known)
    lines = np.isfinite(excess).sum(0)
    known = np.where(lines > 0, lines, np.nan)
    return np.nansum(excess, 0) / known, np.sqrt(np.nansum(width, 0)) / known


@cache
def _core_shapes() -> np.ndarray:
    """(3, L) a squared cosine around each line."""
    distance = np.abs(PIXELS_800 - np.array(CALCIUM_CORES_NM)[:, None]) / 0.12
    return np.where(distance < 1, np.cos(np.pi / 2 * np.minimum(distance, 1)) ** 2, 0.0)


# --- a second spectrum ---


def _second(fit: Fit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N,) chi² that a second spectrum with the same lines takes away, its velocity, its share of the light.

    What the quantities of the fit could take away by themselves does not count: the second spectrum is made
    orthogonal to their derivatives. At small velocities the wings of the Ca II lines are left out: a second
    line there looks like a wing that the synthetic spectra get wrong, as they do in giants.
    """
    steps = np.concatenate([np.arange(-FARTHEST, -NEAREST + 1), np.arange(NEAREST, FARTHEST + 1)])
    close = np.abs(steps) < CLEAR_OF_WINGS
    gain, share = np.zeros((2, len(fit.chi2), len(steps)))
    for used, rows in ((~WINGS, close), (np.ones_like(WINGS), ~close)):
        weights = fit.weights * used
        slopes = fit.slopes * weights[:, None]
        for n, lines in enumerate(fit.seen.lines):
            second = physics.shifted(lines, steps[rows]) - 1  # (S, L)
            tied = second @ slopes[n].T @ fit.covariance[n]  # (S, Q)
            free = second - tied @ fit.slopes[n]
            signal, information = free @ (fit.residual[n] * weights[n]), (free**2) @ weights[n]
            share[n, rows] = signal / information
            gain[n, rows] = np.where(signal > 0, signal * share[n, rows], 0.0)
    best, row = gain.argmax(1), np.arange(len(gain))
    return gain[row, best], steps[best] * PIXEL_KMS, share[row, best]
