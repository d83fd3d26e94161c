"""The process that reads uploads: as if it were read here, under limits, and nobody suffers when it dies."""

import os
import signal
import sys
import threading
import zipfile
from io import BytesIO

import h5py
import numpy as np
import pytest
from archive_files import archive_file, toy
from hostile_files import GOOD
from star_files import ERROR, FLUX, FORMATS, WAVE, star_file

from gandalf_core.errors import SpectraError
from gandalf_core.io import confined, frames
from gandalf_core.io.confined import Limits, Reader, Readers
from gandalf_core.io.latent_tables import obsm_keys, read_latent_table
from gandalf_core.io.read import each_file

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of the Linux kernel")


@pytest.fixture(scope="module")
def readers():
    """Readers as the app has them."""
    own = Readers()
    yield own
    own.close()


def many_stars(count: int) -> bytes:
    flux = np.random.default_rng(0).normal(1, 0.02, (count, 2401)).astype(np.float32)
    np.savez(out := BytesIO(), flux=flux, wavelength_nm=np.linspace(846, 870, 2401))
    return out.getvalue()


def in_a_process(task: str, limits: Limits, name: str = "x.csv") -> SpectraError:
    """What becomes of a reader that is asked for `task`, which its own code does not know."""
    reader = Reader(limits)
    try:
        with pytest.raises(SpectraError) as caught:
            reader.ask(task, name, GOOD)
        assert not reader.alive
        return caught.value
    finally:
        reader.close()


# --- the same stars ---


@pytest.mark.parametrize("kind", FORMATS)
def test_stars_come_back_as_they_are_read_here(readers, kind):
    content = star_file(kind, {"wavelength": WAVE, "flux": FLUX, "flux_error": ERROR})
    [(name, there)], [(_, here)] = readers.stars("s", content), list(each_file([("s", content)]))
    assert name == "s" and there.identity == here.identity
    assert there.provenance == here.provenance


@pytest.mark.parametrize("kind", ["csv", "ecsv", "fits", "votable"])
@pytest.mark.parametrize("layout", ["INDIVIDUAL", "COMBINED", "RAW"])
def test_the_archives_files_come_back_as_they_are_read_here(readers, kind, layout):
    content = archive_file(kind, layout, toy())
    [(_, there)], [(_, here)] = readers.stars("s", content), list(each_file([("s", content)]))
    assert there.identity == here.identity and there.ids.tolist() == here.ids.tolist()


def test_latents_come_back_with_the_columns_that_may_be_labels(readers):
    with h5py.File(out := BytesIO(), "w") as file:
        file.create_group("obsm").create_dataset("X_latent", data=np.arange(12.0).reshape(4, 3))
        rows = file.create_group("obs")
        rows["_index"] = ["a", "b", "c", "d"]
        rows["teff"], rows["age"] = [5000.0, np.nan, 6000.0, 5500.0], [1, 2, 3, 4]
    content = out.getvalue()
    there, here = readers.latents("x.h5ad", content), read_latent_table(("x.h5ad", content))
    assert readers.obsm_keys("x.h5ad", content) == obsm_keys(("x.h5ad", content)) == ("X_latent",)
    assert np.array_equal(there.z, here.z) and there.ids.tolist() == ["a", "b", "c", "d"]
    assert there.candidates == here.candidates == ("age", "teff")
    labels = [table.labels(("teff", "age")) for table in (there, here)]
    np.testing.assert_array_equal(labels[0].values, labels[1].values)
    with pytest.raises(SpectraError, match="no latents"):
        readers.latents("good.csv", GOOD)


def test_one_process_serves_all_files(readers):
    readers.stars("a.csv", GOOD)
    first = readers._idle[0]
    for name in ("b.csv", "nothing", "c.csv"):
        readers.stars(name, b"" if name == "nothing" else GOOD)
    assert readers._idle == [first] and first.alive


# --- limits ---


@LINUX
def test_every_limit_holds_on_this_system(readers):
    readers.stars("a.csv", GOOD)
    assert {"memory", "processor time", "watched by Python"} <= set(readers._idle[0].held)


def test_too_much_memory_is_one_line_and_the_next_file_is_read(readers):
    small = Readers(Limits(memory=600_000_000))
    content = many_stars(15_000)  # 144 MB
    [(_, error)] = small.stars("many.npz", content)
    assert "more memory than" in str(error) and str(error).startswith("many.npz: ")
    [(_, stars)] = small.stars("good.csv", GOOD)
    assert len(stars) == 1
    small.close()


def test_more_stars_than_a_page_may_have_are_not_taken():
    small = Readers(Limits(answer=10**6))
    [(_, error)] = small.stars("many.npz", many_stars(500))
    assert str(error) == "many.npz: reading it takes more memory than a page may have: split the file"
    assert len(small.stars("good.csv", GOOD)[0][1]) == 1
    small.close()


ENDLESS = "(k for k in iter(int, 1) if k)"


def test_more_stars_than_pages_can_put_on_a_models_wavelengths_are_refused(readers):
    np.savez_compressed(out := BytesIO(), flux=np.ones((60_000, 25), np.float32), wavelength_nm=WAVE[:25])
    [(_, error)] = readers.stars("many.npz", out.getvalue())
    assert str(error).startswith("many.npz: a page takes at most 50,000 stars: ")


