"""Ids: the columns of every survey, by name and by what they hold; names that we make up are said."""

import io

import numpy as np
import pandas as pd
import pytest
from star_files import ERROR, FLUX, WAVE

from gandalf_core.errors import SpectraError
from gandalf_core.io import iter_parquet, read_bytes, read_many
from gandalf_core.io.ids import distinct_stems
from gandalf_core.io.understanding import reading_notes, understandings
from gandalf_core.sources import gather

GAIA = 5853498713190525696 + np.arange(4)
APOGEE = [f"2M0000000{k}+0000000" for k in range(4)]
SPECTRA = {"flux": [FLUX] * 4, "flux_error": [ERROR] * 4, "wavelength": [WAVE] * 4}


def rows(columns: dict) -> bytes:
    return pd.DataFrame(columns | SPECTRA).to_parquet()


def samples(columns: dict) -> bytes:
    """csv with one row per sample."""
    repeated = {name: np.repeat(np.asarray(values), len(WAVE)) for name, values in columns.items()}
    flux = {"wavelength": np.tile(WAVE, 4), "flux": np.tile(FLUX, 4)}
    return pd.DataFrame(repeated | flux).to_csv(index=False).encode()


IDS = {
    **{
        name: GAIA
        for name in (
            *("source_id", "SOURCE_ID", "Source", "gaia_source_id", "GaiaDR3", "GaiaEDR3", "dr3_source_id"),
            *("Gaia", "gaia_dr3_source_id", "sourceid"),
        )
    },
    "DR3 name": [f"Gaia DR3 {i}" for i in GAIA],
    "designation": [f"Gaia EDR3 {i}" for i in GAIA],
    "APOGEE_ID": APOGEE,
    "sobject_id": 140209001701005 + np.arange(4),
    "star_id": ["HD 1", "HD 2", "HD 3", "HD 4"],
    "obsid": 101001 + np.arange(4),
    "specobjid": 299489677444933632 + np.arange(4),
    "sdss_id": 54392544 + np.arange(4),
    "raveid": ["J000000.1-000000"] * 3 + ["J000000.2-000000"],
    "rave_obs_id": [f"20030411_0010m39_00{k}" for k in range(4)],
    "object": ["HD 1", "HD 2", "HD 3", "HD 4"],
    "id": [7, 8, 9, 10],
}


# rows of samples are told apart by their id, and the values of raveid repeat here
LAYOUTS = [(write, name) for write in (rows, samples) for name in IDS if (write, name) != (samples, "raveid")]


@pytest.mark.parametrize(("write", "name"), LAYOUTS)
def test_the_id_columns_of_surveys(write, name):
    stars = read_bytes("s", write({name: IDS[name]}))
    expected = GAIA.astype(str) if name in ("DR3 name", "designation") else np.asarray(IDS[name]).astype(str)
    assert stars.ids.tolist() == expected.tolist()
    assert understandings(stars)[0].ids_from == (name,) and not understandings(stars)[0].made_up


@pytest.mark.parametrize("write", [rows, samples])
@pytest.mark.parametrize(
    "others",
    [
        {"id": np.arange(4)},
        {"star": [0.99, 0.98, 0.97, 0.96]},
        {"star": [1.0, 0.0, 1.0, 1.0]},
        {"name": ["a", "b", "c", "d"]},
        {"obsid": np.arange(101, 105)},
        {"APOGEE_ID": APOGEE},
    ],
)
def test_an_integer_of_19_digits_beats_row_numbers_names_and_probabilities(write, others):
    for columns in (others | {"Source": GAIA}, {"gaia_source_id": GAIA} | others):
        assert read_bytes("s", write(columns)).ids.tolist() == GAIA.astype(str).tolist()


@pytest.mark.parametrize("write", [rows, samples])
def test_fractions_and_references_are_no_ids_and_named(write):
    columns = {"star": [0.99, 0.98, 0.97, 0.96], "source": ["Smith 2020"] * 4}
    data = write(columns) if write is rows else write(columns | {"obsid": np.arange(4)})
    stars = read_bytes("x.file", data)
    read = understandings(stars)[0]
    assert {"star", "source"} <= set(read.ignored)
    if write is rows:
        assert stars.ids.tolist() == ["x-0", "x-1", "x-2", "x-3"]
        assert "x.file: no column of ids: the stars are called x-0 … x-3" in reading_notes(stars)
        assert "x.file: columns not used: star, source" in reading_notes(stars)


@pytest.mark.parametrize("write", [rows, samples])
def test_plate_mjd_and_fiber_are_one_id(write):
    columns = {"PLATE": [266] * 4, "MJD": [51630] * 4, "FIBERID": [1, 2, 30, 400]}
    stars = read_bytes("s", write(columns))
    assert stars.ids.tolist() == [f"0266-51630-{k:04d}" for k in (1, 2, 30, 400)]
    assert understandings(stars)[0].ids_from == ("PLATE", "MJD", "FIBERID")
    assert read_bytes("s", rows({"plate": [266] * 4})).ids.tolist() == ["s-0", "s-1", "s-2", "s-3"]


