"""The project's npz array files. Nothing is ever unpickled.

Shapes: N stars, L pixels, P labels, Z latent dimensions.
"""

import json
import math
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from ..data.latents import LatentSet
from ..data.positions import position_columns
from ..data.spectra import SpectraSet
from ..errors import SpectraError
from . import ids as star_ids
from .checking import DEFAULT, Checks
from .columns import RawColumn, Table
from .medium import Statement
from .names import FLUX, SPECTRAL, WAVELENGTH, label_column, label_name, refuse_repeats, role_of
from .npy import read_header
from .provenance import PROVENANCE_KEY
from .sky import places_of
from .sniff import Budget, check_columns, open_zip, size_of
from .tables import assemble
from .understanding import stored

SMALLEST = 4  # bytes that a value takes at least, once it is a number of a spectrum
_LABELS, _LABEL_NAMES, _PROVENANCE = "labels", "label_names", "provenance"


def read_stars(
    stream: BinaryIO, name: str, checks: Checks = DEFAULT, budget: Budget | None = None
) -> SpectraSet:
    """Spectra: `flux` (N, L) or (L,) and `wavelength_nm` (L,) are needed, the rest may be absent.

    Arrays are recognised by the names that columns have elsewhere (`ivar`, `good`, `wave_air`). Raises
    SpectraError when they are absent or do not fit together.
    """
    arrays = read_arrays(stream, budget)
    columns = list(_columns(arrays))
    table = Table.build(columns, {PROVENANCE_KEY: str(arrays.get(_PROVENANCE, "{}"))})
    table.places = places_of(columns, {})
    for role, usual in ((FLUX, "flux"), (WAVELENGTH, "wavelength_nm")):
        if role not in table.columns:
            hint = "; it holds latents" if "z" in arrays else ""
            raise SpectraError(f"no array '{usual}' (arrays: {', '.join(arrays)}){hint}")
    _check_grid(table)
    if _PROVENANCE in arrays and table.medium is None:
        table.medium = Statement("vacuum", "a file of ours")
    return assemble([table], name, checks)


