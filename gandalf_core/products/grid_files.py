"""A grid of generated spectra as a file, FITS or npz."""

from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import atomic
from ..data.spectra import SpectraSet
from ..io import check_output
from ..parameters import parameter
from .grid import Grid

SUFFIXES = (".fits", ".npz")


def write_grid(path: str | Path, grid: Grid) -> None:
    """Write the nodes as stars, which `io.read_stars` reads, with `extrapolated` and, if compared, `rms`.

    Raises SpectraError for a suffix other than `.fits` and `.npz`.
    """
    (path, suffix), stars = check_output(path, SUFFIXES), grid.stars()
    extra = {"extrapolated": grid.extrapolated} | ({} if grid.rms is None else {"rms": grid.rms})
    if suffix == ".npz":
        _write_npz(path, stars, extra)
    else:
        _write_fits(path, stars, extra, grid.about)


def _write_npz(path: Path, stars: SpectraSet, extra: dict[str, np.ndarray]) -> None:
    arrays = {
        "flux": stars.flux,
        "mask": stars.mask,
        "flux_error": np.full_like(stars.flux, np.nan),
        "ids": stars.ids,
        "wavelength_nm": stars.wavelength_nm,
        "labels": stars.labels,
        "label_names": np.array(stars.label_names, str),
    }
    with atomic(path) as stream:
        np.savez(stream, allow_pickle=False, **arrays, **extra)


def _write_fits(path: Path, stars: SpectraSet, extra: dict[str, np.ndarray], about: dict[str, Any]) -> None:
    """A table GRID with one row per node, and a table WAVELENGTH."""
    from astropy.io import fits
    from astropy.table import Table

    units = {n: parameter(n).unit for n in stars.label_names if parameter(n).unit not in ("", "dex")}
    columns = {"source_id": stars.ids} | dict(zip(stars.label_names, stars.labels.T, strict=True))
    rows = fits.table_to_hdu(Table(columns | extra | {"flux": stars.flux}, units=units))
    waves = fits.table_to_hdu(Table({"wavelength": stars.wavelength_nm}, units={"wavelength": "nm"}))
    rows.name, waves.name = "GRID", "WAVELENGTH"
    rows.header.update({key[:8].upper(): _ascii(value) for key, value in about.items()})
    with atomic(path) as stream:
        fits.HDUList([fits.PrimaryHDU(), rows, waves]).writeto(stream, checksum=True)


def _ascii(value: Any) -> str:
    """A value as a FITS header can hold it: a folder may be called by any letters."""
    return str(value).encode("ascii", "backslashreplace").decode()
