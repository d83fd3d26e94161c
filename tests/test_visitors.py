"""Who is who, who may change what, what each may use, and what goes when the disk is full."""

import os
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from gandalf_core.errors import ConfigError, JobError
from gandalf_core.jobs import accounts as accounts_module
from gandalf_core.jobs import disk
from gandalf_core.jobs.accounts import Accounts, samples_in
from gandalf_core.jobs.ledger import DAY, Ledger, Thing
from gandalf_core.jobs.queue import JobManager
from gandalf_core.jobs.quotas import MB, check_settings, quotas, quotas_in
from gandalf_core.jobs.sayings import for_visitors, without_folders
from gandalf_core.jobs.visitors import KEY_FILE, Signer, Visitor, new_id, opened_here

# --- who ---


def test_only_this_servers_cookies_are_believed(tmp_path):
    signer, visitor = Signer.of_folder(tmp_path), new_id()
    cookie = signer.signed(visitor)
    assert Signer.of_folder(tmp_path).read(cookie) == visitor, "after a restart, too"
    assert Signer(b"x" * 32).read(cookie) is None
    other = new_id() + cookie[len(visitor) :]
    for forged in (
        "",
        visitor,
        f"{visitor}.",
        other,
        cookie[:-1],
        f"{cookie}0",
        f"{visitor}.é",
        "server." + cookie,
    ):
        assert signer.read(forged) is None, forged
    if os.name == "posix":
        assert (tmp_path / KEY_FILE).stat().st_mode & 0o077 == 0


def test_a_damaged_key_is_named(tmp_path):
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(JobError, match=r"visitors.key: is no key"):
        Signer.of_folder(tmp_path)


HOST = {"host": "localhost:8501"}


@pytest.mark.parametrize(
    ("peer", "headers", "here"),
    [
        ("127.0.0.1", HOST, True),
        ("::1", {"host": "[::1]:8501"}, True),
        ("::ffff:127.0.0.1", HOST | {"origin": "http://localhost:8501"}, True),
        ("127.8.9.1", {"host": "127.0.0.1"}, True),
        ("192.168.1.7", HOST, False),
        (None, HOST, False),
        ("testclient", HOST, False),
        ("127.0.0.1", {"host": "class.example.org"}, False),
        ("127.0.0.1", {}, False),
        ("127.0.0.1", {"host": "127.0.0.1.evil.org"}, False),
        ("127.0.0.1", {"host": "evil.org@[::1"}, False),
        ("127.0.0.1", HOST | {"origin": "https://class.example.org"}, False),
        ("127.0.0.1", HOST | {"origin": "null"}, False),
        ("127.0.0.1", HOST | {"x-forwarded-for": "127.0.0.1"}, False),
        ("127.0.0.1", HOST | {"x-forwarded-proto": "https"}, False),
        ("127.0.0.1", HOST | {"forwarded": "for=127.0.0.1"}, False),
        ("127.0.0.1", HOST | {"via": "1.1 proxy"}, False),
        ("127.0.0.1", HOST | {"x-real-ip": "127.0.0.1"}, False),
        ("127.0.0.1", HOST | {"cf-connecting-ip": "127.0.0.1"}, False),
        ("127.0.0.1", HOST | {"true-client-ip": ""}, False),
    ],
)
def test_here_is_who_asks_directly_from_the_servers_machine(peer, headers, here):
    assert opened_here(peer, headers) is here


def test_nobody_changes_what_is_not_theirs_except_who_is_here():
    assert Visitor("a").may_change("a") and not Visitor("a").may_change("b")
    assert Visitor("a", here=True).may_change("b")
    assert not Visitor("").may_change("")


# --- quotas ---


@pytest.fixture
def limits(monkeypatch):
    """A function that sets quotas: limits(jobs=1)."""

    def set_to(**values):
        changed = replace(quotas(), **values)
        for module in ("accounts", "queue"):
            monkeypatch.setattr(f"gandalf_core.jobs.{module}.quotas", lambda: changed)

    return set_to


class Waiting(JobManager):
    """A queue that starts nothing."""

    def launch(self, job):
        raise AssertionError("nothing may run")

    def _start_waiting(self):
        pass


@pytest.fixture
def manager(tmp_path, monkeypatch):
    monkeypatch.setenv("GANDALF_CACHE", str(tmp_path / "cache"))
    return Waiting(tmp_path / "runs", tmp_path)


