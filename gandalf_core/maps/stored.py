"""Maps in a cache folder: made once, found again by their content."""

import hashlib
import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import atomic
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
    """`fit_projection`, stored in `cache_dir` under a hash of x, the settings and what the map holds."""
    content = {**asdict(settings), "ids": stars.ids, "labels": stars.labels, "label_names": stars.label_names}
    path = Path(cache_dir) / f"{method}-{_content_hash(x, content)}.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Projection.from_arrays(dict(stored))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        pass  # not made yet, or cut short by a full disk
    projection = fit_projection(x, method, settings, stars=stars, n_jobs=n_jobs, progress=progress)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as stream:
        np.savez(stream, allow_pickle=False, **projection.arrays())
    return projection


def _content_hash(x: np.ndarray, content: dict[str, Any]) -> str:
    digest = hashlib.sha256()
    for name, value in [("x", np.ascontiguousarray(x, np.float32)), *sorted(content.items())]:
        digest.update(f"{name}:{np.shape(value)}:".encode())
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else json.dumps(value).encode())
    return digest.hexdigest()[:24]
