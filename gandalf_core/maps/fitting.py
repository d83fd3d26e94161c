"""Making a map: t-SNE, UMAP or PCA of spectra or latents.

Shapes: N stars, D numbers per star, R numbers in which neighbours are found, P labels.
"""

import os
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..data.components import principal
from ..errors import ConfigError, SpectraError
from ..jobs.progress import Progress, silent
from .neighbours import nearest
from .projection import METHODS, Projection, check_finite, reduced

MIN_STARS = 10
# with more principal components, distances between spectra are noise, and a stored map is large
REDUCE_TO = 50
# of t-SNE; more of any lowers its loss but did not raise the k-NN R² of the map
EXAGGERATED, ITERATIONS, EXAGGERATION = 125, 250, 12
INTERPOLATE_FROM = 1500  # stars; fewer are faster with Barnes-Hut forces
MIN_DISTANCE = 0.1  # of UMAP


@dataclass(frozen=True)
class MapSettings:
    """What a map depends on beside the stars.

    perplexity: of t-SNE.  neighbours: of UMAP.  seed: of t-SNE and UMAP; None lets UMAP use several threads,
    and no two of its maps are then alike.
    """

    seed: int | None = 0
    perplexity: float = 30
    neighbours: int = 15

    def used(self, method: str, n_stars: int) -> dict[str, Any]:
        """What a map of N stars by this method depends on; limited by the number of stars."""
        if method == "pca":
            return {}
        if method == "umap":
            neighbours = int(min(self.neighbours, n_stars - 1))
            return {"seed": self.seed, "neighbours": neighbours, "min_dist": MIN_DISTANCE}
        return {
            "seed": self.seed,
            "perplexity": float(min(self.perplexity, (n_stars - 1) / 3)),
            "iterations": [EXAGGERATED, ITERATIONS],
            "exaggeration": EXAGGERATION,
        }


@dataclass(frozen=True, eq=False)
class MapStars:
    """Whose map it is: ids (N,), default 0 to N−1, and labels (N, P) in physical units with their names."""

    ids: np.ndarray | None = None
    labels: np.ndarray | None = None
    label_names: tuple[str, ...] = field(default=())


STANDARD = MapSettings()
UNNAMED = MapStars()


def fit_projection(
    x: np.ndarray,
    method: str = "tsne",
    settings: MapSettings = STANDARD,
    *,
    stars: MapStars = UNNAMED,
    n_jobs: int = -1,
    progress: Progress = silent,
) -> Projection:
    """A map of x (N, D), distances taken as they are: scale x first if its numbers are not alike.

    t-SNE and UMAP start at the first two principal components (Kobak & Berens 2019) and see at most
    `REDUCE_TO` components. n_jobs: threads, −1 for all; UMAP's layout uses one where there is a seed.
    progress: called with the fraction done (t-SNE only); raising from it cancels.

    Raises ConfigError for an unknown method, SpectraError for fewer than `MIN_STARS` stars or values that are
    not finite.
    """
    if method not in METHODS:
        raise ConfigError(f"no projection '{method}'; there are: {', '.join(METHODS)}")
    x = np.ascontiguousarray(x, np.float32)
    if x.ndim != 2 or len(x) < MIN_STARS:
        raise SpectraError(f"a map needs at least {MIN_STARS} stars, not an array of shape {x.shape}")
    check_finite(x, SpectraError)
    mean, components = _reduction(x, method)
    x_reduced, used = reduced(x, mean, components), settings.used(method, len(x))
    return Projection(
        xy=_layout(x_reduced, method, used, n_jobs, progress).astype(np.float32),
        x=x_reduced,
        method=method,
        settings=used,
        mean=mean,
        components=components,
        ids=np.arange(len(x)).astype(str) if stars.ids is None else np.asarray(stars.ids, dtype=str),
        labels=np.empty((len(x), 0)) if stars.labels is None else np.asarray(stars.labels, np.float64),
        label_names=tuple(stars.label_names),
    )


