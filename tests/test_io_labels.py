"""Labels in tables beside spectra and in files of spectra: what is a number, what is none."""

import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from star_files import ERROR, FLUX, WAVE, star_file

from gandalf_core.errors import SpectraError
from gandalf_core.io import read_bytes, read_many
from gandalf_core.io.label_table import read_labels
from gandalf_core.io.latent_tables import read_latent_table
from gandalf_core.io.survey_table import SurveyTable, read_survey_table
from gandalf_core.io.understanding import reading_notes
from gandalf_core.io.values import label_without_fillers

NAN = float("nan")
SPECTRA = {"wavelength": [WAVE] * 3, "flux": [FLUX] * 3, "flux_error": [ERROR] * 3, "source_id": [11, 12, 13]}


def survey(tmp_path, text: str | bytes, name: str = "labels.csv") -> SurveyTable:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_survey_table(tmp_path / name)


def fits_table(**columns: fits.Column) -> bytes:
    made = [fits.Column("source_id", "K", array=np.array([11, 12, 13])), *columns.values()]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(made)]).writeto(out := io.BytesIO())
    return out.getvalue()


# --- what stands for a missing value ---

WORDS = ["...", "…", "-", "?", r"\N", "Nan", "(null)", "n.a.", "NULL", "N/A", "null", "NONE", "#DIV/0!"]


@pytest.mark.parametrize("word", WORDS)
def test_words_for_nothing_are_missing_in_every_kind_of_table(tmp_path, word):
    text = f"source_id,teff,logg\n11,{word},4.4\n12,5777,{word}\n13,4500,2.5\n"
    found = survey(tmp_path, text)
    np.testing.assert_array_equal(found.columns["teff"], [NAN, 5777, 4500])
    np.testing.assert_array_equal(found.columns["logg"], [4.4, NAN, 2.5])
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.csv").values[:, 0], [NAN, 5777, 4500])
    teff = np.array(["5700"] * len(WAVE), object)
    teff[:400] = word
    columns = {"wavelength": WAVE, "flux": FLUX, "teff": teff}
    assert read_bytes("s", star_file("csv", columns)).label("teff").tolist() == [5700]


def test_texts_in_binary_tables_are_numbers_where_they_are():
    words = {"teff": [b"5777", b"...", b"4500 "], "logg": [Decimal("4.44"), None, Decimal("2.5")]}
    stars = read_bytes("s", pd.DataFrame(SPECTRA | words).to_parquet())
    np.testing.assert_array_equal(stars.labels_for(("teff", "logg")), [[5777, 4.44], [NAN, NAN], [4500, 2.5]])
    with pytest.raises(SpectraError, match=r"s: column teff is not numeric: 'hot' in row 2"):
        read_bytes("s", pd.DataFrame(SPECTRA | {"teff": ["5777", "hot", "4500"]}).to_parquet())


@pytest.mark.parametrize("value", [True, "hot", "5,777", "from Smith (2010)"])
def test_a_keyword_that_is_no_number_is_left_out_and_named_and_costs_no_spectrum(value):
    hdus = fits.HDUList(fits.open(io.BytesIO(star_file("fits", {"wavelength": WAVE, "flux": FLUX}))))
    hdus[1].header.update({"TEFF": value, "LOGG": "4.44"})
    hdus.writeto(out := io.BytesIO())
    stars = read_bytes("s", out.getvalue())
    assert stars.label_names == ("logg",) and stars.label("logg").tolist() == [4.44]
    assert f"s: keyword TEFF is no number, and is left out: '{value}'" in reading_notes(stars)


def test_keywords_that_stand_for_a_missing_value_are_missing():
    body = star_file("csv", {"wavelength": WAVE, "flux": FLUX})
    for word in ("n/a", "-", "nan", "-9999"):
        stars = read_bytes("s", f"# teff: {word}\n".encode() + body)
        assert np.isnan(stars.label("teff")).all() and not any("left out" in n for n in reading_notes(stars))


def test_true_and_false_are_no_temperatures_but_may_be_another_label(tmp_path):
    giant = fits.Column("teff", "L", array=[True, False, True])
    for read in (read_survey_table, read_labels):
        (tmp_path / "t.fits").write_bytes(fits_table(teff=giant))
        with pytest.raises(SpectraError, match="column teff is not numeric: 'True' in row 1"):
            read(tmp_path / "t.fits")
    with pytest.raises(SpectraError, match="column logg is not numeric: 'True'"):
        read_bytes("s", pd.DataFrame(SPECTRA | {"logg": [True, False, True]}).to_parquet())
    stars = read_bytes("s", pd.DataFrame(SPECTRA | {"label_giant": [True, False, True]}).to_parquet())
    assert stars.label("giant").tolist() == [1, 0, 1]


