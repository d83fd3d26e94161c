"""Stars found in the Gaia archive by their ids: which have a spectrum, and what they are called there now.

Ids are uploaded in blocks, as tables of the Table Access Protocol (IVOA TAP 1.1), and joined there.
Shapes: N stars.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArchiveError
from ..parameters import LABELS
from .clients import not_empty
from .releases import Neighbours
from .requests import Fetch
from .surveys import MAX_ERRORS, Labelled, Survey, floats, good_rows

BLOCK = 100_000  # ids in one upload
UPLOAD = "ids"  # of the uploaded table
MAGNITUDE = "phot_g_mean_mag"
SAME_MAGNITUDE = 0.5  # difference of G [mag] from which on two sources are not the same star
CLEARLY_NEAREST = 3.0  # times as near as the next source: that is the star


@dataclass(frozen=True)
class Found:
    """Ids of another release. old, new: (M,) int64, each once.  lost, unclear: how many have no such pair."""

    old: np.ndarray
    new: np.ndarray
    lost: int
    unclear: int


# --- ids of another release ---


def follow(task: Fetch, ids: np.ndarray, table: Neighbours) -> Found:
    """What sources with these ids (N,) of one release are called in the next one.

    A source may have no neighbour there, or several: the one that is much nearer than all others of the same
    magnitude counts, else it is unclear which one the labels are of. Two that became one are unclear, too.
    """
    parts = [_neighbours(task, ids[k : k + BLOCK], table) for k in range(0, len(ids), BLOCK)]
    old, new, distance, fainter = (np.concatenate(column) for column in zip(*parts, strict=True))
    alike = ~(np.abs(fainter) > SAME_MAGNITUDE)  # an unknown magnitude says nothing
    old, new, distance = old[alike], new[alike], distance[alike]
    order = np.lexsort((distance, old))
    old, new, distance = old[order], new[order], distance[order]
    first = np.r_[True, old[1:] != old[:-1]] if len(old) else np.zeros(0, bool)
    clear = first.copy()
    second = np.flatnonzero(~first & np.r_[False, first[:-1]])
    clear[second - 1] = distance[second] > CLEARLY_NEAREST * distance[second - 1]
    old, new = old[clear], new[clear]
    values, count = np.unique(new, return_counts=True)
    alone = np.isin(new, values[count == 1])
    lost = len(ids) - int(first.sum())
    return Found(old[alone], new[alone], lost, len(ids) - lost - int(alone.sum()))


def _neighbours(task: Fetch, ids: np.ndarray, table: Neighbours) -> tuple[np.ndarray, ...]:
    """Old and new ids, angular distance and difference of magnitude of all neighbours of some ids."""
    query = (
        f"SELECT n.{table.old}, n.{table.new}, n.angular_distance, n.magnitude_difference "
        f"FROM {table.table} AS n JOIN tap_upload.{UPLOAD} AS u ON n.{table.old} = u.source_id"
    )
    answer = _rows(task, f"Gaia archive, {table.table}", query, ids)
    old, new = (integers(answer[name]) for name in (table.old, table.new))
    return old, new, floats(answer["angular_distance"]), floats(answer["magnitude_difference"])


# --- which have a spectrum ---


def with_spectrum(task: Fetch, ids: np.ndarray) -> np.ndarray:
    """Those of the ids (N,) with an RVS spectrum and a magnitude in the range, in increasing order."""
    flag = spectrum_column(task)
    query = (
        f"SELECT g.source_id, g.{MAGNITUDE} FROM {task.release.source_table} AS g "
        f"JOIN tap_upload.{UPLOAD} AS u ON g.source_id = u.source_id WHERE {_bright(task, 'g.', flag)}"
    )
    blocks = [ids[k : k + BLOCK] for k in range(0, len(ids), BLOCK)]
    answers = []
    for k, block in enumerate(blocks):
        task.progress(0.0, f"sources with a spectrum, block {k + 1} of {len(blocks)}")
        answers.append(_rows(task, "Gaia archive, list of sources", query, block))
    found = np.concatenate([integers(answer["source_id"]) for answer in answers])
    g = np.concatenate([floats(answer[MAGNITUDE]) for answer in answers])
    low, high = task.magnitudes
    return np.unique(found[(g >= low) & (g <= high) & np.isin(found, ids)])


def spectrum_column(task: Fetch) -> str:
    """The column of the release's table of sources that says which have a spectrum.

    Raises ArchiveError where there is none under a known name.
    """
    table = task.release.source_table
    answer = task.ask(
        f"Gaia archive, {table}",
        lambda: not_empty(task.client().launch_job(f"SELECT TOP 1 * FROM {table}").get_results()),
    )
    columns = {c.lower(): c for c in answer.colnames}
    found = [columns[c] for c in task.release.spectrum_columns if c in columns]
    if not {"source_id", MAGNITUDE} <= set(columns) or not found:
        wanted = f"source_id, {MAGNITUDE} and {' or '.join(task.release.spectrum_columns)}"
        seen = ", ".join(answer.colnames)[:200]
        raise ArchiveError(
            f"Gaia archive: {table} has no columns {wanted} (it has {seen}): name them in releases.json"
        )
    return found[0]


def _bright(task: Fetch, prefix: str, flag: str) -> str:
    low, high = task.magnitudes
    return f"{prefix}{flag} = 't' AND {prefix}{MAGNITUDE} BETWEEN {low:g} AND {high:g}"


# --- labels of the archive itself ---


def own_labels(task: Fetch, survey: Survey) -> Labelled:
    """The good labels that the archive has itself of sources with a spectrum; errors are half intervals.

    Raises ArchiveError when fewer rows arrive than the archive counts: it cuts long answers without a word.
    """
    flag, columns = spectrum_column(task), {label: names[0] for label, names in survey.columns.items()}
    table = task.release.parameters_table
    chosen = [c for name in columns.values() for c in (name, f"{name}_lower", f"{name}_upper")]
    tables = f"FROM {table} AS p JOIN {task.release.source_table} AS g ON p.source_id = g.source_id"
    errors = (f"p.{n}_upper - p.{n}_lower <= {2 * MAX_ERRORS[k]:g}" for k, n in columns.items())
    wanted = " AND ".join([_bright(task, "g.", flag), f"p.{survey.where}", *errors])
    what = f"Gaia archive, {survey.name}"
    count = int(_rows(task, what, f"SELECT COUNT(*) AS stars {tables} WHERE {wanted}")["stars"][0])
    query = f"SELECT p.source_id, {', '.join(f'p.{c}' for c in chosen)} {tables} WHERE {wanted}"
    answer = _rows(task, what, query)
    if len(answer) < count:
        raise ArchiveError(f"{what}: {len(answer):,} of {count:,} rows arrived: take a narrower range of G")
    roles: dict[str, Any] = {"id": answer["source_id"]}
    for label in LABELS:
        name = columns[label]
        half = (floats(answer[f"{name}_upper"]) - floats(answer[f"{name}_lower"])) / 2
        roles |= {label: answer[name], f"e_{label}": half}
    return good_rows(survey, roles)


# --- queries ---


def _rows(task: Fetch, what: str, query: str, ids: np.ndarray | None = None) -> Any:
    """The answer to a query, with ids (N,) as an uploaded table. An asynchronous job: it may take long."""
    from astropy.table import Table

    upload = {}
    if ids is not None:
        upload = {"upload_resource": Table({"source_id": ids.astype(np.int64)}), "upload_table_name": UPLOAD}
    answer = task.ask(what, lambda: task.client().launch_job_async(query, **upload).get_results())
    answer.rename_columns(answer.colnames, [name.lower() for name in answer.colnames])
    return answer


def integers(column: Any) -> np.ndarray:
    """(N,) int64 of a column of ids. ArchiveError for one of floats: their last digits are lost."""
    values = np.ma.filled(np.ma.asarray(column), 0)
    if values.dtype.kind not in "iu":
        raise ArchiveError("Gaia archive: ids came as floating-point numbers, their last digits are lost")
    return values.astype(np.int64)
