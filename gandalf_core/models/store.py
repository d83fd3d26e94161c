"""A trained model as a folder without pickles: save, load, list.

config.json · weights.safetensors (encoder and decoder) · scaling.npz (scaling, label ranges, outlier
reference) · split.npz (ids that trained and tested) · regressor-latent.npz · regressor-spectrum.npz ·
projections/<name>.npz · history.jsonl · card.json · CARD.md · audit.json where the model was audited
"""

import contextlib
import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialize

from ..config.schema import Config, from_json, to_json
from ..data.scaling import Scaler
from ..errors import ModelError
from ..maps.projection import Projection
from ..networks.autoencoder import Decoder, Encoder
from ..places import model_roots
from ..regression.regressor import Regressor
from .cards import audit_summary, card_text
from .outliers import OutlierReference
from .trained import TrainedModel

NEEDED = ("config.json", "weights.safetensors", "scaling.npz", "split.npz", "card.json")
ELSEWHERE = ".in"  # an array of a map that another map's file holds
FAILURES = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    EOFError,
    SafetensorError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class ModelInfo:
    """One model folder and its card."""

    name: str
    path: Path
    card: dict[str, Any]


# --- save ---


def save_model(model: TrainedModel, folder: str | Path) -> TrainedModel:
    """Write the folder; the model comes back with the `model_id` of what was written.

    What an earlier model left there (maps, regressors, an audit) goes: it would pass for this one's.
    """
    folder = Path(folder)
    (folder / "projections").mkdir(parents=True, exist_ok=True)
    nets = {"encoder": model.encoder, "decoder": model.decoder}
    weights = serialize(
        {f"{n}.{k}": v.contiguous() for n, net in nets.items() for k, v in net.state_dict().items()}
    )
    _make_room(folder, weights)
    (folder / "weights.safetensors").write_bytes(weights)
    (folder / "config.json").write_text(to_json(model.config))
    _save_arrays(
        folder / "scaling.npz",
        _prefixed(scaler=model.scaler, outliers=model.outlier_reference)
        | {"label_ranges": model.label_ranges},
    )
    _save_arrays(
        folder / "split.npz",
        {"train_ids": model.train_ids, "test_ids": model.test_ids, "check_ids": model.check_ids},
    )
    for name, regressor in (("latent", model.regressor_latent), ("spectrum", model.regressor_spectrum)):
        if regressor is not None:
            _save_arrays(folder / f"regressor-{name}.npz", regressor.arrays())
    _save_maps(folder / "projections", model.projections)
    (folder / "history.jsonl").write_text("".join(json.dumps(r) + "\n" for r in model.history))
    _save_card(folder, model.name, model.card)
    return load_model(folder)


def _make_room(folder: Path, weights: bytes) -> None:
    """Remove what belongs to the networks of another model in the folder."""
    there = folder / "weights.safetensors"
    if there.is_file() and there.read_bytes() != weights:
        for left in (
            *folder.glob("projections/*.npz"),
            *folder.glob("regressor-*.npz"),
            folder / "audit.json",
        ):
            left.unlink(missing_ok=True)


def _save_card(folder: Path, name: str, card: dict[str, Any]) -> None:
    (folder / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False))
    (folder / "CARD.md").write_text(card_text(name, card))


def record_audit(name_or_folder: str | Path, report: dict[str, Any], source: str) -> Path:
    """Keep an audit's report with the model: `audit.json`, and its summary on the card. ModelError without a
    usable folder.
    """
    folder = find_model(name_or_folder)
    card = _part(folder / "card.json", _card) | {"audit": audit_summary(report, source)}
    (folder / "audit.json").write_text(json.dumps(report, indent=1, ensure_ascii=False))
    _save_card(folder, folder.name, card)
    return folder / "audit.json"


def _prefixed(**parts: Any) -> dict[str, np.ndarray]:
    return {f"{n}.{k}": v for n, part in parts.items() if part is not None for k, v in part.arrays().items()}


def _save_maps(folder: Path, maps: dict[str, Projection]) -> None:
    """One file a map; an array that a map before it holds too is stored once, and named `<array>.in`."""
    homes: dict[str, str] = {}
    for name, projection in sorted(maps.items()):
        stored = {}
        for key, array in projection.arrays().items():
            home = homes.setdefault(
                f"{key}:{array.dtype}:{array.shape}:{hashlib.sha256(array.tobytes()).hexdigest()}", name
            )
            stored |= {key: array} if home == name else {f"{key}{ELSEWHERE}": np.array(home)}
        _save_arrays(folder / f"{name}.npz", stored)


def _save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez_compressed(path, allow_pickle=False, **arrays)


# --- load ---


