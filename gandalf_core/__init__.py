"""gandalf_core: adversarial auto-encoders on stellar spectra, with their leakage measured.

    from gandalf_core import load_model, read_stars, write_stars, simulate, train

The public names are imported when first used, so that `python -m gandalf_core --help` answers at once.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Config": "config.schema",
    "GandalfError": "errors",
    "LatentSet": "data.latents",
    "SpectraSet": "data.spectra",
    "TrainedModel": "models.trained",
    "audit": "auditing",
    "compare": "regression.compare",
    "list_models": "models.store",
    "load_model": "models.store",
    "load_stars": "sources",
    "preset": "config.schema",
    "read_stars": "io",
    "save_model": "models.store",
    "simulate": "simulator",
    "train": "models.fit",
    "truth": "simulator",
    "write_stars": "io",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
