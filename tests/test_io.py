"""Readers and writers: nothing is lost or guessed, and every bad file gives one line that names it."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archive_files import GRID_NM, IDS, archive_file, bundle, gzipped, toy
from astropy.io import fits
from astropy.table import Table

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.io import read_bytes, read_many, read_stars, sniff, write_stars
from gandalf_core.simulator import simulate

REAL = Path(__file__).parents[2] / "shared" / "data" / "gaia_rvs"
LABELS = ("teff", "logg", "mh", "alphafe", "vsini")
MANY = (".csv", ".ecsv", ".fits", ".vot", ".xml", ".npz", ".parquet")


def labelled(n: int, ids=None) -> SpectraSet:
    stars = toy(min(n, 3))
    labels = np.random.default_rng(1).normal(5000.1, 10, (n, 5))
    labels[0, 2] = np.nan
    return SpectraSet(
        stars.flux, GRID_NM, stars.ids if ids is None else ids, labels, LABELS, stars.flux_error, stars.mask
    )


def assert_same(read: SpectraSet, written: SpectraSet) -> None:
    """Everything a file can carry survived, bit by bit."""
    assert read.ids.tolist() == written.ids.tolist()
    np.testing.assert_allclose(read.wavelength_nm, written.wavelength_nm, rtol=1e-12)
    np.testing.assert_array_equal(read.mask, written.mask)
    np.testing.assert_array_equal(read.flux[~read.mask], written.flux[~read.mask])
    np.testing.assert_array_equal(read.flux_error[~read.mask], written.flux_error[~read.mask])
    assert set(read.label_names) == set(written.label_names)
    np.testing.assert_array_equal(read.labels_for(written.label_names), written.labels)


@pytest.mark.parametrize("suffix", [*MANY, ".txt"])
@pytest.mark.parametrize("n", [1, 3])
def test_round_trip(tmp_path, suffix, n):
    if (suffix, n) == (".txt", 3):
        with pytest.raises(SpectraError, match="holds one star"):
            write_stars(tmp_path / "stars.txt", labelled(3))
        return
    path = tmp_path / f"stars{suffix}"
    write_stars(path, labelled(n))
    assert_same(read_stars(path), labelled(n))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # nothing half-written stays


@pytest.mark.parametrize("suffix", MANY)
@pytest.mark.parametrize("ids", [["sim0-7", "HD 176650"], ["007", "7"], ["NaN", "null"]])
def test_names_as_ids_and_unknown_errors(tmp_path, suffix, ids):
    stars = labelled(2, ids)
    bare = SpectraSet(stars.flux, GRID_NM, stars.ids, stars.labels, LABELS, None, stars.mask)
    write_stars(tmp_path / f"s{suffix}", bare)
    read = read_stars(tmp_path / f"s{suffix}")
    assert read.ids.tolist() == ids and read.flux_error is None
    np.testing.assert_array_equal(read.mask, stars.mask)


@pytest.mark.parametrize("suffix", [*MANY, ".txt"])
@pytest.mark.parametrize("name", ["my star: 007", "étoile", "None"])
def test_an_id_is_any_text_and_fits_refuses_what_it_cannot_hold(tmp_path, suffix, name):
    path = tmp_path / f"s{suffix}"
    if (suffix, name) == (".fits", "étoile"):
        with pytest.raises(SpectraError, match=r"s\.fits: FITS holds ASCII text only, not 'étoile': choose"):
            write_stars(path, labelled(1, [name]))
        assert not list(tmp_path.iterdir())
        return
    write_stars(path, labelled(1, [name]))
    assert_same(read_stars(path), labelled(1, [name]))


@pytest.mark.parametrize("suffix", MANY)
def test_two_stars_of_one_id_are_written_where_they_can_be_read_back(tmp_path, suffix):
    stars, path = labelled(3, ["a", "b", "b"]), tmp_path / f"s{suffix}"
    if suffix in (".csv", ".ecsv"):
        with pytest.raises(SpectraError, match="2 stars have the id b"):
            write_stars(path, stars)
        return
    write_stars(path, stars)
    assert_same(read_stars(path), stars)


@pytest.mark.parametrize("suffix", [s for s in MANY if s != ".csv"])
@pytest.mark.parametrize("n", [1, 3])
def test_provenance_survives(tmp_path, suffix, n):
    """The truth of simulated stars is still known after reading them back (plain csv has no place for it)."""
    about = {
        "simulated": {"seed": 3, "clean": False, "nuisances": {f"depth of {i}": 0.1 * i for i in range(20)}},
        "by": "Teff → K",
    }
    stars = toy(n)
    write_stars(tmp_path / f"s{suffix}", replace(stars, provenance=about))
    provenance = read_stars(tmp_path / f"s{suffix}").provenance
    assert provenance["file"] == f"s{suffix}" and {k: provenance[k] for k in about} == about


@pytest.mark.parametrize("layout", ["INDIVIDUAL", "COMBINED", "RAW"])
@pytest.mark.parametrize("kind", ["csv", "ecsv", "fits", "votable"])
def test_archive_layouts(kind, layout):
    stars = toy(1 if layout == "INDIVIDUAL" else 3)
    assert_same(read_bytes("download.dat", archive_file(kind, layout, stars)), stars)


def test_archive_csv_like_the_real_ones():
    """A simulated star in the archive's csv, and the real files where they are at hand, read alike."""
    data = {"simulated.csv": archive_file("csv", "INDIVIDUAL", simulate(1, seed=5, pixels=2401))}
    data |= {p.name: p.read_bytes() for p in sorted(REAL.glob("*.csv"))}
    for name, content in data.items():
        stars = read_bytes(name, content)
        assert stars.ids[0] == content.split(b"\n")[1].split(b",")[0].decode()
        assert stars.flux.shape == (1, 2401) and not stars.label_names
        np.testing.assert_allclose(stars.wavelength_nm, GRID_NM, atol=1e-9)
        assert stars.mask.sum() < 20 and 5 < stars.snr[0] < 1000


