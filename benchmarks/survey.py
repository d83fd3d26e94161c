"""A survey on two local workers, with and without killing one of them now and then: figures of docs/scale.md.

    python -m benchmarks.survey                       # 1,000,000 spectra, on an idle machine
    python -m benchmarks.survey --stars 50000 --kill-every 5

Every way runs as a user starts it, in processes of its own. The figures go to docs/results/scale.json, and
from there into docs/scale.md.
"""

import argparse
import json
import os
import re
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

STORED = Path("docs/results/scale.json")
PAGE = Path("docs/scale.md")
MARKS = ("<!-- measured -->\n", "<!-- /measured -->")
SURVEY = 100_000_000  # spectra of a large survey
WORKERS = 2
MEGABYTE = 1e6
WAYS = {  # words -> the arguments of each way, and whether workers are killed
    "in this process": (("--scheduler", "none"), False),
    "two workers": (("--scheduler", "local", "--workers", str(WORKERS)), False),
    "two workers, one killed every {kill_every:g} s": (
        ("--scheduler", "local", "--workers", str(WORKERS)),
        True,
    ),
}


@dataclass
class Measured:
    """One way: seconds in all and to the first stars, the same of CPU, peak memory of a process."""

    way: str
    seconds: float
    start_seconds: float
    cpu_seconds: float
    cpu_start_seconds: float
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
    parser.add_argument("--repeat", type=int, default=2, help="rounds; the least time of each way counts")
    parser.add_argument("--note", default="", help="what else the machine did, for the page")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="survey-") as folder:
        source = Path(folder, "source")
        make(source, args.stars, args.partitions)
        size = sum(path.stat().st_size for path in source.iterdir())
        rounds = [[measure(way, source, Path(folder), args) for way in WAYS] for _ in range(args.repeat)]
    best = [min(column, key=lambda m: m.cpu_seconds) for column in zip(*rounds, strict=True)]
    ways = [asdict(m) for m in best]
    about = vars(args) | {"bytes_per_star": size / args.stars, "cores": os.cpu_count(), "ways": ways}
    STORED.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    write_page(about)
    print(table(about))


def make(source: Path, stars: int, partitions: int) -> None:
    """Partitions of simulated spectra, each star under an id of its own."""
    source.mkdir()
    base = sample(stars < 10 * QUICK)
    edges = np.linspace(0, stars, partitions + 1).astype(int)
    for k, (first, end) in enumerate(pairwise(edges)):
        tiled(base, int(end - first), source / f"part.{k:03d}.parquet", int(first))


def measure(way: str, source: Path, folder: Path, args: argparse.Namespace) -> Measured:
    """Run one way as a user does, look at it meanwhile, and check that each star is there once."""
    options, kills = WAYS[way]
    out = folder / f"out-{time.monotonic_ns()}"
    more = ("--no-verdicts",) if args.task == "predict" else ()
    call = ("catalogue", args.task, args.model, source, out, *options, *more, "--json")
    command = [sys.executable, "-m", "gandalf_core", *map(str, call)]
    started, load = time.perf_counter(), os.getloadavg()[0]
    with Path(folder, "said.txt").open("w") as log:
        before, started = os.times(), time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        run = Run(process, Path(log.name), args.kill_every if kills else None)
        run.follow()
        text, _ = process.communicate()
    seconds, after = time.perf_counter() - started, os.times()
    if process.returncode:
        raise SystemExit(Path(log.name).read_text())
    check(out, args.stars, json.loads(text))
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    named = way.format(kill_every=args.kill_every)
    found = Measured(named, seconds, run.start, cpu, run.cpu_of_start, run.peak / MEGABYTE, run.killed, load)
    print(found, file=sys.stderr, flush=True)
    return found


