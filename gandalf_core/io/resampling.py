"""Spectra from one wavelength grid to another: bin means by overlap.

Shapes: N stars, K source samples, L target pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ..data.instruments import Instrument, instrument_of
from ..data.spectra import MIN_COVERAGE, SpectraSet, same_grid
from ..errors import SpectraError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MIN_USABLE = 0.5  # of a target pixel's weight; with less it is masked
MAX_REFINEMENT = 4.0  # a source grid this much coarser than the target comes from another instrument
GAP = 1.5  # a step this many times its surroundings is a gap between samples, not a wide sample
ROWS = 256  # a block and its transpose stay in the processor's cache

Entries = tuple[np.ndarray, np.ndarray, np.ndarray]  # rows, columns and values of a sparse matrix


def resample(stars: SpectraSet, wavelength_nm: np.ndarray, origin: str | None = None) -> SpectraSet:
    """The spectra (N, K) on another grid (L,) of vacuum nanometres.

    A target pixel is the mean of the source over the pixel's width, each sample weighted by its overlap: 2401
    samples of 0.01 nm become the means of three over 800 pixels of 0.03 nm, and the odd last sample is
    dropped. A target pixel narrower than the source samples is interpolated linearly between the two nearest.
    Masked samples carry no weight; a pixel with less than half of its weight usable is masked; gaps and the
    outside of the grid are never filled.

    Errors are propagated with the noise correlation of the stars' instrument (`data.instruments`), which
    their provenance names: files on the grids of Gaia's RVS archive and simulated stars are `gaia-rvs`, whose
    neighbouring samples correlate, so that the mean of three has .87 of the error of one. Where nothing is
    known samples count as independent (σ/√3). An error is that of one pixel; pixels share noise, and
    `Instrument.bands` says how much.

    Raises SpectraError naming `origin` (default: the file in their provenance) and the stars that cover less
    than `MIN_COVERAGE` of the target grid.
    """
    origin = origin or stars.provenance.get("file")
    prefix = f"{origin}: " if origin else ""
    try:
        binned, causes = covering(stars, wavelength_nm)
    except SpectraError as error:
        raise SpectraError(f"{prefix}{error}") from None
    if causes:
        first = "; ".join(f"{star}: {cause}" for star, cause in islice(causes.items(), 3))
        raise SpectraError(
            f"{prefix}{len(stars) - len(binned)} of {len(stars)} spectra cannot be used ({first})"
        )
    return binned


def covering(stars: SpectraSet, wavelength_nm: np.ndarray) -> tuple[SpectraSet, dict[str, str]]:
    """The stars that cover at least `MIN_COVERAGE` of a grid (L,), on it, and {id: cause} of the others.

    Raises SpectraError as `rebin` does.
    """
    binned = rebin(stars, wavelength_nm)
    short = binned.coverage < MIN_COVERAGE
    causes = {str(binned.ids[row]): _refusal(stars, binned, int(row)) for row in np.flatnonzero(short)}
    return (binned[~short] if causes else binned), causes


def _refusal(stars: SpectraSet, binned: SpectraSet, row: int) -> str:
    """Why a star is refused on a grid, in one clause."""
    used = stars.wavelength_nm[~stars.mask[row]]
    if not len(used):
        known = stars.flux_error is None or np.isfinite(stars.flux_error[row]).any()
        unsure = not known and np.isfinite(stars.flux[row]).any()
        return (
            "its flux errors are unknown or not positive, those of other stars are known"
            if unsure
            else "no usable sample"
        )
    seen = f"usable samples at {used[0]:.2f}-{used[-1]:.2f} nm"
    grid = f"{binned.wavelength_nm[0]:.2f}-{binned.wavelength_nm[-1]:.2f} nm"
    return f"{seen} cover {binned.coverage[row]:.1%} of {grid}, at least {MIN_COVERAGE:.0%} are needed"


def rebin(stars: SpectraSet, wavelength_nm: np.ndarray) -> SpectraSet:
    """`resample` without its refusal: a star that does not cover the grid comes back with pixels masked.

    Raises SpectraError when a grid is not one, or when the source is far coarser than the target.
    """
    grid = np.asarray(wavelength_nm, np.float64)
    if same_grid(stars.wavelength_nm, grid):
        return stars
    _check_grid("source", stars.wavelength_nm)
    _check_grid("target", grid)
    weights = _weights(stars.wavelength_nm.tobytes(), grid.tobytes(), instrument_of(stars))
    flux = np.empty((len(stars), len(grid)), np.float32)
    mask = np.empty(flux.shape, bool)
    error = None if stars.flux_error is None else np.empty_like(flux)
    for start in range(0, len(stars), ROWS):
        rows = slice(start, start + ROWS)
        flux[rows], mask[rows], usable = _mean(stars.flux[rows], stars.mask[rows], weights)
        if error is not None and stars.flux_error is not None:
            error[rows] = _error_of_mean(stars.flux_error[rows], stars.mask[rows], usable, weights)
    return replace(stars, flux=flux, wavelength_nm=grid, flux_error=error, mask=mask)


def _check_grid(name: str, grid: np.ndarray) -> None:
    increasing = grid.ndim == 1 and len(grid) > 1 and np.isfinite(grid).all() and (np.diff(grid) > 0).all()
    if not increasing:
        raise SpectraError(f"the {name} grid needs at least two wavelengths that increase")


# --- the mean over a pixel ---


@dataclass(frozen=True)
class _Weights:
    """matrix (L, K): weight of each sample in each pixel.

    full: (L,) the weight of a pixel whose samples are all usable (1 inside the grid). products: what samples
    that are 0, 1, 2 … apart add to a pixel's variance: (L, K) products of their weights and correlation.
    """

    matrix: "csr_matrix"
    full: np.ndarray
    products: "tuple[csr_matrix, ...]"


def _mean(flux: np.ndarray, mask: np.ndarray, weights: _Weights) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, L) flux, mask, and usable weight of each pixel (NaN where masked), from samples (n, K)."""
    usable, gaps = np.broadcast_to(weights.full, (len(flux), len(weights.full))), np.any(mask, axis=1)
    if gaps.any():  # without a gap to the last digit as alone: the noise of a latent depends on every one
        usable = np.where(gaps[:, None], (weights.matrix @ (~mask).T.astype(np.float32)).T, usable)
    bad = usable < MIN_USABLE - 1e-5
    usable = np.where(bad, np.float32(np.nan), usable)
    return (weights.matrix @ _columns(flux, mask)).T / usable, bad, usable


