"""`python -m pages.ui.cache.prepare IDS.npz OUT.npz --job FOLDER`: simulate the stars of a model's maps."""

import argparse
from pathlib import Path

import numpy as np

from gandalf_core.data.spectra import concatenate
from gandalf_core.io import write_stars
from gandalf_core.jobs.progress import Progress
from gandalf_core.simulator import simulate_by_id
from pages.ui.cache.working import run_job

CHUNK = 400


def prepare(ids: np.ndarray, out: Path, progress: Progress) -> None:
    """Write the simulated stars with these ids (N,) to `out`."""
    # neighbours share their random numbers
    order = np.argsort([int(i.rpartition("-")[2]) for i in ids], kind="stable")
    parts = []
    for start in range(0, len(ids), CHUNK):
        end = min(start + CHUNK, len(ids))
        parts.append(simulate_by_id(ids[order[start:end]]))
        progress(end / len(ids), f"{end:,} of {len(ids):,} stars")
    write_stars(out, concatenate(parts)[np.argsort(order)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("ids", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--job", type=Path, required=True)
    arguments = parser.parse_args()
    with np.load(arguments.ids, allow_pickle=False) as stored:
        ids = stored["ids"]
    run_job(arguments.job, "prepare", lambda progress: prepare(ids, arguments.out, progress))


if __name__ == "__main__":
    main()
