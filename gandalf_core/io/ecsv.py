"""ECSV as the Gaia archive and astropy write it: astropy reads the header, the rows are csv.

The header (units, metadata) is read on its own because quotes in its comments confuse the fast readers of the
whole file.
"""

from typing import BinaryIO

from astropy.table.meta import get_header_from_yaml

from .columns import Table
from .text import read_csv, skip_comments


def read(stream: BinaryIO) -> list[Table]:
    """The one table of an ECSV file; `null` counts as missing, as in the archive's bulk files."""
    comments, _ = skip_comments(stream)
    lines = (
        line.strip().lstrip("#").removeprefix(" ")
        for line in comments.decode("utf-8", "replace").splitlines()
    )
    header = get_header_from_yaml([line for line in lines if line])
    units = {column["name"]: str(column["unit"]) for column in header["datatype"] if column.get("unit")}
    meta = header.get("meta")
    return read_csv(stream, units, meta if isinstance(meta, dict) else None)
