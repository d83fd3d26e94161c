"""Writers: the format follows from the suffix; every file appears complete or not at all.

Shapes: N stars, L pixels, P labels. A masked pixel's flux is written as NaN (npz keeps it, beside its mask).
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import atomic, check_place
from ..data.latents import LatentSet
from ..data.spectra import SpectraSet
from ..errors import SpectraError
from .layouts import Columns, label_columns, result_column, rounded, rows, samples, to_arrow
from .understanding import stored

TABLE_SUFFIXES = (".csv", ".ecsv", ".fits", ".vot", ".xml", ".tbl", ".parquet")
RESULT_SUFFIXES = (*TABLE_SUFFIXES, ".tex")  # of what is computed of stars
ARRAY_SUFFIXES = (*TABLE_SUFFIXES, ".npz")  # of maps
LATENT_SUFFIXES = (*ARRAY_SUFFIXES, ".h5ad")
STAR_SUFFIXES = (*ARRAY_SUFFIXES, ".txt")
IPAC = ".tbl"
_BY_SAMPLE = (".csv", ".ecsv", IPAC)  # whose rows are samples
_DELIMITED = (".csv", ".ecsv")
_BLOCK = 500  # stars whose samples are in memory as text at once


def write_stars(path: str | Path, stars: SpectraSet) -> None:
    """Spectra in the format of the suffix: .csv .ecsv .tbl .fits .vot .xml .npz .parquet .txt.

    csv, ecsv and tbl (IPAC) are written like the Gaia archive's INDIVIDUAL and COMBINED files (one row per
    sample); fits and votable likewise for one star, and like RAW (one row per star, and a table of
    wavelengths) for many; txt holds one star.

    Raises SpectraError for an unknown suffix, a path that cannot be written, and for what the format cannot
    hold: several stars in a txt, two stars with one id in csv or ecsv, text that is not ASCII in FITS.
    """
    path, suffix = check_output(path, STAR_SUFFIXES)
    _check_stars(path, suffix, stars)
    if suffix == ".parquet":
        from . import parquet_writing

        parquet_writing.write(path, stars)
    elif suffix == ".npz":
        from . import npz

        with atomic(path) as stream:
            npz.write_stars(stream, stars)
    elif suffix in (*_DELIMITED, ".txt"):
        from . import delimited

        blocks = (samples(stars[i : i + _BLOCK]) for i in range(0, len(stars), _BLOCK))
        with atomic(path) as stream:
            if suffix == ".txt":
                delimited.write_text(stream, stars)
            else:
                delimited.write(stream, blocks, ecsv=suffix == ".ecsv", provenance=stored(stars.provenance))
    elif suffix == IPAC:
        _write_ipac(path, samples(stars))
    elif len(stars) == 1:
        _write_astropy(path, suffix, [samples(stars)], stored(stars.provenance))
    else:
        tables = [rows(stars), {"wavelength": stars.wavelength_nm}]
        _write_astropy(path, suffix, tables, stored(stars.provenance))


def write_latents(path: str | Path, latents: LatentSet) -> None:
    """Latents as npz (z, labels, label_names, ids, model_id), Parquet or AnnData (.h5ad), or as a table.

    A table has the columns source_id, the labels, and z_0, z_1 … Raises SpectraError as `write_table` does,
    and for AnnData without h5py.
    """
    path, suffix = check_output(path, LATENT_SUFFIXES)
    if suffix == ".npz":
        from . import npz

        with atomic(path) as stream:
            npz.write_latents(stream, latents)
    elif suffix == ".h5ad":
        from . import h5ad_writing

        with atomic(path) as stream:
            h5ad_writing.write(stream, latents)
    elif suffix == ".parquet":
        from . import parquet_writing

        parquet_writing.write(path, latents)
    else:
        z = {f"z_{k}": column for k, column in enumerate(latents.z.T)}
        labels = label_columns(latents.labels, latents.label_names)
        write_table(path, {"source_id": latents.ids, **labels, **z})


def write_map(
    path: str | Path,
    xy: np.ndarray,
    ids: Sequence[str] | np.ndarray,
    labels: np.ndarray | None = None,
    label_names: tuple[str, ...] = (),
) -> None:
    """A 2-D map: `xy` (N, 2) with ids (N,) and labels (N, P), as npz or as a table with columns x and y.

    Raises SpectraError as `write_table` does.
    """
    path, suffix = check_output(path, ARRAY_SUFFIXES)
    names, xy = np.asarray(ids, dtype=str), np.asarray(xy)
    labels = np.empty((len(xy), 0)) if labels is None else np.asarray(labels, np.float64)
    if suffix == ".npz":
        from . import npz

        with atomic(path) as stream:
            npz.write_map(stream, xy, names, labels, label_names)
    else:
        columns = {"source_id": names, "x": xy[:, 0], "y": xy[:, 1]}
        write_table(path, columns | label_columns(labels, label_names))


def write_table(
    path: str | Path,
    columns: Mapping[str, Any],
    *,
    about: Mapping[str, str] | None = None,
    digits: int | None = None,
) -> None:
    """Results, equally long columns by name, as csv, ecsv, fits, votable, Parquet or LaTeX.

    Ids that are decimal integers are stored as 64-bit integers; known parameters (and `<name>_error`) carry
    their unit.  about: what the numbers come from, such as {"model": …, "stars": …}; csv has no place for
    it.  digits: significant ones that numbers are rounded to; None: as they are. LaTeX always rounds them by
    their errors.

    Raises SpectraError for an unknown suffix, a path that cannot be written, columns of different lengths,
    and text that is not ASCII in FITS.
    """
    path, suffix = check_output(path, RESULT_SUFFIXES)
    arrays = {name: result_column(name, values) for name, values in columns.items()}
    if len({len(a) for a in arrays.values()}) != 1:
        raise SpectraError(
            f"{path}: columns of different lengths: {', '.join(f'{k} {len(a)}' for k, a in arrays.items())}"
        )
    arrays = arrays if digits is None else rounded(arrays, digits)
    if suffix == ".parquet":
        _write_parquet(path, arrays, about or {})
    elif suffix == IPAC:
        _write_ipac(path, arrays)
    elif suffix in (*_DELIMITED, ".tex"):
        from . import delimited, latex

        with atomic(path) as stream:
            if suffix == ".tex":
                latex.write(stream, arrays, about)
            else:
                delimited.write(stream, [arrays], ecsv=suffix == ".ecsv", about=about)
    else:
        _write_astropy(path, suffix, [arrays], about=about)


def _write_ipac(path: Path, columns: Columns) -> None:
    """An IPAC table. SpectraError for a text with a sign that is not ASCII."""
    from . import ascii_tables

    with atomic(path) as stream:
        ascii_tables.write(stream, columns)


def _write_parquet(path: Path, arrays: Columns, about: Mapping[str, str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from .parquet_writing import CHECKSUMS

    table = pa.table({k: to_arrow(a) for k, a in arrays.items()})
    with atomic(path) as stream:
        pq.write_table(table.replace_schema_metadata(dict(about) or None), stream, **CHECKSUMS)


def check_output(
    path: str | Path, allowed: tuple[str, ...], inputs: Iterable[str | Path] = ()
) -> tuple[Path, str]:
    """The path and its suffix in lower case, checked before the work whose result it will hold.

    inputs: the files that the work reads; names that are not files are ignored. Raises SpectraError for a
    folder, a suffix that is not `allowed`, a path in a folder that does not exist, and for one of the inputs.
    """
    path = Path(path)
    if path.suffix.lower() not in allowed and not os.path.isdir(path):
        raise SpectraError(f"{path}: unknown suffix '{path.suffix}': choose {', '.join(allowed)}")
    check_place(path)
    if os.path.exists(path) and any(path.samefile(name) for name in inputs if os.path.exists(name)):
        raise SpectraError(
            f"{path}: is read by this command and would be lost: choose another name for the output"
        )
    return path, path.suffix.lower()


def _check_stars(path: Path, suffix: str, stars: SpectraSet) -> None:
    """SpectraError where there are no stars, or more than the format can hold or tell apart."""
    if not len(stars):
        raise SpectraError(f"{path}: no stars to write")
    if suffix == ".txt" and len(stars) != 1:
        raise SpectraError(
            f"{path}: a text file holds one star, not {len(stars)}: choose .csv, .npz or .parquet"
        )
    if suffix in _BY_SAMPLE:
        ids, count = np.unique(stars.ids, return_counts=True)
        if (count > 1).any():
            raise SpectraError(
                f"{path}: {count.max()} stars have the id {ids[count.argmax()]}, "
                "and rows of samples are told apart by it: choose .fits, .npz or .parquet"
            )


def _write_astropy(
    path: Path,
    suffix: str,
    tables: Sequence[Columns],
    provenance: Mapping[str, Any] | None = None,
    about: Mapping[str, str] | None = None,
) -> None:
    """FITS extensions or VOTable tables, one for each set of columns; the first says where it comes from."""
    if suffix == ".fits":
        from . import fits

        fits.check_ascii(path, tables)
        with atomic(path) as stream:
            fits.write(stream, tables, provenance, about)
    else:
        from . import votable

        with atomic(path) as stream:
            votable.write(stream, tables, provenance, about)