def load_model(name_or_folder: str | Path) -> TrainedModel:
    """A model by its name or by its folder. ModelError names a missing or unusable file."""
    folder = find_model(name_or_folder)
    for needed in NEEDED:
        if not (folder / needed).is_file():
            raise ModelError(
                f"{folder}: the model folder has no {needed}; copy the whole folder, or train again"
            )
    config = _part(folder / "config.json", lambda path: from_json(path.read_text()))
    scaling = _load_arrays(folder / "scaling.npz")
    scaler = _part(folder / "scaling.npz", lambda _: _scaler(_under("scaler", scaling), config))
    encoder, decoder = _load_networks(folder / "weights.safetensors", config, len(scaler.wavelength_nm))
    splits = _load_arrays(folder / "split.npz")
    return _part(
        folder,
        lambda _: TrainedModel(
            name=folder.name,
            config=config,
            scaler=scaler,
            encoder=encoder,
            decoder=decoder,
            train_ids=splits["train_ids"],
            test_ids=splits["test_ids"],
            check_ids=splits.get("check_ids", np.empty(0, str)),
            label_ranges=scaling["label_ranges"],
            history=_part(folder / "history.jsonl", _history),
            card=_part(folder / "card.json", _card),
            model_id=f"{folder.name}@{_digest(folder / 'weights.safetensors')}",
            regressor_latent=_regressor(folder / "regressor-latent.npz"),
            regressor_spectrum=_regressor(folder / "regressor-spectrum.npz"),
            outlier_reference=_optional(lambda a: OutlierReference(**a), _under("outliers", scaling)),
            projections=_maps(folder / "projections"),
        ),
    )


def find_model(name_or_folder: str | Path) -> Path:
    """The folder of a model: a path, or a name in one of `places.model_roots`; ModelError lists the names."""
    path = Path(name_or_folder)
    roots = model_roots() if len(path.parts) == 1 else ()
    for folder in (path, *(root / path for root in roots)):
        if folder.is_dir():
            return folder.resolve()
    known = ", ".join(i.name for i in list_models()) or "none"
    raise ModelError(f"{name_or_folder}: no such model folder; the models are: {known}")


def _load_networks(path: Path, config: Config, pixels: int) -> tuple[Encoder, Decoder]:
    with torch.random.fork_rng():
        nets = {"encoder": Encoder(config.model, pixels), "decoder": Decoder(config.model, pixels)}
    weights = _part(path, load_file)
    for name, net in nets.items():
        mine = {k.removeprefix(f"{name}."): v for k, v in weights.items() if k.startswith(f"{name}.")}
        _part(path, lambda _, net=net, mine=mine: net.load_state_dict(mine, strict=True))
        net.eval().requires_grad_(False)
    return nets["encoder"], nets["decoder"]


def _regressor(path: Path) -> Regressor | None:
    return _part(path, lambda _: Regressor.from_arrays(_load_arrays(path))) if path.is_file() else None


def _maps(folder: Path) -> dict[str, Projection]:
    files = {path.stem: _load_arrays(path) for path in sorted(folder.glob("*.npz"))}
    for name, arrays in files.items():
        for key in [k for k in arrays if k.endswith(ELSEWHERE)]:
            whole, home = key.removesuffix(ELSEWHERE), str(arrays.pop(key))
            if whole not in files.get(home, {}):
                raise ModelError(
                    f"{folder / name}.npz: its {whole} is in {home}.npz, which is not there; copy the whole folder"
                )
            arrays[whole] = files[home][whole]
    return {
        name: _part(folder / f"{name}.npz", lambda _, a=arrays: Projection.from_arrays(a))
        for name, arrays in files.items()
    }


def _load_arrays(path: Path) -> dict[str, np.ndarray]:
    def read(path: Path) -> dict[str, np.ndarray]:
        with np.load(path, allow_pickle=False) as file:
            return {k: file[k] for k in file.files}

    return _part(path, read)


def _scaler(arrays: dict[str, np.ndarray], config: Config) -> Scaler:
    """The scaling, checked: a stranger's folder may hold arrays that do not fit each other."""
    scaler = Scaler(**arrays)
    pixels, labels = len(scaler.wavelength_nm), len(config.model.labels)
    for name, array in arrays.items():
        wanted = (
            (labels, config.adversary.bins - 1)
            if name == "bin_edges"
            else (labels,)
            if "label" in name
            else (pixels,)
        )
        if array.shape != wanted:
            raise ValueError(f"{name} has shape {array.shape}, not {wanted}")
    return scaler


def _part(path: Path, read: Callable[[Path], Any]) -> Any:
    """What `read(path)` returns; whatever goes wrong becomes one ModelError line that names the file."""
    try:
        return read(path)
    except ModelError as error:
        raise error if str(error).startswith(str(path.parent)) else ModelError(f"{path}: {error}") from None
    except FAILURES as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"{path}: cannot be used ({cause}); copy the model again, or train it again"
        ) from None


def _under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {k.removeprefix(f"{prefix}."): v for k, v in arrays.items() if k.startswith(f"{prefix}.")}


def _optional(build, arrays: dict[str, np.ndarray]):
    return build(arrays) if arrays else None


def _history(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def _card(path: Path) -> dict[str, Any]:
    card = json.loads(path.read_text())
    missing = {"removed", "kept", "lambdas", "labels", "data", "figures"} - set(card)
    if missing:
        raise ValueError(f"without {', '.join(sorted(missing))}")
    return card


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


# --- list ---


def list_models(root: str | Path | None = None) -> list[ModelInfo]:
    """The model folders under `root` (default: `places.model_roots`) with their cards, by name.

    A folder without a usable card is skipped, and so is a name that an earlier root has.
    """
    models: dict[str, ModelInfo] = {}
    for root in model_roots() if root is None else (Path(root),):
        for path in sorted(root.glob("*/card.json")):
            with contextlib.suppress(OSError, ValueError, TypeError):
                models.setdefault(path.parent.name, ModelInfo(path.parent.name, path.parent, _card(path)))
    return list(models.values())
