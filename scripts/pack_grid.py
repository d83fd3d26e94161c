"""Make `data/rvs_grid.npz`, the grid at Gaia RVS resolution, from the raw synthetic spectra (data/README.md).

    PYTHONPATH=. python scripts/pack_grid.py rvs_lte_grid.npz

Each raw spectrum (0.005 nm steps, no instrument profile) is convolved with a Gaussian of FWHM λ/11,500 and
averaged over samples of 0.01 nm.
"""

import argparse

import numpy as np

from gandalf_core.atomic import atomic
from gandalf_core.simulator.grids import FINE_NM, FLUX_UNIT, GRID_FILE, RESOLVING_POWER, pack_flux

FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))


def instrument_matrix(raw_nm: np.ndarray) -> np.ndarray:
    """(L_raw, L) weights: a Gaussian of FWHM λ/R, averaged over each 0.01 nm sample by the trapezoid rule."""
    sigma = FINE_NM / RESOLVING_POWER / FWHM_PER_SIGMA
    weights = np.zeros((len(raw_nm), len(FINE_NM)))
    for offset, share in ((-0.005, 0.25), (0.0, 0.5), (0.005, 0.25)):
        weights += share * np.exp(-0.5 * ((raw_nm[:, None] - FINE_NM - offset) / sigma) ** 2)
    return (weights / weights.sum(0)).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack the raw grid of synthetic spectra for the simulator.")
    parser.add_argument("raw", help="the raw grid, rvs_lte_grid.npz")
    with np.load(parser.parse_args().raw) as raw:
        labels, raw_nm = raw["labels"], raw["wavelength_nm"]
        flux = raw["flux"].astype(np.float32) / FLUX_UNIT
    with atomic(GRID_FILE) as stream:
        np.savez_compressed(stream, labels=labels, **pack_flux(flux @ instrument_matrix(raw_nm)))
    print(f"{len(labels)} spectra, {GRID_FILE.stat().st_size / 1e6:.1f} MB -> {GRID_FILE}")


if __name__ == "__main__":
    main()
