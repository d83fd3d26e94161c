"""Right ascension and declination: read where they are clear, left out with a word where they are not."""

import io as bytes_io

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table

from gandalf_core.data.positions import position_words
from gandalf_core.data.spectra import SpectraSet, concatenate
from gandalf_core.errors import SpectraError
from gandalf_core.io import read_bytes, read_stars, resample, write_stars
from gandalf_core.io.parcels import packed_stars, unpacked_stars
from gandalf_core.io.parquet import iter_parquet
from gandalf_core.io.parquet_writing import ParquetWriter
from gandalf_core.io.understanding import reading_notes
from gandalf_core.simulator import simulate

GRID = np.round(np.arange(846.0, 870.0, 0.03), 2)
CRAB = SkyCoord("05h34m31.97s", "+22d00m52.1s", frame="icrs")
ARCSECOND = 1 / 3600


def stars(positions, count: int = 3) -> SpectraSet:
    some = simulate(count, seed=1)
    return SpectraSet(
        some.flux, some.wavelength_nm, some.ids, some.labels, some.label_names, positions=positions
    )


def read_csv(**columns) -> SpectraSet:
    """Two stars of equal spectra with further columns, one row per sample."""
    count = len(next(iter(columns.values())))
    rows = [",".join(["source_id", "wavelength", "flux", *columns])]
    for star in range(count):
        own = ",".join(str(values[star]) for values in columns.values())
        rows += [f"{star + 1},{nm},{1 - 0.01 * (k % 7)},{own}" for k, nm in enumerate(GRID)]
    return read_bytes("stars.csv", "\n".join(rows).encode())


def read_image(**keywords) -> SpectraSet:
    """One star as a FITS image, with keywords in its header."""
    image = fits.PrimaryHDU(1 - 0.01 * (np.arange(800) % 7).astype(np.float32))
    image.header.update({"CRVAL1": 846.0, "CDELT1": 0.03, "CUNIT1": "nm", **keywords})
    stream = bytes_io.BytesIO()
    image.writeto(stream)
    return read_bytes("star.fits", stream.getvalue())


def said(of: SpectraSet) -> str:
    return " ".join(reading_notes(of))


@pytest.mark.parametrize(
    "names", [("ra", "dec"), ("RA_ICRS", "DE_ICRS"), ("RAJ2000", "DEJ2000"), ("RA [deg]", "Dec [deg]")]
)
def test_columns_in_degrees_are_the_stars_positions(names):
    read = read_csv(**{names[0]: (83.5, 266.4), names[1]: (22.0, -29.007)})
    np.testing.assert_array_equal(read.positions, [[83.5, 22.0], [266.4, -29.007]])
    assert f"positions from {names[0]}, {names[1]}" in said(read) and "not used" not in said(read)


@pytest.mark.parametrize(
    ("ra", "dec"),
    [("05:34:31.97", "+22:00:52.1"), ("05h34m31.97s", "22d00m52.1s"), ("5 34 31.97", "22 00 52.1")],
)
def test_sexagesimal_text_is_hours_of_a_right_ascension(ra, dec):
    for read in (read_image(RA=ra, DEC=dec), read_csv(ra=(ra,), dec=(dec,))):
        assert SkyCoord(*read.positions[0], unit="deg").separation(CRAB).arcsec < 0.01


def test_a_small_negative_declination_keeps_its_sign():
    read = read_image(RA="00:00:30", DEC="-00:30:00")
    np.testing.assert_allclose(read.positions, [[0.125, -0.5]])


