"""What the networks of a regressor see of the stars: standardised numbers, components of them, the S/N.

Shapes: N stars, D numbers per star, R inputs of a network, B bands of a covariance matrix.
"""

import warnings
from dataclasses import dataclass, replace

import numpy as np

from ..data.components import principal
from ..data.instruments import instrument_of
from ..data.spectra import SpectraSet
from .network import ArrayNetwork

# the share of the stars that a pass shows as at the S/N of another star, if that is lower
SEEN_NOISIER = 0.8
SMALLEST_SPREAD = 1e-12  # of a column; below, it counts as constant
SNR_REACH = 2.0  # standard deviations of log10 S/N from its mean, beyond which it counts as this far
# of the flux: what is not noise in a spectrum without noise, as far as finding its components goes
OTHER_ERROR = 0.005


@dataclass(frozen=True, eq=False)
class InputNoise:
    """The noise of the inputs, of which every pass over the stars may show a fresh draw.

    Attributes
    ----------
    bands: (B, D) its covariance, in the lower banded form of `scipy.linalg.cholesky_banded`.
    clean: (N, D) the inputs without it: every pass adds a whole draw. None: the inputs are flux with noise in
        it, and `bands` is that at a flux and a S/N of 1; a pass shows most stars as at the S/N of another
        star, if that is lower.
    """

    bands: np.ndarray
    clean: np.ndarray | None = None

    @classmethod
    def of_flux(cls, stars: SpectraSet) -> "InputNoise":
        """That of spectra, as their instrument correlates it."""
        return cls(instrument_of(stars).bands(stars.wavelength_nm))

    @classmethod
    def white(cls, spread: float, clean: np.ndarray) -> "InputNoise":
        """Independent noise of one standard deviation, which `clean` (N, D) lacks."""
        return cls(np.full((1, clean.shape[1]), spread**2), clean)

    def __getitem__(self, rows: np.ndarray) -> "InputNoise":
        return replace(self, clean=None if self.clean is None else self.clean[rows])

    def covariance_of(self, matrix: np.ndarray) -> np.ndarray:
        """(R, R) covariance of the noise in x @ matrix (D, R)."""
        matrix = matrix.astype(np.float64)
        product = self.bands[0][:, None] * matrix
        for lag, band in enumerate(self.bands[1:], 1):
            band = band[: len(matrix) - lag, None]
            product[:-lag] += band * matrix[lag:]
            product[lag:] += band * matrix[:-lag]
        return matrix.T @ product


