"""Writers of text: csv, ecsv (the same rows under astropy's header) and the plain columns of one star."""

import io
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow import csv

from ..data.positions import position_columns
from ..data.spectra import SpectraSet
from .layouts import Columns, fluxes, to_arrow, to_astropy
from .lines import is_comment
from .names import label_column


def write(
    stream: BinaryIO,
    blocks: Iterable[Columns],
    *,
    ecsv: bool = False,
    provenance: Mapping[str, Any] | None = None,
    about: Mapping[str, str] | None = None,
) -> None:
    """Rows, block by block, under one header; that of ecsv has a place for units, provenance and `about`."""
    for k, block in enumerate(blocks):
        if k == 0:
            stream.write(
                (_ecsv_header(block, provenance, about) if ecsv else ",".join(block) + "\n").encode()
            )
        style = "all_valid" if _looks_like_comments(block) else "needed"
        options = csv.WriteOptions(include_header=False, quoting_style=style)
        table = pa.table({name: to_arrow(_spelled(v) if ecsv else v) for name, v in block.items()})
        csv.write_csv(table, stream, options)


def _spelled(values: np.ndarray) -> np.ndarray:
    """Whether something is so as ECSV spells it: `True`, where Arrow writes `true`."""
    return np.where(values, "True", "False") if values.dtype.kind == "b" else values


def _looks_like_comments(block: Columns) -> bool:
    """Whether a row would be taken for a comment by its first cell, were that not in quotes."""
    first = next(iter(block.values()))
    return first.dtype.kind == "U" and any(map(is_comment, np.unique(first)))


def _ecsv_header(
    block: Columns, provenance: Mapping[str, Any] | None, about: Mapping[str, str] | None
) -> str:
    header = io.StringIO()
    empty = to_astropy({name: values[:0] for name, values in block.items()}, provenance, about)
    empty.write(header, format="ascii.ecsv", delimiter=",")
    return header.getvalue()


def write_text(stream: BinaryIO, stars: SpectraSet) -> None:
    """One star as columns of numbers; comments give its id, labels and position."""
    labels = {label_column(n): v for n, v in zip(stars.label_names, stars.labels[0], strict=True)}
    spectrum = {name: values[0] for name, values in fluxes(stars).items()}
    position = {f"{name} [deg]": v[0] for name, v in position_columns(stars.positions).items()}
    head = [f"# {key}: {value}" for key, value in {"source_id": stars.ids[0], **labels, **position}.items()]
    head.append(" ".join(["# wavelength_nm", *spectrum]))
    rows = zip(stars.wavelength_nm, *spectrum.values(), strict=True)
    lines = [*head, *(" ".join(map(str, values)) for values in rows)]
    stream.write(("\n".join(lines) + "\n").encode())
