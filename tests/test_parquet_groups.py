"""A damaged row group, or rows that cannot be used, never stop the others of a Parquet file."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.io import iter_parquet
from gandalf_core.io.parquet import iter_parts
from gandalf_core.sources import Intake

WAVELENGTH_NM = np.linspace(846.0, 870.0, 64)
IDS = 4_000_000_000_000_000_001 + np.arange(30)


def write(path, *, group: int, flux=None, error=0.01) -> None:
    """Thirty stars, `group` in each row group, whose flux is 1 + k / 1000 beside a line."""
    flux = np.repeat(1 + np.arange(30)[:, None] / 1000, 64, 1) if flux is None else flux
    flux[:, 30] = 0.5
    columns = {
        "source_id": IDS,
        "wavelength": [WAVELENGTH_NM.tolist()] * 30,
        "flux": flux.astype(np.float32).tolist(),
        "flux_error": np.full((30, 64), error, np.float32).tolist(),
    }
    pq.write_table(pa.table(columns), path, row_group_size=group, compression="snappy", use_dictionary=False)


def damage(path, group: int) -> None:
    """Overwrite the pages of the flux in a row group."""
    chunks = [pq.read_metadata(path).row_group(group).column(k) for k in range(4)]
    (flux,) = (c for c in chunks if c.path_in_schema.startswith("flux."))
    content = bytearray(path.read_bytes())
    content[flux.data_page_offset : flux.data_page_offset + flux.total_compressed_size] = (
        b"\xff" * flux.total_compressed_size
    )
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("chunk", [4, 10, 25, 100])
@pytest.mark.parametrize("bad", [0, 1, 2])
def test_the_rows_of_a_damaged_group_are_named_and_all_others_come_once(tmp_path, bad, chunk):
    path = tmp_path / "s.parquet"
    write(path, group=10)
    damage(path, bad)
    parts = list(iter_parts(path, chunk))
    assert sum(part.rows for part in parts) == 30
    good = [p.stars for p in parts if isinstance(p.stars, SpectraSet)]
    ids = np.concatenate([s.ids for s in good]).astype(np.int64)
    assert ids.tolist() == [i for k, i in enumerate(IDS.tolist()) if k // 10 != bad]
    flux = np.concatenate([s.flux for s in good])[:, 0]
    np.testing.assert_allclose(flux, 1 + (ids - IDS[0]) / 1000, rtol=1e-6)
    (error,) = (p for p in parts if isinstance(p.stars, SpectraError))
    assert (error.first_row, error.rows) == (10 * bad, 10)
    assert error.name("s.parquet") == f"s.parquet, rows {10 * bad} to {10 * bad + 9}"
    assert str(error.stars).startswith(f"{path}: damaged or truncated Parquet file")
    with pytest.raises(SpectraError, match="damaged or truncated"):
        list(iter_parquet(path, chunk))


def test_the_commands_read_around_a_damaged_group(tmp_path):
    path = tmp_path / "s.parquet"
    write(path, group=10)
    damage(path, 1)
    intake = Intake()
    pieces = list(intake.pieces([str(path)]))
    assert sum(map(len, pieces)) == intake.stars == 20
    assert list(intake.rejected) == [f"{path}, rows 10 to 19"]


def test_rows_that_cannot_be_used_together_are_one_part(tmp_path):
    """A chunk whose errors are all negative is refused; those before and after it are read."""
    path = tmp_path / "s.parquet"
    error = np.full((30, 64), 0.01)
    error[10:20] = -1
    columns_error = error
    write(path, group=10)
    table = pq.read_table(path)
    table = table.set_column(3, "flux_error", pa.array(columns_error.astype(np.float32).tolist()))
    pq.write_table(table, path, row_group_size=10)
    parts = list(iter_parts(path, 10))
    assert [isinstance(p.stars, SpectraError) for p in parts] == [False, True, False]
    assert "no flux error is positive" in str(parts[1].stars)


def test_a_file_that_is_cut_is_an_error_of_the_file(tmp_path):
    path = tmp_path / "s.parquet"
    write(path, group=10)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SpectraError, match=r"s\.parquet: damaged or truncated"):
        list(iter_parts(path))
