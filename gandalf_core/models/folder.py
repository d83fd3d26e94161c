"""A model folder as a whole: read as one writer wrote it, and replaced so that no kill leaves a mixture.

New files are written into a hidden folder in it (`.new.part`), with their manifest. Renaming that folder to
`.new` is the moment at which the model is replaced: until then readers see the old files, from then on the
new ones, whether these have moved to their places yet or not. A writer that finds what a killed one has left
finishes it, or removes it.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..atomic import cause_of, make_folder, write_text
from ..errors import ModelError, SpectraError
from ..locks import locked_folder
from . import files
from .manifest import Manifest, manifest_in, sha256

STAGED, STAGING = ".new", ".new.part"
LOOKS = 5  # at a folder that is being replaced while it is read


@dataclass(frozen=True)
class Contents:
    """The files of a model folder by name, and their manifest; None in a folder of an earlier version."""

    folder: Path
    files: Mapping[str, bytes]
    manifest: Manifest | None

    def __getitem__(self, name: str) -> bytes:
        return self.files[name]

    def __contains__(self, name: str) -> bool:
        return name in self.files

    @property
    def maps(self) -> dict[str, bytes]:
        """The files of maps by their maps' names."""
        found = {name: files.MAP.fullmatch(name) for name in sorted(self.files)}
        return {match[1]: self.files[name] for name, match in found.items() if match}


# --- reading ---


def read_folder(folder: Path) -> Contents:
    """All files of a model folder, checked against its manifest.

    Raises ModelError, naming the file, for one that is missing, too large, no file, or not as it was written.
    """
    for _ in range(LOOKS):
        before = _manifest_bytes(folder)
        try:
            return _read(folder, before)
        except ModelError:
            if _manifest_bytes(folder) == before:
                raise
    raise ModelError(f"{folder}: is being written all the time; try again later")


def read_file(folder: Path, name: str) -> bytes:
    """One file of a model folder, not compared with its hash. Raises FileNotFoundError or ModelError."""
    for place in (folder / STAGED, folder) if _is_replaced(folder) else (folder,):
        with suppress(FileNotFoundError):
            return _bytes(folder, place / name, files.most_bytes(name))
    return _bytes(folder, folder / name, files.most_bytes(name))


def _read(folder: Path, manifest_bytes: bytes | None) -> Contents:
    manifest = None if manifest_bytes is None else manifest_in(folder / files.MANIFEST, manifest_bytes)
    staged = _is_replaced(folder)
    names = sorted(manifest.files) if manifest and staged else _names(folder, manifest)
    found: dict[str, bytes] = {}
    left = files.MOST_BYTES
    for name in names:
        try:
            content = read_file(folder, name)
        except FileNotFoundError:
            raise ModelError(
                f"{folder / name}: is missing, although {files.MANIFEST} lists it; copy the whole folder"
            ) from None
        left -= len(content)
        if left < 0:
            raise ModelError(f"{folder}: is larger than the {files.MOST_BYTES // files.MB} MB of any model")
        if manifest is not None:
            manifest.check(folder, name, content)
        found[name] = content
    for needed in files.NEEDED:
        if needed not in found:
            raise ModelError(
                f"{folder}: the model folder has no {needed}; copy the whole folder, or train again"
            )
    return Contents(folder, found, manifest)


def _names(folder: Path, manifest: Manifest | None) -> list[str]:
    """The model's files that are there or should be. ModelError for very many of a kind."""
    names = model_files(folder)
    _check_numbers(folder, names)
    return sorted({*names, *(manifest.files if manifest else ())})


def model_files(folder: Path) -> list[str]:
    """The names of a model's files that are in a folder."""
    own = [name for name in files.LISTED if os.path.lexists(folder / name)]
    for kind, pattern in files.KINDS.items():
        names = [f"{kind}/{path.name}" for path in sorted((folder / kind).glob("*.npz"))]
        own += [name for name in names if pattern.fullmatch(name)]
    return own


def _check_numbers(folder: Path, names: Iterable[str]) -> None:
    """ModelError for more maps or calibrations than any model has."""
    for kind, pattern in files.KINDS.items():
        count = sum(bool(pattern.fullmatch(name)) for name in names)
        if count > files.MOST_OF_A_KIND:
            what = f"{count} {kind}, at most {files.MOST_OF_A_KIND} are possible"
            raise ModelError(f"{folder / kind}: {what}; remove one, or replace one by using its name")


def _is_replaced(folder: Path) -> bool:
    """Whether new files are complete that have not all moved to their places."""
    return os.path.isfile(folder / STAGED / files.MANIFEST)  # no error for a name that is too long


def _manifest_bytes(folder: Path) -> bytes | None:
    try:
        return read_file(folder, files.MANIFEST)
    except FileNotFoundError:
        return None


