"""The nuisances between a star's labels and its observed spectrum: their amplitudes, and each star's values.

Every nuisance has its own stream of chance (streams.py) and is independent of the labels, but for the
nitrogen abundance `cn`, and for broadening where `broadening_teff_correlation` says so. What they do to a
spectrum stands in effects.py and noise.py; `scripts/real_residuals.py` prints what the amplitudes were taken
from. Shapes: N stars, K continuum terms.
"""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtr, ndtri

from ..errors import ConfigError
from . import streams
from .emulator import CN_RANGE

# of the terms of the slow continuum residual, Legendre polynomials of degree 0-4: real spectra tilt more than
# they bend, and a model that has seen slopes learns to ignore them
CONTINUUM_SHAPE = np.array([0.17, 0.90, 0.30, 0.17, 0.17])
CONTINUUM_TERMS = len(CONTINUUM_SHAPE)
DIB_SPREAD_KMS = 15.0
# S/N per 0.03 nm pixel is log-normal; the cut at 15 lifts the median to 45
SNR_RANGE, SNR_MEDIAN, SNR_SPREAD = (15.0, 400.0), 43.0, 0.65
FEW_TRANSITS_SNR = 25.0  # up to here flux_error comes from few transits, beyond from more, as S/N grows
CALCIUM_LINES = ("calcium_850", "calcium_854", "calcium_866")
NLTE_SHARE = np.array([0.0, 1.0, 1.0])  # LTE spectra lack depth in two of the three lines
GIANTS_BELOW_LOGG, GIANTS_BLUR = 3.3, 0.15  # dredge-up: where nitrogen rises, and over how much
CN_OF_GIANTS = 0.15


@dataclass(frozen=True)
class NuisanceConfig:
    """Amplitude of each nuisance; 0 (or False) switches it off and changes no other. JSON: `asdict`."""

    noise: bool = True
    # rms relative error of flux_error itself at low S/N, where few transits show it
    noise_scale: float = 0.20
    continuum: float = 0.0105  # rms of a slow multiplicative residual, .0095 of it a slope
    # spectra are normalised where 85 % of their samples lie below, not at the true continuum: the level is
    # raised by a share, uniform between 0 and this, of how far the former lies below the latter
    pseudo_continuum: float = 1.2
    shift_kms: float = 1.5  # rms of the residual velocity shift
    broadening_kms: float = 20.0  # v sin i is uniform between 0 and this
    # rms scatter, common to the three Ca II cores, of their relative depth: activity fills all three, ...
    calcium: float = 0.08
    calcium_mean: float = 0.0  # ... around this; off with `calcium`
    calcium_nlte: float = 0.10  # by which NLTE deepens the lines at 854 and 866 nm; that at 850 hardly
    calcium_lines: float = 0.03  # rms scatter of each line for itself
    cn: float = 0.10  # rms scatter in dwarfs of the nitrogen abundance [dex]; giants: twice that, around .15
    dib_depth: float = 0.02  # mean depth of the 862.32 nm interstellar band (exponentially distributed)
    # what the synthetic spectra get wrong, drawn once per star: rms relative error of the depth of lines ...
    model_error: float = 0.07
    model_error_continuum: float = 0.002  # ... and rms error of the continuum; off with `model_error`
    # its correlation exp(-d²/2 length²): .80, .41, .14 at 1, 2, 3 pixels of 0.03 nm
    model_error_length_nm: float = 0.045
    # a test of leakage through nuisances: rank correlation of v sin i with teff
    broadening_teff_correlation: float = 0.0

    def __post_init__(self) -> None:
        signed = ("calcium_mean", "broadening_teff_correlation")
        bad = [
            name
            for name, value in asdict(self).items()
            if not np.isfinite(value) or (value < 0 and name not in signed)
        ]
        if bad:
            raise ConfigError(
                f"nuisance amplitudes must be 0 (off) or positive, these are not: {', '.join(bad)}"
            )
        if abs(self.broadening_teff_correlation) > 1 or not self.model_error_length_nm:
            raise ConfigError(
                "broadening_teff_correlation must lie between -1 and 1, model_error_length_nm above 0"
            )


