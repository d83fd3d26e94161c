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


class Spectra(NamedTuple):
    """flux: (N, L).  lines: (N, L) the same without band and continuum.  slopes: (N, Q, L) derivatives."""

    flux: np.ndarray
    lines: np.ndarray
    slopes: np.ndarray


def spectra(values: np.ndarray) -> Spectra:
    """The spectra of stars with these QUANTITIES (N, Q), and how they respond to each."""
    waves = _waves(values[:, :5])  # (N, 6, F)
    frequency = _tables().frequency
    turned = np.exp(-1j * values[:, SHIFT, None] * frequency).astype(np.complex64)
    smooth = _smoothing(values[:, ROTATION])
    wider = (_smoothing(values[:, ROTATION] + ROTATION_STEP) - smooth) / ROTATION_STEP
    out = np.empty((len(values), 8, len(frequency)), np.complex64)
    out[:, :6] = waves * (turned * smooth)[:, None]
    out[:, 6] = out[:, 0] * (-1j * frequency)
    out[:, 7] = waves[:, 0] * turned * wider
    pixels = np.asarray(fft.irfft(out, PERIOD))[:, :, PAD : PAD + len(PIXELS_800)]
    return _observed(1 + pixels[:, 0], pixels[:, 1:], values)


def _observed(lines: np.ndarray, slopes: np.ndarray, values: np.ndarray) -> Spectra:
    """Spectra of lines (N, L) and their derivatives (N, 7, L) under the band and the continuum."""
    t = _tables()
    band = 1 - values[:, BAND, None] * t.band - values[:, SLOPE, None] * t.band_slope
    continuum = 1 + values[:, CONTINUUM:] @ t.continuum
    dressed = (band * continuum).astype(np.float32)
    own = (lines * continuum).astype(np.float32)
    derivatives = np.concatenate(
        [
            slopes * dressed[:, None],
            np.stack([-own * t.band, -own * t.band_slope], 1),
            (lines * band)[:, None].astype(np.float32) * t.continuum,
        ],
        1,
    )
    return Spectra(lines * dressed, lines, derivatives)


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


def _waves(labels: np.ndarray) -> np.ndarray:
    """(N, 6, F) transforms of flux − 1 at labels (N, 5), cn the last of them, and of its five derivatives."""
    t, coefficients = _tables(), _coefficients(labels)
    n, _, k = coefficients.shape
    waves = (coefficients.reshape(n * 6, k) @ t.waves).view(np.complex64).reshape(n, 6, len(t.frequency))
    waves[:, 0] += t.mean
    return waves


def _coefficients(labels: np.ndarray) -> np.ndarray:
    """(N, 6, K) float32 coefficients of the components and their derivatives by each of the labels (N, 5).

    Of the kernel k = (1 + d²/4)⁻² the derivative is −(1 + d²/4)⁻³ (x − node)/length², whose two terms are
    matrix products.
    """
    emulator = stored("a")
    x = coordinates(labels[:, :4], labels[:, 4])
    powers, slopes = polynomial(x), _polynomial_slopes(x)
    parts = []
    for g in range(int(emulator["groups"])):
        lengths = emulator[f"lengths{g}"]
        values = kernel(x, emulator["nodes"], lengths)
        steep = values * np.sqrt(values)
        sums = (steep @ _moments(g)).reshape(len(x), 6, emulator[f"weights{g}"].shape[1])
        moved = sums[:, 1:] - x[:, :, None] * sums[:, :1]
        weights, polynomials = emulator[f"weights{g}"], emulator[f"polynomial{g}"]
        base = values @ weights + powers @ polynomials
        parts.append(np.concatenate([base[:, None], moved / lengths[:, None] ** 2 + slopes @ polynomials], 1))
    out = np.concatenate(parts, 2)
    out[:, 1:] /= UNITS[:, None]
    return out.astype(np.float32)


@cache
def _moments(group: int) -> np.ndarray:
    """(M, 6K) the weights of a group of components, alone and times each coordinate of the nodes (M, 5)."""
    emulator = stored("a")
    nodes, weights = emulator["nodes"], emulator[f"weights{group}"]
    return np.concatenate([weights, *(nodes[:, i, None] * weights for i in range(nodes.shape[1]))], 1)


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
