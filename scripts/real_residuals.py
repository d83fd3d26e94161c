"""Print what the simulator's amplitudes were taken from: what its spectra get wrong in real stars.

    PYTHONPATH=. python scripts/real_residuals.py [--shared ../shared] [--simulated 100]

Fits labels, nitrogen, velocity, rotation, the interstellar band and a slow continuum to the real stars of
`shared/data/real/labels.csv` (`models.physical_fit`), and prints, beside the same of simulated stars of
these labels and S/N: chi²; the rms of the residuals against the depth of lines; the Ca II cores line by line;
how residuals correlate. About a minute. Shapes: N stars, L pixels of 0.03 nm, K samples of 0.01 nm.
"""

import argparse
import csv
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.io import read_stars, rebin
from gandalf_core.models.physical_fit import Fit, fit_spectra
from gandalf_core.parameters import CALCIUM_CORES_NM, CALCIUM_HALF_WIDTH_NM, LABELS
from gandalf_core.seeds import CHOICE_SEED
from gandalf_core.simulator import PIXELS_800, PIXELS_2401, simulate
from gandalf_core.simulator.effects import shift_and_broaden
from gandalf_core.simulator.emulator import emulate
from gandalf_core.simulator.grids import INSTRUMENT, MARGIN
from gandalf_core.simulator.noise import PIXEL_ERROR
from gandalf_core.simulator.nuisances import CALCIUM_LINES, DEFAULT, NLTE_SHARE

SHARED = Path(__file__).resolve().parents[2] / "shared"
BAND_NM, BAND_REACH_NM = 862.3, 0.4
DEPTHS = (-0.1, 0.01, 0.03, 0.06, 0.10, 0.15, 0.20, 0.30, 0.9)
RELATIVE = ((0.03, 0.15), (0.15, 0.9))  # depths of lines whose error is printed as a share of the depth
FEWEST = 8  # pixels in a bin
SLOW_NM = 0.3  # σ of the mean that is taken off before samples are correlated
BANDS = ((1, 4), (4, 8), (8, 12), (12, 16), (16, 20), (20, 25), (25, 40))  # cycles/nm


class Star(NamedTuple):
    """One real star: its samples as they came, on pixels (1, L), and their fit."""

    name: str
    samples: SpectraSet
    pixels: SpectraSet
    fit: Fit