DEFAULT = NuisanceConfig()
OFF = NuisanceConfig(
    noise=False,
    noise_scale=0,
    continuum=0,
    pseudo_continuum=0,
    shift_kms=0,
    broadening_kms=0,
    calcium=0,
    calcium_mean=0,
    calcium_nlte=0,
    calcium_lines=0,
    cn=0,
    dib_depth=0,
    model_error=0,
    model_error_continuum=0,
)


def draw(
    seed: int,
    k: np.ndarray,
    config: NuisanceConfig,
    labels: np.ndarray,
    snr: tuple[float, float] | None,
    everywhere: np.ndarray | bool = False,
) -> dict[str, np.ndarray]:
    """Nuisance values of the stars k (N,): (N,) each, and `continuum` (N, K).

    labels: (N, 4), on which cn depends, and broadening where `broadening_teff_correlation` says so. snr: as
    in `simulate`. everywhere: (N,) true for stars that are dealt uniformly over the grid; cn, too, spreads
    over most of it, but around the population's mean: otherwise stars off the usual sequences would differ
    from those on them by more than their labels, and a decoder would take the difference for a label's.
    """
    ratio = signal_to_noise(streams.uniform(seed, "snr", k), snr)
    broadening = _tied(streams.uniform(seed, "broadening", k), labels[:, 0], config)
    lines = config.calcium_lines * np.clip(streams.normal(seed, "calcium lines", k, 3), -2.5, 2.5)
    return {
        "snr": ratio,
        "noise_scale": _noise_scale(streams.normal(seed, "noise scale", k), ratio, config),
        "cn": _nitrogen(seed, k, config, labels, everywhere),
        "shift_kms": config.shift_kms * streams.normal(seed, "shift", k),
        "broadening_kms": config.broadening_kms * broadening,
        "calcium_depth": (config.calcium > 0) * (config.calcium_mean + config.calcium * _activity(seed, k)),
        **dict(zip(CALCIUM_LINES, (config.calcium_nlte * NLTE_SHARE + lines).T, strict=True)),
        "dib_depth": config.dib_depth * np.minimum(-np.log1p(-streams.uniform(seed, "dib depth", k)), 6),
        "dib_velocity_kms": (config.dib_depth > 0) * DIB_SPREAD_KMS * streams.normal(seed, "dib velocity", k),
        "pseudo_continuum": config.pseudo_continuum * streams.uniform(seed, "pseudo-continuum", k),
        "continuum": continuum_spread(config) * streams.normal(seed, "continuum", k, CONTINUUM_TERMS),
    }


def continuum_spread(config: NuisanceConfig) -> np.ndarray:
    """(K,) rms of each term of the slow residual."""
    return config.continuum * CONTINUUM_SHAPE / np.linalg.norm(CONTINUUM_SHAPE)


def _activity(seed: int, k: np.ndarray) -> np.ndarray:
    """(N,) numbers of mean 0 and variance 1 with a tail to the negative: chromospheres that fill the cores.

    An exponential distribution with a blurred edge. Beyond 1.7 the deepest cores would fall below zero.
    """
    filling = np.minimum(-np.log1p(-streams.uniform(seed, "activity", k)), 6)
    return np.minimum(0.8 * (1 - filling) + 0.6 * streams.normal(seed, "calcium", k), 1.7)


def _noise_scale(normal: np.ndarray, snr: np.ndarray, config: NuisanceConfig) -> np.ndarray:
    """(N,) true over nominal size of the noise, log-normal, so that the mean of its square is 1.

    The spread falls as 1/√(transits), on which S/N depends: .2 for three, .09 for Kepler-93's seventeen.
    """
    spread = config.noise_scale * np.sqrt(np.minimum(1, FEW_TRANSITS_SNR / snr))
    return np.exp(spread * normal - spread**2)