def read_labels(
    stream: BinaryIO, name: str, budget: Budget | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels (N, P) and their names, of an npz of spectra or latents. SpectraError when there are none."""
    arrays = read_arrays(stream, budget)
    if _LABELS not in arrays:
        raise SpectraError(f"no array 'labels' (arrays: {', '.join(arrays)})")
    return _labels(arrays, len(arrays[_LABELS]))


def read_latents(stream: BinaryIO, name: str, budget: Budget | None = None) -> LatentSet:
    """Latents: `z` (N, Z) is needed. Raises SpectraError when it is absent or does not fit."""
    arrays = read_arrays(stream, budget)
    if "z" not in arrays:
        raise SpectraError(f"no array 'z', so no latents (arrays: {', '.join(arrays)})")
    z = _numeric(arrays, "z", np.float32)
    ids, labels, names = _ids_and_labels(arrays, len(z) if z.ndim else 0, name)
    model_id, key_fingerprint = (str(arrays.get(key, "")) for key in ("model_id", "key_fingerprint"))
    return LatentSet(z, ids, labels, names, model_id, key_fingerprint)


def write_stars(stream: BinaryIO, stars: SpectraSet) -> None:
    """Every array of the set; unknown errors as NaN."""
    error, places = stars.flux_error, position_columns(stars.positions)
    np.savez(
        stream,
        allow_pickle=False,
        flux=stars.flux,
        flux_error=np.full(stars.flux.shape, np.nan, np.float32) if error is None else error,
        mask=stars.mask,
        wavelength_nm=stars.wavelength_nm,
        labels=stars.labels,
        label_names=_text(stars.label_names),
        ids=stars.ids,
        provenance=np.array(json.dumps(stored(stars.provenance))),
        **places,
    )


def write_latents(stream: BinaryIO, latents: LatentSet) -> None:
    """`z` in place of the spectra, and the id of the model that made it."""
    np.savez(
        stream,
        z=latents.z,
        labels=latents.labels,
        label_names=_text(latents.label_names),
        ids=latents.ids,
        model_id=np.array(latents.model_id),
        key_fingerprint=np.array(latents.key_fingerprint),
    )


def write_map(
    stream: BinaryIO, xy: np.ndarray, ids: np.ndarray, labels: np.ndarray, names: tuple[str, ...]
) -> None:
    """`xy` (N, 2) beside ids (N,) and labels (N, P)."""
    np.savez(stream, xy=xy, ids=ids, labels=labels, label_names=_text(names))


def _text(names: tuple[str, ...]) -> np.ndarray:
    return np.array(names, dtype=str)  # also when there are none, which numpy would take for floats


def read_arrays(stream: BinaryIO, budget: Budget | None = None) -> dict[str, np.ndarray]:
    """All arrays by name; budget: what they may take in memory, by default by the length of the stream.

    Raises SpectraError for Python objects, and for arrays that are not as large as they say.
    """
    budget = budget or Budget(size_of(stream))
    with open_zip(stream) as packed:
        names = [info.filename for info in packed.infolist() if info.filename.endswith(".npy")]
        check_columns(len(names))
        for name in names:
            _check_array(packed, name, budget)
        arrays = {}
        for name in names:
            with packed.open(name) as member:
                arrays[name.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
    return arrays


def _check_array(packed: zipfile.ZipFile, name: str, budget: Budget) -> None:
    """SpectraError for an array that is not what its header says, or takes too much memory."""
    shown = name.removesuffix(".npy")[:40]
    with packed.open(name) as member:
        header, begin = read_header(member), member.tell()
    if header is None:
        raise SpectraError(f"array {shown} has fields: save each field as an array")
    shape, dtype = header
    if dtype.hasobject:
        raise SpectraError("an array holds Python objects, which are never unpickled: save text as strings")
    budget.spend(math.prod(max(1, length) for length in shape) * max(dtype.itemsize, SMALLEST))
    if begin + math.prod(shape) * dtype.itemsize != packed.getinfo(name).file_size:
        raise SpectraError(f"array {shown} is not as long as its header says: fetch or write the file again")


def _numeric(arrays: dict[str, np.ndarray], key: str, dtype: type) -> np.ndarray:
    if arrays[key].dtype.kind not in "fiub":
        raise SpectraError(f"array {key} is not numeric")
    with np.errstate(over="ignore", invalid="ignore"):
        return arrays[key].astype(dtype, copy=False)


def _columns(arrays: dict[str, np.ndarray]) -> Iterator[RawColumn]:
    """The arrays as columns of one row per star. SpectraError for one without the shape of the flux."""
    flux = next((k for k in arrays if role_of(k) == FLUX), None)
    shape: tuple[int, ...] = arrays[flux].shape if flux else ()
    if len(shape) not in (1, 2) and flux:
        raise SpectraError(f"flux must be (stars, pixels), not of shape {shape}")
    one_star = len(shape) == 1
    for key, values in arrays.items():
        role = role_of(key)
        if key in (_LABELS, _LABEL_NAMES, _PROVENANCE):
            continue
        if role in SPECTRAL and role not in ("source_id", WAVELENGTH):
            if values.shape == shape[1:]:  # one for all stars
                values = np.broadcast_to(values, shape)
            if values.shape != shape:
                raise SpectraError(f"{key} has shape {values.shape}, flux has {shape}")
            yield RawColumn(key, values[None] if one_star else values)
        elif role is not None and values.ndim == 0:
            yield RawColumn(key, values[None])
        else:
            yield RawColumn(key, values)
    if flux:
        stars = 1 if one_star else len(arrays[flux])
        labels, names = _labels(arrays, stars)
        _check_rows(arrays, stars, labels, names)
        yield from (RawColumn(label_column(n), column) for n, column in zip(names, labels.T, strict=True))


def _check_rows(arrays: dict[str, np.ndarray], n: int, labels: np.ndarray, names: tuple[str, ...]) -> None:
    ids = next((np.shape(v) for k, v in arrays.items() if role_of(k) == "source_id"), (n,))
    if ids not in ((n,), ()) or labels.shape != (n, len(names)):
        raise SpectraError(
            f"{n} rows, but ids have shape {ids}, labels {labels.shape} under {len(names)} label_names"
        )


def _check_grid(table: Table) -> None:
    """SpectraError when wavelengths are not as many as the flux, or do not increase (but for padding)."""
    grid, pixels = np.asarray(table.columns[WAVELENGTH]), table.columns[FLUX].shape[1]
    if grid.shape[-1:] != (pixels,):
        raise SpectraError(f"{pixels} pixels of flux but {grid.shape} wavelengths")
    if grid.ndim == 1 and grid.dtype.kind in "fiu":
        known = grid[np.isfinite(grid) & (grid != 0)]
        falling = np.flatnonzero(np.diff(known) <= 0)
        if len(falling):
            at = known[falling[0] + 1]
            raise SpectraError(f"wavelengths must increase from pixel to pixel: {at:.8g} does not")


def _labels(arrays: dict[str, np.ndarray], n: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels (n, P), NaN where there are none, and their names."""
    columns = tuple(map(str, np.atleast_1d(arrays.get(_LABEL_NAMES, ()))))
    names = tuple(map(label_name, columns))
    refuse_repeats(columns, names)
    if _LABELS in arrays:
        return np.atleast_2d(_numeric(arrays, _LABELS, np.float64)), names
    return np.full((n, len(names)), np.nan), names


def _ids_and_labels(
    arrays: dict[str, np.ndarray], n: int, name: str
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Ids (n,), labels (n, P) and their names. Without ids they come from the file's name."""
    if "ids" in arrays:
        ids = star_ids.as_strings(arrays["ids"])
    else:
        stem = star_ids.from_file_name(name)
        ids = np.array([f"{stem}-{i}" for i in range(n)], dtype=str)
    labels, names = _labels(arrays, n)
    _check_rows({"ids": ids}, n, labels, names)
    return ids, labels, names