def test_a_bundle_of_more_files_than_are_read_in_time_is_refused_before_any_is_read(readers):
    """Nineteen thousand small ones took 50 s of the process that all visitors share."""
    with zipfile.ZipFile(out := BytesIO(), "w") as packed:
        for k in range(5_001):
            packed.writestr(f"{k}.csv", GOOD if k == 0 else b"")
    [(name, error)] = readers.stars("many.zip", out.getvalue())
    assert name == "many.zip"
    assert str(error).startswith(
        "many.zip: 5,001 files, and a page reads at most 5,000: use the command line"
    )


BUSY = f"from gandalf_core.io import worker\nworker._obsm = lambda *_: {ENDLESS}\nworker.main()"
ASLEEP = BUSY.replace(ENDLESS, "__import__('time').sleep(99)")
DEAD = BUSY.replace(ENDLESS, "__import__('os').abort()")
NONSENSE = BUSY.replace(ENDLESS, "worker.os.write(FD, b'x' * 99)").replace(
    "worker.main()", "own = worker._own_pipes\n"
    "def pipes():\n    global FD\n    answers, requests = own()\n    FD = answers.fileno()\n"
    "    return answers, requests\nworker._own_pipes = pipes\nworker.main()",
)  # fmt: skip


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (BUSY, "took longer than 1 s"),
        (ASLEEP, "took longer than 1 s"),
        (DEAD, "SIGABRT"),
        (NONSENSE, "memory"),
    ],
    ids=["busy", "asleep", "dead", "nonsense"],
)
def test_a_reader_that_hangs_dies_or_raves_is_ended_and_named(monkeypatch, program, words):
    popen = confined.subprocess.Popen

    def start(command, **settings):
        return popen([command[0], "-c", program, *command[3:]], **settings)

    monkeypatch.setattr(confined.subprocess, "Popen", start)
    error = in_a_process("obsm", Limits(cpu_seconds=1, bundle_seconds=1, slack=2))
    assert str(error).startswith("x.csv: ") and words in str(error)


def test_a_reader_that_was_killed_meanwhile_is_replaced(readers):
    readers.stars("a.csv", GOOD)
    process = readers._idle[0]._process
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(readers.stars("b.csv", GOOD)[0][1]) == 1
    assert readers._idle[0]._process.pid != process.pid


def test_two_visitors_are_served_at_once_and_one_process_stays(readers):
    results = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(readers.stars(f"{n}.csv", GOOD))) for n in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 5 and all(len(stars) == 1 for [(_, stars)] in results)
    assert len(readers._idle) == 1


def test_without_a_free_process_the_visitor_is_asked_to_come_again(monkeypatch):
    monkeypatch.setattr(confined, "WAIT_SECONDS", 0.01)
    busy = Readers()
    for _ in range(confined.MAX_PROCESSES):
        busy._free.acquire()
    assert "try again in a minute" in str(busy.stars("a.csv", GOOD)[0][1])


PROBE = """
import os, socket, subprocess, sys
from gandalf_core.io import confinement, worker
held = confinement.leave_network()
worker._import_all()
held += confinement.confine(2 * 10**9)
def refused(action):
    try:
        action()
    except (OSError, ValueError) as error:
        return type(error).__name__
    return "done"
def raw(path):  # past Python's own look
    import ctypes
    return ctypes.CDLL(None, use_errno=True).open(path, os.O_RDONLY)
print(refused(lambda: open("/etc/passwd")), refused(lambda: open("x", "w")), refused(socket.socket),
      refused(lambda: subprocess.run(["true"])), raw(b"/etc/passwd") < 0, "no other files" in held)
"""


@LINUX
def test_a_fooled_library_can_open_no_file_and_no_connection(tmp_path):
    """What Python is asked for is refused by its hook; what goes past Python, by the kernel where it can."""
    run = confined.subprocess.run(
        [sys.executable, "-c", PROBE], cwd=confined.PACKAGE.parent, capture_output=True, text=True
    )
    *refused, past_python, landlock = run.stdout.split()
    assert refused == ["PermissionError"] * 4, run.stderr
    assert past_python == landlock


# --- messages ---


def test_values_and_arrays_survive_a_message():
    arrays = {
        "a": np.arange(6.0).reshape(2, 3)[:, ::2],
        "ids": np.array(["é", "x\ud800"]),
        "none": np.empty((0, 3)),
    }
    frames.send(stream := BytesIO(), {"n": 1, "text": "ö", "nothing": None, "nan": float("inf")}, arrays)
    stream.seek(0)
    values, back = frames.receive(stream, 10**6)
    assert values == {"n": 1, "text": "ö", "nothing": None, "nan": float("inf")}
    assert all(np.array_equal(back[k], arrays[k]) and back[k].dtype == arrays[k].dtype for k in arrays)
    assert frames.receive(stream, 10**6) is None


@pytest.mark.parametrize(
    "head",
    [
        b'{"values": {}, "arrays": [["a", "<f8", [1000000000000]]]}',
        b'{"values": {}, "arrays": [["a", "|O", [1]]]}',
        b'{"values": {}, "arrays": [["a", "<U0", [1000000000]]]}',
        b'{"values": {}, "arrays": [["a", "<f8", [-1]]]}',
        b'{"values": {}, "arrays": [["a", "<f8", [4]]]}',
        b"[" * 100_000,
        b"[]",
    ],
)
def test_what_is_no_message_takes_no_memory_and_raises_one_error(head):
    with pytest.raises(frames.FrameError):
        frames.receive(BytesIO(len(head).to_bytes(8, "little") + head), 10**6)
    with pytest.raises(frames.FrameError):
        frames.receive(BytesIO(b"\xff" * 8 + head), 10**6)
