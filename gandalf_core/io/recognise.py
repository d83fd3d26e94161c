"""What a file is, by its first bytes: a format that is read, or something else, called by its name."""

import re
from typing import BinaryIO, NamedTuple

from ..errors import SpectraError
from .encodings import decoded, encoding_of
from .lines import COMMENT_MARKS, data_lines, fields, is_number

HEAD_BYTES = 2**16
READABLE_FORMATS = (
    "csv, ecsv, FITS, VOTable, npz, Parquet, IPAC and CDS tables, or text with the columns wavelength, flux, "
    "flux_error"
)

_MAGIC = {
    b"SIMPLE  =": "fits",
    b"PAR1": "parquet",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b": "gzip",
}


class Foreign(NamedTuple):
    """A kind of file that is not read: its first bytes (or those at an offset), its name, and the cure."""

    magic: bytes
    what: str
    cure: str
    offset: int = 0


_SHEET = "save the sheet as CSV and give that"
_NUMBERS = "give the file of numbers that it was drawn from"
_UNPACK = "unpack it and give the files in it"
_CONVERT = "write wavelength, flux and flux_error as csv, npz or Parquet"
_FOREIGN = (
    Foreign(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls) or Word document", _SHEET),
    Foreign(b"ustar\x0000", "a tar archive", _UNPACK, 257),
    Foreign(b"ustar  \0", "a tar archive", _UNPACK, 257),
    Foreign(b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    Foreign(b"Rar!\x1a\x07", "a rar archive", _UNPACK),
    Foreign(b"BZh", "a bzip2 file", _UNPACK),
    Foreign(b"\xfd7zXZ", "an xz file", _UNPACK),
    Foreign(b"]\0\0", "an lzma file", _UNPACK),
    Foreign(b"\x28\xb5\x2f\xfd", "a zstd file", _UNPACK),
    Foreign(b'\x04"M\x18', "an lz4 file", _UNPACK),
    Foreign(b"\x1f\x9d", "a file packed with compress (.Z)", _UNPACK),
    Foreign(b"\x89HDF", "an HDF5 file", _CONVERT),
    Foreign(b"CDF\x01", "a NetCDF file", _CONVERT),
    Foreign(b"CDF\x02", "a NetCDF file", _CONVERT),
    Foreign(b"#ASDF", "an ASDF file", _CONVERT),
    Foreign(b"MATLAB ", "a MATLAB file", _CONVERT),
    Foreign(b"RDX", "an R data file", _CONVERT),
    Foreign(b"$FL2", "an SPSS file", _CONVERT),
    Foreign(b"ORC", "an ORC file", "save it as Parquet"),
    Foreign(b"Obj\x01", "an Avro file", "save it as Parquet"),
    Foreign(b"PARE", "an encrypted Parquet file", "save it without encryption"),
    Foreign(b"XTENSION=", "a FITS extension without the primary header before it", "fetch the whole file"),
    Foreign(b"SR\0\x04", "an IDL save file", _CONVERT),
    Foreign(b"ARROW1", "a Feather file", "save it as Parquet"),
    Foreign(b"FEA1", "a Feather file", "save it as Parquet"),
    Foreign(b"SQLite format 3", "an SQLite database", "export its table as csv"),
    Foreign(b"\x93NUMPY", "a bare npy array", "save an npz with flux and wavelength_nm"),
    *(
        Foreign(bytes((128, k)), "a Python pickle, which is never opened (it can run any program)", _CONVERT)
        for k in (2, 3, 4, 5)
    ),
    Foreign(b"%PDF", "a PDF document", _NUMBERS),
    Foreign(b"%!PS", "a PostScript document", _NUMBERS),
    Foreign(b"{\\rtf", "an RTF document", "save it as plain text"),
    Foreign(b"\xff\xd8\xff", "a JPEG image", _NUMBERS),
    Foreign(b"\x89PNG", "a PNG image", _NUMBERS),
    Foreign(b"GIF8", "a GIF image", _NUMBERS),
    Foreign(b"BM", "a BMP image", _NUMBERS),
    Foreign(b"II*\0", "a TIFF image", _NUMBERS),
    Foreign(b"MM\0*", "a TIFF image", _NUMBERS),
    Foreign(b"WEBP", "a WebP image", _NUMBERS, 8),
)
_PACKED = (  # by the name of a file in a zip
    (re.compile(r"xl/.*"), "an Excel workbook (.xlsx)", _SHEET),
    (re.compile(r"word/.*"), "a Word document", "save it as plain text"),
    (re.compile(r"ppt/.*"), "a PowerPoint file", _NUMBERS),
    (re.compile(r"Index/.*\.iwa"), "an Apple Numbers document", _SHEET),
    (re.compile(r"META-INF/manifest\.xml"), "an OpenDocument file (.ods, .odt)", _SHEET),
    (
        re.compile(r"(.*/)?data\.pkl"),
        "a PyTorch file, which is never opened (it can run any program)",
        _CONVERT,
    ),
    (re.compile(r"\.zattrs|\.zgroup|\.zarray|zarr\.json"), "a Zarr store", _CONVERT),
)


def detect(stream: BinaryIO) -> str:
    """The format of a file: fits, parquet, zip, gzip, votable, ecsv, ipac, cds, csv or text.

    The stream is rewound. Raises SpectraError (without the file's name) when it is empty or nothing that
    holds spectra.
    """
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    if not head.strip():
        raise SpectraError("the file is empty")
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    encoding = encoding_of(head)
    if encoding in ("utf-8", "utf-8-sig"):
        _refuse_foreign(head)
    try:
        text = head.decode(encoding, "replace").lstrip("\ufeff").lstrip()
        return _detect_text(text) or _rows_or_header(stream, text, whole=len(head) < HEAD_BYTES)
    finally:
        stream.seek(0)


def refuse_packed(names: list[str]) -> None:
    """SpectraError when the files in a zip show that it is a document, not a bundle of spectra."""
    for pattern, what, cure in _PACKED:
        if any(pattern.fullmatch(name) for name in names):
            raise _not_spectra(what, cure)


def _not_spectra(what: str, cure: str) -> SpectraError:
    return SpectraError(f"this is {what}, not spectra: {cure}")


def _refuse_foreign(head: bytes) -> None:
    binary = b"\0" in head or sum(b < 32 and b not in b"\t\r\n\f\x1a" for b in head) > len(head) // 20
    for foreign in _FOREIGN:
        if not head.startswith(foreign.magic, foreign.offset):
            continue
        if binary or len(foreign.magic) > 3 or not foreign.magic.isalnum():  # `BM` also begins a text
            raise _not_spectra(foreign.what, foreign.cure)
    if binary:
        raise SpectraError(f"unknown binary content, not spectra; readable are: {READABLE_FORMATS}")


def _detect_text(head: str) -> str | None:
    """The format of a text by its first lines; None for plain rows."""
    if head.startswith("<"):
        return _detect_markup(head)
    if head.startswith("# %ECSV"):
        return "ecsv"
    if re.match(r"\{|\[\s*[\[{\"\d-]", head):
        raise _not_spectra("a JSON file", _CONVERT)
    if re.match(r"\\(documentclass|begin|usepackage|startlongtable)\b", head):
        raise _not_spectra("a LaTeX document", "save its table as csv")
    if _is_ipac(head):
        return "ipac"
    return "cds" if "Byte-by-byte Description of file" in head else None


def _is_ipac(head: str) -> bool:
    """Whether a text is an IPAC table: a header in bars, and rows without them (others frame rows too)."""
    lines = [line for line in head.splitlines() if line.strip()]
    rows = [line for line in lines if not line.startswith(("|", "\\"))]
    in_bars = any(re.fullmatch(r"\|.*\|\s*", line) for line in lines)
    return lines[0].startswith(("|", "\\")) and in_bars and (bool(rows) or lines[0].startswith("\\"))


def _detect_markup(head: str) -> str:
    if re.search(r"<(\w+:)?VOTABLE", head):
        return "votable"
    if re.search(r"<(!doctype\s+html|html|head|body)\b", head, re.IGNORECASE):
        title = re.search(r"<title[^>]*>([^<]{1,80})", head, re.IGNORECASE)
        called = f" ('{' '.join(title[1].split())}')" if title else ""
        if re.search(r"<td\b", head, re.IGNORECASE):
            raise _not_spectra(f"a web page with a table{called}", "save the table as csv")
        raise _not_spectra(
            f"a web page{called}",
            "its download was refused or asks for a log-in: open the address in a browser and fetch it again",
        )
    raise _not_spectra("XML other than VOTable", f"readable are {READABLE_FORMATS}")


def _rows_or_header(stream: BinaryIO, head: str, whole: bool) -> str:
    """`text` when the first line that is no comment holds numbers alone, else `csv`."""
    first = next(data_lines(head.splitlines(keepends=True)), None)
    if not whole and (
        first is None or not first.endswith(("\n", "\r"))
    ):  # behind long comments, or long itself
        first = next(data_lines(line.decode("utf-8", "replace") for line in decoded(stream)[0]), None)
    if first is None:
        raise SpectraError(f"only comments (lines that begin with {' '.join(COMMENT_MARKS)}), no data")
    return "text" if all(is_number(field) for field in fields(first)) else "csv"
