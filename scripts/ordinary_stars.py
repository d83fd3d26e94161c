"""Makes data/ordinary_stars.npz: how far ordinary stars stray from their best physical fits, at every S/N.

    python scripts/ordinary_stars.py [--stars N]

Run it after every change of the simulator or of the physical fit (about two minutes of one core); tests tell
when the file is out of date. It prints how often fresh stars of both natures score above .95 and .99.
"""

import argparse
from itertools import pairwise

import numpy as np

from gandalf_core.atomic import atomic
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.ordinary import Sample, fit_ordinary
from gandalf_core.models.verdicts import (
    CONTINUUM,
    ORDINARY_FILE,
    SCORED,
    classes_of,
    measures_of,
    ordinary_stars,
    physical_deviations,
    physical_verdicts,
)
from gandalf_core.seeds import ORDINARY_SEED
from gandalf_core.simulator import simulate_kind

STARS = 12_000  # of each nature
SNR = (8.0, 1000.0)
CHECKED = 2000
SNR_EDGES = (15, 30, 60, 120, 400)


def sample(stars: SpectraSet) -> Sample:
    """The measures of stars, in pieces."""
    found = physical_deviations(stars)
    return Sample(measures_of(found), found.snr, classes_of(found))


def main() -> None:
    """Fit and store the reference, then try it on fresh stars."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stars", type=int, default=STARS, help="of each nature")
    count = parser.parse_args().stars
    worlds = [sample(simulate_kind(kind, count, ORDINARY_SEED, snr=SNR)) for kind in ("wide", "b")]
    arrays = fit_ordinary(worlds, SCORED | CONTINUUM).arrays()
    small = {name: a.astype(np.float32) if a.dtype == np.float64 else a for name, a in arrays.items()}
    with atomic(ORDINARY_FILE) as stream:
        np.savez_compressed(stream, allow_pickle=False, **small)
    ordinary_stars.cache_clear()
    for kind in ("", "b"):
        stars = simulate_kind(kind, CHECKED, ORDINARY_SEED + 1)
        score, snr = physical_verdicts(stars).score, stars.snr
        shares = f"{(score > 0.95).mean():.3f} above .95, {(score > 0.99).mean():.3f} above .99"
        print(f"nature {kind or 'a'}: {shares}")
        for low, high in pairwise(SNR_EDGES):
            here = score[(snr >= low) & (snr < high)]
            print(f"  S/N {low}-{high}: median {np.median(here):.2f}, {(here > 0.95).mean():.3f} above .95")


if __name__ == "__main__":
    main()
