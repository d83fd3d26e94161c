"""A model as one file to hand to a colleague: a zip archive of its folder, read with the same checks.

The archive holds one folder, named as the model, with the files of a model folder and their manifest. The
same model gives the same bytes.
"""

import io
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ..atomic import cause_of, check_place, make_folder, write_bytes
from ..errors import ModelError
from ..places import added_models_folder, model_roots
from . import files
from .card_schema import checked_card
from .cards import card_text
from .files import json_in, naming
from .folder import STAGING, read_folder, replacing
from .listing import find_model
from .loading import load_model
from .manifest import Manifest, manifest_in, sha256

NAME = re.compile(r"\w[\w+-]*( ?[\w.+-]*[\w+-])*")  # of a model: as a folder may be called everywhere
LONGEST_NAME = 64
MOST_MEMBERS = 200
MOST_PACKED = files.MOST_BYTES
IGNORED = (
    "__MACOSX",
    ".DS_Store",
    files.CARD_TEXT,
)  # what others put into archives; the card is written anew


# --- to a file ---


def pack_model(name_or_folder: str | Path, file: str | Path, name: str = "") -> Path:
    """Write a model as one file. ModelError for a model that cannot be loaded, SpectraError for the file.

    name: what the model is called in it; by default as its folder.
    """
    path = Path(file)
    check_place(path)
    write_bytes(path, packed(name_or_folder, name))
    return path


def packed(name_or_folder: str | Path, name: str = "") -> bytes:
    """A model as the bytes of one file. ModelError for one that cannot be loaded."""
    contents = read_folder(find_model(name_or_folder))
    load_model(contents.folder)
    name = _checked_name(name or contents.folder.name)
    card = checked_card(json_in(contents[files.CARD]))
    manifest = contents.manifest or Manifest({n: sha256(c) for n, c in contents.files.items()})
    own = dict(contents.files) | {
        files.MANIFEST: manifest.to_json().encode(),
        files.CARD_TEXT: card_text(name, card).encode("utf-8", "backslashreplace"),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for part, content in sorted(own.items()):
            member = zipfile.ZipInfo(f"{name}/{part}")  # of 1980, so that equal models are equal files
            member.external_attr = 0o644 << 16
            dense = part.endswith(".npz")
            member.compress_type = zipfile.ZIP_STORED if dense else zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return stream.getvalue()


# --- from a file ---


def add_model(file: str | Path, root: str | Path | None = None, name: str = "") -> Path:
    """Unpack a model from one file into a folder of models, and return its own folder there.

    root: by default `places.added_models_folder`. name: what it is called from now on; by default as it was.
    Raises ModelError for a file that is no model, or a name that another model has.
    """
    path = Path(file)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelError(f"{path}: is no file; give the one that `models --pack` wrote")
        if path.stat().st_size > MOST_PACKED:
            raise ModelError(f"{path}: is larger than the {MOST_PACKED // files.MB} MB of any model")
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({cause_of(error)})") from None
    return add_packed(content, str(path), root, name)


def add_packed(content: bytes, where: str, root: str | Path | None = None, name: str = "") -> Path:
    """As `add_model`, from the bytes of a file. where: its name, for messages."""
    if len(content) > MOST_PACKED:
        raise ModelError(f"{where}: is larger than the {MOST_PACKED // files.MB} MB of any model")
    with naming(Path(where)):
        called, own = _unpacked(content)
    folder = Path(root or added_models_folder()) / _free_name(name or called or Path(where).stem, root)
    make_folder(folder.parent)
    try:
        with replacing(folder) as new:
            _write(new, folder.name, own)
    except ModelError as error:  # about a file that nobody but this function has ever seen
        staged = folder / STAGING
        said = str(error).replace(f"{staged}: ", f"{where}: ").replace(f"{staged / 'x'}"[:-1], f"{where}: ")
        raise ModelError(said) from None
    return folder


def _write(new: Path, name: str, own: dict[str, bytes]) -> None:
    """Write the files of a model, and check them as those of any folder."""
    for part, content in own.items():
        write_bytes(new / part, content)
    contents = read_folder(new)
    load_model(new)
    write_bytes(new / files.CARD_TEXT, card_text(name, checked_card(json_in(contents[files.CARD]))).encode())


def _unpacked(content: bytes) -> tuple[str, dict[str, bytes]]:
    """The name of the folder in an archive, if there is one, and a model's files in it.

    Every name and size is checked before anything is unpacked. ValueError for what no model has.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = list(_members(archive))
        if sum(member.file_size for member, _ in members) > files.MOST_BYTES:
            raise ValueError(f"more than the {files.MOST_BYTES // files.MB} MB of any model")
        tops = {path.parts[0] for _, path in members if path.name == files.CONFIG and len(path.parts) > 1}
        top = tops.pop() if len(tops) == 1 else ""
        own: dict[str, bytes] = {}
        for member, path in members:
            part = path.relative_to(top).as_posix() if top and path.parts[0] == top else path.as_posix()
            if part in own or not (files.is_listed(part) or part == files.MANIFEST):
                raise ValueError(f"it holds {member.filename[:80]!r}, which no model has")
            if member.file_size > files.MOST_TEXT.get(part, files.MOST_BYTES):
                raise ValueError(f"{part} is larger than that of any model")
            own[part] = archive.read(member)
    if files.MANIFEST in own:
        manifest_in(Path(files.MANIFEST), own[files.MANIFEST])
    return top, own


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The plain files of an archive, with their paths in it."""
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise ValueError(f"{len(members)} files, where no model has more than {MOST_MEMBERS}")
    for member in members:
        path = PurePosixPath(member.filename)
        if member.is_dir() or any(part in IGNORED for part in path.parts):
            continue
        if member.flag_bits & 1 or stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(f"{member.filename[:80]!r} is encrypted, or a link")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{member.filename[:80]!r} is of an unknown compression")
        yield member, path


def _free_name(name: str, root: str | Path | None) -> str:
    """The name, if it is one and no model has it yet. ModelError otherwise."""
    name = _checked_name(name)
    roots = (Path(root),) if root else model_roots()
    for folder in roots:
        if (folder / name).exists():
            raise ModelError(f"{name}: there is a model of this name ({folder / name}); give another name")
    return name


def _checked_name(name: str) -> str:
    """The name. ModelError where it cannot be a folder's everywhere."""
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise ModelError(
            f"{name[:LONGEST_NAME]!r} cannot be a model's name: take letters, digits, + and -, at most "
            f"{LONGEST_NAME}"
        )
    return name