def test_an_id_that_lost_digits_is_refused_although_there_are_row_numbers():
    with pytest.raises(SpectraError, match="last digits are lost"):
        read_bytes("s", rows({"id": np.arange(4), "source_id": GAIA.astype(float)}))


@pytest.mark.parametrize("write", [rows, samples])
@pytest.mark.parametrize("none", [-9999, -99, np.iinfo(np.int64).min])
def test_a_star_without_an_id_costs_itself_alone(write, none):
    """Some integers stand for no id."""
    data = write({"source_id": np.where(np.arange(4) == 1, none, GAIA)})
    stars, rejected = read_many([("s", data)])
    assert stars.ids.tolist() == GAIA[[0, 2, 3]].astype(str).tolist()
    if write is rows:
        assert rejected == {"row 2": "s: star row 2: 1 rows have no id: give each star its own"}
    else:
        assert "s: 800 rows have no id and are left out" in reading_notes(stars)


@pytest.mark.parametrize("kind", ["parquet", "fits"])
def test_masked_numbers_in_rows_of_samples(kind):
    """One star has no id: its rows are left out."""
    from astropy.table import MaskedColumn, Table

    ids = np.repeat([7, 8], len(WAVE))
    columns = {
        "id": MaskedColumn(ids, mask=ids == 8),
        "wavelength": np.tile(WAVE, 2),
        "flux": np.tile(FLUX, 2),
    }
    if kind == "parquet":
        data = pd.DataFrame(columns | {"id": np.where(ids == 8, np.nan, ids)}).to_parquet()
    else:
        Table(columns).write(out := io.BytesIO(), format="fits")
        data = out.getvalue()
    stars = read_bytes("s", data)
    assert stars.ids.tolist() == ["7"] and "s: 800 rows have no id and are left out" in reading_notes(stars)


def test_missing_texts_are_no_ids():
    data = rows({"star_id": ["HD 1", None, "", "HD 4"]})
    stars, rejected = read_many([("s", data)])
    assert stars.ids.tolist() == ["HD 1", "HD 4"] and list(rejected) == ["row 2", "row 3"]


def test_made_up_ids_do_not_repeat_from_piece_to_piece(tmp_path):
    (tmp_path / "part.parquet").write_bytes(rows({}))
    pieces = list(iter_parquet(tmp_path / "part.parquet", chunk=3))
    assert [p.ids.tolist() for p in pieces] == [["part-0", "part-1", "part-2"], ["part-3"]]


# --- files without ids ---


def text() -> str:
    return "".join(f"{w} {f} {e}\n" for w, f, e in zip(WAVE, FLUX, ERROR, strict=True))


def test_files_of_one_name_in_two_folders_are_two_stars(tmp_path):
    paths = [tmp_path / folder / "spectrum.txt" for folder in ("HD1", "HD2", "HD3/a", "HD3/b")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text(text())
    names = ["HD1/spectrum", "HD2/spectrum", "a/spectrum", "b/spectrum"]
    stars, rejected = read_many(paths)
    assert stars.ids.tolist() == names and not rejected
    gathered, intake = gather([str(path) for path in paths])
    assert gathered.ids.tolist() == names and not intake.rejected
    assert any("HD1/spectrum … b/spectrum" in note for note in reading_notes(gathered))
    assert read_many(paths[:1])[0].ids.tolist() == ["spectrum"]


def test_files_of_one_name_in_a_bundle_are_two_stars():
    from archive_files import bundle

    packed = bundle({"HD1/spectrum.txt": text().encode(), "HD2/spectrum.txt": text().encode()})
    assert read_bytes("b.zip", packed).ids.tolist() == ["HD1/spectrum", "HD2/spectrum"]


def test_a_source_id_in_the_name_of_a_file_is_one_star_in_any_folder(tmp_path):
    stem = str(GAIA[0])
    assert distinct_stems([f"a/{stem}.csv", f"b/{stem}.csv"]) == {
        f"a/{stem}.csv": stem,
        f"b/{stem}.csv": stem,
    }
    assert distinct_stems(["a/s.csv", "a/s.txt"]) == {"a/s.csv": "a/s", "a/s.txt": "a/s"}
    assert distinct_stems(["x/a/s", "y/a/s"]) == {"x/a/s": "x/a/s", "y/a/s": "y/a/s"}


def test_the_same_file_given_twice_is_one_star(tmp_path):
    path = tmp_path / "s.txt"
    path.write_text(text())
    stars, rejected = read_many([path, path])
    assert stars.ids.tolist() == ["s"] and list(rejected) == ["s (again)"]
