"""Make the grids at Gaia RVS resolution in data/ from the raw synthetic spectra (data/README.md).

    PYTHONPATH=. python scripts/pack_grid.py rvs_lte_grid2.npz
    PYTHONPATH=. python scripts/pack_grid.py rvs_lte_grid_b.npz --nature b

Each raw spectrum (0.005 nm steps, no instrument profile) is convolved with a Gaussian of FWHM λ/11,500 and
averaged over samples of 0.01 nm. Several raw grids of one nature become one, which says what they were and
what made them.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from gandalf_core.atomic import atomic
from gandalf_core.simulator.grids import FINE_NM, FLUX_UNIT, GRID_FILES, RESOLVING_POWER, pack_flux

FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))


def instrument_matrix(raw_nm: np.ndarray) -> np.ndarray:
    """(L_raw, L) weights: a Gaussian of FWHM λ/R, averaged over each 0.01 nm sample by the trapezoid rule."""
    sigma = FINE_NM / RESOLVING_POWER / FWHM_PER_SIGMA
    weights = np.zeros((len(raw_nm), len(FINE_NM)))
    for offset, share in ((-0.005, 0.25), (0.0, 0.5), (0.005, 0.25)):
        weights += share * np.exp(-0.5 * ((raw_nm[:, None] - FINE_NM - offset) / sigma) ** 2)
    return (weights / weights.sum(0)).astype(np.float32)


def observed(path: str) -> tuple[np.ndarray, np.ndarray]:
    """(N, 5) labels and (N, L) spectra at R = 11,500 of a raw grid."""
    with np.load(path) as raw:
        labels, raw_nm = raw["labels"], raw["wavelength_nm"]
        flux = raw["flux"].astype(np.float32) / FLUX_UNIT
    return labels, flux @ instrument_matrix(raw_nm)


def origin(path: str) -> dict[str, object]:
    """A raw grid's name, how many spectra it has, and the versions that made them, as far as it says."""
    with np.load(path) as raw:
        made_by = json.loads(str(raw["made_by"])) if "made_by" in raw.files else {}
        return {"file": Path(path).name, "spectra": len(raw["labels"]), "made_by": made_by}


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack raw grids of synthetic spectra for the simulator.")
    parser.add_argument("raw", nargs="+", help="raw grids, for example rvs_lte_grid2.npz")
    parser.add_argument("--nature", choices=GRID_FILES, default="a", help="b: other physics, for tests alone")
    args = parser.parse_args()
    labels, flux = (np.concatenate(parts) for parts in zip(*map(observed, args.raw), strict=True))
    path = GRID_FILES[args.nature]
    with atomic(path) as stream:
        made_by = np.array(json.dumps([origin(raw) for raw in args.raw]))
        np.savez_compressed(stream, labels=labels, made_by=made_by, **pack_flux(flux))
    print(f"{len(labels)} spectra, {path.stat().st_size / 1e6:.1f} MB -> {path}")


if __name__ == "__main__":
    main()
