"""The header of an array in numpy's own format (npy), read before there is memory for its values."""

from typing import IO

import numpy as np

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype] | None:
    """(shape, type) of the array whose values follow in the stream; None for a later version of the format.

    Such a one has fields, and no file of ours does. Raises ValueError where it is no array at all.
    """
    header = _HEADERS.get(np.lib.format.read_magic(stream))
    if header is None:
        return None
    shape, _, dtype = header(stream)
    return shape, dtype
