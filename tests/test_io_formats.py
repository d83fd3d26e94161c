"""Formats of others: what a file says reaches the raw columns; what is no table is called by its name."""

import base64
import gzip
import io
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archive_files import bundle
from astropy.io import fits, votable
from astropy.table import MaskedColumn, QTable, Table

from gandalf_core.errors import SpectraError
from gandalf_core.io import iter_parquet, read_bytes, sniff
from gandalf_core.io.formats import raw_tables
from gandalf_core.io.recognise import detect
from gandalf_core.io.sniff import parsing
from gandalf_core.io.understanding import reading_notes

L = 12
WAVE = 846 + 0.03 * np.arange(L)
FLUX = (1 + 0.1 * np.sin(np.arange(L))).astype(np.float32)
ERROR = np.full(L, 0.01, np.float32)
MASK = np.arange(L) == 4


def raw(data: bytes, index: int = 0):
    stream = io.BytesIO(data)
    with parsing("f", "file"):
        return raw_tables(stream, detect(stream))[index]


def columns(data: bytes, index: int = 0) -> dict[str, object]:
    """name → values of the columns that have values."""
    return {c.name: c.values for c in raw(data, index).columns if c.values is not None}


def refusal(data: bytes) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(SpectraError) as caught:
        read_bytes("f", data)
    assert str(caught.value).startswith("f") and "\n" not in str(caught.value)
    return str(caught.value)


def written(table: Table, kind: str, **options) -> bytes:
    if kind == "parquet":
        return table.to_pandas().to_parquet()
    out = io.StringIO() if kind.startswith("ascii") else io.BytesIO()
    table.write(out, format=kind, **options)
    return out.getvalue().encode() if kind.startswith("ascii") else out.getvalue()


# --- what is no file of spectra ---


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as packed:
        packed.addfile(tarfile.TarInfo("a.csv"), io.BytesIO(b""))
    return out.getvalue()


