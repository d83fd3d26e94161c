"""The releases of Gaia as data: `releases.json` names their tables, columns and products.

A release that the file does not know is tried under the names that the newest one there suggests.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArchiveError

DEFAULT = "DR3"
MEAN, EPOCH = "mean", "epoch"
_FILE = Path(__file__).with_name("releases.json")
_NAME = re.compile(r"(E?DR)(\d+)")


@dataclass(frozen=True)
class Neighbours:
    """A table that leads from the ids of an older release to those of a newer one, and its two columns."""

    table: str
    old: str
    new: str


@dataclass(frozen=True)
class Release:
    """A release of Gaia: how the archive calls what we ask it for.

    data_release: as DataLink calls it.  tried: whether the names have worked on the archive itself.
    spectrum_columns: of the table of sources, one of which says whether a source has an RVS spectrum.
    products: retrieval types of DataLink, by `mean` and `epoch`.  structure: of what DataLink delivers.
    wavelength_nm: (L,) of spectra that come without wavelengths.  same_ids: releases with the same source
    ids.  neighbours: older release → the table that leads from its ids to this one's.
    """

    name: str
    data_release: str
    tried: bool
    source_table: str
    spectrum_columns: tuple[str, ...]
    parameters_table: str
    products: Mapping[str, str]
    structure: str
    wavelength_nm: np.ndarray
    same_ids: tuple[str, ...]
    neighbours: Mapping[str, Neighbours]

    def product(self, kind: str) -> str:
        """The retrieval type of the mean or the epoch spectra. ArchiveError where a release has none."""
        if kind not in self.products:
            raise ArchiveError(
                f"{self.data_release} has no {kind} spectra: choose {' or '.join(self.products)}"
            )
        return self.products[kind]

    @property
    def notes(self) -> list[str]:
        """What to know before the release is used."""
        untried = "its tables and products are asked for under the names announced or usual"
        return [] if self.tried else [f"{self.data_release}: {untried}, which have not been tried yet"]


@cache
def releases() -> Mapping[str, Release]:
    """The releases of `releases.json`, by name, the oldest first."""
    entries = json.loads(_FILE.read_text(encoding="utf-8"))
    return {name: _from_json(name, entry) for name, entry in entries.items()}


def release(name: str) -> Release:
    """The release of that name, such as DR3; an unknown one with the names that it should have.

    Raises ArchiveError for a name that is none of a release.
    """
    name = name.strip().upper().removeprefix("GAIA").strip()
    if name in releases():
        return releases()[name]
    match = _NAME.fullmatch(name)
    if match is None:
        raise ArchiveError(f"'{name}' is not a release of Gaia: give {', '.join(releases())} or the like")
    return _as_named(name, match[1], int(match[2]))


def path_of_ids(old: str, new: Release) -> list[Neighbours]:
    """The tables through which ids of an older release become those of `new`; none where they are the same.

    Raises ArchiveError where no table leads there.
    """
    if old == new.name or old in new.same_ids:
        return []
    if old in new.neighbours:
        return [new.neighbours[old]]
    for between, last in new.neighbours.items():
        if between in releases() and between != new.name:
            return [*path_of_ids(old, releases()[between]), last]
    raise ArchiveError(f"no table leads from ids of {old} to those of {new.name}: give labels with newer ids")


def _as_named(name: str, kind: str, number: int) -> Release:
    newest = list(releases().values())[-1]
    schema, before = f"gaia{name.lower()}", f"{kind}{number - 1}"
    column = f"{before.lower()}_source_id"
    neighbours = Neighbours(f"{schema}.{before.lower()}_neighbourhood", column, f"{name.lower()}_source_id")
    return replace(
        newest,
        name=name,
        data_release=f"Gaia {name}",
        tried=False,
        source_table=f"{schema}.gaia_source",
        parameters_table=f"{schema}.astrophysical_parameters",
        same_ids=(),
        neighbours={before: neighbours},
    )


def _from_json(name: str, entry: Mapping[str, Any]) -> Release:
    grid = entry["grid"]
    first, step = round(grid["first_nm"] / grid["step_nm"]), grid["step_nm"]
    return Release(
        name=name,
        data_release=entry["data_release"],
        tried=entry["tried"],
        source_table=entry["source_table"],
        spectrum_columns=tuple(entry["spectrum_columns"]),
        parameters_table=entry["parameters_table"],
        products=entry["products"],
        structure=entry["structure"],
        wavelength_nm=np.round((first + np.arange(grid["pixels"])) * step, 6),
        same_ids=tuple(entry["same_ids"]),
        neighbours={old: Neighbours(**table) for old, table in entry["neighbours"].items()},
    )
