"""The queue of jobs: order, limits, stopping, resuming, and what becomes of jobs whose server ended."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gandalf_core.errors import GandalfError, JobError, SpectraError
from gandalf_core.jobs import queue as queue_module
from gandalf_core.jobs.folder import JobState, JobWriter
from gandalf_core.jobs.job import Job
from gandalf_core.jobs.queue import JobManager
from gandalf_core.jobs.quotas import quotas
from gandalf_core.jobs.visitors import Visitor

ME = Visitor("me")
WRITES = """import pathlib, sys; pathlib.Path(sys.argv[1], "status.json").write_text('{"state": "done"}')"""


class Programs(JobManager):
    """A queue whose jobs are the Python program in their first argument, run on the job's folder."""

    def launch(self, job: Job) -> subprocess.Popen:
        with (job.folder / "log.txt").open("wb") as log:
            return subprocess.Popen([sys.executable, "-c", job.arguments[0], str(job.folder)], stderr=log)


@pytest.fixture
def manager(tmp_path):
    queue = Programs(tmp_path / "runs", tmp_path)
    yield queue
    queue.close()


def wait(manager: JobManager, name: str) -> str:
    deadline = time.monotonic() + 30
    while manager.job(name).active and time.monotonic() < deadline:
        time.sleep(0.05)
    return manager.job(name).state


def test_a_job_runs_and_says_how_it_ended(manager):
    name = manager.submit("train", "a", [WRITES], "me")
    assert wait(manager, name) == "done"


def test_what_a_job_says_is_utf8_whatever_the_servers_locale(tmp_path, monkeypatch):
    """Its result and its log are read as UTF-8; it knows on what it works."""
    (tmp_path / "says.py").write_text(
        "import pathlib, sys; print('{\"λ\": 1}'); print('α', file=sys.stderr);"
        "pathlib.Path(sys.argv[-1], 'status.json').write_text('{\"state\": \"done\"}')",
        encoding="utf-8",
    )
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    queue = JobManager(tmp_path / "runs", tmp_path)
    name = queue.submit("train", "a", [], "me", module="says", content="what it works on")
    assert wait(queue, name) == "done" and queue.job(name).content == "what it works on"
    queue.close()
    folder = queue.job(name).folder
    assert json.loads((folder / "result.json").read_text(encoding="utf-8")) == {"λ": 1}
    assert (folder / "log.txt").read_text(encoding="utf-8").strip() == "α"


def test_one_at_a_time_in_the_order_of_submission(manager):
    first = manager.submit("train", "first", ["import time; time.sleep(60)"], "me")
    second = manager.submit("train", "second", [WRITES], "you")
    assert manager.job(second).state == "queued"
    assert [job.title for job in manager.list()] == ["second", "first"]
    manager.processes[first].kill()
    assert wait(manager, second) == "done"
    assert manager.job(first).state == "died"


def test_folder_in_an_argument_becomes_the_jobs_folder(manager):
    name = manager.submit("train", "a", [WRITES, "--out", "{folder}/model"], "me", config='{"a": 1}')
    job = manager.job(name)
    assert job.arguments[2] == f"{job.folder}/model" and json.loads(
        (job.folder / "config.json").read_text()
    ) == {"a": 1}


def test_nobody_fills_the_queue_alone(manager):
    for _ in range(quotas().jobs):
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
    manager.cancel(second, ME)
    assert manager.job(second).state == "cancelled"


def test_a_crash_is_reported_with_the_last_line_of_its_log(manager):
    name = manager.submit("train", "a", ["raise SystemExit('no stars in this file')"], "me")
    assert wait(manager, name) == "died"
    assert manager.job(name).status["message"] == "no stars in this file"


def test_a_stopped_training_resumes_from_its_checkpoint(manager):
    name = manager.submit("train", "a", ["raise SystemExit(1)"], "me")
    wait(manager, name)
    folder = manager.job(name).folder
    (folder / "model").mkdir()
    (folder / "model" / "checkpoint.safetensors").touch()
    (folder / "cancel").touch()
    manager.resume(name, ME)
    assert manager.job(name).arguments[-1] == "--resume" and not (folder / "cancel").exists()


LINGERS = """
import json, pathlib, sys, time
status, again = pathlib.Path(sys.argv[1], "status.json"), pathlib.Path(sys.argv[1], "again")
status.write_text(json.dumps({"state": "done" if again.exists() else "cancelled"}))
again.touch()
time.sleep(1.5)
"""


