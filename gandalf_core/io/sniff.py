"""What a file is, by its content: formats, compressed files, bundles, and the guards against files that
explode.
"""

import gzip
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from ..errors import SpectraError

HEAD_BYTES = 16384
MIN_EXPANDED = 2**30  # bytes a compressed file may always grow to
MAX_EXPANSION = 20  # beyond that, its growth: spectra as text shrink about sixfold
MAX_SAMPLES = 10**9  # flux values read at once; larger files are streamed from Parquet
MAX_MEMBERS = 20_000
_PACKED = {"gzip": "gzip file", "zip": "zip or npz file"}
READABLE = (
    "Gaia archive csv, ecsv, fits or votable, npz, Parquet, or text with the columns wavelength, flux, error"
)

_MAGIC = {
    b"SIMPLE  =": "fits",
    b"PAR1": "parquet",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b": "gzip",
}
_FOREIGN = {
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a bare npy array (save an npz with flux and wavelength_nm)",
    b"BZh": "a bzip2 file (unpack it first)",
    b"\xfd7zXZ": "an xz file (unpack it first)",
}


@dataclass(frozen=True)
class Member:
    """One readable file: its name for messages, its bytes, its format."""

    name: str
    stream: BinaryIO
    format: str


@contextmanager
def parsing(name: str, kind: str) -> Iterator[None]:
    """Turn whatever a parser raises on a damaged file into one SpectraError that names the file."""
    try:
        yield
    except SpectraError as error:
        line = str(error)
        raise (error if line.startswith(name) else SpectraError(f"{name}: {line}")) from error.__cause__
    except (ImportError, NameError, SyntaxError):
        raise  # our own fault, not the file's
    except Exception as error:
        cause = " ".join(str(error).split())[:160] or type(error).__name__
        raise SpectraError(
            f"{name}: damaged or truncated {kind} ({cause}): fetch or write it again"
        ) from error


def detect(head: bytes) -> str:
    """The format of a file from its first bytes: fits, parquet, zip, gzip, votable, ecsv, csv or text.

    Raises SpectraError (without the file's name) when it is empty or nothing that holds spectra.
    """
    if not head.strip():
        raise SpectraError("the file is empty")
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            raise SpectraError(f"this is {kind}, not spectra; readable are: {READABLE}")
    if b"\0" in head or sum(b < 32 and b not in b"\t\r\n\f" for b in head) > len(head) // 20:
        raise SpectraError(f"unknown binary content, not spectra; readable are: {READABLE}")
    return _detect_text(head.decode("utf-8-sig", "replace").lstrip())


def _detect_text(head: str) -> str:
    if head.startswith("<"):
        if re.search(r"<(\w+:)?VOTABLE", head):
            return "votable"
        raise SpectraError(
            "this is a web page or XML other than VOTable, not spectra: was the download refused?"
        )
    if head.startswith("# %ECSV"):
        return "ecsv"
    first = first_line(head)
    if first is None:
        raise SpectraError("only comments, no data")
    return "text" if all(is_number(field) for field in fields(first)) else "csv"


def first_line(text: str) -> str | None:
    """The first line that is neither blank nor a comment."""
    return next(
        (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")), None
    )


def fields(line: str) -> list[str]:
    """The fields of a line under whichever separator it uses."""
    return [f for f in re.split(r"[,;\s]+", line.strip()) if f]


def is_number(field: str) -> bool:
    """True for what `float` understands (nan included)."""
    try:
        float(field)
    except ValueError:
        return False
    return True


def check_expansion(expanded: int, stored: int) -> None:
    """Refuse content that would grow out of proportion (SpectraError): a zip bomb, or a damaged size field."""
    if expanded > max(MIN_EXPANDED, MAX_EXPANSION * stored):
        raise SpectraError(
            f"{stored:,} bytes would grow to {expanded:,} or more when unpacked: refused, split the file"
        )


def size_of(stream: BinaryIO) -> int:
    """Length of a stream in bytes; it is rewound."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return size


def members(name: str, stream: BinaryIO, depth: int = 0) -> Iterator[Member]:
    """The readable files inside one: itself, the content of a .gz, or every file of a .zip bundle (as
    DataLink sends).

    A member of a bundle that is no spectra is yielded with the format "bad: <cause>", so that the others
    still count.
    """
    try:
        kind = detect(stream.read(HEAD_BYTES))
        stream.seek(0)
        if kind in ("gzip", "zip") and depth > 2:
            raise SpectraError("archives nested more than twice: unpack it first")
    except SpectraError as error:
        yield Member(name, stream, f"bad: {error}")
        return
    if kind not in ("gzip", "zip"):
        yield Member(name, stream, kind)
        return
    try:
        with parsing(name, _PACKED[kind]):
            inside = (
                [(name.removesuffix(".gz"), partial(_gunzip, stream))]
                if kind == "gzip"
                else _zip_members(name, stream)
            )
    except SpectraError as error:
        yield Member(name, stream, f"bad: {error}")
        return
    if not inside:
        yield Member(name, stream, "npz")
    for inner_name, unpack in inside:
        try:
            with parsing(inner_name if kind == "zip" else name, _PACKED[kind]):
                inner = unpack()
        except SpectraError as error:
            yield Member(inner_name, stream, f"bad: {error}")
        else:
            yield from members(inner_name, inner, depth + 1)


def _gunzip(stream: BinaryIO) -> BinaryIO:
    stored = size_of(stream)
    limit = max(MIN_EXPANDED, MAX_EXPANSION * stored)
    with gzip.GzipFile(fileobj=stream) as packed:
        data = packed.read(limit + 1)
    check_expansion(len(data), stored)
    return io.BytesIO(data)


def _zip_members(name: str, stream: BinaryIO) -> list[tuple[str, Callable[[], BinaryIO]]]:
    """Name and unpacking of each file of a bundle; empty when the zip is an npz. SpectraError for a bomb."""
    bundle = zipfile.ZipFile(stream)
    infos = [i for i in bundle.infolist() if not i.is_dir() and not i.filename.startswith(("__MACOSX", "."))]
    check_expansion(sum(i.file_size for i in infos), size_of(stream))
    if not infos or len(infos) > MAX_MEMBERS:
        raise SpectraError(f"a bundle of {len(infos)} files: give 1 to {MAX_MEMBERS}")
    if any(i.filename.endswith(".npy") for i in infos):
        return []
    return [(f"{name}/{i.filename}", lambda i=i: io.BytesIO(bundle.read(i))) for i in infos]
