"""t-SNE against scikit-learn's, and the paper's regressor on latents against spectra."""

import os
import time

import numpy as np

from benchmarks.encoding import untrained
from benchmarks.rows import Row, sample, training_split
from gandalf_core.data.splits import split
from gandalf_core.maps.fitting import fit_projection
from gandalf_core.maps.neighbours import neighbour_r2

ITERATIONS = 4  # of a regressor
EQUAL = 0.001  # maps whose R² differs by less are equally good: another seed changes it by as much


def tsne(quick: bool) -> list[Row]:
    """Same stars, perplexity and seed; our map must show the labels as well as scikit-learn's."""
    from sklearn.manifold import TSNE

    z, labels = _latents(quick)
    fit_projection(z[:300], "tsne")  # imports and compiled code
    started = time.perf_counter()
    ours = fit_projection(z, "tsne").xy
    middle = time.perf_counter()
    theirs = TSNE(perplexity=30, init="pca", random_state=0, n_jobs=os.cpu_count()).fit_transform(z)
    ended = time.perf_counter()
    r2 = [float(neighbour_r2(xy, labels).mean()) for xy in (ours, theirs)]
    beside = {
        "seconds": middle - started,
        "sklearn_seconds": ended - middle,
        "r2_in_map": r2[0],
        "sklearn_r2_in_map": r2[1],
        "stars": len(z),
    }
    ratio = (ended - middle) / (middle - started)
    return [
        Row(
            "tsne", "t-SNE: scikit-learn's time / time", ratio, 2, 4, True, beside, fair=r2[0] > r2[1] - EQUAL
        )
    ]


def _latents(quick: bool) -> tuple[np.ndarray, np.ndarray]:
    """Latents of the test stars by the shipped auto-encoder; without it, 25 principal components."""
    from gandalf_core.errors import ModelError
    from gandalf_core.models.store import load_model

    stars = sample(quick)
    tested = stars[split(stars.ids)[1]]
    try:
        return load_model("autoencoder").encode(tested).z, tested.labels
    except ModelError:
        from sklearn.decomposition import PCA

        return PCA(25, random_state=0).fit_transform(tested.flux).astype(np.float32), tested.labels


def regressors(quick: bool) -> list[Row]:
    """The paper's MLPRegressor, a fixed number of iterations, on 800 pixels and on 25 latent dimensions."""
    from sklearn.neural_network import MLPRegressor

    stars = training_split(quick)
    spectra = (stars.flux - stars.flux.mean(0)) / stars.flux.std(0)
    y = (stars.labels - stars.labels.mean(0)) / stars.labels.std(0)
    z = untrained(stars).encode_mean(stars)
    times = {}
    for name, x in (("spectra", spectra), ("latents", z / z.std(0))):
        net = MLPRegressor(
            hidden_layer_sizes=(200, 100),
            max_iter=ITERATIONS,
            tol=0.0,
            n_iter_no_change=ITERATIONS + 1,
            random_state=0,
        )
        started = time.perf_counter()
        _quietly(net.fit, x.astype(np.float32), y.astype(np.float32))
        times[name] = time.perf_counter() - started
    beside = {f"{k}_seconds": v for k, v in times.items()} | {"iterations": ITERATIONS, "stars": len(stars)}
    what = "regressor: time on spectra / time on latents"
    return [Row("regressors", what, times["spectra"] / times["latents"], 3, 5, True, beside)]


def _quietly(call, *arguments) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # four iterations do not converge
        call(*arguments)
