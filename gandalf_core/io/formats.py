"""One reader for each format, imported when it is needed: bytes → tables, as they stand in the file."""

from typing import BinaryIO

from .raw import RawTable, Wanted, has_role
from .sniff import Budget, size_of

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


def raw_tables(
    stream: BinaryIO, kind: str, wanted: Wanted = has_role, budget: Budget | None = None
) -> list[RawTable]:
    """The tables of a file of a format that `recognise.detect` names, except npz.

    wanted: tells by name and UCD which columns get their values. budget: what they may take in memory, by
    default by the length of the stream. Raises SpectraError (without the file's name) for what cannot be
    read.
    """
    if kind in ("csv", "text"):
        from . import text

        return text.read(stream, wanted)
    if kind in ("ipac", "cds"):
        from . import ascii_tables

        return ascii_tables.read(stream, kind)
    if kind == "ecsv":
        from . import ecsv

        return ecsv.read(stream, wanted)
    budget = budget or Budget(size_of(stream))
    if kind == "fits":
        from . import fits as reader
    elif kind == "parquet":
        from . import parquet_tables as reader
    else:
        from . import votable as reader
    return reader.read(stream, budget, wanted)
