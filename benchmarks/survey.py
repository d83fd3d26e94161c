"""A survey on two local workers, with and without killing one of them now and then: figures of docs/scale.md.

    python -m benchmarks.survey                       # 1,000,000 spectra, on an idle machine
    python -m benchmarks.survey --stars 48000 --partitions 12 --kill-every 5 --repeat 1

Every way runs as a user starts it, in processes of its own. The figures go to docs/results/scale.json, and
from there into docs/scale.md.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.encoding import tiled
from benchmarks.rows import QUICK, sample
from reports.markdown import MEASURED, replace_between

STORED = Path("docs/results/scale.json")
PAGE = Path("docs/scale.md")
SURVEY = 100_000_000  # spectra of a large survey
WORKERS = 2
PART = 5  # of the partitions one in so many is done first, to tell the start from the work
MEGABYTE = 1e6
_LOCAL = ("--scheduler", "local", "--workers", str(WORKERS))
WAYS = {  # words -> the arguments of each way, and whether workers are killed
    "in this process": (("--scheduler", "none"), False),
    "two workers": (_LOCAL, False),
    "two workers, one killed every {kill_every:g} s": (_LOCAL, True),
}


@dataclass
class Measured:
    """One run: its stars, seconds and CPU seconds, peak memory of a process, workers killed, load before."""

    way: str
    stars: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    killed: int
    load: float


def main() -> None:
    """Measure, store the figures, and write the page."""
    parser = argparse.ArgumentParser("python -m benchmarks.survey", description=__doc__)
    parser.add_argument("--stars", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=40)
    parser.add_argument("--task", default="encode", choices=("encode", "predict"))
    parser.add_argument("--model", default="autoencoder")
    parser.add_argument("--kill-every", type=float, default=20.0, metavar="SECONDS")
    parser.add_argument(
        "--repeat", type=int, default=2, help="rounds; the run with the most killed and least CPU counts"
    )
    parser.add_argument("--note", default="", help="what else the machine did, for the page")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="survey-") as folder:
        whole, part = Path(folder, "whole"), Path(folder, "part")
        make(whole, args.stars, args.partitions)
        link(whole, part, args.partitions // PART)
        size = sum(path.stat().st_size for path in whole.iterdir())
        rounds = [_round(whole, part, Path(folder), args) for _ in range(args.repeat)]
    runs = [asdict(min(same, key=lambda m: (-m.killed, m.cpu_seconds))) for same in zip(*rounds, strict=True)]
    about = vars(args) | {"bytes_per_star": size / args.stars, "cores": os.cpu_count(), "runs": runs}
    STORED.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    write_page(about)
    print(table(about))


def _round(whole: Path, part: Path, folder: Path, args: argparse.Namespace) -> list[Measured]:
    """A part of the survey, then all of it, in each way."""
    return [measure(way, source, folder, args) for way in WAYS for source in (part, whole)]


def make(source: Path, stars: int, partitions: int) -> None:
    """Partitions of simulated spectra, each star under an id of its own."""
    source.mkdir()
    base = sample(stars < 10 * QUICK)
    edges = np.linspace(0, stars, partitions + 1).astype(int)
    for k, (first, end) in enumerate(pairwise(edges)):
        tiled(base, int(end - first), source / f"part.{k:03d}.parquet", int(first))


def link(whole: Path, part: Path, count: int) -> None:
    """A source with the first partitions of another one."""
    part.mkdir()
    for path in sorted(whole.iterdir())[: max(2, count)]:
        (part / path.name).symlink_to(path)


def measure(way: str, source: Path, folder: Path, args: argparse.Namespace) -> Measured:
    """Run one way as a user does, look at it meanwhile, and check that each star is there once."""
    options, kills = WAYS[way]
    out, log = folder / f"out-{time.monotonic_ns()}", folder / "said.txt"
    more = ("--no-verdicts",) if args.task == "predict" else ()
    call = ("catalogue", args.task, args.model, source, out, *options, *more, "--json")
    command = [sys.executable, "-m", "gandalf_core", *map(str, call)]
    load, before, started = os.getloadavg()[0], os.times(), time.perf_counter()
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stream, encoding="utf-8")
        peak, killed = watch(process, log, args.kill_every if kills else None)
        text, _ = process.communicate()
    seconds, after = time.perf_counter() - started, os.times()
    if process.returncode:
        raise SystemExit(log.read_text(encoding="utf-8"))
    stars = check(out, source, json.loads(text))
    shutil.rmtree(out)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    named = way.format(kill_every=args.kill_every)
    found = Measured(named, stars, seconds, cpu, peak / MEGABYTE, killed, load)
    print(found, file=sys.stderr, flush=True)
    return found


def watch(process: subprocess.Popen, log: Path, kill_every: float | None) -> tuple[float, int]:
    """Follow a run to its end: the peak memory of any of its processes in bytes, and how many were killed."""
    peak, killed, last = 0.0, 0, 0.0
    while process.poll() is None:
        workers, now = list(workers_of(process.pid)), time.perf_counter()
        peak = max([peak, *map(resident, [process.pid, *workers])])
        if not last and " stars" in log.read_text(encoding="utf-8"):  # the first ones are done
            last = now
        if kill_every and last and workers and now - last > kill_every:
            with suppress(ProcessLookupError):
                os.kill(workers[killed % len(workers)], signal.SIGKILL)
                killed, last = killed + 1, now
        time.sleep(0.1)
    return peak, killed


def workers_of(pid: int) -> Iterator[int]:
    """The processes of Dask's workers below one."""
    import psutil

    with suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error):
                if re.match(r"dask worker|.* spawn_main\b", " ".join(child.cmdline())):
                    yield child.pid


