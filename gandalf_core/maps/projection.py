"""Maps in two dimensions (PCA, t-SNE, UMAP) that can place new stars, without pickles.

A map illustrates; it is no evidence of removal: `neighbour_r2` says how much of a label the map itself shows.
Shapes: N stars of the map, M new stars, D numbers a star (latent or pixels), R numbers kept for neighbours, P
labels.
"""

import hashlib
import json
import os
import warnings
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ..data.components import principal
from ..errors import ConfigError, ModelError, SpectraError
from ..jobs.progress import Progress, silent
from .neighbours import nearest, neighbour_r2

METHODS = ("tsne", "umap", "pca")
# beyond this many principal components, distances between spectra are noise and a stored map is large
REDUCE_TO = 50
MIN_STARS = 10
# more of either lowers KL but did not raise the k-NN R² of the map
EXAGGERATED, ITERATIONS, EXAGGERATION = 125, 250, 12
INTERPOLATE_FROM = 1500  # stars; fewer are faster with Barnes-Hut forces
PLACE_ITERATIONS, PLACE_PERPLEXITY, PLACE_NEIGHBOURS = 250, 5.0, 15
LOST = 1e3  # times the spread of a map's stars
PLACE_ROUNDS = 20
ARRAYS = ("xy", "x", "mean", "components", "ids", "labels", "label_names")


