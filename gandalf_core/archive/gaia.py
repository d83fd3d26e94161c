"""The paper's reference sample, or another: RVS spectra of a release of Gaia with the labels of surveys.

The labels come from VizieR, a survey's own file or the Gaia archive, the spectra from the latter. Everything
that arrives is kept in a folder, so that the same call resumes where it was stopped. Shapes: N stars, P
labels, L pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import atomic, make_folder
from ..data.identity import file_identity, identity
from ..errors import ArchiveError
from ..io import ParquetWriter, iter_parquet, write_table
from ..io.claim import claim
from ..parameters import LABELS
from .clients import vizier_client
from .estimate import estimate
from .matching import follow, own_labels, with_spectrum
from .releases import path_of_ids
from .requests import Fetch
from .spectra import SILENCE, Chunk, fetch_chunk
from .surveys import MAX_ERRORS, Labelled, Survey, is_gaias_own, merge, survey_labels, together

MAX_IDS = 5000  # of one DataLink call


@dataclass
class Selection:
    """The stars that were chosen.

    stars: with the labels of the first survey that has each.  rows: all rows of all surveys on these stars.
    notes: what was done to find them.
    """

    stars: Labelled
    rows: Labelled
    notes: list[str] = field(default_factory=list)


def fetch_sample(
    folder: str | Path, out: str | Path, *, dry_run: bool = False, **settings: Any
) -> dict[str, Any]:
    """Build a reference sample and write it to `out` (Parquet). Settings: the fields of `Fetch`.

    Returns counts: stars written, of each survey; `rejected`, {id: cause} of the stars that are left out,
    `missing`, the ids among them about which the archive has said nothing: the same call asks for them again;
    `labels`, a table with the labels of every survey; and `notes`. dry_run: choose the stars, and say what
    their spectra would take; nothing is written to `out`. Raises ArchiveError when an archive does not
    answer, or answers something unexpected.
    """
    task = Fetch(Path(folder), **settings)
    if not 1 <= task.chunk <= MAX_IDS:
        raise ArchiveError(f"{task.chunk} spectra a call: the archive gives 1 to {MAX_IDS:,}")
    task.release.product(task.product)
    make_folder(task.folder)
    chosen = select_stars(task)
    sample, starts = chosen.stars, range(0, len(chosen.stars.ids), task.chunk)
    claim(task.folder, "plan.json", _purpose(task, sample))
    paths = [task.folder / f"spectra-{k:05d}.parquet" for k in range(len(starts))]
    about = _about(task, chosen)
    if dry_run:
        return about | {"dry_run": True} | estimate(task, len(sample.ids), paths)
    chunks = []
    for start, path in zip(starts, paths, strict=True):
        task.progress(start / len(sample.ids), f"spectra of {start:,} of {len(sample.ids):,} stars")
        chunks.append(fetch_chunk(task, sample.rows(slice(start, start + task.chunk)), path))
    written = [path for path, chunk in zip(paths, chunks, strict=True) if chunk.written]
    done = {
        "stars": _join_files(written, Path(out)),
        "file": str(out),
        "labels": _write_labels(task, chosen.rows),
        "transits": _write_transits(task, chunks),
    }
    return done | about | _became(chunks, about["notes"])


def _about(task: Fetch, chosen: Selection) -> dict[str, Any]:
    """What is known before the spectra are: which stars, of which surveys, and what to note."""
    survey = chosen.stars.survey
    return {
        "chosen": len(chosen.stars.ids),
        "release": task.release.name,
        "product": task.product,
        "surveys": {s.name: int((survey == k).sum()) for k, s in enumerate(task.surveys)},
        "notes": [*task.release.notes, *(s.note for s in task.surveys if s.note), *chosen.notes],
    }


def _became(chunks: list[Chunk], notes: list[str]) -> dict[str, Any]:
    """What became of the stars of all chunks."""
    missing = [i for chunk in chunks for i in chunk.missing]
    counts = {
        "samples far above their neighbours, masked as cosmic-ray hits": sum(c.spikes for c in chunks),
        "spectra not delivered, which the same command asks for again": len(missing),
    }
    rejected = {i: cause for chunk in chunks for i, cause in chunk.rejected.items()}
    return {
        "missing": missing,
        "rejected": rejected | dict.fromkeys(missing, SILENCE),
        "notes": [*notes, *(f"{what}: {count:,}" for what, count in counts.items() if count)],
    }


# --- which stars ---


def select_stars(task: Fetch) -> Selection:
    """The stars with good labels, a spectrum and a magnitude in the range, in the order of their ids.

    Raises ArchiveError when there is none.
    """
    notes: list[str] = []
    tables = [_labels_of(task, survey, notes) for survey in task.surveys]
    labelled = merge(tables)
    key = identity(labelled.ids, task.release.source_table, list(task.magnitudes))
    bright = _cached(task, f"rvs-sources-{key}", lambda: {"ids": with_spectrum(task, labelled.ids)})["ids"]
    sample = labelled.rows(np.isin(labelled.ids, bright))
    if task.most and task.most < len(sample.ids):
        pick = np.random.default_rng(task.seed).choice(len(sample.ids), task.most, replace=False)
        sample = sample.rows(np.sort(pick))
    rows = together(tables)
    return Selection(sample, rows.rows(np.isin(rows.ids, sample.ids)), notes)


def _labels_of(task: Fetch, survey: Survey, notes: list[str]) -> Labelled:
    """The good labels of a survey under the ids of the release; what was lost on the way goes to notes."""
    if is_gaias_own(survey):
        name = f"{survey.slug}-{task.release.name}-{identity(survey, MAX_ERRORS, list(task.magnitudes))}"
        return Labelled(**_cached(task, name, lambda: own_labels(task, survey)._asdict()))
    content = file_identity(Path(survey.place)) if survey.is_file else ""

    def fetched() -> dict[str, np.ndarray]:
        table, release = survey_labels(survey, task.vizier or vizier_client(), task.ask)
        return table._asdict() | {"release": np.array(release)}

    stored = _cached(task, f"{survey.slug}-{identity(survey, MAX_ERRORS, content)}", fetched)
    old = str(stored.pop("release", "DR3"))
    return _on_release(task, survey, Labelled(**stored), old, notes)


def _on_release(task: Fetch, survey: Survey, table: Labelled, old: str, notes: list[str]) -> Labelled:
    """Labels under the ids that their stars have in the release."""
    for step in path_of_ids(old, task.release):
        key = identity(step, table.ids)

        def found(step: Any = step, ids: np.ndarray = table.ids) -> dict[str, np.ndarray]:
            return {k: np.asarray(v) for k, v in vars(follow(task, ids, step)).items()}

        pairs = _cached(task, f"ids-{step.old}-{key}", found, "old")
        rows = np.searchsorted(table.ids, pairs["old"])
        table = table.rows(rows)._replace(ids=pairs["new"])
        table = table.rows(np.argsort(table.ids))
        counts = {"without a neighbour there": pairs["lost"], "with several likely ones": pairs["unclear"]}
        said = ", ".join(f"{int(n):,} {what}" for what, n in counts.items() if n)
        notes.append(
            f"{survey.name}: ids of {step.old} followed to {step.new} for {len(table.ids):,} stars"
            + (f"; left out: {said}" if said else "")
        )
    return table


def _cached(
    task: Fetch, name: str, make: Callable[[], dict[str, np.ndarray]], counted: str = "ids"
) -> dict[str, np.ndarray]:
    """The arrays `name` of the folder; `make` makes them when they are not there yet.

    Raises ArchiveError where there is no star among those `counted`, which are then not kept.
    """
    path = task.folder / f"{name}.npz"
    task.progress(0.0, f"{name} in {path.name}")
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    arrays = make()
    if not len(arrays[counted]):
        raise ArchiveError(f"{name}: the answer has no usable row: wrong ids? Run the same command again")
    stored: dict[str, Any] = dict(arrays)
    with atomic(path) as stream:
        np.savez_compressed(stream, **stored)
    return arrays


# --- the folder and the files ---


def _purpose(task: Fetch, sample: Labelled) -> dict[str, Any]:
    """What the folder is for. Chunks are numbered, so it belongs to one selection and one chunk size."""
    return {
        "stars": len(sample.ids),
        "sample": identity(sample.ids, sample.labels, sample.survey),
        "release": task.release.name,
        "product": task.product,
        "most": task.most,
        "seed": task.seed,
        "chunk": task.chunk,
        "pixels": len(task.wavelength_nm),
        "grid": identity(task.wavelength_nm),
    }


def _write_labels(task: Fetch, rows: Labelled) -> str:
    """A table with one row for each star and survey, as `--labels` of other commands reads it; its path."""
    path = task.folder / "labels.csv"
    columns: dict[str, np.ndarray] = {"source_id": rows.ids.astype(str)}
    for k, name in enumerate(LABELS):
        columns |= {name: rows.labels[:, k], f"{name}_error": rows.errors[:, k]}
    names = np.array([survey.name for survey in task.surveys])
    write_table(path, columns | {"survey": names[rows.survey]})
    return str(path)


def _write_transits(task: Fetch, chunks: list[Chunk]) -> str | None:
    """A table with the transit that each epoch spectrum is of; its path, None without epoch spectra."""
    found = sorted((i, k, t) for c in chunks for i, ids in c.transits.items() for k, t in enumerate(ids, 1))
    if not found:
        return None
    path = task.folder / "transits.csv"
    star, number, transit = (np.array(column) for column in zip(*found, strict=True))
    write_table(path, {"source_id": star, "transit": number, "transit_id": transit})
    return str(path)


def _join_files(parts: list[Path], out: Path) -> int:
    """Write all parts to one file; the number of stars. ArchiveError when the archive delivered nothing."""
    if not parts:
        raise ArchiveError("the Gaia archive delivered none of the spectra: has the release moved?")
    with ParquetWriter(out, integer_ids=True) as file:
        for path in parts:
            for piece in iter_parquet(path, keep_spikes=True):  # they were masked when they arrived
                file.write(piece)
        return file.rows
