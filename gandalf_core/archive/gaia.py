"""The paper's reference sample: RVS spectra of Gaia DR3 with the labels of APOGEE DR17 and GALAH DR3.

The labels come from VizieR, the list of sources with a spectrum and the spectra themselves from the Gaia
archive. Everything that arrives is kept in a folder, so that the same call resumes where it was stopped.
Shapes: N stars, P labels, L pixels.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import atomic, make_folder
from ..data.identity import identity
from ..errors import ArchiveError
from ..io import ParquetWriter, iter_parquet
from ..io.claim import claim
from .requests import Fetch, gaia_client, not_empty, vizier_client
from .spectra import SILENCE, fetch_chunk
from .surveys import MAX_ERRORS, SURVEYS, Labelled, floats, merge, survey_labels

G_RANGE = (8.0, 14.0)  # paper, section 2
MAX_IDS = 5000  # of one DataLink call
SOURCES_QUERY = (
    "SELECT source_id, phot_g_mean_mag FROM gaiadr3.gaia_source "
    f"WHERE has_rvs = 't' AND phot_g_mean_mag BETWEEN {G_RANGE[0]:g} AND {G_RANGE[1]:g}"
)


def fetch_sample(folder: str | Path, out: str | Path, **settings: Any) -> dict[str, Any]:
    """Build the reference sample and write it to `out` (Parquet). Settings: the fields of `Fetch`.

    Returns counts: stars written, of each survey; `rejected`, {id: cause} of the stars that are left out,
    `missing`, the ids among them about which the archive has said nothing: the same call asks for them again;
    and `notes`. Raises ArchiveError when an archive does not answer, or answers something unexpected.
    """
    task = Fetch(Path(folder), **settings)
    if not 1 <= task.chunk <= MAX_IDS:
        raise ArchiveError(f"{task.chunk} spectra a call: the archive gives 1 to {MAX_IDS:,}")
    make_folder(task.folder)
    sample = select_stars(task)
    claim(task.folder, "plan.json", _purpose(task, sample))
    paths, chunks = [], []
    for start in range(0, len(sample.ids), task.chunk):
        task.progress(start / len(sample.ids), f"spectra of {start:,} of {len(sample.ids):,} stars")
        paths.append(task.folder / f"spectra-{start // task.chunk:05d}.parquet")
        chunks.append(fetch_chunk(task, sample.rows(slice(start, start + task.chunk)), paths[-1]))
    missing = [i for chunk in chunks for i in chunk.missing]
    counts = {
        "samples far above their neighbours, masked as cosmic-ray hits": sum(c.spikes for c in chunks),
        "spectra not delivered, which the same command asks for again": len(missing),
    }
    return {
        "stars": _join_files([p for p, c in zip(paths, chunks, strict=True) if c.written], Path(out)),
        "chosen": len(sample.ids),
        "surveys": {s.name: int((sample.survey == k).sum()) for k, s in enumerate(SURVEYS)},
        "missing": missing,
        "rejected": {i: c for chunk in chunks for i, c in chunk.rejected.items()}
        | dict.fromkeys(missing, SILENCE),
        "notes": [f"{what}: {count:,}" for what, count in counts.items() if count],
        "file": str(out),
    }


# --- which stars ---


def select_stars(task: Fetch) -> Labelled:
    """The stars with good labels and a spectrum, 8 ≤ G ≤ 14, in the order of their ids.

    Raises ArchiveError when there is none.
    """
    surveys = []
    for survey in SURVEYS:
        name = f"{survey.slug}-{identity(survey, MAX_ERRORS)}"
        table = _cached(
            task, name, lambda s=survey: survey_labels(s, task.vizier or vizier_client(), task.ask)
        )
        surveys.append(table)
    labelled = merge(surveys)
    with_spectrum = _cached(task, f"rvs-sources-{identity(SOURCES_QUERY)}", lambda: _sources(task))
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
    gaia = task.gaia or gaia_client()
    answer = task.ask(
        "Gaia archive, list of sources",
        lambda: not_empty(gaia.launch_job_async(SOURCES_QUERY).get_results()),
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
    """The table `name` of the folder; `make` makes it when it is not there yet.

    Raises ArchiveError for a table without a usable row, which is not kept.
    """
    path = task.folder / f"{name}.npz"
    task.progress(0.0, f"{name} in {path.name}")
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            return Labelled(file["ids"], file["labels"], file["errors"], file["survey"])
    table = make()
    if not len(table.ids):
        raise ArchiveError(f"{name}: the answer has no usable row; run the same command again")
    with atomic(path) as stream:
        np.savez_compressed(stream, **table._asdict())
    return table


# --- the folder and the file ---


def _purpose(task: Fetch, sample: Labelled) -> dict[str, Any]:
    """What the folder is for. Chunks are numbered, so it belongs to one selection and one chunk size."""
    return {
        "stars": len(sample.ids),
        "sample": identity(sample.ids, sample.labels, sample.survey),
        "most": task.most,
        "seed": task.seed,
        "chunk": task.chunk,
        "pixels": len(task.wavelength_nm),
        "grid": identity(task.wavelength_nm),
    }


def _join_files(parts: list[Path], out: Path) -> int:
    """Write all parts to one file; the number of stars. ArchiveError when the archive delivered nothing."""
    if not parts:
        raise ArchiveError("the Gaia archive delivered none of the spectra: has the release moved?")
    with ParquetWriter(out, integer_ids=True) as file:
        for path in parts:
            for piece in iter_parquet(path, keep_spikes=True):  # they were masked when they arrived
                file.write(piece)
        return file.rows
