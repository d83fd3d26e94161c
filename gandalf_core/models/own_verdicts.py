"""The verdict on stars that no synthetic spectrum describes: by the model's own reconstruction.

What the reconstruction of ordinary stars misses at each pixel, beyond their noise, is learnt from reference
stars, and the same stars say how far ordinary ones stray. Shapes: N stars, L pixels, Z latent.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import correlate1d

from ..data.spectra import SpectraSet
from .ordinary import Ordinary, Sample, fit_ordinary
from .reasons import FAINT_SNR, FAR, NOISY, NORMAL, OUTSIDE, TELLING, UNUSUAL, with_odds

WEIGHTS = {"misfit": 0.4, "local": 0.3, "distance": 0.3}  # of the measures in the score
WIDTHS = (1, 2, 4)  # pixels, standard deviations of the local deviations that are looked for
LEAST_ERROR = 1e-4
FAINTEST = 1.0  # the S/N that stands for one that is not known


class OwnFit(NamedTuple):
    """Of N stars, (N,) each.

    chi2: per pixel.  local, local_nm, local_height: the largest deviation a few pixels wide, in units of its
    error, where and how large.  distance: from the middle of the latent.  snr: per pixel.
    """

    chi2: np.ndarray
    local: np.ndarray
    local_nm: np.ndarray
    local_height: np.ndarray
    distance: np.ndarray
    snr: np.ndarray


def pixel_errors(stars: SpectraSet, guess: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """(L,) rms of what reconstructions (N, L) of ordinary stars miss, beyond the noise; hidden: (N, L)."""
    known = stars.flux_error is not None
    noise = np.square(np.nan_to_num(stars.flux_error)) if stars.flux_error is not None else 0.0
    excess = np.where(hidden, np.nan, np.square(np.nan_to_num(stars.flux) - guess) - (noise if known else 0))
    count = np.maximum(np.isfinite(excess).sum(0), 1)
    mean = np.nan_to_num(excess).sum(0) / count
    smooth = correlate1d(mean, np.ones(9) / 9, mode="nearest")  # few stars say little of a single pixel
    return np.sqrt(np.maximum(smooth, LEAST_ERROR**2))


def own_fit(
    stars: SpectraSet, guess: np.ndarray, hidden: np.ndarray, errors: np.ndarray, distance: np.ndarray
) -> OwnFit:
    """How stars deviate from their reconstructions (N, L).

    hidden: (N, L) pixels that do not count.  errors: (L,) as `pixel_errors` gives them.  distance: (N,).
    """
    noise = np.square(np.nan_to_num(stars.flux_error)) if stars.flux_error is not None else 0.0
    weights = np.where(hidden, 0.0, 1 / (noise + np.square(errors)))
    residual = np.where(hidden, 0.0, np.nan_to_num(stars.flux) - guess)
    chi2 = (weights * residual**2).sum(1) / np.maximum((~hidden).sum(1), 1)
    sizes, heights = [], []
    for width in WIDTHS:
        shape = np.exp(-0.5 * (np.arange(-4 * width, 4 * width + 1) / width) ** 2)
        information = correlate1d(weights, shape**2, axis=1, mode="constant")
        information = np.where(information > 0, information, np.inf)
        signal = correlate1d(weights * residual, shape, axis=1, mode="constant")
        sizes.append(np.abs(signal) / np.sqrt(information))
        heights.append(signal / information)
    size = np.concatenate(sizes, 1)
    best, row = size.argmax(1), np.arange(len(chi2))
    return OwnFit(
        chi2=chi2,
        local=size[row, best] / np.sqrt(np.maximum(chi2, 1e-12)),
        local_nm=stars.wavelength_nm[best % residual.shape[1]],
        local_height=np.concatenate(heights, 1)[row, best],
        distance=distance,
        snr=np.maximum(np.nan_to_num(stars.snr, nan=FAINTEST), FAINTEST),
    )


def own_ordinary(fit: OwnFit, with_errors: bool) -> Ordinary:
    """What is ordinary, from the fits of reference stars."""
    return fit_ordinary([Sample(_measures(fit, with_errors), fit.snr, _class(fit))], WEIGHTS)


def own_score(fit: OwnFit, ordinary: Ordinary, with_errors: bool) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(N,) score, and the probability of a larger deviation by measure (N,)."""
    rare = ordinary.rareness(_measures(fit, with_errors), fit.snr, _class(fit))
    return ordinary.score(rare, fit.snr, _class(fit)), rare


def own_reason(
    fit: OwnFit, ordinary: Ordinary, rare: dict[str, np.ndarray], score: np.ndarray, row: int
) -> tuple[str, str, bool]:
    """The word, the reason and whether a star is outside, for the star in this row."""
    usual = float(np.exp(ordinary.quantile("misfit", fit.snr[row : row + 1], np.ones((1, 1)), 0.95))[0])
    misfit = (
        f"its reconstruction has chi² {fit.chi2[row]:.2f}; that of 19 in 20 stars like those that trained "
        f"the model is below {usual:.2f}"
    )
    far = (
        f"its latent lies {fit.distance[row]:.1f} from the middle of the training stars', farther than theirs"
    )
    beyond = [text for text, name in ((misfit, "misfit"), (far, "distance")) if rare[name][row] < FAR]
    if beyond:
        return OUTSIDE, with_odds(beyond[0], score[row]), True
    if score[row] > UNUSUAL:
        local = (
            f"a deviation of {fit.local_height[row]:+.3g} near {fit.local_nm[row]:.2f} nm in an otherwise "
            "ordinary reconstruction"
        )
        telling = [
            text
            for text, name in ((local, "local"), (misfit, "misfit"), (far, "distance"))
            if rare[name][row] < TELLING * WEIGHTS[name]
        ]
        return NOISY, with_odds((telling or [misfit])[0], score[row]), False
    if FAINTEST < fit.snr[row] < FAINT_SNR:
        return NOISY, f"S/N {fit.snr[row]:.0f} per pixel: noise hides most of what could be unusual", False
    return NORMAL, f"its reconstruction has chi² {fit.chi2[row]:.2f}, and nothing stands out", False


def _measures(fit: OwnFit, with_errors: bool) -> dict[str, np.ndarray]:
    """What is compared with ordinary stars; without flux errors chi² says nothing where they have some."""
    misfit = np.log(np.maximum(fit.chi2, 1e-12))
    return {
        "misfit": misfit if with_errors else np.full(len(misfit), np.nan),
        "local": np.log(np.maximum(fit.local, 1e-12)),
        "distance": np.log(np.maximum(fit.distance, 1e-12)),
    }


def _class(fit: OwnFit) -> np.ndarray:
    return np.ones((len(fit.snr), 1))
