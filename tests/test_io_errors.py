"""Errors and masks: what a file calls them, in every format, and never a column that is something else."""

import io

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.table import MaskedColumn, Table
from star_files import ERROR, FLUX, FORMATS, SAMPLES, WAVE, star_file

from gandalf_core.errors import SpectraError
from gandalf_core.io import read_bytes, read_many
from gandalf_core.io.understanding import reading_notes, understandings

BASE = {"wavelength": WAVE, "flux": FLUX}
STANDARD = ("flux_error", "ERR_FLUX", "STATERROR", "eflux", "sigma", "flux_unc", "std", "Uncertainty")
BAD = np.arange(len(WAVE)) // 10 == 10  # samples 100 to 109


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", STANDARD)
def test_one_standard_deviation_under_any_name(kind, name):
    stars = read_bytes("s", star_file(kind, BASE | {name: ERROR}))
    np.testing.assert_allclose(stars.flux_error[0], ERROR, rtol=1e-6)
    assert understandings(stars)[0].errors_from == name


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("variance", ERROR**2, "errors from variance (variances, converted)"),
        ("VAR_FLUX", ERROR**2, "errors from VAR_FLUX (variances, converted)"),
        ("ivar", 1 / ERROR**2, "errors from ivar (inverse variances, converted)"),
        ("FLUX_IVAR", 1 / ERROR**2, "errors from FLUX_IVAR (inverse variances, converted)"),
    ],
)
def test_variances_and_their_inverse_are_converted_and_said(kind, name, values, words):
    stars = read_bytes("s", star_file(kind, BASE | {name: values}))
    np.testing.assert_allclose(stars.flux_error[0], ERROR, rtol=1e-5)
    assert words in reading_notes(stars)[0]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", ["snr", "continuum", "model", "weight", "rel_err"])
def test_a_third_column_that_is_no_error_is_named_and_not_taken(kind, name):
    stars = read_bytes("s", star_file(kind, BASE | {name: FLUX / ERROR + np.sin(WAVE)}))
    assert stars.flux_error is None
    assert "errors unknown" in reading_notes(stars)[0] and f"s: columns not used: {name}" in reading_notes(
        stars
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_an_inverse_variance_of_zero_masks_its_sample(kind):
    ivar = np.where(BAD, 0.0, 1 / ERROR**2)
    stars = read_bytes("s", star_file(kind, BASE | {"ivar": ivar}))
    assert np.array_equal(stars.mask[0], BAD)
    np.testing.assert_allclose(stars.flux_error[0][~BAD], ERROR[~BAD], rtol=1e-5)
    with pytest.raises(SpectraError, match="no usable flux"):
        read_bytes("s", star_file(kind, BASE | {"ivar": 0 * ivar}))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", ["mask", "flags", "FLAG", "bad_pixel", "flux_mask", "dq"])
@pytest.mark.parametrize("dtype", [bool, np.int32, float])
def test_a_mask_hides_its_samples_in_every_format(kind, name, dtype):
    """What is under the mask is far from any flux, and counts for nothing."""
    flux = np.where(BAD, 50.0, FLUX)
    columns = {"wavelength": WAVE, "flux": flux, "flux_error": ERROR, name: (4 * BAD).astype(dtype)}
    stars = read_bytes("s", star_file(kind, columns))
    assert np.array_equal(stars.mask[0], BAD)
    assert understandings(stars)[0].mask_from == (name,) and f"mask from {name}" in reading_notes(stars)[0]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", ["good", "valid", "is_good", "use"])
def test_a_mask_of_good_samples_has_the_other_sense(kind, name):
    stars = read_bytes("s", star_file(kind, BASE | {name: (~BAD).astype(int)}))
    assert np.array_equal(stars.mask[0], BAD)


def test_masks_add_up():
    late = np.arange(len(WAVE)) > 790
    stars = read_bytes("s", star_file("ecsv", BASE | {"mask": BAD, "flags": late.astype(int)}))
    assert np.array_equal(stars.mask[0], BAD | late) and understandings(stars)[0].mask_from == (
        "mask",
        "flags",
    )


def test_words_are_a_mask_too():
    words = np.where(BAD, "True", "False")
    rows = "".join(f"{w},{f},{m}\n" for w, f, m in zip(WAVE, FLUX, words, strict=True))
    for true, false in (("True", "False"), ("T", "F"), ("yes", "no")):
        text = "wavelength,flux,mask\n" + rows.replace("True", true).replace("False", false)
        assert np.array_equal(read_bytes("s.csv", text.encode()).mask[0], BAD)


@pytest.mark.parametrize(
    ("name", "bad", "fine"),
    [
        *(("mask", bad, fine) for bad, fine in (("bad", "good"), ("rejected", "ok"), ("*", ""), ("C", ""))),
        *(("good", bad, fine) for bad, fine in (("bad", "good"), ("F", "T"), ("", "yes"), ("0", "1"))),
        ("flag", "cosmic", "0"),
    ],
)
def test_words_and_marks_hide_what_they_mean(name, bad, fine):
    """Beside marks a blank is no mark; beside answers (`yes`) it is none."""
    words = np.where(BAD, bad, fine)
    for kind in ("csv", "ecsv", "fits", "parquet"):
        stars = read_bytes("s", star_file(kind, BASE | {name: words}))
        assert np.array_equal(stars.mask[0], BAD), kind


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("name", "others"), [("good", 1.0), ("mask", 0.0)])
def test_a_missing_cell_hides_its_sample_in_masks_of_either_sense(kind, name, others):
    stars = read_bytes("s", star_file(kind, BASE | {name: np.where(BAD, np.nan, others)}))
    assert np.array_equal(stars.mask[0], BAD)