class Run:
    """A run that is followed to its end.

    start, cpu_of_start: seconds of time and of CPU until the first stars are done. peak: memory of any of its
    processes in bytes. killed: how many workers were.
    """

    def __init__(self, process: subprocess.Popen, log: Path, kill_every: float | None) -> None:
        self.process, self.log, self.kill_every = process, log, kill_every
        self.peak = self.start = self.cpu_of_start = 0.0
        self.killed = 0

    def follow(self) -> None:
        begun = last = time.perf_counter()
        while self.process.poll() is None:
            workers = list(workers_of(self.process.pid))
            self.peak = max([self.peak, *map(resident, [self.process.pid, *workers])])
            now = time.perf_counter()
            if not self.start and " stars" in self.log.read_text():
                self.start, self.cpu_of_start = now - begun, sum(map(cpu_of, [self.process.pid, *workers]))
                last = now
            if self.kill_every and self.start and workers and now - last > self.kill_every:
                with suppress(ProcessLookupError):
                    os.kill(workers[self.killed % len(workers)], signal.SIGKILL)
                    self.killed, last = self.killed + 1, now
            time.sleep(0.1)


def cpu_of(pid: int) -> float:
    """The CPU seconds of a process; 0 for one that is gone."""
    import psutil

    with suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return times.user + times.system
    return 0.0


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


def check(out: Path, stars: int, result: dict[str, Any]) -> None:
    """Whether each star is in the result once."""
    import pandas as pd

    ids = pd.read_parquet(out, columns=["id"])["id"]
    if not len(ids) == result["stars_in_all"] == stars == ids.nunique():
        raise SystemExit(f"{out}: {len(ids):,} rows, {ids.nunique():,} stars, {stars:,} were given")


# --- the page ---


def after_start(way: dict[str, Any]) -> tuple[float, float]:
    """Seconds, and CPU seconds, behind the start of a run."""
    return way["seconds"] - way["start_seconds"], way["cpu_seconds"] - way["cpu_start_seconds"]


def table(about: dict[str, Any]) -> str:
    """The figures as Markdown."""
    head = ["", "seconds in all", "of these start", "stars/s then", "stars/s and core (CPU) then"]
    head += ["CPU then, against this process", "CPU in all", "memory of a process [MB]", "killed", "load"]
    lines = [" | ".join(head), "|".join(["---"] * len(head))]
    stars, alone = about["stars"], after_start(about["ways"][0])[1]
    for m in about["ways"]:
        seconds, cpu = after_start(m)
        cells = [m["way"], f"{m['seconds']:.1f}", f"{m['start_seconds']:.1f}", f"{stars / seconds:,.0f}"]
        cells += [f"{stars / cpu:,.0f}", f"{cpu / alone - 1:+.0%}", f"{m['cpu_seconds']:.1f}"]
        cells += [f"{m['peak_mb']:,.0f}", str(m["killed"]), f"{m['load']:.1f}"]
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)


def write_page(about: dict[str, Any]) -> None:
    """Replace what stands between the marks of docs/scale.md."""
    rate = about["stars"] / after_start(about["ways"][1])[1]
    hours, size = SURVEY / rate / 3600, about["bytes_per_star"] * SURVEY / 1e12
    note = f" {about['note']}" if about["note"] else ""
    what = f"`{about['task']}` with the model `{about['model']}`: {about['stars']:,} spectra in"
    how = f"{about['partitions']} partitions, {about['cores']} cores, the best of {about['repeat']} rounds"
    cost = (
        f"At {rate:,.0f} stars per second and core, {SURVEY:,} spectra take {hours:,.1f} core hours: "
        f"{hours / 100 * 60:,.0f} minutes on 100 cores, and at 0.05 $ per core hour {0.05 * hours:,.2f} $. "
        f"They are {size:,.1f} TB to read ({about['bytes_per_star'] / 1000:,.1f} kB each); 100 cores ask for "
        f"{rate * 100 * about['bytes_per_star'] / 1e9:,.1f} GB per second, which few file systems give: then "
        "reading sets the pace."
    )
    text = f"{what} {how}; every run ended with each star once.{note}\n\n{table(about)}\n\n{cost}\n"
    page = PAGE.read_text(encoding="utf-8")
    first, last = (page.index(mark) for mark in MARKS)
    PAGE.write_text(page[: first + len(MARKS[0])] + text + page[last:], encoding="utf-8")


if __name__ == "__main__":
    main()