def _error_of_mean(error: np.ndarray, mask: np.ndarray, usable: np.ndarray, weights: _Weights) -> np.ndarray:
    """(n, L) one standard deviation of `_mean`, from that of the samples (n, K): wᵀ C w of its weights w."""
    error = _columns(error, mask)  # (K, n)
    variance = weights.products[0] @ np.square(error)
    for apart, product in enumerate(weights.products[1:], 1):
        variance += product @ (error[:-apart] * error[apart:])
    return np.sqrt(variance.T) / usable


def _columns(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Values (n, K) as contiguous columns (K, n), 0 where masked."""
    values = np.where(mask, np.float32(0), values) if mask.any() else values
    return np.ascontiguousarray(values.T)


# --- weights ---


@lru_cache(maxsize=8)
def _weights(source: bytes, target: bytes, instrument: Instrument) -> _Weights:
    """The weights between two grids, given by the bytes of their float64 wavelengths."""
    import scipy.sparse

    source_nm, target_nm = np.frombuffer(source), np.frombuffer(target)
    low, high = _edges(source_nm)
    t_low, t_high = _edges(target_nm)
    # the sample around the centre of each pixel
    holder = np.clip(np.searchsorted(high, target_nm, side="right"), 0, len(source_nm) - 1)
    inside = (target_nm >= low[holder]) & (target_nm <= high[holder])
    ratio = (high - low)[holder] / (t_high - t_low)
    if inside.any() and np.median(ratio[inside]) > MAX_REFINEMENT:
        apart = f"samples {np.median(np.diff(source_nm)):.3g} nm apart"
        raise SpectraError(
            f"{apart} for pixels of {np.median(np.diff(target_nm)):.3g} nm: "
            "the spectrum is too coarse for this grid, is it from another instrument?"
        )
    finer = inside & (ratio > 1.001)
    overlap = _overlaps((low, high), (t_low, t_high), np.flatnonzero(~finer))
    linear = _interpolation(source_nm, (low, high), target_nm, holder, np.flatnonzero(finer))
    rows, columns, values = (np.concatenate(pair) for pair in zip(overlap, linear, strict=True))
    matrix = scipy.sparse.csr_matrix(
        (values.astype(np.float32), (rows, columns)), shape=(len(target_nm), len(source_nm))
    )
    full = np.asarray(matrix.sum(1), np.float32).ravel()
    return _Weights(matrix, full, tuple(_products(matrix, instrument.bands(source_nm))))


def _products(matrix: "csr_matrix", bands: np.ndarray) -> "Iterator[csr_matrix]":
    """Of samples j = 0, 1, … apart, (L, K − j): weight × weight × correlation, twice for j > 0.

    bands: (B, K) correlations, as `Instrument.bands` gives them. It ends where no pixel holds both samples.
    """
    columns = matrix.tocsc()
    for apart, correlation in enumerate(bands):
        samples = len(correlation) - apart
        pair = columns[:, :samples].multiply(columns[:, apart:])
        product = pair.multiply((2 if apart else 1) * correlation[:samples]).tocsr().astype(np.float32)
        if apart and not product.nnz:
            return
        yield product


def _edges(centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edge of each sample: half-way to its neighbours, but not into a gap."""
    from scipy.ndimage import median_filter

    step = np.diff(centres)
    usual = median_filter(step, size=min(9, len(step)), mode="nearest")
    half = np.where(step > GAP * usual, usual, step) / 2
    return centres - np.r_[half[0], half], centres + np.r_[half, half[-1]]


def _overlaps(
    source: tuple[np.ndarray, np.ndarray], target: tuple[np.ndarray, np.ndarray], pixels: np.ndarray
) -> Entries:
    """Weights of the target `pixels` that average samples: overlap over the pixel's width.

    source, target: lower and upper edges.
    """
    (low, high), (t_low, t_high) = source, target
    first = np.searchsorted(high, t_low[pixels], side="right")
    last = np.searchsorted(low, t_high[pixels], side="left")
    count = np.maximum(last - first, 0)
    rows = np.repeat(pixels, count)
    columns = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    width = (t_high - t_low)[rows]
    values = (np.minimum(high[columns], t_high[rows]) - np.maximum(low[columns], t_low[rows])) / width
    real = values > 1e-6  # an edge shared up to rounding is not an overlap
    return rows[real], columns[real], values[real]


def _interpolation(
    centres: np.ndarray,
    edges: tuple[np.ndarray, np.ndarray],
    target: np.ndarray,
    holder: np.ndarray,
    pixels: np.ndarray,
) -> Entries:
    """Weights of the target `pixels` narrower than their sample: linear, flat beside a gap or an end.

    centres, edges: of the samples. target: (L,) centres of the pixels; holder: (L,) the sample around each.
    """
    low, high = edges
    own = holder[pixels]
    side = np.where(target[pixels] >= centres[own], 1, -1)
    other = np.clip(own + side, 0, len(centres) - 1)
    gap = np.where(side > 0, low[other] - high[own], low[own] - high[other])
    adjacent = (other != own) & (gap < 1e-6 * (high - low)[own])
    distance = np.where(adjacent, np.abs(centres[other] - centres[own]), np.inf)
    share = np.abs(target[pixels] - centres[own]) / distance
    return np.r_[pixels, pixels], np.r_[own, other], np.r_[1 - share, share]
