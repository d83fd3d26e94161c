"""Where things are, wherever the package is installed.

In a checkout `data/`, `pretrained/`, `app.py` and `pages/` lie beside `gandalf_core/`; a wheel carries them
in `gandalf_core/explorer/`. Environment variables move folders: GANDALF_PRETRAINED, GANDALF_MODELS,
GANDALF_RUNS and GANDALF_CACHE; and two files: GANDALF_NOISE_KEY and GANDALF_SETTINGS.
"""

import os
from pathlib import Path
from typing import Literal

PACKAGE = Path(__file__).resolve().parent


def explorer_folder() -> Path:
    """The folder with `app.py`, `pages/` and `.streamlit/`: the app's working directory."""
    return PACKAGE / "explorer" if _in_a_wheel() else PACKAGE.parent


def data_folder() -> Path:
    """The simulator's grid and emulator."""
    return explorer_folder() / "data"


def pretrained_folder() -> Path:
    """The shipped models, one folder each; GANDALF_PRETRAINED names another folder instead."""
    return _from_environment("GANDALF_PRETRAINED") or explorer_folder() / "pretrained"


def model_roots() -> tuple[Path, ...]:
    """Folders in which a model's name is looked up: the pretrained one, then those of GANDALF_MODELS.

    GANDALF_MODELS holds paths separated as in PATH (`:`, on Windows `;`); without it, `models` among the
    user's data.
    """
    further = os.environ.get("GANDALF_MODELS", "").split(os.pathsep)
    paths = [Path(path).absolute() for path in further if path]
    return pretrained_folder(), *(paths or [_of_the_user("data") / "models"])


def added_models_folder() -> Path:
    """Where models are put that come as one file: the first folder after the pretrained one."""
    return model_roots()[1]


def runs_folder() -> Path:
    """The app's jobs: GANDALF_RUNS, else `runs/` of a writable checkout, else among the user's data."""
    return _from_environment("GANDALF_RUNS") or _in_checkout("runs") or _of_the_user("data") / "runs"


def cache_folder() -> Path:
    """What can be made again: GANDALF_CACHE, else `cache/` of a writable checkout, else the user's cache."""
    return _from_environment("GANDALF_CACHE") or _in_checkout("cache") or _of_the_user("cache")


def noise_key_file() -> Path:
    """The secret key of the latents' noise: GANDALF_NOISE_KEY, else among the user's data.

    Never in a checkout, which may be published.
    """
    return _from_environment("GANDALF_NOISE_KEY") or _of_the_user("data") / "noise-key.txt"


def settings_file() -> Path | None:
    """What visitors may use, where GANDALF_SETTINGS names a file; else the standard quotas count."""
    return _from_environment("GANDALF_SETTINGS")


def environment() -> dict[str, str]:
    """The places as environment variables of absolute paths, for a process that runs in another folder."""
    settings = settings_file()
    return ({} if settings is None else {"GANDALF_SETTINGS": str(settings)}) | {
        "GANDALF_PRETRAINED": str(pretrained_folder()),
        "GANDALF_MODELS": os.pathsep.join(map(str, model_roots()[1:])),
        "GANDALF_RUNS": str(runs_folder()),
        "GANDALF_CACHE": str(cache_folder()),
        "GANDALF_NOISE_KEY": str(noise_key_file()),
    }


def _from_environment(variable: str) -> Path | None:
    path = os.environ.get(variable)
    return Path(path).absolute() if path else None


def _in_a_wheel() -> bool:
    return (PACKAGE / "explorer").is_dir()


def _in_checkout(name: str) -> Path | None:
    root = PACKAGE.parent
    return None if _in_a_wheel() or not os.access(root, os.W_OK) else root / name


def _of_the_user(kind: Literal["data", "cache"]) -> Path:
    import platformdirs  # 10 ms that `--help` does not need

    folder = platformdirs.user_data_path if kind == "data" else platformdirs.user_cache_path
    return folder("gandalf-explorer", appauthor=False)
