"""Many people at once: visitors of a fresh server, each of whom opens another page every few seconds.

A page run lasts from the visitor's message to the server's word that the script has finished. By default 27
visitors over WebSockets and 3 headless browsers, for five minutes.
"""

import asyncio
import os
import random
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .browsers import browser, walk
from .options import Options
from .server import Server, serving
from .stream_client import PageRun, StreamClient, cookies_of

PAUSE_SECONDS = (5.0, 10.0)
ARRIVAL_SECONDS = 10.0  # within which all visitors come
WARM_SECONDS = 20.0  # a server that has just started imports its libraries
GOALS = {"p95_seconds": 2.5, "first_page_seconds": 6.0, "errors": 0, "memory_growth": 1.1}


@dataclass(frozen=True)
class Crowd:
    """How many visitors, and for how long."""

    clients: int = 27
    browsers: int = 3
    seconds: float = 300.0
    seed: int = 0


@dataclass
class Told:
    """What visitors and server told: first pages, other page runs, errors, and memory over time."""

    first: list[PageRun]
    runs: list[PageRun]
    errors: list[str]
    memory: list[float]
    cpu: float | None = None


def run(options: Options) -> dict[str, Any]:
    """Run the load and return its results. quick: 4 visitors and a browser for 20 s.  count: visitors."""
    crowd = Crowd(seed=options.seed)
    if options.quick:
        crowd = replace(crowd, clients=4, browsers=1, seconds=20.0)
    return under(crowd if options.count is None else replace(crowd, clients=options.count))


def under(crowd: Crowd) -> dict[str, Any]:
    """What a fresh server does when this crowd comes."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        time.sleep(WARM_SECONDS)
        return summary(asyncio.run(_visits(server, crowd)), crowd)


# --- the visits ---


async def _visits(server: Server, crowd: Crowd) -> Told:
    told = Told([], [], [], [])
    before, until = server.cpu_seconds(), time.monotonic() + crowd.seconds
    async with AsyncExitStack() as stack:
        visits = [_visit(server.url, until, crowd.seed * 1000 + k, told) for k in range(crowd.clients)]
        if crowd.browsers:
            chromium = await stack.enter_async_context(browser())
            seeds = range(crowd.seed * 1000 + 500, crowd.seed * 1000 + 500 + crowd.browsers)
            visits += [_browse(chromium, server.url, until, seed, told) for seed in seeds]
        memory = asyncio.create_task(_watch_memory(server, told))
        await asyncio.gather(*visits)
        memory.cancel()
    after = server.cpu_seconds()
    told.cpu = None if before is None or after is None else after - before
    return told


async def _visit(url: str, until: float, seed: int, told: Told) -> None:
    """One visitor without a browser; what goes wrong is noted and ends the visit."""
    chance = random.Random(seed)
    try:
        await asyncio.sleep(chance.uniform(0, ARRIVAL_SECONDS))
        client = await StreamClient.open(url, await asyncio.to_thread(cookies_of, url))
        told.first.append(await client.show())
        while time.monotonic() < until:
            await asyncio.sleep(chance.uniform(*PAUSE_SECONDS))
            told.runs.append(await client.show(chance.choice(sorted(client.pages))))
        await client.close()
    except Exception as error:  # whatever it is, the others go on
        told.errors.append(f"{type(error).__name__}: {error}")


async def _browse(chromium: Any, url: str, until: float, seed: int, told: Told) -> None:
    """One visitor with a browser."""
    try:
        await asyncio.sleep(random.Random(seed).uniform(0, ARRIVAL_SECONDS))
        watch = await walk(chromium, url, until, PAUSE_SECONDS, seed)
        told.first += watch.runs[:1]
        told.runs += watch.runs[1:]
        told.errors += watch.errors
    except Exception as error:
        told.errors.append(f"{type(error).__name__}: {error}")


async def _watch_memory(server: Server, told: Told) -> None:
    while True:
        if (memory := server.memory_mb()) is not None:
            told.memory.append(round(memory))
        await asyncio.sleep(2)


# --- the results ---


def summary(told: Told, crowd: Crowd) -> dict[str, Any]:
    """The results as JSON: percentiles, pages, errors, memory, and whether the goals are reached."""
    seconds = [r.seconds for r in told.runs]
    errors = told.errors + [f"{r.page}: {e}" for r in (*told.first, *told.runs) for e in r.errors]
    count = len(told.first) + len(told.runs)
    results: dict[str, Any] = {
        "clients": crowd.clients,
        "browsers": crowd.browsers,
        "seconds": crowd.seconds,
        "page_runs": count,
        "p50_seconds": _percentile(seconds, 50),
        "p95_seconds": _percentile(seconds, 95),
        "longest_seconds": _percentile(seconds, 100),
        "first_page_seconds": _percentile([r.seconds for r in told.first], 100),
        "errors": len(errors),
        "error_texts": sorted(set(errors))[:20],
        "load_of_the_machine": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "cpu_seconds_per_run": None if told.cpu is None or not count else round(told.cpu / count, 3),
        "pages": _pages(told.runs),
        "memory_mb": told.memory[:: max(1, len(told.memory) // 30)],
        "memory_growth": _growth(told.memory),
    }
    reached = {name: results[name] is not None and results[name] <= goal for name, goal in GOALS.items()}
    return results | {"goals": GOALS, "reached": reached, "held": all(reached.values())}


def _percentile(values: list[float], percent: int) -> float | None:
    """A percentile, so that at least that share of the values is no larger."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, -(-len(ordered) * percent // 100) - 1)], 3)


def _pages(runs: list[PageRun]) -> dict[str, dict[str, Any]]:
    """Page → number of runs, their median and 95th percentile."""
    pages: dict[str, list[float]] = {}
    for page_run in runs:
        pages.setdefault(page_run.page, []).append(page_run.seconds)
    return {
        page: {"runs": len(s), "p50_seconds": _percentile(s, 50), "p95_seconds": _percentile(s, 95)}
        for page, s in sorted(pages.items())
    }


def _growth(memory: list[float]) -> float | None:
    """Memory in the last fifth of the time over that in the second fifth, when everybody has arrived."""
    fifth = len(memory) // 5
    if not fifth:
        return None
    return round(statistics.median(memory[-fifth:]) / statistics.median(memory[fifth : 2 * fifth]), 3)