def test_only_its_owner_stops_resumes_and_deletes_a_job(manager, limits):
    name = manager.submit("train", "a", ["train"], "ann")
    for change in (manager.cancel, manager.resume, manager.delete):
        with pytest.raises(JobError, match="Another visitor started this"):
            change(name, Visitor("bob"))
    assert manager.job(name).state == "queued" and not (manager.job(name).folder / "cancel").exists()
    manager.cancel(name, Visitor("ann"))
    assert manager.job(name).state == "cancelled"
    limits(deletion=False)
    with pytest.raises(JobError, match="visitors delete no jobs"):
        manager.delete(name, Visitor("ann"))
    manager.delete(name, Visitor("teacher", here=True))
    with pytest.raises(JobError, match="No job"):
        manager.job(name)


def test_who_is_here_stops_a_job_of_anybody(manager):
    name = manager.submit("train", "a", ["train"], "ann")
    manager.cancel(name, Visitor("teacher", here=True))
    assert manager.job(name).state == "cancelled"


def test_all_visitors_together_have_a_limit_of_jobs(manager, limits):
    limits(total_jobs=2)
    for owner in ("ann", "bob"):
        manager.submit("train", "a", ["train"], owner)
    for owner in ("eve", "server stars"):
        with pytest.raises(JobError, match="2 jobs wait or run on this server"):
            manager.submit("train", "a", ["train"], owner)


def test_a_resumed_job_counts_again(manager, limits):
    name = manager.submit("train", "a", ["train"], "ann")
    manager.cancel(name, Visitor("ann"))
    limits(jobs=1)
    manager.submit("train", "b", ["train"], "ann")
    with pytest.raises(JobError, match="You have 1 job waiting or running"):
        manager.resume(name, Visitor("ann"))


def test_simulated_stars_are_counted_by_their_samples(manager, limits):
    """The same sample counts once a day, whatever is done with it; the server's own work counts nothing."""
    limits(simulated_stars=10_000, jobs=9)
    manager.submit("train", "a", ["train", "simulated:6000:1", "--out", "x"], "ann")
    manager.submit("sweep", "b", ["sweep", "simulated:6000:1"], "ann")
    with pytest.raises(JobError, match=r"5,000 more simulated stars are too many: you had 6,000 of 10,000"):
        manager.submit("train", "c", ["train", "simulated:5000:2:b"], "ann")
    manager.submit("train", "d", ["train", "simulated:5000:2:b"], "bob")
    manager.submit("prepare", "e", ["simulated:9000:1"], "server x")
    accounts = manager.accounts
    assert accounts.usage("ann").simulated_stars == 6000 and accounts.usage("bob").simulated_stars == 5000
    with accounts.ledger._open() as database:
        database.execute("UPDATE stars SET asked = asked - ?", (DAY,))
    accounts.ask_stars("ann", {"simulated:10000:3": 10_000})
    assert accounts.usage("ann").simulated_stars == 10_000


def test_the_samples_of_a_command():
    arguments = ("train", "simulated:20:1", "--x", "simulated:3000:7:b", "file-simulated:9:1")
    assert samples_in(arguments) == {"simulated:20:1": 20, "simulated:3000:7:b": 3000}


def test_what_a_visitor_keeps_counts_jobs_and_uploads(manager, limits, tmp_path):
    name = manager.submit("train", "a", ["train"], "ann")
    (manager.job(name).folder / "model").mkdir()
    (manager.job(name).folder / "model" / "weights").write_bytes(b"x" * (3 * MB))
    upload = stored(tmp_path, "uploads", "one.npz", 2 * MB)
    manager.accounts.keep("upload", "one", "ann", "one.csv", upload)
    assert manager.accounts.usage("ann").disk == pytest.approx(5 * MB, abs=5000)
    assert manager.accounts.usage("bob").disk == 0
    limits(disk_mb=6)
    manager.accounts.check_disk("ann", MB // 2)
    with pytest.raises(JobError, match=r"You keep 5.0 MB of the 6.0 MB .* this needs 2.0 MB more"):
        manager.accounts.check_disk("ann", 2 * MB)
    limits(disk_mb=4)
    with pytest.raises(JobError, match="You keep"):
        manager.submit("train", "b", ["train"], "ann")


def test_an_upload_of_two_visitors_goes_with_its_last_owner(manager, tmp_path):
    path, accounts = stored(tmp_path, "uploads", "one.npz", 10), manager.accounts
    for owner in ("ann", "bob"):
        accounts.keep("upload", "one", owner, "one.csv", path)
    with pytest.raises(JobError, match="belongs to another visitor"):
        accounts.remove("upload", "one", Visitor("eve"))
    accounts.remove("upload", "one", Visitor("ann"))
    assert path.is_file() and accounts.ledger.owners("upload", "one") == {"bob"}
    accounts.remove("upload", "one", Visitor("teacher", here=True))
    assert not path.exists() and not accounts.ledger.owners("upload", "one")


# --- the whole disk ---


def stored(root: Path, folder: str, name: str, size: int, age: float = 2 * 3600) -> Path:
    """A file of the cache that was written some seconds ago."""
    path = root / "cache" / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - age,) * 2)
    return path


