"""What the networks of a regressor see of the stars: standardised numbers, components of them, the S/N.

Shapes: N stars, D numbers per star, R inputs of a network.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from ..data.components import principal
from .network import ArrayNetwork

# the share of the stars that a pass shows as at the S/N of another star, if that is lower
SEEN_NOISIER = 0.8
SMALLEST_SPREAD = 1e-12  # of a column; below, it counts as constant


@dataclass(frozen=True, eq=False)
class NetworkInputs:
    """The inputs of the networks and how they were made.

    Attributes
    ----------
    values: (N, R) float32.
    x_mean, x_scale: (D,) of the numbers they were made from, and one more for log10 S/N where it is an input.
    rotation: (D, R) from standardised numbers to inputs; None where they are the same.
    noise: (R,) what noise of S/N = 1 adds to each input.
    snr: (N,) where the last input is the S/N; None where it is not.
    """

    values: np.ndarray
    x_mean: np.ndarray
    x_scale: np.ndarray
    rotation: np.ndarray | None
    noise: np.ndarray
    snr: np.ndarray | None = None

    def one_pass(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The inputs of the stars `rows` for one pass over them.

        Where S/N is an input, most stars come with fresh noise, as if seen at a lower S/N.
        """
        if self.snr is None:
            return self.values[rows]
        own = 1 / self.snr[rows]
        level = np.where(rng.random(len(rows)) < SEEN_NOISIER, np.maximum(own, rng.permutation(own)), own)
        extra = np.sqrt(level**2 - own**2).astype(np.float32)[:, None] * self.noise
        normal = rng.standard_normal((len(rows), len(self.noise)), dtype=np.float32)
        shown = self.values[rows] + extra * normal
        shown[:, -1] = (-np.log10(level) - self.x_mean[-1]) / self.x_scale[-1]
        return shown

    def standardised(self, network: ArrayNetwork) -> ArrayNetwork:
        """The same network, reading standardised numbers instead of these inputs."""
        return network if self.rotation is None else network.after(self.rotation)


def network_inputs(
    x: np.ndarray, held_out: np.ndarray, components: int | None = None, snr: np.ndarray | None = None
) -> NetworkInputs:
    """The inputs for x (N, D), with means, scales and components of the stars that are not held out (N,).

    snr: (N,), all known, to make it an input.
    """
    mean, scale = (m.astype(np.float32) for m in moments(x[~held_out]))
    rotation = None if components is None else scale[:, None] * _soft_components(x[~held_out], components)
    values = (x - mean) / scale if rotation is None else ((x - mean) / scale) @ rotation
    if snr is None:
        return NetworkInputs(values, mean, scale, rotation, np.zeros(values.shape[1], np.float32))
    noise = _noise_of_inputs(mean, scale, rotation)
    log_snr = np.log10(snr)
    middle = np.float32(log_snr[~held_out].mean())
    spread = np.float32(max(log_snr[~held_out].std(), 1e-3))
    return NetworkInputs(
        values=np.column_stack([values, ((log_snr - middle) / spread).astype(np.float32)]),
        x_mean=np.append(mean, middle),
        x_scale=np.append(scale, spread),
        rotation=None if rotation is None else _with_unit_corner(rotation),
        noise=np.append(noise, 0).astype(np.float32),
        snr=snr,
    )


def _noise_of_inputs(mean: np.ndarray, scale: np.ndarray, rotation: np.ndarray | None) -> np.ndarray:
    """(R,) the noise in each input of a spectrum of S/N = 1, whose noise is the level of the flux."""
    level = np.median(mean)
    if rotation is None:
        return level / scale
    return level * np.sqrt(((rotation / scale[:, None]) ** 2).sum(0))


def _with_unit_corner(rotation: np.ndarray) -> np.ndarray:
    """The rotation (D, R) with one more row and column, which hand the S/N on."""
    rotation = np.pad(rotation, ((0, 1), (0, 1)))
    rotation[-1, -1] = 1
    return rotation


def _soft_components(x: np.ndarray, count: int) -> np.ndarray:
    """(D, R) from centred x to its principal components, each over the root of its standard deviation.

    That is half way between whitening, which makes noise as loud as signal, and their own size, in which only
    the first one is heard.
    """
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