def real_stars(shared: Path) -> list[Star]:
    """The stars of `labels.csv`, fitted."""
    folder, stars = shared / "data", []
    with (folder / "real" / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            samples = read_stars(folder / row["file"])
            pixels = rebin(samples, PIXELS_800)
            stars.append(Star(row["star"], samples, pixels, fitted(pixels)))
    return stars


def fitted(stars: SpectraSet) -> Fit:
    """The best fits of stars on PIXELS_800."""
    assert stars.flux_error is not None
    error = np.where(stars.mask, 1.0, stars.flux_error)
    return fit_spectra(np.where(stars.mask, 1.0, stars.flux), error, stars.mask)


def companions(star: Star, count: int) -> SpectraSet:
    """Simulated stars with the fitted labels and the S/N of a real one."""
    snr = float(star.pixels.snr[0])
    labels = np.tile(star.fit.values[0, : len(LABELS)], (count, 1))
    return simulate(count, CHOICE_SEED, labels=labels, snr=(snr, snr))


# --- residuals, over the fitted continuum and band ---


class Residuals(NamedTuple):
    """residual, error, depth: (N, L). used: (N, L) pixels that were fitted, without the interstellar band."""

    residual: np.ndarray
    error: np.ndarray
    depth: np.ndarray
    used: np.ndarray


def residuals(stars: SpectraSet, fit: Fit) -> Residuals:
    """What the fits leave, in units of the continuum."""
    dressed = fit.seen.flux / fit.seen.lines
    used = (fit.weights > 0) & (np.abs(PIXELS_800 - BAND_NM) > BAND_REACH_NM)
    return Residuals(fit.residual / dressed, stars.flux_error / dressed, 1 - fit.seen.lines, used)


def rest(r: Residuals, low: float, high: float) -> tuple[int, float, float, float, float]:
    """Of pixels with depths in a range: how many, rms residual, error, what is left, and rms depth."""
    here = r.used & (r.depth >= low) & (r.depth < high)
    if here.sum() < FEWEST:
        return int(here.sum()), *[np.nan] * 4
    square, noise = np.square(r.residual[here]).mean(), np.square(r.error[here]).mean()
    left = np.sign(square - noise) * np.sqrt(abs(square - noise))
    return int(here.sum()), np.sqrt(square), np.sqrt(noise), left, np.sqrt(np.square(r.depth[here]).mean())


def cores(r: Residuals) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3) residual at the centres of the Ca II lines, and how much deeper than fitted each core is.

    The latter is the least-squares amplitude of the simulator's own profile of a core.
    """
    centre, deeper = [], []
    for nm in CALCIUM_CORES_NM:
        distance = np.abs(PIXELS_800 - nm)
        near = distance < CALCIUM_HALF_WIDTH_NM
        profile = np.cos(np.pi / 2 * distance[near] / CALCIUM_HALF_WIDTH_NM) ** 2 * r.depth[:, near]
        centre.append(r.residual[:, distance.argmin()])
        deeper.append(-(profile * r.residual[:, near]).sum(1) / (profile**2).sum(1))
    return np.stack(centre, 1), np.stack(deeper, 1)


def correlations(values: np.ndarray, good: np.ndarray, lags: int) -> np.ndarray:
    """Autocorrelation of values (K,) at lags 1 to `lags`, over pairs of good ones."""
    values = np.where(good, values, np.nan)
    pairs = [np.nanmean(values[lag:] * values[:-lag]) for lag in range(1, lags + 1)]
    return np.array(pairs) / np.nanmean(values**2)


def sample_residuals(star: Star) -> tuple[np.ndarray, np.ndarray]:
    """(K,) residuals of 0.01 nm samples in units of flux_error without their slow part, and the good ones."""
    values = star.fit.values[0]
    names = dict(zip((*LABELS, "cn", "shift_kms", "rotation"), values[None].T, strict=False))
    lines = emulate(values[None, : len(LABELS)], names["cn"])
    lines = shift_and_broaden(lines, names["shift_kms"], np.sqrt(np.maximum(names["rotation"], 0)))
    dressed = np.interp(PIXELS_2401, PIXELS_800, (star.fit.seen.flux / star.fit.seen.lines)[0])
    samples = rebin(star.samples, PIXELS_2401)
    error, mask = samples.flux_error[0], samples.mask[0]
    distance = np.abs(PIXELS_2401[:, None] - np.array([*CALCIUM_CORES_NM, BAND_NM]))
    good = ~mask & (distance[:, :3].min(1) > CALCIUM_HALF_WIDTH_NM) & (distance[:, 3] > BAND_REACH_NM)
    scaled = np.where(good, (samples.flux[0] - lines[0, MARGIN:-MARGIN] * dressed) / error, 0.0)
    width = SLOW_NM / 0.01
    slow = gaussian_filter1d(scaled, width) / np.maximum(gaussian_filter1d(good.astype(float), width), 1e-9)
    return np.where(good, scaled - slow, 0.0), good


# --- what is printed ---


def print_fits(stars: list[Star], count: int) -> None:
    """Labels and chi², beside the chi² of simulated stars."""
    print(f"Fits without the Ca II cores. Errors: {PIXEL_ERROR:.2f} flux_error, and model errors of")
    print(
        f"{DEFAULT.model_error:.0%} of the depth and {DEFAULT.model_error_continuum:.1%} of the continuum.\n"
    )
    print(
        "star        S/N   Teff         log g        [M/H]        [alpha/Fe]   cn            chi²   simulated"
    )
    for star in stars:
        values, sigma = star.fit.values[0], np.sqrt(np.diag(star.fit.covariance[0]))
        formats = (
            "{:5.0f} ± {:3.0f}",
            "{:5.2f} ± {:.2f}",
            "{:+.2f} ± {:.2f}",
            "{:+.2f} ± {:.2f}",
            "{:+.2f} ± {:.2f}",
        )
        shown = "  ".join(f.format(v, s) for f, v, s in zip(formats, values, sigma, strict=False))
        low, middle, high = np.percentile(fitted(companions(star, count)).chi2, [16, 50, 84])
        snr, chi2 = star.pixels.snr[0], star.fit.chi2[0]
        print(f"{star.name:10s} {snr:4.0f}  {shown}  {chi2:5.2f}   {middle:.2f} ({low:.2f} to {high:.2f})")


def print_depths(stars: list[Star], count: int) -> None:
    """Residuals against the depth of lines."""
    print("\nWhat residuals have beyond the noise, by depth of the lines, in 0.001 of the continuum;")
    print("in brackets the same of simulated stars. Negative: less than the noise that flux_error says.\n")
    print("depth       " + "".join(f"{star.name:>18s}" for star in stars))
    own = [residuals(star.pixels, star.fit) for star in stars]
    mates = [companions(star, count) for star in stars]
    simulated = [residuals(mate, fitted(mate)) for mate in mates]
    for low, high in pairwise(DEPTHS):
        cells = []
        for real, mate in zip(own, simulated, strict=True):
            number, *_, left, _ = rest(real, low, high)
            usual = rest(mate, low, high)[3]
            cells.append(f"{1000 * left:8.1f} ({1000 * usual:5.1f})  " if number >= FEWEST else " " * 18)
        print(f"{max(low, 0):.2f}-{high:.2f}   " + "".join(cells))
    for low, high in RELATIVE:
        parts = [[rest(r, low, high) for r in pair] for pair in zip(own, simulated, strict=True)]
        cells = [f"{a[3] / a[4]:8.1%} ({b[3] / b[4]:5.1%})  " for a, b in parts]
        print(f"{low:.2f}-{high:.2f}   " + "".join(cells) + "  of the depth")


def print_cores(stars: list[Star]) -> None:
    """The Ca II cores, line by line."""
    print("\nCa II cores, observed against fitted: flux at the centre, and relative depth.\n")
    print("star             850.0            854.4            866.5       mean beyond NLTE's")
    for star in stars:
        centre, deeper = (part[0] for part in cores(residuals(star.pixels, star.fit)))
        shown = "".join(f"{c:+9.3f} {d:+6.1%} " for c, d in zip(centre, deeper, strict=True))
        common = (deeper - DEFAULT.calcium_nlte * NLTE_SHARE).mean()
        print(f"{star.name:10s} {shown}   {common:+6.1%}")
    means = ", ".join(
        f"{name} {DEFAULT.calcium_nlte * share:+.0%}"
        for name, share in zip(CALCIUM_LINES, NLTE_SHARE, strict=True)
    )
    print(
        f"simulator: {means}, each ± {DEFAULT.calcium_lines:.0%}; all three ± {DEFAULT.calcium:.0%}, skewed"
    )


def print_correlations(stars: list[Star]) -> None:
    """How residuals of neighbouring samples correlate, and their power."""
    print("\nResiduals of 0.01 nm samples over flux_error, slow parts removed: rms, autocorrelation at lags")
    print("1-5, power at " + ", ".join(f"{low}-{high}" for low, high in BANDS) + " cycles/nm.\n")
    frequency = np.fft.rfftfreq(len(PIXELS_2401), 0.01)
    for star in stars:
        scaled, good = sample_residuals(star)
        power = np.abs(np.fft.rfft(scaled)) ** 2 / good.sum()
        in_bands = [power[(frequency >= low) & (frequency < high)].mean() for low, high in BANDS]
        lags = " ".join(f"{c:+.2f}" for c in correlations(scaled, good, 5))
        rms = np.sqrt(np.mean(scaled[good] ** 2))
        print(f"{star.name:10s} {rms:.2f}   {lags}   " + " ".join(f"{p:4.2f}" for p in in_bands))
    lags = " ".join(f"{c:+.2f}" for c in INSTRUMENT.noise_correlation[:5])
    fine = np.linspace(0, 50, 5001)
    power = INSTRUMENT.noise_power(fine)
    in_bands = [power[(fine >= low) & (fine < high)].mean() for low, high in BANDS]
    print(
        f"{INSTRUMENT.name:10s} 1.00   {lags}   "
        + " ".join(f"{p:4.2f}" for p in in_bands)
        + "   (noise alone)"
    )


def main() -> None:
    """Read the arguments and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=SHARED, help="the folder with data/real/labels.csv")
    parser.add_argument("--simulated", type=int, default=100, help="simulated stars beside each real one")
    options = parser.parse_args()
    if not (options.shared / "data" / "real" / "labels.csv").is_file():
        print(f"skipped: {options.shared}/data/real/labels.csv is not here, and so no real star")
        return
    stars = real_stars(options.shared)
    print_fits(stars, options.simulated)
    print_depths(stars, options.simulated)
    print_cores(stars)
    print_correlations(stars)


if __name__ == "__main__":
    main()
