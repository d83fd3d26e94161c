"""Catalogues on a Dask cluster: each star once whoever dies, and the same numbers as in this process."""

import os
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gandalf_core.io import read_latents, write_stars
from gandalf_core.models.packing import packed
from gandalf_core.products.catalogue import run_catalogue
from gandalf_core.products.remote import Shipment, Site
from gandalf_core.products.tasks import Order

PARTITIONS, EACH = 8, 2500


@pytest.fixture(scope="module")
def cluster():
    """Two workers, started once for all tests here."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def survey(stars, tmp_path_factory):
    """20,000 stars in 8 partitions, under ids that must not pass through a float."""
    folder = tmp_path_factory.mktemp("survey")
    some = np.arange(EACH) % len(stars)
    for k in range(PARTITIONS):
        ids = (4_000_000_000_000_000_001 + 2 * (EACH * k + np.arange(EACH))).astype(str)
        write_stars(folder / f"part.{k}.parquet", replace(stars[some], ids=ids))
    return folder


def site(model, model_folder, cluster, order=None, say=print):
    order = order or Order("predict", verdicts=False)
    task = order.task(model)
    secret = model.noise_key.secret
    return Site(
        task,
        lambda: Shipment(packed(model_folder), "", secret, order, task.about),
        cluster.scheduler_address,
        2,
        say,
    )


def test_each_star_once_though_a_worker_is_killed(model, model_folder, survey, cluster, tmp_path):
    out, said = tmp_path / "out", []
    hurt = threading.Event()

    def progress(fraction, text):
        if not hurt.is_set():
            hurt.set()
            os.kill(cluster.workers[0].process.pid, signal.SIGKILL)

    crew = site(model, model_folder, cluster, say=said.append)
    begun = time.time()
    summary = run_catalogue(crew.task, survey, out, chunk=500, progress=progress, hire=crew.hired)
    print(time.time() - begun, said, summary)
    frame = pd.read_parquet(out)
    assert len(frame) == summary.stars == PARTITIONS * EACH and frame["id"].is_unique
