"""The project's npz array files. Nothing is ever unpickled.

Shapes: N stars, L pixels, P labels, Z latent dimensions.
"""

import json
from pathlib import PurePath
from typing import BinaryIO

import numpy as np

from ..data.latents import LatentSet
from ..data.spectra import SpectraSet
from ..errors import SpectraError
from . import ids as star_ids
from .columns import label_name, parse_provenance, refuse_repeats
from .tables import masked_spectra


def read_stars(stream: BinaryIO, name: str) -> SpectraSet:
    """Spectra: `flux` (N, L) and `wavelength_nm` (L,) are needed, the rest may be absent.

    Raises SpectraError when they are absent or do not fit together.
    """
    arrays = _arrays(stream)
    for key in ("flux", "wavelength_nm"):
        if key not in arrays:
            hint = "; it holds latents" if "z" in arrays else ""
            raise SpectraError(f"no array '{key}' (arrays: {', '.join(arrays)}){hint}")
    flux = _numeric(arrays, "flux", np.float32)
    if flux.ndim != 2:
        raise SpectraError(f"flux must be (stars, pixels), not of shape {flux.shape}")
    error, mask = (_matching(arrays, key, flux.shape) for key in ("flux_error", "mask"))
    ids, labels, names = _ids_and_labels(arrays, len(flux), name)
    grid = _numeric(arrays, "wavelength_nm", np.float64)
    provenance = parse_provenance(arrays.get("provenance", "{}"))
    return masked_spectra(flux, error, grid, ids, list(labels.T), names, mask, provenance)


def read_latents(stream: BinaryIO, name: str) -> LatentSet:
    """Latents: `z` (N, Z) is needed. Raises SpectraError when it is absent or does not fit."""
    arrays = _arrays(stream)
    if "z" not in arrays:
        raise SpectraError(f"no array 'z', so no latents (arrays: {', '.join(arrays)})")
    z = _numeric(arrays, "z", np.float32)
    ids, labels, names = _ids_and_labels(arrays, len(z) if z.ndim else 0, name)
    model_id, key_fingerprint = (str(arrays.get(key, "")) for key in ("model_id", "key_fingerprint"))
    return LatentSet(z, ids, labels, names, model_id, key_fingerprint)


def write_stars(stream: BinaryIO, stars: SpectraSet) -> None:
    """Every array of the set; unknown errors as NaN."""
    error = stars.flux_error
    np.savez(
        stream,
        flux=stars.flux,
        flux_error=np.full(stars.flux.shape, np.nan, np.float32) if error is None else error,
        mask=stars.mask,
        wavelength_nm=stars.wavelength_nm,
        labels=stars.labels,
        label_names=_text(stars.label_names),
        ids=stars.ids,
        provenance=np.array(json.dumps(stars.provenance)),
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


def _arrays(stream: BinaryIO) -> dict[str, np.ndarray]:
    with np.load(stream, allow_pickle=False) as data:
        try:
            return {key: data[key] for key in data.files}
        except ValueError as error:
            if "allow_pickle" in str(error):
                raise SpectraError(
                    "an array holds Python objects, which are never unpickled: save text as strings"
                ) from None
            raise


def _numeric(arrays: dict[str, np.ndarray], key: str, dtype: type) -> np.ndarray:
    if arrays[key].dtype.kind not in "fiub":
        raise SpectraError(f"array {key} is not numeric")
    with np.errstate(over="ignore", invalid="ignore"):
        return arrays[key].astype(dtype, copy=False)


def _matching(arrays: dict[str, np.ndarray], key: str, shape: tuple[int, ...]) -> np.ndarray | None:
    if key not in arrays:
        return None
    values = _numeric(arrays, key, np.float32 if key == "flux_error" else bool)
    if values.shape != shape:
        raise SpectraError(f"{key} has shape {values.shape}, flux has {shape}")
    return values


def _ids_and_labels(
    arrays: dict[str, np.ndarray], n: int, name: str
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Ids (n,), labels (n, P) and their names. Without ids they come from the file's name."""
    if "ids" in arrays:
        ids = star_ids.as_strings(arrays["ids"])
    else:
        stem = star_ids.from_file_name(PurePath(name).name)
        ids = np.array([f"{stem}-{i}" for i in range(n)], dtype=str)
    columns = tuple(map(str, np.atleast_1d(arrays.get("label_names", ()))))
    names = tuple(map(label_name, columns))
    refuse_repeats(columns, names)
    labels = (
        _numeric(arrays, "labels", np.float64) if "labels" in arrays else np.full((n, len(names)), np.nan)
    )
    if ids.shape != (n,) or labels.shape != (n, len(names)):
        raise SpectraError(
            f"{n} rows, but ids have shape {ids.shape}, labels {labels.shape} under {len(names)} label_names"
        )
    return ids, labels, names
