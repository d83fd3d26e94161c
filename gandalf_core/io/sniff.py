"""What a file is, by its content: formats, compressed files, bundles, and guards against zip bombs."""

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
READABLE_FORMATS = (
    "Gaia archive csv, ecsv, fits or votable, npz, Parquet, or text with the columns wavelength, flux, error"
)

_PACKED = {"gzip": "gzip file", "zip": "zip or npz file"}
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
    """A file to parse: its name for messages, its bytes, its format."""

    name: str
    stream: BinaryIO
    format: str


@dataclass(frozen=True)
class Unreadable:
    """A file that is not spectra, or cannot be unpacked, and the error that says so."""

    name: str
    error: SpectraError


@contextmanager
def parsing(name: str, kind: str) -> Iterator[None]:
    """Turn whatever a parser raises on a damaged file into one SpectraError that names the file."""
    try:
        yield
    except SpectraError as error:
        if str(error).startswith(f"{name}: "):
            raise
        raise SpectraError(f"{name}: {error}") from error.__cause__
    except (ImportError, NameError, SyntaxError):
        raise  # an internal error: the file is not to blame
    except Exception as error:
        cause = " ".join(str(error).split())[:160] or type(error).__name__
        raise SpectraError(
            f"{name}: damaged or truncated {kind} ({cause}): fetch or write it again"
        ) from error


# --- one file ---


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
            raise SpectraError(f"this is {kind}, not spectra; readable are: {READABLE_FORMATS}")
    if b"\0" in head or sum(b < 32 and b not in b"\t\r\n\f" for b in head) > len(head) // 20:
        raise SpectraError(f"unknown binary content, not spectra; readable are: {READABLE_FORMATS}")
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


def size_of(stream: BinaryIO) -> int:
    """Length of a stream in bytes; it is rewound."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return size


# --- compressed files and bundles ---

Unpack = Callable[[], BinaryIO]


def members(name: str, stream: BinaryIO, depth: int = 0) -> Iterator[Member | Unreadable]:
    """The files inside a file: itself, the content of a .gz, or every file of a .zip bundle.

    DataLink sends bundles. A member of a bundle that is unreadable does not spoil the others.
    """
    try:
        with parsing(name, "file"):
            kind, packed = _contents(name, stream, depth)
    except SpectraError as error:
        yield Unreadable(name, error)
        return
    if not packed:
        yield Member(name, stream, kind)
    for inner_name, unpack in packed:
        try:
            with parsing(name if kind == "gzip" else inner_name, _PACKED[kind]):
                inner = unpack()
        except SpectraError as error:
            yield Unreadable(inner_name, error)
        else:
            yield from members(inner_name, inner, depth + 1)


def _contents(name: str, stream: BinaryIO, depth: int) -> tuple[str, list[tuple[str, Unpack]]]:
    """The format of a file, and the (name, unpacking) of each file packed in it."""
    kind = detect(stream.read(HEAD_BYTES))
    stream.seek(0)
    if kind not in _PACKED:
        return kind, []
    if depth > 2:
        raise SpectraError("archives nested more than twice: unpack it first")
    if kind == "gzip":
        return kind, [(name.removesuffix(".gz"), partial(_gunzip, stream))]
    with parsing(name, _PACKED[kind]):
        packed = _zip_members(name, stream)
    return ("zip", packed) if packed else ("npz", [])


def _gunzip(stream: BinaryIO) -> BinaryIO:
    stored = size_of(stream)
    limit = max(MIN_EXPANDED, MAX_EXPANSION * stored)
    with gzip.GzipFile(fileobj=stream) as packed:
        data = packed.read(limit + 1)
    check_expansion(len(data), stored)
    return io.BytesIO(data)


def _zip_members(name: str, stream: BinaryIO) -> list[tuple[str, Unpack]]:
    """(name, unpacking) of each file of a bundle; none when the zip is an npz. SpectraError for a bomb."""
    bundle = zipfile.ZipFile(stream)
    infos = [i for i in bundle.infolist() if not i.is_dir() and not i.filename.startswith(("__MACOSX", "."))]
    check_expansion(sum(i.file_size for i in infos), size_of(stream))
    if not infos or len(infos) > MAX_MEMBERS:
        raise SpectraError(f"a bundle of {len(infos)} files: give 1 to {MAX_MEMBERS}")
    if any(i.filename.endswith(".npy") for i in infos):
        return []
    return [(f"{name}/{i.filename}", partial(_unzip, bundle, i)) for i in infos]


def _unzip(bundle: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    return io.BytesIO(bundle.read(info))


def check_expansion(expanded: int, stored: int) -> None:
    """SpectraError when content would grow out of proportion: a zip bomb, or a damaged size field."""
    if expanded > max(MIN_EXPANDED, MAX_EXPANSION * stored):
        raise SpectraError(
            f"{stored:,} bytes would grow to {expanded:,} or more when unpacked: refused, split the file"
        )