@dataclass(frozen=True, eq=False)
class Projection:
    """A map of N stars.

    Attributes
    ----------
    xy: (N, 2) float32 map coordinates.  x: (N, R) float32, what the neighbours were found in: the input
    itself, or its principal components.  mean (D,), components (R, D): that reduction; components has no rows
    where there is none.
    method: tsne, umap or pca.  settings: JSON-serialisable, all that the map depends on.
    ids: (N,) strings.  labels: (N, P) in physical units, NaN = missing.  label_names: P names.
    """

    xy: np.ndarray
    x: np.ndarray
    method: str
    settings: dict
    ids: np.ndarray
    mean: np.ndarray
    components: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.xy)

    def place(self, x_new: np.ndarray) -> np.ndarray:
        """(M, 2) places of new stars, x_new (M, D), in the map as it stands; each star is placed by itself.

        pca: the stored components.  tsne: openTSNE's partial embedding, rebuilt from the stored vectors and
        coordinates (Poličar, Stražar & Zupan 2024, J. Stat. Softw. 109, 3), started at the median of the
        nearest neighbours.
        umap: geometric median of the nearest neighbours' coordinates, weighted by distance in `x`: an
        approximation, since UMAP's own transform needs its fitted object.  A star already in the map gets its
        own place; one farther out than `LOST` times the spread of the map's stars gets none (NaN): it has no
        neighbours, and openTSNE would fail there.

        Raises ModelError when x_new has another width than the map's input or is not finite.
        """
        x_new = np.asarray(x_new, np.float32)
        if x_new.ndim != 2 or x_new.shape[1] != len(self.mean):
            raise ModelError(
                f"this map was made from {len(self.mean)} numbers a star, not from an array of shape {x_new.shape}"
            )
        _check_finite(x_new, ModelError)
        if not len(x_new):
            return np.empty((0, 2), np.float32)
        reduced = _reduce(x_new, self.mean, self.components)
        if self.method == "pca":
            return reduced
        xy = np.full((len(x_new), 2), np.nan, np.float32)
        near = self._reach(reduced)
        if near.any():
            xy[near] = self._among_neighbours(reduced[near])
        return xy

    def _reach(self, reduced: np.ndarray) -> np.ndarray:
        """(M,) true where a star lies within `LOST` times the spread of the map's own stars; in float64,
        which can hold it.
        """
        off = reduced.astype(np.float64) - self.x.mean(0)
        return (off**2).sum(1) < LOST**2 * self.x.var(0, dtype=np.float64).sum()

    def _among_neighbours(self, reduced: np.ndarray) -> np.ndarray:
        distance, index = nearest(self.x, min(PLACE_NEIGHBOURS, len(self)), reduced)
        place = _place_tsne if self.method == "tsne" else _place_umap
        xy = place(self, distance, index)
        same = distance[:, 0] < 1e-4 * distance[:, -1]
        xy[same] = self.xy[index[same, 0]]
        return xy

    def neighbour_r2(self, k: int = 10) -> dict[str, float]:
        """`neighbour_r2` of the map's own labels, by name."""
        return dict(zip(self.label_names, neighbour_r2(self.xy, self.labels, k).tolist(), strict=True))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays for `np.savez`; method and settings as one JSON string."""
        stored = {name: np.asarray(getattr(self, name)) for name in ARRAYS}
        stored["label_names"] = np.asarray(self.label_names, dtype=str)
        return stored | {
            "settings": np.array(json.dumps({"method": self.method, **self.settings}, sort_keys=True))
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Projection":
        """The inverse of `arrays`. Raises ModelError naming what is missing."""
        missing = {*ARRAYS, "settings"} - set(arrays)
        if missing:
            raise ModelError(f"a stored map lacks {', '.join(sorted(missing))}: make it again")
        settings = json.loads(str(arrays["settings"]))
        stored = {name: np.asarray(arrays[name]) for name in ARRAYS}
        stored["label_names"] = tuple(stored["label_names"].tolist())
        return cls(method=settings.pop("method"), settings=settings, **stored)

    @cached_property
    def _reference(self):
        """(openTSNE embedding with its force grid, middle (2,)) of this map; prepared once for all
        placements.
        """
        from openTSNE import TSNEEmbedding
        from openTSNE.affinity import PrecomputedAffinities
        from scipy.sparse import csr_matrix

        middle = (self.xy.max(0) + self.xy.min(0)) / 2
        # the map's own stars stand still
        unused = PrecomputedAffinities(csr_matrix((len(self), len(self))), normalize=False)
        embedding = TSNEEmbedding(self.xy - middle, unused, negative_gradient_method="fft")
        embedding.prepare_interpolation_grid()
        return embedding, middle


def fit_projection(
    x: np.ndarray,
    method: str = "tsne",
    *,
    seed: int | None = 0,
    perplexity: float = 30,
    neighbours: int = 15,
    ids: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    label_names: tuple[str, ...] = (),
    n_jobs: int = -1,
    progress: Progress = silent,
) -> Projection:
    """A map of x (N, D), distances taken as they are: scale x before, if its numbers are not alike.

    t-SNE (perplexity) and UMAP (neighbours) start at the first two principal components (Kobak & Berens 2019)
    and see at most `REDUCE_TO` components. n_jobs threads, −1 for all; UMAP's layout uses one thread unless
    seed is None, since only then is it reproducible. `progress` is called with the fraction done (t-SNE
    only); raising from it cancels.

    Raises ConfigError for an unknown method, SpectraError for fewer than `MIN_STARS` stars or values not
    finite.
    """
    if method not in METHODS:
        raise ConfigError(f"no projection '{method}'; there are: {', '.join(METHODS)}")
    x = np.ascontiguousarray(x, np.float32)
    if x.ndim != 2 or len(x) < MIN_STARS:
        raise SpectraError(f"a map needs at least {MIN_STARS} stars, not an array of shape {x.shape}")
    _check_finite(x, SpectraError)
    if method == "pca" or x.shape[1] > REDUCE_TO:
        mean, components = principal(x, 2 if method == "pca" else REDUCE_TO)
    else:
        mean, components = np.zeros(x.shape[1], np.float32), np.empty((0, x.shape[1]), np.float32)
    reduced = _reduce(x, mean, components)
    settings = _settings(method, len(x), seed, perplexity, neighbours)
    xy = {"pca": _fit_pca, "tsne": _fit_tsne, "umap": _fit_umap}[method](reduced, settings, n_jobs, progress)
    ids = np.arange(len(x)).astype(str) if ids is None else np.asarray(ids, dtype=str)
    labels = np.empty((len(x), 0)) if labels is None else np.asarray(labels, np.float64)
    return Projection(
        xy.astype(np.float32), reduced, method, settings, ids, mean, components, labels, tuple(label_names)
    )


def cached_projection(
    x: np.ndarray,
    method: str,
    cache_dir: str | Path,
    *,
    n_jobs: int = -1,
    progress: Progress = silent,
    **settings,
) -> Projection:
    """`fit_projection`, kept in `cache_dir` under a hash of x and everything else the map depends on or
    carries.
    """
    path = Path(cache_dir) / f"{method}-{_content_hash(x, settings)}.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Projection.from_arrays(dict(stored))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        pass  # not there yet, or a file cut short by an interruption: made again
    projection = fit_projection(x, method, n_jobs=n_jobs, progress=progress, **settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    with partial.open("wb") as file:
        np.savez(file, **projection.arrays())
    partial.replace(path)
    return projection


def _check_finite(x: np.ndarray, error: type[Exception]) -> None:
    bad = int((~np.isfinite(x)).any(1).sum())
    if bad:
        raise error(f"{bad} of {len(x)} stars have values that are not finite: fill masked pixels first")


def _settings(method: str, n_stars: int, seed: int | None, perplexity: float, neighbours: int) -> dict:
    if method == "pca":
        return {}
    if method == "umap":
        return {"seed": seed, "neighbours": int(min(neighbours, n_stars - 1)), "min_dist": 0.1}
    perplexity = float(min(perplexity, (n_stars - 1) / 3))
    return {
        "seed": seed,
        "perplexity": perplexity,
        "iterations": [EXAGGERATED, ITERATIONS],
        "exaggeration": EXAGGERATION,
    }


def _reduce(x: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    return (x - mean) @ components.T if len(components) else x


def _fit_pca(x: np.ndarray, settings: dict, n_jobs: int, progress: Progress) -> np.ndarray:
    return x


def _start(x: np.ndarray, spread: float) -> np.ndarray:
    """(N, 2) first two principal components, the first with standard deviation `spread`."""
    mean, components = principal(x, 2)
    xy = _reduce(x, mean, components).astype(np.float64)
    return xy * spread / max(xy[:, 0].std(), 1e-12)


def _fit_tsne(x: np.ndarray, settings: dict, n_jobs: int, progress: Progress) -> np.ndarray:
    """openTSNE, forces of large maps interpolated (Linderman et al. 2019), rate N / exaggeration (Belkina et
    al. 2019).
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PrecomputedAffinities, joint_probabilities_nn

    jobs = _threads(n_jobs)
    distance, index = nearest(x, int(min(3 * settings["perplexity"], len(x) - 1)))
    affinities = PrecomputedAffinities(
        joint_probabilities_nn(index, distance, [settings["perplexity"]], n_jobs=jobs), normalize=False
    )
    forces = "bh" if len(x) < INTERPOLATE_FROM else "fft"
    embedding = TSNEEmbedding(_start(x, 1e-4), affinities, negative_gradient_method=forces, n_jobs=jobs)
    first, second = settings["iterations"]
    total = first + second
    embedding = embedding.optimize(
        first, exaggeration=settings["exaggeration"], momentum=0.5, **_callbacks(progress, 0, total)
    )
    return np.asarray(embedding.optimize(second, momentum=0.8, **_callbacks(progress, first, total)))


