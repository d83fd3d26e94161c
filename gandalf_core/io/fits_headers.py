"""The headers of a FITS file, checked against its length before astropy believes what they promise."""

import math
from typing import BinaryIO

from astropy.io import fits

from ..errors import SpectraError
from .sniff import size_of

BLOCK = 2880  # bytes
MAX_BLOCKS = 2000  # of one header: 72,000 cards
MAX_FIELDS = 999  # columns of a table, as the standard has it
MAX_AXES = 999
MAX_EXTENSIONS = 20_000
_END = b"END" + b" " * 77


def check_extensions(stream: BinaryIO) -> tuple[str, ...]:
    """What must be said of a FITS file whose blocks are not whole; the stream is rewound.

    Raises SpectraError where a header is damaged or announces data that are not in the file, and for bytes
    behind the last extension: there an extension would be left out without a word.
    """
    size, position, number = size_of(stream), 0, 0
    whole = size % BLOCK == 0
    while position < size:
        if number > MAX_EXTENSIONS:
            raise SpectraError(f"more than {MAX_EXTENSIONS:,} extensions: split the file")
        stream.seek(position)
        start = stream.read(8)
        if start not in (b"SIMPLE  ", b"XTENSION"):
            _check_rest(stream, start, number)
            break
        header, data = _header(stream, position, number)
        end = data + _data_size(header, number)
        if end > size:
            raise SpectraError(
                f"truncated FITS: extension {number} should reach byte {end}, the file has {size}: "
                "fetch it again"
            )
        stream.seek(end)
        whole &= not stream.read(-end % BLOCK).strip(b"\0 ")
        position, number = end + -end % BLOCK, number + 1
    stream.seek(0)
    return (
        ()
        if whole
        else ("its blocks are not whole (2880 bytes, filled with zeros): bytes may be lost or damaged",)
    )


def _header(stream: BinaryIO, position: int, number: int) -> tuple[fits.Header, int]:
    """The header at a position, and where its data begin."""
    stream.seek(position)
    blocks = []
    while len(blocks) < MAX_BLOCKS:
        block = stream.read(BLOCK)
        if len(block) < BLOCK:
            raise SpectraError(f"truncated FITS: the header of extension {number} has no end: fetch it again")
        blocks.append(block)
        if any(block[k : k + 80] == _END for k in range(0, BLOCK, 80)):
            text = b"".join(blocks).decode("latin-1")
            return fits.Header.fromstring(text), position + len(blocks) * BLOCK
    raise SpectraError(f"the header of extension {number} has more than {MAX_BLOCKS * BLOCK // 80:,} lines")


def _data_size(header: fits.Header, number: int) -> int:
    """Bytes of data under a header. SpectraError for a number that no FITS file can have."""
    axes = _count(header, "NAXIS", number, 0, MAX_AXES)
    shape = [_count(header, f"NAXIS{k + 1}", number, None) for k in range(axes)]
    if "TFIELDS" in header:
        _count(header, "TFIELDS", number, None, MAX_FIELDS)
        if len(shape) == 2 and shape[0] == 0 < shape[1]:
            raise SpectraError(f"damaged FITS: {shape[1]:,} rows of no bytes in extension {number}")
    if header.get("GROUPS") is True and shape and shape[0] == 0:
        shape = shape[1:]
    bits = abs(_count(header, "BITPIX", number, None, low=-64))
    groups, parameters = (_count(header, k, number, d) for k, d in (("GCOUNT", 1), ("PCOUNT", 0)))
    return bits // 8 * groups * (parameters + math.prod(shape)) if axes else 0


def _count(
    header: fits.Header, key: str, number: int, default: int | None, high: int = 2**62, low: int = 0
) -> int:
    value = header.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise SpectraError(f"damaged FITS: {key} = {value} in extension {number}: fetch it again")
    return value


def _check_rest(stream: BinaryIO, rest: bytes, number: int) -> None:
    """SpectraError when something other than padding follows the last extension."""
    while rest:
        if rest.strip(b"\0 "):
            raise SpectraError(
                f"damaged FITS: what follows extension {number - 1} is no FITS extension: fetch it again"
            )
        rest = stream.read(2**20)
