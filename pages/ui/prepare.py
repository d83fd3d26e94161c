"""`python -m pages.ui.prepare IDS.npz OUT.npz --job FOLDER`: simulate the stars of a model's maps once, in
the background.
"""

import argparse
from pathlib import Path

import numpy as np

from gandalf_core.data.spectra import concatenate
from gandalf_core.io import write_stars
from gandalf_core.jobs.folder import JobWriter
from gandalf_core.simulator import simulate_by_id

CHUNK = 400


def prepare(ids: np.ndarray, out: Path, job: JobWriter) -> None:
    """Write the stars `ids` to `out`, telling the job folder how far it is."""
    # neighbours share their random numbers
    order = np.argsort([int(i.rpartition("-")[2]) for i in ids], kind="stable")
    parts = []
    for start in range(0, len(ids), CHUNK):
        parts.append(simulate_by_id(ids[order[start : start + CHUNK]]))
        job.update(
            fraction=min(1.0, (start + CHUNK) / len(ids)),
            message=f"{min(start + CHUNK, len(ids)):,} of {len(ids):,} stars",
        )
    made = concatenate(parts)[np.argsort(order)]
    write_stars(out, made)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("ids", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--job", type=Path, required=True)
    asked = parser.parse_args()
    with JobWriter(asked.job, "prepare") as job, np.load(asked.ids, allow_pickle=False) as stored:
        prepare(stored["ids"], asked.out, job)
        job.update(state="done", message="ready")


if __name__ == "__main__":
    main()
