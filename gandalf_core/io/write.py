"""Writers: the format follows from the suffix; every file appears complete or not at all.

Shapes: N stars, L pixels, P labels. A masked pixel's flux is written as NaN (npz keeps it, beside its mask).
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..atomic import atomic, check_place
from ..data.latents import LatentSet
from ..data.spectra import SpectraSet
from ..errors import SpectraError
from ..parameters import LABELS, parameter
from . import ids as star_ids
from .columns import PROVENANCE_KEY, label_column

TABLE_SUFFIXES = (".csv", ".ecsv", ".fits", ".vot", ".xml", ".parquet")
ARRAY_SUFFIXES = (*TABLE_SUFFIXES, ".npz")  # of latents and maps
STAR_SUFFIXES = (*ARRAY_SUFFIXES, ".txt")
BLOCK = 500  # stars whose samples stand in memory as text columns at once


def write_stars(path: str | Path, stars: SpectraSet) -> None:
    """Spectra in the format of the suffix: .csv .ecsv .fits .vot .xml .npz .parquet .txt.

    csv and ecsv are written as the Gaia archive's INDIVIDUAL or COMBINED files (one row per sample); fits and
    votable likewise for one star, and as RAW (one row per star, plus a table of wavelengths) for many; txt
    holds one star. Raises SpectraError for an unknown suffix, an unwritable path, and for what the format
    cannot hold: several stars in a txt, two stars of one id in csv or ecsv, text that is not ASCII in FITS.
    """
    path, suffix = check_output(path, STAR_SUFFIXES)
    if not len(stars):
        raise SpectraError(f"{path}: no stars to write")
    if suffix == ".parquet":
        from .parquet import write

        return write(path, stars)
    if suffix == ".txt" and len(stars) != 1:
        raise SpectraError(
            f"{path}: a text file holds one star, not {len(stars)}: choose .csv, .npz or .parquet"
        )
    if suffix in (".csv", ".ecsv"):
        _check_distinct(path, stars.ids)
    with atomic(path) as stream:
        if suffix == ".npz":
            from .npz import write_stars as write_npz

            write_npz(stream, stars)
        elif suffix == ".txt":
            _write_text(stream, stars)
        elif suffix in (".csv", ".ecsv"):
            blocks = (_samples(stars[i : i + BLOCK]) for i in range(0, len(stars), BLOCK))
            _write_delimited(stream, blocks, suffix, stars.provenance)
        else:
            tables = (
                [_samples(stars)] if len(stars) == 1 else [_rows(stars), {"wavelength": stars.wavelength_nm}]
            )
            _write_astropy(stream, tables, path, stars.provenance)


def write_latents(path: str | Path, latents: LatentSet) -> None:
    """Latents as npz (`z`, labels, label_names, ids, model_id) or Parquet, or as a table with the columns
    z_0, z_1 …
    """
    path, suffix = check_output(path, ARRAY_SUFFIXES)
    if suffix == ".npz":
        from .npz import write_latents as write_npz

        with atomic(path) as stream:
            write_npz(stream, latents)
    elif suffix == ".parquet":
        from .parquet import write

        write(path, latents)
    else:
        z = {f"z_{k}": column for k, column in enumerate(latents.z.T)}
        write_table(
            path, {"source_id": latents.ids, **_label_columns(latents.labels, latents.label_names), **z}
        )


def write_map(
    path: str | Path,
    xy: np.ndarray,
    ids: Sequence[str],
    labels: np.ndarray | None = None,
    label_names: tuple[str, ...] = (),
) -> None:
    """A 2-D map: `xy` (N, 2) with ids and labels (N, P) as npz, or as a table with the columns x and y."""
    path, suffix = check_output(path, ARRAY_SUFFIXES)
    ids, xy = np.asarray(ids, dtype=str), np.asarray(xy)
    labels = np.empty((len(xy), 0)) if labels is None else np.asarray(labels, np.float64)
    if suffix != ".npz":
        return write_table(
            path, {"source_id": ids, "x": xy[:, 0], "y": xy[:, 1], **_label_columns(labels, label_names)}
        )
    from .npz import write_map as write_npz

    with atomic(path) as stream:
        write_npz(stream, xy, ids, labels, label_names)


def write_table(path: str | Path, columns: Mapping[str, Any]) -> None:
    """Results per star, equally long columns by name, as csv, ecsv, fits, votable or Parquet.

    Ids that are decimal integers are stored as 64-bit integers; known parameters (and `<name>_error`) carry
    their unit. Raises SpectraError for an unknown suffix or columns of different lengths.
    """
    path, suffix = check_output(path, TABLE_SUFFIXES)
    arrays = {name: _column(name, values) for name, values in columns.items()}
    if len({len(a) for a in arrays.values()}) != 1:
        raise SpectraError(
            f"{path}: columns of different lengths: {', '.join(f'{k} {len(a)}' for k, a in arrays.items())}"
        )
    with atomic(path) as stream:
        if suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.table({k: _arrow(a) for k, a in arrays.items()}), stream)
        elif suffix in (".csv", ".ecsv"):
            _write_delimited(stream, iter([arrays]), suffix)
        else:
            _write_astropy(stream, [arrays], path)


def check_output(
    path: str | Path, allowed: tuple[str, ...], inputs: Iterable[str | Path] = ()
) -> tuple[Path, str]:
    """The path and its suffix in lower case, checked before the work whose result is to stand there.

    inputs: what the work reads; a name that is no file counts for nothing. SpectraError for a folder, a
    suffix that is not `allowed`, a name in a folder that does not exist, and for one of the inputs.
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


