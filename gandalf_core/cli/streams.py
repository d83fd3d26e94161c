"""Stars in, results out, piece by piece: memory does not grow with a Parquet file. Other sources are one
piece each.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path


def pieces(specs: list[str], wavelength_nm) -> Iterator:
    """SpectraSets on `wavelength_nm` (L,) that together hold the stars of all sources. Raises SpectraError,
    naming the source.
    """
    from ..io import resample

    for spec in specs:
        yield from (resample(stars, wavelength_nm, spec) for stars in _source(spec))


def _source(spec: str) -> Iterator:
    from ..io import iter_parquet
    from ..sources import load_stars

    if not spec.startswith("simulated:") and _is_parquet(spec):
        yield from iter_parquet(spec)
    else:
        yield load_stars(spec)


def _is_parquet(path: str) -> bool:
    """True for a Parquet file with one row per star; one with a row per sample is read at once."""
    try:
        with open(path, "rb") as file:
            if file.read(4) != b"PAR1":
                return False
    except OSError:
        return False  # the reader says what is wrong
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        field = pq.read_schema(path).field("flux").type
    except (pa.ArrowException, KeyError, OSError):
        return False
    return pa.types.is_fixed_size_list(field) or pa.types.is_list(field) or pa.types.is_large_list(field)


def written(path: str, parts: Iterable, write: Callable, join: Callable) -> int:
    """Write the parts to `path`: one after the other to Parquet, else joined and `write(path, whole)`; their
    number of stars.
    """
    if Path(path).suffix.lower() == ".parquet":
        from ..io import ParquetWriter

        with ParquetWriter(path) as out:
            for part in parts:
                out.write(part)
        return out.rows
    whole = join(list(parts))
    write(path, whole)
    return len(whole)


def join_latents(parts: list):
    """One LatentSet from those of one model."""
    import numpy as np

    from ..data.latents import LatentSet

    z, ids, labels = (np.concatenate([getattr(p, name) for p in parts]) for name in ("z", "ids", "labels"))
    return LatentSet(z, ids, labels, parts[0].label_names, parts[0].model_id)