EXCEL = {"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}
FOREIGN = {
    "an Excel workbook (.xlsx), not spectra: save the sheet as CSV": bundle(EXCEL),
    "an old Excel workbook (.xls) or Word document": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "an OpenDocument file (.ods, .odt)": bundle({"mimetype": b"x", "META-INF/manifest.xml": b"<m/>"}),
    "a Word document": bundle({"[Content_Types].xml": b"", "word/document.xml": b""}),
    "a PyTorch file, which is never opened": bundle({"archive/data.pkl": b"\x80\x02"}),
    "a tar archive": _tar(),
    "a 7z archive": b"7z\xbc\xaf\x27\x1c" + bytes(range(50)),
    "a rar archive": b"Rar!\x1a\x07\x00" + bytes(range(50)),
    "a bzip2 file": b"BZh91AY&SY" + bytes(range(50)),
    "a FITS extension without the primary header": b"XTENSION= 'BINTABLE'" + b" " * 200,
    "a MATLAB file": b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(90),
    "an R data file": b"RDX3\nX\n\0\0",
    "an xz file": b"\xfd7zXZ\x00" + bytes(range(50)),
    "an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(50),
    "a NetCDF file": b"CDF\x01" + bytes(50),
    "a Python pickle, which is never opened": b"\x80\x04\x95" + bytes(50),
    "a PDF document": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(50),
    "a PNG image": b"\x89PNG\r\n\x1a\n" + bytes(50),
    "a JPEG image": b"\xff\xd8\xff\xe0" + bytes(50),
    "a TIFF image": b"II*\x00" + bytes(50),
    "an SQLite database": b"SQLite format 3\x00" + bytes(50),
    "a web page ('Log in to it'), not spectra": b"\n<html><head>\n<title>Log in\n to it</title>",
    "a web page with a table, not spectra: save the table as csv": b"<html><table><tr><td>1</td></tr>",
    "XML other than VOTable": b'<?xml version="1.0"?><feed></feed>',
    "a JSON file": b'{"wavelength": [846.0], "flux": [1.0]}',
    "a LaTeX document": b"\\documentclass{article}\n\\begin{document}\n",
    "a zip file with a password": b"",
}


def _encrypted() -> bytes:
    data = bytearray(bundle({"a.csv": b"wavelength,flux\n846,1\n"}))
    data[6] |= 1  # the flag of encryption, in the file's header and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize("what", FOREIGN)
def test_what_cannot_be_read_is_called_what_it_is(what):
    data = FOREIGN[what] or _encrypted()
    assert what in refusal(data)
    if not data.startswith(b"PK"):  # packed once more, as `x.tar.gz`
        assert what in refusal(gzip.compress(data))


def test_a_name_in_a_bundle_stays_in_one_line():
    assert "f/a??b.csv: the file is empty" in refusal(bundle({"a\n\tb.csv": b""}))


def test_a_workbook_in_a_bundle_does_not_spoil_the_table_beside_it():
    rows = "wavelength,flux\n" + "".join(f"{w},{f}\n" for w, f in zip(WAVE, FLUX, strict=True))
    data = bundle(
        {"a.xlsx": bundle(EXCEL), "__MACOSX/._a.csv": b"\0\1", "b/.hidden": b"x", "b/a.csv": rows.encode()}
    )
    found = list(sniff.members("f.zip", io.BytesIO(data)))
    assert [m.name for m in found] == ["f.zip/a.xlsx", "f.zip/b/a.csv"]
    assert "an Excel workbook" in str(found[0].error) and found[1].format == "csv"


def test_what_is_packed_many_times_is_measured_by_the_outermost_file(monkeypatch):
    monkeypatch.setattr(sniff, "MIN_EXPANDED", 50_000)
    inner = gzip.compress(b"850.0 1.0\n" * 100_000)
    assert len(inner) * sniff.MAX_EXPANSION < 50_000
    assert "would grow to" in refusal(gzip.compress(inner))
    one = bundle({"a.txt": b"850.0 1.0\n" * 3000})
    found = list(sniff.members("f", io.BytesIO(bundle({f"{k}.zip": one for k in range(9)}))))
    refused = [m for m in found if isinstance(m, sniff.Unreadable)]
    assert len(refused) == 8 and all("would grow to" in str(m.error) for m in refused)


# --- tables that astropy reads ---


def test_ipac_tables_with_units_types_and_nulls():
    table = Table(
        {
            "source_id": np.full(L, 5853498713190525696),
            "wavelength": WAVE,
            "flux": MaskedColumn(FLUX, mask=MASK),
        }
    )
    table["wavelength"].unit = "nm"
    table.meta["comments"] = ["wavelengths in vacuum"]
    table.meta["keywords"] = {"teff": {"value": 5700.0}}
    got = raw(written(table, "ascii.ipac"))
    by_name = {c.name: c for c in got.columns}
    assert (
        by_name["wavelength"].unit == "nm"
        and by_name["source_id"].values.tolist() == [5853498713190525696] * L
    )
    np.testing.assert_allclose(by_name["wavelength"].values, WAVE, rtol=1e-12)
    assert np.ma.getmaskarray(by_name["flux"].values).tolist() == MASK.tolist()
    assert got.meta["teff"] == 5700 and "wavelengths in vacuum" in got.comments[0]


def test_machine_readable_tables_of_the_journals():
    table = Table(
        {"wavelength": np.round(WAVE, 2), "flux": np.round(FLUX.astype(float), 4)}, units={"wavelength": "nm"}
    )
    data = written(table, "ascii.mrt")
    by_name = {c.name: c for c in raw(data).columns}
    assert by_name["wavelength"].unit == "nm"
    np.testing.assert_allclose(by_name["flux"].values, table["flux"], rtol=1e-9)
    assert "damaged CDS table" in refusal(data[: data.index(b" 8-13")])


@pytest.mark.parametrize("kind", ["ascii.ipac", "ascii.mrt"])
def test_a_table_of_fixed_columns_that_is_cut_is_refused(kind):
    table = Table({"wavelength": np.round(WAVE, 2), "flux": np.round(FLUX.astype(float) + 0.12345, 5)})
    whole = written(table, kind).rstrip()
    assert len(columns(whole)["flux"]) == L
    for lost in (2, 5, 12):
        assert "ends within a value: the file seems cut" in refusal(whole[:-lost])


# --- ECSV ---


@pytest.mark.parametrize("delimiter", [" ", ","])
@pytest.mark.parametrize("method", [None, "data_mask"])
def test_ecsv_with_masked_cells(delimiter, method):
    """astropy's default writes "" for them, `data_mask` a column flux.mask."""
    table = Table({"wavelength": WAVE, "flux": MaskedColumn(FLUX, mask=MASK), "flux_error": ERROR})
    table["wavelength"].unit, table["flux"].description = "Angstrom", "normalised"
    table.meta |= {"comments": ["wavelengths in air"], "TEFF": 5700, "axis": {"medium": "air"}}
    got = raw(written(table, "ascii.ecsv", delimiter=delimiter, serialize_method=method))
    by_name = {c.name: c for c in got.columns}
    assert by_name["wavelength"].unit == "Angstrom" and by_name["flux"].description == "normalised"
    assert (
        got.comments == ("wavelengths in air",)
        and got.meta["TEFF"] == 5700
        and got.meta["axis"] == {"medium": "air"}
    )
    good = ~MASK
    np.testing.assert_array_equal(np.asarray(by_name["flux"].values, np.float32)[good], FLUX[good])
    if method is None:
        assert np.isnan(by_name["flux"].values[MASK]).all()
    else:
        assert by_name["flux.mask"].values is None or by_name["flux.mask"].values.tolist() == MASK.tolist()


def test_ecsv_with_masked_values_in_the_last_row_is_whole():
    table = Table({"wavelength": WAVE, "flux": MaskedColumn(FLUX, mask=np.arange(L) > 9)})
    assert len(columns(written(table, "ascii.ecsv"))["flux"]) == L


def test_ecsv_with_arrays_in_its_cells():
    arrays = np.array([FLUX, 2 * FLUX])
    ragged = np.array([WAVE, WAVE[:5], None], dtype=object)[:2]
    table = Table({"source_id": [1, 2], "flux": MaskedColumn(arrays, mask=[MASK, ~MASK])})
    table["wavelength"] = ragged
    got = columns(written(table, "ascii.ecsv"))
    np.testing.assert_array_equal(np.isnan(np.stack(got["flux"].tolist())), [MASK, ~MASK])
    np.testing.assert_allclose(got["wavelength"][1], WAVE[:5], rtol=1e-12)


def test_ecsv_of_quantities():
    table = QTable({"wavelength": WAVE, "flux": FLUX}, units={"wavelength": "um"})
    got = raw(written(table, "ascii.ecsv"))
    assert got.columns[0].unit == "um"
    np.testing.assert_array_equal(got.columns[0].values, WAVE)


ECSV = """# %ECSV 1.0
# ---
# datatype:
# - {{name: wavelength, unit: {unit}, datatype: float64}}
# - {{name: flux, datatype: float64}}
# {more}
# schema: astropy-2.0
wavelength flux
846.0 1.0
846.1 0.9
"""


@pytest.mark.parametrize(
    "more",
    [
        "meta: {x: !!python/object/apply:os.system ['touch EVIL']}",
        "meta: {x: !astropy.units.Unit {unit: nm}}",
        "meta: {x: !numpy.ndarray {buffer: '', dtype: '|O8', order: C, shape: [1]}}",
    ],
)
def test_no_tag_of_a_yaml_header_builds_an_object(more, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    got = raw(ECSV.format(unit="nm", more=more).encode())
    assert got.columns[0].unit == "nm" and got.columns[1].values.tolist() == [1, 0.9]
    assert not list(tmp_path.iterdir())


def _levels(template: str, count: int = 40) -> str:
    """A line of YAML each level of which repeats the one before ten times."""
    levels = ["&b0 " + template.replace("@", "x")]
    levels += [f"&b{k + 1} " + template.replace("@", ",".join([f"*b{k}"] * 10)) for k in range(count)]
    return ", ".join(levels)


def test_what_yaml_repeats_is_not_written_out():
    assert "the unit of a column is not text" in refusal(
        ECSV.format(unit=f"[{_levels('[@]')}]", more="").encode()
    )
    nested = _levels("{'a': [@]}")
    assert raw(ECSV.format(unit="nm", more=f"meta: {{deep: [{nested}]}}").encode()).columns[0].unit == "nm"
    merged = _levels("{<<: [{a: 1}], c: [@]}")
    assert raw(ECSV.format(unit="nm", more=f"meta: [{merged}]").encode()).columns[0].unit == "nm"


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("# datatype:", "# datatypes:", "does not list the columns under `datatype`"),
        ("# - {name: flux,", "# - {name: fluxes,", "lists other columns than the line above the rows"),
        ("datatype: float64}", "datatype: float64", "its header is damaged"),
        ("schema: astropy-2.0", "delimiter: 'x'", "declares a delimiter"),
    ],
)
def test_a_damaged_header_of_ecsv_is_named(old, new, cause):
    assert cause in refusal(ECSV.format(unit="nm", more="").replace(old, new).encode())


