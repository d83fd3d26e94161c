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
from ..io.plain import to_json
from ..maps.projection import Projection
from . import files
from .cards import audit_summary, card_text
from .files import naming, with_prefix, write_arrays
from .listing import ModelInfo, find_model, list_models
from .loading import load_model
from .trained import TrainedModel

__all__ = ["ModelInfo", "find_model", "list_models", "load_model", "record_audit", "save_model"]


def save_model(model: TrainedModel, folder: str | Path) -> TrainedModel:
    """Write the folder; the model comes back with the `model_id` of what was written.

    What another model left there (maps, regressors, an audit) is removed: it would pass for this one's. Each
    file is complete or not there; raises SpectraError for one that cannot be written.
    """
    folder = Path(folder)
    (folder / files.PROJECTIONS).mkdir(parents=True, exist_ok=True)
    weights = _weights(model)
    _remove_others(folder, weights)
    write_bytes(folder / files.WEIGHTS, weights)
    write_text(folder / files.CONFIG, config_to_json(model.config))
    scaling = {**with_prefix("scaler", model.scaler.arrays()), "label_ranges": model.label_ranges}
    if model.outlier_reference is not None:
        scaling |= with_prefix("outliers", model.outlier_reference.arrays())
    write_arrays(folder / files.SCALING, scaling)
    write_arrays(folder / files.SPLIT, {name: getattr(model, name) for name in files.IDS})
    regressors = {"latent": model.regressor_latent, "spectrum": model.regressor_spectrum}
    for name, regressor in regressors.items():
        if regressor is not None:
            write_arrays(folder / files.REGRESSORS[name], regressor.arrays())
    _save_projections(folder / files.PROJECTIONS, model.projections)
    write_text(folder / files.HISTORY, "".join(json.dumps(record) + "\n" for record in model.history))
    _save_card(folder, model.name, model.card)
    return load_model(folder)


def record_audit(name_or_folder: str | Path, report: dict[str, Any], source: str) -> Path:
    """Store an audit's report with the model: `audit.json`, and its summary on the card.

    source: the stars it was made with. Raises ModelError without a usable folder.
    """
    folder = find_model(name_or_folder)
    with naming(folder / files.CARD):
        card = files.read_card(folder / files.CARD)
    write_text(folder / files.AUDIT, to_json(report, indent=1))
    _save_card(folder, folder.name, card | {"audit": audit_summary(report, source)})
    return folder / files.AUDIT


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


def _remove_others(folder: Path, weights: bytes) -> None:
    """Remove what belongs to networks with other weights in the folder."""
    path = folder / files.WEIGHTS
    if not path.is_file() or path.read_bytes() == weights:
        return
    projections = (folder / files.PROJECTIONS).glob("*.npz")
    regressors = (folder / name for name in files.REGRESSORS.values())
    for old in (*projections, *regressors, folder / files.AUDIT):
        old.unlink(missing_ok=True)


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
