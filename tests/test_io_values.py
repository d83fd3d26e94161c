"""Values that cannot be meant: fillers, labels in other units, contradictions, padding."""

import io

import numpy as np
import pytest
from astropy.table import Table
from star_files import ARRAYS, ERROR, FLUX, FORMATS, SAMPLES, WAVE, star_file

from gandalf_core.errors import SpectraError
from gandalf_core.io import iter_parquet, read_bytes, read_many, read_stars, write_stars
from gandalf_core.io.understanding import reading_notes, rejected_of, understandings
from gandalf_core.io.values import label_in_own_unit, label_without_fillers
from gandalf_core.simulator import simulate

BASE = {"wavelength": WAVE, "flux": FLUX}


# --- fillers ---


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".fits", ".vot", ".npz", ".parquet"])
@pytest.mark.parametrize("filler", [-9999.0, -999.0, -99.0, 99.99, -9999.99, -9.99])
def test_fillers_in_labels_are_missing_and_counted_in_every_format(tmp_path, suffix, filler):
    stars = simulate(6, seed=5)
    labels = stars.labels.copy()
    labels[[1, 4]] = filler
    write_stars(tmp_path / f"s{suffix}", stars.with_labels(labels))
    read = read_stars(tmp_path / f"s{suffix}")
    for name in stars.label_names:
        values, expected = read.label(name), stars.label(name).copy()
        expected[[1, 4]] = np.nan
        np.testing.assert_array_equal(values, expected)
    missing = understandings(read)[0].missing
    assert {k: v for k, v in missing.items() if k.startswith("teff")} == {f"teff = {filler:g}": 2}
    if suffix == ".parquet":
        (piece,) = iter_parquet(tmp_path / f"s{suffix}")
        np.testing.assert_array_equal(piece.labels, read.labels)


def test_a_filler_that_can_be_meant_is_kept():
    values, missing = label_without_fillers("teff", np.array([5000.0, 9999.0]))
    assert values.tolist() == [5000, 9999] and not missing  # a hot star
    values, missing = label_without_fillers("teff", np.array([5000.0, 9999.0, 9999.0, -9999.0]))
    assert np.isnan(values[1:]).all() and missing == {"teff = -9999": 1, "teff = 9999": 2}
    velocities = np.array([-99.0, 12.0, -240.0, 55.0, 130.0])
    assert label_without_fillers("rv", velocities)[0].tolist() == velocities.tolist()
    values, missing = label_without_fillers("rv", np.array([-9999.0, 12.0, -240.0, 55.0]))
    assert np.isnan(values[0]) and missing == {"rv = -9999": 1}
    values, missing = label_without_fillers("vsini", np.array([2.0, 5.0, 12.0, -99.0, 999.0]))
    assert np.isnan(values[3:]).all() and values[:3].tolist() == [2, 5, 12]


@pytest.mark.parametrize("kind", FORMATS)
def test_fillers_in_the_flux_are_masked_and_counted(kind):
    flux = FLUX.astype(float)
    flux[[3, 50]], flux[70], flux[:3], flux[400:403] = -9999, 99.99, np.nan, 0
    stars = read_bytes("s", star_file(kind, {"wavelength": WAVE, "flux": flux, "flux_error": ERROR}))
    assert np.flatnonzero(stars.mask[0]).tolist() == [0, 1, 2, 3, 50, 70, 400, 401, 402]
    missing = understandings(stars)[0].missing
    assert missing == {"flux without a value": 3, "flux = -9999": 2, "flux = 99.99": 1, "flux = 0": 3}
    assert "s: flux = -9999 2 times: taken as missing" in reading_notes(stars)


@pytest.mark.parametrize("filler", [-1.0, -9.99, 9.99, -0.5])
def test_a_run_of_one_value_that_is_no_flux_is_masked_and_counted(filler):
    flux = FLUX.copy()
    flux[40:70] = filler
    flux[300:302] = -0.25  # two that are equal may be noise
    stars = read_bytes(
        "s", star_file("parquet-rows", {"wavelength": WAVE, "flux": flux, "flux_error": ERROR})
    )
    assert np.flatnonzero(stars.mask[0]).tolist() == list(range(40, 70))
    assert understandings(stars)[0].missing == {f"flux = {filler:g}": 30}


def test_a_flux_of_zero_between_others_is_a_flux():
    flux = FLUX.copy()
    flux[7] = 0
    assert not read_bytes("s", star_file("csv", {"wavelength": WAVE, "flux": flux})).mask.any()


def test_the_least_integer_is_no_label():
    columns = BASE | {"teff": np.full(len(WAVE), np.iinfo(np.int64).min)}
    assert np.isnan(read_bytes("s", star_file("fits", columns)).label("teff")[0])


def test_a_label_that_no_star_has_is_kept_and_named():
    stars = read_bytes("s", star_file("csv", BASE | {"teff": np.full(len(WAVE), 5.0)}))
    assert stars.label("teff")[0] == 5.0 and any("are they in kK?" in note for note in reading_notes(stars))
    stars = read_bytes("s", star_file("csv", BASE | {"logg": np.full(len(WAVE), 44.0)}))
    assert any("logg is outside of what stars have, such as 44" in note for note in reading_notes(stars))


