"""Where caches lie on disk. What they hold is found by its `identity`: see gandalf_core/data/identity.py."""

from pathlib import Path

from gandalf_core import places
from gandalf_core.atomic import make_folder
from gandalf_core.data.identity import identity
from gandalf_core.models.trained import TrainedModel


def subfolder(name: str) -> Path:
    """A folder of the cache on disk, created when it is missing. Raises SpectraError as `make_folder`."""
    return make_folder(places.cache_folder() / name)


def grid_key(model: TrainedModel) -> str:
    """Identifies the wavelength grid of a model."""
    return identity(model.wavelength_nm)
