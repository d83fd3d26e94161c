"""Named calibrations in a model's folder, `calibrations/NAME.npz`, listed in its manifest of hashes.

A calibration belongs to the model as it was: where networks or regressors are other ones, it is refused.
"""

import re
from dataclasses import replace
from pathlib import Path

from ..errors import ModelError
from ..models import files
from ..models.files import arrays_in, naming, write_arrays
from ..models.folder import Contents, read_folder, replacing
from ..models.listing import find_model
from ..models.manifest import sha256
from ..models.trained import TrainedModel
from .calibration import NamedCalibration

NAME = re.compile(r"\w[\w+-]{0,60}", re.ASCII)


def check_name(name: str) -> str:
    """The name of a calibration. ModelError where it cannot be a file's everywhere."""
    if not NAME.fullmatch(name):
        raise ModelError(
            f"{name[:60]!r} cannot be a calibration's name: take letters, digits, - and +, at most 61"
        )
    return name


def _file(name: str) -> str:
    return f"{files.CALIBRATIONS}/{check_name(name)}.npz"


def store_calibration(model: str | Path, calibration: NamedCalibration) -> Path:
    """Write a calibration beside the model's other files, in place of one of that name; where it is now.

    Raises ModelError where there would be more than a model can have.
    """
    folder, name = find_model(model), _file(calibration.name)
    with replacing(folder, lambda other: other != name) as new:
        (new / files.CALIBRATIONS).mkdir(exist_ok=True)
        write_arrays(new / name, calibration.arrays())
    return folder / name


def remove_calibration(model: str | Path, name: str) -> None:
    """Take a calibration out of a model's folder. ModelError where there is none of that name."""
    folder, file = find_model(model), _file(name)
    _check_there(read_folder(folder), name)
    with replacing(folder, lambda other: other != file):
        pass  # all others stay as they are


def load_calibration(model: TrainedModel, folder: str | Path, name: str) -> NamedCalibration:
    """A calibration of a model that was loaded from a folder.

    Raises ModelError where there is none of that name, which lists the others, or it is of other networks.
    """
    contents = read_folder(find_model(folder))
    _check_there(contents, name)
    path = contents.folder / _file(name)
    with naming(path):
        found = NamedCalibration.from_arrays(name, arrays_in(contents[_file(name)]))
    if found.about.get("identity") != model.identity:
        raise ModelError(f"{path}: is of another state of this model; calibrate it again")
    return replace(found, about=found.about | {"sha256": sha256(contents[_file(name)])})


def calibrations_in(folder: str | Path) -> list[str]:
    """The names of the calibrations of a model."""
    return _names(read_folder(find_model(folder)))


def _names(contents: Contents) -> list[str]:
    found = (files.CALIBRATION.fullmatch(name) for name in sorted(contents.files))
    return [match[1] for match in found if match]


def _check_there(contents: Contents, name: str) -> None:
    if _file(name) not in contents:
        names = ", ".join(_names(contents)) or "none"
        raise ModelError(f"{contents.folder.name}: no calibration {name}; there are: {names}")