def test_the_least_integer_is_missing_in_tables_too(tmp_path):
    least = fits.Column("snr", "J", array=np.array([100, -(2**31), 50], "i4"))
    teff = fits.Column("teff", "J", null=-1, array=np.array([5777, -1, 4500], "i4"))
    (tmp_path / "t.fits").write_bytes(fits_table(teff=teff, snr=least))
    table = read_labels(tmp_path / "t.fits")
    assert table.names == ("teff", "snr")
    np.testing.assert_array_equal(table.values, [[5777, 100], [NAN, NAN], [4500, 50]])


def test_values_that_no_star_can_have():
    """A logg of 9.99 is a filler, also alone; a logg of −1 and a Teff of 0 K are named."""
    values, missing = label_without_fillers("logg", np.array([4.4, 9.99, 9.5]))
    np.testing.assert_array_equal(values, [4.4, NAN, 9.5])
    assert missing == {"logg = 9.99": 1}
    columns = {"wavelength": WAVE, "flux": FLUX}
    stars = read_bytes("s", star_file("csv", columns | {"logg": np.full(800, -1.0), "teff": np.zeros(800)}))
    for said in (
        "logg is outside of what stars have, such as -1",
        "teff is outside of what stars have, such as 0",
    ):
        assert any(said in note for note in reading_notes(stars))


# --- a table of labels beside spectra ---


def test_of_two_columns_of_a_label_none_is_taken_without_a_word(tmp_path):
    with pytest.raises(SpectraError, match="columns teff and Teff are both teff: keep one of them"):
        survey(tmp_path, "source_id,teff,Teff\n11,5000,6000\n")
    assert survey(tmp_path, "source_id,teff,Teff\n11,5000,5000\n").columns["teff"].tolist() == [5000]
    with pytest.raises(SpectraError, match="columns e_Teff and E_Teff are both teff_error"):
        survey(tmp_path, "source_id,Teff,e_Teff,E_Teff\n11,5000,50,80\n")


def test_what_a_table_of_labels_says_beside_labels_is_named(tmp_path):
    head = "source_id,survey,teff,[Fe/H],M_H,Teff_lower,label_vsini\n"
    found = survey(tmp_path, head + "11,a,5.0,-0.1,-0.2,4.9,7\n12,a,5.777,0.1,0.0,5.6,-9999\n")
    assert {n: v.tolist() for n, v in found.columns.items() if n != "vsini"} == {
        "teff": [5.0, 5.777],
        "mh": [-0.2, 0.0],
    }
    np.testing.assert_array_equal(found.columns["vsini"], [7, NAN])
    assert "labels.csv: columns not used: [Fe/H], Teff_lower" in found.notes
    assert "labels.csv: vsini = -9999 once: taken as missing" in found.notes
    assert any(
        "teff is 2 times outside of what stars have, such as 5: are they in kK?" in n for n in found.notes
    )


def test_further_tables_of_a_file_are_named(tmp_path):
    first, second = (fits_table(teff=fits.Column("teff", "E", array=[k, 5100, 5200])) for k in (5000, 6000))
    hdus = [*fits.open(io.BytesIO(first)), fits.open(io.BytesIO(second))[1]]
    fits.HDUList(hdus).writeto(tmp_path / "t.fits")
    said = "t.fits: further tables in the file are not used: 1, of source_id, teff"
    for table in (read_survey_table(tmp_path / "t.fits"), read_labels(tmp_path / "t.fits")):
        assert said in table.notes
    assert read_survey_table(tmp_path / "t.fits").columns["teff"].tolist() == [5000, 5100, 5200]
    assert not survey(tmp_path, first, "one.fits").notes


def test_a_unit_in_a_table_of_labels_is_converted_and_said(tmp_path):
    found = survey(tmp_path, "source_id,Teff [kK],e_teff [kK]\n11,5.777,0.05\n")
    assert found.columns["teff"].tolist() == [5777] and found.columns["teff_error"].tolist() == [50]
    assert "labels.csv: Teff [kK] converted from kK" in found.notes
    found = survey(tmp_path, "source_id,Teff / kK,log g/dex,fe/h\n11,5.777,4.44,-0.1\n")
    assert {n: v.tolist() for n, v in found.columns.items()} == {"teff": [5777], "logg": [4.44], "mh": [-0.1]}


