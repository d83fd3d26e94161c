"""Checkpoints: the whole state of a training in one safetensors file that is replaced as a whole."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor
from torch.nn import Module
from torch.optim import Optimizer

from ..atomic import make_folder, write_bytes
from ..config.schema import Config, from_json, to_json
from ..errors import ModelError

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class State:
    """What a checkpoint stores of a training, besides its history.

    stars: the identity of those that train.  modules, optimisers: by their names in the file.
    """

    config: Config
    stars: str
    modules: Mapping[str, Module]
    optimisers: Mapping[str, Optimizer]


def save(folder: Path, state: State, history: list[dict]) -> None:
    """Write the folder's checkpoint. history: one dictionary per finished epoch."""
    make_folder(folder)
    tensors = {f"{n}.{k}": v for n, m in state.modules.items() for k, v in m.state_dict().items()}
    for name, optimiser in state.optimisers.items():
        for index, values in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}.{index}.{k}": v for k, v in values.items()}
    about = {"config": to_json(state.config), "stars": state.stars, "history": json.dumps(history)}
    write_bytes(folder / CHECKPOINT, serialise({k: v.contiguous() for k, v in tensors.items()}, about))


def load(folder: Path, state: State) -> list[dict]:
    """Put the folder's checkpoint into the networks and optimisers, and return its history.

    Raises ModelError when there is none, it is damaged, or it belongs to another configuration or to other
    stars.
    """
    path = folder / CHECKPOINT
    about, tensors = _read(path)
    if from_json(about["config"], str(path)) != state.config:
        raise ModelError(
            f"{path}: written under another configuration; resume with that one or choose another --out"
        )
    if about["stars"] != state.stars:
        raise ModelError(
            f"{path}: written with other training stars; resume with those or choose another --out"
        )
    try:
        for name, module in state.modules.items():
            module.load_state_dict(_under(name, tensors))
        for name, optimiser in state.optimisers.items():
            _load_optimiser(optimiser, _under(name, tensors))
    except (RuntimeError, ValueError, KeyError) as error:
        raise _damaged(path, error) from None
    return json.loads(about["history"])


def checkpoint_config(folder: Path) -> Config:
    """The configuration of a folder's checkpoint. ModelError when there is none or it is damaged."""
    path = folder / CHECKPOINT
    return from_json(_read(path, with_tensors=False)[0]["config"], str(path))


def _read(path: Path, with_tensors: bool = True) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a checkpoint."""
    if not path.is_file():
        raise ModelError(f"{path}: no checkpoint to resume from; train without --resume first")
    try:
        with safe_open(path, "pt") as file:
            about, names = file.metadata() or {}, file.keys() if with_tensors else ()
            if not {"config", "stars", "history"} <= set(about):
                raise _damaged(path, "it describes no training")
            return about, {k: file.get_tensor(k) for k in names}
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, cause: object) -> ModelError:
    first_line = str(cause).partition("\n")[0]
    return ModelError(f"{path}: damaged checkpoint ({first_line}); train without --resume")


def _under(name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose key begins with `name.`, without that beginning."""
    return {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}


def _load_optimiser(optimiser: Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
