"""Files in, `SpectraSet` out, and back: one module a format, found by content, written by suffix.

Modules are imported when a name of theirs is first used, and heavy libraries (pandas, pyarrow, astropy) by the
format that needs them, when it is met.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .parquet import ParquetWriter, count_rows, iter_latents, iter_parquet
    from .read import join_sets, read_bytes, read_latents, read_many, read_stars
    from .resampling import covering, rebin, resample
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
    "covering",
    "iter_latents",
    "iter_parquet",
    "join_sets",
    "read_bytes",
    "read_latents",
    "read_many",
    "read_stars",
    "rebin",
    "resample",
    "write_latents",
    "write_map",
    "write_stars",
    "write_table",
]
_PARQUET = ("ParquetWriter", "count_rows", "iter_latents", "iter_parquet")
_READ = ("join_sets", "read_bytes", "read_latents", "read_many", "read_stars")
_RESAMPLE = ("covering", "rebin", "resample")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    homes = {"parquet": _PARQUET, "read": _READ, "resampling": _RESAMPLE}
    home = next((home for home, names in homes.items() if name in names), "write")
    return getattr(import_module(f".{home}", __name__), name)
