"""Files that we write carry checksums: what was changed in them afterwards is refused, or said."""

import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from toy import toy_stars

from gandalf_core.errors import SpectraError
from gandalf_core.io import read_bytes, read_latents, read_stars, write_latents, write_stars, write_table
from gandalf_core.io.parquet_columns import ColumnWriter
from gandalf_core.io.understanding import reading_notes


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for suffix in ("parquet", "fits", "npz"):
        write_stars(folder / f"s.{suffix}", toy_stars(20))
    return folder


def flipped(path, place: int) -> bytes:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    return bytes(content)


def place_of_flux(path) -> int:
    kind = ">f4" if path.suffix == ".fits" else "<f4"
    return path.read_bytes().index(toy_stars(20).flux[7, 5:7].astype(kind).tobytes())


@pytest.mark.parametrize("suffix", ["parquet", "npz"])
def test_one_bit_of_the_flux_is_enough_to_be_refused(files, suffix):
    path = files / f"s.{suffix}"
    changed = flipped(path, place_of_flux(path))
    with pytest.raises(SpectraError, match=r"^x: damaged or truncated .*(CRC|crc)"):
        read_bytes("x", changed)


def test_one_bit_of_a_fits_file_is_said(files):
    path = files / "s.fits"
    data = read_bytes("x", flipped(path, place_of_flux(path)))
    assert any("DATASUM does not fit the data" in note for note in reading_notes(data))
    header = path.read_bytes().replace(b"'logg    '", b"'vsini   '", 1)
    assert any("CHECKSUM does not fit the header" in note for note in reading_notes(read_bytes("x", header)))
    assert not any("SUM" in note for note in reading_notes(read_stars(path)))


def test_metadata_of_parquet_and_the_names_of_its_columns_have_one_too(files):
    table = pq.read_table(files / "s.parquet")
    about = dict(table.schema.metadata)
    grid = json.loads(about[b"gandalf"])["wavelength_nm"]
    moved = about | {
        b"gandalf": about[b"gandalf"].replace(str(grid[3]).encode(), str(grid[3] + 0.1).encode())
    }
    other = table.rename_columns(["flux_err0r" if n == "flux_error" else n for n in table.column_names])
    for changed in (table.replace_schema_metadata(moved), other.replace_schema_metadata(about)):
        pq.write_table(changed, out := io.BytesIO())
        with pytest.raises(SpectraError, match=r"not as they were written \(CRC-32\)"):
            read_bytes("x.parquet", out.getvalue())
    older = {key: value for key, value in about.items() if key != b"gandalf_crc32"}
    pq.write_table(table.replace_schema_metadata(older), out := io.BytesIO())
    np.testing.assert_array_equal(read_bytes("x.parquet", out.getvalue()).flux, toy_stars(20).flux)


def test_tables_of_results_have_them_too(tmp_path):
    columns = {"id": np.array(["1", "2"]), "teff": np.array([5777.25, 4321.5])}
    with ColumnWriter(tmp_path / "a.parquet") as out:
        out.write(columns)
    write_table(tmp_path / "b.parquet", {"source_id": columns["id"], "teff": columns["teff"]})
    for name in ("a.parquet", "b.parquet"):
        path = tmp_path / name
        place = path.read_bytes().index(np.array([5777.25, 4321.5]).tobytes())
        path.write_bytes(flipped(path, place))
        with pytest.raises(OSError, match="CRC checksum verification failed"):
            pq.read_table(path, page_checksum_verification=True)
    write_table(tmp_path / "c.fits", {"source_id": columns["id"], "teff": columns["teff"]})
    with fits.open(tmp_path / "c.fits", checksum=True) as opened:
        assert all("DATASUM" in hdu.header and "CHECKSUM" in hdu.header for hdu in opened)


def test_latents_are_compared_with_theirs(tmp_path, model, stars):
    path = tmp_path / "z.parquet"
    write_latents(path, model.encode(stars[:20]))
    place = path.read_bytes().index(model.encode(stars[:20]).z[3, :2].tobytes())
    path.write_bytes(flipped(path, place))
    with pytest.raises(SpectraError, match="CRC"):
        read_latents(path)