def ended_job(manager: JobManager, kind: str, size: int, age: float) -> Path:
    """The folder of a job that ended some seconds ago."""
    name = manager.submit(kind, "a", [kind], f"{kind} {size} {age}")
    folder = manager.job(name).folder
    (folder / "result").write_bytes(b"x" * size)
    (folder / "status.json").write_text(f'{{"state": "done", "updated": {time.time() - age}}}')
    return folder


def test_the_oldest_makes_room_and_what_can_be_made_again_first(manager, limits, tmp_path):
    stars = [stored(tmp_path, "stars", f"{k}.npz", MB, age=9000 - k) for k in range(2)]
    upload = stored(tmp_path, "uploads", "old.npz", MB, age=20_000)
    manager.accounts.keep("upload", "old", "ann", "old.csv", upload)
    young = stored(tmp_path, "uploads", "young.npz", MB, age=60)
    audit = ended_job(manager, "audit", MB, 10_000)
    training = ended_job(manager, "train", MB, 99_999)
    limits(total_disk_mb=5)
    assert manager.accounts.prune() <= 5 * MB
    assert not stars[0].exists() and not stars[1].exists() and upload.exists() and training.exists()
    limits(total_disk_mb=3)
    manager.accounts.prune()
    assert not upload.exists() and not manager.accounts.ledger.owners("upload", "old")
    assert audit.exists() is False and training.exists() and young.exists()
    limits(total_disk_mb=1)
    with pytest.raises(JobError, match="keeps for all visitors are used up"):
        manager.accounts.check_disk("ann", 1)
    assert training.exists() and young.exists(), "neither a training nor what is new"
    limits(total_disk_mb=1, prune_trainings=True)
    manager.accounts.prune()
    assert not training.exists() and young.exists()


def test_what_is_at_work_is_never_removed(manager, limits):
    name = manager.submit("train", "a", ["train"], "ann")
    folder = manager.job(name).folder
    (folder / "x").write_bytes(b"x" * MB)
    found = [replace_age(piece) for piece in disk.pieces(manager.list(), [])]
    assert disk.too_many(found, 0, permanent=True)[0] == []


def replace_age(piece: disk.Piece) -> disk.Piece:
    return piece._replace(changed=0.0)


def test_a_running_job_that_fills_the_disk_is_stopped(manager, limits):
    name = manager.submit("sweep", "a", ["sweep"], "ann")
    folder = manager.job(name).folder
    (folder / "x").write_bytes(b"x" * (2 * MB))
    manager.processes[name] = None
    limits(disk_mb=3)
    manager._stop_large()
    assert not (folder / "cancel").exists()
    limits(disk_mb=1)
    manager._stop_large()
    assert (folder / "cancel").exists() and "more than the 1 MB" in manager.job(name).log(200)
    manager.processes.clear()


# --- the settings file ---


def test_a_settings_file_changes_what_it_names(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("[public]\njobs = 7\n")
    standard = quotas_in({"GANDALF_PUBLIC": "1"})
    changed = quotas_in({"GANDALF_PUBLIC": "1", "GANDALF_SETTINGS": str(path)})
    assert asdict(changed) == asdict(standard) | {"jobs": 7}
    assert quotas_in({"GANDALF_SETTINGS": str(path)}) == quotas_in({})
    assert not standard.deletion and quotas_in({}).deletion and standard.disk < quotas_in({}).disk


def test_behind_a_proxy_nobody_is_here():
    assert quotas_in({"GANDALF_PUBLIC": "1"}).machine_may_all
    assert not quotas_in({"GANDALF_PUBLIC": "1", "GANDALF_PROXIED": "1"}).machine_may_all


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[public]\njob = 7", "'job' in \\[public\\] is unknown"),
        ("jobs = 7", "'jobs' is unknown"),
        ("[class]\njobs = 7", "'class' is unknown"),
        ("[local]\njobs = -1", "jobs in \\[local\\] is -1: write a whole number"),
        ("[local]\njobs = 1.5", "write a whole number"),
        ("[local]\njobs = true", "write a whole number"),
        ("[local]\ndeletion = 1", "write true or false"),
        ("[local", "is no settings file"),
    ],
)
def test_a_wrong_settings_file_is_one_line(tmp_path, text, said):
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as raised:
        check_settings(str(path))
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_a_settings_file_that_is_missing_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing.toml: cannot be read"):
        check_settings(str(tmp_path / "nothing.toml"))


