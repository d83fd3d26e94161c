"""Simulated stars in the formats and layouts of the Gaia archive, not written by the project's writers."""

import base64
import gzip
import io
import zipfile

import numpy as np
from astropy.io import fits, votable
from astropy.table import Table

from gandalf_core.data.spectra import SpectraSet

GRID_NM = np.round(846 + 0.01 * np.arange(2401), 2)
# odd: a float would change each of them
IDS = np.array(["2052747119115620353", "4268620287278693121", "9007199254740993"])
NAN_SAMPLES = [0, 1, 2399]


def toy(n: int = 1) -> SpectraSet:
    """n stars with a Ca II line of varying depth, NaN at the edges of the first."""
    rng = np.random.default_rng(n)
    line = np.exp(-0.5 * ((GRID_NM - 854.444) / 0.15) ** 2)
    flux = (1 - np.linspace(0.5, 0.7, n)[:, None] * line + 0.01 * rng.standard_normal((n, 2401))).astype(
        np.float32
    )
    flux[0, NAN_SAMPLES] = np.nan
    error = np.where(np.isfinite(flux), np.float32(0.0123), np.float32(np.nan))
    return SpectraSet(flux, GRID_NM, IDS[:n], np.empty((n, 0)), (), error, np.isnan(flux))


def archive_file(kind: str, layout: str, stars: SpectraSet) -> bytes:
    """The bytes of a file as DataLink delivers it.

    kind: csv, ecsv, fits or votable. layout: INDIVIDUAL, COMBINED or RAW.
    """
    return globals()[f"_{kind}"](layout, stars)


def _number(value: float) -> str:
    return "null" if np.isnan(value) else str(value)


def _cell(row: np.ndarray) -> str:
    return '"(' + ", ".join(map(_number, row)) + ')"'


def _or_empty(value: float) -> str:
    return "" if np.isnan(value) else str(value)


def _csv(layout: str, stars: SpectraSet) -> bytes:
    if layout == "RAW":
        rows = [f"{i},595,285.3,2.5,{_cell(f)},{_cell(e)},9" for i, f, e in _each(stars)]
        return "\n".join(
            ["source_id,solution_id,ra,dec,flux,flux_error,combined_transits", *rows, ""]
        ).encode()
    rows = [
        f"{i},5950420259779346465,285.29,2.48,{w},{_or_empty(f)},{_or_empty(e)},9,27,0"
        for i, flux, error in _each(stars)
        for w, f, e in zip(GRID_NM, flux, error, strict=True)
    ]
    head = "source_id,solution_id,ra,dec,wavelength,flux,flux_error"
    counts = "combined_transits,combined_ccds,deblended_ccds"
    return "\n".join([f"{head},{counts}", *rows, ""]).encode()


def _each(stars: SpectraSet):
    return zip(stars.ids, stars.flux, stars.flux_error, strict=True)


def _samples(stars: SpectraSet, k: int) -> Table:
    table = Table(
        {"wavelength": GRID_NM, "flux": stars.flux[k], "flux_error": stars.flux_error[k]},
        units={"wavelength": "nm"},
    )
    table.meta["source_id"] = int(stars.ids[k])
    return table


def _raw(stars: SpectraSet) -> Table:
    return Table(
        {"source_id": stars.ids.astype(np.int64), "flux": stars.flux, "flux_error": stars.flux_error}
    )


def _variable(table: Table) -> Table:
    """Arrays of variable length in place of fixed ones, missing values masked."""
    for name in ("flux", "flux_error"):
        rows = [np.ma.masked_invalid(row) for row in table[name]]
        table.replace_column(name, np.array([*rows, None], dtype=object)[:-1])
    return table


def _ecsv(layout: str, stars: SpectraSet) -> bytes:
    if layout == "INDIVIDUAL":
        table = _samples(stars, 0)
        table.meta["Description"] = 'a quote " that is never closed'
    elif layout == "RAW":
        table = _raw(stars)
    else:
        parts = [
            _samples(stars, k).to_pandas().assign(source_id=int(stars.ids[k])) for k in range(len(stars))
        ]
        table = Table(
            {
                c: np.concatenate([p[c] for p in parts])
                for c in ("source_id", "wavelength", "flux", "flux_error")
            }
        )
    out = io.StringIO()
    table.write(out, format="ascii.ecsv", delimiter=",")
    return out.getvalue().encode()


def _fits(layout: str, stars: SpectraSet) -> bytes:
    hdus = [fits.PrimaryHDU()]
    if layout == "RAW":
        lists = {n: np.array([*getattr(stars, n), None], dtype=object)[:-1] for n in ("flux", "flux_error")}
        # of variable length, as STIL writes
        columns = [fits.Column(n, "PE()", array=values) for n, values in lists.items()]
        columns.insert(0, fits.Column("source_id", "K", array=stars.ids.astype(np.int64)))
        hdus.append(fits.BinTableHDU.from_columns(columns))
    for k in range(len(stars) if layout != "RAW" else 0):
        table = _samples(stars, k)
        table.meta = {}
        hdus.append(fits.table_to_hdu(table))
        hdus[-1].header["SOURCEID"] = stars.ids[k]
    out = io.BytesIO()
    fits.HDUList(hdus).writeto(out)
    return out.getvalue()


def _votable(layout: str, stars: SpectraSet) -> bytes:
    if layout != "RAW":
        tables = [_samples_in_binary2(stars, k) for k in range(len(stars))]
        head = '<?xml version="1.0" encoding="utf-8"?><VOTABLE version="1.4" xmlns="%s">'
        return (head % "http://www.ivoa.net/xml/VOTable/v1.3" + "".join(tables) + "</VOTABLE>").encode()
    out = io.BytesIO()
    votable.from_table(_variable(_raw(stars))).to_xml(out, tabledata_format="binary2")
    return out.getvalue()


def _samples_in_binary2(stars: SpectraSet, k: int) -> str:
    """A table with a row for each sample, as the archive serialises it; astropy takes seconds for many."""
    rows = np.zeros(len(GRID_NM), [("null", "u1"), ("w", ">f8"), ("f", ">f4"), ("e", ">f4")])
    rows["w"], rows["f"], rows["e"] = GRID_NM, stars.flux[k], stars.flux_error[k]
    data = base64.b64encode(rows.tobytes()).decode()
    return (
        f'<RESOURCE><TABLE><PARAM name="source_id" datatype="long" value="{stars.ids[k]}"/>'
        '<FIELD name="wavelength" datatype="double" unit="nm"/><FIELD name="flux" datatype="float"/>'
        '<FIELD name="flux_error" datatype="float"/>'
        f'<DATA><BINARY2><STREAM encoding="base64">{data}</STREAM></BINARY2></DATA></TABLE></RESOURCE>'
    )


def gzipped(data: bytes) -> bytes:
    """As the archive's bulk downloads are."""
    return gzip.compress(data, 1)


def bundle(files: dict[str, bytes]) -> bytes:
    """A zip of files, as DataLink sends them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return out.getvalue()