@dataclass(frozen=True, eq=False)
class NetworkInputs:
    """The inputs of the networks and how they were made.

    Attributes
    ----------
    values: (N, R) float32.
    x_mean, x_scale: (D,) of the numbers they were made from, and one more for log10 S/N where it is an input.
    rotation: (D, R) from standardised numbers to inputs; None where they are the same.
    snr: (N,) all known; None where none is.
    reads_snr: the last input is log10 S/N.
    noise: (R, R) from independent unit noise to fresh noise of the inputs; None where a pass adds none.
    clean: (N, R) inputs to which a whole draw is added; None where a pass lowers the S/N instead.
    """

    values: np.ndarray
    x_mean: np.ndarray
    x_scale: np.ndarray
    rotation: np.ndarray | None = None
    snr: np.ndarray | None = None
    reads_snr: bool = False
    noise: np.ndarray | None = None
    clean: np.ndarray | None = None

    def one_pass(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The inputs of the stars `rows` for one pass over them, with fresh noise where it is known."""
        if self.noise is None:
            return self.values[rows]
        fresh = rng.standard_normal((len(rows), len(self.noise)), dtype=np.float32) @ self.noise
        if self.clean is not None:
            return self.clean[rows] + fresh
        assert self.snr is not None
        own = 1 / self.snr[rows]
        level = np.where(rng.random(len(rows)) < SEEN_NOISIER, np.maximum(own, rng.permutation(own)), own)
        shown = self.values[rows] + np.sqrt(level**2 - own**2).astype(np.float32)[:, None] * fresh
        if self.reads_snr:
            shown[:, -1] = within_reach((-np.log10(level) - self.x_mean[-1]) / self.x_scale[-1])
        return shown

    def turned(self, matrix: np.ndarray) -> "NetworkInputs":
        """The same stars with inputs @ matrix (R, R) in place of the inputs; S/N must stay as it is."""
        return replace(
            self,
            values=self.values @ matrix,
            rotation=matrix if self.rotation is None else self.rotation @ matrix,
            noise=None if self.noise is None else self.noise @ matrix,
            clean=None if self.clean is None else self.clean @ matrix,
        )

    def standardised(self, network: ArrayNetwork) -> ArrayNetwork:
        """The same network, reading standardised numbers instead of these inputs."""
        return network if self.rotation is None else network.after(self.rotation)


def network_inputs(
    x: np.ndarray,
    held_out: np.ndarray,
    components: int | None = None,
    snr: np.ndarray | None = None,
    noise: InputNoise | None = None,
    reads_snr: bool = False,
) -> NetworkInputs:
    """The inputs for x (N, D), with means, scales and components of the stars that are not held out (N,).

    snr: (N,), all known; needed to make it an input (`reads_snr`), and for noise of flux.
    """
    mean, scale = (m.astype(np.float32) for m in moments(x[~held_out]))
    rotation = None
    if components is not None:
        weight = None if snr is None else _weights(snr[~held_out])
        rotation = scale[:, None] * _soft_components(x[~held_out], components, weight)
    inputs = NetworkInputs(_made(x, mean, scale, rotation), mean, scale, rotation, snr)
    if noise is not None:
        inputs = _with_noise(inputs, noise)
    return _with_snr(inputs, snr, held_out) if reads_snr and snr is not None else inputs


def _made(x: np.ndarray, mean: np.ndarray, scale: np.ndarray, rotation: np.ndarray | None) -> np.ndarray:
    standard = (x - mean) / scale
    return standard if rotation is None else standard @ rotation


def _with_noise(inputs: NetworkInputs, noise: InputNoise) -> NetworkInputs:
    """The inputs with what is known of their noise."""
    mean, scale, rotation = inputs.x_mean, inputs.x_scale, inputs.rotation
    matrix = np.diag(1 / scale) if rotation is None else rotation / scale[:, None]
    level = np.median(mean) if noise.clean is None else 1.0
    variances, axes = np.linalg.eigh(level**2 * noise.covariance_of(matrix))
    factor = (np.sqrt(np.maximum(variances, 0))[:, None] * axes.T).astype(np.float32)
    clean = None if noise.clean is None else _made(noise.clean, mean, scale, rotation)
    return replace(inputs, noise=factor, clean=clean)


def _with_snr(inputs: NetworkInputs, snr: np.ndarray, held_out: np.ndarray) -> NetworkInputs:
    """The inputs with log10 S/N (N,) as one more, which has no noise."""
    log_snr = np.log10(snr)
    middle = np.float32(log_snr[~held_out].mean())
    spread = np.float32(max(log_snr[~held_out].std(), 1e-3))
    column = within_reach((log_snr - middle) / spread).astype(np.float32)
    return replace(
        inputs,
        values=np.column_stack([inputs.values, column]),
        x_mean=np.append(inputs.x_mean, middle),
        x_scale=np.append(inputs.x_scale, spread),
        rotation=None if inputs.rotation is None else with_unit_corner(inputs.rotation),
        noise=None if inputs.noise is None else np.pad(inputs.noise, ((0, 0), (0, 1))),
        clean=None if inputs.clean is None else np.column_stack([inputs.clean, column]),
        reads_snr=True,
    )


def within_reach(standard: np.ndarray) -> np.ndarray:
    """Standardised log10 S/N as the networks see it: they are not asked for what no star has taught them."""
    return np.clip(standard, -SNR_REACH, SNR_REACH)


def with_unit_corner(matrix: np.ndarray) -> np.ndarray:
    """The matrix (D, R) with one more row and column, which hand one more number on."""
    matrix = np.pad(matrix, ((0, 1), (0, 1)))
    matrix[-1, -1] = 1
    return matrix


def _weights(snr: np.ndarray) -> np.ndarray:
    """(N, 1) by which each spectrum counts, so that noise makes no component; of mean square 1."""
    weight = 1 / np.hypot(1 / snr, OTHER_ERROR)
    return (weight / np.sqrt(np.mean(weight**2))).astype(np.float32)[:, None]


def _soft_components(x: np.ndarray, count: int, weight: np.ndarray | None) -> np.ndarray:
    """(D, R) from centred x to its principal components, each over the root of its standard deviation.

    That is half way between whitening, which makes noise as loud as signal, and their own size, in which only
    the first one is heard. weight: (N, 1) by which each star counts.
    """
    x = x - x.mean(0) if weight is None else (x - x.mean(0)) * weight
    mean, axes = principal(x, count)
    spread = np.maximum(((x - mean) @ axes.T).std(0), SMALLEST_SPREAD)
    return axes.T / np.sqrt(spread * spread.max())


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column over its known values; 0 and 1 where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns without any value
        mean = np.asarray(np.nanmean(values, 0, dtype=np.float64))
        scale = np.asarray(np.nanstd(values, 0, dtype=np.float64))
    return np.nan_to_num(mean), np.where(scale > SMALLEST_SPREAD, scale, 1.0)
