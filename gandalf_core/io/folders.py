"""The files in folders of others: which of them are data, and which merely lie beside them.

A name that begins with `.` or `_` is nobody's data: `_metadata`, `_SUCCESS`, `.part-0.parquet.crc`,
`.DS_Store`, `_temporary/`; nor are pipes and devices. In a HATS catalogue (Norder=…/Dir=…/Npix=….parquet)
the Parquet files beside the partitions are thumbnails and tables about them, and whole folders repeat the
stars of the catalogue: margins and indices. Folders may be called x.parquet. Links are followed, and said
where they lead out of the folder, as catalogues may lie on several disks; files of other formats are read
from the folder alone.
"""

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from ..errors import SpectraError
from .opening import is_special, open_regular

SUFFIXES = (".parquet", ".parq", ".pq")  # of partitions, in any case
MAX_PROPERTIES = 2**16  # bytes of a file of properties that are looked at
MAX_NAMED = 3  # files that a sentence names
_HIDDEN = "its name begins with . or _"
_SPECIAL = "is a pipe, a socket or a device"
_THUMBNAIL = "lies beside the partitions of a HATS catalogue"
_PROPERTIES = ("hats.properties", "properties")
_REPEATS = ("margin", "index", "association", "map")  # kinds of HATS tables that hold no further stars
_KIND = re.compile(r"^\s*dataproduct_type\s*=\s*(\w+)", re.MULTILINE)
_PIXEL = "norder="  # begins the names of the folders of a HATS catalogue, in lower case


@dataclass
class Listing:
    """The files of a folder, in the order of their names.

    aside: why others are no data, by name. unreadable: why folders cannot be read, by name. outside: links
    to files and folders elsewhere, by name. Names are relative to the folder, with / between their parts on
    every system.
    """

    files: list[Path] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """Sentences on partitions left aside (`_metadata` and its like are none) and links that lead away."""
        said = {n: c for n, c in self.aside.items() if c != _HIDDEN or is_partition(PurePath(n))}
        causes = [f"{name} ({cause})" for name, cause in said.items()]
        notes = [f"not taken as data: {_named(causes)}"] if causes else []
        if self.outside:
            notes.append(f"links that lead out of the folder are followed: {_named(self.outside)}")
        return notes


def data_files(folder: Path) -> Listing:
    """The files in a folder and in those below that may hold data."""
    listing = Listing()
    _walk(folder, folder, set(), listing)
    listing.files.sort(key=lambda path: name_in(folder, path))
    return listing


def partitions(folder: Path) -> Listing:
    """The Parquet files of a data set in a folder. Raises SpectraError where there is none."""
    listing = data_files(folder)
    parquet = [path for path in listing.files if is_partition(path)]
    if any(_in_pixel(folder, path) for path in parquet):
        for path in parquet:
            if not _in_pixel(folder, path):
                listing.aside[name_in(folder, path)] = _THUMBNAIL
        parquet = [path for path in parquet if _in_pixel(folder, path)]
    listing.files = parquet
    if not parquet:
        causes = [*(f"{name} {cause}" for name, cause in listing.unreadable.items()), *listing.notes]
        why = f" ({causes[0]})" if causes else ""
        raise SpectraError(f"{folder}: no .parquet file in this folder{why}")
    return listing


def is_partition(path: PurePath) -> bool:
    """Whether a file is a Parquet file by its name."""
    return path.suffix.lower() in SUFFIXES


def leads_out(folder: Path, path: Path) -> bool:
    """Whether a path in a folder is, behind all links, elsewhere."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _named(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def name_in(folder: Path, path: Path) -> str:
    """The name of a file in a folder, the same on every system: macOS takes é apart, Windows writes \\."""
    return unicodedata.normalize("NFC", path.relative_to(folder).as_posix())


def _walk(root: Path, folder: Path, seen: set[str], listing: Listing) -> None:
    """Add what is in `folder` and below to the listing; a folder that links lead to twice, once."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        listing.unreadable[name_in(root, folder)] = f"cannot be read ({error.strerror})"
        return
    if folder != root and (kind := _kind(folder, [entry.name for entry in entries])) in _REPEATS:
        listing.aside[name_in(root, folder)] = f"a HATS {kind}, which repeats stars of the catalogue"
        return
    for entry in entries:
        path, hidden = folder / entry.name, entry.name[0] in "._"
        if not hidden and entry.is_symlink() and leads_out(root, path):
            listing.outside.append(name_in(root, path))
        if entry.is_dir():
            if not hidden:
                _walk(root, path, seen, listing)
        elif hidden:
            listing.aside[name_in(root, path)] = _HIDDEN
        elif is_special(path):
            listing.aside[name_in(root, path)] = _SPECIAL
        else:
            listing.files.append(path)


def _kind(folder: Path, names: list[str]) -> str:
    """What kind of HATS table a folder with these files says it is; "" where it says nothing."""
    for name in _PROPERTIES:
        if name in names:
            try:
                with open_regular(folder / name) as stream:
                    text = stream.read(MAX_PROPERTIES).decode("utf-8", "replace")
            except (OSError, SpectraError):
                continue
            kind = _KIND.search(text)
            return kind[1].lower() if kind else ""
    return ""


def _in_pixel(folder: Path, path: Path) -> bool:
    return any(part.lower().startswith(_PIXEL) for part in path.relative_to(folder).parts[:-1])
