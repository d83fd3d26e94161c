"""Catalogues of labels in VizieR: which columns to read, which rows are good, which survey has priority.

What is taken as `mh` scales every metal but the α elements in both: APOGEE's [M/H] (with [α/M]) and GALAH's
[Fe/H] (with [α/Fe]). That is the convention of this project; neither is a total metallicity.
Shapes: N stars, P labels.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArchiveError
from ..parameters import LABELS
from .requests import not_empty

MAX_ERRORS = {"teff": 200.0, "logg": 0.5, "mh": 0.3, "alphafe": 0.2}  # paper, section 2


@dataclass(frozen=True)
class Survey:
    """A catalogue of labels in VizieR, whose columns are looked up at run time.

    Names of columns are compared by their letters and digits alone.
    """

    name: str
    catalogue: str
    columns: dict[str, tuple[str, ...]]  # label: names it may have; its error has `e_` before them
    flags: tuple[tuple[str, ...], ...] = ()  # names of each flag; rows are good where all flags are 0

    @property
    def slug(self) -> str:
        """The name as part of a file's name."""
        return re.sub(r"\W+", "-", self.name.lower())


IDS = ("GaiaEDR3", "GaiaDR3", "Gaia", "source_id", "dr3_source_id")
_PHYSICAL = {"teff": ("Teff",), "logg": ("logg", "log(g)")}
APOGEE = Survey(
    "APOGEE DR17",
    "III/286",
    {**_PHYSICAL, "mh": ("[M/H]", "M_H"), "alphafe": ("[a/M]", "[alpha/M]", "alpha_m")},
)
# The paper prints the flags with the sign reversed: rows are good where both are 0, as GALAH recommends.
GALAH = Survey(
    "GALAH DR3",
    "J/MNRAS/506/150",
    {**_PHYSICAL, "mh": ("[Fe/H]", "fe_h"), "alphafe": ("[alpha/Fe]", "[a/Fe]", "alpha_fe")},
    (("flag_sp",), ("flag_fe_h", "f_[Fe/H]", "fl_[Fe/H]", "q_[Fe/H]")),
)
SURVEYS = (APOGEE, GALAH)  # a star in both takes its labels from the first


class Labelled(NamedTuple):
    """Stars with labels: ids (N,) int64, labels and errors (N, P) in the order of LABELS, survey (N,).

    survey: index into SURVEYS.
    """

    ids: np.ndarray
    labels: np.ndarray
    errors: np.ndarray
    survey: np.ndarray

    def rows(self, rows: np.ndarray | slice) -> "Labelled":
        """The stars at `rows`."""
        return Labelled(self.ids[rows], self.labels[rows], self.errors[rows], self.survey[rows])


def survey_labels(
    survey: Survey, vizier: Callable[..., Any], ask: Callable[[str, Callable[[], Any]], Any]
) -> Labelled:
    """The good rows of a survey.

    vizier: astroquery's class. ask: (what is requested, call) → the result of the call, repeated when it
    fails. Raises ArchiveError when the survey's table lacks a column.
    """

    def first_rows() -> Any:
        return not_empty(vizier(columns=["**"], row_limit=1).get_catalogs(survey.catalogue))

    look = ask(f"VizieR {survey.catalogue}", first_rows)
    tables = {name: look[name].colnames for name in look.keys()}  # noqa: SIM118 - not a dict
    table_name, column_of = find_columns(survey, tables)
    columns = list(column_of.values())

    def all_rows() -> Any:
        return not_empty(vizier(columns=columns, row_limit=-1).get_catalogs(table_name))

    table = ask(f"VizieR {table_name}", all_rows)[0]
    lost = [c for c in columns if c not in table.colnames]
    if lost:
        raise ArchiveError(f"VizieR {table_name}: the answer lacks {', '.join(lost)}, which the table has")
    return good_rows(survey, {role: table[column] for role, column in column_of.items()})


def find_columns(survey: Survey, tables: dict[str, list[str]]) -> tuple[str, dict[str, str]]:
    """The table of a catalogue that has every column we need, and {role: its column}.

    tables: the columns of each table. Raises ArchiveError, which says what is missing.
    """
    roles = {"id": IDS} | survey.columns
    roles |= {f"e_{label}": tuple(f"e_{name}" for name in names) for label, names in survey.columns.items()}
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
    raise ArchiveError(f"VizieR {survey.catalogue} ({survey.name}): no table has {missing} (tables: {seen})")


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
    return Labelled(ids[first], labels[first], errors[first], np.full(len(first), SURVEYS.index(survey)))


def floats(column: Any) -> np.ndarray:
    """(N,) a column as float64, masked cells as NaN."""
    return np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan)


def merge(tables: list[Labelled]) -> Labelled:
    """One row per star, in the order of the ids; of several surveys the first counts."""
    stars = Labelled(
        np.concatenate([t.ids for t in tables]),
        np.concatenate([t.labels for t in tables]),
        np.concatenate([t.errors for t in tables]),
        np.concatenate([t.survey for t in tables]),
    )
    return stars.rows(np.unique(stars.ids, return_index=True)[1])
