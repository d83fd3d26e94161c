"""The rows beside a latent: the representations and nulls without which its numbers mean nothing.

Shapes: N stars, L pixels, Z latent numbers, T removed labels.
"""

import numpy as np

from ..data.spectra import SpectraSet

REENCODINGS = 16
COMPONENTS = 25
ROWS = {  # beside the exported latent z
    "mean": "μ(x), before the latent's noise; never exported",
    "reencoded_16": "the mean of 16 exports of the same stars under different noise",
    "spectrum": "the spectrum itself (but for ridge: 100 principal components of it)",
    "pca_25": "25 principal components of the spectrum",
    "plain": "the latent of a plain auto-encoder",
    "plain_erased": "the plain latent after the best linear erasure of the removed labels (LEACE)",
    "shuffled": "the exported latent, each star with another star's: what a probe reads of nothing",
    "labels_only": "the kept labels alone: the floor",
}


def pixels(model, stars: SpectraSet) -> np.ndarray:
    """(N, L) flux with masked pixels at their mean over the stars."""
    flux = np.where(stars.mask, np.nan, stars.flux).astype(float)
    centre = np.nanmean(np.where(stars.mask.all(0), 0.0, flux), 0)
    return np.where(np.isfinite(flux), flux, centre)


def reencoded(model, stars: SpectraSet, times: int = REENCODINGS) -> np.ndarray:
    """(N, Z) mean of `times` exports with seeds 1, 2, …: what a reader gets who can ask again and again."""
    return np.mean([model.encode(stars, seed=1 + i).z for i in range(times)], 0)


def principal(flux: np.ndarray, seed: int = 0) -> np.ndarray:
    """(N, 25) principal components of flux (N, L)."""
    from sklearn.decomposition import PCA

    return PCA(min(COMPONENTS, *flux.shape), random_state=seed).fit_transform(flux)


def representations(
    model, stars: SpectraSet, plain=None, seed: int = 0, wanted: tuple[str, ...] = tuple(ROWS)
) -> dict:
    """{row name: (N, D)} of `z` and every wanted row that exists here; `plain_erased` and `labels_only` need
    labels, come later.

    μ and the re-encodings of a recipe without noise are its latent, so they are left out.
    """
    z = model.encode(stars).z
    makers = {
        "mean": lambda: model.encode_mean(stars),
        "reencoded_16": lambda: reencoded(model, stars),
        "spectrum": lambda: pixels(model, stars),
        "pca_25": lambda: principal(pixels(model, stars), seed),
        "plain": lambda: plain.encode(stars).z,
        "shuffled": lambda: z[np.random.default_rng([seed, 3]).permutation(len(z))],
    }
    absent = () if model.config.model.noise else ("mean", "reencoded_16")
    absent += () if plain is not None else ("plain",)
    return {"z": z} | {row: make() for row, make in makers.items() if row in wanted and row not in absent}
