"""Catalogues: chunks change no number, what cannot be used stops nothing, a stopped run resumes."""

import threading
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.errors import ClaimError, ModelError, SpectraError
from gandalf_core.io import read_latents, read_stars, write_stars
from gandalf_core.products.catalogue import run_catalogue
from gandalf_core.products.ledger import HASHES, PURPOSE, RESULTS
from gandalf_core.products.pipeline import in_background, read_ahead, write_behind
from gandalf_core.products.tasks import decode_task, encode_task, predict_task

OTHER = NoiseKey.from_seed(9)


@pytest.fixture(scope="module")
def gaia_like(stars):
    """The toy stars under 64-bit ids, which must not pass through a float."""
    return replace(stars, ids=(4_000_000_000_000_000_001 + 2 * np.arange(len(stars))).astype(str))


def test_chunks_do_not_change_latents(model, gaia_like, tmp_path):
    write_stars(tmp_path / "in.parquet", gaia_like)
    whole = model.encode(gaia_like)
    for chunk in (37, 4096):
        summary = run_catalogue(
            encode_task(model), tmp_path / "in.parquet", tmp_path / "out.parquet", chunk=chunk
        )
        result = read_latents(tmp_path / "out.parquet")
        assert summary.stars == len(gaia_like) and summary.left_out == 0 and summary.rejected == {}
        assert np.array_equal(result.ids, gaia_like.ids) and result.model_id == model.model_id
        np.testing.assert_allclose(result.z, whole.z, atol=1e-5)
        np.testing.assert_array_equal(result.labels, whole.labels)


def test_another_key_gives_other_noise(model, gaia_like, tmp_path):
    write_stars(tmp_path / "in.parquet", gaia_like[:50])
    run_catalogue(encode_task(model.under(OTHER)), tmp_path / "in.parquet", tmp_path / "out.parquet")
    result = read_latents(tmp_path / "out.parquet")
    np.testing.assert_allclose(result.z, model.encode(gaia_like[:50], key=OTHER).z, atol=1e-5)
    assert np.abs(result.z - model.encode(gaia_like[:50]).z).max() > 0.1
    assert result.key_fingerprint == OTHER.fingerprint


def test_predictions_equal_those_of_the_model(model, gaia_like, tmp_path):
    write_stars(tmp_path / "in.parquet", gaia_like)
    run_catalogue(predict_task(model), tmp_path / "in.parquet", tmp_path / "out.parquet", chunk=64)
    table, expected = pq.read_table(tmp_path / "out.parquet"), model.predict(gaia_like)
    assert table["id"].type == "int64" and table["id"].to_pylist() == [int(i) for i in gaia_like.ids]
    for j, name in enumerate(model.label_names):
        np.testing.assert_allclose(table[name].to_numpy(), expected.values[:, j], rtol=1e-4)
        np.testing.assert_allclose(table[f"{name}_error"].to_numpy(), expected.errors[:, j], rtol=1e-4)
    np.testing.assert_allclose(table["chi2"].to_numpy(), expected.chi2, rtol=1e-3)
    assert table["outside"].type == "bool" and table["verdict"].type == table["reason"].type == "string"
    assert table["outside"].to_pylist() == expected.outside.tolist()
    assert not [name for name in table.column_names if name.endswith("_corr")]


def test_correlations_of_errors_are_columns_on_request(model, gaia_like, tmp_path):
    write_stars(tmp_path / "in.parquet", gaia_like[:30])
    task = predict_task(model, correlations=True)
    run_catalogue(task, tmp_path / "in.parquet", tmp_path / "out.parquet")
    table, expected = pq.read_table(tmp_path / "out.parquet"), model.predict(gaia_like[:30])
    i, j = model.label_names.index("teff"), model.label_names.index("logg")
    assert sum(name.endswith("_corr") for name in table.column_names) == 6
    np.testing.assert_allclose(table["teff_logg_corr"].to_numpy(), expected.correlations[:, i, j], atol=1e-4)
    assert task.about != predict_task(model).about, "a folder holds tables of one kind"


