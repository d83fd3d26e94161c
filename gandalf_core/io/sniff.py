"""What a file is, by its content: formats, compressed files, bundles, and guards against zip bombs."""

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from ..errors import SpectraError
from .recognise import detect, refuse_packed

MIN_EXPANDED = 2**28  # bytes a compressed file may always grow to
MAX_EXPANSION = 20  # beyond that, its growth: spectra as text shrink about sixfold
MAX_SAMPLES = 10**9  # flux values read at once; larger files are streamed from Parquet
MAX_MEMBERS = 20_000

_PACKED = {"gzip": "gzip file", "zip": "zip or npz file"}


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


def size_of(stream: BinaryIO) -> int:
    """Length of a stream in bytes; it is rewound."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return size


# --- compressed files and bundles ---

Unpack = Callable[[], BinaryIO]


@dataclass
class _Budget:
    """What a file of `stored` bytes may still grow to, however often and deep it is packed."""

    stored: int
    spent: int = 0

    @property
    def left(self) -> int:
        return max(MIN_EXPANDED, MAX_EXPANSION * self.stored) - self.spent

    def spend(self, size: int) -> None:
        """SpectraError when it is used up."""
        self.spent += size
        check_expansion(self.spent, self.stored)


def members(
    name: str, stream: BinaryIO, depth: int = 0, budget: _Budget | None = None
) -> Iterator[Member | Unreadable]:
    """The files inside a file: itself, the content of a .gz, or every file of a .zip bundle.

    DataLink sends bundles. A member of a bundle that is unreadable does not spoil the others.
    """
    try:
        with parsing(name, "file"):
            budget = budget or _Budget(size_of(stream))
            kind, packed = _contents(name, stream, depth, budget)
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
            yield from members(inner_name, inner, depth + 1, budget)


def _contents(
    name: str, stream: BinaryIO, depth: int, budget: _Budget
) -> tuple[str, list[tuple[str, Unpack]]]:
    """The format of a file, and the (name, unpacking) of each file packed in it."""
    kind = detect(stream)
    if kind not in _PACKED:
        return kind, []
    if depth > 2:
        raise SpectraError("archives nested more than twice: unpack it first")
    if kind == "gzip":
        return kind, [(name.removesuffix(".gz"), partial(_gunzip, stream, budget))]
    with parsing(name, _PACKED[kind]):
        packed = _zip_members(name, stream, budget)
    return ("zip", packed) if packed else ("npz", [])


def _gunzip(stream: BinaryIO, budget: _Budget) -> BinaryIO:
    with gzip.GzipFile(fileobj=stream) as packed:
        data = packed.read(max(0, budget.left) + 1)
    budget.spend(len(data))
    return io.BytesIO(data)


def _zip_members(name: str, stream: BinaryIO, budget: _Budget) -> list[tuple[str, Unpack]]:
    """(name, unpacking) of each file of a bundle; none when the zip is an npz. SpectraError for a bomb."""
    bundle = zipfile.ZipFile(stream)
    refuse_packed(bundle.namelist())
    infos = [i for i in bundle.infolist() if not i.is_dir() and not _is_hidden(i.filename)]
    if any(i.flag_bits & 1 for i in infos):
        raise SpectraError("a zip file with a password: unpack it and give the files in it")
    check_expansion(budget.spent + sum(i.file_size for i in infos), budget.stored)
    if not infos or len(infos) > MAX_MEMBERS:
        raise SpectraError(f"a bundle of {len(infos)} files: give 1 to {MAX_MEMBERS}")
    if any(i.filename.endswith(".npy") for i in infos):
        return []
    return [(_inside(name, i.filename), partial(_unzip, bundle, i, budget)) for i in infos]


def names_inside(name: str, stream: BinaryIO) -> list[str]:
    """The names of the files in a zip bundle, as `members` has them; none for any other or a damaged file."""
    try:
        with zipfile.ZipFile(stream) as bundle:
            return [_inside(name, inside) for inside in bundle.namelist()]
    except Exception:  # whatever is wrong with it, `members` says
        return []
    finally:
        stream.seek(0)


def _inside(name: str, inner: str) -> str:
    """The name of a file in a bundle, in one line."""
    return f"{name}/" + "".join(c if c.isprintable() else "?" for c in inner)


def _is_hidden(name: str) -> bool:
    """Whether a file in a bundle is none of the user's, such as those that macOS adds."""
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _unzip(bundle: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget) -> BinaryIO:
    budget.spend(info.file_size)
    return io.BytesIO(bundle.read(info))


def check_expansion(expanded: int, stored: int) -> None:
    """SpectraError when content would grow out of proportion: a zip bomb, or a damaged size field."""
    if expanded > max(MIN_EXPANDED, MAX_EXPANSION * stored):
        raise SpectraError(
            f"{stored:,} bytes would grow to {expanded:,} or more when unpacked: refused, split the file"
        )
