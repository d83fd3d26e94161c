"""The paper's reference sample: RVS spectra of Gaia DR3 with the labels of APOGEE DR17 and GALAH DR3.

The labels come from VizieR, the list of sources with a spectrum and the spectra themselves from the Gaia
archive. Everything that arrives is kept in a folder, so that the same call resumes where it was stopped.
Shapes: N stars, P labels, L pixels.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..atomic import atomic, write_text
from ..data.spectra import SpectraSet
from ..errors import ArchiveError, SpectraError
from ..io import ParquetWriter, covering, iter_parquet
from ..io.claim import claim
from ..io.columns import RawColumn, Table
from ..io.ids import as_strings
from ..io.tables import assemble
from ..jobs.progress import Progress, silent
from ..parameters import LABELS
from ..simulator import PIXELS_800
from .surveys import SURVEYS, Labelled, floats, merge, survey_labels

G_RANGE = (8.0, 14.0)  # paper, section 2
MAX_IDS = 5000  # of one DataLink call
SOURCES_QUERY = (
    "SELECT source_id, phot_g_mean_mag FROM gaiadr3.gaia_source "
    f"WHERE has_rvs = 't' AND phot_g_mean_mag BETWEEN {G_RANGE[0]:g} AND {G_RANGE[1]:g}"
)

T = TypeVar("T")


@dataclass(frozen=True)
class Fetch:
    """How to fetch: the folder that keeps what has arrived, patience, and the clients.

    most: at most this many stars, drawn by `seed`; None: all. chunk: spectra per call. wavelength_nm: (L,)
    the grid to write. vizier, gaia: astroquery's, unless others are given.
    """

    folder: Path
    most: int | None = None
    chunk: int = 2000
    seed: int = 0
    wavelength_nm: np.ndarray = field(default_factory=lambda: PIXELS_800)
    tries: int = 3
    pause: float = 5.0  # seconds before the second try, doubled for each further one
    vizier: Any = None
    gaia: Any = None
    progress: Progress = silent

    def ask(self, what: str, call: Callable[[], T]) -> T:
        """The result of the call, which is repeated when it fails. Raises ArchiveError after the last try.

        Whatever the client prints goes to standard error.
        """
        cause = ""
        for attempt in range(self.tries):
            try:
                with contextlib.redirect_stdout(sys.stderr):
                    return call()
            except Exception as error:
                cause = " ".join(str(error).split())[:160] or type(error).__name__
                if attempt + 1 < self.tries:
                    time.sleep(self.pause * 2**attempt)
        advice = f"what has arrived is kept in {self.folder}: run the same command again"
        raise ArchiveError(f"{what}: no answer after {self.tries} tries ({cause}); {advice}")


def fetch_sample(folder: str | Path, out: str | Path, **settings: Any) -> dict[str, Any]:
    """Build the reference sample and write it to `out` (Parquet). Settings: the fields of `Fetch`.

    Returns counts: stars written, of each survey, missing (the archive delivered no spectrum), refused (less
    than 95 % of the grid). Raises ArchiveError when an archive does not answer, or answers something
    unexpected.
    """
    task = Fetch(Path(folder), **settings)
    if not 1 <= task.chunk <= MAX_IDS:
        raise ArchiveError(f"{task.chunk} spectra a call: the archive gives 1 to {MAX_IDS:,}")
    task.folder.mkdir(parents=True, exist_ok=True)
    sample = select_stars(task)
    claim(task.folder, "plan.json", _purpose(task, sample))
    parts, notes = [], []
    for start in range(0, len(sample.ids), task.chunk):
        task.progress(start / len(sample.ids), f"spectra of {start:,} of {len(sample.ids):,} stars")
        path = task.folder / f"spectra-{start // task.chunk:05d}.parquet"
        notes.append(_fetch_chunk(task, sample.rows(slice(start, start + task.chunk)), path))
        parts += [path] if path.exists() else []
    return {
        "stars": _join_files(parts, Path(out)),
        "chosen": len(sample.ids),
        "surveys": {s.name: int((sample.survey == k).sum()) for k, s in enumerate(SURVEYS)},
        "missing": [i for n in notes for i in n["missing"]],
        "refused": [i for n in notes for i in n["refused"]],
        "file": str(out),
    }


# --- which stars ---


def select_stars(task: Fetch) -> Labelled:
    """The stars with good labels and a spectrum, 8 ≤ G ≤ 14, in the order of their ids.

    Raises ArchiveError when there is none.
    """
    surveys = []
    for survey in SURVEYS:
        table = _cached(
            task, survey.slug, lambda s=survey: survey_labels(s, task.vizier or _vizier(), task.ask)
        )
        surveys.append(table)
    labelled = merge(surveys)
    with_spectrum = _cached(task, "rvs-sources", lambda: _sources(task))
    sample = labelled.rows(np.isin(labelled.ids, with_spectrum.ids))
    if not len(sample.ids):
        raise ArchiveError(
            f"none of {len(labelled.ids):,} labelled stars has a spectrum with G in {G_RANGE}: wrong ids?"
        )
    if task.most and task.most < len(sample.ids):
        pick = np.random.default_rng(task.seed).choice(len(sample.ids), task.most, replace=False)
        sample = sample.rows(np.sort(pick))
    return sample


def _sources(task: Fetch) -> Labelled:
    """Ids of the sources with an RVS spectrum in the magnitude range; without labels."""
    gaia = task.gaia or _gaia()
    answer = task.ask(
        "Gaia archive, list of sources", lambda: gaia.launch_job_async(SOURCES_QUERY).get_results()
    )
    names = {c.lower(): c for c in answer.colnames}
    if not {"source_id", "phot_g_mean_mag"} <= set(names):
        raise ArchiveError(
            f"Gaia archive: the list of sources has the columns {', '.join(answer.colnames)}, not source_id"
        )
    bright = floats(answer[names["phot_g_mean_mag"]])
    ids = np.asarray(answer[names["source_id"]], np.int64)[(bright >= G_RANGE[0]) & (bright <= G_RANGE[1])]
    return Labelled(ids, np.empty((len(ids), 0)), np.empty((len(ids), 0)), np.zeros(len(ids), int))


def _cached(task: Fetch, name: str, make: Callable[[], Labelled]) -> Labelled:
    """The table `name` of the folder; `make` makes it when it is not there yet."""
    path = task.folder / f"{name}.npz"
    task.progress(0.0, f"{name} in {path.name}")
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            return Labelled(file["ids"], file["labels"], file["errors"], file["survey"])
    table = make()
    with atomic(path) as stream:
        np.savez_compressed(stream, **table._asdict())
    return table


# --- spectra ---


def _purpose(task: Fetch, sample: Labelled) -> dict[str, Any]:
    """What the folder is for. Chunks are numbered, so it belongs to one selection and one chunk size."""
    return {
        "stars": len(sample.ids),
        "first": int(sample.ids[0]),
        "last": int(sample.ids[-1]),
        "most": task.most,
        "seed": task.seed,
        "chunk": task.chunk,
        "pixels": len(task.wavelength_nm),
    }


def _fetch_chunk(task: Fetch, stars: Labelled, path: Path) -> dict[str, list[str]]:
    """Fetch the spectra of some stars into `path`, and note beside it which are missing or refused."""
    note = path.with_suffix(".json")
    if note.exists():
        return json.loads(note.read_text(encoding="utf-8"))
    spectra = _spectra(task, stars.ids)
    missing = _missing(stars.ids.astype(str), spectra)
    if len(missing) and spectra:  # the archive leaves some out when it is busy
        spectra += _spectra(task, missing.astype(np.int64))
        missing = _missing(missing, spectra)
    report = {"missing": missing.tolist(), "refused": _write(spectra, stars, task.wavelength_nm, path)}
    write_text(note, json.dumps(report))
    return report


def _missing(ids: np.ndarray, spectra: list[SpectraSet]) -> np.ndarray:
    """The ids, sorted, that are in none of the sets."""
    return np.setdiff1d(ids, np.concatenate([s.ids for s in spectra]) if spectra else [])


def _spectra(task: Fetch, ids: np.ndarray) -> list[SpectraSet]:
    """The spectra that the archive delivers for these ids, one set for each of its files.

    Raises ArchiveError when they are not spectra.
    """
    gaia = task.gaia or _gaia()

    def load() -> Any:
        return gaia.load_data(
            ids=ids.tolist(),
            data_release="Gaia DR3",
            retrieval_type="RVS",
            data_structure="RAW",
            format="votable",
        )

    answer = task.ask(f"Gaia archive, {len(ids):,} spectra from {ids[0]}", load)
    try:
        return [assemble([_table(t) for t in tables], name) for name, tables in answer.items()]
    except SpectraError as error:
        raise ArchiveError(f"Gaia archive, spectra from {ids[0]}: {error}") from None


def _table(answer: Any) -> Table:
    """A table of the archive, which comes as astropy's or as a VOTable element."""
    data = answer.to_table() if hasattr(answer, "to_table") else answer
    columns = (
        RawColumn(c.name, getattr(c, "data", c), None if c.unit is None else str(c.unit))
        for c in data.itercols()
    )
    return Table.build(columns, {k: v for k, v in data.meta.items() if isinstance(v, str | int | float)})