def _bytes(folder: Path, path: Path, most: int) -> bytes:
    """The content of a plain file in a folder. FileNotFoundError, or ModelError for what is no such file."""
    try:
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
            raise ModelError(f"{path}: is a link out of its folder; copy the file itself")
        # without waiting for whoever writes into a pipe
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(file, "rb") as stream:
            about = os.fstat(file)
            if not stat.S_ISREG(about.st_mode):
                raise ModelError(f"{path}: is no file; {files.COPY_AGAIN}")
            if about.st_size > most:
                raise ModelError(f"{path}: {_too_large(about.st_size, most)}; {files.COPY_AGAIN}")
            return stream.read(most)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({cause_of(error)})") from None


def _too_large(size: int, most: int) -> str:
    return f"{size / files.MB:,.0f} MB, where at most {most // files.MB} MB are possible"


# --- replacing ---


@contextmanager
def replacing(folder: Path, stays: Callable[[str], bool] = lambda name: False) -> Iterator[Path]:
    """A place for new files of a model folder, which replace the old ones as a whole when the block ends.

    stays: the files that stay where the block writes none of that name. Whatever is not a model's is left
    alone. Until the end, and after an error, the folder is as it was. Raises SpectraError or ModelError for
    what cannot be written.
    """
    make_folder(folder)
    with locked_folder(folder), _naming(folder):
        _finish(folder)
        new = folder / STAGING
        shutil.rmtree(new, ignore_errors=True)
        try:
            (new / files.PROJECTIONS).mkdir(parents=True)
            yield new
            _write_manifest(folder, new, stays)
            _make_last(new)
            os.rename(new, folder / STAGED)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            with suppress(OSError):
                folder.rmdir()  # if it is empty
            raise
        _finish(folder)


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """What cannot be written, as one line about the file as it is called in the end."""
    try:
        yield
    except SpectraError as error:
        raise SpectraError(str(error).replace(f"{STAGING}{os.sep}", "")) from error
    except OSError as error:
        named = str(error.filename or folder).replace(f"{STAGING}{os.sep}", "")
        raise ModelError(f"{named}: cannot be written ({cause_of(error)})") from error


def _write_manifest(folder: Path, new: Path, stays: Callable[[str], bool]) -> None:
    """The hashes of all files that the folder is to hold. ModelError where nobody could read it again."""
    if (new / files.MANIFEST).exists():  # of a copy, which comes with its own
        return
    places = {name: folder for name in model_files(folder) if stays(name)} | dict.fromkeys(
        model_files(new), new
    )
    _check_numbers(folder, places)
    _check_sizes(folder, {name: (place / name).stat().st_size for name, place in places.items()})
    old = [name for name, place in places.items() if place == folder]
    content = _manifest_bytes(folder) if old else None
    noted = {} if content is None else manifest_in(folder / files.MANIFEST, content).files
    hashes = {name: sha256((new / name).read_bytes()) for name, place in places.items() if place == new}
    hashes |= {name: noted.get(name) or sha256(read_file(folder, name)) for name in old}
    write_text(new / files.MANIFEST, Manifest(hashes).to_json())


def _check_sizes(folder: Path, sizes: Mapping[str, int]) -> None:
    """ModelError for a file, or all of them together, larger than `read_folder` takes."""
    for name, size in sizes.items():
        if size > files.most_bytes(name):
            raise ModelError(f"{folder / name}: {_too_large(size, files.most_bytes(name))}; it is not kept")
    if sum(sizes.values()) > files.MOST_BYTES:
        raise ModelError(f"{folder}: {_too_large(sum(sizes.values()), files.MOST_BYTES)}; it is not kept")


def _make_last(new: Path) -> None:
    """Have the files on the disk, so that not even a loss of power leaves empty ones."""
    for path in [*new.rglob("*.*"), new]:
        with suppress(OSError):  # folders cannot be opened on Windows
            file = os.open(path, os.O_RDONLY)
            try:
                os.fsync(file)
            finally:
                os.close(file)


def _finish(folder: Path) -> None:
    """Move new files that are complete to their places, the manifest last; remove what is left of others."""
    staged = folder / STAGED
    if _is_replaced(folder):
        manifest = manifest_in(staged / files.MANIFEST, read_file(folder, files.MANIFEST))
        for name in model_files(folder):
            if name not in manifest.files:
                (folder / name).unlink()
        names = [name for name in (*model_files(staged), files.CARD_TEXT) if (staged / name).is_file()]
        for name in (*names, files.MANIFEST):
            (folder / name).parent.mkdir(exist_ok=True)
            os.replace(staged / name, folder / name)
    if os.path.lexists(staged):
        shutil.rmtree(staged)
