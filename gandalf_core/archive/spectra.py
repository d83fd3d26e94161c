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
from ..data.instruments import KEY as INSTRUMENT
from ..data.spectra import SpectraSet
from ..errors import ArchiveError, SpectraError
from ..io import ParquetWriter, covering, iter_parquet
from ..io.columns import RawColumn, Table
from ..io.ids import as_strings, from_file_name
from ..io.tables import assemble
from ..io.understanding import rejected_of, understandings
from ..parameters import LABELS
from .requests import Fetch, gaia_client
from .surveys import SURVEYS, Labelled

SILENCE = "the archive has not delivered its spectrum: the same command asks again"
ABSENCE = "the archive has no RVS spectrum of it"
_RETRIEVAL = re.compile(r"RETRIEVAL_TYPE=(\w+)")
_LAST_NUMBER = re.compile(r"(\d+)\s*$")


@dataclass
class Chunk:
    """What became of the stars of a chunk.

    written: number of spectra in its file.  rejected: {id: cause} of the stars that are left out for good.
    missing: ids about whose spectra the archive has said nothing.  spikes: samples masked as cosmic-ray hits.
    """

    written: int = 0
    rejected: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    spikes: int = 0


@dataclass
class Delivery:
    """What the archive has delivered: sets of spectra, and {id: cause} of those that cannot be used."""

    sets: list[SpectraSet] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)

    def silent_about(self, ids: np.ndarray) -> np.ndarray:
        """The ids (N,), sorted, about which nothing has arrived."""
        return np.setdiff1d(ids.astype(str), [*self.rejected, *(i for s in self.sets for i in s.ids)])


def fetch_chunk(task: Fetch, stars: Labelled, path: Path) -> Chunk:
    """Fetch the spectra of some stars into `path`, as far as they are not there; `path`.json notes the rest.

    Raises ArchiveError when the archive does not answer, or answers something that is not a spectrum.
    """
    note = path.with_suffix(".json")
    chunk = _read_note(note, path)
    ids = stars.ids if chunk is None else stars.ids[np.isin(stars.ids.astype(str), chunk.missing)]
    if chunk is not None and not len(ids):
        return chunk
    chunk = chunk or Chunk()
    delivery = _delivered(task, ids)
    silent = delivery.silent_about(ids)
    absent = _without_spectrum(task, silent)
    pieces, refused = _on_grid(delivery.sets, stars, task.wavelength_nm)
    chunk.rejected |= delivery.rejected | refused | dict.fromkeys(absent, ABSENCE)
    chunk.missing = [i for i in silent.tolist() if i not in absent]
    chunk.spikes += sum(read.spikes for stars in delivery.sets for read in understandings(stars))
    chunk.written = _append(path, pieces)
    write_text(note, json.dumps(asdict(chunk)))
    return chunk


def _read_note(note: Path, path: Path) -> Chunk | None:
    """What is noted about a chunk; None where nothing is, or where the spectra it counts are gone."""
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
    gaia = task.gaia or gaia_client()

    def load() -> Any:
        return gaia.load_data(
            ids=ids.tolist(),
            data_release="Gaia DR3",
            retrieval_type="RVS",
            data_structure="RAW",
            format="votable",
        )

    answer = task.ask(f"Gaia archive, {len(ids):,} spectra from {ids[0]}", load) or {}
    for name, tables in answer.items():
        try:
            stars = assemble([_table(t) for t in tables], name)
            delivery.sets.append(stars)
            delivery.rejected |= rejected_of(stars)
        except SpectraError as error:
            if not any("flux" in _astropy(t).colnames for t in tables):
                raise ArchiveError(f"Gaia archive, spectra from {ids[0]}: {error}") from None
            delivery.rejected |= dict.fromkeys(_ids_in(tables, name), str(error))
    return delivery


def _astropy(answer: Any) -> Any:
    """A table of the archive, which comes as astropy's or as a VOTable element."""
    return answer.to_table() if hasattr(answer, "to_table") else answer


def _table(answer: Any) -> Table:
    data = _astropy(answer)
    columns = (
        RawColumn(c.name, getattr(c, "data", c), None if c.unit is None else str(c.unit))
        for c in data.itercols()
    )
    return Table.build(columns, {k: v for k, v in data.meta.items() if isinstance(v, str | int | float)})


def _ids_in(tables: Iterable[Any], name: str) -> list[str]:
    """The ids of the stars of a delivered file: those in its tables, else that in its name."""
    columns = [t["source_id"] for t in map(_astropy, tables) if "source_id" in t.colnames]
    return [str(i) for c in columns for i in np.unique(np.asarray(c))] or [from_file_name(name)]


def _without_spectrum(task: Fetch, ids: np.ndarray) -> list[str]:
    """Those of the ids (N,) of which the archive's DataLink service says that they have no RVS spectrum.

    A row with the error NotFoundFault says so (IVOA DataLink 1.1, section 3.4), or rows that offer other data
    alone. A client without the service, or one that does not answer, says nothing.
    """
    links = getattr(task.gaia or gaia_client(), "get_datalinks", None)
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
    return [i for i in ids.tolist() if offers.get(i) and not {"RVS", ""} & offers[i]]


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


# --- the file of a chunk ---


def _on_grid(
    sets: list[SpectraSet], stars: Labelled, grid: np.ndarray
) -> tuple[list[SpectraSet], dict[str, str]]:
    """The spectra that cover the grid (L,), with the stars' labels, and {id: cause} of the others."""
    order = {i: k for k, i in enumerate(as_strings(stars.ids))}
    labelled = sorted({SURVEYS[k].name for k in stars.survey})
    about = {"spectra": "Gaia DR3 RVS", "labels": labelled, INSTRUMENT: "gaia-rvs"}
    pieces, refused = [], {}
    for part in sets:
        binned, causes = covering(part[np.isin(part.ids, list(order))], grid)
        refused |= causes
        rows = [order[i] for i in binned.ids]
        if rows:
            pieces.append(replace(binned, labels=stars.labels[rows], label_names=LABELS, provenance=about))
    return pieces, refused


def _append(path: Path, pieces: list[SpectraSet]) -> int:
    """Add spectra to a chunk's file, in place of earlier ones of the same stars; how many it holds then.

    Without any spectrum there is no file.
    """
    new = np.concatenate([p.ids for p in pieces]) if pieces else np.empty(0, str)
    earlier = list(iter_parquet(path, keep_spikes=True)) if path.exists() else []
    kept = [s[~np.isin(s.ids, new)] for s in earlier]
    if pieces:
        with ParquetWriter(path, integer_ids=True) as out:
            for piece in [*(s for s in kept if len(s)), *pieces]:
                out.write(piece)
    return len(new) + sum(map(len, kept))
