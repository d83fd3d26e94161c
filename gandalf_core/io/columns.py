"""The columns of a file: what each holds, by its name; units; cells that are arrays.

Shapes: R rows, L pixels.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import SpectraError
from ..parameters import LABELS, canonical_name

LABEL_PREFIX = "label_"  # before the name of a label outside the vocabulary
PROVENANCE_KEY = "gandalf"  # the keyword under which a file carries the provenance of its stars

_ALIASES = {
    "source_id": ("source_id", "sourceid", "gaia_source_id", "dr3_source_id", "id", "ids", "star", "star_id"),
    "flux": ("flux", "normalised_flux", "normalized_flux"),
    "flux_error": ("flux_error", "flux_err", "fluxerr", "e_flux", "error", "err", "sigma", "uncertainty"),
}
SPECTRAL = (*_ALIASES, "wavelength")  # roles of columns that are not labels
_ROLE = {alias: role for role, aliases in _ALIASES.items() for alias in aliases}
_WAVELENGTH = re.compile(r"(wavelengths?|wave|lambda|wl)(?:[\s_(\[]+([a-zåμµ]+)[)\]]?)?", re.IGNORECASE)
_NM = {"nm": 1.0, "angstrom": 0.1, "aa": 0.1, "å": 0.1, "um": 1e3, "µm": 1e3, "μm": 1e3, "micron": 1e3}
# keywords beside a table are fewer and vaguer than columns: these say nothing about its stars
_NO_KEYWORDS = (None, "wavelength", "flux", "flux_error")


def role_of(column: str) -> str | None:
    """What a column holds: source_id, wavelength, flux, flux_error, the name of a label, or None."""
    key = column.strip().lower()
    if key in _ROLE:
        return _ROLE[key]
    if _WAVELENGTH.fullmatch(key):
        return "wavelength"
    if key.startswith(LABEL_PREFIX):
        return label_name(column.strip()[len(LABEL_PREFIX) :])
    return canonical_name(key) if canonical_name(key) in LABELS else None


def label_name(name: str) -> str:
    """A label's name: the project's spelling for a known alias, any other unchanged."""
    return canonical_name(name) if canonical_name(name) in LABELS else name


def refuse_repeats(columns: Sequence[str], names: Sequence[str]) -> None:
    """SpectraError when two label columns of a file have one name in the project's spelling (`names`)."""
    for k, name in enumerate(names):
        if name in names[:k]:
            raise SpectraError(
                f"labels {columns[names.index(name)]} and {columns[k]} are both {name}: keep one of them"
            )


def label_column(name: str) -> str:
    """The column under which a label is written, so that `role_of` recognises it."""
    return name if name in LABELS else LABEL_PREFIX + name


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


@dataclass
class Table:
    """One table of a file: its columns by role, (R,) or (R, L).

    `meta` holds an id and labels that stand beside the rows, `names` every column of the file.
    """

    # arrays; ids may be any sequence that pandas can factorise
    columns: dict[str, Any] = field(default_factory=dict)
    wavelength_unit: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        columns: Iterable[RawColumn],
        meta: Mapping[str, Any] | None = None,
        comments: Sequence[str] = (),
    ) -> "Table":
        """A table from every column of a file, its keywords (`meta`) and its lines of comment.

        Columns and keywords without a role are left out.
        """
        table = cls()
        for column in columns:
            name, values, unit = column.name, column.values, column.unit
            table.names += (name,)
            role = role_of(name)
            if role is None or (role in table.columns and name.strip().lower() != role):
                continue
            table.columns[role] = values if role == "source_id" else stack(values, name)
            if role == "wavelength":
                table.wavelength_unit = unit or _unit_in(name)
        for key, value in (meta or {}).items():
            role = role_of(key)
            if key.lower() == PROVENANCE_KEY:
                table.provenance = parse_provenance(value)
            elif role not in _NO_KEYWORDS and key.lower() not in ("id", "star"):
                table.meta[role] = value
        return table

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels it holds."""
        return tuple(k for k in {**self.columns, **self.meta} if k not in SPECTRAL)

    def label(self, name: str, rows: int) -> np.ndarray:
        """(R,) values of a label; NaN where missing. SpectraError when it is not one number per row."""
        value = self.columns.get(name, self.meta.get(name, np.nan))
        try:
            return np.broadcast_to(np.ma.filled(np.ma.asarray(value, np.float64), np.nan), (rows,))
        except (TypeError, ValueError):
            raise SpectraError(f"label {name} is not one number per row") from None


def parse_provenance(text: Any) -> dict[str, Any]:
    """The provenance that a file carries as JSON; empty when there is none, or none that can be read."""
    try:
        value = json.loads(str(text))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def stack(values: Any, name: str) -> np.ndarray:
    """Values of a column as an array; arrays of equal length in its cells become (R, L).

    Raises SpectraError when the cells hold arrays of different lengths.
    """
    values = np.ma.asarray(values) if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    if values.dtype.kind != "O" or not len(values) or np.ndim(values[0]) != 1:
        return values
    if len({np.size(v) for v in values}) > 1:
        raise SpectraError(f"column {name} holds arrays of different lengths: one wavelength grid per file")
    return np.stack([np.ma.filled(np.ma.asarray(v, np.float64), np.nan) for v in values])


def to_nm(wavelength: np.ndarray, unit: str | None) -> np.ndarray:
    """Wavelengths in nanometres from a declared unit. Raises SpectraError for a unit that is not a length.

    Without a unit they are taken as nm; SpectraError where they look like the RVS range in another unit, or
    lie below 1 nm as metres do.
    """
    if unit:
        return wavelength * _nm_per(unit)
    if not len(wavelength):
        return wavelength
    middle, largest = np.median(wavelength), np.nanmax(wavelength)
    advice = None
    if 8000 < middle < 9000:
        advice = "Ångström: divide by 10 to give vacuum nanometres, or name the column wavelength_angstrom"
    elif 0.8 < middle < 0.9:
        advice = "micrometres: multiply by 1000 to give vacuum nanometres, or name the column wavelength_um"
    if advice:
        raise SpectraError(f"wavelengths near {middle:.5g} without a unit look like {advice}")
    if largest < 1:
        raise SpectraError(
            f"wavelengths up to {largest:.5g} without a unit cannot be nanometres: declare their unit, "
            "or name the column for it (metres: wavelength_m)"
        )
    return wavelength


def _unit_in(column: str) -> str | None:
    """The unit in the name of a column of wavelengths, as in wavelength_angstrom."""
    match = _WAVELENGTH.fullmatch(column.strip())
    return match[2] if match else None


def _nm_per(unit: str) -> float:
    key = unit.strip().lower().removesuffix("s")
    if key in _NM:
        return _NM[key]
    from astropy import units

    try:
        return float(np.asarray(units.Unit(unit).to("nm")))
    except (ValueError, TypeError, units.UnitsError):
        raise SpectraError(f"unknown wavelength unit '{unit}': use nm or Angstrom, in vacuum") from None
