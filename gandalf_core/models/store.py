"""A trained model as a folder without pickles: save it here, load, find and list it through here."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save as serialised

from ..atomic import write_bytes, write_text
from ..config.schema import to_json as config_to_json
from ..data.identity import identity
from ..errors import ModelError
from ..io.plain import to_json
from ..maps.projection import Projection
from . import files
from .card_schema import checked_card, checked_report
from .cards import audit_summary, card_text
from .files import json_in, naming, with_prefix, write_arrays
from .folder import model_files, read_file, read_folder, replacing
from .listing import Listing, ModelInfo, card_of, find_model, list_models, listing
from .loading import load_model
from .manifest import sha256
from .trained import TrainedModel

__all__ = [
    "Listing",
    "ModelInfo",
    "find_model",
    "install_model",
    "list_models",
    "listing",
    "load_model",
    "record_audit",
    "save_model",
    "stored_audit",
]


def save_model(model: TrainedModel, folder: str | Path) -> TrainedModel:
    """Write the folder; the model comes back with the `model_id` of what was written.

    It replaces the model that was there as a whole: whatever ends the process, the folder holds the old one
    or the new one. An audit stays where the weights are the same. Raises SpectraError or ModelError for what
    cannot be written.
    """
    folder, weights = Path(folder), _weights(model)
    same = _holds(folder, weights)
    with replacing(folder, lambda name: same and name == files.AUDIT) as new:
        write_bytes(new / files.WEIGHTS, weights)
        write_text(new / files.CONFIG, config_to_json(model.config))
        scaling = {**with_prefix("scaler", model.scaler.arrays()), "label_ranges": model.label_ranges}
        if model.outlier_reference is not None:
            scaling |= with_prefix("outliers", model.outlier_reference.arrays())
        write_arrays(new / files.SCALING, scaling)
        write_arrays(new / files.SPLIT, {name: getattr(model, name) for name in files.IDS})
        regressors = {"latent": model.regressor_latent, "spectrum": model.regressor_spectrum}
        for name, regressor in regressors.items():
            if regressor is not None:
                write_arrays(new / files.REGRESSORS[name], regressor.arrays())
        _save_projections(new / files.PROJECTIONS, model.projections)
        write_text(new / files.HISTORY, "".join(json.dumps(record) + "\n" for record in model.history))
        hashes = {n: sha256((new / n).read_bytes()) for n in files.decisive(model_files(new))}
        _save_card(new, folder.name, model.card | {"hashes": hashes})
    return load_model(folder)


def install_model(source: str | Path, folder: str | Path) -> None:
    """Put a copy of a model folder in the place of another one, as a whole, when it has been checked.

    Raises ModelError for a source that cannot be loaded, and as `save_model`.
    """
    contents = read_folder(find_model(source))
    load_model(contents.folder)
    card = checked_card(json_in(contents[files.CARD]))
    with replacing(Path(folder)) as new:
        for name, content in contents.files.items():
            write_bytes(new / name, content)
        if contents.manifest is not None:
            write_text(new / files.MANIFEST, contents.manifest.to_json())
        write_text(new / files.CARD_TEXT, card_text(Path(folder).name, card))


def record_audit(name_or_folder: str | Path, report: dict[str, Any], source: str) -> Path:
    """Store an audit's report with the model: `audit.json`, and its summary on the card.

    source: the stars it was made with. Raises ModelError without a usable folder.
    """
    folder = find_model(name_or_folder)
    with replacing(folder, lambda name: True) as new:
        try:
            card = card_of(folder)
        except FileNotFoundError:
            raise ModelError(
                f"{folder}: the model folder has no {files.CARD}; copy the whole folder"
            ) from None
        write_text(new / files.AUDIT, to_json(report, indent=1))
        _save_card(new, folder.name, card | {"audit": audit_summary(report, source)})
    return folder / files.AUDIT


def stored_audit(folder: Path) -> dict[str, Any] | None:
    """The report of an audit that is stored with a model; None without one. ModelError for a damaged one."""
    try:
        content = read_file(folder, files.AUDIT)
    except FileNotFoundError:
        return None
    with naming(folder / files.AUDIT):
        return checked_report(json_in(content))


def _weights(model: TrainedModel) -> bytes:
    """Those of encoder and decoder, as safetensors."""
    networks = {"encoder": model.encoder, "decoder": model.decoder}
    return serialised(
        {
            f"{name}.{key}": tensor.contiguous()
            for name, network in networks.items()
            for key, tensor in network.state_dict().items()
        }
    )


def _holds(folder: Path, weights: bytes) -> bool:
    """Whether a folder holds networks with these weights."""
    try:
        return read_file(folder, files.WEIGHTS) == weights
    except (FileNotFoundError, ModelError):
        return False


def _save_projections(folder: Path, maps: Mapping[str, Projection]) -> None:
    """One file per map. An array that an earlier map has too is stored there alone; `<array>.in` names it."""
    owners: dict[str, str] = {}
    for name, projection in sorted(maps.items()):
        stored = {}
        for key, array in projection.arrays().items():
            owner = owners.setdefault(identity(key, array), name)
            stored |= {key: array} if owner == name else {f"{key}{files.ELSEWHERE}": np.array(owner)}
        write_arrays(folder / f"{name}.npz", stored)


def _save_card(folder: Path, name: str, card: dict[str, Any]) -> None:
    write_text(folder / files.CARD, to_json(card, indent=2))
    write_text(folder / files.CARD_TEXT, card_text(name, card))
