"""A damaged row group, or rows that cannot be used, never stop the others of a Parquet file."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.io import iter_parquet
from gandalf_core.io.parquet import iter_parts
from gandalf_core.io.parquet_groups import divided
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


def changed(path, **columns) -> None:
    """Put other columns into a file of `write`."""
    table = pq.read_table(path)
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, values)
    pq.write_table(table, path, row_group_size=10)


def test_a_row_that_cannot_be_read_is_named_and_the_others_of_its_chunk_are_read(tmp_path):
    """The id of one row is a number that lost its last digits; in another there is none."""
    path = tmp_path / "s.parquet"
    write(path, group=10)
    texts: list[str | None] = list(map(str, IDS))
    texts[12], texts[25] = "4.000000000000001e18", None
    changed(path, source_id=pa.array(texts))
    for chunk in (10, 100):
        intake = Intake()
        parts = list(iter_parts(path, chunk))
        found = np.concatenate([p.stars.ids for p in parts if isinstance(p.stars, SpectraSet)])
        assert found.tolist() == [i for k, i in enumerate(map(str, IDS)) if k not in (12, 25)]
        assert sum(part.rows for part in parts) == 30
    assert sum(map(len, intake.pieces([str(path)]))) == 28 and len(intake.rejected) == 2


def test_a_chunk_of_bad_rows_alone_is_between_good_ones(tmp_path):
    path = tmp_path / "s.parquet"
    write(path, group=10)
    error = np.full((30, 64), 0.01, np.float32)
    error[10:20] = -1
    changed(path, flux_error=pa.array(error.tolist()))
    parts = list(iter_parts(path, 10))
    bad = [part for part in parts if isinstance(part.stars, SpectraError)]
    assert [part.first_row for part in bad] == list(range(10, 20)) and {part.rows for part in bad} == {1}
    assert all("no flux error is positive" in str(part.stars) for part in bad)
    assert [(p.first_row, p.rows) for p in parts if p not in bad] == [(0, 10), (20, 10)]


def test_a_table_is_not_divided_where_that_does_not_help():
    """A million rows without ids must not be looked at one by one; one bad row among them is found soon."""
    table, asked = pa.table({"n": range(4096)}), []

    def read(part, first):
        asked.append(len(part))
        if bad & set(part["n"].to_pylist()):
            raise SpectraError("bad")
        return part["n"].to_pylist()

    bad = set(range(4096))
    (part,) = divided(table, 100, read)
    assert (part.first_row, part.rows, str(part.stars)) == (100, 4096, "bad") and len(asked) == 9
    bad, asked[:] = {7, 4000}, []
    parts = list(divided(table, 100, read))
    assert [p.first_row - 100 for p in parts if isinstance(p.stars, SpectraError)] == [7, 4000]
    good = [n for part in parts if isinstance(part.stars, list) for n in part.stars]
    assert good == sorted({*range(4096)} - bad)
    assert len(asked) < 200


def test_a_file_that_is_cut_is_an_error_of_the_file(tmp_path):
    path = tmp_path / "s.parquet"
    write(path, group=10)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SpectraError, match=r"s\.parquet: damaged or truncated"):
        list(iter_parts(path))
