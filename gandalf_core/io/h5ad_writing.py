"""Latents as an AnnData file (`.h5ad`), written with h5py alone: z in `obsm`, labels in `obs`.

The layout: https://anndata.readthedocs.io/en/stable/fileformat-prose.html. Shapes: N stars, Z latent.
"""

import io
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..data.latents import LatentSet
from ..errors import SpectraError
from .h5ad import USUAL_KEY

if TYPE_CHECKING:
    import h5py

GROUPS = ("obsm", "varm", "obsp", "varp", "layers", "uns")


def write(stream: BinaryIO, latents: LatentSet) -> None:
    """Write latents (N, Z) with their ids and labels. SpectraError without h5py."""
    try:
        import h5py
    except ImportError:
        raise SpectraError(
            "writing AnnData needs h5py: pip install 'gandalf-explorer[anndata]', or write npz"
        ) from None
    content = io.BytesIO()  # HDF5 also reads while it writes
    with h5py.File(content, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        names = list(latents.label_names)
        _frame(file, "obs", np.asarray(latents.ids, str), dict(zip(names, latents.labels.T, strict=True)))
        _frame(file, "var", np.empty(0, str), {})
        groups = {name: file.create_group(name) for name in GROUPS}
        for group in groups.values():
            group.attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})
        _array(groups["obsm"], USUAL_KEY, np.asarray(latents.z, np.float32))
        told = groups["uns"].create_dataset("model_id", data=latents.model_id, dtype=h5py.string_dtype())
        told.attrs.update({"encoding-type": "string", "encoding-version": "0.2.0"})
    stream.write(content.getbuffer())


def _frame(file: "h5py.File", name: str, index: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    group = file.create_group(name)
    about = {"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "source_id"}
    group.attrs.update(about)
    _attribute_of_names(group, list(columns))
    import h5py

    texts = group.create_dataset("source_id", data=index.astype(object), dtype=h5py.string_dtype())
    texts.attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})
    for key, values in columns.items():
        _array(group, key, values)


def _attribute_of_names(group: "h5py.Group", names: list[str]) -> None:
    """The order of the columns; an empty one needs a type."""
    import h5py

    group.attrs.create("column-order", np.array(names, object), dtype=h5py.string_dtype())


def _array(group: "h5py.Group", name: str, values: np.ndarray) -> None:
    made = group.create_dataset(name, data=values)
    made.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
