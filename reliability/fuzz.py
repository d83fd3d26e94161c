"""Files that somebody damaged or laid out in another way, read as uploads are: in a process with limits.

Each mutant is known by the seed and its number: `mutant_of(seed, number)` makes it again.
"""

import gzip
import io
import tempfile
import time
import zipfile
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.io import write_stars
from gandalf_core.io.confined import Limits, Readers

from . import oracle
from .mutants import MUTATIONS
from .mutants_rows import mutant
from .options import Options
from .tables import KINDS, File, original, written

OURS = ("parquet", "npz", "fits", "vot", "ecsv", "csv", "txt")  # formats that we write
CHECKED = ("parquet", "npz", "fits")  # those with checksums: no value may be another
SHORT, LONG = 240, 12_000
KEPT = 25  # faults of each kind that a result names


class Mutant(NamedTuple):
    """A file to be read: its name and content, and what is known about it; `exact` means in every value."""

    name: str
    content: bytes
    file: File | None
    exact: bool


def mutant_of(seed: int, number: int) -> Mutant:
    """The mutant of this number: in turn laid out in another way, and damaged in its bytes."""
    chance = np.random.default_rng([seed, number])
    if number % 2 == 0:
        file = mutant(original(KINDS[number // 2 % len(KINDS)], chance), chance)
        name, content = f"m{number}", written(file)
        if chance.random() < 0.1:
            name, content = _packed(name, content, chance)
        return Mutant(name, content, file, True)
    kinds = (*KINDS, *(f"our-{suffix}" for suffix in OURS))
    kind = kinds[number // 2 % len(kinds)]
    ours = kind.removeprefix("our-")
    file = original("npz" if kind != ours else kind, np.random.default_rng([seed, 0]))
    content = _ours(ours, seed) if kind != ours else written(file)
    return Mutant(f"b{number}", damaged(content, chance), file, kind != ours and ours in CHECKED)


def _packed(name: str, content: bytes, chance: np.random.Generator) -> tuple[str, bytes]:
    if chance.random() < 0.5:
        return f"{name}.gz", gzip.compress(content, 1)
    with zipfile.ZipFile(out := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr(f"{name}.dat", content)
    return f"{name}.zip", out.getvalue()


@lru_cache(maxsize=16)
def _ours(suffix: str, seed: int) -> bytes:
    """A file of the stars of `original`, written by this package."""
    truth = original("npz", np.random.default_rng([seed, 0])).truth
    labels = np.stack(list(truth.labels.values()), 1)
    stars = SpectraSet(truth.flux, truth.wavelength, truth.ids, labels, tuple(truth.labels), truth.error)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"s.{suffix}"
        write_stars(path, stars[:1] if suffix == "txt" else stars)
        return path.read_bytes()


def damaged(data: bytes, chance: np.random.Generator) -> bytes:
    """Cut short, with bits flipped, or a piece removed, doubled or replaced by noise; often in front."""
    raw = np.frombuffer(data, np.uint8).copy()
    start = int(chance.integers(len(raw) if chance.random() < 0.5 else min(len(raw), 3000)))
    stop = min(len(raw), start + int(chance.integers(1, 200)))
    kind = chance.integers(6)
    if kind == 0:
        return raw[:start].tobytes()
    if kind == 1:
        raw[chance.integers(start, stop, 5)] ^= np.uint8(1) << chance.integers(0, 8, 5).astype(np.uint8)
    elif kind == 2:
        raw = np.delete(raw, slice(start, stop))
    elif kind == 3:
        raw = np.insert(raw, start, raw[start:stop])
    elif kind == 4:
        raw[start:stop] = chance.integers(0, 256, stop - start)
    else:
        raw[start] ^= np.uint8(1) << np.uint8(chance.integers(8))
    return raw.tobytes()


def judged(one: Mutant, readers: Readers) -> tuple[str, str]:
    """(verdict, why) of what readers make of a mutant."""
    started = time.monotonic()
    parts = readers.stars(one.name, one.content)
    verdicts = [_of_part(one, stars) for _, stars in parts]
    if time.monotonic() - started > 20 * Limits().slack:
        return oracle.SLOW, ""
    return next(
        (v for v in verdicts if v[0] in oracle.FAULTS), verdicts[0] if verdicts else (oracle.REFUSED, "")
    )


def _of_part(one: Mutant, stars: SpectraSet | SpectraError) -> tuple[str, str]:
    if isinstance(stars, SpectraError):
        return oracle.of_error(one.name, stars)
    if not np.isfinite(stars.flux[~stars.mask]).all():
        return oracle.WRONG, "a flux that is not finite is used"
    if one.file is None or not one.exact:
        return oracle.SAME, ""
    return oracle.of_stars(one.file, stars)


def run(options: Options) -> dict[str, Any]:
    """Read very many mutants; what became of them, and the faults by name."""
    count = options.number(SHORT, LONG)
    readers = Readers(Limits(memory=1_200_000_000))
    totals, faults, changed = Counter[str](), dict[str, list[str]](), Counter[str]()
    try:
        for number in range(count):
            one = mutant_of(options.seed, number)
            verdict, why = judged(one, readers)
            totals[verdict] += 1
            names = one.file.changes if one.file and number % 2 == 0 else ("bytes",)
            changed.update(names)
            if verdict in oracle.FAULTS:
                kind = one.file.kind if one.file else "?"
                faults.setdefault(verdict, []).append(f"{number} {kind} {'+'.join(names)}: {why}")
    finally:
        readers.close()
    return {
        "held": not faults,
        "mutants": count,
        "verdicts": {
            name: totals[name] for name in (oracle.SAME, oracle.REFUSED, oracle.NOTED, *oracle.FAULTS)
        },
        "changes": {name: changed[name] for name in (*sorted(MUTATIONS), "bytes")},
        "faults": {name: found[:KEPT] for name, found in faults.items()},
    }
