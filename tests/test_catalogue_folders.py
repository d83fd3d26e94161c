"""Folders of partitions: nothing bad stops the others, and a folder of results belongs to its source."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from gandalf_core import load_model
from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.errors import ClaimError, ModelError, SpectraError
from gandalf_core.io import read_latents, write_stars
from gandalf_core.models.files import read_arrays, write_arrays
from gandalf_core.products import work
from gandalf_core.products.catalogue import run_catalogue
from gandalf_core.products.ledger import PURPOSE, RESULTS
from gandalf_core.products.tasks import Task, decode_task, encode_task, predict_task

FIRST = 5_853_498_713_190_525_697  # odd: a float would change every id
TASKS = {
    "encode": encode_task,
    "predict": predict_task,
    "decode": lambda model: decode_task(model, {"teff": 5000.0}),
}


@pytest.fixture(scope="module")
def sky(stars):
    """Twelve stars with Gaia's ids."""
    return replace(stars[:12], ids=(FIRST + 2 * np.arange(12)).astype(str))


@pytest.fixture
def source(sky, tmp_path):
    """Three partitions of four stars, one of them in a folder below."""
    folder = tmp_path / "survey"
    for k, name in enumerate(("part.0.parquet", "part.1.parquet", "deeper/part.2.parquet")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_stars(folder / name, sky[4 * k : 4 * k + 4])
    return folder


def ids_in(path) -> list[str]:
    return [str(i) for i in pq.read_table(path).column(0).to_pylist()]


def foreign(path, sky, rows, change=lambda k, flux: flux, ids=None, **more) -> None:
    """A partition as other programs write it: lists of any length, or none, in the cells."""
    flux = [change(k, sky.flux[k].astype(float)) for k in rows]
    columns = {
        "source_id": sky.ids[rows].astype(np.int64) if ids is None else ids,
        "wavelength": [sky.wavelength_nm.tolist()] * len(flux),
        "flux": pa.array([None if f is None else f.tolist() for f in flux], pa.list_(pa.float32())),
    }
    pq.write_table(pa.table(columns | more), path, compression="none", use_dictionary=False)


# --- what is bad stops nothing ---

HALF = np.arange(48) < 24
BAD_ROWS = {  # what becomes of stars 4 to 7 → which of them are left out
    "all-nan": (lambda k, f: f * np.nan, [4, 5, 6, 7]),
    "all-half-covered": (lambda k, f: np.where(HALF, np.nan, f), [4, 5, 6, 7]),
    "one-null": (lambda k, f: None if k == 5 else f, [5]),
    "all-null": (lambda k, f: None, [4, 5, 6, 7]),
    "one-empty": (lambda k, f: f[:0] if k == 5 else f, [5]),
    "one-shorter": (lambda k, f: f[:40] if k == 5 else f, [5]),
    "first-longer": (lambda k, f: np.r_[f, 1.0] if k == 4 else f, [4]),
    "in-counts": (lambda k, f: 1000 * f if k == 6 else f, [6]),
}


@pytest.mark.parametrize("chunk", [2, 8192])
@pytest.mark.parametrize("kind", BAD_ROWS)
def test_bad_stars_are_named_and_all_others_are_done(model, sky, source, tmp_path, kind, chunk):
    change, bad = BAD_ROWS[kind]
    foreign(source / "part.1.parquet", sky, np.arange(4, 8), change)
    task, out = encode_task(model), tmp_path / "out"
    first = run_catalogue(task, source, out, chunk=chunk)
    assert (first.stars, first.left_out, first.partitions) == (12 - len(bad), len(bad), 3)
    assert set(first.rejected) == set(sky.ids[bad])
    assert all("part.1.parquet" in cause for cause in first.rejected.values())
    good = [k for k in range(4, 8) if k not in bad]
    assert ids_in(out / "part.1.parquet") == sky.ids[good].tolist()
    np.testing.assert_allclose(
        read_latents(out / "deeper/part.2.parquet").z, model.encode(sky[8:]).z, atol=1e-5
    )
    second = run_catalogue(task, source, out, chunk=chunk)
    assert (second.already, second.stars, second.stars_in_all) == (3, 0, 12 - len(bad))
    assert (second.rejected, second.left_out) == (first.rejected, first.left_out)
    assert second.notes == [f"{out}: all 3 partitions were done before"]


def damage(path) -> None:
    path.write_bytes(b"PAR1 nonsense")


def cut(path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def of_samples(path) -> None:
    pq.write_table(pa.table({"source_id": [1, 1], "wavelength": [850.0, 851.0], "flux": [1.0, 1.0]}), path)


def without_flux(path) -> None:
    pq.write_table(pa.table({"source_id": [1, 2], "colour": [0.1, 0.2]}), path)


def another_format(path) -> None:
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")


def dangling(path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


@pytest.mark.parametrize("spoil", [damage, cut, of_samples, without_flux, another_format])
def test_a_partition_that_cannot_be_read_is_named_and_empty(model, source, tmp_path, spoil):
    spoil(source / "part.1.parquet")
    task, out = predict_task(model), tmp_path / "out"
    first = run_catalogue(task, source, out)
    assert (first.stars, first.partitions) == (8, 3)
    assert list(first.rejected) == ["part.1.parquet"] or spoil is without_flux
    assert all(key.startswith("part.1.parquet") for key in first.rejected)
    assert pq.read_table(out / "part.1.parquet").num_rows == 0
    second = run_catalogue(task, source, out)
    assert (second.already, second.rejected) == (3, first.rejected)


def test_a_partition_that_could_not_be_read_just_now_is_tried_again(model, source, tmp_path, monkeypatch):
    """A link into nothing, or a disk that does not answer, may be well tomorrow."""
    kept = (source / "part.1.parquet").read_bytes()
    dangling(source / "part.1.parquet")
    task, out = encode_task(model), tmp_path / "out"
    assert list(run_catalogue(task, source, out).rejected) == ["part.1.parquet"]
    (source / "nowhere").write_bytes(kept)
    again = run_catalogue(task, source, out)
    assert (again.already, again.stars, again.rejected) == (2, 4, {})
    (out / "part.1.parquet").unlink()
    parts = work.iter_parts

    def failing(path, *arguments, **settings):
        if path.name == "part.1.parquet":
            raise SpectraError(f"{path}: cannot be read") from OSError(5, "Input/output error")
        yield from parts(path, *arguments, **settings)

    monkeypatch.setattr(work, "iter_parts", failing)
    assert list(run_catalogue(task, source, out).rejected) == ["part.1.parquet"]
    monkeypatch.setattr(work, "iter_parts", parts)
    assert (run_catalogue(task, source, out).stars, run_catalogue(task, source, out).already) == (4, 3)


def test_a_partition_without_permission_stops_nothing_and_is_tried_again(
    model, source, tmp_path, monkeypatch
):
    opened, refused = os.open, source / "part.1.parquet"

    def refusing(path, *arguments, **settings):
        if path == refused:
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **settings)

    monkeypatch.setattr(os, "open", refusing)
    task, out = encode_task(model), tmp_path / "out"
    first = run_catalogue(task, source, out)
    assert first.stars == 8 and "cannot be read (Permission denied)" in first.rejected["part.1.parquet"]
    monkeypatch.undo()
    assert run_catalogue(task, source, out).stars == 4


def test_status_two_where_no_star_is_left(model, sky, source, tmp_path):
    for k, path in enumerate(sorted(source.rglob("*.parquet"))):
        foreign(path, sky, np.arange(4 * k, 4 * k + 4), lambda k, f: f * np.nan)
    with pytest.raises(SpectraError, match=r"part\.2\.parquet: star .* \(and 11 more\)"):
        run_catalogue(encode_task(model), source, tmp_path / "out")
    for path in source.rglob("*.parquet"):
        foreign(path, sky, np.arange(0))
    with pytest.raises(SpectraError, match="survey: holds no stars"):
        run_catalogue(encode_task(model), source, tmp_path / "others")


def test_a_star_that_a_task_cannot_do_is_left_out_alone(sky):
    def work(stars):
        if "bad" in stars.ids:
            raise ModelError("its latent is not finite")
        return {"id": stars.ids}

    stars = replace(sky, ids=[*sky.ids[:6], "bad", *sky.ids[7:]])
    task = Task(work, sky.wavelength_nm, {}, refuse=lambda stars: {2: "no teff"})
    pieces, causes = task.pieces(stars)
    assert causes == {2: "no teff", 6: "its latent is not finite"}
    done = np.concatenate([piece["id"] for piece in pieces])
    assert done.tolist() == [*sky.ids[:2], *sky.ids[3:6], *sky.ids[7:]]


# --- one data set ---


@pytest.mark.parametrize("task", TASKS)
def test_a_folder_of_results_is_one_data_set(model, sky, source, tmp_path, task):
    """Every part has the same columns, the empty one too; what is no data does not stand in the way."""
    foreign(source / "part.1.parquet", sky, np.arange(4, 8), lambda k, f: f * np.nan)
    (source / "part.3.PARQUET").write_bytes((source / "part.0.parquet").read_bytes())
    out = tmp_path / "out"
    run_catalogue(TASKS[task](model), source, out)
    paths = sorted(out.rglob("*.parquet"))
    schemas = [pq.read_schema(path).remove_metadata() for path in paths]
    assert len(paths) == 4 and all(schema.equals(schemas[0]) for schema in schemas)
    expected = sorted([*sky.ids[:4], *sky.ids[:4], *sky.ids[8:]])
    assert sorted(map(str, ds.dataset(out).to_table().column(0).to_pylist())) == expected
    assert sorted(pd.read_parquet(out).iloc[:, 0].astype(str)) == expected
    assert {path.name[0] for path in out.rglob("*") if path.is_file() and path not in paths} == {"_"}


def test_dask_reads_a_folder_of_results(model, sky, source, tmp_path):
    """Dask takes the files with these suffixes, in lower case alone."""
    import dask.dataframe as dask

    run_catalogue(predict_task(model), source, tmp_path / "out")
    assert sorted(dask.read_parquet(tmp_path / "out").compute()["id"].astype(str)) == sorted(sky.ids)


def test_ids_are_text_in_all_results_once_they_are_in_one(model, sky, source, tmp_path):
    task, out = predict_task(model), tmp_path / "out"
    run_catalogue(task, source, out)
    assert pq.read_schema(out / "part.0.parquet").field("id").type == pa.int64()
    write_stars(source / "part.3.parquet", replace(sky[:2], ids=["HD 1", "HD 2"]))
    more = run_catalogue(task, source, out)
    assert (more.stars, more.already, len(more.again)) == (14, 0, 3)
    table = ds.dataset(out).to_table()
    assert table.schema.field("id").type == pa.string()
    assert sorted(table["id"].to_pylist()) == sorted([*sky.ids, "HD 1", "HD 2"])
    (source / "part.3.parquet").unlink()
    assert run_catalogue(task, source, out).already == 3


# --- whose folder it is ---


def test_a_folder_belongs_to_its_source(model, sky, source, tmp_path):
    """A second survey whose partitions have the same names, sizes and dates."""
    out, other = tmp_path / "out", tmp_path / "another"
    for k, path in enumerate(sorted(source.rglob("*.parquet"))):
        foreign(path, sky, range(4 * k, 4 * k + 4))
    run_catalogue(encode_task(model), source, out)
    for path in source.rglob("*.parquet"):
        target = other / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        foreign(target, sky, range(4), lambda k, flux: flux[::-1])
        assert target.stat().st_size == path.stat().st_size
        os.utime(target, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    before = ids_in(out / "part.0.parquet")
    with pytest.raises(ClaimError, match=r"out: was begun with another source \(.*survey; .* differs\)"):
        run_catalogue(encode_task(model), other, out)
    assert ids_in(out / "part.0.parquet") == before
    shutil.rmtree(other)
    shutil.copytree(source, other)
    (other / "part.1.parquet").unlink()
    with pytest.raises(ClaimError, match=r"part\.1\.parquet is not in this one"):
        run_catalogue(encode_task(model), other, out)


def test_a_source_may_be_moved_or_copied(model, source, tmp_path):
    out = tmp_path / "out"
    run_catalogue(encode_task(model), source, out)
    for where in ("moved", "moved again"):
        source = source.rename(tmp_path / where)
        for path in source.rglob("*.parquet"):
            os.utime(path, ns=(1, 1))
        assert run_catalogue(encode_task(model), source, out).already == 3
    copy = shutil.copytree(source, tmp_path / "copy")
    assert run_catalogue(encode_task(model), copy, out).already == 3
    assert json.loads((out / PURPOSE).read_text(encoding="utf-8"))["source"] == str(copy)


@pytest.mark.parametrize("what", ["task", "key", "set", "spikes", "regressor"])
def test_a_folder_belongs_to_its_task(model, model_folder, source, tmp_path, what):
    out = tmp_path / "out"
    run_catalogue(decode_task(model, {"teff": 5000.0}), source, out)
    task, keep_spikes = decode_task(model, {"teff": 5000.0}), what == "spikes"
    if what == "task":
        task = encode_task(model)
    elif what == "key":
        task = decode_task(model.under(NoiseKey.from_seed(9)), {"teff": 5000.0})
    elif what == "set":
        task = decode_task(model, {"teff": 5001.0})
    elif what == "regressor":  # which reads the labels that the stars lack; the weights are the same
        folder = shutil.copytree(model_folder, tmp_path / model_folder.name)
        arrays = read_arrays(folder / "regressor-spectrum.npz")
        write_arrays(folder / "regressor-spectrum.npz", arrays | {"more": np.zeros(1)})
        (folder / "manifest.json").unlink()
        again = load_model(folder).under(model.noise_key)
        assert again.model_id == model.model_id
        task = decode_task(again, {"teff": 5000.0})
    with pytest.raises(ClaimError, match="was begun with another choice of"):
        run_catalogue(task, source, out, keep_spikes=keep_spikes)


def test_a_partition_that_was_replaced_is_done_again_and_said(model, stars, sky, source, tmp_path):
    """Also by one of the same size and date; one that was only touched is left alone."""
    task, out, path = encode_task(model), tmp_path / "out", source / "part.1.parquet"
    run_catalogue(task, source, out)
    stat = path.stat()
    write_stars(path, replace(stars[30:34], ids=sky.ids[4:8]))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.utime(source / "part.0.parquet")
    untouched = (out / "part.0.parquet").stat().st_mtime_ns
    second = run_catalogue(task, source, out)
    assert (second.already, second.stars, second.again) == (2, 4, ["part.1.parquet"])
    assert "part.1.parquet have changed since they were done, and were done again" in second.notes[-1]
    expected = model.encode(replace(stars[30:34], ids=sky.ids[4:8])).z
    np.testing.assert_allclose(read_latents(out / "part.1.parquet").z, expected, atol=1e-5)
    assert (out / "part.0.parquet").stat().st_mtime_ns == untouched
    assert run_catalogue(task, source, out).already == 3


def test_a_partition_that_changes_while_it_is_read_is_done_again(model, sky, source, tmp_path, monkeypatch):
    parts, path = work.iter_parts, source / "part.1.parquet"

    def changing(read, *arguments, **settings):
        yield from parts(read, *arguments, **settings)
        if read == path:
            write_stars(path, sky[:1])

    monkeypatch.setattr(work, "iter_parts", changing)
    task, out = encode_task(model), tmp_path / "out"
    first = run_catalogue(task, source, out)
    assert (first.stars, first.already) == (12, 0)
    assert first.notes[-1] == f"{path}: changed while it was read: the same command does it again"
    monkeypatch.setattr(work, "iter_parts", parts)
    second = run_catalogue(task, source, out)
    assert (second.stars, second.already, second.again) == (1, 2, ["part.1.parquet"])


def test_names_are_the_same_on_every_system(model, sky, source, tmp_path):
    """macOS takes é apart into two characters, and gives the file back under that name."""
    together, apart = "\u00e9.parquet", "e\u0301.parquet"
    write_stars(source / apart, sky[:1])
    task, out = encode_task(model), tmp_path / "out"
    assert run_catalogue(task, source, out).partitions == 4
    (source / apart).rename(source / together)
    assert run_catalogue(task, source.rename(tmp_path / "from a Mac"), out).already == 4
    write_stars(tmp_path / "from a Mac" / apart, sky[:1])
    with pytest.raises(SpectraError, match="two files have names that look the same"):
        run_catalogue(task, tmp_path / "from a Mac", out)


def test_partitions_may_come_and_go(model, sky, source, tmp_path):
    task, out = encode_task(model), tmp_path / "out"
    run_catalogue(task, source, out)
    write_stars(source / "part.3.parquet", sky[:1])
    (source / "part.0.parquet").unlink()
    write_stars(out / "mine.parquet", sky)
    summary = run_catalogue(task, source, out)
    assert (summary.stars, summary.already, summary.partitions) == (1, 2, 3)
    assert "part.0.parquet are no longer in the source" in summary.notes[-2]
    assert "mine.parquet in the output are no results of this command" in summary.notes[-1]


def test_a_folder_with_files_of_other_work_is_refused(model, sky, source, tmp_path):
    (tmp_path / "out").mkdir()
    write_stars(tmp_path / "out" / "mine.parquet", sky)
    with pytest.raises(ClaimError, match=r"holds Parquet files of other work \(mine\.parquet\)"):
        run_catalogue(encode_task(model), source, tmp_path / "out")
    with pytest.raises(SpectraError, match="lies inside the output"):
        run_catalogue(encode_task(model), source, tmp_path)


@pytest.mark.parametrize("line", ["", '{"name": "part.0.parquet", "sta', "[]", "\ufffd"])
def test_a_ledger_that_was_cut_short_loses_its_last_line_alone(model, source, tmp_path, line):
    task, out = encode_task(model), tmp_path / "out"
    run_catalogue(task, source, out)
    whole = (out / RESULTS).read_text(encoding="utf-8").splitlines()
    (out / RESULTS).write_text("\n".join([*whole[:-1], line]), encoding="utf-8")
    assert run_catalogue(task, source, out).already == 2
    assert run_catalogue(task, source, out).already == 3