# --- FITS ---


def fits_file(*hdus) -> bytes:
    first = () if isinstance(hdus[0], fits.PrimaryHDU) else (fits.PrimaryHDU(),)
    fits.HDUList([*first, *hdus]).writeto(out := io.BytesIO())
    return out.getvalue()


def image(values=FLUX, kind=fits.PrimaryHDU, **cards):
    hdu = kind(values)
    for key, value in cards.items():
        hdu.header[key.replace("DC_FLAG", "DC-FLAG")] = value
    return hdu


LINEAR = {"CRVAL1": 846.06, "CRPIX1": 3.0, "CDELT1": 0.03, "CUNIT1": "nm"}
LOG = {"CRVAL1": np.log10(8460), "CRPIX1": 1, "CDELT1": 1e-5}
LOG_WAVE = 8460 * 10 ** (1e-5 * np.arange(L))


@pytest.mark.parametrize(
    ("cards", "expected", "unit"),
    [
        (LINEAR, WAVE, "nm"),
        (LINEAR | {"CTYPE1": "WAVE"}, WAVE, "nm"),
        (LINEAR | {"CRVAL1": "846.06", "CDELT1": " 3e-2"}, WAVE, "nm"),
        ({"CRVAL1": 846.06, "CRPIX1": 3.0, "CD1_1": 0.03, "CUNIT1": "nm"}, WAVE, "nm"),
        ({"CRVAL1": 846.06, "CRPIX1": 3.0, "CDELT1": 1.0, "PC1_1": 0.03, "CUNIT1": "nm"}, WAVE, "nm"),
        ({"CRVAL1": 8460.0, "CDELT1": 0.3, "CRPIX1": 1, "CUNIT1": "Angstrom"}, 10 * WAVE, "Angstrom"),
        ({"CRVAL1": 8460.0, "CDELT1": 0.3, "CRPIX1": 1, "WAT1_001": "wtype=linear units=angstroms"},
         10 * WAVE, "angstroms"),
        (LOG | {"DC_FLAG": 1}, LOG_WAVE, "Angstrom"),
        (LOG | {"DC_FLAG": 1, "CUNIT1": "Angstrom"}, LOG_WAVE, "Angstrom"),
        (LOG | {"CTYPE1": "LOG-LINEAR"}, LOG_WAVE, "Angstrom"),
        (LOG | {"CTYPE1": "WAVE-LOG", "CUNIT1": "Angstrom"}, LOG_WAVE, "Angstrom"),
        (LOG | {"CUNIT1": "log(Angstrom)"}, LOG_WAVE, "Angstrom"),
        ({"COEFF0": np.log10(8460), "COEFF1": 1e-5, "WFITTYPE": "LOG-LINEAR"}, LOG_WAVE, "Angstrom"),
        (LOG | {"CRVAL1": np.log10(846), "DC_FLAG": 1, "CUNIT1": "nm"}, LOG_WAVE / 10, "nm"),
        ({"CRVAL1": 846.0, "CRPIX1": 1, "CDELT1": 0.03, "CTYPE1": "WAVE-LOG", "CUNIT1": "nm"},
         846 * np.exp(0.03 * np.arange(L) / 846), "nm"),
        ({"CRVAL1": 8.46e-7, "CRPIX1": 1, "CDELT1": 3e-11, "CTYPE1": "WAVE-LOG", "CUNIT1": "m"},
         8.46e-7 * np.exp(3e-11 * np.arange(L) / 8.46e-7), "m"),
        ({"CRVAL1": np.log(8460), "CRPIX1": 1, "CDELT1": 1e-5, "CTYPE1": "LN(LAMBDA)", "CUNIT1": "Angstrom"},
         8460 * np.exp(1e-5 * np.arange(L)), "Angstrom"),
        ({"CRVAL1": np.log(8460), "CRPIX1": 1, "CDELT1": 1e-5, "CTYPE1": "log(wavelength)"},
         8460 * np.exp(1e-5 * np.arange(L)), "Angstrom"),  # HERMES
        ({"CRVAL1": 8460.0, "CDELT1": 0.3, "CRPIX1": 1, "CTYPE1": "Angstrom"}, 10 * WAVE, "angstrom"),
    ],
)  # fmt: skip
def test_images_of_one_dimension(cards, expected, unit):
    for shape in ((L,), (1, 1, L)):
        data = fits_file(image(FLUX.reshape(shape), BUNIT="adu", TEFF=5700, **cards))
        by_name = {c.name: c for c in raw(data).columns}
        np.testing.assert_allclose(by_name["wavelength"].values, expected, rtol=1e-12)
        np.testing.assert_array_equal(by_name["flux"].values, FLUX)
        assert (by_name["wavelength"].unit, by_name["flux"].unit) == (unit, "adu")
        assert raw(data).meta["TEFF"] == 5700


