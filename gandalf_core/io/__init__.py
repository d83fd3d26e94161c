"""Files in, `SpectraSet` out, and back: one module a format, found by content, written by suffix.

Heavy libraries (pandas, pyarrow, astropy) are imported by the format that needs them, when it is met.
"""

from .read import joined, read_bytes, read_latents, read_many, read_stars
from .resample import rebin, refusal, resample
from .write import (
    ARRAY_SUFFIXES,
    STAR_SUFFIXES,
    TABLE_SUFFIXES,
    check_output,
    write_latents,
    write_map,
    write_stars,
    write_table,
)

__all__ = [
    "ARRAY_SUFFIXES",
    "STAR_SUFFIXES",
    "TABLE_SUFFIXES",
    "ParquetWriter",
    "check_output",
    "count_rows",
    "iter_latents",
    "iter_parquet",
    "joined",
    "read_bytes",
    "read_latents",
    "read_many",
    "read_stars",
    "rebin",
    "refusal",
    "resample",
    "write_latents",
    "write_map",
    "write_stars",
    "write_table",
]
_PARQUET = ("ParquetWriter", "count_rows", "iter_latents", "iter_parquet")


def __getattr__(name: str):
    if name in _PARQUET:
        from . import parquet

        return getattr(parquet, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
