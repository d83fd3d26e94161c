"""How long the audit takes over one latent: floor, readers, test, limits, bits and strata of two labels."""

import time

from gandalf_core.auditing.latent_report import planned_latent
from gandalf_core.auditing.latent_sample import latent_sample
from gandalf_core.auditing.measuring import LATENT, measure_rows
from gandalf_core.auditing.probes import PROBES, Probing, default_workers
from reports import plants

from .rows import Row

GOALS = {3_000: (20, 8), 12_861: (240, 60)}  # stars -> seconds on two cores: reach, moonshot
LATENT_KIND = "mock sample, physical removed"
REMOVED, KEPT = ("teff", "logg"), ("mh", "alphafe")


def row_of_z(quick: bool) -> list[Row]:
    """Seconds for the row of z of an innocent latent, injections included."""
    import numpy as np

    rows = []
    for n, goals in GOALS.items():
        n = n // 10 if quick else n
        mock = plants.NULLS[LATENT_KIND](n, 0)
        labels = np.hstack([mock.y, mock.kept])
        sample = latent_sample(mock.z, labels, (*REMOVED, *KEPT), (REMOVED, KEPT), None, None, 0)
        plan = planned_latent(sample, Probing(PROBES, 0, default_workers()))
        start = time.perf_counter()
        measure_rows(plan, {LATENT: sample.z})
        seconds = time.perf_counter() - start
        rows.append(Row(f"row-of-z-{n}", f"audit of two labels in z, {n:,} stars [s]", seconds, *goals))
    return rows
