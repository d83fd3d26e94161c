"""Where caches lie on disk, and the keys that identify their content: digests, never big arrays."""

import hashlib
from pathlib import Path

import numpy as np

from gandalf_core import places
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.trained import TrainedModel


def subfolder(name: str) -> Path:
    """A folder of the cache on disk, created when it is missing."""
    folder = places.cache_folder() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def digest(*parts: object) -> str:
    return _short(repr(parts).encode())


def content_key(stars: SpectraSet) -> str:
    """Identifies an uploaded set by all of its fluxes and ids."""
    return _short(stars.flux.tobytes() + stars.ids.tobytes())


def grid_key(model: TrainedModel) -> str:
    return _short(model.wavelength_nm.tobytes())


def stars_key(stars: SpectraSet) -> str:
    """Identifies a set of stars cheaply: by its size, some ids and the sum of some pixels."""
    every = max(1, len(stars) // 50)
    return digest(len(stars), *stars.ids[:50], *stars.ids[-50:], float(np.nansum(stars.flux[::every])))


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
