"""FITS: tables, and images of one dimension.

The archive's tables have an id in the header, and one extension per star when COMBINED.
"""

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from astropy.io import fits

from ..data.column_notes import note_on
from ..errors import SpectraError
from .fits_columns import columns_of
from .fits_headers import check_extensions
from .fits_images import column_of, spectrum_of
from .layouts import Columns, to_astropy
from .names import FLUX, WAVELENGTH, role_of
from .provenance import PROVENANCE_KEY
from .raw import RawTable, Wanted, has_role
from .sniff import Budget
from .values import keyword_in_unit, unit_problem

_UNIT = re.compile(r"\s*\[([^\]]+)\]")  # before a comment, as the standard of FITS recommends


def read(stream: BinaryIO, budget: Budget, wanted: Wanted = has_role) -> list[RawTable]:
    """Every table extension; where none has a flux, the spectrum that an image is.

    Raises SpectraError for a truncated file, and for one without a table or a one-dimensional spectrum.
    """
    remarks = check_extensions(stream)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with fits.open(stream, memmap=False, disable_image_compression=True, checksum=True) as opened:
            tables = _tables(list(opened), wanted, budget)
    said = " ".join(str(w.message) for w in caught)
    if "Datasum verification failed" in said:
        remarks += ("DATASUM does not fit the data: they were changed after it was written, or damaged",)
    elif "Checksum verification failed" in said:
        remarks += ("CHECKSUM does not fit the header: it was changed after it was written, or damaged",)
    return [replace(tables[0], remarks=(*tables[0].remarks, *remarks)), *tables[1:]]


def _tables(hdus: list[Any], wanted: Wanted, budget: Budget) -> list[RawTable]:
    """The tables of a file, behind the spectrum that its images hold where no table has a flux."""
    packed = [h for h in hdus if h.header.get("ZIMAGE")]  # compressed images look like tables
    plain = [h for h in hdus if h not in packed]
    tables = [_table(h, wanted, budget) for h in plain if isinstance(h, fits.BinTableHDU | fits.TableHDU)]
    images = [h for h in plain if h.is_image and h.data is not None and h.data.size]
    if not tables and not images:
        cure = "unpack it with funpack" if packed else "expected columns wavelength, flux, flux_error"
        raise SpectraError(f"a FITS file without a table{' (a compressed image)' if packed else ''}: {cure}")
    if images and not any(t.has(FLUX) for t in tables):
        spectrum = _image(images, tables)
        tables, images = ([spectrum, *tables], []) if spectrum else (tables, images)
    tables, images = _with_grid(tables, images)
    spectra = [k for k, t in enumerate(tables) if t.has(FLUX)]
    if len(spectra) == 1:  # the keywords of the primary header are about this one
        tables[spectra[0]] = _about(tables[spectra[0]], hdus[0].header)
    if images:
        said = f"images beside the tables are not used: {', '.join(h.name or '?' for h in images)[:200]}"
        tables[0] = replace(tables[0], remarks=(*tables[0].remarks, said))
    return tables


def _with_grid(tables: list[RawTable], images: list[Any]) -> tuple[list[RawTable], list[Any]]:
    """The tables, with an image of wavelengths as one more where they have none; and the other images.

    An image of as many rows as there are stars is a column of theirs.
    """
    grid = next((h for h in images if role_of(h.name) == WAVELENGTH), None)
    if grid is None or any(t.has(WAVELENGTH) for t in tables):
        return tables, images
    column, others = column_of(grid, grid.name), [h for h in images if h is not grid]
    if column.values.ndim == 1:
        own = RawTable((column,), _keywords(grid.header), _comments(grid.header))
        return [*tables, own], others
    return [replace(t, columns=(*t.columns, column)) if t.has(FLUX) else t for t in tables], others


def _image(images: list[Any], tables: list[RawTable]) -> RawTable | None:
    """The spectrum that images are; None where they are none but there is a table, maybe of labels."""
    columns = (c for t in tables for c in t.columns if c.values is not None)
    known = next((c for c in columns if role_of(c.name, c.ucd) == WAVELENGTH), None)
    try:
        columns, main, remarks = spectrum_of(images, known)
    except SpectraError:
        if tables:
            return None
        raise
    return RawTable(tuple(columns), _keywords(main.header), _comments(main.header), remarks)


def _table(hdu: Any, wanted: Wanted, budget: Budget) -> RawTable:
    return RawTable(columns_of(hdu, wanted, budget), _keywords(hdu.header), _comments(hdu.header))


def _about(table: RawTable, header: fits.Header) -> RawTable:
    comments = tuple(dict.fromkeys((*_comments(header), *table.comments)))
    return replace(table, meta=_keywords(header) | dict(table.meta), comments=comments)


def _keywords(header: fits.Header) -> dict[str, str | int | float]:
    """Keywords by name; labels with the unit that stands in brackets before a comment, where it is one."""
    plain, comments = (
        {k: v for k, v in header.items() if k and isinstance(v, str | int | float)},
        header.comments,
    )
    for key in plain:
        unit = _UNIT.match(str(comments[key]))
        if unit and not unit_problem(role_of(key) or "", unit[1]):
            plain[key] = keyword_in_unit(key, plain[key], unit[1])
    return plain


def _comments(header: Any) -> tuple[str, ...]:
    """COMMENT and HISTORY, and the comments beside the keywords of the axis."""
    beside = [header.comments[k] for k in ("CTYPE1", "CRVAL1", "CUNIT1") if k in header]
    free = [line for key in ("COMMENT", "HISTORY") for line in header.get(key, ())]
    return tuple(text for line in (*beside, *free) if (text := str(line).strip()))


# --- writing ---


def write(
    stream: BinaryIO,
    tables: Sequence[Columns],
    provenance: Mapping[str, Any] | None = None,
    about: Mapping[str, str] | None = None,
) -> None:
    """One extension with its checksum for each set of columns; the first carries provenance and `about`.

    `check_ascii` comes first. What of `about` is not ASCII is written as a question mark.
    """
    hdus = [_annotated(fits.table_to_hdu(to_astropy(t))) for t in tables]
    for key, told in (about or {}).items():
        hdus[0].header.add_comment(f"{key}: {told}".encode("ascii", "replace").decode())
    if provenance:
        hdus[0].header["LONGSTRN"] = ("OGIP 1.0", "The long string convention may be used")
        hdus[0].header.update({PROVENANCE_KEY: json.dumps(provenance)})
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(stream, checksum=True)


def _annotated(hdu: Any) -> Any:
    """A table whose header has the UCDs and descriptions of its columns, as TUCDn and TCOMMn."""
    for k, column in enumerate(hdu.columns.names, 1):
        note = note_on(column)
        for key, text in ((f"TUCD{k}", note.ucd), (f"TCOMM{k}", note.description)):
            if text:
                hdu.header[key] = text
    return hdu


def check_ascii(path: Path, tables: Sequence[Columns]) -> None:
    """SpectraError naming the first text that FITS, which knows ASCII only, cannot hold."""
    for name, values in (column for table in tables for column in table.items()):
        texts = [name, *(values.tolist() if values.dtype.kind == "U" else ())]
        foreign = next((t for t in texts if not t.isascii()), None)
        if foreign is not None:
            raise SpectraError(
                f"{path}: FITS holds ASCII text only, not '{foreign}': choose .csv, .vot, .npz or .parquet"
            )
