"""Maps in a cache folder: made once, found again by their content."""

import zipfile
from pathlib import Path

import numpy as np

from ..atomic import atomic, make_folder
from ..data.identity import identity
from ..jobs.progress import Progress, silent
from .fitting import STANDARD, UNNAMED, MapSettings, MapStars, fit_projection
from .projection import Projection


def cached_projection(
    x: np.ndarray,
    method: str,
    cache_dir: str | Path,
    settings: MapSettings = STANDARD,
    *,
    stars: MapStars = UNNAMED,
    n_jobs: int = -1,
    progress: Progress = silent,
) -> Projection:
    """`fit_projection`, stored in `cache_dir` under the identity of x, settings and what the map holds."""
    content = identity(np.asarray(x, np.float32), settings, stars)
    path = Path(cache_dir) / f"{method}-{content}.npz"
    try:
        # opened here: numpy leaves a file open that is no archive
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return Projection.from_arrays(dict(stored))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        pass  # not made yet, or cut short by a full disk
    projection = fit_projection(x, method, settings, stars=stars, n_jobs=n_jobs, progress=progress)
    make_folder(path.parent)
    with atomic(path) as stream:
        np.savez(stream, allow_pickle=False, **projection.arrays())
    return projection
