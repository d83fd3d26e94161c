"""A star's spectrum and its derivatives by every quantity of a physical fit, in a fraction of a millisecond.

The simulator's own emulator, on pixels of 0.03 nm, differentiated by hand and kept in Fourier space, where a
shift and rotation are products. It leaves out the cores of the Ca II triplet, which every star has in its own
way. Shapes: N stars, L = 800 pixels of PIXELS_800, K components, Q quantities, F frequencies.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import fft

from ..parameters import LABELS
from ..simulator.effects import DIB_NM, DIB_SIGMA_NM, rotation_transfer
from ..simulator.emulator import UNITS, coordinates, kernel, polynomial, stored
from ..simulator.grids import CENTRE_NM, LIGHT_KMS, PIXELS_800

CONTINUUM_DEGREE = 4
# what is fitted, in this order: rotation is (v sin i)² in km²/s², the band's slope moves it along wavelength
QUANTITIES = (
    *LABELS,
    *("cn", "shift_kms", "rotation", "band", "band_slope"),
    *(f"continuum{i}" for i in range(CONTINUUM_DEGREE + 1)),
)
SHIFT, ROTATION, BAND, SLOPE, CONTINUUM = (QUANTITIES.index(n) for n in QUANTITIES[5:10])
PIXEL_NM = 0.03
PIXEL_KMS = PIXEL_NM / CENTRE_NM * LIGHT_KMS
PAD = 3  # pixels beyond each end, so that small shifts find spectrum there
PERIOD = 864  # pixels of a Fourier transform: more than there are, and fast
ROTATION_STEP = 40.0  # km²/s², of a finite difference


class Seen(NamedTuple):
    """flux: (N, L) float32.  lines: (N, L) the same without band and continuum."""

    flux: np.ndarray
    lines: np.ndarray


def spectra(values: np.ndarray) -> Seen:
    """The spectra of stars with these QUANTITIES (N, Q)."""
    waves = _flux_waves(_components(_near(values[:, :5])))
    lines = 1 + _pixels(waves * _turned(values[:, SHIFT]) * _smoothing(values[:, ROTATION]))
    band, continuum = _dress(values)
    return Seen(lines * band * continuum, lines)


def spectra_and_slopes(values: np.ndarray) -> tuple[Seen, np.ndarray]:
    """The same, and their derivatives (N, Q, L) by each quantity."""
    near = _near(values[:, :5])
    turned, smooth = _turned(values[:, SHIFT]), _smoothing(values[:, ROTATION])
    wider = (_smoothing(values[:, ROTATION] + ROTATION_STEP) - smooth) / ROTATION_STEP
    bare, seen = _flux_waves(_components(near)) * turned, turned * smooth
    out = np.empty((len(values), 8, bare.shape[1]), np.complex64)
    out[:, 0] = bare * smooth
    out[:, 1:6] = _waves(_component_slopes(near)) * seen[:, None]
    out[:, 6] = out[:, 0] * (-1j * _tables().frequency)
    out[:, 7] = bare * wider
    pixels = _pixels(out)
    lines, t = 1 + pixels[:, 0], _tables()
    band, continuum = _dress(values)
    dress, own, tops = band * continuum, lines * continuum, lines * band
    slopes = np.empty((len(values), len(QUANTITIES), lines.shape[1]), np.float32)
    np.multiply(pixels[:, 1:], dress[:, None], out=slopes[:, :BAND])
    slopes[:, BAND], slopes[:, SLOPE] = -own * t.band, -own * t.band_slope
    np.multiply(tops[:, None], t.continuum, out=slopes[:, CONTINUUM:])
    return Seen(lines * dress, lines), slopes


def _dress(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, L) float32 factors of the interstellar band and of the continuum."""
    t, own = _tables(), values.astype(np.float32)
    band = 1 - own[:, BAND, None] * t.band - own[:, SLOPE, None] * t.band_slope
    return band, 1 + own[:, CONTINUUM:] @ t.continuum