def _callbacks(progress: Progress, done: int, total: int) -> dict:
    if progress is silent:  # each call costs openTSNE an evaluation of its loss
        return {}
    return {
        "callbacks": [lambda step, error, xy: progress((done + step) / total, "t-SNE")],
        "callbacks_every_iters": 25,
    }


def _threads(n_jobs: int) -> int:
    """openTSNE counts the machine's cores; an OMP_NUM_THREADS set from outside must bind it too."""
    if n_jobs > 0:
        return n_jobs
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(limit)) if limit.isdigit() else cores


def _place_tsne(projection: Projection, distance: np.ndarray, index: np.ndarray) -> np.ndarray:
    from openTSNE.affinity import joint_probabilities_nn
    from openTSNE.tsne import PartialTSNEEmbedding

    reference, middle = projection._reference
    perplexity = min(PLACE_PERPLEXITY, index.shape[1] / 3)
    affinities = joint_probabilities_nn(
        index,
        distance,
        [perplexity],
        symmetrize=False,
        normalization="point-wise",
        n_reference_samples=len(projection),
    )
    start = np.median(np.asarray(reference)[index], 1)
    new = PartialTSNEEmbedding(start, reference, affinities, negative_gradient_method="fft")
    new = new.optimize(
        PLACE_ITERATIONS, learning_rate=0.1, exaggeration=1.5, momentum=0.8, max_grad_norm=0.25
    )
    return np.asarray(new) + middle


def _fit_umap(x: np.ndarray, settings: dict, n_jobs: int, progress: Progress) -> np.ndarray:
    """umap-learn (McInnes, Healy & Melville 2018) on exact neighbours; imported here, because numba takes
    seconds to load.
    """
    import umap
    from threadpoolctl import threadpool_limits

    count = settings["neighbours"]
    distance, index = nearest(x, count, x)  # UMAP counts the star itself among its neighbours
    seed = settings["seed"]
    # numba sets OpenMP's number of threads for the whole process, and a training after it crawls: the context
    # puts it back
    with threadpool_limits(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no search index is kept: `place` has its own way
        fitted = umap.UMAP(
            n_neighbors=count,
            min_dist=settings["min_dist"],
            init=_start(x, 1.0),
            random_state=seed,
            precomputed_knn=(index, distance.astype(np.float32)),
            n_jobs=1 if seed is not None else _threads(n_jobs),
        ).fit(x)
    return fitted.embedding_


def _place_umap(projection: Projection, distance: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Weights fall as exp(−d / scale) beyond the nearest neighbour, as UMAP's membership strengths do.

    The weighted geometric median (Weiszfeld's iteration), because a mean of neighbours on two islands lies in
    the sea.
    """
    beyond = distance - distance[:, :1]
    strength = np.exp(-beyond / np.maximum(beyond.mean(1, keepdims=True), 1e-12))
    near = projection.xy[index].astype(np.float64)  # (M, k, 2)
    weights = strength
    for _ in range(PLACE_ROUNDS):
        xy = np.einsum("mk,mkc->mc", weights / weights.sum(1, keepdims=True), near)
        weights = strength / np.maximum(np.linalg.norm(near - xy[:, None], axis=2), 1e-3)
    return xy


def _content_hash(x: np.ndarray, settings: dict) -> str:
    digest = hashlib.sha256()
    for name, value in [("x", np.ascontiguousarray(x, np.float32)), *sorted(settings.items())]:
        digest.update(f"{name}:{np.shape(value)}:".encode())
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else json.dumps(value).encode())
    return digest.hexdigest()[:24]