def test_what_is_taken_for_granted_in_an_image_is_said():
    said = raw(fits_file(image(**LOG | {"DC_FLAG": 1}))).remarks
    assert said == ("wavelengths are decimal logarithms, taken in Ångström as no CUNIT1 says otherwise",)
    bare = {k: v for k, v in LINEAR.items() if k != "CRPIX1"}
    assert raw(fits_file(image(**bare))).remarks == ("CRPIX1 is missing: taken as 1",)


def test_an_image_in_air_says_so():
    (wavelength,) = (
        c for c in raw(fits_file(image(**LINEAR, CTYPE1="AWAV"))).columns if c.name == "wavelength"
    )
    assert "obs.atmos" in wavelength.ucd
    noted = image(**LINEAR)
    noted.header.comments["CRVAL1"] = "in air"
    noted.header["COMMENT"] = "by hand"
    assert raw(fits_file(noted)).comments == ("in air", "by hand")


@pytest.mark.parametrize(
    ("hdu", "cause"),
    [
        (image(), "gives no wavelengths: add CRVAL1, CDELT1 and CUNIT1"),
        (image(np.ones((4, L), np.float32), **LINEAR), "one-dimensional spectrum (images of 12 × 4 pixels)"),
        (image(**LINEAR | {"CTYPE1": "FREQ"}), "its axis is no wavelength (CTYPE1 = FREQ)"),
        (image(**LINEAR | {"CTYPE1": "MULTISPE"}), "its wavelengths are not linear (CTYPE1 = MULTISPE)"),
        (image(**LINEAR | {"CRVAL1": "blue"}), "CRVAL1 = blue is no number: correct the card"),
        (image(**LINEAR | {"CDELT1": True}), "CDELT1 = True is no number: correct the card"),
        (image(CRVAL1=3.927, CDELT1=1e-5), "if it is a logarithm, add DC-FLAG = 1"),
        (
            image(CRVAL1=8460.0, CDELT1=0.3),
            "wavelengths near 8461.6 without a unit look like Ångström",
        ),
    ],
)
def test_images_that_are_no_spectrum_are_refused(hdu, cause):
    assert cause in refusal(fits_file(hdu))


def test_extensions_beside_an_image_are_columns_by_their_names():
    """As specutils writes them (wcs1d-fits), ESO (HDUCLAS), and pipelines with an image of wavelengths."""
    variance = image(ERROR**2, fits.ImageHDU, EXTNAME="ERRS", HDUCLAS2="ERROR", HDUCLAS3="MSE")
    mask = image(MASK.astype(np.uint8), fits.ImageHDU, EXTNAME="MASK")
    other = image(np.ones((3, 3), np.float32), fits.ImageHDU, EXTNAME="THUMB")
    data = fits_file(
        image(EXTNAME="FLUX", **LINEAR),
        image(1 / ERROR**2, fits.ImageHDU, EXTNAME="IVAR"),
        mask,
        variance,
        other,
    )
    got = columns(data)
    assert list(got) == ["IVAR", "MASK", "variance", "wavelength", "FLUX"]
    np.testing.assert_array_equal(got["MASK"], MASK)
    np.testing.assert_array_equal(got["variance"], ERROR**2)
    assert raw(data).remarks == ("images of another shape are not used: THUMB",)
    apart = fits_file(
        image(kind=fits.ImageHDU, EXTNAME="SCI"), image(WAVE, fits.ImageHDU, EXTNAME="WAVELENGTH")
    )
    np.testing.assert_array_equal(columns(apart)["WAVELENGTH"], WAVE)


def test_images_with_their_wavelengths_in_a_table():
    table = fits.table_to_hdu(Table({"mask": MASK, "wavelength": WAVE}, units={"wavelength": "nm"}))
    by_name = {c.name: c for c in raw(fits_file(image(), table)).columns}
    assert by_name["wavelength"].unit == "nm"
    np.testing.assert_array_equal(by_name["wavelength"].values, WAVE)


def test_images_beside_a_table_are_named_and_packed_ones_refused():
    preview = image(np.ones((3, 3), np.float32), fits.ImageHDU, EXTNAME="PREVIEW")
    labels = fits.table_to_hdu(Table({"teff": [5000.0]}))
    got = raw(fits_file(labels, preview))
    assert got.columns[0].values.tolist() == [5000] and "not used: PREVIEW" in got.remarks[0]
    packed = fits.CompImageHDU(np.ones((20, 20), np.int16))
    assert "a FITS file without a table (a compressed image): unpack it with funpack" in refusal(
        fits_file(packed)
    )


def test_text_of_variable_length_is_text():
    """As STIL writes ids."""
    hdu = fits.BinTableHDU.from_columns(
        [fits.Column("source_id", "PA()", array=np.array(["HD 7", "HD 176650"], dtype=object))]
    )
    assert columns(fits_file(hdu))["source_id"].tolist() == ["HD 7", "HD 176650"]


def test_one_row_of_arrays_with_ucds():
    """Phase 3 of ESO."""
    arrays = {"WAVE": 10 * WAVE, "FLUX": FLUX, "ERR": ERROR}
    hdu = fits.BinTableHDU.from_columns(
        [fits.Column(k, f"{L}D", "angstrom", array=[v]) for k, v in arrays.items()]
    )
    hdu.header.update({"TUCD1": "em.wl;obs.atmos", "TCOMM2": "normalised"})
    wave, flux, _ = raw(fits_file(hdu)).columns
    assert (wave.ucd, wave.unit, flux.description) == ("em.wl;obs.atmos", "angstrom", "normalised")
    np.testing.assert_array_equal(wave.values, [10 * WAVE])


