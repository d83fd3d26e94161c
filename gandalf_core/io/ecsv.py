"""ECSV as the Gaia archive and astropy write it: astropy reads the header (units, metadata), the rows are csv.

The header is read on its own because quotes in its comments confuse the fast readers of the whole file.
"""

import io
import warnings
from typing import BinaryIO

import astropy.table

from .tables import Table
from .text import read_csv, skip_comments


def read(stream: BinaryIO) -> list[Table]:
    """The one table of an ECSV file; `null` counts as missing, as in the archive's bulk files."""
    comments, names = skip_comments(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = astropy.table.Table.read(io.BytesIO(comments + names.encode()), format="ascii.ecsv")
    units = {c.name: str(c.unit) for c in header.itercols() if c.unit is not None}
    return read_csv(stream, units, {k: v for k, v in header.meta.items() if isinstance(v, str | int | float)})
