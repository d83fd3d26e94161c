"""What visitors of the explorer may use: the quotas of `quotas.toml`, or of a settings file in its place."""

import os
import tomllib
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..places import settings_file

DEFAULTS = Path(__file__).with_name("quotas.toml")
PUBLIC = "GANDALF_PUBLIC"  # in the environment of a server for many: the table [public] counts
MB = 1_000_000
MOST = 10**12  # nothing that is counted here is larger


@dataclass(frozen=True)
class Quotas:
    """The quotas of one server; `quotas.toml` says what each means."""

    jobs: int
    disk_mb: int
    simulated_stars: int
    tabs: int
    total_jobs: int
    running: int
    total_disk_mb: int
    total_tabs: int
    prune_trainings: bool
    deletion: bool
    machine_may_all: bool

    @property
    def disk(self) -> int:
        """Bytes that one visitor may keep."""
        return self.disk_mb * MB

    @property
    def total_disk(self) -> int:
        """Bytes that all visitors may keep."""
        return self.total_disk_mb * MB


def is_public() -> bool:
    """Whether this server was started for many visitors (`gandalf app --public`)."""
    return os.environ.get(PUBLIC) == "1"


def quotas() -> Quotas:
    """The quotas of this server. ConfigError names what is wrong in a settings file."""
    path = settings_file()
    changed = 0 if path is None else _changed(path)
    return _quotas(path, changed, "public" if is_public() else "local")


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): give another settings file") from None


@lru_cache(maxsize=8)
def _quotas(path: Path | None, changed: int, table: str) -> Quotas:
    standard = Quotas(**_tables(DEFAULTS)[table])
    return standard if path is None else replace(standard, **_checked(path, standard, table))


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): give another settings file") from None
    except (ValueError, RecursionError) as error:  # neither UTF-8 nor TOML
        raise ConfigError(f"{path}: is no settings file ({str(error).splitlines()[0]})") from None


def _checked(path: Path, standard: Quotas, table: str) -> dict[str, Any]:
    """The values of one table of a settings file; every table is checked."""
    tables = _tables(path)
    known = {field.name: field.type for field in fields(standard)}
    for name, values in tables.items():
        if name not in ("local", "public") or not isinstance(values, dict):
            raise ConfigError(f"{path}: '{name}' is unknown: the tables of a settings file are local, public")
        for key, value in values.items():
            if key not in known:
                raise ConfigError(f"{path}: '{key}' in [{name}] is unknown: choose among {', '.join(known)}")
            _check_value(f"{path}: {key} in [{name}]", value, known[key] is bool)
    return tables.get(table, {})


def _check_value(what: str, value: object, is_flag: bool) -> None:
    if is_flag and not isinstance(value, bool):
        raise ConfigError(f"{what} is {value!r}: write true or false")
    if not is_flag and (type(value) is not int or not 0 <= value <= MOST):
        raise ConfigError(f"{what} is {value!r}: write a whole number from 0 on")