def resident(pid: int) -> float:
    """The peak memory of a process in bytes; 0 for one that is gone."""
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
        return 1024.0 * int(found[1]) if found else 0.0
    return 0.0


def check(out: Path, source: Path, result: dict[str, Any]) -> int:
    """The number of stars. Ends the program where not each star of the source is in the result once."""
    import pandas as pd

    ids, given = (pd.read_parquet(p, columns=[n])[n] for p, n in ((out, "id"), (source, "source_id")))
    if not ids.is_unique or set(ids) != set(given) or result["stars_in_all"] != len(ids):
        raise SystemExit(f"{out}: {len(ids):,} rows, {ids.nunique():,} stars, {len(given):,} were given")
    return len(ids)


# --- the page ---


def rate(part: dict[str, Any], whole: dict[str, Any]) -> float:
    """Stars per CPU second, the start of a run left out: from runs over a part of the stars and over all."""
    return (whole["stars"] - part["stars"]) / (whole["cpu_seconds"] - part["cpu_seconds"])


def table(about: dict[str, Any]) -> str:
    """The figures as Markdown."""
    head = ["", "seconds", "stars per second", "CPU seconds", "of these start", "stars per second and core"]
    head += ["cost of a star", "memory of a process [MB]", "killed", "load"]
    lines = [" | ".join(head), "|".join(["---"] * len(head))]
    pairs = list(zip(about["runs"][::2], about["runs"][1::2], strict=True))
    for part, whole in pairs:
        own = rate(part, whole)
        cells = [whole["way"], f"{whole['seconds']:.1f}", f"{whole['stars'] / whole['seconds']:,.0f}"]
        cells += [f"{whole['cpu_seconds']:.1f}", f"{whole['cpu_seconds'] - whole['stars'] / own:.1f}"]
        cells += [f"{own:,.0f}", f"{rate(*pairs[0]) / own - 1:+.0%}", f"{whole['peak_mb']:,.0f}"]
        lines.append(" | ".join([*cells, str(whole["killed"]), f"{whole['load']:.1f}"]))
    return "\n".join(f"| {line} |" for line in lines)


def write_page(about: dict[str, Any]) -> None:
    """Replace what stands between the marks of docs/scale.md."""
    own, each = rate(*about["runs"][2:4]), about["bytes_per_star"]
    hours = SURVEY / own / 3600
    note = f" {about['note']}" if about["note"] else ""
    what = f"`{about['task']}` with the model `{about['model']}`: {about['stars']:,} spectra in"
    how = f"{about['partitions']} partitions, {about['cores']} cores, the best of {about['repeat']} round(s)"
    cost = (
        f"At {own:,.0f} stars per second and core, {SURVEY:,} spectra take {hours:,.1f} core hours: "
        f"{hours / 100 * 60:,.1f} minutes on 100 cores, and at 0.05 $ per core hour {0.05 * hours:,.2f} $. "
        f"They are {each * SURVEY / 1e12:,.2f} TB to read ({each / 1000:,.1f} kB each); 100 cores ask for "
        f"{own * 100 * each / 1e9:,.1f} GB per second. A file system that gives less sets the pace."
    )
    text = f"{what} {how}; every run ended with each star once.{note}\n\n{table(about)}\n\n{cost}\n"
    replace_between(PAGE, MEASURED, text)


if __name__ == "__main__":
    main()
