"""The columns of one table of a file: those that are used, by what they hold, and those that are not.

Shapes: R rows, L pixels.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ..errors import SpectraError
from . import ids as star_ids
from . import limits, sky
from .label_cells import label_cells
from .medium import Statement, stated_medium
from .names import (
    ERROR,
    FLUX,
    ID,
    MASK,
    SPECTRAL,
    STRONG_IDS,
    WAVELENGTH,
    Meaning,
    letters,
    meaning_of,
)
from .provenance import PROVENANCE_KEY, parse_provenance
from .sniff import Budget
from .values import label_in_text

_GRID_CARDS = ("CRVAL1", "CDELT1", "CD1_1", "COEFF0", "COEFF1")  # of FITS, that describe wavelengths


@dataclass(frozen=True)
class RawColumn:
    """A column as a file gives it, before anybody says what it means.

    values: (R,), (R, L) or one array per cell; a masked array where the file marks missing cells; None for a
    column that no one needs (it is only named). null: the value that the file declares to mean "missing"
    (TNULL of FITS, `null` of VOTable), if a reader has not masked it already.
    """

    name: str
    values: Any
    unit: str | None = None
    ucd: str | None = None
    description: str | None = None
    null: Any = None


class Chosen(NamedTuple):
    """A column, and what it is for."""

    column: RawColumn
    meaning: Meaning

    @property
    def unit(self) -> str:
        """Its unit as the file or its name gives it, or "". SpectraError when the two disagree."""
        declared, named = self.column.unit or "", self.meaning.unit
        if declared and named and letters(declared).rstrip("s") != letters(named).rstrip("s"):
            said = f"column {self.column.name} is declared in {declared}, its name says {named}"
            raise SpectraError(f"{said}: correct one of them")
        return declared or named


@dataclass
class Table:
    """One table of a file.

    columns: values by role, (R,) or (R, L). chosen: which column each role was taken from. masks: columns
    that mask samples. ids: columns of the ids; several are joined. meta: an id and labels that stand beside
    the rows, keywords: under which names. names: every column of the file. medium: what the file says of its
    wavelengths. refused: rows that cannot be used, and why. places: where its stars are in the sky.
    """

    columns: dict[str, Any] = field(default_factory=dict)
    chosen: dict[str, Chosen] = field(default_factory=dict)
    masks: list[Chosen] = field(default_factory=list)
    ids: list[Chosen] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    keywords: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    medium: Statement | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    refused: dict[int, str] = field(default_factory=dict)
    places: sky.Places = sky.NOWHERE

    @classmethod
    def build(
        cls,
        columns: Iterable[RawColumn],
        meta: Mapping[str, Any] | None = None,
        comments: Sequence[str] = (),
    ) -> "Table":
        """A table from every column of a file, its keywords (`meta`) and its lines of comment.

        Raises SpectraError, naming both, for two columns of one role between which nothing decides.
        """
        columns, meta = list(columns), meta or {}
        table = cls(names=tuple(c.name for c in columns))
        found = [
            Chosen(c, m)
            for c in columns
            if c.values is not None and (m := meaning_of(c.name, c.ucd, c.description))
        ]
        table.masks = [c for c in found if c.meaning.role == MASK]
        table.ids = star_ids.choose([c for c in found if c.meaning.role == ID])
        by_role: dict[str, list[Chosen]] = {}
        for c in found:
            by_role.setdefault(c.meaning.role, []).append(c)
        for role in sorted(by_role, key=lambda r: r != WAVELENGTH):
            if role not in (MASK, ID):
                table._take(role, by_role[role])
        table._square_masks()
        table._drop_errors_of_another_flux(found)
        table._drop_errors_in_percent()
        table._drop_limits(columns)
        table._read_keywords(meta)
        if WAVELENGTH in table.chosen:
            column, meaning = table.chosen[WAVELENGTH]
            table.medium = stated_medium(column, meaning, meta, comments)
        return table

    def _take(self, role: str, found: list[Chosen]) -> None:
        self.chosen[role] = chosen = best(role, found)
        values, null = chosen.column.values, chosen.column.null
        if null is not None:
            values = np.ma.masked_where(np.ma.getdata(values) == null, values)
        grid = self.columns.get(WAVELENGTH) if role in (FLUX, ERROR) else None
        length = None if grid is None or grid.ndim != 2 else grid.shape[1]
        self.columns[role], refused = stack(values, chosen.column.name, length)
        self.refused = refused | self.refused

    def _square_masks(self) -> None:
        """Masks of arrays in the shape of the flux (R, L), where some fit; a row without one is refused."""
        width = np.shape(self.columns.get(FLUX, ()))[1:]
        for k, (column, meaning) in enumerate(self.masks):
            if not width or np.asarray(column.values).dtype.kind != "O" or np.ndim(column.values) != 1:
                continue
            fitting = [np.shape(cell) == width for cell in column.values]
            if any(fitting) and not all(fitting):
                values, refused = stack(column.values, column.name, width[0])
                self.masks[k] = Chosen(replace(column, values=values), meaning)
                self.refused = refused | self.refused

    def _drop_errors_of_another_flux(self, found: list[Chosen]) -> None:
        """Where a normalised flux was taken and another flux left, plain errors belong to the other."""
        if FLUX not in self.chosen or ERROR not in self.chosen:
            return
        flux, fluxes = self.chosen[FLUX].meaning, [c for c in found if c.meaning.role == FLUX]
        if not flux.normalised or len(fluxes) < 2 or self.chosen[ERROR].meaning.normalised:
            return
        own = [c for c in found if c.meaning.role == ERROR and c.meaning.normalised]
        lost = self.chosen.pop(ERROR)
        del self.columns[ERROR]
        if own:
            self._take(ERROR, own)
        else:
            self.remarks += (f"{lost.column.name} is the error of another flux than {flux.key}: not used",)

    def _drop_errors_in_percent(self) -> None:
        """Nobody says of what such errors are a part."""
        if ERROR in self.chosen and self.chosen[ERROR].unit.lower() in ("%", "percent", "per cent"):
            lost = self.chosen.pop(ERROR)
            del self.columns[ERROR]
            said = "is given in per cent: not used, give it in units of the flux"
            self.remarks += (f"{lost.column.name} {said}",)

    def _drop_limits(self, columns: Sequence[RawColumn]) -> None:
        """A limit of a label, as a column of flags beside it says, is no value."""
        known = [c for c in columns if limits.is_flag(c.name) and c.values is not None]
        flags = {c.name.strip().lower(): c for c in known}
        for role, (column, _) in self.chosen.items():
            if role in SPECTRAL or np.ndim(self.columns[role]) != 1:
                continue
            flag = flags.get(limits.PREFIX + column.name.strip().lower())
            bounds = limits.among(self.columns[role], None if flag is None else flag.values)
            if bounds.any():
                self.columns[role] = np.ma.masked_where(bounds, np.ma.asarray(self.columns[role]))
                self.remarks += (limits.said(column.name, self._called(np.flatnonzero(bounds))),)

    def _called(self, rows: np.ndarray) -> list[str]:
        """Rows by their ids, or by their numbers where they have none."""
        if not self.ids:
            return [f"row {row + 1}" for row in rows.tolist()]
        names = star_ids.joined(self.ids)
        return star_ids.as_strings(np.ma.getdata(names)[rows]).tolist()

    def _read_keywords(self, meta: Mapping[str, Any]) -> None:
        """Keywords beside a table are fewer and vaguer than columns: only labels and clear ids count."""
        for key, value in meta.items():
            meaning = meaning_of(key)
            if key.lower() == PROVENANCE_KEY:
                self.provenance = parse_provenance(value)
            elif key.upper() in _GRID_CARDS or (meaning is not None and meaning.role == WAVELENGTH):
                self.keywords.setdefault(WAVELENGTH, key)
            elif meaning is not None and meaning.role == ID and meaning.key in STRONG_IDS:
                self.meta[ID], self.keywords[ID] = value, key
            elif meaning is not None and meaning.role not in SPECTRAL:
                number = label_in_text(meaning.role, value) if isinstance(value, str) else value
                if _is_number(meaning.role, number):
                    self._add_keyword(meaning.role, key, number)
                else:
                    self.remarks += (f"keyword {key} is no number, and is left out: '{str(value)[:40]}'",)

    def _add_keyword(self, label: str, key: str, value: Any) -> None:
        """Note a label of the table's star. SpectraError when an earlier keyword says something else."""
        before = self.meta.setdefault(label, value)
        if self.keywords.setdefault(label, key) != key and before != value:
            other = f"{self.keywords[label]} = {before}"
            raise SpectraError(f"keywords disagree on {label}: {other}, {key} = {value}: keep one of them")

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels it holds."""
        return tuple(k for k in {**self.columns, **self.meta} if k not in SPECTRAL)

    @property
    def rows(self) -> int:
        """How many rows it has: those of its flux, or else of its first column."""
        values = self.columns.get(FLUX, next(iter(self.columns.values()), ()))
        return len(values)

    @property
    def unused(self) -> list[str]:
        """Names of the columns that nothing was taken from."""
        used = {c.column.name for c in (*self.chosen.values(), *self.masks, *self.ids)} | {*self.places.names}
        return [name for name in self.names if name not in used]

    def label(self, name: str, rows: int) -> np.ndarray:
        """(R,) values of a label; NaN where missing. SpectraError when it is not one number per row."""
        column = self.chosen[name].column.name if name in self.chosen else ""
        source = f"column {column}" if column else f"keyword {self.keywords.get(name, name)}"
        values = label_cells(self.columns.get(name, self.meta.get(name, np.nan)), name, source)
        try:
            return np.broadcast_to(values, (rows,))
        except ValueError:
            raise SpectraError(f"label {name} is not one number per row") from None


def _is_number(label: str, value: Any) -> bool:
    """Whether the value of a keyword can be that of a label, or stands for a missing one."""
    try:
        return len(label_cells(value, label, "a keyword")) == 1
    except SpectraError:
        return False


def best(role: str, found: list[Chosen]) -> Chosen:
    """The column of a role. SpectraError when two may be meant equally well and hold different values."""
    first, *others = sorted(found, key=lambda c: c.meaning.rank)
    for other in others:
        if other.meaning.rank == first.meaning.rank and not _equal(first.column.values, other.column.values):
            raise SpectraError(
                f"columns {first.column.name} and {other.column.name} are both {role}: keep one of them"
            )
    return first


def _equal(a: Any, b: Any) -> bool:
    try:
        return bool(np.array_equal(np.ma.filled(a, np.nan), np.ma.filled(b, np.nan), equal_nan=True))
    except TypeError:  # text, or arrays as cells
        return False


def stack(values: Any, name: str, length: int | None = None) -> tuple[np.ndarray, dict[int, str]]:
    """Values of a column as an array, and {row: cause} of cells that do not fit in.

    Arrays in its cells become (R, L); a cell of another length becomes a row of NaN. length: L, that of the
    wavelengths; None: that of most cells. Raises SpectraError when no length prevails.
    """
    values = np.ma.asarray(values) if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    of_arrays = values.dtype.kind == "O" and any(np.ndim(v) == 1 for v in values)
    of_nothing = length is not None and values.dtype.kind == "O" and all(v is None for v in values)
    if not of_arrays and not of_nothing:
        return values, {}
    sizes = np.array([np.size(v) if np.ndim(v) == 1 else 0 for v in values])
    width = _prevailing(sizes, name) if length is None else length
    Budget(8 * int(sizes.sum())).check(8 * len(values) * width)  # one long cell among very many empty ones
    out = np.full((len(values), width), np.nan)
    for k in np.flatnonzero(sizes == width):
        out[k] = np.ma.filled(np.ma.asarray(values[k], np.float64), np.nan)
    return out, {
        int(k): f"{sizes[k] or 'no'} samples of {name}, other stars have {width}"
        for k in np.flatnonzero(sizes != width)
    }


def _prevailing(sizes: np.ndarray, name: str) -> int:
    """The length of most arrays, by the sizes (R,) of all cells. SpectraError when none prevails."""
    size, count = Counter(sizes[sizes > 0].tolist()).most_common(1)[0]
    if count <= (sizes > 0).sum() / 2:
        raise SpectraError(f"column {name} holds arrays of different lengths: one wavelength grid per file")
    return size