def test_combined_rows_in_any_order_and_missing_ones():
    head, *rows = archive_file("csv", "COMBINED", toy(3)).decode().split("\n")[:-1]
    del rows[2401 + 100 : 2401 + 103]  # three samples of the second star
    order = np.random.default_rng(0).permutation(len(rows))
    stars = read_bytes("c.csv", "\n".join([head, *[rows[i] for i in order]]).encode())
    row = stars.ids.tolist().index(IDS[1])
    assert np.flatnonzero(stars.mask[row]).tolist() == [100, 101, 102]
    np.testing.assert_array_equal(stars.flux[row][~stars.mask[row]], toy(3).flux[1][~stars.mask[row]])


@pytest.mark.parametrize("suffix", [*MANY, ".txt"])
def test_format_is_found_by_content(tmp_path, suffix):
    write_stars(tmp_path / f"s{suffix}", labelled(1))
    data = (tmp_path / f"s{suffix}").read_bytes()
    for disguise in (data, gzipped(data), bundle({"folder/any.thing": data})):
        read = read_bytes("picture.jpg", disguise)
        assert_same(read, labelled(1))


def test_id_from_the_file_name_when_the_file_has_none():
    data = b"wavelength,flux\n" + b"".join(f"{w},1.0\n".encode() for w in GRID_NM)
    assert read_bytes("RVS-Gaia DR3 2052747119115620353.csv", data).ids.tolist() == ["2052747119115620353"]
    assert read_bytes("my star.csv", data).ids.tolist() == ["my star"]


def test_id_in_the_primary_header_alone():
    """It belongs to the one table with a flux; with several it could belong to any of them."""
    table = fits.table_to_hdu(Table({"wavelength": GRID_NM, "flux": toy().flux[0]}))
    primary = fits.PrimaryHDU()
    primary.header["SOURCEID"] = int(IDS[0])
    for tables, ids in (([table], [IDS[0]]), ([table, table.copy()], ["s-0", "s-1"])):
        fits.HDUList([primary, *tables]).writeto(out := io.BytesIO())
        assert read_bytes("s.fits", out.getvalue()).ids.tolist() == ids


