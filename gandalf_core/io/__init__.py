"""Files in, `SpectraSet` out, and back: one module per format, read by content and written by suffix.

Modules are imported when one of their names is first used, and heavy libraries (pandas, pyarrow, astropy)
only for the formats that need them. Type checkers and editors read the first branch below.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .parquet import count_rows as count_rows
    from .parquet import iter_latents as iter_latents
    from .parquet import iter_parquet as iter_parquet
    from .parquet_writing import ParquetWriter as ParquetWriter
    from .read import join_sets as join_sets
    from .read import read_bytes as read_bytes
    from .read import read_latents as read_latents
    from .read import read_many as read_many
    from .read import read_stars as read_stars
    from .resampling import covering as covering
    from .resampling import rebin as rebin
    from .resampling import resample as resample
    from .write import ARRAY_SUFFIXES as ARRAY_SUFFIXES
    from .write import LATENT_SUFFIXES as LATENT_SUFFIXES
    from .write import RESULT_SUFFIXES as RESULT_SUFFIXES
    from .write import STAR_SUFFIXES as STAR_SUFFIXES
    from .write import TABLE_SUFFIXES as TABLE_SUFFIXES
    from .write import check_output as check_output
    from .write import write_latents as write_latents
    from .write import write_map as write_map
    from .write import write_stars as write_stars
    from .write import write_table as write_table
else:
    from ..lazy import lazy_names

    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "parquet": "count_rows iter_latents iter_parquet",
            "parquet_writing": "ParquetWriter",
            "read": "join_sets read_bytes read_latents read_many read_stars",
            "resampling": "covering rebin resample",
            "write": "ARRAY_SUFFIXES LATENT_SUFFIXES RESULT_SUFFIXES STAR_SUFFIXES TABLE_SUFFIXES "
            "check_output write_latents write_map write_stars write_table",
        },
    )
