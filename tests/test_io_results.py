"""What is written beside spectra: latents, maps, tables; and Parquet piece by piece."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import votable
from astropy.table import Table

from gandalf_core import io
from gandalf_core.data.latents import LatentSet
from gandalf_core.data.spectra import SpectraSet, concatenate
from gandalf_core.errors import SpectraError

IDS = (2052747119115620353 + np.arange(7)).astype(str)
LATENTS = LatentSet(
    np.arange(21).reshape(7, 3) / 7, IDS, [[5000.0, np.nan]] * 7, ("teff", "vsini"), "toy@1a2b"
)


def spectra(rows=slice(None), ids=IDS) -> SpectraSet:
    flux = np.random.default_rng(0).normal(1, 0.1, (7, 30)).astype(np.float32)
    mask = flux > 1.15
    labels = np.arange(14.0).reshape(7, 2)
    stars = SpectraSet(
        flux, np.arange(30) + 0.5, ids, labels, ("teff", "colour"), np.full_like(flux, 0.1), mask, {"seed": 1}
    )
    return stars[rows]


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_latents_round_trip(tmp_path, suffix):
    io.write_latents(tmp_path / f"z{suffix}", LATENTS)
    read = io.read_latents(tmp_path / f"z{suffix}")
    np.testing.assert_array_equal(read.z, LATENTS.z)
    np.testing.assert_array_equal(read.labels, LATENTS.labels)
    assert (
        read.ids.tolist() == IDS.tolist()
        and read.label_names == LATENTS.label_names
        and read.model_id == "toy@1a2b"
    )
    with pytest.raises(SpectraError, match="latents"):
        io.read_stars(tmp_path / f"z{suffix}")
    io.write_stars(tmp_path / f"s{suffix}", spectra())
    with pytest.raises(SpectraError, match="no latents"):
        io.read_latents(tmp_path / f"s{suffix}")


def test_latents_as_a_table(tmp_path):
    io.write_latents(tmp_path / "z.csv", LATENTS)
    table = Table.read(tmp_path / "z.csv", format="ascii.csv")
    assert (
        table.colnames == ["source_id", "teff", "label_vsini", "z_0", "z_1", "z_2"]
        and str(table["source_id"][6]) == IDS[6]
    )


def test_maps_have_the_arrays_of_the_contract(tmp_path):
    xy = np.random.default_rng(0).normal(size=(7, 2))
    io.write_map(tmp_path / "m.npz", xy, IDS, LATENTS.labels, LATENTS.label_names)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as data:
        np.testing.assert_array_equal(data["xy"], xy)
        assert data["ids"].tolist() == IDS.tolist() and data["label_names"].tolist() == ["teff", "vsini"]
    io.write_map(tmp_path / "m.fits", xy, IDS)
    assert Table.read(tmp_path / "m.fits").colnames == ["source_id", "x", "y"]


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".fits", ".vot", ".parquet"])
def test_tables_keep_ids_and_units(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    io.write_table(
        path,
        {
            "id": IDS,
            "teff": np.linspace(4000, 7000, 7),
            "teff_error": [90.0] * 6 + [np.nan],
            "note": ["a,b"] * 7,
        },
    )
    kind = {".csv": "ascii.csv", ".ecsv": "ascii.ecsv", ".vot": "votable"}.get(suffix)
    table = Table(pq.read_table(path).to_pydict()) if suffix == ".parquet" else Table.read(path, format=kind)
    assert [str(i) for i in table["id"]] == IDS.tolist() and table["note"][0] == "a,b"
    if suffix in (".ecsv", ".fits", ".vot"):
        assert table["teff"].unit == "K" and table["teff_error"].unit == "K"
    with pytest.raises(SpectraError, match="different lengths: id 7, teff 2"):
        io.write_table(path, {"id": IDS, "teff": [1, 2]})


def test_parquet_streams_in_pieces(tmp_path):
    path = tmp_path / "s.parquet"
    with io.ParquetWriter(path) as out:
        for start in range(0, 7, 2):
            out.write(spectra(slice(start, start + 2)))
    assert out.rows == io.count_rows(path) == 7
    pieces = list(io.iter_parquet(path, chunk=3))
    assert [len(p) for p in pieces] == [3, 3, 1]
    whole = concatenate(pieces)
    np.testing.assert_array_equal(whole.mask, spectra().mask)
    np.testing.assert_array_equal(whole.flux[~whole.mask], spectra().flux[~whole.mask])
    np.testing.assert_array_equal(whole.labels, spectra().labels)
    read = pieces[0].provenance.pop("read")
    assert whole.ids.tolist() == IDS.tolist() and pieces[0].provenance == {"seed": 1}
    assert (read["file"], read["stars"], read["medium"], read["errors_from"]) == (
        "s.parquet",
        3,
        "vacuum",
        "flux_error",
    )
    assert pq.read_schema(path).field("source_id").type == "int64"
    with io.ParquetWriter(tmp_path / "z.parquet") as out:
        out.write(LATENTS[:4])
        out.write(LATENTS[4:])
    np.testing.assert_array_equal(
        np.concatenate([p.z for p in io.iter_latents(tmp_path / "z.parquet", 2)]), LATENTS.z
    )


def test_parquet_batches_are_arrow_memory(tmp_path):
    """No copy between the decoded page and the array: that is why a million spectra are quick."""
    io.write_stars(tmp_path / "s.parquet", spectra(~spectra().mask.any(1)))
    (stars,) = io.iter_parquet(tmp_path / "s.parquet")
    assert not stars.flux.flags.owndata and not stars.flux.flags.writeable


def test_parquet_writer_refuses_what_does_not_fit_and_leaves_nothing(tmp_path):
    grid = spectra()
    other = SpectraSet(
        grid.flux, grid.wavelength_nm + 5, IDS, grid.labels, grid.label_names, grid.flux_error, grid.mask
    )
    named = spectra(ids=[f"sim0-{i}" for i in range(7)])
    for second, cause in (
        (other, "another grid"),
        (spectra().with_labels(grid.labels, ("a", "b")), "other labels"),
        (named, "names"),
    ):
        with pytest.raises(SpectraError, match=cause), io.ParquetWriter(tmp_path / "s.parquet") as out:
            out.write(grid)
            out.write(second)
    with pytest.raises(SpectraError, match="nothing to write"), io.ParquetWriter(tmp_path / "s.parquet"):
        pass
    assert not list(tmp_path.iterdir())
    with io.ParquetWriter(tmp_path / "s.parquet", integer_ids=False) as out:
        out.write(grid)
        out.write(named)
    assert io.read_stars(tmp_path / "s.parquet").ids.tolist() == [*IDS, *named.ids]


def test_streams_name_their_file(tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(SpectraError, match=r"bad\.parquet: damaged"):
        next(io.iter_parquet(tmp_path / "bad.parquet"))
    with pytest.raises(SpectraError, match="no such file"):
        next(io.iter_parquet(tmp_path / "absent.parquet"))
    io.write_table(
        tmp_path / "rows.parquet", {"source_id": ["1"] * 3, "wavelength": [1, 2, 3], "flux": [1, 1, 1]}
    )
    with pytest.raises(SpectraError, match="one row per sample cannot be streamed"):
        next(io.iter_parquet(tmp_path / "rows.parquet"))


ABOUT = {"model": "generator@df98", "stars": "simulated:4:5"}
RESULTS = {
    "id": np.array(["a_1", "b&c", "d"]),
    "teff": np.array([5689.7031234567, 4803.7, np.nan]),
    "teff_error": np.array([105.3393, np.nan, np.nan]),
    "mh": np.array([-0.13355, 0.0, 0.25]),
    "mh_error": np.array([0.05526, 0.0123, 0.1]),
    "outside": np.array([True, False, False]),
}


def test_latex_has_values_with_errors_units_and_the_source(tmp_path):
    io.write_table(tmp_path / "t.tex", RESULTS, about={"caption": "Stars & more", **ABOUT})
    lines = (tmp_path / "t.tex").read_text(encoding="utf-8").splitlines()
    assert lines[2] == r"\caption{Stars \& more}" and lines[3] == r"\begin{tabular}{lrrr}"
    assert lines[5:7] == [
        r"id & $T_\mathrm{eff}$ & $[\mathrm{M/H}]$ & outside \\",
        r" & (K) & (dex) &  \\",
    ]
    assert lines[8:11] == [
        r"a\_1 & $5690 \pm 110$ & $-0.134 \pm 0.055$ & yes \\",
        r"b\&c & $4804$ & $0.000 \pm 0.012$ & no \\",
        r"d & \ldots & $0.25 \pm 0.10$ & no \\",
    ]
    assert r"model: generator@df98; stars: simulated:4:5." in lines[13]


@pytest.mark.parametrize("suffix", [".ecsv", ".fits", ".vot", ".parquet"])
def test_tables_say_what_their_numbers_come_from(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    io.write_table(path, RESULTS, about=ABOUT, digits=7)
    if suffix == ".parquet":
        told = {k.decode(): v.decode() for k, v in pq.read_schema(path).metadata.items()}
        values = pq.read_table(path)["teff"].to_numpy()
    elif suffix == ".vot":
        table = votable.parse_single_table(path)
        told, values = {i.name: i.value for i in table.infos}, np.asarray(table.array["teff"])
    else:
        table = Table.read(path, format="ascii.ecsv" if suffix == ".ecsv" else "fits")
        comments = table.meta.get("comments", [])
        told = dict(line.split(": ", 1) for line in comments) or table.meta
        values = np.ma.filled(table["teff"], np.nan)
    assert ABOUT.items() <= dict(told).items()
    assert values[0] == 5689.703


def test_csv_is_plain_with_sensible_digits(tmp_path):
    io.write_table(tmp_path / "t.csv", RESULTS, about=ABOUT, digits=7)
    first, second, *_ = (tmp_path / "t.csv").read_text().splitlines()
    assert first == "id,teff,teff_error,mh,mh_error,outside"
    assert second == '"a_1",5689.703,105.3393,-0.13355,0.05526,true'