def _check_distinct(path: Path, ids: np.ndarray) -> None:
    """SpectraError where rows of samples could not be told apart: two stars of one id."""
    names, count = np.unique(ids, return_counts=True)
    if (count > 1).any():
        raise SpectraError(
            f"{path}: {count.max()} stars have the id {names[count.argmax()]}, and rows of samples are told apart by it: "
            "choose .fits, .npz or .parquet"
        )


def _column(name: str, values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind == "O":
        array = array.astype(str)
    integers = (
        star_ids.as_integers(array)
        if array.dtype.kind == "U" and name in ("source_id", "id", "ids")
        else None
    )
    return array if integers is None else integers


def _id_column(ids: np.ndarray) -> np.ndarray:
    integers = star_ids.as_integers(ids)
    return ids if integers is None else integers


def _label_columns(labels: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    return {label_column(n): v for n, v in zip(names, labels.T, strict=True)}


def _fluxes(stars: SpectraSet) -> dict[str, np.ndarray]:
    nan = np.float32(np.nan)
    out = {"flux": np.where(stars.mask, nan, stars.flux)}
    return (
        out
        if stars.flux_error is None
        else {**out, "flux_error": np.where(stars.mask, nan, stars.flux_error)}
    )


def _samples(stars: SpectraSet) -> dict[str, np.ndarray]:
    """Columns of one row per sample, (N·L,) each, named as the archive names them."""
    pixels = len(stars.wavelength_nm)
    columns = {
        "source_id": np.repeat(_id_column(stars.ids), pixels),
        "wavelength": np.tile(stars.wavelength_nm, len(stars)),
    }
    columns |= {name: values.ravel() for name, values in _fluxes(stars).items()}
    return columns | {
        k: np.repeat(v, pixels) for k, v in _label_columns(stars.labels, stars.label_names).items()
    }


def _rows(stars: SpectraSet) -> dict[str, np.ndarray]:
    """Columns of one row per star, flux as arrays."""
    return {
        "source_id": _id_column(stars.ids),
        **_fluxes(stars),
        **_label_columns(stars.labels, stars.label_names),
    }


def _unit(column: str) -> str | None:
    """The unit a column carries in files that have a place for it; dex is none."""
    name = column.removesuffix("_error")
    unit = "nm" if name == "wavelength" else parameter(name).unit if name in LABELS else ""
    return unit if unit not in ("", "dex") else None


def _astropy(columns: Mapping[str, np.ndarray], provenance: Mapping[str, Any] | None = None):
    from astropy.table import Table

    meta = {PROVENANCE_KEY: json.dumps(provenance)} if provenance else {}
    return Table(dict(columns), units={k: _unit(k) for k in columns if _unit(k)}, meta=meta, copy=False)


def _arrow(values: np.ndarray):
    import pyarrow as pa

    return pa.array(values.tolist() if values.dtype.kind == "U" else values)


def _write_delimited(
    stream: BinaryIO,
    blocks: Iterator[Mapping[str, np.ndarray]],
    suffix: str,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """csv, or ecsv (the same rows under astropy's header, which has a place for the provenance), block by
    block.
    """
    import io

    import pyarrow as pa
    from pyarrow import csv

    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    for k, block in enumerate(blocks):
        if k == 0:
            header = io.StringIO(",".join(block) + "\n")
            if suffix == ".ecsv":
                empty = {name: values[:0] for name, values in block.items()}
                _astropy(empty, provenance).write(header, format="ascii.ecsv", delimiter=",")
            stream.write(header.getvalue().encode())
        csv.write_csv(pa.table({name: _arrow(values) for name, values in block.items()}), stream, options)


def _write_astropy(
    stream: BinaryIO,
    tables: list[Mapping[str, np.ndarray]],
    path: Path,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """FITS extensions or VOTable tables, one for each set of columns; the first carries the provenance."""
    as_fits = path.suffix.lower() == ".fits"
    if as_fits:
        _check_ascii(path, tables)
    made = [_astropy(t) for t in tables]
    note = json.dumps(provenance) if provenance else ""
    if as_fits:
        from astropy.io import fits

        hdus = [fits.table_to_hdu(t) for t in made]
        hdus[0].header.update({PROVENANCE_KEY: note} if note else {})
        return fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(stream)
    from astropy.io.votable import from_table, tree

    documents = [from_table(t) for t in made]
    resource = documents[0].resources[0]
    resource.tables.extend(t for other in documents[1:] for t in other.resources[0].tables)
    if note:
        resource.tables[0].params.append(
            tree.Param(documents[0], name=PROVENANCE_KEY, datatype="char", arraysize="*", value=note)
        )
    documents[0].to_xml(stream, tabledata_format="binary2")


def _check_ascii(path: Path, tables: list[Mapping[str, np.ndarray]]) -> None:
    """SpectraError naming the first text that FITS, which knows ASCII only, cannot hold."""
    for name, values in (column for table in tables for column in table.items()):
        texts = [name, *(values.tolist() if values.dtype.kind == "U" else ())]
        foreign = next((t for t in texts if not t.isascii()), None)
        if foreign is not None:
            raise SpectraError(
                f"{path}: FITS holds ASCII text only, not '{foreign}': choose .csv, .vot, .npz or .parquet"
            )


def _write_text(stream: BinaryIO, stars: SpectraSet) -> None:
    known = {label_column(n): v for n, v in zip(stars.label_names, stars.labels[0], strict=True)}
    fluxes = _fluxes(stars)
    head = [f"# {key}: {value}" for key, value in {"source_id": stars.ids[0], **known}.items()]
    stream.write("\n".join([*head, " ".join(["# wavelength_nm", *fluxes]), ""]).encode())
    columns = [stars.wavelength_nm, *[values[0] for values in fluxes.values()]]
    for values in zip(*columns, strict=True):
        stream.write((" ".join(str(v) for v in values) + "\n").encode())