def test_verdicts_may_be_left_out_of_a_catalogue(model, gaia_like, tmp_path):
    write_stars(tmp_path / "in.parquet", gaia_like[:30])
    plain, judged = predict_task(model, verdicts=False), predict_task(model)
    for name, task in (("plain", plain), ("judged", judged)):
        run_catalogue(task, tmp_path / "in.parquet", tmp_path / f"{name}.parquet")
    without, complete = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("plain", "judged"))
    assert without.schema.names == complete.schema.names and plain.about != judged.about
    assert without["teff"].equals(complete["teff"]) and without["chi2"].equals(complete["chi2"])
    assert np.isnan(without["outlier_score"].to_numpy()).all() and set(without["verdict"].to_pylist()) == {""}
    assert np.isfinite(complete["outlier_score"].to_numpy()).all()


def test_the_key_of_predictions_is_that_of_the_latent(model, gaia_like, tmp_path):
    write_stars(tmp_path / "in.parquet", gaia_like[:20])
    run_catalogue(predict_task(model.under(OTHER)), tmp_path / "in.parquet", tmp_path / "out.parquet")
    result, column = pq.read_table(tmp_path / "out.parquet")["mh"].to_numpy(), model.label_names.index("mh")
    expected, others = (m.predict(gaia_like[:20]).values[:, column] for m in (model.under(OTHER), model))
    np.testing.assert_allclose(result, expected, rtol=1e-4)
    assert np.abs(result - others).max() > 1e-3


def test_decoded_spectra_carry_the_changed_label(model, gaia_like, tmp_path):
    write_stars(tmp_path / "in.parquet", gaia_like[:60])
    run_catalogue(
        decode_task(model, {"teff": 5000.0}), tmp_path / "in.parquet", tmp_path / "out.parquet", chunk=25
    )
    result = read_stars(tmp_path / "out.parquet")
    expected, given = model.modify(gaia_like[:60], {"teff": 5000.0})
    assert (result.label("teff") == 5000).all() and given.all()
    np.testing.assert_array_equal(result.label("mh"), gaia_like[:60].label("mh"))
    np.testing.assert_allclose(result.flux, expected.flux, atol=1e-5)
    assert np.abs(result.flux - model.reconstruct(gaia_like[:60])).max() > 1e-3


def test_a_label_without_a_slider_is_refused(model):
    with pytest.raises(ModelError, match="vsini"):
        decode_task(model, {"vsini": 10.0})


def test_a_star_off_the_grid_is_counted_not_fatal(model, gaia_like, tmp_path):
    mask = np.zeros(gaia_like.flux.shape, bool)
    mask[[3, 77], :20] = True
    write_stars(tmp_path / "in.parquet", replace(gaia_like, mask=mask))
    summary = run_catalogue(encode_task(model), tmp_path / "in.parquet", tmp_path / "out.parquet", chunk=50)
    assert (summary.stars, summary.left_out) == (len(gaia_like) - 2, 2)
    assert set(summary.rejected) == {gaia_like.ids[3], gaia_like.ids[77]}
    assert "cover" in summary.rejected[gaia_like.ids[3]]
    assert not np.isin(gaia_like.ids[[3, 77]], read_latents(tmp_path / "out.parquet").ids).any()