@pytest.mark.parametrize("scaled", [False, True])
def test_declared_nulls_of_integers_are_masked_before_scaling(scaled):
    counts = np.where(MASK, -32768, np.arange(L)).astype(np.int16)
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column("wavelength", "D", "nm", array=WAVE),
            fits.Column("flux", "I", null=-32768, array=counts),
        ]
    )
    if scaled:
        hdu.header.update({"TSCAL2": 0.001, "TZERO2": 1.0})
    flux = raw(fits_file(hdu)).columns[1]
    assert np.ma.getmaskarray(flux.values).tolist() == MASK.tolist()
    expected = 1 + 0.001 * np.arange(L) if scaled else np.arange(L)
    np.testing.assert_allclose(flux.values.compressed(), expected[~MASK])
    assert flux.null == (None if scaled else -32768)


def test_declared_nulls_within_arrays():
    fixed = np.where(MASK, -1, np.arange(L)).astype(np.int32)
    ragged = np.array([fixed, fixed[:6], None], dtype=object)[:2]
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column("flux", f"{L}J", null=-1, array=[fixed, fixed]),
            fits.Column("error", "PJ()", null=-1, array=ragged),
        ]
    )
    got = columns(fits_file(hdu))
    assert np.ma.getmaskarray(got["flux"]).tolist() == [MASK.tolist()] * 2
    np.testing.assert_array_equal(got["error"][1], [0, 1, 2, 3, np.nan, 5])


def test_text_tables_of_fits_know_their_nulls_and_blanks():
    hdu = fits.TableHDU.from_columns(
        [
            fits.Column("wavelength", "F10.4", "nm", array=WAVE),
            fits.Column("flux", "E14.6", null="-99", array=FLUX),
            fits.Column("teff", "I6", null="-99", array=np.arange(L)),
        ]
    )
    data = fits_file(hdu)
    row = data.index(b"  846.0300")
    cut = data[: row + 10] + b"-99".rjust(14) + b"      " + data[row + 30 :]
    got = columns(data), columns(cut)
    np.testing.assert_allclose(got[0]["flux"], FLUX, rtol=1e-6)
    for name in ("flux", "teff"):
        assert np.ma.getmaskarray(got[1][name]).tolist() == [k == 1 for k in range(L)], name


def test_the_spectra_of_sdss():
    """COADD with loglam, ivar and and_mask beside tables of other things."""
    coadd = Table(
        {
            "flux": FLUX,
            "loglam": np.log10(10 * WAVE).astype(np.float32),
            "ivar": 1 / ERROR**2,
            "and_mask": MASK.astype(int),
        }
    )
    other = fits.table_to_hdu(Table({"SURVEY": ["sdss"], "PLATE": [266]}))
    got = columns(fits_file(fits.table_to_hdu(coadd), other))
    assert {"flux", "loglam", "ivar", "and_mask"} <= set(got)
    np.testing.assert_array_equal(got["and_mask"], MASK)


def test_columns_whose_names_differ_in_case_alone_are_both_read():
    hdu = fits.BinTableHDU(np.rec.array([(1.0, 2.0), (3.0, 4.0)], dtype=[("teff", ">f8"), ("logg", ">f8")]))
    data = fits_file(hdu).replace(b"'logg    '", b"'TEFF    '")
    assert [(c.name, c.values.tolist()) for c in raw(data).columns] == [("teff", [1, 3]), ("TEFF", [2, 4])]


def test_a_fits_file_that_is_damaged_is_refused_or_said():
    data = fits_file(fits.table_to_hdu(Table({"wavelength": WAVE, "flux": FLUX})))
    assert "what follows extension 1 is no FITS extension" in refusal(data + b"XTENSIOM= " * 288)
    end = b"END" + b" " * 77
    assert "the header of extension 1 has no end" in refusal(
        b" ".join(data.rsplit(end[:-1], 1)[:1]) + bytes(2880)
    )
    for card, broken in ((b"NAXIS2  =                   12", b"NAXIS2  =                  -12"),
                         (b"TFIELDS =                    2", b"TFIELDS =           1000000000")):  # fmt: skip
        assert card in data and "damaged FITS: " in refusal(data.replace(card, broken))
    assert raw(data + bytes(2880)).remarks == ()
    for broken in (data[:-7], data[:-7] + b"1234567"):  # rows moved up, or fewer than there were
        assert "its blocks are not whole" in raw(broken).remarks[0]
    table = fits.table_to_hdu(Table({"wavelength": WAVE, "flux": FLUX}))
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(out := io.BytesIO(), checksum=True)
    changed = bytearray(out.getvalue())
    changed[changed.index(WAVE[:1].astype(">f8").tobytes()) + 6] ^= 1
    assert "DATASUM does not fit the data" in raw(bytes(changed)).remarks[0]


def test_arrays_that_share_one_place_do_not_grow_without_limit(monkeypatch):
    """Each of 40,000 rows points at the same 12 numbers: cells in memory would be many times the file."""
    monkeypatch.setattr(sniff, "MIN_EXPANDED", 100_000)
    monkeypatch.setattr(sniff, "MAX_EXPANSION", 2)
    ragged = np.array([FLUX, FLUX, None], dtype=object)[:2]
    data = bytearray(fits_file(fits.BinTableHDU.from_columns([fits.Column("flux", "PE()", array=ragged)])))
    at = data.index((L).to_bytes(4, "big") + (0).to_bytes(4, "big"), 5760)
    data[at : at + 4] = (10**6).to_bytes(4, "big")
    assert "would grow to" in refusal(bytes(data))