# --- what visitors read ---

TRACEBACK = """reading stars
Traceback (most recent call last):
  File "/srv/gandalf/core/fit.py", line 3, in train
    raise ValueError("no stars")
ValueError: no stars in /srv/data/a.npz

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/gandalf/x.py", line 3, in <module>
    main()
    ~~~~^^
RuntimeError: it ended
epoch 4: rms 0.1"""


def test_a_log_has_neither_tracebacks_nor_folders():
    assert for_visitors(TRACEBACK).splitlines() == [
        "reading stars",
        "ValueError: no stars in a.npz",
        "RuntimeError: it ended",
        "epoch 4: rms 0.1",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ann/secret/stars.npz: is damaged", "stars.npz: is damaged"),
        (r"C:\Users\Ann\stars.npz: is damaged", "stars.npz: is damaged"),
        (r"\\server\share\stars.npz is damaged", "stars.npz is damaged"),
        ("~/x/stars.npz and '/a/b c.npz'", "stars.npz and 'b c.npz'"),
        ("file:///srv/a/stars.npz", "stars.npz"),
        ("/usr/lib/python3/x.py:12: UserWarning: hm", "x.py:12: UserWarning: hm"),
        (
            "shifts of 30 km/s, 1/2 of the stars, 80/20, and/or",
            "shifts of 30 km/s, 1/2 of the stars, 80/20, and/or",
        ),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
    ],
)
def test_a_message_has_no_folders(text, shown):
    assert without_folders(text) == shown


def test_the_servers_own_folders_are_hidden_whatever_they_are_called(tmp_path, monkeypatch):
    folder = tmp_path / "My Runs (new)" / "runs"
    monkeypatch.setenv("GANDALF_RUNS", str(folder))
    assert without_folders(f"{folder / 'abc' / 'model.npz'}: is gone") == "abc/model.npz: is gone"


def test_nothing_stays_of_the_folders_below_those_of_others(monkeypatch):
    """Python at /usr, as on Debian, left lib/python3/x.py; a home with a space in its name, all below it."""
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(Path, "home", lambda: Path("/home/Ann Lee"))
    for text, shown in (
        ("/usr/lib/python3/x.py:12: hm", "x.py:12: hm"),
        ("/home/Ann Lee/thesis/stars.npz: is damaged", "stars.npz: is damaged"),
        ("/home/Ann Lee/stars.npz: is damaged", "stars.npz: is damaged"),
        ("/home/Ann Lee: is full", "Ann Lee: is full"),
        ("/usrlocal/a/x.npz: is damaged", "x.npz: is damaged"),
    ):
        assert without_folders(text) == shown


def test_a_job_says_what_everybody_may_read(manager):
    name = manager.submit("train", "a", ["train"], "ann")
    folder = manager.job(name).folder
    (folder / "log.txt").write_text(TRACEBACK)
    (folder / "status.json").write_text('{"state": "died", "message": "/srv/data/a.npz: gone"}')
    job = manager.job(name)
    assert (
        job.message == "a.npz: gone" and job.log(18) == "d\nepoch 4: rms 0.1" and "/srv" not in job.log(9999)
    )


# --- the ledger ---


def test_a_ledger_that_is_no_database_is_one_line(tmp_path):
    (tmp_path / "visitors.db").write_bytes(b"not a database" * 100)
    with pytest.raises(JobError, match=r"visitors.db: cannot be used"):
        Ledger(tmp_path)


def test_the_ledger_outlives_the_server(tmp_path):
    thing = Thing("upload", "one", "ann", "one.csv", tmp_path / "one.npz", 10, 5.0)
    Ledger(tmp_path).add(thing)
    assert Ledger(tmp_path).of("ann") == [thing] and Ledger(tmp_path).of("bob") == []
    assert isinstance(Accounts(tmp_path, lambda: []).usage("ann").disk, int)
    assert accounts_module.is_server("server x") and not accounts_module.is_server("serverx")
