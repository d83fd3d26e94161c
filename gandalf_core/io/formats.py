"""One reader for each format, imported when it is needed: bytes → tables, as they stand in the file."""

from typing import BinaryIO

from .raw import RawTable, Wanted, has_role

NAMES = {  # of formats, for messages
    "csv": "csv",
    "text": "text file",
    "ecsv": "ECSV",
    "fits": "FITS",
    "votable": "VOTable",
    "ipac": "IPAC table",
    "cds": "CDS table",
    "parquet": "Parquet file",
    "npz": "npz",
}


def raw_tables(stream: BinaryIO, kind: str, wanted: Wanted = has_role) -> list[RawTable]:
    """The tables of a file of a format that `recognise.detect` names, except npz.

    wanted: tells by name and UCD which columns get their values. Raises SpectraError (without the file's
    name) for what cannot be read.
    """
    if kind in ("csv", "text"):
        from . import text as reader
    elif kind in ("ipac", "cds"):
        from . import ascii_tables

        return ascii_tables.read(stream, kind)
    elif kind == "ecsv":
        from . import ecsv as reader
    elif kind == "fits":
        from . import fits as reader
    elif kind == "parquet":
        from . import parquet_tables as reader
    else:
        from . import votable as reader
    return reader.read(stream, wanted)
