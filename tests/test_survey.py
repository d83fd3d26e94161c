"""Catalogues and sweeps on a Dask cluster: each star once whoever dies, with the numbers of this process."""

import hashlib
import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toy import toy_config, toy_stars

from gandalf_core.cli import main
from gandalf_core.errors import ClusterError
from gandalf_core.io import ParquetWriter, read_latents, write_stars
from gandalf_core.jobs import cluster as clusters
from gandalf_core.jobs.cluster import Team, WorkersLostError, connected
from gandalf_core.jobs.pace import Pace
from gandalf_core.models.flags import FLAGS, flags_of
from gandalf_core.models.packing import packed
from gandalf_core.products.catalogue import run_catalogue
from gandalf_core.products.duplicates import duplicates
from gandalf_core.products.ledger import HASHES
from gandalf_core.products.remote import Shipment, Site
from gandalf_core.products.staging import UNFINISHED, staging
from gandalf_core.products.tasks import Order, encode_task, predict_task
from gandalf_core.sweeps.remote_trials import run_on_cluster
from gandalf_core.sweeps.space import Sweep, parse_axis
from gandalf_core.sweeps.study import results, run_sweep

DOCS = Path(__file__).parent.parent / "docs"
PARTITIONS, EACH, FIRST = 8, 2500, 4_000_000_000_000_000_001


@pytest.fixture(scope="module")
def cluster():
    """Two workers for all tests here; Dask itself gives a task up with the first worker that dies of it."""
    from dask import config
    from distributed import LocalCluster

    settings = {"distributed.scheduler.allowed-failures": 0, "logging.distributed": "critical"}
    with (
        config.set(settings),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
    ):
        yield cluster


@pytest.fixture(scope="module")
def survey(stars, tmp_path_factory):
    """20,000 stars in 8 partitions, under odd ids that no float can hold."""
    folder, rows = tmp_path_factory.mktemp("survey"), np.arange(EACH) % len(stars)
    for k in range(PARTITIONS):
        ids = FIRST + 2 * (EACH * k + np.arange(EACH))
        write_stars(folder / f"part.{k}.parquet", replace(stars[rows], ids=ids.astype(str)))
    return folder


@pytest.fixture
def site(model, model_folder, cluster):
    """site(order) -> where a catalogue is worked through, and what it says."""
    from distributed import Client

    def made(order: Order, **changes) -> tuple[Site, list[str]]:
        with Client(cluster) as client:  # one that an earlier test has killed may still be on its way back
            client.wait_for_workers(2, timeout=60)
        task, said = order.task(model), []
        secret = model.noise_key.secret
        shipment = replace(Shipment(packed(model_folder), "", secret, order, task.about), **changes)
        return Site(task, lambda: shipment, cluster.scheduler_address, 2, said.append), said

    return made


# --- on a cluster: tests that end no worker come first, since imports are made again in the next one ---


@pytest.mark.long  # workers import all that a training takes
def test_a_sweep_on_a_cluster_has_the_scores_of_one_in_this_process(cluster, tmp_path):
    write_stars(tmp_path / "toy.npz", toy_stars(300))
    axis = parse_axis("model.latent_size", "1,3,600000000")
    plan = Sweep(
        toy_config("autoencoder", training__epochs=1),
        (axis,),
        (str(tmp_path / "toy.npz"),),
        "reconstruction",
        "grid",
    )
    run_on_cluster(tmp_path / "there", plan, cluster.scheduler_address)
    run_sweep(tmp_path / "here", plan)
    there, here = results(tmp_path / "there"), results(tmp_path / "here")
    assert there["state"].tolist() == ["complete", "complete", "fail"]
    assert there["cause"].iloc[2] == here["cause"].iloc[2]
    np.testing.assert_allclose(there["score"][:2], here["score"][:2], rtol=1e-4)
    assert there["model.latent_size"].tolist() == here["model.latent_size"].tolist()