@pytest.mark.parametrize(
    ("unit", "value", "degrees"),
    [("deg", 83.5, 83.5), ("h", 5.5, 82.5), ("rad", 1.5, np.degrees(1.5)), (None, 5.5, 5.5)],
)
def test_the_unit_of_a_column_counts(unit, value, degrees, tmp_path):
    table = Table({"source_id": [1, 2], "flux": np.ones((2, 2401)) - 0.1 * np.eye(2, 2401)})
    table["ra"], table["dec"] = [value] * 2, [0.25] * 2
    table["ra"].unit = unit
    table["dec"].unit = "rad" if unit == "rad" else "deg"
    table.write(tmp_path / "stars.vot", format="votable")
    dec = np.degrees(0.25) if unit == "rad" else 0.25
    np.testing.assert_allclose(read_stars(tmp_path / "stars.vot").positions, [[degrees, dec]] * 2)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"RA": 5.5755, "DEC": 22.0145}, "5.5755 may be hours or degrees"),
        ({"RA": 83.6, "DEC": 22.0, "EQUINOX": 1950.0}, "equinox 1950"),
        ({"RA": 83.6, "DEC": 22.0, "RADESYS": "FK4"}, "system FK4"),
        ({"RA": "83:38:00", "DEC": "+22:00:52"}, "is no time"),
        ({"RA": "05:61:00", "DEC": "+22:00:52"}, "is no time"),
        ({"RA": "north", "DEC": "+22:00:52"}, "'north' is no angle"),
        ({"RA": "05:34:31", "DEC": "22h00m52s"}, "is in hours"),
        ({"RA": 361.0, "DEC": 22.0}, "no positions in degrees"),
        ({"RA": -9999.0, "DEC": -9999.0}, "no positions in degrees"),
        ({"RA": 83.6, "DEC": 96.0}, "no positions in degrees"),
    ],
)
def test_what_may_be_meant_in_two_ways_is_left_out_and_said(keywords, words):
    read = read_image(**keywords)
    assert read.positions is None and words in said(read)


def test_clear_keywords_are_taken_those_of_the_star_first():
    read = read_image(RA=83.6, DEC=22.0)
    np.testing.assert_allclose(read.positions, [[83.6, 22.0]])
    assert "where the telescope pointed, if not the star" in said(read)
    read = read_image(RA=83.6, DEC=22.0, PLUG_RA=5.25, PLUG_DEC=-1.5)
    np.testing.assert_allclose(read.positions, [[5.25, -1.5]])
    assert "telescope" not in said(read)
    assert read_image(RA=83.6).positions is None


def test_two_columns_of_one_name_count_where_they_agree():
    read = read_csv(RAJ2000=("05 34 31.97",), _RAJ2000=(83.633208,), DEJ2000=("+22 00 52.1",))
    assert SkyCoord(*read.positions[0], unit="deg").separation(CRAB).arcsec < 0.01
    read = read_csv(RAJ2000=(10.0,), _RAJ2000=(11.0,), DEJ2000=(22.0,))
    assert read.positions is None and "RAJ2000 and _RAJ2000 differ" in said(read)


@pytest.mark.parametrize(
    "ra",
    [
        [1.0, 2.0, 3.0],
        [[1.0, 2.0], [3.0, 4.0]],
        [1 + 2j, 3.0],
        [True, False],
        ["north", "south"],
        [b"\xff", b"1"],
        np.array(["2020-01-01", "2020-01-02"], "M8[D]"),
        [np.inf, -np.inf],
        10.0,
        [],
    ],
    ids=str,
)
def test_what_is_no_right_ascension_is_left_out_and_the_spectra_are_read(ra, tmp_path):
    flux = np.ones((2, 2401)) - 0.1 * np.eye(2, 2401)
    grid = 846 + 0.01 * np.arange(2401)
    np.savez(tmp_path / "a.npz", flux=flux, wavelength_nm=grid, ra=np.array(ra), dec=np.array([5.0, 6.0]))
    read = read_stars(tmp_path / "a.npz")
    assert len(read) == 2 and read.positions is None
    assert "ra and dec" in said(read) or "not used: ra, dec" in said(read)


def test_missing_positions_are_nan_and_counted():
    read = read_csv(ra=(83.5, -9999.0, 0), dec=(22.0, -9999.0, 0))
    np.testing.assert_array_equal(read.positions, [[83.5, 22.0], [np.nan] * 2, [np.nan] * 2])
    assert "ra and dec" in said(read) and "no position: taken as missing" in said(read)


def test_rows_of_a_star_that_disagree_give_no_position():
    rows = ["wavelength,flux,ra,dec"]
    rows += [f"{nm},{1 - 0.01 * (k % 7)},{10 + (k == 5)},5" for k, nm in enumerate(GRID)]
    read = read_bytes("star.csv", "\n".join(rows).encode())
    assert read.positions is None and "different positions: none taken" in said(read)


def test_keywords_of_a_file_of_several_stars_are_no_position(tmp_path):
    table = Table({"source_id": [1, 2], "flux": np.ones((2, 2401)) - 0.1 * np.eye(2, 2401)})
    table.meta |= {"RA": 83.6, "DEC": 22.0}
    table.write(tmp_path / "stars.fits")
    read = read_stars(tmp_path / "stars.fits")
    assert read.positions is None and "not one position for each star" in said(read)