def _write(spectra: list[SpectraSet], stars: Labelled, grid: np.ndarray, path: Path) -> list[str]:
    """Write the spectra that cover the grid, with their labels; return the ids of the others.

    Without any spectrum that covers the grid there is no file.
    """
    refused: list[str] = []
    order = {i: k for k, i in enumerate(as_strings(stars.ids))}
    about = {"spectra": "Gaia DR3 RVS", "labels": sorted({SURVEYS[k].name for k in stars.survey})}
    pieces = []
    for part in spectra:
        binned, causes = covering(part[np.isin(part.ids, list(order))], grid)
        refused += list(causes)
        rows = [order[i] for i in binned.ids]
        if rows:
            pieces.append(replace(binned, labels=stars.labels[rows], label_names=LABELS, provenance=about))
    if pieces:
        with ParquetWriter(path, integer_ids=True) as out:
            for piece in pieces:
                out.write(piece)
    return refused


def _join_files(parts: list[Path], out: Path) -> int:
    """Write all parts to one file; the number of stars. ArchiveError when the archive delivered nothing."""
    if not parts:
        raise ArchiveError("the Gaia archive delivered none of the spectra: has the release moved?")
    with ParquetWriter(out, integer_ids=True) as file:
        for path in parts:
            for piece in iter_parquet(path):
                file.write(piece)
        return file.rows


# --- clients ---


def _vizier() -> Any:
    from astroquery.vizier import Vizier

    return Vizier


def _gaia() -> Any:
    with contextlib.redirect_stdout(sys.stderr):  # it prints news on import
        from astroquery.gaia import GaiaClass

        return GaiaClass(show_server_messages=False)
