"""gandalf_core: adversarial auto-encoders on stellar spectra, with their leakage measured.

    from gandalf_core import load_model, read_stars, write_stars, simulate, train

The public names are imported when first used, so that `python -m gandalf_core --help` answers at once.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Config": "config", "preset": "config", "GandalfError": "errors", "LatentSet": "latent",
    "SpectraSet": "spectra", "TrainedModel": "trained", "audit": "audit", "compare": "compare",
    "list_models": "store", "load_model": "store", "load_stars": "sources", "read_stars": "io",
    "save_model": "store", "simulate": "simulate", "train": "fit", "truth": "simulate", "write_stars": "io",
}  # fmt: skip
__all__ = sorted(_HOMES)


def _public(name: str) -> Any:
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _public(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _CallableModule(ModuleType):
    """A module that may be called like the public function of its name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _public(self.__name__.rpartition(".")[2])(*args, **kwargs)


class _Package(ModuleType):
    """Importing the module `gandalf_core.train` puts it where users expect the function `train`: both must work."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOMES and isinstance(value, ModuleType):
            value.__class__ = _CallableModule
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
