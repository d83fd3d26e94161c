"""Catalogues of labels: which columns to read, which rows are good. `surveys.json` describes one an entry.

What is taken as `mh` scales every metal but the α elements: APOGEE's [M/H] (with [α/M]), GALAH's [Fe/H]
(with [α/Fe]) and GSP-Spec's [M/H]. That is the convention of this project; none is a total metallicity.
Shapes: N stars, P labels.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArchiveError
from ..parameters import LABELS
from .clients import catalogues

MAX_ERRORS = {"teff": 200.0, "logg": 0.5, "mh": 0.3, "alphafe": 0.2}  # paper, section 2
PAPERS = ("apogee-dr17", "galah-dr3")
FILES = (".fits", ".fits.gz", ".fit", ".csv", ".ecsv", ".vot", ".xml", ".parquet")
_FILE = Path(__file__).with_name("surveys.json")
IDS = (  # the newest first; those that name no release are of the survey's own
    *("GaiaDR4", "gaia_dr4_source_id", "dr4_source_id"),
    *("GaiaEDR3", "GaiaDR3", "gaia_dr3_source_id", "gaia_edr3_source_id", "dr3_source_id"),
    *("GaiaDR2", "gaia_dr2_source_id", "dr2_source_id"),
    *("Gaia", "source_id"),
)
_RELEASE = re.compile(r"dr\d+")


@dataclass(frozen=True)
class Survey:
    """A catalogue of labels, whose columns are looked up at run time.

    Names of columns are compared by their letters and digits alone.

    slug, name: in commands and files, and for people.  place: where the table is: a catalogue in VizieR, a
    file, or "" where it is the Gaia archive's own.  ids: the release of Gaia whose ids it has, where its
    column does not say.  columns: label → names it may have; its error has `e_` before or `_err` after them.
    flags: names of each flag; rows are good where all flags are 0.  where: a condition on the archive's own
    table.  note: to know before the labels are used.
    """

    slug: str
    name: str
    place: str
    ids: str
    columns: Mapping[str, tuple[str, ...]]
    flags: tuple[tuple[str, ...], ...] = ()
    where: str = ""
    note: str = ""

    @property
    def is_file(self) -> bool:
        """Whether the table is a file, not a catalogue of VizieR."""
        return self.place.lower().endswith(FILES)


class Labelled(NamedTuple):
    """Stars with labels: ids (N,) int64, labels and errors (N, P) in the order of LABELS, survey (N,).

    survey: number of the survey among those that were asked for.
    """

    ids: np.ndarray
    labels: np.ndarray
    errors: np.ndarray
    survey: np.ndarray

    def rows(self, rows: np.ndarray | slice) -> "Labelled":
        """The stars at `rows`."""
        return Labelled(self.ids[rows], self.labels[rows], self.errors[rows], self.survey[rows])


# --- which surveys ---


@cache
def surveys() -> Mapping[str, Survey]:
    """The surveys of `surveys.json` by their short names."""
    return {slug: _from_json(slug, entry) for slug, entry in _entries().items()}


def surveys_named(names: Iterable[str]) -> tuple[Survey, ...]:
    """Surveys by name, or `name=PLACE` with a file or a catalogue of VizieR. ArchiveError for one without."""
    chosen = tuple(_named(name) for name in names)
    twice = [s.slug for k, s in enumerate(chosen) if s.slug in [o.slug for o in chosen[:k]]]
    if twice:
        raise ArchiveError(f"survey {twice[0]} is given twice: give each once, the most trusted first")
    return chosen


def _named(text: str) -> Survey:
    name, _, place = text.partition("=")
    slug = re.sub(r"[\W_]+", "-", name.strip().lower()).strip("-")
    known = surveys().get(slug)
    if known is None and not place:
        raise ArchiveError(
            f"no survey '{name}': choose {', '.join(surveys())}, or give NAME=FILE or NAME=VIZIER-NAME"
        )
    entry = _entries().get(slug, {})
    if known is not None and not place and not known.place and not entry.get("gaia"):
        raise ArchiveError(
            f"{known.name} is not in VizieR under a known name: download {entry['file']} and give "
            f"--survey {slug}=FILE, or --survey {slug}=CATALOGUE of VizieR"
        )
    found = known or _any_survey(slug, name)
    if place.lower().endswith(FILES) and not Path(place).is_file():
        raise ArchiveError(f"{place}: no such file: give the table of {found.name}")
    return replace(found, place=place) if place else found


def _any_survey(slug: str, name: str) -> Survey:
    """A survey that is not described: its labels may have every name that another one's have."""
    columns = {n: tuple(dict.fromkeys(c for s in surveys().values() for c in s.columns[n])) for n in LABELS}
    return Survey(slug, name.strip(), "", "DR3", columns, note=f"{name}: its rows are taken without any flag")


@cache
def _entries() -> Mapping[str, Any]:
    return json.loads(_FILE.read_text(encoding="utf-8"))


def _from_json(slug: str, entry: Mapping[str, Any]) -> Survey:
    return Survey(
        slug,
        entry["title"],
        entry.get("vizier") or "",
        entry["ids"],
        {label: tuple(names) for label, names in entry["columns"].items()},
        tuple(map(tuple, entry["flags"])),
        entry.get("where", ""),
        entry.get("note", ""),
    )


def is_gaias_own(survey: Survey) -> bool:
    """Whether the labels are in the Gaia archive itself."""
    return not survey.place


APOGEE, GALAH = (surveys()[slug] for slug in PAPERS)

# --- their rows ---