def shifted(lines: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(S, L) one star's lines (L,) moved by whole pixels (S,) to the red; 1 where they leave a gap."""
    reach = int(np.abs(pixels).max())
    wide = np.pad(lines, reach, constant_values=1.0)
    return np.stack([wide[reach - p : reach - p + len(lines)] for p in pixels])


# --- the emulator on these pixels, in Fourier space ---


class _Tables(NamedTuple):
    """frequency: (F,) radians per km/s.  waves: (K, 2F) components, mean: (F,), both of flux − 1.

    band, band_slope: (L,).  continuum: (degree + 1, L) Legendre polynomials.
    """

    frequency: np.ndarray
    waves: np.ndarray
    mean: np.ndarray
    band: np.ndarray
    band_slope: np.ndarray
    continuum: np.ndarray


@cache
def _tables() -> _Tables:
    emulator = stored("a")
    frequency = np.fft.rfftfreq(PERIOD, PIXEL_NM) * 2 * np.pi * CENTRE_NM / LIGHT_KMS
    components = _in_waves(emulator["components"])
    place = (PIXELS_800 - DIB_NM) / DIB_SIGMA_NM
    band = np.exp(-0.5 * place**2)
    x = 2 * (PIXELS_800 - PIXELS_800[0]) / (PIXELS_800[-1] - PIXELS_800[0]) - 1
    return _Tables(
        frequency=frequency.astype(np.float32),
        waves=components.view(np.float32),
        mean=_in_waves(emulator["mean"][None] - 1)[0],
        band=band.astype(np.float32),
        band_slope=(place * band).astype(np.float32),
        continuum=np.polynomial.legendre.legvander(x, CONTINUUM_DEGREE).T.astype(np.float32),
    )


def _in_waves(fine: np.ndarray) -> np.ndarray:
    """(n, F) complex Fourier transforms of arrays (n, samples of FINE_NM), on pixels with PAD at each end."""
    first = fine.shape[1] // 2 - 1200 - 3 * PAD  # so that three samples make a pixel of PIXELS_800
    pixels = fine[:, first : first + 3 * (len(PIXELS_800) + 2 * PAD)].reshape(len(fine), -1, 3).mean(2)
    # a straight line from the red end back to the blue one makes the spectrum periodic
    bridge = np.linspace(0, 1, PERIOD - pixels.shape[1] + 2)[1:-1]
    closed = np.concatenate([pixels, pixels[:, -1:] + (pixels[:, :1] - pixels[:, -1:]) * bridge], 1)
    return np.asarray(fft.rfft(closed)).astype(np.complex64)


def _pixels(waves: np.ndarray) -> np.ndarray:
    """(…, L) float32 arrays of the transforms (…, F)."""
    return np.asarray(fft.irfft(waves, PERIOD))[..., PAD : PAD + len(PIXELS_800)]


def _turned(shift_kms: np.ndarray) -> np.ndarray:
    """(N, F) phases of shifts (N,) to the red."""
    phase = shift_kms[:, None].astype(np.float32) * _tables().frequency
    return np.cos(phase) - np.complex64(1j) * np.sin(phase)


def _waves(coefficients: np.ndarray) -> np.ndarray:
    """(…, F) transforms of what components with these coefficients (…, K) add up to."""
    return (coefficients @ _tables().waves).view(np.complex64)


def _flux_waves(coefficients: np.ndarray) -> np.ndarray:
    """(N, F) transforms of flux − 1."""
    return _waves(coefficients) + _tables().mean


class _Near(NamedTuple):
    """Of labels: coordinates x (N, 5), and the kernel (N, M) of each group of components."""

    x: np.ndarray
    kernels: list[np.ndarray]


def _near(labels: np.ndarray) -> _Near:
    """What the emulator needs of labels (N, 5), cn the last of them."""
    emulator, x = stored("a"), coordinates(labels[:, :4], labels[:, 4])
    groups = range(int(emulator["groups"]))
    return _Near(x, [kernel(x, emulator["nodes"], emulator[f"lengths{g}"]) for g in groups])


def _components(near: _Near) -> np.ndarray:
    """(N, K) float32 coefficients of the components."""
    emulator, powers = stored("a"), polynomial(near.x)
    parts = [
        values @ emulator[f"weights{g}"] + powers @ emulator[f"polynomial{g}"]
        for g, values in enumerate(near.kernels)
    ]
    return np.hstack(parts).astype(np.float32)


def _component_slopes(near: _Near) -> np.ndarray:
    """(N, 5, K) float32 derivatives of `_components` by each label.

    Of the kernel k = (1 + d²/4)⁻² the derivative is −(1 + d²/4)⁻³ (x − node)/length², whose two terms are
    matrix products.
    """
    emulator, slopes, parts = stored("a"), _polynomial_slopes(near.x), []
    for g, values in enumerate(near.kernels):
        lengths, count = emulator[f"lengths{g}"], emulator[f"weights{g}"].shape[1]
        steep = values.astype(np.float32)
        steep *= np.sqrt(steep)
        sums = (steep @ _moments(g)).reshape(len(values), 6, count)
        moved = sums[:, 1:] - near.x[:, :, None] * sums[:, :1]
        parts.append(moved / lengths[:, None] ** 2 + slopes @ emulator[f"polynomial{g}"])
    return (np.concatenate(parts, 2) / UNITS[:, None]).astype(np.float32)


@cache
def _moments(group: int) -> np.ndarray:
    """(M, 6K) the weights of a group of components, alone and times each coordinate of the nodes (M, 5)."""
    emulator = stored("a")
    nodes, weights = emulator["nodes"], emulator[f"weights{group}"]
    moments = (nodes[:, i, None] * weights for i in range(nodes.shape[1]))
    return np.concatenate([weights, *moments], 1).astype(np.float32)


def _polynomial_slopes(x: np.ndarray) -> np.ndarray:
    """(N, 5, terms) derivatives of `polynomial` at coordinates (N, 5)."""
    n, size = x.shape
    out = np.zeros((n, size, 1 + size + size * (size + 1) // 2))
    place = 1 + size
    for i in range(size):
        out[:, i, 1 + i] = 1
        for j in range(i, size):
            out[:, i, place] += x[:, j]
            out[:, j, place] += x[:, i]
            place += 1
    return out


# --- rotation ---


def _smoothing(rotation: np.ndarray) -> np.ndarray:
    """(N, F) transform of the rotation profile for (v sin i)² (N,), from a table."""
    argument = np.sqrt(np.maximum(rotation, 0))[:, None].astype(np.float32) * _tables().frequency
    places, values = _rotation_table()
    return np.interp(argument, places, values).astype(np.float32)


@cache
def _rotation_table() -> tuple[np.ndarray, np.ndarray]:
    places = np.linspace(0, 100, 20_001)
    return places, rotation_transfer(places)