def test_a_job_resumed_while_its_process_still_ends_runs_again(manager):
    name = manager.submit("train", "a", [LINGERS], "me")
    assert wait(manager, name) == "cancelled" and manager.processes[name].poll() is None
    manager.resume(name, ME)
    assert wait(manager, name) == "done"


def test_jobs_of_a_server_that_ended_have_died(manager, tmp_path):
    name = manager.submit("train", "a", ["import time; time.sleep(60)"], "me")
    process = manager.processes.pop(name)
    process.kill()
    process.wait()
    manager.close()
    later = Programs(tmp_path / "runs", tmp_path)
    assert later.job(name).state == "died" and "can be resumed" in later.job(name).status["message"]
    later.close()


# --- two servers on one folder of jobs ---


def test_one_of_two_servers_runs_the_jobs_of_both(manager, tmp_path):
    running = manager.submit("train", "a", ["import time; time.sleep(60)"], "me")
    other = Programs(tmp_path / "runs", tmp_path)
    waiting = other.submit("train", "b", [WRITES], "me")
    time.sleep(2 * queue_module.PATROL_SECONDS)
    assert other.job(running).state == "running" and other.job(waiting).state == "queued"
    manager.processes[running].kill()
    assert wait(other, waiting) == "done" and other.job(running).state == "died" and not other.processes
    later = other.submit("train", "c", [WRITES], "me")
    assert wait(other, later) == "done", "the other one is told of it"
    other.close()


def test_the_other_server_goes_on_with_what_waits_where_one_ends(manager, tmp_path):
    running = manager.submit("train", "a", ["import time; time.sleep(60)"], "me")
    other = Programs(tmp_path / "runs", tmp_path)
    waiting = other.submit("train", "b", [WRITES], "me")
    manager.close()
    manager.processes[running].wait()
    assert wait(other, waiting) == "done" and other.job(running).state == "died"
    other.close()


def test_a_job_that_does_not_stop_when_it_is_asked_is_ended(manager, monkeypatch):
    monkeypatch.setattr("gandalf_core.jobs.processes.GRACE_SECONDS", 0.05)
    name = manager.submit("train", "a", ["import time; time.sleep(60)"], "me")
    manager.cancel(name, ME)
    assert wait(manager, name) == "cancelled"


def test_a_running_job_cannot_be_deleted_and_a_finished_one_leaves_nothing(manager):
    name = manager.submit("train", "a", ["import time; time.sleep(60)"], "me")
    with pytest.raises(JobError, match="Stop the job first"):
        manager.delete(name, ME)
    manager.processes[name].kill()
    wait(manager, name)
    folder = manager.job(name).folder
    manager.delete(name, ME)
    assert not folder.exists()