def _reduction(x: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and components (R, D) in which neighbours are found; no components for a narrow input."""
    if method == "pca":
        return principal(x, 2)
    if x.shape[1] > REDUCE_TO:
        return principal(x, REDUCE_TO)
    return np.zeros(x.shape[1], np.float32), np.empty((0, x.shape[1]), np.float32)


def _layout(
    x: np.ndarray, method: str, settings: dict[str, Any], n_jobs: int, progress: Progress
) -> np.ndarray:
    """(N, 2) coordinates of the stars, from the numbers (N, R) in which neighbours are found."""
    if method == "tsne":
        return _fit_tsne(x, settings, _threads(n_jobs), progress)
    if method == "umap":
        return _fit_umap(x, settings, 1 if settings["seed"] is not None else _threads(n_jobs))
    return x


def _start(x: np.ndarray, spread: float) -> np.ndarray:
    """(N, 2) first two principal components, the first with standard deviation `spread`."""
    xy = reduced(x, *principal(x, 2)).astype(np.float64)
    return xy * spread / max(xy[:, 0].std(), 1e-12)


def _fit_tsne(x: np.ndarray, settings: dict[str, Any], threads: int, progress: Progress) -> np.ndarray:
    """(N, 2) by openTSNE, at the learning rate N / exaggeration (Belkina et al. 2019).

    The forces of large maps are interpolated (Linderman et al. 2019).
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PrecomputedAffinities, joint_probabilities_nn

    perplexity = settings["perplexity"]
    distance, index = nearest(x, int(min(3 * perplexity, len(x) - 1)))
    probabilities = joint_probabilities_nn(index, distance, [perplexity], n_jobs=threads)
    affinities = PrecomputedAffinities(probabilities, normalize=False)
    forces = "bh" if len(x) < INTERPOLATE_FROM else "fft"
    embedding = TSNEEmbedding(_start(x, 1e-4), affinities, negative_gradient_method=forces, n_jobs=threads)
    first, second = settings["iterations"]
    total = first + second
    embedding = embedding.optimize(
        first, exaggeration=settings["exaggeration"], momentum=0.5, **_callbacks(progress, 0, total)
    )
    return np.asarray(embedding.optimize(second, momentum=0.8, **_callbacks(progress, first, total)))


def _callbacks(progress: Progress, done: int, total: int) -> dict[str, Any]:
    """openTSNE's arguments for a progress; none for a silent one, since each call costs it a loss."""
    if progress is silent:
        return {}

    def report(step: int, error: float, xy: np.ndarray) -> None:
        progress((done + step) / total, "t-SNE")

    return {"callbacks": [report], "callbacks_every_iters": 25}


def _threads(n_jobs: int) -> int:
    """openTSNE counts the machine's cores; an OMP_NUM_THREADS set from outside must bind it too."""
    if n_jobs > 0:
        return n_jobs
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(limit)) if limit.isdigit() else cores


def _fit_umap(x: np.ndarray, settings: dict[str, Any], threads: int) -> np.ndarray:
    """(N, 2) by umap-learn (McInnes, Healy & Melville 2018) on exact neighbours.

    Imported here, because numba takes seconds to load.
    """
    import umap
    from threadpoolctl import threadpool_limits

    count = settings["neighbours"]
    distance, index = nearest(x, count, x)  # UMAP counts the star itself among its neighbours
    # numba sets OpenMP's number of threads for the whole process, and a training after it would crawl: the
    # context puts it back
    with threadpool_limits(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no search index is made: `place` has its own way
        fitted = umap.UMAP(
            n_neighbors=count,
            min_dist=settings["min_dist"],
            init=_start(x, 1.0),  # pyright: ignore[reportArgumentType] - inferred from "spectral"
            random_state=settings["seed"],
            precomputed_knn=(index, distance.astype(np.float32)),
            n_jobs=threads,
        ).fit(x)
    return np.asarray(fitted.embedding_)