# --- VOTable ---


def vot(table: Table, kind: str, **values) -> bytes:
    document = votable.from_table(table)
    for field in document.get_first_table().fields:
        for key, value in values.get(field.name, {}).items():
            setattr(field.values if key == "null" else field, key, value)
    document.to_xml(out := io.BytesIO(), tabledata_format=kind)
    return out.getvalue()


KINDS = ("tabledata", "binary", "binary2")


@pytest.mark.filterwarnings("ignore:The unit 'Angstrom'")
@pytest.mark.parametrize("kind", KINDS)
def test_votables_with_units_ucds_and_nulls(kind):
    table = Table(
        {
            "source_id": np.full(L, 5853498713190525696),
            "wave": 10 * WAVE,
            "flux": MaskedColumn(FLUX, mask=MASK),
            "teff": MaskedColumn(np.arange(L, dtype=np.int32), mask=MASK),
        },
        units={"wave": "Angstrom"},
    )
    table.meta["description"] = "wavelengths in air"
    data = vot(table, kind, wave={"ucd": "em.wl;obs.atmos", "description": "x"}, teff={"null": -999})
    got = raw(data)
    by_name = {c.name: c for c in got.columns}
    wave = by_name["wave"]
    assert (wave.unit, wave.ucd, wave.description) == (
        "Angstrom",
        "em.wl;obs.atmos",
        "x",
    )
    assert np.isnan(by_name["flux"].values).tolist() == MASK.tolist()
    assert (
        np.ma.getmaskarray(by_name["teff"].values).tolist() == MASK.tolist() and by_name["teff"].null == -999
    )
    assert set(by_name["source_id"].values.tolist()) == {5853498713190525696}
    np.testing.assert_array_equal(by_name["wave"].values, 10 * WAVE)


def test_the_null_mask_of_binary2_needs_no_null_value():
    """One bit per cell says so: the value in the stream is an ordinary number."""
    fields = '<FIELD name="teff" datatype="int"/><FIELD name="logg" datatype="float"/>'
    rows = b"".join(
        bytes([mask]) + np.array(teff, ">i4").tobytes() + np.array(4.5, ">f4").tobytes()
        for mask, teff in ((0, 5000), (0b10000000, 5100), (0b01000000, 5200))
    )
    got = columns(_binary(fields, rows, "BINARY2"))
    assert got["teff"].tolist() == [5000, None, 5200]
    assert np.isnan(got["logg"]).tolist() == [False, False, True]


def _binary(fields: str, rows: bytes, kind: str = "BINARY", more: str = "", stream: str = "") -> bytes:
    text = stream or f'<STREAM encoding="base64">{base64.b64encode(rows).decode()}</STREAM>'
    return (
        f'<?xml version="1.0"?><VOTABLE version="1.4"><RESOURCE><TABLE {more}>{fields}'
        f"<DATA><{kind}>{text}</{kind}></DATA></TABLE></RESOURCE></VOTABLE>"
    ).encode()


@pytest.mark.parametrize("kind", ["binary", "binary2"])
def test_a_stream_that_lost_bytes_is_refused_wherever_they_are_missing(kind):
    """Also where cells have their own lengths, and where whole groups of base64 are lost."""
    fixed = Table(
        {"source_id": np.repeat([1, 2], L), "wavelength": np.tile(WAVE, 2), "flux": np.tile(FLUX, 2)}
    )
    ragged = Table({"source_id": [1, 2]})
    ragged["flux"] = np.array(
        [np.ma.masked_invalid(FLUX), np.ma.masked_invalid(FLUX[:7]), None], dtype=object
    )[:2]
    ragged["name"] = np.array(["a", "long name"], dtype=object)
    for table in (fixed, ragged):
        data = vot(table, kind)
        assert len(raw(data).columns[0].values) == len(table)
        start, end = data.index(b'base64">') + 8, data.index(b"</STREAM>")
        for lost in (slice(start + 40, start + 44), slice(end - 24, end - 8), slice(start + 1, start + 5)):
            broken = data[: lost.start] + data[lost.stop :]
            assert "fetch it again" in refusal(broken), (lost, table)


def test_rows_that_are_announced_and_missing():
    table = Table({"wavelength": WAVE, "flux": FLUX})
    data = vot(table, "tabledata").replace(b"<TABLE", b'<TABLE nrows="%d"' % (L + 1), 1)
    assert "table 1 announces 13 rows and holds 12" in refusal(data)
    row = np.array([846.0, 1.0], ">f8").tobytes()
    fields = '<FIELD name="wavelength" datatype="double" unit="nm"/><FIELD name="flux" datatype="double"/>'
    assert "announces 3 rows and holds 2" in refusal(_binary(fields, 2 * row, more='nrows="3"'))


def test_an_answer_that_the_service_cut_is_said():
    info = b'<INFO name="QUERY_STATUS" value="OVERFLOW"/>'
    data = vot(Table({"wavelength": WAVE, "flux": FLUX}), "tabledata").replace(b"<TABLE", info + b"<TABLE", 1)
    assert "QUERY_STATUS = OVERFLOW" in raw(data).remarks[0]


OUTSIDE = '<FIELD name="flux" datatype="unsignedByte"/>'