def test_a_catalogue_of_refused_stars_leaves_no_file(model, gaia_like, tmp_path):
    mask = np.zeros((5, gaia_like.flux.shape[1]), bool)
    mask[:, :30] = True
    write_stars(tmp_path / "in.parquet", replace(gaia_like[:5], mask=mask))
    with pytest.raises(SpectraError, match=r"in\.parquet: star 4000000000000000001: .* \(and 4 more\)"):
        run_catalogue(encode_task(model), tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.parquet"]


@pytest.fixture
def folder(gaia_like, tmp_path):
    for k, part in enumerate(("a.parquet", "deeper/b.parquet", "deeper/c.parquet")):
        (tmp_path / "in" / part).parent.mkdir(parents=True, exist_ok=True)
        write_stars(tmp_path / "in" / part, gaia_like[100 * k : 100 * k + 100])
    return tmp_path / "in"


def test_partitions_keep_their_names_and_a_second_run_does_only_missing_ones(
    model, gaia_like, folder, tmp_path
):
    out, fractions = tmp_path / "out", []
    first = run_catalogue(
        encode_task(model), folder, out, progress=lambda fraction, text: fractions.append(fraction)
    )
    assert (first.partitions, first.already, first.stars) == (3, 0, 300)
    assert fractions == sorted(fractions) and fractions[-1] == 1
    names = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert names == {"a.parquet", "deeper/b.parquet", "deeper/c.parquet", PURPOSE, RESULTS, HASHES}
    (out / "deeper/b.parquet").unlink()
    untouched = (out / "a.parquet").stat().st_mtime_ns
    second = run_catalogue(encode_task(model), folder, out)
    assert (second.already, second.stars) == (2, 100)
    assert (out / "a.parquet").stat().st_mtime_ns == untouched
    assert np.array_equal(read_latents(out / "deeper/b.parquet").ids, gaia_like.ids[100:200])


def test_a_folder_of_other_work_is_refused(model, folder, tmp_path):
    run_catalogue(encode_task(model), folder, tmp_path / "out")
    for other in (encode_task(model.under(OTHER)), predict_task(model)):
        with pytest.raises(ClaimError, match="choose another folder"):
            run_catalogue(other, folder, tmp_path / "out")


def test_output_inside_the_source_and_empty_folders_are_refused(model, folder, tmp_path):
    with pytest.raises(SpectraError, match="lies inside"):
        run_catalogue(encode_task(model), folder, folder / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpectraError, match=r"no \.parquet file"):
        run_catalogue(encode_task(model), tmp_path / "empty", tmp_path / "out")


def test_what_fails_in_a_background_thread_is_raised_where_it_is_waited_for():
    with in_background(lambda n: 2 * n, 21) as doubled:
        assert doubled() == 42

    def fail(n):
        raise SpectraError("bad file")

    with pytest.raises(SpectraError, match="bad file"), in_background(fail, 1) as failed:
        failed()


def test_memory_holds_a_few_chunks_only(model, gaia_like, tmp_path):
    """Never more than three chunks alive: one being read, one in the networks, one being written."""
    write_stars(tmp_path / "in.parquet", gaia_like)
    task, alive, most = encode_task(model), [], []
    import weakref

    def work(stars):
        if len(stars):  # without one, it only tells the columns
            alive.append(weakref.ref(stars))
            most.append(sum(ref() is not None for ref in alive))
        return model.encode(stars)

    run_catalogue(replace(task, work=work), tmp_path / "in.parquet", tmp_path / "out.parquet", chunk=10)
    assert len(most) == 40 and max(most) <= 3


def test_read_ahead_fetches_one_item_early():
    fetched, event = [], threading.Event()

    def source():
        for k in range(3):
            fetched.append(k)
            if k == 1:
                event.set()
            yield k

    items = read_ahead(source())
    assert next(items) == 0
    assert event.wait(5) and fetched == [0, 1]
    assert list(items) == [1, 2]


def test_errors_of_the_threads_are_raised_here():
    def source():
        yield 1
        raise SpectraError("bad file")

    items = read_ahead(source())
    assert next(items) == 1
    with pytest.raises(SpectraError, match="bad file"):
        next(items)

    def refuse(item):
        raise SpectraError("disk full")

    with pytest.raises(SpectraError, match="disk full"), write_behind(refuse) as write:
        write(1)
