"""Every command that writes, where nothing more can be written: one line, status 2, and the old output stays.

Twice: with a limit on the size of files, and on a small file system of its own, where one may be mounted.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from gandalf_core.models.packing import pack_model

from . import children, world
from .options import Options

LARGEST = 3000  # bytes of a file, less than any output
SPARE = 4  # KiB that the small file system has beside the old output
FORMATS = ("npz", "parquet", "fits", "vot", "csv", "ecsv")
ALLOWED = ("journal",)  # SQLite's own, which it removes itself


class Writer(NamedTuple):
    """A command that writes `out` (a file or folder), given that place.

    `before_again` gives one that continues what is there something to write.
    """

    name: str
    out: str
    arguments: Callable[[Path], tuple[object, ...]]
    before_again: Callable[[], object] = lambda: None


def writers(folder: Path, quick: bool) -> list[Writer]:
    """All commands that write, with small inputs that lie in `folder`."""
    stars, model, survey = world.stars_file(folder, 260), folder / "model", folder / "survey"
    config, few = world.config_file(folder, 1), world.stars_file(folder, 40)
    trained = children.run(
        children.command("train", stars, "--config", config, "--out", model, "--map", "pca")
    )
    if trained.status:
        raise RuntimeError(trained.said)
    packed = pack_model(model, folder / "packed.zip")
    _another_part(survey, stars)
    small = ("--score", "reconstruction", "--space", "model.noise=0.2,0.4", "--config", config)
    found = [
        *(Writer(f"simulate .{s}", f"s.{s}", lambda out: ("simulate", "--stars", 30, out)) for s in FORMATS),
        *(
            Writer(f"ingest .{s}", f"i.{s}", lambda out: ("ingest", few, out))
            for s in ("npz", "parquet", "fits")
        ),
        *(Writer(f"encode .{s}", f"z.{s}", lambda out: ("encode", model, stars, out)) for s in FORMATS),
        *(
            Writer(f"predict .{s}", f"p.{s}", lambda out: ("predict", model, few, out))
            for s in ("csv", "parquet", "fits")
        ),
        Writer("decode", "d.npz", lambda out: ("decode", model, few, "--set", "teff=5000", out)),
        Writer("project", "m.npz", lambda out: ("project", model, stars, "--method", "pca", out)),
        Writer("grid", "g.npz", lambda out: ("grid", model, "--step", "teff=500", out)),
        Writer("models --pack", "m.zip", lambda out: ("models", "--pack", model, out)),
        Writer("catalogue, a file", "c.parquet", lambda out: ("catalogue", "encode", model, stars, out)),
    ]
    if quick:
        return [
            w
            for w in found
            if w.name in ("simulate .parquet", "encode .csv", "predict .fits", "models --pack")
        ]
    return [
        *found,
        Writer("models --add", "added", lambda out: ("models", "--add", packed, "--root", out)),
        Writer("train", "trained", lambda out: ("train", stars, "--config", config, "--out", out)),
        Writer(
            "catalogue, a folder",
            "folder",
            lambda out: ("catalogue", "encode", model, survey, out),
            lambda: _another_part(survey, stars),
        ),
        Writer("sweep", "swept", lambda out: ("sweep", stars, *small, "--out", out)),
    ]


def _another_part(survey: Path, stars: Path) -> None:
    survey.mkdir(exist_ok=True)
    shutil.copy(stars, survey / f"part-{len(list(survey.iterdir()))}.parquet")


def run(options: Options) -> dict[str, Any]:
    """What each command did; those that did not hold are named with the reason."""
    children.warm_up()
    places = {"a limit on files": _limited, "a full file system": _mounted}
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = writers(folder, options.quick)
        for kind, attack in places.items():
            if kind == "a full file system" and not may_mount():
                found[kind] = {
                    "commands": 0,
                    "faults": [],
                    "note": "this process may not mount a file system",
                }
                continue
            faults = {w.name: why for w in commands if (why := attack(folder, w))}
            found[kind] = {"commands": len(commands), "faults": [f"{n}: {why}" for n, why in faults.items()]}
    return {"held": not any(part["faults"] for part in found.values()), "places": found}


def _limited(folder: Path, writer: Writer) -> str:
    place = folder / "limited"
    place.mkdir(exist_ok=True)
    return _attacked(place, writer, lambda work: children.run(work, largest=LARGEST))


def _mounted(folder: Path, writer: Writer) -> str:
    """On a file system of its own that is filled, but for a little, while the command runs again."""
    place = folder / "mounted"
    place.mkdir(exist_ok=True)
    with file_system(place):
        return _attacked(place, writer, lambda work: _while_full(place, work))


def _while_full(place: Path, work: Callable[[], int]) -> children.Ended:
    ballast = place / "ballast"
    with ballast.open("wb") as file:
        left = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize - SPARE * 1024
        file.write(bytes(max(left, 0)))
    try:
        return children.run(work)
    finally:
        ballast.unlink()


def _attacked(place: Path, writer: Writer, attack: Callable[[Callable[[], int]], children.Ended]) -> str:
    """What did not hold of a command at a place; empty for nothing."""
    out = place / writer.out
    work = children.command(*writer.arguments(out))
    _fresh(writer, out, work)
    if not out.exists():
        return "it does not even write where there is room"
    before = contents(place)
    writer.before_again()
    if writer.name in ("models --add", "sweep"):  # which keep what is there: another place
        out = place / f"second-{writer.out}"
        work = children.command(*writer.arguments(out))
    ended = attack(work)
    lines = [line for line in ended.said.splitlines() if line.strip()]
    if "Traceback" in ended.said or ended.status != 2 or not lines or str(place) not in lines[-1]:
        return f"status {ended.status}: {' / '.join(lines[-2:])[-300:]}"
    if {name: digest for name, digest in contents(place).items() if name in before} != before:
        return "the old output is another one"
    again = children.run(work)
    left = [name for name in contents(place) if ".part" in name or Path(name).name.startswith(".")]
    if again.status or left:
        said = again.said[-200:] if again.status else ""
        return f"the next run: status {again.status} {said}, left: {left[:3]}"
    shutil.rmtree(place / writer.out) if (place / writer.out).is_dir() else (place / writer.out).unlink()
    return ""


def _fresh(writer: Writer, out: Path, work: Callable[[], int]) -> None:
    first = children.run(work)
    if first.status:
        raise RuntimeError(f"{writer.name}: {first.said}")


def contents(place: Path) -> dict[str, str]:
    """The SHA-256 of every file by its name."""
    files = [path for path in place.rglob("*") if path.is_file() and path.name != "ballast"]
    return {str(p.relative_to(place)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


# --- a file system of its own ---


def may_mount() -> bool:
    """Whether this process may mount a file system in memory."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        return False
    with tempfile.TemporaryDirectory() as name:
        mounted = _mount(Path(name))
        if mounted:
            subprocess.run(["umount", name], check=False)
        return mounted


def _mount(place: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "gandalf", str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def file_system(place: Path) -> Iterator[None]:
    """A file system of 16 MiB at a place. Raises OSError where it cannot be mounted."""
    if not _mount(place):
        raise OSError(f"{place}: cannot be mounted")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=False)
