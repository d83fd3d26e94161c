"""Instruments as data: the resolution of their spectra, and how the noise of neighbouring samples correlates.

`instruments.json` beside this file describes one instrument an entry; a new entry needs no code. Stars carry
the name of theirs in their provenance, under `instrument`. Where none is named, samples count as independent.
Shapes: L pixels, B bands, F frequencies.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError
from .spectra import SpectraSet

KEY = "instrument"  # in the provenance of stars
ON_GRID = 0.02  # of a step: how far wavelengths may lie from the points of an instrument's grid
FEWEST = 100  # samples that show that a grid is an instrument's own
_FILE = Path(__file__).with_name("instruments.json")

Correlation = Callable[[np.ndarray], np.ndarray]  # of two points, from their distance in nm


@dataclass(frozen=True)
class Instrument:
    """What a spectrograph and its pipeline do to a spectrum and to its noise.

    Attributes
    ----------
    name: as it stands in `instruments.json` and in the provenance of stars.
    resolving_power: λ/Δλ; None where it is not known.
    sample_nm: the distance of the samples of which `noise_correlation` tells.
    noise_correlation: of the noise of two samples that are 1, 2, … samples apart, 0 beyond; none:
        independent samples.
    grids: (first wavelength, step, pixels) of grids that this instrument's spectra have and no others.
    simulated: such a grid, on which the simulator shows its stars as this instrument sees them; or None.

    Raises ConfigError when the correlations are those of no noise: they would give it a negative power.
    """

    name: str
    resolving_power: float | None = None
    sample_nm: float = 1.0
    noise_correlation: tuple[float, ...] = ()
    grids: tuple[tuple[float, float, int], ...] = ()
    simulated: tuple[float, float, int] | None = None

    def __post_init__(self) -> None:
        nyquist = 0.5 / self.sample_nm
        power = self.noise_power(np.linspace(0, nyquist, 64 * (len(self.noise_correlation) + 1)))
        if power.min() < 0:
            at = f"{power.argmin() / len(power) * nyquist:.3g} cycles/nm"
            raise ConfigError(f"{self.name}: no noise has these correlations: its power is negative at {at}")

    def noise_power(self, frequency_per_nm: np.ndarray) -> np.ndarray:
        """(F,) power of the noise of unit variance at frequencies (F,), 1 everywhere for independent samples.

        It is 1 + 2 Σ ρ_j cos(2π j f s) for correlations ρ_j at lag j of samples s apart (Wiener-Khinchin).
        """
        phase = 2 * np.pi * self.sample_nm * np.asarray(frequency_per_nm)
        terms = [rho * np.cos(lag * phase) for lag, rho in enumerate(self.noise_correlation, 1)]
        return 1 + 2 * np.sum(terms, axis=0) if terms else np.ones_like(phase)

    def at_distance(self, nm: np.ndarray) -> np.ndarray:
        """Correlation of two samples that far apart, linear between the lags.

        Linear interpolation keeps the power of the noise positive at every frequency.
        """
        known = [1.0, *self.noise_correlation, 0.0]
        return np.interp(np.abs(nm) / self.sample_nm, np.arange(len(known)), known)

    def bands(self, wavelength_nm: np.ndarray) -> np.ndarray:
        """(B, L) correlation of the noise of pixels j apart: entry (j, k) of pixel k with pixel k + j.

        The pixels (L,) are as wide as their distance: where that is several samples, they are means of
        samples. It is the lower banded form of the correlation matrix (`scipy.linalg.cholesky_banded`).
        """
        if not self.noise_correlation:
            return np.ones((1, len(wavelength_nm)))
        reach = (len(self.noise_correlation) + 1) * self.sample_nm
        bands = pixel_bands(wavelength_nm, self.sample_nm, self.at_distance, reach)
        return bands / bands[0]

    def error_of_mean(self, samples: int) -> float:
        """The error of the mean of neighbouring samples in units of that of one: .87 for three of RVS."""
        lag = np.arange(samples)[:, None] - np.arange(samples)
        return float(np.sqrt(self.at_distance(lag * self.sample_nm).mean()))


def pixel_bands(
    wavelength_nm: np.ndarray, sample_nm: float, correlation: Correlation, reach_nm: float
) -> np.ndarray:
    """(B, L) covariance of pixel means, in the lower banded form, of samples of unit variance.

    wavelength_nm: (L,) pixels as wide as their median distance, each the mean of the samples in it. reach_nm:
    the distance of two samples from which on `correlation` is 0.
    """
    step = float(np.median(np.diff(wavelength_nm))) if len(wavelength_nm) > 1 else sample_nm
    samples = max(round(step / sample_nm), 1)
    offset = step / samples * (np.arange(samples) - (samples - 1) / 2)
    between = (offset[:, None] - offset).ravel()
    bands = []
    for lag in range(len(wavelength_nm)):
        apart = wavelength_nm[lag:] - wavelength_nm[: len(wavelength_nm) - lag]
        if apart.min() - between.max() > reach_nm - 1e-6 * sample_nm:
            break
        bands.append(np.zeros(len(wavelength_nm)))
        bands[-1][: len(apart)] = correlation(apart[:, None] + between).mean(1)
    return np.array(bands)


INDEPENDENT = Instrument("unknown")


@cache
def instruments() -> Mapping[str, Instrument]:
    """The instruments of `instruments.json` by name, and `unknown`."""
    entries = json.loads(_FILE.read_text(encoding="utf-8"))
    known = {name: _from_json(name, entry) for name, entry in entries.items()}
    return {INDEPENDENT.name: INDEPENDENT} | known


def _from_json(name: str, entry: Mapping[str, Any]) -> Instrument:
    return Instrument(
        name,
        entry["resolving_power"],
        entry["sample_nm"],
        tuple(entry["noise_correlation"]),
        tuple(map(_grid, entry["grids"])),
        _grid(entry["simulated"]) if "simulated" in entry else None,
    )


def _grid(entry: Mapping[str, Any]) -> tuple[float, float, int]:
    return entry["first_nm"], entry["step_nm"], entry["pixels"]


def instrument(name: str) -> Instrument:
    """The instrument of that name. ConfigError lists those that there are."""
    if name not in instruments():
        raise ConfigError(f"no instrument {name}; there are: {', '.join(instruments())}")
    return instruments()[name]


def instrument_of(stars: SpectraSet) -> Instrument:
    """The instrument that stars come from, by their provenance; independent samples where it says none.

    A joined set counts as from the instrument whose noise correlates most: for its other stars errors of
    means then are too large, for those of that instrument they would else be too small.
    """
    named = [instruments()[name] for name in declared(stars.provenance) if name in instruments()]
    return max(named, key=lambda one: sum(one.noise_correlation), default=INDEPENDENT)


def declared(provenance: Mapping[str, Any]) -> Iterator[str]:
    """The names of instruments in a provenance, those of joined sets one by one."""
    if isinstance(provenance.get(KEY), str):
        yield provenance[KEY]
        return
    for part in provenance.get("parts", ()):
        yield from declared(part)


def recognised(wavelength_nm: np.ndarray) -> str | None:
    """The name of the instrument on whose own grid wavelengths (L,) lie, or on a part of it; else None."""
    if len(wavelength_nm) < FEWEST:
        return None
    usual = float(np.median(np.diff(wavelength_nm)))
    for name, one in instruments().items():
        for first, step, pixels in one.grids:
            place = (wavelength_nm - first) / step
            near = np.abs(place - np.round(place)).max() < ON_GRID
            within = place[0] > -ON_GRID and place[-1] < pixels - 1 + ON_GRID
            if near and within and abs(usual / step - 1) < ON_GRID:
                return name
    return None
