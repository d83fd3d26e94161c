"""A user's own grid of synthetic spectra, as nodes that a mean spectrum starts from.

Any file of spectra with labels serves (`io.read_stars`), and the raw grids of the simulator. Synthetic
spectra are usually sharper than stars: they are broadened by the Gaussian with which their mean is most like
that of the stars.
Shapes: M nodes, K samples of the file, L pixels, Q labels that decoder and file have in common, J responses.
"""

import zipfile
from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize_scalar

from ..data.spectra import SpectraSet
from ..errors import ModelError, SpectraError
from ..io import read_stars, resample
from ..io.names import label_name
from ..io.npz import read_arrays
from ..io.opening import open_regular
from ..simulator.expected import BETWEEN
from ..simulator.grids import FLUX_UNIT, LIGHT_KMS
from .grid_nodes import NODES, Nodes, Sample, filled, responses_seen
from .kernel_fit import fit_interpolation

MAX_WIDTH_KMS = 150.0  # σ up to which is tried: R = 850
COMPARED = 500  # stars whose mean is compared with the grid's
# σ by which a response to broadening broadens: as a v sin i of 16 beside one of 4 km/s does
BROADER_KMS = 7.3
FINER = 2  # points for each sample while a spectrum is broadened
CURE = "or set model.mean_start to none"


def nodes_of_file(file: str, sample: Sample, responses: tuple[str, ...] = ()) -> Nodes:
    """The nodes of a file on the model's wavelengths, at the resolution of the stars.

    At most NODES of its spectra serve, half of them those nearest to the stars. Further labels of the file
    are held at their median. responses: the nuisances (J) whose responses are wanted. Raises SpectraError or
    ModelError, in one line with the file's name, for a file that does not serve.
    """
    grid = _spectra(file)
    names = _common_labels(file, grid, sample)
    further = tuple(n for n in grid.label_names if n not in names and _varies(grid.label(n)))
    grid = grid[np.flatnonzero(np.isfinite(grid.labels_for(names + further)).all(1))]
    needed = (len(names + further) + 1) * (len(names + further) + 2)  # twice the terms of the polynomial
    if len(grid) < needed:
        cause = f"{len(grid)} spectra with {', '.join(names + further)} are too few for a grid"
        raise ModelError(f"{file}: {cause}: give at least {needed}, {CURE}")
    stars = sample.labels[:COMPARED, [sample.names.index(name) for name in names]]
    stars, own = sample.standard(stars, names), sample.standard(grid.labels_for(names), names)
    rows = _serving(own, stars)
    coordinates = np.concatenate([own, _standard(grid.labels_for(further))], 1)[rows]
    broad = _as_broad(file, grid[rows], coordinates, stars, sample)
    seen = resample(broad, sample.scaler.wavelength_nm, file)
    nowhere = seen.mask.all(0)
    whole = np.flatnonzero(~(seen.mask & ~nowhere).any(1))
    found = [_response(broad.flux[whole], broad.wavelength_nm, name) for name in responses]
    on_pixels = responses_seen(found, broad.wavelength_nm, sample)
    on_pixels[..., nowhere] = 0
    return Nodes(names, coordinates[whole], filled(seen[whole], sample.scaler), own, on_pixels)


def _spectra(file: str) -> SpectraSet:
    """The spectra of a file; an npz may count flux in 1/FLUX_UNIT, as the simulator's raw grids do."""
    with open_regular(file) as stream:
        packed = zipfile.is_zipfile(stream)
        stream.seek(0)
        arrays = read_arrays(stream) if packed else {}
    flux = arrays.get("flux", np.empty(0))
    if flux.dtype != np.uint16 or "wavelength_nm" not in arrays or "labels" not in arrays:
        return read_stars(file, keep_spikes=True)
    names = tuple(label_name(str(name)) for name in arrays.get("label_names", ()))
    try:
        counted = flux / np.float32(FLUX_UNIT)
        return SpectraSet(counted, arrays["wavelength_nm"], np.arange(len(flux)), arrays["labels"], names)
    except SpectraError as error:
        raise SpectraError(f"{file}: {error}") from None


def _common_labels(file: str, grid: SpectraSet, sample: Sample) -> tuple[str, ...]:
    """The labels (Q) that the decoder receives and the grid has, and that vary in it."""
    names = tuple(n for n in sample.names if n in grid.label_names and _varies(grid.label(n)))
    if not names:
        own = ", ".join(n for n in grid.label_names if _varies(grid.label(n))) or "none that varies"
        cause = f"its labels ({own}) are none that the decoder receives ({', '.join(sample.names)})"
        raise ModelError(f"{file}: {cause}: name its columns as these, {CURE}")
    return names


