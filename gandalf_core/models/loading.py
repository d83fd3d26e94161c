"""A model from its folder, checked file by file: people open strangers' models.

Shapes: L pixels, P labels, B bins, Z latent.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as tensors_in

from .. import __version__
from ..config.schema import Config, from_json
from ..config.sizes import check_size
from ..data.scaling import Scaler
from ..errors import ModelError
from ..maps.projection import Projection
from ..networks.autoencoder import Decoder, Encoder
from ..networks.shift import LineShift
from ..networks.start import StoredArrays
from ..regression.crossed import AnyRegressor, stored_regressor
from . import checks, files
from .card_schema import checked_card, checked_history
from .files import arrays_in, json_in, naming, under_prefix
from .folder import Contents, read_folder
from .listing import find_model
from .manifest import is_later
from .outliers import OutlierReference
from .trained import TrainedModel

DTYPES = {"F32": torch.float32, "I64": torch.int64}  # of tensors, as their file's header spells them


def load_model(name_or_folder: str | Path) -> TrainedModel:
    """A model by its name or by its folder. ModelError names a missing or unusable file."""
    contents = read_folder(find_model(name_or_folder))
    try:
        return _model(contents)
    except ModelError as error:
        version = contents.manifest.version if contents.manifest else ""
        if not is_later(version):
            raise
        hint = f"a later version ({version}) has written it, this is {__version__}: update"
        raise ModelError(f"{error}; {hint}") from None


def _model(contents: Contents) -> TrainedModel:
    folder = contents.folder
    with naming(folder / files.CONFIG):
        config = from_json(contents[files.CONFIG].decode("utf-8"))
    with naming(folder / files.CARD):
        card = checked_card(json_in(contents[files.CARD]))
        checks.check_card(card, config)
    with naming(folder / files.SCALING):
        scaling = arrays_in(contents[files.SCALING])
        scaler = _scaler(scaling, config)
        label_ranges = checks.shaped(scaling["label_ranges"], "label_ranges", (len(config.model.labels), 2))
    pixels = len(scaler.wavelength_nm)
    with naming(folder / files.WEIGHTS):
        encoder, decoder = _networks(contents[files.WEIGHTS], config, pixels)
    with naming(folder / files.SCALING):
        outliers = _outlier_reference(scaling, config)
    with naming(folder / files.SPLIT):
        ids = checks.ids_of(arrays_in(contents[files.SPLIT]))
    width = config.model.latent_size
    return TrainedModel(
        name=folder.name,
        config=config,
        scaler=scaler,
        encoder=encoder,
        decoder=decoder,
        train_ids=ids["train_ids"],
        test_ids=ids["test_ids"],
        check_ids=ids["check_ids"],
        calibration_ids=ids["calibration_ids"],
        reference_ids=ids["reference_ids"],
        label_ranges=label_ranges,
        history=_history(contents),
        card=card,
        model_id=f"{folder.name}@{files.short_digest(contents[files.WEIGHTS])}",
        identity=files.contents_identity(contents.files),
        regressor_latent=_regressor(contents, files.REGRESSORS["latent"], config, width),
        regressor_spectrum=_regressor(contents, files.REGRESSORS["spectrum"], config, pixels),
        outlier_reference=outliers,
        projections=_projections(contents, (width, pixels)),
    )


def _scaler(arrays: dict[str, np.ndarray], config: Config) -> Scaler:
    """The scaling; ValueError when its arrays do not fit the configuration or each other."""
    own = under_prefix("scaler", arrays)
    scaler = Scaler(**own)
    pixels, labels = len(scaler.wavelength_nm), len(config.model.labels)
    for name, array in own.items():
        shape = (labels,) if "label" in name else (pixels,)
        if name == "bin_edges":
            shape = (labels, config.adversary.bins - 1)
        checks.shaped(array, name, shape, "b" if name == "unseen" else "f")
    checks.check_grid(scaler.wavelength_nm)
    return scaler


# --- networks ---


def _networks(content: bytes, config: Config, pixels: int) -> tuple[Encoder, Decoder]:
    """Encoder and decoder with their weights, in evaluation mode, without gradients.

    Their sizes are compared with the header of the weights while they take no memory yet. Raises ValueError.
    """
    check_size(config, pixels)
    with torch.device("meta"):
        encoder, decoder = Encoder(config.model, pixels), Decoder(config.model, pixels)
        if _has_shift(content) and config.model.has_mean:
            decoder.shift = LineShift(len(config.model.condition_on), pixels)
    networks = {"encoder": encoder, "decoder": decoder}
    _check_header(content, networks)
    weights = tensors_in(content)
    for name, network in networks.items():
        own = {k.removeprefix(f"{name}."): v for k, v in weights.items() if k.startswith(f"{name}.")}
        network.load_state_dict(own, strict=True, assign=True)
        network.eval().requires_grad_(False)
    checks.try_networks(encoder, decoder, config, pixels)
    return encoder, decoder


def _header(content: bytes) -> dict[str, Any]:
    """Shape and type of each tensor in a file, by name. ValueError for what is no such file."""
    length = int.from_bytes(content[:8], "little")
    if length > len(content) - 8:
        raise ValueError("cut short")
    header = json_in(content[8 : 8 + length])
    return {k: v for k, v in header.items() if k != "__metadata__"}


def _has_shift(content: bytes) -> bool:
    """Whether stars of another kind corrected the mean spectrum."""
    return any(name.startswith("decoder.shift.") for name in _header(content))


def _check_header(content: bytes, networks: Mapping[str, torch.nn.Module]) -> None:
    """ValueError unless the file has a tensor of the right shape and type for each of the networks'."""
    stored = _header(content)
    expected = {f"{n}.{k}": v for n, network in networks.items() for k, v in network.state_dict().items()}
    if differing := sorted(stored.keys() ^ expected.keys()):
        names = ", ".join(differing[:3])
        raise ValueError(f"its tensors are not those of the configuration: {names}"[:200])
    free = _of_free_size(networks)
    for name, tensor in expected.items():
        shape, dtype = tuple(stored[name]["shape"]), DTYPES.get(stored[name]["dtype"])
        if dtype != tensor.dtype or (shape != tuple(tensor.shape) and name not in free):
            raise ValueError(f"{name} is {shape}, where the configuration says {tuple(tensor.shape)}"[:200])


