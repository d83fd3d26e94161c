"""The job queue: order, limits, stopping, resuming, and what becomes of jobs whose server ended."""

import json
import subprocess
import sys
import time

import pytest

from pages.ui.jobs import PER_OWNER, JobError, JobManager

WRITES = "import json,pathlib,sys; pathlib.Path(sys.argv[1],'status.json').write_text(json.dumps({'state': 'done'}))"


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """A queue whose jobs are the Python program in their first argument, run with the job folder as its
    argument.
    """

    def launch(self, job):
        return subprocess.Popen(
            [sys.executable, "-c", job.arguments[0], str(job.folder)],
            stderr=(job.folder / "log.txt").open("wb"),
        )

    monkeypatch.setattr(JobManager, "_launch", launch)
    made = JobManager(tmp_path / "runs")
    yield made
    made.close()


def wait(manager: JobManager, name: str) -> str:
    deadline = time.monotonic() + 30
    while manager.job(name).active and time.monotonic() < deadline:
        time.sleep(0.05)
    return manager.job(name).state


def test_a_job_runs_and_says_how_it_ended(manager):
    name = manager.submit("train", "a", [WRITES], "me")
    assert wait(manager, name) == "done"


def test_one_at_a_time_in_the_order_of_asking(manager):
    first = manager.submit("train", "first", ["import time; time.sleep(60)"], "me")
    second = manager.submit("train", "second", [WRITES], "you")
    assert manager.job(second).state == "queued"
    assert [job.title for job in manager.list()] == ["second", "first"]
    manager.processes[first].kill()
    assert wait(manager, second) == "done"
    assert manager.job(first).state == "died"


def test_the_folder_stands_in_the_arguments(manager):
    name = manager.submit("train", "a", [WRITES, "--out", "{folder}/model"], "me", config='{"a": 1}')
    job = manager.job(name)
    assert job.arguments[2] == f"{job.folder}/model" and json.loads(
        (job.folder / "config.json").read_text()
    ) == {"a": 1}


def test_nobody_fills_the_queue_alone(manager):
    for _ in range(PER_OWNER):
        manager.submit("train", "a", ["import time; time.sleep(60)"], "me")
    with pytest.raises(JobError, match="jobs waiting or running"):
        manager.submit("train", "a", [WRITES], "me")
    manager.submit("train", "a", [WRITES], "you")


@pytest.mark.parametrize("name", ["../../etc", "nothing", "0123456789ab"])
def test_an_id_from_a_link_is_checked_before_it_becomes_a_path(manager, name):
    with pytest.raises(JobError, match="No job"):
        manager.job(name)


def test_a_waiting_job_that_is_stopped_never_begins(manager):
    manager.submit("train", "a", ["import time; time.sleep(60)"], "me")
    second = manager.submit("train", "b", [WRITES], "me")
    manager.cancel(second)
    assert manager.job(second).state == "cancelled"


def test_a_crash_is_told_with_its_last_line(manager):
    name = manager.submit("train", "a", ["raise SystemExit('no stars in this file')"], "me")
    assert wait(manager, name) == "died"
    assert manager.job(name).status["message"] == "no stars in this file"


def test_a_stopped_training_goes_on_from_its_checkpoint(manager):
    name = manager.submit("train", "a", ["raise SystemExit(1)"], "me")
    wait(manager, name)
    folder = manager.job(name).folder
    (folder / "model").mkdir()
    (folder / "model" / "checkpoint.safetensors").touch()
    (folder / "cancel").touch()
    manager.resume(name)
    assert manager.job(name).arguments[-1] == "--resume" and not (folder / "cancel").exists()


LINGERS = """
import json, pathlib, sys, time
status, again = pathlib.Path(sys.argv[1], "status.json"), pathlib.Path(sys.argv[1], "again")
status.write_text(json.dumps({"state": "done" if again.exists() else "cancelled"}))
again.touch()
time.sleep(1.5)
"""


def test_a_job_taken_up_again_while_its_process_still_ends_runs_again(manager):
    name = manager.submit("train", "a", [LINGERS], "me")
    assert wait(manager, name) == "cancelled" and manager.processes[name].poll() is None
    manager.resume(name)
    assert wait(manager, name) == "done"


def test_jobs_of_a_server_that_ended_are_buried(manager, tmp_path):
    name = manager.submit("train", "a", ["import time; time.sleep(60)"], "me")
    manager.processes.pop(name).kill()
    later = JobManager(tmp_path / "runs")
    assert later.job(name).state == "died" and "go on" in later.job(name).status["message"]


def test_a_running_job_cannot_be_deleted_and_a_finished_one_leaves_nothing(manager):
    name = manager.submit("train", "a", ["import time; time.sleep(60)"], "me")
    with pytest.raises(JobError, match="Stop the job first"):
        manager.delete(name)
    manager.processes[name].kill()
    wait(manager, name)
    folder = manager.job(name).folder
    manager.delete(name)
    assert not folder.exists()


def test_a_line_being_written_waits_for_the_next_look(manager):
    name = manager.submit("train", "a", [WRITES], "me")
    (manager.job(name).folder / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo')
    assert manager.job(name).history() == [{"epoch": 1}]
