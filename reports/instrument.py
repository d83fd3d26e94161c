"""The certificate of the audit: false alarms on innocent latents, leaks found, limits against plantings.

A cell (what, kind, number of stars, size) holds one number for each draw and goes on where it stopped. Cells
of one kind of question and number of stars share a file under docs/results/instrument/, from which
instrument_document.py writes docs/audit.md.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed

from gandalf_core.auditing.bits import bits
from gandalf_core.auditing.excess import joint_readings, partial_r2
from gandalf_core.auditing.floor import fit_floor
from gandalf_core.auditing.leak import Examination, leak_test
from gandalf_core.auditing.leak_test import targets
from gandalf_core.auditing.limits import Trial, limits
from gandalf_core.auditing.probes import Probing

from . import plants
from .stored import STORED, load, store

FOLDER = STORED / "instrument"
BATCH = 20  # draws between two savings of a cell
PARTS = (0.1, 0.5, 1.0)  # of the draws: every cell has some before any has all
NULL, LEAK, SEEN, STATED = "null", "leak", "seen", "stated"


class Cell(NamedTuple):
    """One kind of latent at one number of stars, and how many draws of it are wanted."""

    what: str
    kind: str
    stars: int
    size: float
    draws: int

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.what}-{self.stars}.json"

    @property
    def key(self) -> str:
        return f"{self.kind} {self.size:g}" if self.size else self.kind


class Program(NamedTuple):
    """How much is tried. A short form exists for tests; the whole takes hours."""

    nulls: dict[int, int]  # stars -> draws
    leaks: dict[int, int]
    stated: dict[int, int]


WHOLE = Program({500: 1000, 1000: 1000, 3000: 1000, 5000: 200}, {1000: 60, 3000: 60}, {1000: 60, 3000: 40})
SHORT = Program({500: 20}, {1000: 5}, {1000: 3})
SIZES = {  # of planted leaks; the linear ones are also the measure of the stated limits
    "linear": (0.006, 0.009, 0.012, 0.018, 0.025, 0.03, 0.035, 0.045),
    "tiny direction": (0.012, 0.035, 0.1),
    "linear beside 200": (0.03, 0.06, 0.1, 0.3),
    "even beside 200": (0.5, 0.7, 0.8, 0.95),
}
OTHER_SIZES = (0.1, 0.2, 0.4, 0.6, 0.8, 0.95)


def cells(program: Program = WHOLE) -> Iterator[Cell]:
    """All cells, the quickest first."""
    for n, draws in program.nulls.items():
        for kind in plants.NULLS | plants.HARD_NULLS:
            yield Cell(NULL, kind, n, 0.0, draws if kind in plants.NULLS else min(draws, 100))
    for n, draws in program.leaks.items():
        for kind in plants.LEAKS:
            for size in SIZES.get(kind, OTHER_SIZES):
                few = min(draws, 30) if "beside" in kind else draws
                yield Cell(LEAK, kind, n, size, few)
                yield Cell(SEEN, kind, n, size, 1)
    for n, draws in program.stated.items():
        yield Cell(STATED, "noise", n, 0.0, draws)


def certify(only: list[str], workers: int = 2, program: Program = WHOLE) -> None:
    """Fill the cells of the files named in `only`, e.g. null-500 (all, without any)."""
    for part in PARTS:
        for cell in cells(program):
            if not only or cell.path.stem in only:
                fill(cell._replace(draws=int(np.ceil(part * cell.draws))), workers)


def fill(cell: Cell, workers: int = 1) -> None:
    """Add the draws that a cell lacks; a draw's number is its seed."""
    stored = load(cell.path)
    entry = stored.setdefault(cell.key, {"values": [], "seconds": 0.0})
    while len(entry["values"]) < cell.draws:
        start, first = time.perf_counter(), len(entry["values"])
        seeds = range(first, min(first + BATCH, cell.draws))
        entry["values"] += Parallel(n_jobs=workers)(delayed(draw)(cell, seed) for seed in seeds)
        entry["seconds"] = round(entry["seconds"] + time.perf_counter() - start, 1)
        store(cell.path, stored)


def draw(cell: Cell, seed: int) -> Any:
    """One draw of a cell: p of the first removed label, or what was read or stated."""
    sample = latent(cell, seed)
    if cell.what == SEEN:
        return seen(sample, seed)
    if cell.what == STATED:
        return stated(sample, seed)
    return round(leak_test(examined(sample, seed), 0)[0], 5)


def latent(cell: Cell, seed: int) -> plants.Sample:
    """The latent of a draw; what readers see is judged on stars that no other draw has."""
    nulls = plants.NULLS | plants.HARD_NULLS
    if cell.what in (NULL, STATED):
        return nulls[cell.kind](cell.stars, seed)
    return plants.LEAKS[cell.kind](cell.stars, seed + (900_000 if cell.what == SEEN else 0), cell.size)


def examined(sample: plants.Sample, seed: int) -> Examination:
    """The sample ready for the test alone."""
    probing = Probing(("ridge",), seed)
    floor = fit_floor(sample.kept, sample.y, probing, nested=False)
    return Examination(*sample, probing, floor)


def seen(sample: plants.Sample, seed: int) -> dict[str, float]:
    """What the readers of the audit see of the first removed label, the other removed ones known to them."""
    z, kept, y = sample.z, np.hstack([sample.kept, sample.y[:, 1:]]), sample.y[:, :1]
    e = Examination(z, kept, y, Probing(seed=seed))
    reading = joint_readings(e.ridges, e.z, e.kept, e.floor, e.probing)[0][0]
    alone = {n: t for n, t in targets(e.innocence, 0).items() if n in ("value", "magnitude", "tails")}
    told = bits(e.ridges, alone, e.innocence.unit[:, 0], e.kept)
    return {"partial": round(partial_r2(reading, e.floor.readings()[0]), 4), "bits": round(told, 4)}


def stated(sample: plants.Sample, seed: int) -> dict[str, float]:
    """The limits that the audit states for an innocent latent."""
    e = Examination(*sample, Probing(("ridge",), seed))
    columns = e.columns(0)
    found = limits("linear", Trial(e.innocence, e.directions, columns, e.evidence(columns)))
    return {"detectable": round(found.detectable, 5), "upper": round(found.upper, 5)}
