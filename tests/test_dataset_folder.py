"""Folders of the library `datasets`: latents audited from them; nothing outside is opened, nothing unpacked.

tests/data/hugging-face holds two folders that the library itself wrote.
"""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_audit_latent import LABELS, LEAK, QUICK

from gandalf_core.auditing import audit_table
from gandalf_core.errors import SpectraError
from gandalf_core.io import dataset_folder
from gandalf_core.io.latent_tables import read_latent_table

STORED = Path(__file__).parent / "data" / "hugging-face"
Z = np.arange(12, dtype=np.float32).reshape(4, 3)
TABLE = pa.table({"id": ["a", "b", "c", "d"], "embedding": Z.tolist(), "teff": [5000.0, 5100, 5200, None]})


def arrow(path: Path, table: pa.Table = TABLE, **options) -> Path:
    """An Arrow stream, as the library writes its shards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.ipc.new_stream(str(path), table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return path


def saved(folder: Path, *tables: pa.Table, **features) -> Path:
    """A folder as `save_to_disk` writes it."""
    names = [f"data-{k:05}-of-{len(tables):05}.arrow" for k in range(len(tables))]
    for name, table in zip(names, tables, strict=True):
        arrow(folder / name, table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": n} for n in names]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return folder


def refusal(folder: Path, split: str | None = None) -> str:
    with pytest.raises(SpectraError) as caught:
        read_latent_table(folder, split=split)
    said = str(caught.value)
    assert said.startswith(f"{folder}: ") and "\n" not in said
    return said


def test_shards_are_read_in_the_order_that_is_stated(tmp_path):
    folder = saved(tmp_path, TABLE[:1], TABLE[1:])
    state = json.loads((folder / "state.json").read_text())
    state["_data_files"].reverse()
    (folder / "state.json").write_text(json.dumps(state))
    arrow(folder / "cache-1234.arrow")  # of `map`: no shard
    latents = read_latent_table(folder)
    np.testing.assert_array_equal(latents.z, Z[[1, 2, 3, 0]])
    assert latents.ids is not None and latents.ids.tolist() == ["b", "c", "d", "a"]
    np.testing.assert_array_equal(latents.labels(["teff"]).values[:, 0], [5100, 5200, np.nan, 5000])


def test_an_audit_of_a_folder_is_that_of_its_arrays(tmp_path):
    columns = dict(zip(("teff", "mh", "vsini"), LABELS.T, strict=True))
    table = pa.table({"z": LEAK.z.tolist(), **columns})
    folder = saved(tmp_path, table[:100], table[100:])
    found = audit_table(read_latent_table(folder), ["teff"], ["mh"], **QUICK).to_dict()
    assert found["model"] == str(folder) and found["removed"]["teff"]["verdict"] == "readable"


def test_classes_are_their_numbers_and_said(tmp_path):
    kinds = pa.table({"z": Z.tolist(), "kind": pa.array([1, 0, -1, 1])})
    names = {"names": ["dwarf", "giant"], "_type": "ClassLabel"}
    labels = read_latent_table(saved(tmp_path, kinds, kind=names)).labels(["kind"])
    np.testing.assert_array_equal(labels.values[:, 0], [1, 0, np.nan, 1])
    assert "0 = dwarf, 1 = giant" in " ".join(labels.notes)


def test_a_split_is_chosen_or_asked_for(tmp_path):
    saved(tmp_path / "train", TABLE[:3])
    saved(tmp_path / "test", TABLE[3:])
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert "holds the splits test, train: choose one (--split NAME)" in refusal(tmp_path)
    assert "no split validation; there are: test, train" in refusal(tmp_path, "validation")
    np.testing.assert_array_equal(read_latent_table(tmp_path, split="test").z, Z[3:])
    np.testing.assert_array_equal(read_latent_table(tmp_path / "train").z, Z[:3])
    assert dataset_folder.splits(tmp_path) == ("test", "train")


@pytest.mark.parametrize(
    "name", ["data/test-00000-of-00001.parquet", "test.parquet", "stars-test-00000-of-00001.arrow"]
)
def test_a_split_is_in_the_names_of_shards(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    pq.write_table(TABLE, path) if path.suffix == ".parquet" else arrow(path)
    (tmp_path / "dataset_info.json").write_text("{}")
    assert dataset_folder.splits(tmp_path) == ("test",)
    np.testing.assert_array_equal(read_latent_table(tmp_path, split="test").z, Z)


@pytest.mark.parametrize("kind", ["stream", "file"])
def test_both_kinds_of_arrow_files_are_read_and_compressed_ones_refused(tmp_path, kind):
    for compression in (None, "lz4"):
        options = pa.ipc.IpcWriteOptions(compression=compression)
        new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
        texts = pa.table({"z": Z.tolist(), "survey": pa.array(["x", "y", "x", "y"]).dictionary_encode()})
        with new(str(tmp_path / "data.arrow"), texts.schema, options=options) as writer:
            writer.write_table(texts)
        if compression is None:
            np.testing.assert_array_equal(read_latent_table(tmp_path).z, Z)
    assert "a compressed Arrow file: write the data set as Parquet" in refusal(tmp_path)


def test_nothing_outside_the_folder_is_opened(tmp_path):
    outside = arrow(tmp_path / "elsewhere" / "secret.arrow")
    folder = saved(tmp_path / "set", TABLE)
    os.symlink(outside, folder / "more.arrow")
    state = folder / "state.json"
    state.write_text('{"_data_files": [{"filename": "more.arrow"}]}')
    assert "more.arrow is a link out of the folder" in refusal(folder)
    for name in ("../elsewhere/secret.arrow", str(outside), "missing.arrow"):
        state.write_text(json.dumps({"_data_files": [{"filename": name}]}))
        assert "which is no file beside it" in refusal(folder)
    state.unlink()
    os.symlink(outside, state)
    assert "state.json is a link out of the folder" in refusal(folder)


def test_what_is_no_data_set_is_one_line(tmp_path):
    assert "a folder without .arrow or .parquet files" in refusal(tmp_path)
    folder = saved(tmp_path / "set", TABLE.drop_columns(["embedding"]))
    assert "no latents: no column z of lists" in refusal(folder)
    (folder / "state.json").write_text("[" * 100_000)
    assert "state.json is not the JSON of a data set" in refusal(folder)
    whole = arrow(tmp_path / "cut" / "data.arrow").read_bytes()
    for length in (5, 100, len(whole) - 60):
        (tmp_path / "cut" / "data.arrow").write_bytes(whole[:length])
        refusal(tmp_path / "cut")
    arrow(tmp_path / "two" / "a-00000-of-00002.arrow")
    arrow(tmp_path / "two" / "a-00001-of-00002.arrow", TABLE.drop_columns(["teff"]))
    assert "its shards have different columns" in refusal(tmp_path / "two")
    with pytest.raises(SpectraError, match="is not the folder of a data set"):
        read_latent_table(whole_file := arrow(tmp_path / "x.arrow"), split="test")
    assert whole_file.is_file()


def test_rows_that_take_no_bytes_are_refused(tmp_path):
    """A column of nulls has a length and nothing else: two billion rows in a few hundred bytes."""
    nulls = pa.table({"z_0": pa.array([], pa.null())})
    batch = pa.RecordBatch.from_arrays([pa.nulls(2**31 - 1)], schema=nulls.schema)
    with pa.ipc.new_stream(str(tmp_path / "data.arrow"), nulls.schema) as writer:
        writer.write_batch(batch)
    assert "would grow to" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["saved", "hub"])
def test_what_the_library_itself_wrote_is_read(name):
    latents = read_latent_table(STORED / name, split="test")
    np.testing.assert_array_equal(latents.z, np.arange(12).reshape(4, 3)[2:])
    labels = latents.labels(["teff", "kind"])
    np.testing.assert_array_equal(labels.values, [[5200, 0], [5300, 1]])
    assert latents.ids is not None and latents.ids.tolist() == ["4000000000000000003", "4000000000000000004"]
