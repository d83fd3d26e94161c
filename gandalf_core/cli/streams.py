"""Stars in, results out, piece by piece: memory does not grow with a Parquet file.

Any other source is one piece.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np

    from ..data.latents import LatentSet
    from ..data.spectra import SpectraSet

Piece = TypeVar("Piece", "SpectraSet", "LatentSet")


def pieces(specs: list[str], wavelength_nm: "np.ndarray") -> "Iterator[SpectraSet]":
    """The stars of all sources on `wavelength_nm` (L,). Raises SpectraError, naming the source."""
    from ..io import resample

    for spec in specs:
        yield from (resample(stars, wavelength_nm, spec) for stars in _source(spec))


def _source(spec: str) -> "Iterator[SpectraSet]":
    from ..io.parquet import has_row_per_star, iter_parquet
    from ..sources import load_stars

    if not spec.startswith("simulated:") and has_row_per_star(spec):
        yield from iter_parquet(spec)
    else:
        yield load_stars(spec)


def write_pieces(
    path: str,
    parts: Iterable[Piece],
    write: Callable[[str, Piece], object],
    join: Callable[[list[Piece]], Piece],
) -> int:
    """Write the parts to `path` and return their number of stars.

    Parquet is written part by part. For other formats the parts are joined, then written as a whole.
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


def join_latents(parts: "Sequence[LatentSet]") -> "LatentSet":
    """One set from several of one model."""
    import numpy as np

    from ..data.latents import LatentSet

    first = parts[0]
    return LatentSet(
        z=np.concatenate([part.z for part in parts]),
        ids=np.concatenate([part.ids for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        label_names=first.label_names,
        model_id=first.model_id,
    )