@pytest.mark.parametrize("serialize", ["null_value", "data_mask"])
def test_masked_cells_of_astropy(serialize):
    table = Table({"wavelength": WAVE, "flux": MaskedColumn(FLUX, mask=BAD), "flux_error": ERROR})
    table.write(out := io.StringIO(), format="ascii.ecsv", serialize_method=serialize)
    assert np.array_equal(read_bytes("s.ecsv", out.getvalue().encode()).mask[0], BAD)


def test_a_declared_null_is_missing_and_counted():
    """TNULL of FITS: the flux is a scaled integer, as observatories store it."""
    flux = np.round(1000 * FLUX).astype(np.int32)
    flux[7] = -1
    columns = [
        fits.Column("wavelength", "D", array=WAVE),
        fits.Column("flux", "J", null=-1, array=flux),
        fits.Column("teff", "J", null=-1, array=np.full(len(WAVE), -1)),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(out := io.BytesIO())
    scaled = out.getvalue().replace(
        b"TNULL2  =", b"TSCAL2  =                0.001" + b" " * 50 + b"TNULL2  =", 1
    )
    end = scaled.index(b"END" + b" " * 77, 2880)
    scaled = scaled[: end + 80] + scaled[end + 160 :]  # the header keeps its length
    stars = read_bytes("s.fits", scaled)
    assert np.flatnonzero(stars.mask[0]).tolist() == [7] and np.isnan(stars.label("teff")).all()
    np.testing.assert_allclose(stars.flux[0][8:], FLUX[8:], atol=6e-4)
    assert understandings(stars)[0].missing == {"flux without a value": 1}


def test_a_star_without_its_mask_costs_itself_and_not_the_masks_of_others():
    masks = [BAD.tolist(), None, BAD.tolist(), BAD[:5].tolist()]
    rows = {"source_id": [1, 2, 3, 4], "wavelength": [WAVE] * 4, "flux": [FLUX] * 4, "mask": masks}
    left, rejected = read_many([("s", pd.DataFrame(rows | {"flux_error": [ERROR] * 4}).to_parquet())])
    assert left.ids.tolist() == ["1", "3"] and np.array_equal(left.mask, [BAD, BAD])
    assert rejected["2"].endswith("star 2: no samples of mask, other stars have 800")
    assert rejected["4"].endswith("star 4: 5 samples of mask, other stars have 800")


def test_one_flag_for_each_star_masks_no_samples_and_is_named():
    table = pd.DataFrame(
        {"source_id": [1, 2], "flux": [FLUX, FLUX], "wavelength": [WAVE, WAVE], "flag": [0, 1]}
    )
    stars = read_bytes("s.parquet", table.to_parquet())
    assert not stars.mask.any()
    read = understandings(stars)[0]
    assert read.mask_from == () and "flag" in read.ignored


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_mask_that_leaves_nothing_is_the_cause_that_is_named(kind):
    with pytest.raises(SpectraError, match=r"no usable flux.*\(mask: flags\)"):
        read_bytes("s", star_file(kind, BASE | {"flags": np.ones(len(WAVE), int)}))


# --- errors that cannot be meant ---


@pytest.mark.parametrize("kind", FORMATS)
def test_an_error_of_ten_times_the_flux_masks_its_sample_and_is_counted(kind):
    """Surveys write 1e10 where a pixel is bad."""
    error = np.where(BAD, 1e10, ERROR)
    stars = read_bytes("s", star_file(kind, BASE | {"flux_error": error}))
    assert np.array_equal(stars.mask[0], BAD)
    assert understandings(stars)[0].missing == {"flux error of 10 or more": 10}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("factor", [20_000.0, 1e-13])
def test_errors_in_the_units_of_the_flux_before_its_division_are_refused(kind, factor):
    with pytest.raises(SpectraError, match="beside a flux near 1: divide the errors by the continuum, too"):
        read_bytes("s", star_file(kind, BASE | {"flux_error": ERROR * factor}))


@pytest.mark.parametrize("kind", ["ecsv", "votable"])
def test_errors_in_per_cent_are_not_taken_for_errors(kind):
    stars = read_bytes("s", star_file(kind, BASE | {"flux_error": 100 * ERROR}, {"flux_error": "%"}))
    assert stars.flux_error is None and "flux_error" in understandings(stars)[0].ignored
    assert any("flux_error is given in per cent" in note for note in reading_notes(stars))


def test_one_mask_and_one_error_for_all_stars_of_an_npz():
    np.savez(out := io.BytesIO(), flux=np.stack([FLUX, FLUX]), wave=WAVE, flux_error=ERROR, mask=BAD)
    stars = read_bytes("s.npz", out.getvalue())
    assert np.array_equal(stars.mask, np.stack([BAD, BAD]))
    np.testing.assert_allclose(stars.flux_error, np.stack([ERROR, ERROR]))


# --- what is said of errors beside their name ---


@pytest.mark.parametrize(
    ("values", "utype", "kind"),
    [
        (ERROR**2, "VarianceUncertainty", "variances"),
        (1 / ERROR**2, "InverseVariance", "inverse variances"),
        (1 / ERROR**2, "ivar", "inverse variances"),
        (ERROR**2, "var", "variances"),
        (ERROR, "StdDevUncertainty", ""),
    ],
)
def test_an_extension_of_astropy_says_what_its_uncertainties_are(values, utype, kind):
    image = fits.PrimaryHDU(FLUX)
    image.header.update(CRVAL1=WAVE[0], CDELT1=WAVE[1] - WAVE[0], CRPIX1=1, CUNIT1="nm", CTYPE1="WAVE")
    errors = fits.ImageHDU(values, name="UNCERT")
    errors.header["UTYPE"] = utype
    fits.HDUList([image, errors]).writeto(out := io.BytesIO())
    stars = read_bytes("s.fits", out.getvalue())
    np.testing.assert_allclose(stars.flux_error[0], ERROR, rtol=1e-5)
    assert understandings(stars)[0].errors_were == kind


@pytest.mark.parametrize(
    ("description", "ucd", "values", "kind"),
    [
        ("variance of the flux", None, ERROR**2, "variances"),
        ("Inverse variance", None, 1 / ERROR**2, "inverse variances"),
        (None, "stat.variance;phot.flux", ERROR**2, "variances"),
        ("The inverse variance, per sample", None, 1 / ERROR**2, "inverse variances"),
        ("square root of the variance", None, ERROR, ""),
        ("variance-weighted mean error", None, ERROR, ""),
        ("one standard deviation, from the inverse variance of three visits", None, ERROR, ""),
        ("from the covariance of three visits", None, ERROR, ""),
    ],
)
def test_a_description_or_a_ucd_says_that_errors_are_variances(description, ucd, values, kind):
    table = Table({"wavelength": WAVE, "flux": FLUX, "flux_error": values})
    table["flux_error"].description = description
    document = from_table(table)
    document.get_first_table().fields[2].ucd = ucd
    document.to_xml(out := io.BytesIO())
    stars = read_bytes("s.vot", out.getvalue())
    np.testing.assert_allclose(stars.flux_error[0], ERROR, rtol=1e-5)
    assert understandings(stars)[0].errors_were == kind


def test_errors_that_are_lost_because_another_table_has_none_are_said():
    tables = []
    for k, names in enumerate((("flux", "flux_error"), ("flux",))):
        values = {"flux": FLUX, "flux_error": ERROR}
        hdu = fits.table_to_hdu(Table({"wavelength": WAVE, **{name: values[name] for name in names}}))
        hdu.header["GAIA_ID"] = 11 + k
        tables.append(hdu)
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(out := io.BytesIO())
    stars = read_bytes("s.fits", out.getvalue())
    assert stars.ids.tolist() == ["11", "12"] and stars.flux_error is None
    said = "s.fits: 1 of 2 tables come without flux errors: those of the others are left out too"
    assert said in reading_notes(stars)


def test_an_error_in_per_cent_says_so_in_its_name():
    for name in ("uncertainty[%]", "flux_err (%)", "flux_error_%"):
        stars = read_bytes("s", star_file("csv", {"wavelength": WAVE, "flux": FLUX, name: 100 * ERROR}))
        assert stars.flux_error is None
        assert any("is given in per cent: not used" in note for note in reading_notes(stars))
    stars = read_bytes("s", star_file("csv", {"wavelength": WAVE, "flux": FLUX, "δflux": ERROR}))
    np.testing.assert_allclose(stars.flux_error[0], ERROR)


def test_errors_that_are_none_are_counted_and_those_of_no_star_named():
    errors = ERROR.copy()
    errors[:30], errors[30:35] = -1, 0
    stars = read_bytes("s", star_file("csv", {"wavelength": WAVE, "flux": FLUX, "flux_error": errors}))
    assert stars.mask[0].sum() == 35 and stars.mask[0, :35].all()
    assert understandings(stars)[0].missing == {"flux error of 0 or less": 35}
    rows = {"source_id": [1, 2], "wavelength": [WAVE] * 2, "flux": [FLUX] * 2}
    rows["flux_error"] = [ERROR, np.full(len(WAVE), np.inf)]
    left, rejected = read_many([("s", pd.DataFrame(rows).to_parquet())])
    assert left.ids.tolist() == ["1"]
    assert "none of its flux errors is a positive, finite number" in rejected["2"]
