"""What visitors of the explorer may use: the quotas of `quotas.toml`, or of a settings file in its place."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import ConfigError

DEFAULTS = Path(__file__).with_name("quotas.toml")
# in the environment of a server, both set by `gandalf app --public`
PUBLIC = "GANDALF_PUBLIC"  # "1": the table [public] counts
PROXIED = "GANDALF_PROXIED"  # "1": others pass requests on, so nobody is on the server's own machine
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
    archive: bool
    machine_may_all: bool

    @property
    def disk(self) -> int:
        """Bytes that one visitor may keep."""
        return self.disk_mb * MB

    @property
    def total_disk(self) -> int:
        """Bytes that all visitors may keep."""
        return self.total_disk_mb * MB


def quotas() -> Quotas:
    """The quotas of this server. ConfigError names what is wrong in a settings file."""
    return quotas_in(os.environ)


def quotas_in(environment: Mapping[str, str]) -> Quotas:
    """The quotas of a server with these environment variables. ConfigError as `quotas`."""
    path = environment.get("GANDALF_SETTINGS")
    table = "public" if environment.get(PUBLIC) == "1" else "local"
    found = _quotas(path, _changed(path) if path else 0, table)
    return replace(found, machine_may_all=False) if environment.get(PROXIED) == "1" else found


def check_settings(path: str | None) -> None:
    """ConfigError where a settings file cannot be used."""
    for public in ("0", "1"):
        quotas_in({PUBLIC: public} | ({"GANDALF_SETTINGS": path} if path else {}))


def _changed(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): give another settings file") from None


@lru_cache(maxsize=8)
def _quotas(path: str | None, changed: int, table: str) -> Quotas:
    standard = Quotas(**_tables(DEFAULTS)[table])
    return replace(standard, **_checked(Path(path), standard, table)) if path else standard


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
