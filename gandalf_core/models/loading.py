"""A model from its folder, checked file by file: people open strangers' models.

Shapes: L pixels, P labels, B bins.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from ..config.schema import Config, from_json
from ..data.scaling import Scaler
from ..errors import ModelError
from ..maps.projection import Projection
from ..networks.autoencoder import Decoder, Encoder
from ..regression.crossed import AnyRegressor, stored_regressor
from . import files
from .files import naming, read_arrays, under_prefix
from .listing import find_model
from .outliers import OutlierReference
from .trained import TrainedModel


def load_model(name_or_folder: str | Path) -> TrainedModel:
    """A model by its name or by its folder. ModelError names a missing or unusable file."""
    folder = find_model(name_or_folder)
    for needed in files.NEEDED:
        if not (folder / needed).is_file():
            cure = "copy the whole folder, or train again"
            raise ModelError(f"{folder}: the model folder has no {needed}; {cure}")
    with naming(folder / files.CONFIG):
        config = from_json((folder / files.CONFIG).read_text(encoding="utf-8"))
    scaling = read_arrays(folder / files.SCALING)
    scaler = _scaler(folder / files.SCALING, scaling, config)
    encoder, decoder = _networks(folder / files.WEIGHTS, config, len(scaler.wavelength_nm))
    splits = read_arrays(folder / files.SPLIT)
    with naming(folder / files.CARD):
        card = files.read_card(folder / files.CARD)
    with naming(folder):
        return TrainedModel(
            name=folder.name,
            config=config,
            scaler=scaler,
            encoder=encoder,
            decoder=decoder,
            train_ids=splits["train_ids"],
            test_ids=splits["test_ids"],
            check_ids=splits.get("check_ids", np.empty(0, str)),
            calibration_ids=splits.get("calibration_ids", np.empty(0, str)),
            reference_ids=splits.get("reference_ids", np.empty(0, str)),
            label_ranges=scaling["label_ranges"],
            history=_history(folder / files.HISTORY),
            card=card,
            model_id=f"{folder.name}@{files.digest(folder / files.WEIGHTS)}",
            identity=files.folder_identity(folder),
            regressor_latent=_regressor(folder / files.REGRESSORS["latent"]),
            regressor_spectrum=_regressor(folder / files.REGRESSORS["spectrum"]),
            outlier_reference=_outlier_reference(scaling),
            projections=_projections(folder / files.PROJECTIONS),
        )


def _scaler(path: Path, arrays: dict[str, np.ndarray], config: Config) -> Scaler:
    """The scaling; ModelError when its arrays do not fit each other."""
    with naming(path):
        own = under_prefix("scaler", arrays)
        scaler = Scaler(**own)
        pixels, labels = len(scaler.wavelength_nm), len(config.model.labels)
        for name, array in own.items():
            shape = (labels,) if "label" in name else (pixels,)
            if name == "bin_edges":
                shape = (labels, config.adversary.bins - 1)
            if array.shape != shape:
                raise ValueError(f"{name} has shape {array.shape}, not {shape}")
    return scaler


def _networks(path: Path, config: Config, pixels: int) -> tuple[Encoder, Decoder]:
    """Encoder and decoder with their weights, in evaluation mode, without gradients."""
    with torch.random.fork_rng():  # making a network draws random weights
        encoder, decoder = Encoder(config.model, pixels), Decoder(config.model, pixels)
    with naming(path):
        weights = load_file(path)
        for name, network in (("encoder", encoder), ("decoder", decoder)):
            start = f"{name}."
            own = {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}
            network.load_state_dict(own, strict=True)
            network.eval().requires_grad_(False)
    return encoder, decoder


def _regressor(path: Path) -> AnyRegressor | None:
    if not path.is_file():
        return None
    with naming(path):
        return stored_regressor(read_arrays(path))


def _outlier_reference(scaling: dict[str, np.ndarray]) -> OutlierReference | None:
    arrays = under_prefix("outliers", scaling)
    return OutlierReference.from_arrays(arrays) if arrays else None


def _history(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    with naming(path):
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _projections(folder: Path) -> dict[str, Projection]:
    """The maps by name; arrays that several maps share are stored with one of them."""
    paths = {path.stem: path for path in sorted(folder.glob("*.npz"))}
    arrays = {name: read_arrays(path) for name, path in paths.items()}
    maps = {}
    for name, path in paths.items():
        with naming(path):
            maps[name] = Projection.from_arrays(_with_shared(arrays, name))
    return maps


def _with_shared(maps: dict[str, dict[str, np.ndarray]], name: str) -> dict[str, np.ndarray]:
    """The arrays of one map, those that another map's file holds included."""
    own = {}
    for key, array in maps[name].items():
        if not key.endswith(files.ELSEWHERE):
            own[key] = array
            continue
        shared, other = key.removesuffix(files.ELSEWHERE), str(array)
        if shared not in maps.get(other, {}):
            cause = f"its {shared} is in {other}.npz, which is missing"
            raise ModelError(f"{cause}; copy the whole folder")
        own[shared] = maps[other][shared]
    return own
