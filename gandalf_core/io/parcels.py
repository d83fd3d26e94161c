"""Stars and latents as values and arrays of a message (`frames`), and back. Shapes: N stars, P labels."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..data.spectra import SpectraSet
from .columns import RawColumn
from .label_table import numbers_of
from .latent_tables import LatentTable

Values = dict[str, Any]
Arrays = dict[str, np.ndarray]


def packed_stars(stars: SpectraSet) -> tuple[Values, Arrays]:
    """A set of stars."""
    values = {"label_names": list(stars.label_names), "provenance": stars.provenance}
    names = ("flux", "wavelength_nm", "ids", "labels", "flux_error", "mask", "positions")
    arrays = {name: getattr(stars, name) for name in names}
    return values, {name: array for name, array in arrays.items() if array is not None}


def unpacked_stars(values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> SpectraSet:
    """The inverse of `packed_stars`; the set is checked at birth."""
    return SpectraSet(
        **arrays, label_names=tuple(values["label_names"]), provenance=dict(values["provenance"])
    )


def packed_latents(table: LatentTable) -> tuple[Values, Arrays]:
    """A table of latents with those of its columns that may be labels, as numbers with NaN where missing."""
    columns, arrays = [], {"z": table.z}
    for column in table.label_columns:
        about = [column.name, column.unit, column.ucd, column.description]
        arrays[f"column {len(columns)}"] = np.asarray(numbers_of(column))
        columns.append(about)
    arrays |= {} if table.ids is None else {"ids": table.ids}
    declared = None if table.declared is None else list(table.declared)
    values = {"file": table.file, "declared": declared, "model_id": table.model_id, "remarks": table.remarks}
    return values | {"columns": columns}, arrays


def unpacked_latents(values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> LatentTable:
    """The inverse of `packed_latents`."""
    columns = tuple(
        RawColumn(name, arrays[f"column {k}"], unit, ucd, about)
        for k, (name, unit, ucd, about) in enumerate(values["columns"])
    )
    declared = None if values["declared"] is None else tuple(values["declared"])
    about = (str(values["model_id"]), dict(values["remarks"]))
    return LatentTable(str(values["file"]), arrays["z"], columns, arrays.get("ids"), declared, *about)