def _of_free_size(networks: Mapping[str, torch.nn.Module]) -> set[str]:
    """The tensors whose sizes no configuration tells: their own file bounds them."""
    return {
        f"{name}.{place}.{leaf}"
        for name, network in networks.items()
        for place, part in network.named_modules()
        if isinstance(part, StoredArrays)
        for leaf, _ in part.named_buffers(recurse=False)
    }


# --- what else is in a folder ---


def _regressor(contents: Contents, name: str, config: Config, width: int) -> AnyRegressor | None:
    """The regressor in a file, of `width` numbers per star; None without the file."""
    if name not in contents:
        return None
    with naming(contents.folder / name):
        regressor = stored_regressor(arrays_in(contents[name]))
        checks.try_regressor(regressor, config, width)
        return regressor


def _outlier_reference(scaling: dict[str, np.ndarray], config: Config) -> OutlierReference | None:
    arrays = under_prefix("outliers", scaling)
    if not arrays:
        return None
    reference = OutlierReference.from_arrays(arrays)
    checks.try_reference(reference, config, len(scaling["scaler.wavelength_nm"]))
    return reference


def _history(contents: Contents) -> list[dict[str, Any]]:
    if files.HISTORY not in contents:
        return []
    with naming(contents.folder / files.HISTORY):
        lines = contents[files.HISTORY].decode("utf-8").splitlines()
        return checked_history([json_in(line.encode()) for line in lines])


def _projections(contents: Contents, widths: tuple[int, ...]) -> dict[str, Projection]:
    """The maps by name; arrays that several maps share are stored with one of them.

    widths: how many numbers per star a map may be made from.
    """
    paths = {name: contents.folder / files.PROJECTIONS / f"{name}.npz" for name in contents.maps}
    arrays: dict[str, dict[str, np.ndarray]] = {}
    left = files.MOST_BYTES
    for name, content in contents.maps.items():
        with naming(paths[name]):
            arrays[name] = arrays_in(content, left)
            left -= sum(array.nbytes for array in arrays[name].values())
    maps = {}
    for name, path in paths.items():
        with naming(path):
            maps[name] = Projection.from_arrays(_with_shared(arrays, name))
            checks.check_projection(maps[name], widths)
    return maps


def _with_shared(maps: dict[str, dict[str, np.ndarray]], name: str) -> dict[str, np.ndarray]:
    """The arrays of one map, those that another map's file holds included."""
    own = {}
    for key, array in maps[name].items():
        if not key.endswith(files.ELSEWHERE):
            own[key] = array
            continue
        shared, other = key.removesuffix(files.ELSEWHERE), str(array) if array.shape == () else "?"
        if shared not in maps.get(other, {}):
            cause = f"its {shared} is in {other}.npz, which is missing"
            raise ModelError(f"{cause}; copy the whole folder")
        own[shared] = maps[other][shared]
    return own
