"""Spectra of the Gaia archive, chunk by chunk: what has arrived is kept, what has not is asked for again.

The archive leaves spectra out when it is busy, without a word. Such a silence says nothing about a star: the
next call asks again. Only its DataLink service can say that a star has no spectrum.
Shapes: N stars, L pixels.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import write_text
from ..data.spectra import SpectraSet
from ..errors import ArchiveError, SpectraError
from ..io.cells import numbers
from ..io.checking import Checks
from ..io.columns import RawColumn, Table
from ..io.grids import ARCHIVE_GRID_NM
from ..io.ids import from_file_name
from ..io.medium import Statement
from ..io.tables import assemble
from ..io.understanding import rejected_of, understandings
from .chunk_files import append, on_grid
from .epochs import TRANSIT, transits_of
from .releases import EPOCH
from .requests import Fetch
from .surveys import Labelled

SILENCE = "the archive has not delivered its spectrum: the same command asks again"
ABSENCE = "the archive has no RVS spectrum of it"
IN_VACUUM = Checks(medium=Statement("vacuum", "the archive says so"))
_RETRIEVAL = re.compile(r"RETRIEVAL_TYPE=(\w+)")
_LAST_NUMBER = re.compile(r"(\d+)\s*$")


@dataclass
class Chunk:
    """What became of the stars of a chunk.

    written: number of spectra in its file.  rejected: {id: cause} of the stars that are left out for good.
    missing: ids about whose spectra the archive has said nothing.  spikes: samples masked as cosmic-ray hits.
    seconds: that the requests took.  transits: {id: the transits of its epoch spectra, in order}.
    """

    written: int = 0
    rejected: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    spikes: int = 0
    seconds: float = 0.0
    transits: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Delivery:
    """What the archive has delivered: sets of spectra, and {id: cause} of those that cannot be used."""

    sets: list[SpectraSet] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)
    transits: dict[str, list[str]] = field(default_factory=dict)

    def silent_about(self, ids: np.ndarray) -> np.ndarray:
        """The ids (N,), sorted, about which nothing has arrived."""
        return np.setdiff1d(ids.astype(str), [*self.rejected, *(i for s in self.sets for i in s.ids)])


def fetch_chunk(task: Fetch, stars: Labelled, path: Path) -> Chunk:
    """Fetch the spectra of some stars into `path`, as far as they are not there; `path`.json notes the rest.

    Raises ArchiveError when the archive does not answer, or answers something that is not a spectrum.
    """
    note, began = path.with_suffix(".json"), time.monotonic()
    chunk = read_note(path)
    ids = stars.ids if chunk is None else stars.ids[np.isin(stars.ids.astype(str), chunk.missing)]
    if chunk is not None and not len(ids):
        return chunk
    chunk = chunk or Chunk()
    delivery = _delivered(task, ids)
    silent = delivery.silent_about(ids)
    absent = _without_spectrum(task, silent)
    pieces, refused = on_grid(task, delivery.sets, stars)
    chunk.rejected |= delivery.rejected | refused | dict.fromkeys(absent, ABSENCE)
    chunk.missing = [i for i in silent.tolist() if i not in absent]
    chunk.spikes += sum(read.spikes for stars in delivery.sets for read in understandings(stars))
    chunk.transits |= delivery.transits
    chunk.seconds += round(time.monotonic() - began, 3)
    chunk.written = append(path, pieces)
    write_text(note, json.dumps(asdict(chunk)))
    return chunk


def read_note(path: Path) -> Chunk | None:
    """What is noted about a chunk; None where nothing is, or where the spectra it counts are gone."""
    note = path.with_suffix(".json")
    if not note.exists():
        return None
    chunk = Chunk(**json.loads(note.read_text(encoding="utf-8")))
    return None if chunk.written and not path.exists() else chunk


# --- what the archive delivers ---


def _delivered(task: Fetch, ids: np.ndarray) -> Delivery:
    """What the archive delivers for these ids (N,), asked once more for those it leaves out."""
    delivery = _request(task, ids, Delivery())
    silent = delivery.silent_about(ids)
    if not len(silent):
        return delivery
    if len(silent) == len(ids):
        time.sleep(task.pause)
    return _request(task, silent.astype(np.int64), delivery)


def _request(task: Fetch, ids: np.ndarray, delivery: Delivery) -> Delivery:
    """Add what one call delivers."""

    def load() -> Any:
        return task.client().load_data(
            ids=ids.tolist(),
            data_release=task.release.data_release,
            retrieval_type=task.release.product(task.product),
            data_structure=task.release.structure,
            format=task.format,
            avoid_datatype_check=True,  # astroquery's list may be older than the release
        )

    answer = task.ask(f"Gaia archive, {len(ids):,} spectra from {ids[0]}", load) or {}
    for name, tables in answer.items():
        tables = [_astropy(table) for table in tables]
        if task.product == EPOCH:
            _take_epochs(delivery, tables, name)
        else:
            _take(delivery, task, tables, name, str(ids[0]))
    return delivery


def _take(delivery: Delivery, task: Fetch, tables: list[Any], name: str, first: str) -> None:
    """Add the spectra of a delivered file. ArchiveError for one that is no spectrum at all."""
    try:
        stars = assemble([_table(t, task.release.wavelength_nm) for t in tables], name, IN_VACUUM)
        delivery.sets.append(stars)
        delivery.rejected |= rejected_of(stars)
    except SpectraError as error:
        if not any("flux" in t.colnames for t in tables):
            raise ArchiveError(f"Gaia archive, spectra from {first}: {error}") from None
        delivery.rejected |= dict.fromkeys(_ids_in(tables, name), str(error))


def _take_epochs(delivery: Delivery, tables: list[Any], name: str) -> None:
    """Add the epoch spectra of a delivered file, each as a spectrum of its own; bad ones are passed over."""
    for star, epochs in transits_of(tables, from_file_name(name)).items():
        taken, cause = [], "no spectrum of a transit"
        for transit, table in epochs:
            try:
                stars = assemble([_table(table)], star, IN_VACUUM)
            except SpectraError as error:
                cause = str(error)
                continue
            taken.append(transit)
            number = np.full((len(stars), 1), float(len(taken)))
            delivery.sets.append(replace(stars, ids=[star], labels=number, label_names=(TRANSIT,)))
        delivery.transits[star] = taken
        if not taken:
            delivery.rejected[star] = cause


def _astropy(answer: Any) -> Any:
    """A table of the archive, which comes as astropy's or as a VOTable element, whose parameters count."""
    if not hasattr(answer, "to_table"):
        return answer
    table = answer.to_table()
    table.meta |= {param.name: param.value for param in answer.params}
    return table


