"""What a file is, by its content: formats, compressed files, bundles, and guards against zip bombs."""

import gzip
import io
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from ..errors import SpectraError
from .recognise import detect, refuse_packed

MIN_EXPANDED = 2**26  # bytes that the content of a file may always take
MAX_EXPANSION = 20  # beyond that, its growth: spectra as text shrink about sixfold
MAX_SAMPLES = 10**9  # flux values read at once; larger files are streamed from Parquet
MAX_MEMBERS = 20_000
MAX_COLUMNS = 10_000  # of a table

_PACKED = {"gzip": "gzip file", "zip": "zip or npz file"}


@dataclass
class Budget:
    """What may still be made of a file of `stored` bytes, in bytes of memory, all parts of it together."""

    stored: int
    spent: int = 0

    @property
    def left(self) -> int:
        return max(MIN_EXPANDED, MAX_EXPANSION * self.stored) - self.spent

    def check(self, size: int) -> None:
        """SpectraError where `size` more bytes are too many: a bomb, or a damaged size field."""
        if size > self.left:
            raise SpectraError(
                f"{self.stored:,} bytes would grow to {self.spent + size:,} or more when unpacked: refused, "
                "split the file"
            )

    def spend(self, size: int) -> None:
        """Check `size` more bytes, and count them."""
        self.check(size)
        self.spent += size


@dataclass(frozen=True)
class Member:
    """A file to parse: its name for messages, its bytes, its format, and what its arrays may take."""

    name: str
    stream: BinaryIO
    format: str
    budget: Budget


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
    except MemoryError as error:
        raise SpectraError(f"{name}: takes more memory than there is: split the file") from error
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
_ENTRY = 512  # bytes of the list of files in a zip for each, with the longest names that there are
_TAIL = 2**16 + 200  # bytes at the end of a zip that hold its last records


def members(
    name: str, stream: BinaryIO, depth: int = 0, budgets: tuple[Budget, Budget] | None = None
) -> Iterator[Member | Unreadable]:
    """The files inside a file: itself, the content of a .gz, or every file of a .zip bundle.

    DataLink sends bundles. A member of a bundle that is unreadable does not spoil the others. budgets: of the
    whole file, for what is unpacked, and for the arrays made of it.
    """
    try:
        with parsing(name, "file"):
            budgets = budgets or (Budget(size_of(stream)), Budget(size_of(stream)))
            kind, packed = _contents(name, stream, depth, budgets[0])
    except SpectraError as error:
        yield Unreadable(name, error)
        return
    if not packed:
        yield Member(name, stream, kind, budgets[1])
    for inner_name, unpack in packed:
        try:
            with parsing(name if kind == "gzip" else inner_name, _PACKED[kind]):
                inner = unpack()
        except SpectraError as error:
            yield Unreadable(inner_name, error)
        else:
            yield from members(inner_name, inner, depth + 1, budgets)


def only_member(name: str, stream: BinaryIO, cure: str) -> Member:
    """The one file in a file. SpectraError where it is unreadable, and for a bundle: `give {cure}`."""
    member, *others = members(name, stream)
    if isinstance(member, Unreadable):
        raise member.error
    if others:
        raise SpectraError(f"{name}: a bundle of {len(others) + 1} files: give {cure}")
    return member


def _contents(
    name: str, stream: BinaryIO, depth: int, budget: Budget
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


def _gunzip(stream: BinaryIO, budget: Budget) -> BinaryIO:
    with gzip.GzipFile(fileobj=stream) as packed:
        data = packed.read(max(0, budget.left) + 1)
    budget.spend(len(data))
    return io.BytesIO(data)


def _zip_members(name: str, stream: BinaryIO, budget: Budget) -> list[tuple[str, Unpack]]:
    """(name, unpacking) of each file of a bundle; none when the zip is an npz. SpectraError for a bomb."""
    bundle = open_zip(stream)
    refuse_packed(bundle.namelist())
    infos = [i for i in bundle.infolist() if not i.is_dir() and not _is_hidden(i.filename)]
    if any(i.flag_bits & 1 for i in infos):
        raise SpectraError("a zip file with a password: unpack it and give the files in it")
    budget.check(sum(i.file_size for i in infos))
    if not infos:
        raise SpectraError(f"a bundle of {len(infos)} files: give 1 to {MAX_MEMBERS}")
    if any(i.filename.endswith(".npy") for i in infos):
        return []
    return [(_inside(name, i.filename), partial(_unzip, bundle, i, budget)) for i in infos]


def open_zip(stream: BinaryIO) -> zipfile.ZipFile:
    """A zip file. SpectraError for one whose list of files is longer than that of any bundle."""
    listed = _length_of_list(stream)
    stream.seek(0)
    if listed > MAX_MEMBERS * _ENTRY:
        raise SpectraError(f"a bundle whose list of files has {listed:,} bytes: split it")
    bundle = zipfile.ZipFile(stream)
    if len(bundle.infolist()) > MAX_MEMBERS:
        raise SpectraError(f"a bundle of {len(bundle.infolist())} files: give 1 to {MAX_MEMBERS}")
    return bundle


def _length_of_list(stream: BinaryIO) -> int:
    """Bytes of the list of files at the end of a zip, by its last records; 0 where there are none."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _TAIL))
    tail = stream.read()
    lengths = [0]
    for mark, at, width in ((b"PK\x05\x06", 12, 4), (b"PK\x06\x06", 40, 8)):  # the second: beyond 4 GB
        place = tail.rfind(mark)
        number = int.from_bytes(tail[place + at : place + at + width], "little") if place >= 0 else 0
        lengths.append(number if number < size else 0)
    return max(lengths)


def names_inside(name: str, stream: BinaryIO) -> list[str]:
    """The names of the files in a zip bundle, as `members` has them; none for any other or a damaged file."""
    try:
        with open_zip(stream) as bundle:
            return [_inside(name, inside) for inside in bundle.namelist()]
    except Exception:  # whatever is wrong with it, `members` says
        return []
    finally:
        stream.seek(0)


def _inside(name: str, inner: str) -> str:
    """The name of a file in a bundle."""
    return f"{name}/{printable(inner)}"


def printable(name: str) -> str:
    """A name that somebody else gave a file, in one line of bounded length."""
    name = name if len(name) <= 200 else f"{name[:150]}…{name[-45:]}"
    return "".join(c if c.isprintable() else "?" for c in name)


def _is_hidden(name: str) -> bool:
    """Whether a file in a bundle is none of the user's, such as those that macOS adds."""
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _unzip(bundle: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> BinaryIO:
    if stat.S_ISLNK(info.external_attr >> 16):
        raise SpectraError("a symbolic link, which is not followed: put the file itself into the bundle")
    budget.spend(info.file_size)
    return io.BytesIO(bundle.read(info))


def check_columns(count: int) -> None:
    """SpectraError for a table with more columns than any that is read."""
    if count > MAX_COLUMNS:
        raise SpectraError(f"{count:,} columns: at most {MAX_COLUMNS:,} are read")
