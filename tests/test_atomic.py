"""Files appear whole or not at all, under every name that a file may have."""

import os

import pytest

from gandalf_core import atomic as module
from gandalf_core.atomic import atomic, check_place, write_bytes, write_text
from gandalf_core.errors import SpectraError


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
