"""Text as UTF-8, whatever it was saved as: byte-order marks, UTF-16, Windows-1252, line ends of old Macs."""

import codecs
import io
from typing import BinaryIO

from ..errors import SpectraError

_CHUNK = 2**22
_MARKS = (  # the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMES = {"utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32": "UTF-32"}


def encoding_of(head: bytes) -> str:
    """The Unicode encoding of a text by its first bytes; `utf-8` also for what is in none."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    sample = head[
        : min(len(head), 512) & ~1
    ]  # UTF-16 without a mark: every other byte of Western letters is 0
    even, odd = sample[::2], sample[1::2]
    if sample and not any(even) and all(b >= 9 for b in odd):
        return "utf-16-be"
    if sample and not any(odd) and all(b >= 9 for b in even):
        return "utf-16-le"
    return "utf-8"


def decoded(stream: BinaryIO) -> tuple[BinaryIO, tuple[str, ...]]:
    """(the same text in UTF-8, without a mark and with line feeds; remarks on how it was read).

    The text is at its beginning. One that is UTF-8 already comes back as it is. Bytes that are not UTF-8 are
    taken as Windows-1252, which contains the letters of Latin-1. Raises SpectraError for a UTF-16 text that
    is cut.
    """
    stream.seek(0)
    head = stream.read(_CHUNK)
    stream.seek(0)
    encoding = encoding_of(head)
    name = _NAMES.get(encoding)
    if name is None and not _is_utf8(stream):
        encoding, name = "cp1252", "Windows-1252 (it is not UTF-8)"
    stream.seek(0)
    lone_returns = b"\r" in head and b"\n" not in head
    remarks = (f"text read as {name}",) if name else ()
    if name is None and encoding == "utf-8" and not lone_returns:
        return stream, remarks
    data = _reencoded(stream.read(), encoding)
    return io.BytesIO(data.replace(b"\r", b"\n") if lone_returns else data), remarks


def _is_utf8(stream: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := stream.read(_CHUNK):
            if not chunk.isascii() or decoder.getstate()[0]:
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _reencoded(data: bytes, encoding: str) -> bytes:
    data = data.removeprefix(codecs.BOM_UTF8)  # also before what is not UTF-8 after all
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "cp1252":
            raise SpectraError(f"the text is not whole {_NAMES[encoding]}: save it again, as UTF-8") from None
        text = data.decode("cp1252", "replace")
    return text.removeprefix("\ufeff").encode()