@pytest.mark.parametrize(
    "data",
    [
        _binary(OUTSIDE, b"", stream='<STREAM href="file:///etc/passwd"/>'),
        _binary(OUTSIDE, b"", stream='<STREAM  a=">" href = \'file:///dev/zero\'></STREAM>'),
        _binary(OUTSIDE, b"", "BINARY2", stream='<STREAM encoding="gzip" href="https://example.org/x"/>'),
        _binary(OUTSIDE, b"", stream='<STREAM href="file:///etc/passwd"/>').decode().encode("utf-16"),
        _binary(OUTSIDE, b"", stream='<v:STREAM xmlns:v="x" href="file:///etc/passwd"/>'),
        _binary(OUTSIDE, b"", stream='<STREAM hr&#101;f="x" href="file:///etc/passwd"/>'),
        _binary(OUTSIDE, b"", "FITS", stream='<STREAM href="file:///etc/passwd"/>'),
        _binary(OUTSIDE, b"", "PARQUET", stream='<STREAM href="file:///etc/passwd"/>')
        .replace(b"<PARQUET>", b'<PARQUET type="VOTable-remote-file">'),
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + _binary(OUTSIDE, b"")[21:],
        (b'<!DOCTYPE x [<!ENTITY % a "b"> ]>' + _binary(OUTSIDE, b"")[21:]).decode().encode("utf-16"),
    ],
)  # fmt: skip
def test_nothing_outside_the_file_is_opened(data, monkeypatch):
    def never(*_, **__):
        raise AssertionError("something was opened")

    monkeypatch.setattr("urllib.request.urlopen", never)
    message = refusal(data)
    assert any(
        w in message for w in ("data are elsewhere", "is not read", "XML entities", "damaged or trunc")
    ), message


@pytest.mark.parametrize(
    "fields",
    [
        '<FIELD name="flux" datatype="double" arraysize="100000000"/>',
        '<FIELD name="id" datatype="char" arraysize="1000000000"/>',
        '<FIELD name="flux" datatype="double" arraysize="100000x100000x100000"/>',
    ],
)
def test_a_votable_may_not_promise_more_than_it_holds(fields):
    rows = "<TR><TD/></TR>" * 9
    data = f"<VOTABLE><RESOURCE><TABLE>{fields}<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE></RESOURCE>"
    data += "</VOTABLE>"
    assert "would grow to" in refusal(data.encode())
    assert "would grow to" in refusal(data.replace("<TABLE>", '<TABLE nrows="9000000000">').encode())


def test_more_columns_tables_or_extensions_than_any_file_has(monkeypatch):
    monkeypatch.setattr("gandalf_core.io.votable_structure.MAX_FIELDS", 3)
    many = '<FIELD name="flux" datatype="double"/>' * 4
    assert "more than 3 columns" in refusal(_binary(many, b""))
    monkeypatch.setattr("gandalf_core.io.fits_headers.MAX_EXTENSIONS", 3)
    assert "more than 3 extensions" in refusal(fits_file(*[fits.ImageHDU() for _ in range(4)]))
    monkeypatch.setattr("gandalf_core.io.sniff.MAX_COLUMNS", 3)
    assert "4 columns: at most 3 are read" in refusal(b"a,b,c,flux\n1,2,3,4\n")
    monkeypatch.setattr("gandalf_core.io.lines.MAX_LINE", 100)
    assert "a line of 201 characters" in refusal(b"9" * 200 + b"\n")


def test_fields_that_hold_nothing_do_not_read_for_ever():
    assert "hold nothing" in refusal(_binary('<FIELD name="flux" datatype="char" arraysize="0"/>', b"abc"))


# --- Parquet ---


def parquet(table: pa.Table, **options) -> bytes:
    pq.write_table(table, out := io.BytesIO(), **options)
    return out.getvalue()


def test_rows_of_nothing_do_not_take_the_memory_of_rows_of_numbers(monkeypatch):
    """Arrow holds as many numbers for each null of such a list; and zeros shrink to nothing."""
    monkeypatch.setattr(sniff, "MIN_EXPANDED", 10**6)
    empty = pa.array([None] * 40, pa.list_(pa.float32(), 10**5))
    nested = pa.StructArray.from_arrays([empty], ["flux"])
    for values in (empty, nested):
        assert "would grow to" in refusal(parquet(pa.table({"flux": values})))
    deeper = pa.table({"flux": pa.array([[None] * 40], pa.list_(empty.type))})
    assert "lists of lists" in refusal(parquet(deeper))
    unused = pa.table(
        {"flux": [[1.0, 0.9, 1.1]] * 40, "wavelength": [[850.0, 851, 852]] * 40, "thumbnail": empty}
    )
    assert len(read_bytes("f", parquet(unused))) == 40
    zeros = pa.table({"flux": [[1.0] * 20_000] * 20})
    assert "would grow to" in refusal(parquet(zeros, use_dictionary=False, compression="zstd"))


def test_a_stream_of_parquet_is_measured_too(monkeypatch, tmp_path):
    monkeypatch.setattr(sniff, "MIN_EXPANDED", 10**6)
    empty = pa.array([None] * 40, pa.list_(pa.float32(), 10**5))
    (tmp_path / "f.parquet").write_bytes(parquet(pa.table({"flux": empty})))
    with pytest.raises(SpectraError, match=r"f\.parquet: .* would grow to"):
        next(iter_parquet(tmp_path / "f.parquet"))


def test_units_and_keywords_that_astropy_puts_into_parquet():
    """Its YAML is read as that of ECSV: as plain data."""
    head = ECSV.format(unit="Angstrom", more="meta: {TEFF: 5700, x: !astropy.units.Unit {unit: nm}}").split(
        "# schema"
    )[0]
    text = head.replace("# ", "").replace("%ECSV 1.0\n", "")
    table = pa.table({"wavelength": 10 * WAVE, "flux": FLUX}, metadata={"table_meta_yaml": text})
    got = raw(parquet(table))
    assert got.columns[0].unit == "Angstrom" and got.meta["TEFF"] == 5700
    bomb = ECSV.format(unit=f"[{_levels('[@]')}]", more="").split("# schema")[0].replace("# ", "")
    table = table.replace_schema_metadata({"table_meta_yaml": bomb.replace("%ECSV 1.0\n", "")})
    assert "the unit of a column is not text" in refusal(parquet(table))


# --- all of them ---