def survey_labels(
    survey: Survey, vizier: Callable[..., Any], ask: Callable[[str, Callable[[], Any]], Any]
) -> tuple[Labelled, str]:
    """The good rows of a survey, and the release of Gaia whose ids they have.

    vizier: astroquery's class. ask: (what is requested, call) → the result of the call, repeated when it
    fails. Raises ArchiveError when the survey's table lacks a column.
    """
    if survey.is_file:
        columns, id_column = columns_of_file(survey)
        return good_rows(survey, columns), release_of_ids(survey, id_column)

    look = ask(f"VizieR {survey.place}", lambda: catalogues(vizier, survey.place, ["**"], 1))
    tables = {name: look[name].colnames for name in look.keys()}  # noqa: SIM118 - not a dict
    table_name, column_of = find_columns(survey, tables)
    columns = list(column_of.values())

    table = ask(f"VizieR {table_name}", lambda: catalogues(vizier, table_name, columns, -1))[0]
    lost = [c for c in columns if c not in table.colnames]
    if lost:
        raise ArchiveError(f"VizieR {table_name}: the answer lacks {', '.join(lost)}, which the table has")
    found = good_rows(survey, {role: table[column] for role, column in column_of.items()})
    return found, release_of_ids(survey, column_of["id"])


def release_of_ids(survey: Survey, column: str) -> str:
    """The release of Gaia of a column of ids, such as DR2: from its name, else the survey's."""
    match = _RELEASE.search(_letters(column))
    return match[0].upper() if match else survey.ids


def columns_of_file(survey: Survey) -> tuple[dict[str, Any], str]:
    """The columns of a survey's own table by role, and the name of that with ids.

    Of a FITS file only those are read. Raises ArchiveError for a file that cannot be read or lacks a column.
    """
    from astropy.io import fits
    from astropy.table import Table

    try:
        if any(part in survey.place.lower() for part in (".fits", ".fit")):
            with fits.open(survey.place, memmap=True) as opened:
                tables: dict[str, Any] = {
                    f"HDU {k}": h for k, h in enumerate(opened) if isinstance(h, fits.BinTableHDU)
                }
                table, column_of = find_columns(survey, {k: list(t.columns.names) for k, t in tables.items()})
                return {r: np.array(tables[table].data[c]) for r, c in column_of.items()}, column_of["id"]
        read = Table.read(survey.place)
    except (OSError, ValueError, TypeError) as error:
        raise ArchiveError(f"{survey.place}: cannot be read as a table ({str(error)[:160]})") from None
    column_of = find_columns(survey, {Path(survey.place).name: read.colnames})[1]
    return {role: read[column] for role, column in column_of.items()}, column_of["id"]


def find_columns(survey: Survey, tables: dict[str, list[str]]) -> tuple[str, dict[str, str]]:
    """The table of a catalogue that has every column we need, and {role: its column}.

    tables: the columns of each table. Raises ArchiveError, which says what is missing.
    """
    roles = {"id": IDS} | dict(survey.columns)
    roles |= {f"e_{n}": tuple(_error_names(names)) for n, names in survey.columns.items()}
    roles |= {f"flag {k}": names for k, names in enumerate(survey.flags)}
    best: dict[str, str] = {}
    for table, columns in tables.items():
        by_letters = {_letters(column): column for column in columns}
        matches = {role: [by_letters.get(_letters(n)) for n in names] for role, names in roles.items()}
        column_of = {role: next(filter(None, m)) for role, m in matches.items() if any(m)}
        if len(column_of) == len(roles):
            return table, column_of
        best = max(best, column_of, key=len)
    missing = ", ".join(" or ".join(names) for role, names in roles.items() if role not in best)
    seen = ", ".join(tables) or "none"
    where = survey.place if survey.is_file else f"VizieR {survey.place}"
    raise ArchiveError(f"{where} ({survey.name}): no table has {missing} (tables: {seen})")


def _error_names(names: Iterable[str]) -> list[str]:
    return [text for name in names for text in (f"e_{name}", f"{name}_err")]


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def good_rows(survey: Survey, columns: dict[str, Any]) -> Labelled:
    """Rows with an id, all labels, small enough errors and no flag.

    Of several rows of one star the one with the smallest error of teff. columns: by role. Raises ArchiveError
    for ids that are floats.
    """
    ids = np.ma.filled(np.ma.asarray(columns["id"]), 0)
    if ids.dtype.kind == "f":
        raise ArchiveError(
            f"{survey.name}: its Gaia ids came as floating-point numbers, their last digits are lost"
        )
    ids = np.array([int(i) if str(i).strip().isdecimal() else 0 for i in ids.tolist()], np.int64)
    labels, errors = (np.stack([floats(columns[p + n]) for n in LABELS], 1) for p in ("", "e_"))
    good = (ids > 0) & np.isfinite(labels).all(1)
    good &= (errors >= 0).all(1) & (errors <= [MAX_ERRORS[n] for n in LABELS]).all(1)
    for role in columns:
        good &= floats(columns[role]) == 0 if role.startswith("flag") else True
    order = np.flatnonzero(good)[np.argsort(errors[good, 0], kind="stable")]
    first = order[np.unique(ids[order], return_index=True)[1]]
    return Labelled(ids[first], labels[first], errors[first], np.zeros(len(first), int))


def floats(column: Any) -> np.ndarray:
    """(N,) a column as float64, masked cells as NaN."""
    return np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan)


def together(tables: Iterable[Labelled]) -> Labelled:
    """All rows of several surveys, which are numbered in this order."""
    parts = [t._replace(survey=np.full(len(t.ids), k)) for k, t in enumerate(tables)]
    return Labelled(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def merge(tables: Iterable[Labelled]) -> Labelled:
    """One row per star, in the order of the ids; of several surveys the first counts."""
    stars = together(tables)
    return stars.rows(np.unique(stars.ids, return_index=True)[1])
