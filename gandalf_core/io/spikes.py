"""Cosmic-ray hits: one sample, or a few, far above their neighbours on both sides.

A spectrograph spreads everything that comes through its slit over its resolution, so a real feature rises
over more than one sample; what hits the detector itself does not. A run of samples is a hit when

- it is one sample, or at most MAX_RUN that together are narrower than HIT_WIDTH of their wavelength (half of
  the resolution of Gaia's RVS);
- its lowest sample stands HEIGHT above the higher of its two neighbours, and THRESHOLD times above the noise;
- these neighbours are themselves on the level of the samples around them, as in no line of a star.

Noise is what the errors say, or what the scatter between neighbouring samples shows, whichever is larger.
Shapes: N stars, L pixels.
"""

import numpy as np

MAX_RUN = 4  # samples of one hit
HIT_WIDTH = 4.1e-5  # of the wavelength: 0.035 nm at 858 nm
HEIGHT = 0.1  # of the continuum; smaller ones are left alone
THRESHOLD = 8.0  # times the noise of one sample
FOOT = 0.2  # of a hit's height: so much its neighbours may stand above their surroundings
AROUND = 5  # samples on each side that show the level around a hit
MIN_SAMPLES = 40  # usable ones that show what the noise is
STRIDE = 8  # every so many-th sample shows the noise of a row
ROWS = 256  # a block stays in the processor's cache


def spikes(
    flux: np.ndarray, mask: np.ndarray, error: np.ndarray | None, wavelength_nm: np.ndarray
) -> np.ndarray | None:
    """(N, L) true where a usable sample is a cosmic-ray hit; None when nowhere.

    flux, mask, error: (N, L), error None when unknown. wavelength_nm: (L,).
    """
    if len(wavelength_nm) < MIN_SAMPLES:
        return None
    longest = _longest(wavelength_nm)
    found = None
    for start in range(0, len(flux), ROWS):
        for row in start + _suspects(flux[start : start + ROWS], longest):
            usable = np.flatnonzero(~mask[row])
            if len(usable) < MIN_SAMPLES:
                continue
            hits = usable[_hits(flux[row, usable], None if error is None else error[row, usable], longest)]
            if len(hits):
                found = np.zeros(flux.shape, bool) if found is None else found
                found[row, hits] = True
    return found


def _longest(wavelength_nm: np.ndarray) -> int:
    """The most samples that a hit has on a grid (L,)."""
    width = HIT_WIDTH * np.median(wavelength_nm) / np.median(np.diff(wavelength_nm))
    return int(np.clip(width + 1e-6, 1, MAX_RUN))


def _suspects(flux: np.ndarray, longest: int) -> np.ndarray:
    """The rows of a block in which some sample, or run, stands so high that it may be a hit.

    This is quick, and all that most rows cost.
    """
    height = np.fmax(flux[:, 0] - flux[:, 1], flux[:, -1] - flux[:, -2])
    lowest = flux
    for length in range(1, longest + 1):
        above = np.fmax(flux[:, : -length - 1], flux[:, length + 1 :])
        np.subtract(lowest[:, 1 : 1 + above.shape[1]], above, out=above)
        height = np.fmax(height, np.fmax.reduce(above, axis=1))
        if length < longest:
            lowest = np.minimum(lowest[:, :-1], flux[:, length:])
    rows = np.flatnonzero(height > HEIGHT)
    if not len(rows):
        return rows
    flux = flux[rows, : flux.shape[1] // STRIDE * STRIDE]
    level = np.abs(flux[:, 1::STRIDE] - (flux[:, ::STRIDE] + flux[:, 2::STRIDE]) / 2)
    level[np.isnan(level)] = 0  # zeros make the noise seem smaller: then the row is looked at
    middle = level.shape[1] // 2
    noise = np.partition(level, middle, axis=1)[:, middle] / 0.6745
    return rows[height[rows] > THRESHOLD / 2 * noise]


def _hits(flux: np.ndarray, error: np.ndarray | None, longest: int) -> np.ndarray:
    """Positions of hits of at most `longest` samples among the usable samples (L,) of one star."""
    noise = _scatter(flux)
    limit = np.full(len(flux), max(HEIGHT, THRESHOLD * noise))
    if error is not None:
        usual = np.nanmedian(error[np.isfinite(error)]) if np.isfinite(error).any() else 0.0
        limit = np.maximum(limit, THRESHOLD * usual)
    hit = np.zeros(len(flux), bool)
    for length in range(1, longest + 1):
        for start in _starts(flux, limit, length):
            hit[start : start + length] = True
    return np.flatnonzero(hit)


def _scatter(flux: np.ndarray) -> float:
    """One standard deviation of a sample from the mean of its two neighbours, whatever the lines do."""
    residual = flux[1:-1] - (flux[:-2] + flux[2:]) / 2
    return float(np.median(np.abs(residual)) / 0.6745)


def _starts(flux: np.ndarray, limit: np.ndarray, length: int) -> np.ndarray:
    """First positions of runs of `length` samples that are a hit, in a padded copy without an edge."""
    pad = AROUND + 1
    padded = np.pad(flux, pad, mode="reflect")
    at = np.arange(len(flux) - length + 1) + pad
    lowest = np.min([padded[at + k] for k in range(length)], axis=0)
    before, after = padded[at - 1], padded[at + length]
    base = np.maximum(before, after)
    steep = np.flatnonzero(lowest - base > limit[: len(at)])
    if not len(steep):
        return steep
    at, base, height = at[steep], base[steep], (lowest - base)[steep]
    around = [padded[at - k] for k in range(2, AROUND + 1)]
    around += [padded[at + length - 1 + k] for k in range(2, AROUND + 1)]
    ground = np.median(around, axis=0)
    return steep[base - ground < FOOT * height]
