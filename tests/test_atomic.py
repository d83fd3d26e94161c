"""Files appear whole or not at all, under every name that a file may have."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from gandalf_core import atomic as module
from gandalf_core.atomic import append_line, atomic, check_place, make_folder, write_bytes, write_text
from gandalf_core.errors import SpectraError

ROOT = Path(__file__).parents[1]


def test_an_error_in_the_block_leaves_the_old_file_and_nothing_else(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(ZeroDivisionError), atomic(tmp_path / "a.txt") as stream:
        stream.write(b"new")
        raise ZeroDivisionError
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "星" * 85, "a b", "-c", ".hidden", "%20?#"])
def test_every_name_that_the_file_system_takes_can_be_written(tmp_path, name):
    """The temporary file beside it has a name of its own, which must not be too long."""
    write_bytes(tmp_path / name, b"content")
    assert (tmp_path / name).read_bytes() == b"content" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["x" * 256, "a\0b"])
def test_an_impossible_name_is_refused_before_any_work(tmp_path, name):
    with pytest.raises(SpectraError, match="cannot be written"):
        check_place(tmp_path / name)


def test_a_temporary_file_is_hidden_from_those_who_read_the_folder(tmp_path):
    with atomic(tmp_path / "part.0.parquet"):
        (part,) = tmp_path.iterdir()
        assert part.name.startswith(".") and part.suffix == ".part"


def test_a_file_that_is_being_read_is_replaced_a_moment_later(tmp_path, monkeypatch):
    """Windows refuses to replace an open file: the page that reads `status.json` is soon done."""
    refusals = [PermissionError(13, "in use")] * 3
    replace = os.replace

    def busy(source, target):
        if refusals:
            raise refusals.pop()
        replace(source, target)

    monkeypatch.setattr(module, "PAUSES", (0.0,) * 5)
    monkeypatch.setattr(module.os, "replace", busy)
    write_text(tmp_path / "status.json", "new")
    assert (tmp_path / "status.json").read_text(encoding="utf-8") == "new" and not refusals
    refusals.extend([PermissionError(13, "in use")] * 9)
    with pytest.raises(SpectraError, match=r"status\.json: cannot be written \(in use\)"):
        write_text(tmp_path / "status.json", "newer")
    assert [p.name for p in tmp_path.iterdir()] == ["status.json"]


def test_text_is_utf8_and_bytes_of_other_encodings_in_a_path_become_escapes(tmp_path):
    write_text(tmp_path / "a.json", '{"λ": "\udcff.csv"}')
    assert (tmp_path / "a.json").read_bytes() == '{"λ": "\\udcff.csv"}'.encode()


# --- full disks, devices, and what killed writers leave ---


FULL = """
import resource, signal, sys
from gandalf_core.atomic import write_bytes
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write_bytes(sys.argv[1], b"x" * 100_000)
"""
KILLED = """
import os, signal, sys
from gandalf_core.atomic import atomic
with atomic(sys.argv[1]) as stream:
    stream.write(b"half")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="limits and locks of Linux")


def run(program: str, path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", program, str(path)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@on_linux
def test_a_file_that_does_not_fit_is_named_and_the_old_one_stays(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"old")
    ended = run(FULL, path)
    assert f"SpectraError: {path}: cannot be written (File too large)" in ended.stderr
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["a.npz"]


@on_linux
def test_the_next_writer_removes_what_killed_ones_left(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"old")
    assert run(KILLED, path).returncode == -9 and path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    with atomic(path):  # meanwhile another one is killed
        assert run(KILLED, path).returncode == -9
        assert len(list(tmp_path.iterdir())) == 3
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new" and [p.name for p in tmp_path.iterdir()] == ["a.npz"]


@on_linux
def test_writers_of_one_file_never_share_a_temporary_one(tmp_path):
    """Each file that is read meanwhile is one of those that were written, whole."""
    path, contents = tmp_path / "a", [bytes([letter]) * 200_000 for letter in b"abcd"]
    write_bytes(path, contents[0])
    writers = [Thread(target=lambda c=c: [write_bytes(path, c) for _ in range(40)]) for c in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_bytes() in contents
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_an_error_of_the_system_in_the_block_names_the_file_and_one_of_another_file_that_one(tmp_path):
    said = r"a\.txt: cannot be written \(No space left on device\)"
    with pytest.raises(SpectraError, match=said), atomic(tmp_path / "a.txt"):
        raise OSError(28, "No space left on device")
    with pytest.raises(FileNotFoundError, match="missing"), atomic(tmp_path / "a.txt"):
        (tmp_path / "missing").read_bytes()
    assert not list(tmp_path.iterdir())


@on_linux
def test_a_device_or_a_pipe_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    os.symlink("/dev/null", tmp_path / "null.csv")
    for name in ("pipe.csv", "null.csv"):
        with pytest.raises(SpectraError, match="is a device or a pipe"):
            write_bytes(tmp_path / name, b"x")
    assert stat.S_ISFIFO((tmp_path / "pipe.csv").stat().st_mode)


@on_linux
def test_a_link_is_followed_and_one_that_a_stranger_put_in_the_way_is_not(tmp_path):
    (tmp_path / "there").mkdir()
    os.symlink(tmp_path / "there" / "b", tmp_path / "a")
    write_bytes(tmp_path / "a", b"content")
    assert (tmp_path / "a").is_symlink() and (tmp_path / "there" / "b").read_bytes() == b"content"
    (tmp_path / "victim").write_bytes(b"mine")
    os.symlink(tmp_path / "victim", tmp_path / ".c.0.part")
    write_bytes(tmp_path / "c", b"content")
    assert (tmp_path / "victim").read_bytes() == b"mine" and (tmp_path / "c").read_bytes() == b"content"


def test_a_line_is_added_whole_and_one_that_was_cut_short_does_not_swallow_it(tmp_path):
    for line in ("one", "two"):
        append_line(tmp_path / "a.jsonl", line)
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write("cut")
    append_line(tmp_path / "a.jsonl", "three")
    assert (tmp_path / "a.jsonl").read_text() == "one\ntwo\ncut\nthree\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    for name in ("file", "file/more", "x" * 300):
        with pytest.raises(SpectraError, match="cannot be made"):
            make_folder(tmp_path / name)
    assert make_folder(tmp_path / "a" / "b").is_dir()