# --- units ---


@pytest.mark.parametrize("kind", ["ecsv", "fits", "votable", "fits-rows"])
@pytest.mark.parametrize(
    ("label", "value", "unit", "expected"),
    [("teff", 5.4, "kK", 5400.0), ("teff", 5126.85, "deg_C", 5400.0), ("logg", 27542.287, "cm / s2", 4.44)],
)
def test_labels_in_other_units_are_converted_and_said(kind, label, value, unit, expected):
    values = np.array(value) if kind == "fits-rows" else np.full(len(WAVE), value)
    stars = read_bytes("s", star_file(kind, BASE | {label: values}, {label: unit}))
    assert stars.label(label)[0] == pytest.approx(expected, rel=1e-6)
    assert f"{label} [" in understandings(stars)[0].labels_from[label]


def test_a_unit_in_the_name_of_a_column_counts():
    stars = read_bytes("s", star_file("csv", BASE | {"Teff [kK]": np.full(len(WAVE), 5.4)}))
    assert stars.label("teff")[0] == pytest.approx(5400)


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        ("logg", 2.44, "dex(m/s2)", 4.44),
        ("logg", 2.44, "[m/s2]", 4.44),
        ("logg", 4.44, "log(cm.s**-2)", 4.44),
        ("logg", 4.44, "[cm/s2]", 4.44),
        ("logg", 4.44, "dex", 4.44),
        ("mh", -0.3, "[Sun]", -0.3),
        ("mh", -0.3, "dex", -0.3),
        ("teff", 5400, "K", 5400),
        ("teff", 5400, "Kelvin", 5400),
        ("vsini", 12, "km/s", 12),
    ],
)
def test_units_that_catalogues_use(name, value, unit, expected):
    assert label_in_own_unit(name, np.array([value]), unit)[0] == pytest.approx(expected)


@pytest.mark.parametrize(("name", "unit"), [("teff", "eV"), ("teff", "furlong"), ("mh", "K"), ("logg", "km")])
def test_a_label_in_a_strange_unit_is_left_out_and_named(name, unit):
    table = Table(BASE | {name: np.full(len(WAVE), 4.0)})
    table.write(out := io.StringIO(), format="ascii.ecsv")
    text = out.getvalue().replace(f"name: {name}, ", f"name: {name}, unit: {unit}, ")
    stars = read_bytes("s.ecsv", text.encode())
    assert name not in stars.label_names and name in understandings(stars)[0].ignored
    assert any(f"left out: {name} is given in '{unit}'" in note for note in reading_notes(stars))


# --- contradictions ---


def combined(change) -> bytes:
    """Three stars, one row per sample; `change` is given the arrays (3, L) of each column."""
    stars = simulate(3, seed=3)
    columns = {
        "source_id": np.repeat([[11], [12], [13]], 800, 1),
        "wavelength": np.tile(stars.wavelength_nm, (3, 1)),
        "flux": stars.flux,
        "teff": np.repeat([[5000.0], [5100.0], [5200.0]], 800, 1),
    }
    change(columns)
    rows = zip(*(values.ravel().tolist() for values in columns.values()), strict=True)
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]).encode()


def test_contradictory_labels_of_one_star_cost_that_star_alone():
    def change(columns):
        columns["teff"][1, 400:] = 6000

    data = combined(change)
    stars, rejected = read_many([("s.csv", data)])
    assert stars.ids.tolist() == ["11", "13"] and stars.label("teff").tolist() == [5000, 5200]
    assert rejected == {"12": "s.csv: star 12: its rows disagree on teff: 5100 and 6000"}
    with pytest.raises(SpectraError, match=r"s\.csv: star 12: its rows disagree on teff: 5100 and 6000"):
        read_bytes("s.csv", data)


@pytest.mark.parametrize(
    ("head", "teff", "words"),
    [
        ("# teff: 4000\n", 5777.0, "column teff and keyword teff disagree on teff: 5777 and 4000"),
        ("# teff: 5777\n# Teff = 4000\n", 5777.0, "keywords disagree on teff: teff = 5777.0, Teff = 4000.0"),
    ],
)
def test_keywords_that_contradict_the_column_or_each_other_are_refused(head, teff, words):
    data = star_file("csv", BASE | {"teff": np.full(len(WAVE), teff)})
    with pytest.raises(SpectraError, match=words):
        read_bytes("s.csv", head.encode() + data)
    agreeing = b"# teff: 5777 K\n" + data
    assert read_bytes("s.csv", agreeing).label("teff").tolist() == [5777]


def test_a_label_given_in_some_rows_is_no_contradiction():
    def change(columns):
        columns["teff"][:, 1:] = np.nan

    assert read_bytes("s.csv", combined(change)).label("teff").tolist() == [5000, 5100, 5200]