def test_rows_of_one_survey_that_disagree_are_said_and_rows_of_two_surveys_are_not(tmp_path):
    rows = "11,a,4200\n11,a,5777\n12,a,5000\n12,b,5100\n13,a,5000\n13,a,\n14,a,5000\n14,a,5010\n"
    notes = survey(tmp_path, "source_id,survey,teff\n" + rows).notes
    said = "teff of 2 stars differs between rows of one survey, by up to 1577 (star 11): the mean is taken"
    assert [n for n in notes if "rows of one survey" in n] == [f"labels.csv: {said}"]


def test_a_row_without_a_survey_is_of_the_table_and_of_no_survey_called_nan(tmp_path):
    found = survey(tmp_path, "source_id,survey,teff\n11,,5000\n12,a,5100\n13,-,5200\n")
    assert found.survey.tolist() == ["the table", "a", "the table"]
    table = pd.DataFrame({"source_id": [11, 12], "survey": [b"a", None], "teff": [5000.0, 5100.0]})
    assert survey(tmp_path, table.to_parquet(), "t.parquet").survey.tolist() == ["a", "the table"]


def test_a_limit_in_a_cell_of_a_csv_is_left_out_and_named(tmp_path):
    found = survey(tmp_path, "source_id,mh\n11,<-2.1\n12,-0.3\n")
    np.testing.assert_array_equal(found.columns["mh"], [NAN, -0.3])
    assert found.notes == ("labels.csv: mh: 1 limit is no value and is left out (11)",)
    with pytest.raises(SpectraError, match="column mh is not numeric: 'poor' in row 1"):
        survey(tmp_path, "source_id,mh\n11,poor\n12,-0.3\n")


def test_a_limit_in_a_cell_beside_spectra_is_left_out_and_named():
    stars = read_bytes(
        "s", pd.DataFrame(SPECTRA | {"mh": ["<-2.1", "-0.3", "..."], "l_teff": [""] * 3}).to_parquet()
    )
    np.testing.assert_array_equal(stars.label("mh"), [NAN, -0.3, NAN])
    assert "s: mh: 1 limit is no value and is left out (11)" in reading_notes(stars)


def test_a_limit_is_no_label_of_a_simulation_nor_of_an_audit(tmp_path):
    text = "mh,l_mh,teff,z_0,z_1\n-2.1,<,5000,0.1,0.2\n-0.3,,5100,0.3,0.4\n"
    (tmp_path / "t.csv").write_text(text)
    table = read_labels(tmp_path / "t.csv")
    np.testing.assert_array_equal(table.values[:, 0], [NAN, -0.3])
    said = "t.csv: mh: 1 limit is no value and is left out (row 1)"
    assert table.notes == (said,)
    labels = read_latent_table(tmp_path / "t.csv").labels(["mh", "teff"])
    np.testing.assert_array_equal(labels.values, [[NAN, 5000], [-0.3, 5100]])
    assert labels.notes == (said,)
    (tmp_path / "t.csv").write_text("mh,teff,z_0,z_1\n<-2.1,5000,0.1,0.2\n-0.3,5100,0.3,0.4\n")
    assert read_labels(tmp_path / "t.csv").notes == (said,)
    labels = read_latent_table(tmp_path / "t.csv").labels(["mh", "teff"])
    np.testing.assert_array_equal(labels.values, [[NAN, 5000], [-0.3, 5100]])
    assert labels.notes == (said,)


# --- ids ---


@pytest.mark.parametrize(
    "text",
    [
        '="5853498713190525696"',
        "'5853498713190525696",
        "Gaia DR3 5853498713190525696",
        "gaia_dr3_5853498713190525696",
        "GaiaEDR3 5853498713190525696",
    ],
)
def test_a_number_that_is_kept_from_being_rounded_is_the_id(tmp_path, text):
    quoted = '"' + text.replace('"', '""') + '"'
    for cell in (quoted, text):
        assert survey(tmp_path, f"source_id,teff\n{cell},5777\n").ids.tolist() == ["5853498713190525696"]


def test_a_short_name_keeps_its_apostrophe(tmp_path):
    assert survey(tmp_path, "source_id,teff\n'12,5777\n").ids.tolist() == ["'12"]


