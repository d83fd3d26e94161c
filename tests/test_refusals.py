"""What the system refuses (full disks, quotas, names that are too long) is one line and status 2."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gandalf_core import cli


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_disk_behind_a_stream_is_one_line_and_no_traceback(stream):
    with open("/dev/full", "w") as full:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: full}
        command = [sys.executable, "-m", "gandalf_core", "config", "--preset", "paper", "--json"]
        ended = subprocess.run(command, cwd=Path(__file__).parents[1], text=True, check=False, **pipes)
    if stream == "stdout":
        assert ended.returncode == 2
        assert ended.stderr == "gandalf: standard output: cannot be written (No space left on device)\n"
    else:
        assert ended.returncode == 0 and json.loads(ended.stdout)["model"]["latent_size"] == 25


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device", "a.db"), "a.db: No space left on device"),
        (OSError(122, "Disk quota exceeded", "a.db"), "a.db: Disk quota exceeded"),
        (OSError(5, "Input/output error", "a.db"), "a.db: Input/output error"),
        (OSError(36, "File name too long", "a.db"), "a.db: File name too long"),
        (io.UnsupportedOperation("underlying stream is not seekable"), "underlying stream is not seekable"),
    ],
)
def test_whatever_the_system_refuses_is_one_line_and_status_two(error, line, monkeypatch, capsys):
    def refusing(args, console):
        raise error

    command = replace(cli.load_commands()["config"], run=refusing)
    monkeypatch.setitem(cli.COMMANDS, "config", command)
    assert cli.main(["config", "--preset", "paper"]) == 2
    assert capsys.readouterr().err == f"gandalf: {line}\n"
