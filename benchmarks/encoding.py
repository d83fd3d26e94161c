"""Encoding at survey scale: a million spectra from Parquet to Parquet, in a process of its own.

The process reports its peak memory.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.rows import Row, sample
from gandalf_core.config.presets import preset
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.io import ParquetWriter

MILLION = 1_000_000
PIECE = 8192


def million(quick: bool) -> list[Row]:
    n = MILLION // 10 if quick else MILLION
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        source, out = Path(folder, "spectra.parquet"), Path(folder, "latents.parquet")
        tiled(sample(quick), n, source)
        command = [sys.executable, "-m", "benchmarks.encoding", str(source), str(out)]
        measured = json.loads(
            subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
        )
    parts = ("seconds", "read_seconds", "matmul_seconds", "spectra_per_second", "matmul_gflops")
    beside = {k: measured[k] for k in parts}
    least = measured["read_seconds"] + measured["matmul_seconds"]
    what = f"encode {n:,} spectra: time / (reading once + products)"
    return [
        Row("encode-million", what, measured["seconds"] / least, 1.5, 1.2, False, beside),
        Row("encode-memory", "peak memory of that run [GB]", measured["peak_gb"], 2, 1, False),
    ]


def verdicts(quick: bool) -> list[Row]:
    """The time of a verdict, for many stars at once and for one alone."""
    from gandalf_core.models.verdicts import physical_verdicts

    n = 256 if quick else 4096
    stars = sample(quick)[:n]
    physical_verdicts(stars[0])  # loads emulator, templates and reference
    times = []
    for some in (stars, stars[1]):
        started = time.perf_counter()
        physical_verdicts(some)
        times.append(1e3 * (time.perf_counter() - started) / len(some))
    beside = {"milliseconds_alone": times[1]}
    return [Row("verdict", f"verdict on each of {n:,} stars [ms]", times[0], 4, 2, False, beside)]


def tiled(stars: SpectraSet, n: int, path: Path, first: int = 0) -> None:
    """Write n spectra: the simulated stars repeated, each time with fresh noise as large as their errors.

    first: number of the first one, on which noise and ids depend.
    """
    rng = np.random.default_rng([1, first])
    with ParquetWriter(path, integer_ids=True) as out:
        for start in range(0, n, PIECE):
            rows = first + np.arange(start, min(start + PIECE, n))
            part = stars[rows % len(stars)]
            noise = rng.standard_normal(part.flux.shape, np.float32) * part.flux_error
            ids = (4_000_000_000_000_000_000 + rows).astype(str)
            out.write(replace(part, flux=part.flux + noise, ids=ids, flux_error=None, provenance={}))


def untrained(stars: SpectraSet):
    """A model of the bottleneck recipe with its initial weights: encoding costs the same."""
    from gandalf_core.models.fit import bare_model
    from gandalf_core.training.trainer import Trainer

    config = preset("physical-removed")
    return bare_model(Trainer(stars[: max(2000, config.training.batch_size)], config, "cpu"), stars[:2000])


def main(source: str, out: str) -> None:
    """Encode `source`; print time, memory and the time of the products alone, before and after."""
    from benchmarks.products import encode_products, flop, runner, seconds
    from gandalf_core.io import iter_parquet
    from gandalf_core.products.catalogue import CHUNK, run_catalogue
    from gandalf_core.products.tasks import encode_task

    model = untrained(next(iter_parquet(source)))
    products = encode_products(model.config, len(model.wavelength_nm), CHUNK)
    alone = runner(products)
    alone()
    before, read = min(seconds(alone) for _ in range(5)), seconds(lambda: _read(source))
    done = run_catalogue(encode_task(model), source, out)
    peak = peak_gb()
    read = min(read, seconds(lambda: _read(source)))
    pure = (before + min(seconds(alone) for _ in range(5))) / 2 * done.stars / CHUNK
    print(
        json.dumps(
            {
                "seconds": done.seconds,
                "read_seconds": read,
                "matmul_seconds": pure,
                "peak_gb": peak,
                "spectra_per_second": done.stars / done.seconds,
                "matmul_gflops": flop(products) * done.stars / CHUNK / pure / 1e9,
            }
        )
    )


def _read(source: str) -> None:
    """Read all spectra once, as the catalogue does."""
    from gandalf_core.io import iter_parquet

    for _ in iter_parquet(source):
        pass


def peak_gb() -> float:
    """Peak memory of this process. getrusage would include the parent process at the time of the fork."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1e6  # kB


if __name__ == "__main__":
    main(*sys.argv[1:])