def test_a_line_being_written_waits_for_the_next_look(manager):
    name = manager.submit("train", "a", [WRITES], "me")
    (manager.job(name).folder / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo')
    assert manager.job(name).history() == [{"epoch": 1}]


def test_the_command_runs_in_the_working_folder_with_the_job_folder(tmp_path):
    (tmp_path / "program.py").write_text("import os, sys; print(os.getcwd(), sys.argv[1:])")
    queue = JobManager(tmp_path / "runs", tmp_path)
    name = queue.submit("train", "a", ["x"], "me", module="program")
    wait(queue, name)
    folder = queue.job(name).folder
    queue.close()
    said = (folder / "result.json").read_text()
    assert said.startswith(str(tmp_path.resolve())) and f"['x', '--json', '--job', '{folder}']" in said


def test_the_queue_reads_what_a_command_writes(manager):
    name = manager.submit("train", "a", [WRITES], "me")
    wait(manager, name)
    writer = JobWriter(manager.job(name).folder, "train")
    for state in JobState:
        writer.update(state=state, message="now")
        assert manager.job(name).state is state
        assert json.loads((writer.folder / "status.json").read_text())["state"] == state.value
    writer.restart_metrics([{"epoch": 1}])
    writer.add_metrics({"epoch": 2})
    assert manager.job(name).history() == [{"epoch": 1}, {"epoch": 2}]
    assert not list(writer.folder.glob(".*"))  # nothing half-written stays


def test_errors_of_jobs_are_shown_like_all_others(tmp_path):
    assert issubclass(JobError, GandalfError)
    (tmp_path / "file").write_text("")
    with pytest.raises(JobError, match="cannot be a job folder"):
        JobWriter(tmp_path / "file" / "job", "train")


def test_the_queue_loads_neither_streamlit_nor_numpy():
    code = (
        "import sys, gandalf_core.jobs.queue; assert not {'streamlit', 'numpy', 'pages'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


# --- full disks and damaged folders ---


def test_the_queue_survives_a_disk_that_is_full_for_a_while(manager, monkeypatch):
    """Neither its thread nor a job is lost: what ended is noted, what waits starts, when there is room."""
    full, write = [True], queue_module.write_status

    def limited(job, state, message):
        if full[0]:
            raise SpectraError(f"{job.folder}: cannot be written (No space left on device)")
        write(job, state, message)

    first = manager.submit("train", "first", ["import time; time.sleep(0.3); raise SystemExit(1)"], "me")
    second = manager.submit("train", "second", [WRITES], "me")
    monkeypatch.setattr(queue_module, "write_status", limited)
    time.sleep(1.5)
    assert manager.job(first).active and manager.job(second).state == "queued"
    with pytest.raises(JobError, match="No space left on device"):
        manager.submit("train", "third", [WRITES], "me")
    assert sum(path.is_dir() for path in manager.root.iterdir()) == 2
    full[0] = False
    assert wait(manager, first) == "died" and wait(manager, second) == "done"


def test_a_job_that_cannot_be_started_has_failed_and_the_next_one_starts(tmp_path, monkeypatch):
    queue = Programs(tmp_path / "runs", tmp_path)
    launch = queue.launch

    def refusing(job: Job) -> subprocess.Popen:
        if job.title == "bad":
            raise OSError(30, "Read-only file system", str(job.folder / "log.txt"))
        return launch(job)

    monkeypatch.setattr(queue, "launch", refusing)
    bad = queue.submit("train", "bad", [WRITES], "me")
    good = queue.submit("train", "good", [WRITES], "me")
    assert wait(queue, good) == "done" and queue.job(bad).state == "failed"
    assert "log.txt: cannot be started (Read-only file system)" in queue.job(bad).status["message"]
    queue.close()


def test_whatever_goes_wrong_the_queues_thread_goes_on(manager, monkeypatch, capsys):
    first = manager.submit("train", "first", ["import time; time.sleep(0.2)"], "me")
    with monkeypatch.context() as patched:
        patched.setattr(manager, "list", lambda kind="": 1 / 0)
        time.sleep(1.2)
    assert "ZeroDivisionError" in capsys.readouterr().err
    second = manager.submit("train", "second", [WRITES], "me")
    assert wait(manager, second) == "done" and manager.job(first).state == "died"


@pytest.mark.parametrize(
    "record", ["", "{", "[]", "null", "{}", "[" * 100_000, '{"kind": 1, "arguments": 2}']
)
def test_a_damaged_job_folder_harms_no_other(manager, record):
    good = manager.submit("train", "a", [WRITES], "me")
    folder = manager.root / "0123456789ab"
    folder.mkdir()
    (folder / "job.json").write_text(record)
    assert [job.id for job in manager.list()] == [good] and wait(manager, good) == "done"


@pytest.mark.parametrize("status", ["", "[]", '{"state": "lost"}', '{"a":' * 100_000])
def test_a_status_that_says_nothing_is_that_of_a_job_that_waits_or_died(manager, status):
    name = manager.submit("train", "a", [WRITES], "me")
    wait(manager, name)
    (manager.job(name).folder / "status.json").write_text(status)
    (manager.job(name).folder / "metrics.jsonl").write_text('{"epoch": 1}\n{"ep\n[1]\n{"epoch": 2}\n')
    assert manager.job(name).state == ("died" if "lost" in status else "queued")
    assert manager.job(name).history() == [{"epoch": 1}, {"epoch": 2}]


def test_work_goes_on_where_its_progress_cannot_be_written(tmp_path, capsys):
    writer = JobWriter(tmp_path / "job", "train")
    shutil.rmtree(tmp_path / "job")
    writer.update(message="now")
    writer.add_metrics({"epoch": 1})
    assert capsys.readouterr().err.count("cannot be written") == 2


def test_a_deleted_job_can_be_brought_back_for_a_while_by_its_owner(manager, monkeypatch):
    name = manager.submit("train", "a", ["print('well')"], "me")
    wait(manager, name)
    manager.delete(name, ME)
    assert not manager.list() and manager.deleted.has(name)
    assert manager.deleted.take(name, lambda job: job.owner == "somebody") is None
    assert manager.deleted.take(name, lambda job: job.owner == "me") and manager.job(name).title == "a"
    manager.delete(name, ME)
    monkeypatch.setattr("gandalf_core.jobs.deleted.KEPT_SECONDS", -1)
    assert manager.deleted.take(name, lambda job: True) is None
    manager.deleted.empty()
    assert not list(manager.deleted.folder.glob("*"))