def test_ids_of_bytes_are_text_and_truths_are_none(tmp_path):
    ids = [b"5853498713190525696", b"HD 1", b"7"]
    stars = read_bytes("s", pd.DataFrame(SPECTRA | {"source_id": ids}).to_parquet())
    assert stars.ids.tolist() == ["5853498713190525696", "HD 1", "7"]
    table = pd.DataFrame({"source_id": ids, "teff": [5000.0, 5100.0, 5200.0]}).to_parquet()
    assert survey(tmp_path, table, "t.parquet").ids.tolist() == stars.ids.tolist()
    with pytest.raises(SpectraError, match="ids are true and false, which name no star"):
        read_bytes("s", pd.DataFrame(SPECTRA | {"source_id": [True, False, True]}).to_parquet())
    data = pd.DataFrame(SPECTRA | {"source_id": [b"7", None, b"8"]}).to_parquet()
    left, rejected = read_many([("s", data)])
    assert left.ids.tolist() == ["7", "8"] and list(rejected) == ["row 2"]


GAIA = 6553614253923452800 + 128 * np.array([0, 3, 5, 11, 14, 22, 29, 31, 40, 57, 61, 68])


@pytest.mark.parametrize(
    ("rounded", "how"),
    [
        (GAIA.astype(np.float64).astype(np.int64), "floating-point numbers"),
        ((GAIA[:2] + np.array([0, 10**12])) // 10_000 * 10_000, "a spreadsheet"),
        (GAIA, None),
        (GAIA[:2].astype(np.float64).astype(np.int64), None),  # two may be such numbers by chance
    ],
)
def test_ids_that_look_rounded_are_doubted(tmp_path, rounded, how):
    text = "source_id,teff\n" + "".join(f"{id},5000\n" for id in rounded)
    doubts = [note for note in survey(tmp_path, text).notes if "had rounded them" in note]
    assert len(doubts) == (how is not None) and all(str(how) in note for note in doubts)
    count = len(rounded)
    rows = {"wavelength": [WAVE] * count, "flux": [FLUX] * count}
    for name, expected in (("source_id", how is not None), ("specobjid", False)):
        notes = reading_notes(read_bytes("s", pd.DataFrame({name: rounded} | rows).to_parquet()))
        assert any("had rounded them" in note for note in notes) == expected


# --- latents of others ---


def latents(tmp_path, frame: pd.DataFrame):
    frame.to_csv(tmp_path / "l.csv", index=False)
    return read_latent_table(tmp_path / "l.csv")


BASE = pd.DataFrame({"z_0": [0.1, 0.2, 0.3], "z_1": [1.0, 2.0, 3.0], "teff": [5000.0, 5100.0, 5200.0]})


@pytest.mark.parametrize("other", ["dim_0", "latent_0", "z0", "z_01"])
def test_columns_of_two_kinds_are_not_mixed_into_one_latent(tmp_path, other):
    with pytest.raises(
        SpectraError, match=rf"columns z_\d and {other} may both be of the latents: keep one kind"
    ):
        latents(tmp_path, BASE.assign(**{other: 9.0}))


def test_a_row_of_fillers_is_no_latent_and_is_counted(tmp_path):
    frame = BASE.copy()
    frame.loc[1, ["z_0", "z_1"]] = -9999.0
    table = latents(tmp_path, frame)
    np.testing.assert_array_equal(table.z, [[0.1, 1], [NAN, NAN], [0.3, 3]])
    said = "l.csv: latents that are -9999 in each dimension: 1, taken as missing"
    assert said in table.labels(["teff"]).notes
    frame.loc[1, "z_1"] = 2.0  # one coordinate alone may be anything
    assert latents(tmp_path, frame).z[1].tolist() == [-9999, 2]


@pytest.mark.parametrize(
    ("arrays", "cause"),
    [
        ({"z": np.ones(6)}, r"z has the shape \(6,\), and latents are \(stars, dimensions\)"),
        ({"z": np.ones((3, 6)), "teff": np.ones(6)}, r"z is \(3, 6\), but teff has 6 values: transpose it"),
        ({"z": np.ones((6, 3)), "latent": np.zeros((6, 3))}, "arrays z and latent may both be the latents"),
    ],
)
def test_arrays_that_are_no_latents_as_they_stand(tmp_path, arrays, cause):
    np.savez(tmp_path / "l.npz", **arrays)
    with pytest.raises(SpectraError, match=cause):
        read_latent_table(tmp_path / "l.npz")


def test_as_many_labels_as_dimensions_is_no_reason_to_transpose(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"z": rng.random((7, 3)), "labels": rng.random((7, 3)), "scale": np.ones(3)}
    np.savez(tmp_path / "l.npz", **arrays, label_names=np.array(["teff", "logg", "mh"]))
    np.testing.assert_allclose(read_latent_table(tmp_path / "l.npz").z, arrays["z"])