@pytest.mark.parametrize(
    "kind", ["ascii.ipac", "ascii.ecsv", "ascii.mrt", "fits", "votable", "parquet", "ascii.csv", "ascii.tab"]
)
def test_tables_of_labels_without_wavelengths(kind):
    table = Table({"teff": [5000.5, 6000.25], "logg": [4.0, 4.5], "mh": [0.0, -0.5], "vsini": [1.5, 2.5]})
    got = columns(written(table, kind))
    for name in ("teff", "logg", "mh"):
        np.testing.assert_array_equal(got[name], table[name])


def test_an_image_of_wavelengths_beside_a_table_of_stars_is_their_grid():
    """Also where as many samples as Gaia's would else be taken for those of its grid."""
    grid = np.linspace(8470.0, 8690.0, 2401)
    flux = (1 - 0.2 * np.exp(-0.5 * ((grid - 8500) / 2) ** 2)).astype(np.float32)
    columns = [
        fits.Column("source_id", "K", array=np.array([11, 12])),
        fits.Column("flux", "2401E", array=np.stack([flux, flux])),
    ]
    wave = fits.ImageHDU(grid, name="WAVELENGTH")
    wave.header["BUNIT"] = "Angstrom"
    other = fits.ImageHDU(np.ones((3, 3), np.float32), name="THUMB")
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns), wave, other]).writeto(out)
    stars = read_bytes("s.fits", out.getvalue())
    assert stars.ids.tolist() == ["11", "12"]
    np.testing.assert_allclose(stars.wavelength_nm, grid / 10, rtol=1e-12)
    assert any("not used: THUMB" in note for note in reading_notes(stars))


def stars_of_2401(header: dict[str, object] | None = None, *more: fits.ImageHDU) -> bytes:
    """Two stars with as many samples as Gaia's, which have no wavelengths of their own."""
    flux = np.ones((2, 2401), np.float32) - 0.1 * np.sin(np.arange(2401, dtype=np.float32) / 50)
    ids = fits.Column("source_id", "K", array=np.array([11, 12]))
    table = fits.BinTableHDU.from_columns([ids, fits.Column("flux", "2401E", array=flux)])
    table.header.update(header or {})
    fits.HDUList([fits.PrimaryHDU(), table, *more]).writeto(out := io.BytesIO())
    return out.getvalue()


def test_the_grid_of_gaia_is_taken_only_where_nothing_else_is_said():
    assert read_bytes("s.fits", stars_of_2401()).wavelength_nm[[0, -1]].tolist() == [846, 870]
    grid = np.linspace(847.0, 869.0, 2401)
    each = fits.ImageHDU(np.stack([grid, grid]), name="WAVELENGTH")
    np.testing.assert_allclose(read_bytes("s.fits", stars_of_2401(None, each)).wavelength_nm, grid)
    with pytest.raises(SpectraError, match="may stand in the keyword CRVAL1: give them as a column"):
        read_bytes("s.fits", stars_of_2401({"CRVAL1": 847.0, "CDELT1": 0.01}))
    rows = pa.table({"source_id": [11, 12], "flux": [[1.0, 0.9, 0.8] * 800 + [1.0]] * 2})
    pq.write_table(rows.replace_schema_metadata({"wavelength_nm": str(grid.tolist())}), out := io.BytesIO())
    with pytest.raises(SpectraError, match="may stand in the keyword wavelength_nm: give them as a column"):
        read_bytes("s.parquet", out.getvalue())


def test_wavelengths_that_differ_from_row_to_row_serve_no_other_table():
    grid = np.linspace(847.0, 869.0, 2401)
    flux = np.ones((2, 2401), np.float32) - 0.1 * np.sin(np.arange(2401, dtype=np.float32) / 50)
    for shift, refused in ((0.0, False), (1.0, True)):
        waves = fits.Column("wavelength", "2401D", unit="nm", array=np.stack([grid, grid + shift]))
        with_grid = fits.BinTableHDU.from_columns([waves, fits.Column("flux", "2401E", array=flux)])
        without = fits.BinTableHDU.from_columns([fits.Column("flux", "2401E", array=flux)])
        fits.HDUList([fits.PrimaryHDU(), with_grid, without]).writeto(out := io.BytesIO())
        if refused:
            with pytest.raises(
                SpectraError, match="some spectra have no wavelengths, and those of others differ"
            ):
                read_bytes("s.fits", out.getvalue())
        else:
            np.testing.assert_allclose(read_bytes("s.fits", out.getvalue()).wavelength_nm, grid)


def test_units_of_keywords_are_heard():
    """As VOTable declares them, and as the FITS standard puts them in brackets before a comment."""
    data = {"wavelength": 846 + 0.03 * np.arange(60), "flux": 1 - 0.1 * np.sin(np.arange(60.0))}
    document = votable.from_table(Table(data, units={"wavelength": "nm"}))
    for name, value, unit in (("teff", 5.777, "kK"), ("logg", 274.0, "m.s**-2"), ("mh", -0.1, "dex")):
        param = votable.tree.Param(document, name=name, datatype="double", value=str(value))
        param.unit = unit
        document.get_first_table().params.append(param)
    document.to_xml(out := io.BytesIO())
    stars = read_bytes("s.vot", out.getvalue())
    assert stars.labels_for(("teff", "logg", "mh"))[0] == pytest.approx([5777, np.log10(27400), -0.1])
    table = fits.table_to_hdu(Table(data, units={"wavelength": "nm"}))
    table.header["TEFF"] = (5.777, "[kK] effective temperature")
    table.header["MH"] = (-0.1, "[M/H] by hand")  # no unit
    table.header["LOGG"] = (4.44, "[cgs] log g")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(out := io.BytesIO())
    stars = read_bytes("s.fits", out.getvalue())
    assert stars.labels_for(("teff", "logg", "mh"))[0] == pytest.approx([5777, 4.44, -0.1])