def test_positions_are_found_by_their_ucd(tmp_path):
    table = Table({"source_id": [1, 2], "flux": np.ones((2, 2401)) - 0.1 * np.eye(2, 2401)})
    table["lon"], table["lat"], table["ra_error"] = [10.0, 20.0], [-5.0, 6.0], [0.1, 0.1]
    for name, ucd in (
        ("lon", "pos.eq.ra;meta.main"),
        ("lat", "pos.eq.dec;meta.main"),
        ("ra_error", "stat.error;pos.eq.ra"),
    ):
        table[name].meta["ucd"] = ucd
        table[name].unit = "deg"
    table.write(tmp_path / "stars.vot", format="votable")
    np.testing.assert_array_equal(read_stars(tmp_path / "stars.vot").positions, [[10.0, -5.0], [20.0, 6.0]])


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".tbl", ".fits", ".vot", ".npz", ".parquet"])
def test_positions_survive_a_file(suffix, tmp_path):
    some = stars([[83.633, 22.0145], [np.nan, np.nan], [266.4, -29.007]])
    write_stars(tmp_path / f"stars{suffix}", some)
    np.testing.assert_allclose(read_stars(tmp_path / f"stars{suffix}").positions, some.positions, atol=1e-9)
    write_stars(tmp_path / f"one{suffix}", some[2])
    np.testing.assert_allclose(read_stars(tmp_path / f"one{suffix}").positions, some[2].positions, atol=1e-9)


def test_a_file_in_pieces_has_positions_where_its_first_piece_has(tmp_path, caplog):
    placed, bare = stars([[10.5, -3.0], [np.nan, np.nan]], 2), stars(None, 2)
    for pieces, expected in (
        ([placed, bare], [10.5, np.nan, np.nan, np.nan]),
        ([bare, placed, placed], None),
    ):
        with ParquetWriter(tmp_path / "stars.parquet") as out:
            for piece in pieces:
                out.write(piece)
        found = concatenate(list(iter_parquet(tmp_path / "stars.parquet", 1))).positions
        np.testing.assert_array_equal(found if expected is None else found[:, 0], expected)
    assert [record.message for record in caplog.records if "positions are left out" in record.message] == [
        f"{tmp_path / 'stars.parquet'}: positions are left out, since its first stars have none"
    ]


def test_positions_of_one_star_as_text_are_in_degrees(tmp_path):
    write_stars(tmp_path / "star.txt", stars([[5.25, -29.007]], 1))
    read = read_stars(tmp_path / "star.txt")
    np.testing.assert_array_equal(read.positions, [[5.25, -29.007]])
    assert "# ra [deg]: 5.25" in (tmp_path / "star.txt").read_text()


def test_positions_stay_with_their_stars():
    some = stars([[83.633, 22.0145], [np.nan, np.nan], [266.4, -29.007]])
    np.testing.assert_array_equal(some[2].positions, [[266.4, -29.007]])
    assert some[1].positions is None
    moved = resample(some, some.wavelength_nm[:400])
    np.testing.assert_array_equal(moved.positions, some.positions)
    both = concatenate([stars(None, 1), some[2]])
    np.testing.assert_array_equal(both.positions, [[np.nan, np.nan], [266.4, -29.007]])
    assert stars(None).identity != some.identity and concatenate([stars(None, 1)]).positions is None
    table = some.to_table()
    assert table["ra"].unit == "deg" and table["dec"][2] == -29.007
    assert some.to_pandas().loc[some.ids[0], "ra"] == 83.633


def test_positions_come_out_of_the_confined_reader():
    some = stars([[83.633, 22.0145], [np.nan, np.nan], [266.4, -29.007]])
    np.testing.assert_array_equal(unpacked_stars(*packed_stars(some)).positions, some.positions)


@pytest.mark.parametrize("wrong", [[[360.0, 0.0]], [[-1.0, 0.0]], [[10.0, 91.0]], [[10.0]], [10.0, 20.0]])
def test_what_is_no_position_is_refused_at_birth(wrong):
    with pytest.raises(SpectraError, match="positions must be"):
        stars(wrong, 1)


def test_a_position_in_words():
    assert position_words(np.array([83.633212, -22.01447])) == "RA 83.63321°, Dec −22.01447°"
    assert position_words(np.array([np.nan, 1.0])) == ""