def test_keywords_of_a_text_file():
    rows = "".join(f"{w} 1.0\n" for w in GRID_NM)
    head = "# source_id: HD 7\n# teff = 5700 K\n# label_colour index: 0.6\n# seen: at 12:30\n"
    stars = read_bytes("a.txt", f"{head}{rows}".encode())
    assert stars.ids.tolist() == ["HD 7"] and stars.label_names == ("teff", "colour index")
    assert stars.labels.tolist() == [[5700, 0.6]]


def test_labels_by_alias_and_first_choice():
    rows = "".join(f"7,{w},1.0,4500,-0.5,-0.7,0.2\n" for w in GRID_NM)
    stars = read_bytes("a.csv", f"SOURCE_ID,Wavelength,Flux,TEFF,FE_H,mh,label_Vsini\n{rows}".encode())
    assert stars.label("teff")[0] == 4500 and stars.label("mh")[0] == -0.7 and stars.label("Vsini")[0] == 0.2


def test_samples_without_positive_error_are_masked():
    error = np.full((1, 2401), 0.01)
    error[0, :4] = [0, -1, np.nan, np.inf]
    out = io.BytesIO()
    np.savez(out, flux=np.ones((1, 2401)), flux_error=error, wavelength_nm=GRID_NM, ids=np.array([IDS[0]]))
    stars = read_bytes("e.npz", out.getvalue())
    assert np.flatnonzero(stars.mask[0]).tolist() == [0, 1, 2, 3] and stars.labels.shape == (1, 0)


def _in_unit(kind: str, factor: float, unit: str | None) -> bytes:
    table = Table(
        {"wavelength": GRID_NM * factor, "flux": toy().flux[0]}, units={"wavelength": unit} if unit else None
    )
    out = io.StringIO() if kind == "ascii.ecsv" else io.BytesIO()
    table.write(out, format=kind)
    return out.getvalue().encode() if kind == "ascii.ecsv" else out.getvalue()


@pytest.mark.filterwarnings("ignore:The unit 'Angstrom'")
@pytest.mark.parametrize("kind", ["fits", "votable", "ascii.ecsv"])
def test_declared_units_are_converted_and_undeclared_ones_never_guessed(kind):
    for factor, unit in ((10, "Angstrom"), (1e-3, "um"), (1, "nm"), (1e-9, "m")):
        np.testing.assert_allclose(
            read_bytes("s", _in_unit(kind, factor, unit)).wavelength_nm, GRID_NM, rtol=1e-9
        )
    for factor, cause in (
        (10, "look like Ångström: divide by 10"),
        (1e-3, "look like micrometres: multiply by 1000"),
        (1e-9, "cannot be nanom"),
    ):
        with pytest.raises(SpectraError, match=cause):
            read_bytes("s", _in_unit(kind, factor, None))
    with pytest.raises(SpectraError, match=r"unknown wavelength unit .km"):
        read_bytes("s", _in_unit(kind, 1, "km/s"))


def test_column_name_may_carry_the_unit():
    rows = "".join(f"{w * 10:.1f} 1.0\n" for w in GRID_NM)
    np.testing.assert_allclose(
        read_bytes("a.txt", f"wavelength_angstrom flux\n{rows}".encode()).wavelength_nm, GRID_NM
    )