def _varies(values: np.ndarray) -> bool:
    known = values[np.isfinite(values)]
    return bool(len(known)) and bool(known.max() > known.min())


def _serving(nodes: np.ndarray, stars: np.ndarray) -> np.ndarray:
    """Rows of the nodes (M, Q) that serve: all up to NODES, else half of that near the stars (N, Q)."""
    from scipy.spatial import KDTree

    if len(nodes) <= NODES:
        return np.arange(len(nodes))
    order = np.argsort(KDTree(stars).query(nodes)[0], kind="stable")
    near, others = order[: NODES // 2], order[NODES // 2 :]
    return np.sort(np.r_[near, np.random.default_rng(0).permutation(others)[: NODES - len(near)]])


def _standard(labels: np.ndarray) -> np.ndarray:
    """Labels (M, H) in units of their scatter, their median at 0."""
    return (labels - np.median(labels, axis=0)) / labels.std(0) if labels.size else labels


# --- wavelengths and resolution ---


def _as_broad(
    file: str, grid: SpectraSet, coordinates: np.ndarray, stars: np.ndarray, sample: Sample
) -> SpectraSet:
    """The spectra on their own wavelengths, as broad as the stars (N, Q).

    coordinates: (M, D) of the spectra.
    """
    try:
        resample(grid, sample.scaler.wavelength_nm, file)
    except SpectraError as error:
        raise ModelError(f"{error}: give spectra of the stars' wavelengths, {CURE}") from None
    sharp = fit_interpolation(coordinates, np.where(grid.mask, np.float32(1), grid.flux))
    further = coordinates.shape[1] - stars.shape[1]
    mean = sharp.mean_spectrum(np.pad(stars, ((0, 0), (0, further))))
    width = matching_width(mean, grid.wavelength_nm, sample)
    flux = broadened(np.where(grid.mask, np.float32(1), grid.flux), grid.wavelength_nm, width)
    return replace(grid, flux=flux)


def _response(flux: np.ndarray, wavelength_nm: np.ndarray, nuisance: str) -> np.ndarray:
    """(M, K) half the difference of spectra (M, K) with a nuisance raised and lowered."""
    if nuisance == "broadening_kms":
        return (broadened(flux, wavelength_nm, BROADER_KMS) - flux) / 2
    low, high = (
        np.stack([np.interp(wavelength_nm / (1 + shift / LIGHT_KMS), wavelength_nm, row) for row in flux])
        for shift in BETWEEN["shift_kms"]
    )
    return ((high - low) / 2).astype(np.float32)


def matching_width(flux: np.ndarray, wavelength_nm: np.ndarray, sample: Sample) -> float:
    """σ [km/s] of the Gaussian that makes a spectrum (K,) most like the mean of the stars, 0 if none does.

    The continuum of the one may have another level and slope than that of the other.
    """
    pixels = sample.scaler.wavelength_nm
    slope = np.stack([np.ones_like(pixels), pixels - pixels.mean()], 1)
    one = SpectraSet(flux[None], wavelength_nm, np.array(["mean"]), np.empty((1, 0)), ())

    def misfit(width: float) -> float:
        seen = resample(replace(one, flux=broadened(flux[None], wavelength_nm, width)), pixels)
        good = ~seen.mask[0]
        model = seen.flux[0, good, None] * slope[good]
        left = sample.flux[good] - model @ np.linalg.lstsq(model, sample.flux[good])[0]
        return float(left @ left)

    best = minimize_scalar(misfit, bounds=(0.0, MAX_WIDTH_KMS), method="bounded", options={"xatol": 0.1})
    return float(best.x) if misfit(float(best.x)) < misfit(0.0) else 0.0


def broadened(flux: np.ndarray, wavelength_nm: np.ndarray, width_kms: float) -> np.ndarray:
    """Spectra (M, K) convolved with a Gaussian of σ = width, in velocity."""
    if not width_kms:
        return flux
    logarithm = np.log(wavelength_nm)
    even = np.linspace(logarithm[0], logarithm[-1], FINER * len(logarithm))
    sigma = width_kms / LIGHT_KMS / (even[1] - even[0])
    fine = np.stack([np.interp(even, logarithm, row) for row in flux])
    smooth = gaussian_filter1d(fine, sigma, axis=1, mode="nearest")
    return np.stack([np.interp(logarithm, even, row) for row in smooth]).astype(np.float32)