def _nitrogen(
    seed: int, k: np.ndarray, config: NuisanceConfig, labels: np.ndarray, everywhere: np.ndarray | bool
) -> np.ndarray:
    """(N,) cn of the stars k, cut to the grid's range."""
    mean, spread = nitrogen(labels, config)
    usual = np.clip(mean + spread * streams.normal(seed, "cn", k), *CN_RANGE)
    anywhere = mean + _reach(mean, config) * (2 * streams.uniform(seed, "cn anywhere", k) - 1)
    return np.where(everywhere, anywhere, usual)


def _reach(mean: np.ndarray, config: NuisanceConfig) -> np.ndarray:
    """(N,) from the mean of cn to the nearer end of the grid, as far as cn is dealt `everywhere`."""
    low, high = CN_RANGE
    return (config.cn > 0) * np.minimum(mean - low, high - mean)


def nitrogen(labels: np.ndarray, config: NuisanceConfig) -> tuple[np.ndarray, np.ndarray]:
    """(N,) mean and (N,) spread of cn for labels (N, 4) in the population.

    Giants have brought nitrogen up from their cores; below [M/H] = -1 stars differ more.
    """
    giant = expit((GIANTS_BELOW_LOGG - labels[:, 1]) / GIANTS_BLUR)
    poor = np.clip(-1 - labels[:, 2], 0, 1)
    return (config.cn > 0) * CN_OF_GIANTS * giant, config.cn * (1 + giant) * (1 + poor)


class Prior(NamedTuple):
    """Mean and standard deviation (N,) of a nuisance of N stars in the population."""

    mean: np.ndarray
    spread: np.ndarray


def priors(
    config: NuisanceConfig, labels: np.ndarray, everywhere: np.ndarray | bool = False
) -> dict[str, Prior]:
    """What a Cramér-Rao bound or a posterior may assume of each nuisance of stars with labels (N, 4).

    The terms of the continuum are `continuum0` to `continuum4`. everywhere: as for `draw`. `snr` and
    `noise_scale` are left out: they change the noise, not the spectrum.
    """
    mean, spread = nitrogen(labels, config)
    spread = np.where(everywhere, _reach(mean, config) / np.sqrt(3), spread)
    numbers = {
        "shift_kms": (0.0, config.shift_kms),
        "broadening_kms": (config.broadening_kms / 2, config.broadening_kms / np.sqrt(12)),
        "calcium_depth": ((config.calcium > 0) * config.calcium_mean, config.calcium),
        "pseudo_continuum": (config.pseudo_continuum / 2, config.pseudo_continuum / np.sqrt(12)),
        "dib_depth": (config.dib_depth, config.dib_depth),
        "dib_velocity_kms": (0.0, DIB_SPREAD_KMS * (config.dib_depth > 0)),
    }
    numbers |= {
        name: (config.calcium_nlte * share, config.calcium_lines)
        for name, share in zip(CALCIUM_LINES, NLTE_SHARE.tolist(), strict=True)
    }
    numbers |= {f"continuum{i}": (0.0, rms) for i, rms in enumerate(continuum_spread(config).tolist())}
    same = {name: Prior(np.full(len(labels), m), np.full(len(labels), s)) for name, (m, s) in numbers.items()}
    return same | {"cn": Prior(mean, spread)}


def signal_to_noise(u: np.ndarray, limits: tuple[float, float] | None) -> np.ndarray:
    """(N,) S/N of the continuum per 0.03 nm pixel from uniform numbers u (N,).

    Log-uniform in `limits`; without limits log-normal, cut at SNR_RANGE.
    """
    if limits is not None:
        low, high = limits
        return low * (high / low) ** u
    low, high = ndtr(np.log(np.array(SNR_RANGE) / SNR_MEDIAN) / SNR_SPREAD)
    return SNR_MEDIAN * np.exp(SNR_SPREAD * ndtri(low + (high - low) * u))


def _tied(u: np.ndarray, teff: np.ndarray, config: NuisanceConfig) -> np.ndarray:
    """Uniform numbers, tied to teff by a Gaussian copula where the configuration wants that.

    The copula standardises teff roughly: 5000 ± 600 K.
    """
    rho = config.broadening_teff_correlation
    if not rho:
        return u
    return ndtr(rho * np.clip((teff - 5000) / 600, -2, 2) + np.sqrt(1 - rho**2) * ndtri(u))