def test_a_sample_given_twice_costs_its_star_and_its_wavelength_is_named():
    def change(columns):
        columns["wavelength"][2, 101] = columns["wavelength"][2, 100]

    stars, rejected = read_many([("s.csv", combined(change))])
    assert stars.ids.tolist() == ["11", "12"] and list(rejected) == ["13"]
    assert f"first the one at {WAVE[100]:.8g} nm" in rejected["13"]


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_sample_given_twice_in_a_file_of_one_star(kind):
    wave = WAVE.copy()
    wave[101] = wave[100]
    with pytest.raises(SpectraError, match=f"samples given twice, first the one at {wave[100]:.8g} nm"):
        read_bytes("s", star_file(kind, {"wavelength": wave, "flux": FLUX}))


# --- stars on other grids ---


@pytest.mark.parametrize("kind", ["parquet-rows", "fits-rows"])
def test_a_sample_given_twice_in_rows_of_arrays_is_named(kind):
    grid = WAVE.copy()
    grid[11] = grid[10]
    with pytest.raises(SpectraError, match=r"s: the sample at 846.31 nm is given twice: keep one of them"):
        read_bytes("s", star_file(kind, {"wavelength": grid, "flux": FLUX}))


def test_a_star_on_another_grid_costs_itself_alone():
    def change(columns):
        columns["wavelength"][1] += 0.004

    stars, rejected = read_many([("s.csv", combined(change))])
    assert stars.ids.tolist() == ["11", "13"] and list(rejected) == ["12"]
    assert "its wavelengths are not those of the other stars" in rejected["12"]
    np.testing.assert_allclose(stars.wavelength_nm, WAVE, atol=1e-9)
    np.testing.assert_array_equal(stars.flux, simulate(3, seed=3).flux[[0, 2]])


@pytest.mark.parametrize("kind", ["parquet", "fits"])
def test_a_row_on_another_grid_costs_itself_alone(tmp_path, kind):
    import pandas as pd

    wave, stars = np.tile(WAVE, (3, 1)), simulate(3, seed=3)
    wave[1] += 0.004
    columns = {"source_id": [11, 12, 13], "wavelength": list(wave), "flux": list(stars.flux)}
    path = tmp_path / f"s.{kind}"
    if kind == "parquet":
        pd.DataFrame(columns).to_parquet(path)
    else:
        Table({name: np.asarray(values) for name, values in columns.items()}).write(path)
    good, rejected = read_many([path])
    assert good.ids.tolist() == ["11", "13"] and list(rejected) == ["12"]
    np.testing.assert_allclose(good.wavelength_nm, WAVE, atol=1e-9)
    wave[2] += 0.002
    with pytest.raises(SpectraError, match="different wavelength grids"):
        read_bytes("s", pd.DataFrame(columns | {"wavelength": list(wave)}).to_parquet())


# --- padding ---


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("value", [0.0, np.nan])
def test_padding_of_wavelengths_is_left_out_and_counted(kind, value):
    wave, flux = np.append(WAVE, [value] * 40), np.append(FLUX, np.zeros(40))
    if kind == "npz":
        np.savez(out := io.BytesIO(), wavelength_nm=wave, flux=flux[None])
        stars = read_bytes("s", out.getvalue())
    else:
        stars = read_bytes("s", star_file(kind, {"wavelength": wave, "flux": flux}))
    np.testing.assert_allclose(stars.wavelength_nm, WAVE, atol=1e-9)
    np.testing.assert_array_equal(stars.flux[0], FLUX)
    assert understandings(stars)[0].padding == 40
    assert "s: 40 samples left out, whose wavelength is zero or missing" in reading_notes(stars)


def test_rows_padded_differently_share_the_grid(tmp_path):
    import pandas as pd

    wave, flux = np.tile(WAVE, (2, 1)), np.tile(FLUX, (2, 1))
    wave[1, -5:], flux[1, -5:] = 0, 0
    path = tmp_path / "s.parquet"
    pd.DataFrame({"source_id": [1, 2], "wavelength": list(wave), "flux": list(flux)}).to_parquet(path)
    stars = read_stars(path)
    np.testing.assert_allclose(stars.wavelength_nm, WAVE, atol=1e-9)
    assert np.flatnonzero(stars.mask[1]).tolist() == [795, 796, 797, 798, 799] and not stars.mask[0].any()


def test_a_row_of_another_length_costs_that_star_alone(tmp_path):
    import pandas as pd

    flux = [FLUX, FLUX[:700], None, FLUX[:0], FLUX]
    frame = pd.DataFrame({"source_id": range(5), "wavelength": [WAVE] * 5, "flux": flux})
    frame.to_parquet(tmp_path / "s.parquet")
    (piece,) = iter_parquet(tmp_path / "s.parquet")
    assert piece.ids.tolist() == ["0", "4"]
    assert rejected_of(piece) == {
        "1": "700 samples of flux, other stars have 800",
        "2": "no samples of flux, other stars have 800",
        "3": "no samples of flux, other stars have 800",
    }
    np.testing.assert_array_equal(piece.flux[1], FLUX)


@pytest.mark.parametrize("kind", ARRAYS)
def test_wavelengths_of_arrays_keep_all_their_digits(kind):
    wave = WAVE + 1.23456e-7
    stars = read_bytes("s", star_file(kind, {"wavelength": wave, "flux": FLUX}))
    np.testing.assert_array_equal(stars.wavelength_nm, wave)