def _table(data: Any, wavelength_nm: np.ndarray | None = None) -> Table:
    """A table of astropy as the readers take it; wavelengths (L,) for a release that leaves them out."""
    columns = [
        RawColumn(c.name, _cells(c.name, getattr(c, "data", c)), None if c.unit is None else str(c.unit))
        for c in data.itercols()
    ]
    if wavelength_nm is not None and len(wavelength_nm) != len(ARCHIVE_GRID_NM):
        columns += _implicit(columns, wavelength_nm)
    return Table.build(columns, {k: v for k, v in data.meta.items() if isinstance(v, str | int | float)})


def _implicit(columns: list[RawColumn], wavelength_nm: np.ndarray) -> list[RawColumn]:
    """A column of the release's wavelengths (L,) where the flux has as many samples and no column of them."""
    flux = next((c.values for c in columns if c.name.lower() == "flux"), None)
    named = any(c.name.lower() == "wavelength" for c in columns)
    if flux is None or named or not len(flux) or np.shape(flux[0]) != wavelength_nm.shape:
        return []
    return [RawColumn("wavelength", np.tile(wavelength_nm, (len(flux), 1)), "nm")]


def _cells(name: str, values: Any) -> Any:
    """The cells of a column; arrays that a csv writes as text, "(1.0, null)", become arrays of numbers."""
    if values.dtype.kind not in "US" or not len(values) or str(values[0])[:1] not in ("(", "["):
        return values
    import pandas as pd

    return numbers(pd.Series(values.astype(str)), name)


def _ids_in(tables: Iterable[Any], name: str) -> list[str]:
    """The ids of the stars of a delivered file: those in its tables, else that in its name."""
    columns = [t["source_id"] for t in tables if "source_id" in t.colnames]
    return [str(i) for c in columns for i in np.unique(np.asarray(c))] or [from_file_name(name)]


def _without_spectrum(task: Fetch, ids: np.ndarray) -> list[str]:
    """Those of the ids (N,) of which the archive's DataLink service says that they have no RVS spectrum.

    A row with the error NotFoundFault says so (IVOA DataLink 1.1, section 3.4), or rows that offer other data
    alone. A client without the service, or one that does not answer, says nothing.
    """
    links = getattr(task.client(), "get_datalinks", None)
    if links is None or not len(ids):
        return []
    numbers = ids.astype(np.int64).tolist()
    try:
        rows = list(_links(task.ask("Gaia archive, DataLink", lambda: links(ids=numbers))))
    except ArchiveError:
        return []
    offers: dict[str, set[str]] = {}
    for star, kind in rows:
        offers.setdefault(star, set()).add(kind)
    wanted = {task.release.product(task.product), ""}
    return [i for i in ids.tolist() if offers.get(i) and not wanted & offers[i]]


def _links(table: Any) -> Iterator[tuple[str, str]]:
    """(id, what is offered) of each row of DataLink: a retrieval type, `NotFoundFault`, or "" if unclear."""
    names = {c.lower(): c for c in table.colnames}
    for row in table if "id" in names else ():
        number = _LAST_NUMBER.search(str(row[names["id"]]))
        fault = str(row[names["error_message"]]) if "error_message" in names else ""
        url = str(row[names["access_url"]]) if "access_url" in names else ""
        kind = _RETRIEVAL.search(url)
        if number:
            missing = fault.strip().startswith("NotFoundFault")
            yield number[1], "NotFoundFault" if missing else kind[1] if kind else ""