def test_each_star_once_though_a_worker_is_killed(model, site, survey, cluster, tmp_path):
    out, texts = tmp_path / "out", []
    crew, said = site(Order("predict", verdicts=False))

    def progress(fraction, text):
        if not texts:
            os.kill(cluster.workers[0].process.pid, signal.SIGKILL)
        texts.append(text)

    summary = run_catalogue(crew.task, survey, out, chunk=500, progress=progress, hire=crew.hired)
    frame = pd.read_parquet(out)
    assert summary.stars == len(frame) == PARTITIONS * EACH and summary.duplicate_ids == 0
    assert sorted(frame["id"]) == [FIRST + 2 * k for k in range(PARTITIONS * EACH)]
    assert re.search(r"20,000 of 20,000 stars, [\d,]+ per second", texts[-1])
    assert "2 workers of tcp://" in said[0] and "dashboard http://127.0.0.1:" in said[0]
    assert not (out / UNFINISHED).exists() and summary.scheduler == cluster.scheduler_address
    for line in (out / HASHES).read_text().splitlines():
        expected, name = line.split("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == expected
    run_catalogue(predict_task(model, verdicts=False), survey / "part.3.parquet", tmp_path / "here.parquet")
    here = pd.read_parquet(tmp_path / "here.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(out / "part.3.parquet"), here, rtol=1e-4)
    _second_call_does_what_is_missing(crew, survey, out)


def _second_call_does_what_is_missing(crew, survey, out):
    """A result that is gone, and one that is not what was written."""
    (out / "part.1.parquet").unlink()
    content = (out / "part.2.parquet").read_bytes()
    (out / "part.2.parquet").write_bytes(content[:-9] + b"damaged" + content[-2:])
    again = run_catalogue(crew.task, survey, out, hire=crew.hired)
    assert (again.already, again.stars, again.again) == (6, 2 * EACH, ["part.2.parquet"])
    assert len(pd.read_parquet(out)) == again.stars_in_all == PARTITIONS * EACH
    done = run_catalogue(crew.task, survey, out, hire=crew.hired)
    assert (done.already, done.stars, done.scheduler) == (8, 0, ""), "nobody is hired for nothing"


def test_a_worker_of_another_version_or_file_system_is_one_line(site, survey, tmp_path):
    crew, _ = site(Order("encode"), version="0.0")
    with pytest.raises(
        ClusterError, match=r"the worker on .* has gandalf_core .*, not 0\.0: install that one"
    ):
        run_catalogue(crew.task, survey, tmp_path / "out", hire=crew.hired)
    crew, _ = site(Order("encode"), about={"task": "another"})
    with pytest.raises(ClusterError, match="makes something else of the model"):
        run_catalogue(crew.task, survey, tmp_path / "out", hire=crew.hired)
    assert not list((tmp_path / "out").glob("*.parquet")) and not (tmp_path / "out" / UNFINISHED).exists()


def test_an_item_that_ends_every_worker_is_given_up_and_the_others_are_done(cluster, monkeypatch):
    monkeypatch.setattr(clusters, "LOST_WORKERS", 1)
    with connected(cluster.scheduler_address, 1) as client:
        team = Team(client, Nothing(), end_or_double)
        found = dict(team.outcomes([1, 0, 2], lambda: 1))
    assert (found[1], found[2]) == (2, 4) and isinstance(found[0], WorkersLostError)


class Nothing:
    def unpacked(self):
        return "content"


def end_or_double(content, item, tell):
    assert content == "content"
    return 2 * item if item else os._exit(1)


# --- without a cluster ---


def test_without_dask_a_scheduler_is_refused_in_one_line(model_folder, survey, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("gandalf_core.cli.arguments.is_installed", lambda: False)
    source, out = str(survey), str(tmp_path / "out")
    command = ["catalogue", "encode", str(model_folder), source, out, "--scheduler", "local"]
    assert main(command) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "Dask is not installed: pip install 'gandalf-explorer[survey]'" in err


def test_a_scheduler_that_does_not_answer_is_one_line(model_folder, survey, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(clusters, "PATIENCE_SECONDS", 0.2)
    source, out = str(survey), str(tmp_path / "out")
    command = ["catalogue", "encode", str(model_folder), source, out, "--scheduler", "tcp://127.0.0.1:9"]
    assert main(command) == 2
    assert "tcp://127.0.0.1:9: no scheduler answers" in capsys.readouterr().err.splitlines()[-1]


def test_ids_that_come_twice_are_said(model, stars, tmp_path):
    (tmp_path / "in").mkdir()
    for name, rows in (("a", [0, 1, 2, 0]), ("b", [2, 3])):
        write_stars(tmp_path / "in" / f"{name}.parquet", stars[rows])
    summary = run_catalogue(encode_task(model), tmp_path / "in", tmp_path / "out")
    zero, two = stars.ids[0], stars.ids[2]
    assert summary.stars == 6 and summary.duplicate_ids == 2
    assert summary.duplicates == {zero: ["a.parquet"] * 2, two: ["a.parquet", "b.parquet"]}
    assert any(f"2 ids occur more than once: {zero} (a.parquet), {two} (a.pa" in n for n in summary.notes)
    files = {f"{name}.parquet": tmp_path / "out" / f"{name}.parquet" for name in "ab"}
    assert duplicates(files, at_once=2) == duplicates(files), "found in several passes, in bounded memory"


def test_what_a_killed_run_left_unfinished_is_removed_and_nothing_of_a_running_one(tmp_path):
    left = tmp_path / UNFINISHED / "left"
    left.mkdir(parents=True)
    (left / "x.parquet").write_bytes(b"")
    with staging(tmp_path) as first, staging(tmp_path) as second:
        assert first.is_dir() and second.is_dir() and not left.exists()
    assert not (tmp_path / UNFINISHED).exists()


def test_a_pace_counts_what_this_run_does_alone(monkeypatch):
    now = iter((0.0, 10.0))
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    pace = Pace(1_000)
    assert pace.text(600) == "600 of 1,000 stars"
    assert pace.text(700) == "700 of 1,000 stars, 10 per second, 30 s left" and pace.fraction(700) == 0.7


# --- flags ---


def test_flags_say_why_a_number_is_missing_or_doubtful(model, stars, tmp_path):
    found = model.predict(stars[:5], verdicts=False)
    values, errors = found.values.copy(), found.errors.copy()
    values[1, 0], errors[2, 1] = np.nan, np.nan
    known = {"outlier_score": np.full(5, 0.5), "velocity_kms": np.array([0.0, 0, 0, 80, 0])}
    words = np.array(["ordinary", "noisy", "active chromosphere", "composite or fast rotator", "outside"])
    found = replace(found, values=values, errors=errors, verdict=words, outside=np.arange(5) == 4, **known)
    names = [{flag.name for flag in FLAGS if bits & flag.value} for bits in flags_of(found).tolist()]
    assert names == [
        set(),
        {"no label", "noisy"},
        {"no error", "active"},
        {"shifted", "composite"},
        {"outside"},
    ]
    write_stars(tmp_path / "in.parquet", stars[:5])
    run_catalogue(predict_task(model, verdicts=False), tmp_path / "in.parquet", tmp_path / "out.parquet")
    flags = pd.read_parquet(tmp_path / "out.parquet")["flags"]
    assert flags.dtype == np.int32 and (flags & 48 == 48).all(), "neither verdict nor velocity was asked for"


def test_the_bits_are_documented():
    text = (DOCS / "files.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    assert [(int(value), name, meaning) for value, name, meaning in rows] == [tuple(flag) for flag in FLAGS]
    assert [flag.value for flag in FLAGS] == [2**k for k in range(len(FLAGS))]


# --- HATS ---


def test_the_results_of_a_hats_catalogue_are_one(model, stars, tmp_path):
    """Made and opened by the real library; positions come along with the stars, one of which is left out."""
    hats = pytest.importorskip("hats")
    from hats.catalog import TableProperties
    from hats.catalog.partition_info import PartitionInfo
    from hats.io.paths import get_partition_info_pointer, pixel_catalog_file
    from hats.pixel_math import HealpixPixel
    from hats.pixel_math.spatial_index import compute_spatial_index

    base, count, chance = tmp_path / "in", 24, np.random.default_rng(3)
    ra, dec = chance.uniform(0, 360, count), chance.uniform(-60, 60, count)
    cell = compute_spatial_index(ra, dec)
    pixels = [HealpixPixel(0, int(number)) for number in np.unique(cell >> 58)]
    mask = np.zeros(stars[:count].flux.shape, bool)
    mask[5, :30] = True
    some = replace(stars[:count], mask=mask, ids=(FIRST + 2 * np.arange(count)).astype(str))
    for pixel in pixels:
        rows = np.flatnonzero(cell >> 58 == pixel.pixel)
        path = Path(pixel_catalog_file(base, pixel))
        path.parent.mkdir(parents=True, exist_ok=True)
        with ParquetWriter(path) as file:
            file.write(some[rows], {"ra": ra[rows], "dec": dec[rows], "_healpix_29": cell[rows]})
    PartitionInfo.from_healpix(pixels).write_to_file(get_partition_info_pointer(base))
    about = {"ra_column": "ra", "dec_column": "dec", "healpix_column": "_healpix_29", "healpix_order": 29}
    about |= {"catalog_name": "in", "catalog_type": "object", "total_rows": count}
    TableProperties(**about).to_properties_file(base)
    out = tmp_path / "out"
    summary = run_catalogue(predict_task(model, verdicts=False), base, out)
    assert summary.left_out == 1 and summary.notes[-1].endswith("is a HATS catalogue, as the source is")
    opened = hats.read_hats(out)
    assert opened.catalog_info.total_rows == count - 1 and opened.get_healpix_pixels() == pixels
    frame = pd.read_parquet(out / "dataset").set_index("id")
    rows = (frame.index.to_numpy() - FIRST) // 2
    assert np.array_equal(frame["ra"], ra[rows]) and np.array_equal(frame["_healpix_29"], cell[rows])
    path = tmp_path / "z.parquet"  # latents get them, too, and are read as ever
    with ParquetWriter(path, id_name="id") as file:
        file.write(model.encode(stars[:2]), {"ra": ra[:2]})
    assert read_latents(path).ids.tolist() == stars.ids[:2].tolist()
