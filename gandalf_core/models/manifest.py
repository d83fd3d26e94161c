"""The manifest of a model folder: the SHA-256 of every file, and which version wrote them."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..errors import ModelError
from ..io.plain import to_json
from .files import AUDIT, COPY_AGAIN, MANIFEST, is_listed, json_in, naming

FORMAT = 1  # of model folders; a larger one is of a later version, and may mean something else
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """What a folder should hold.

    files: name with / between its parts → SHA-256 of the content.  version: of this package, that wrote them.
    """

    files: Mapping[str, str]
    version: str = __version__
    format: int = FORMAT

    def to_json(self) -> str:
        """The text of `manifest.json`."""
        return to_json(
            {"format": self.format, "gandalf_core": self.version, "files": dict(sorted(self.files.items()))},
            indent=1,
        )

    def check(self, folder: Path, name: str, content: bytes) -> None:
        """ModelError for a file that is not as it was written, or was not written with the others."""
        if name not in self.files:
            if name == AUDIT:  # put there by hand: nothing is computed from it
                return
            raise ModelError(
                f"{folder / name}: is not in {MANIFEST}, so it is of another model; {COPY_AGAIN}"
            )
        if sha256(content) != self.files[name]:
            raise ModelError(
                f"{folder / name}: is not as it was written (its SHA-256 is not that in {MANIFEST}); "
                f"{COPY_AGAIN}"
            )


def sha256(content: bytes) -> str:
    """The SHA-256 of a file's content, in 64 letters."""
    return hashlib.sha256(content).hexdigest()


def manifest_in(path: Path, content: bytes) -> Manifest:
    """The manifest with this content. ModelError for one that is damaged or of a later version."""
    with naming(path):
        values = json_in(content)
        if not isinstance(values, dict) or not isinstance(values.get("format"), int):
            raise ValueError("it names no format")
        version = str(values.get("gandalf_core", "unknown"))[:40]
        if values["format"] > FORMAT:
            raise ModelError(
                f"of a model folder that a later version ({version}) has written; this is version "
                f"{__version__}: update it"
            )
        files = values.get("files")
        if not isinstance(files, dict) or not all(map(is_listed, files)):
            raise ValueError("it lists what no model has")
        if not all(isinstance(h, str) and HASH.fullmatch(h) for h in files.values()):
            raise ValueError("it holds what is no SHA-256")
        return Manifest(files, version, values["format"])


def is_later(version: str) -> bool:
    """Whether a version of this package is later than this one."""
    return _numbers(version) > _numbers(__version__)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", version)[:3]]
