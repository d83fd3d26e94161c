"""The rows beside a latent: the representations and nulls without which its numbers mean nothing.

Shapes: N stars, L pixels, Z latent.
"""

from collections.abc import Callable

import numpy as np

from ..data.noise_key import NoiseKey
from ..data.protocols import StarModel
from ..data.spectra import SpectraSet

REENCODINGS = 16
COMPONENTS = 25
ROWS = {  # beside the exported latent z
    "mean": "μ(x), before the latent's noise; never exported",
    "reencoded_16": "the mean of 16 exports of the same stars under 16 different keys",
    "spectrum": "the spectrum itself (for all probes but ridge: 100 principal components of it)",
    "pca_25": "25 principal components of the spectrum",
    "plain": "the latent of a plain auto-encoder",
    "plain_erased": "the plain latent after the best linear erasure of the removed labels (LEACE)",
    "shuffled": "the exported latent, each star with another star's: what a probe reads of nothing",
    "labels_only": "the kept labels alone: the floor",
}


def representations(
    model: StarModel,
    stars: SpectraSet,
    plain: StarModel | None = None,
    seed: int = 0,
    rows: tuple[str, ...] = tuple(ROWS),
) -> dict[str, np.ndarray]:
    """{row: (N, D)} of `z` and of every one of `rows` that exists here.

    μ and the re-encodings of a recipe without noise are its latent, so they are left out. `plain_erased` and
    `labels_only` need labels and come later.
    """
    z = model.encode(stars).z
    makers: dict[str, Callable[[], np.ndarray]] = {}
    if model.config.model.noise:
        makers |= {
            "mean": lambda: model.encode_mean(stars),
            "reencoded_16": lambda: reencoded(model, stars, seed),
        }
    makers |= {"spectrum": lambda: pixels(stars), "pca_25": lambda: principal(pixels(stars), seed)}
    if plain is not None:
        makers |= {"plain": lambda: plain.encode(stars, key=model.key).z}
    makers |= {"shuffled": lambda: shuffled(z, seed)}
    return {"z": z} | {row: make() for row, make in makers.items() if row in rows}


def shuffled(z: np.ndarray, seed: int = 0) -> np.ndarray:
    """The rows of z (N, Z) in another order."""
    return z[np.random.default_rng([seed, 3]).permutation(len(z))]


def pixels(stars: SpectraSet) -> np.ndarray:
    """(N, L) flux with masked pixels at their mean over the stars, or 0 where no star has that pixel."""
    flux = np.where(stars.mask, np.nan, stars.flux).astype(float)
    centre = np.nanmean(np.where(stars.mask.all(0), 0.0, flux), 0)
    return np.where(np.isfinite(flux), flux, centre)


def reencoded(model: StarModel, stars: SpectraSet, seed: int, times: int = REENCODINGS) -> np.ndarray:
    """(N, Z) mean of `times` exports under as many throw-away keys: what a reader gets who has the encoder.

    One installation's exports of a star all have the same noise, and do not average out.
    """
    keys = (NoiseKey.from_seed(seed, draw=1 + i) for i in range(times))
    return np.mean([model.encode(stars, key=key).z for key in keys], 0)


def principal(flux: np.ndarray, seed: int = 0) -> np.ndarray:
    """(N, 25) principal components of flux (N, L)."""
    from sklearn.decomposition import PCA

    return PCA(min(COMPONENTS, *flux.shape), random_state=seed).fit_transform(flux)
