"""The secret key of the noise in exported latents; docs/privacy.md says what it protects against whom.

An installation makes its key once. A key file is one line of text: a few words and 64 hexadecimal digits.
"""

import re
import secrets
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from ..atomic import create_private
from ..errors import NoiseKeyError
from ..places import noise_key_file

SIZE = 32  # bytes: 2^256 keys cannot be tried
TEXT = "GANDALF Explorer noise key 1: {}\n"  # the number is that of the format
LONGEST = 200  # bytes of a file that may be a key; a large file is not read to its end


@dataclass(frozen=True, repr=False)
class NoiseKey:
    """A key of 32 bytes. Printing it shows its fingerprint, never the secret.

    Raises NoiseKeyError for a secret of another length.
    """

    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) != SIZE:
            raise NoiseKeyError(f"a noise key has {SIZE} bytes, not {len(self.secret)}")

    def __repr__(self) -> str:
        return f"NoiseKey({self.fingerprint})"

    @property
    def fingerprint(self) -> str:
        """Eight digits that tell two keys apart and say nothing else about them."""
        return blake2b(b"fingerprint", key=self.secret, digest_size=4).hexdigest()

    @classmethod
    def new(cls) -> "NoiseKey":
        """A key that nobody else has."""
        return cls(secrets.token_bytes(SIZE))

    @classmethod
    def from_seed(cls, seed: int, draw: int = 0) -> "NoiseKey":
        """A key that everybody can make again, and so no secret: for measurements to be repeated.

        draw: one seed gives many keys.
        """
        return cls(blake2b(f"noise key of seed {seed}, draw {draw}".encode(), digest_size=SIZE).digest())

    @classmethod
    def read(cls, path: str | Path) -> "NoiseKey":
        """The key in a file. NoiseKeyError names a file that is missing or no key."""
        try:
            with Path(path).open("rb") as file:
                start = file.read(LONGEST)
        except OSError as error:
            raise NoiseKeyError(f"{path}: cannot be read as a noise key ({error.strerror})") from None
        digits = re.fullmatch(TEXT.format(f"([0-9a-f]{{{2 * SIZE}}})").strip(), _text(start).strip())
        if digits is None:
            cure = "give a copy of an installation's key file, see docs/privacy.md"
            raise NoiseKeyError(f"{path}: not a noise key: {cure}")
        return cls(bytes.fromhex(digits[1]))

    def write(self, path: str | Path) -> bool:
        """Store the key in a new file that only its owner can read; False where a file is there already.

        Raises NoiseKeyError when it cannot be written.
        """
        try:
            return create_private(path, TEXT.format(self.secret.hex()).encode())
        except OSError as error:
            cure = "let GANDALF_NOISE_KEY name a file in a folder that can be written"
            raise NoiseKeyError(f"{path}: no noise key can be kept here ({error.strerror}): {cure}") from None


def installation_key() -> NoiseKey:
    """The key of this installation, made when it is first asked for: of several processes the first wins.

    Raises NoiseKeyError when its file cannot be written or holds something else.
    """
    path = noise_key_file()
    if not path.exists():
        NoiseKey.new().write(path)
    return NoiseKey.read(path)


def fingerprint(key: NoiseKey | None) -> str:
    """That of a key; empty for None, where there is no noise."""
    return "" if key is None else key.fingerprint


def _text(start: bytes) -> str:
    return start.decode("utf-8", errors="replace")
