"""Makes data/line_shares.npz: which species absorbs how much light at each pixel, in ten kinds of star.

    PYTHONPATH=. python scripts/line_shares.py      # some ten minutes of one core

It needs PySME (data/README.md).

A star's spectrum is computed again without the lines of one group of species; what is missing then is what
the group absorbed. Where lines are blended or saturated the parts do not add up to the whole, so shares are
parts of their sum.
"""

import numpy as np

from gandalf_core.atomic import atomic
from gandalf_core.explaining.species import SHARES_FILE
from gandalf_core.simulator.grids import MARGIN, observe
from scripts.pack_grid import instrument_matrix
from scripts.rvs_spectrum import RAW_NM, species, spectrum

GROUPS = {
    "Ca II": ("Ca 2",),
    "Fe": ("Fe 1", "Fe 2"),
    "Si": ("Si 1",),
    "Ti": ("Ti 1", "Ti 2"),
    "Mg": ("Mg 1",),
    "Paschen": ("H 1",),
    "CN": ("CN 1",),
}
OTHERS = "other metals"
# teff, logg along the giant branch and the main sequence
SEQUENCE = ((4400.0, 2.0), (4900.0, 2.7), (4700.0, 4.6), (5700.0, 4.4), (6400.0, 4.2))
METALS = ((0.0, 0.0), (-1.2, 0.3))  # mh, alphafe


def pixels(labels: tuple[float, ...], without: tuple[str, ...] = ()) -> np.ndarray:
    """(800,) the spectrum as Gaia would see it."""
    fine = spectrum(labels, without) @ instrument_matrix(RAW_NM)
    return observe(fine[None, MARGIN:-MARGIN], 800)[0]


def main() -> None:
    """Compute and store, one star after the other."""
    named = {name for group in GROUPS.values() for name in group}
    groups = {**GROUPS, OTHERS: tuple(name for name in species() if name not in named)}
    stars = [(*place, *metals, 0.0) for place in SEQUENCE for metals in METALS]
    absorbed = np.zeros((len(stars), len(groups), 800), np.float32)
    for k, labels in enumerate(stars):
        whole = pixels(labels)
        for g, group in enumerate(groups.values()):
            absorbed[k, g] = np.maximum(pixels(labels, group) - whole, 0)
        print(labels, dict(zip(groups, absorbed[k].mean(1).round(4).tolist(), strict=True)), flush=True)
    with atomic(SHARES_FILE) as stream:
        np.savez_compressed(
            stream,
            allow_pickle=False,
            labels=np.array(stars),
            groups=np.array(list(groups)),
            absorbed=absorbed.astype(np.float16),
        )


if __name__ == "__main__":
    main()