@pytest.mark.parametrize("separator", [" ", "   ", "\t", ",", ", ", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_plain_text_in_every_common_style(separator, end):
    body = "".join(f"{w:.2f}{separator}1.0{separator}0.01{end}" for w in GRID_NM)
    header = separator.join(["wavelength", "flux", "error"]) + end
    for head in ("", f"# by hand{end}", header, "\ufeff", "\ufeff" + header, f"\ufeff# by hand{end}{header}"):
        stars = read_bytes("star.dat", (head + body).encode())
        assert stars.flux.shape == (1, 2401) and stars.flux_error[0, 7] == np.float32(0.01)


def test_parquet_of_others():
    """Lists of doubles, categorical ids and catalogue names, as pandas writes them; no id may be missing."""
    stars, out = toy(3), io.BytesIO()
    ids = pd.Categorical(stars.ids)
    pd.DataFrame(
        {"source_id": ids, "flux": list(stars.flux.astype(float)), "FE_H": [0.1, np.nan, 0.3]}
    ).to_parquet(out)
    read = read_bytes("theirs.parquet", out.getvalue())
    np.testing.assert_array_equal(read.flux, stars.flux)
    np.testing.assert_array_equal(read.label("mh"), [0.1, np.nan, 0.3])
    assert read.ids.tolist() == IDS.tolist()
    pq.write_table(
        pa.table({"source_id": pa.array([1, None]), "flux": [[1.0] * 2401] * 2}), out := io.BytesIO()
    )
    with pytest.raises(SpectraError, match="1 rows have no id"):
        read_bytes("theirs.parquet", out.getvalue())


def test_two_columns_of_one_name_in_parquet_are_called_so():
    values = pa.array([1.0, 2.0])
    table = pa.Table.from_arrays([values, values, values], names=["wavelength", "flux", "flux"])
    pq.write_table(table, out := io.BytesIO())
    with pytest.raises(SpectraError, match="s: several columns are called flux: keep one of them"):
        read_bytes("s", out.getvalue())


def test_an_id_that_was_a_float_is_refused():
    rows = "".join(f"2.0527471191156204e+18,{w},1.0\n" for w in GRID_NM)
    floats = Table(
        {"source_id": np.full(2401, 2052747119115620353.0), "wavelength": GRID_NM, "flux": np.ones(2401)}
    )
    table = io.BytesIO()
    floats.write(table, format="fits")
    for data in (f"source_id,wavelength,flux\n{rows}".encode(), table.getvalue()):
        with pytest.raises(SpectraError, match="last digits are lost"):
            read_bytes("f", data)


def _fits_image() -> bytes:
    out = io.BytesIO()
    fits.PrimaryHDU(np.ones(2401, np.float32)).writeto(out)
    return out.getvalue()


def _npz(**arrays) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def _csv(wavelengths, flux="1.0", head="source_id,wavelength,flux") -> bytes:
    return (head + "\n" + "".join(f"7,{w},{flux}\n" for w in wavelengths)).encode()


BAD = {
    "empty.csv": (b"", "the file is empty"),
    "blank.csv": (b"\n \n", "the file is empty"),
    "photo.csv": (b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20, "JPEG image"),
    "unknown.fits": (bytes(range(256)) * 20, "unknown binary content"),
    "refused.vot": (b"<!DOCTYPE html><html><body>503</body></html>", "web page"),
    "bomb.vot": (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><VOTABLE></VOTABLE>', "XML entities"),
    "columns.csv": (b"a,b,c\n1,2,3\n", "no column 'flux' (columns: a, b, c)"),
    "nowave.csv": (b"source_id,flux\n1,2\n", "no column 'wavelength'"),
    "words.csv": (_csv(GRID_NM, "bright"), "column flux is not numeric: 'bright' in row 1"),
    "nan.csv": (_csv(GRID_NM, "NaN"), "no usable flux: all 2401 samples"),
    "cut.csv": (
        _csv(GRID_NM).rpartition(b",")[0],
        "the last row, '7,870.0', has 2 of 3 values: the file seems cut",
    ),
    "cut.txt": (
        b"850 1 0.1\n850.1 1 0.1\n850.2 0.9\n",
        "the last row, '850.2 0.9', has 2 of 3 values: the file seems cut",
    ),
    "below.csv": (_csv(GRID_NM, "1.0,-0.1", "id,wavelength,flux,flux_error"), "no flux error is positive"),
    "rows.csv": (b"source_id,wavelength,flux\n", "no rows"),
    "noid.csv": (b"source_id,wavelength,flux\n,850,1\n", "1 rows have no source_id"),
    "twice.csv": (_csv([850, 850.01, 850.02, 850.01]), "1 of 1 stars have samples given twice"),
    "four.txt": (b"850 1 2 3\n850.1 1 2 3\n", "4 columns of numbers and no header"),
    "comments.txt": (b"# nothing\n", "only comments"),
    "image.fits": (_fits_image(), "FITS file without a table"),
    "truncated.fits": (archive_file("fits", "RAW", toy(3))[:-20000], "truncated FITS"),
    "truncated.vot": (archive_file("votable", "RAW", toy(3))[:-20000], "damaged or truncated VOTable"),
    "truncated.npz": (
        _npz(flux=np.ones((2, 9)), wavelength_nm=np.arange(9))[:-200],
        "damaged or truncated zip or npz",
    ),
    "truncated.gz": (gzipped(_csv(GRID_NM))[:-100], "damaged or truncated gzip"),
    "pickle.npz": (
        _npz(flux=np.ones((1, 9)), wavelength_nm=np.arange(9), ids=np.array(["a"], object)),
        "never unpickled",
    ),
    "keys.npz": (_npz(a=np.ones(3)), "no array 'flux' (arrays: a)"),
    "shape.npz": (
        _npz(flux=np.ones((2, 9)), wavelength_nm=np.arange(8)),
        "9 pixels of flux but (8,) wavelengths",
    ),
    "back.npz": (_npz(flux=np.ones((2, 9)), wavelength_nm=-np.arange(9)), "wavelengths must increase"),
    "repeated.npz": (
        _npz(
            flux=np.ones((2, 9)),
            wavelength_nm=np.arange(9),
            labels=np.ones((2, 2)),
            label_names=["[Fe/H]", "mh"],
        ),
        "labels [Fe/H] and mh are both mh",
    ),
    "labels.npz": (
        _npz(flux=np.ones((2, 9)), wavelength_nm=np.arange(9), labels=np.ones((2, 3))),
        "under 0 label_names",
    ),
    "empty.zip": (bundle({}), "a bundle of 0 files"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_give_one_line_that_names_them(name, tmp_path):
    data, cause = BAD[name]
    (tmp_path / name).write_bytes(data)
    for read in (
        lambda: read_bytes(name, data),
        lambda: read_stars(tmp_path / name),
        lambda: read_many([tmp_path / name]),
    ):
        with pytest.raises(SpectraError) as caught:
            read()
        message = str(caught.value)
        assert name in message and cause in message and "\n" not in message, message


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(SpectraError, match=r"nowhere\.csv: no such file"):
        read_stars(tmp_path / "nowhere.csv")
    with pytest.raises(SpectraError) as caught:
        read_stars(tmp_path)
    assert str(caught.value) == f"{tmp_path}: is a folder: give its files"
    with pytest.raises(SpectraError, match=r"unknown suffix '\.doc'"):
        write_stars(tmp_path / "a.doc", labelled(1))
    with pytest.raises(SpectraError, match="does its folder exist"):
        write_stars(tmp_path / "no" / "a.npz", labelled(1))
    (tmp_path / "d.npz").mkdir()
    with pytest.raises(SpectraError, match=r"/d\.npz: is a folder"):
        write_stars(tmp_path / "d.npz", labelled(1))


def test_an_error_of_the_system_names_the_file_of_the_call(tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device", str(source))

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(SpectraError, match=r"/a\.npz: cannot be written \(No space left on device\)"):
        write_stars(tmp_path / "a.npz", labelled(1))
    assert not list(tmp_path.iterdir())


def test_raw_without_a_grid_is_read_only_on_the_grid_of_the_archive():
    parquet = io.BytesIO()
    pq.write_table(pa.table({"source_id": [1, 2], "flux": [[1.0] * 700] * 2}), parquet)
    with pytest.raises(SpectraError, match="700 samples per star and no wavelengths"):
        read_bytes("r.parquet", parquet.getvalue())


def test_stars_on_different_grids_in_one_file_are_refused():
    other = "".join(f"8,{w + 0.004:.3f},1.0\n" for w in GRID_NM)
    with pytest.raises(SpectraError, match="2 stars are on different wavelength grids"):
        read_bytes("mixed.csv", _csv(GRID_NM) + other.encode())


def test_files_that_would_explode_are_refused(monkeypatch):
    monkeypatch.setattr(sniff, "MIN_EXPANDED", 100_000)
    zeros = b"850.0 1.0\n" * 100_000
    packed = io.BytesIO()
    np.savez_compressed(packed, flux=np.zeros((1000, 1000)), wavelength_nm=np.arange(1000))
    for name, data in {
        "b.gz": gzipped(zeros),
        "b.zip": bundle({"a.txt": zeros}),
        "b.npz": packed.getvalue(),
    }.items():
        with pytest.raises(SpectraError, match=f"{name}: .* would grow to .* refused"):
            read_bytes(name, data)


def test_a_damaged_member_does_not_spoil_its_bundle():
    files = {
        "a.csv": archive_file("csv", "INDIVIDUAL", toy()),
        "b.fits": archive_file("fits", "COMBINED", toy(3)),
    }
    data = bytearray(bundle(files))
    data[200] ^= 0xFF
    stars, rejected = read_many([("b.zip", bytes(data))])
    assert (
        len(stars) == 3
        and list(rejected) == ["b.zip/a.csv"]
        and rejected["b.zip/a.csv"].count("b.zip/a.csv") == 1
    )


def test_read_many_returns_the_usable_stars_and_names_the_others(tmp_path):
    half = _csv(GRID_NM[:1300]).replace(b"\n7,", b"\n99,")
    for name, data in {
        "a.csv": archive_file("csv", "INDIVIDUAL", toy()),
        "b.npz": b"PK\x03\x04 broken",
        "half.csv": half,
        "again.vot": archive_file("votable", "INDIVIDUAL", toy()),
    }.items():
        (tmp_path / name).write_bytes(data)
    grid = GRID_NM[:2400].reshape(800, 3).mean(1)
    uploads = [
        ("bundle.zip", bundle({"ok.fits": archive_file("fits", "RAW", toy(3)), "MCMC.csv": b"a,b\n1,2\n"}))
    ]
    stars, rejected = read_many([*sorted(tmp_path.iterdir()), *uploads], grid)
    assert stars.ids.tolist() == IDS.tolist() and stars.flux.shape == (3, 800)
    causes = {Path(k).name: v for k, v in rejected.items()}
    assert set(causes) == {"b.npz", "99", "MCMC.csv", f"{IDS[0]} (again)"}
    assert (
        "cover 54.1% of 846.01-869.98 nm, at least 95% are needed" in causes["99"]
        and "half.csv" in causes["99"]
    )
    assert json.dumps(rejected)
    with pytest.raises(SpectraError, match=r"half\.csv.*at least 95%"):
        read_many([tmp_path / "half.csv"], grid)


def test_a_star_without_errors_among_others_with_them(tmp_path, caplog):
    """In one file it is refused for that cause; from a file of its own it costs the others theirs.

    A warning says so.
    """
    stars = labelled(3)
    stars.flux_error[1] = np.nan
    write_stars(tmp_path / "three.npz", stars)
    usable, rejected = read_many([tmp_path / "three.npz"])
    assert usable.ids.tolist() == [IDS[0], IDS[2]]
    assert rejected[IDS[1]].endswith(
        f"star {IDS[1]}: its flux errors are unknown or not positive, those of other stars are known"
    )
    assert not caplog.text
    write_stars(tmp_path / "bare.npz", replace(labelled(1, ["x"]), flux_error=None))
    usable, _ = read_many([tmp_path / "three.npz", tmp_path / "bare.npz"])
    assert len(usable) == 3 and usable.flux_error is None
    assert "1 of 3 stars come without flux errors" in caplog.text
