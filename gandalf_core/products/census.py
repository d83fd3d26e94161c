"""Counts over the stars of a source, added up piece by piece: what `validate` and the upload page judge.

Shapes: N stars, L pixels.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..data.instruments import instrument_of
from ..data.spectra import SpectraSet
from ..io.ids import as_integers
from ..io.normalised import POORLY_NORMALISED
from ..models.line_shift import correlated
from ..models.reasons import is_shifted
from ..models.verdicts import is_physical, physical_verdicts

MAX_SHIFTS, MAX_FITTED = 2000, 300  # stars whose line shift is measured, and that are fitted one by one
NOISE_SCALE = 1.482602 / np.sqrt(6)  # from the median of |2 f(i) − f(i−2) − f(i+2)| to one standard deviation
BLOCK = 2048  # stars at once: their arrays stay small


class Look(NamedTuple):
    """What a closer look at a star shows.

    preparation: what is wrong with how it was prepared, "" for nothing.  reason: why it is outside what
    models know, "" where it is not.
    """

    velocity_kms: float
    velocity_error: float
    preparation: str = ""
    reason: str = ""


@dataclass
class Census:
    """What the stars of a source are like.

    stars: how many were looked at. usable: how many of them can be used. samples, masked: flux values, and
    those that are masked. grids: stars on each grid, named by (pixels, first, last wavelength in nm). snr:
    median S/N per pixel of each usable star, NaN where errors are unknown. excess: flux error over the
    scatter between neighbouring pixels, of each star. looks: at usable stars, by id. ids: of all stars, in
    pieces. labels: their values, in pieces.
    """

    stars: int = 0
    usable: int = 0
    samples: int = 0
    masked: int = 0
    grids: Counter[tuple[int, float, float]] = field(default_factory=Counter)
    snr: list[np.ndarray] = field(default_factory=list)
    excess: list[np.ndarray] = field(default_factory=list)
    looks: dict[str, Look] = field(default_factory=dict)
    ids: list[np.ndarray] = field(default_factory=list)
    labels: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def add(self, stars: SpectraSet) -> None:
        """Count stars as their file gives them, on their own grid."""
        self.stars += len(stars)
        self.samples += stars.mask.size
        self.masked += int(stars.mask.sum())
        grid = stars.wavelength_nm
        self.grids[len(grid), round(float(grid[0]), 3), round(float(grid[-1]), 3)] += len(stars)
        integers = as_integers(stars.ids)
        self.ids.append(stars.ids if integers is None else integers)
        for name in stars.label_names:
            self.labels.setdefault(name, []).append(stars.label(name))
        for start in range(0, len(stars), BLOCK):
            block = stars[start : start + BLOCK]
            self.excess.append(block.mean_error / scatter(block))

    def add_usable(self, stars: SpectraSet, mean_flux: np.ndarray | None) -> None:
        """Count the usable ones of them, on a grid (L,): their S/N, and a closer look at the first.

        mean_flux: (L,) the spectrum that they are compared with where they cannot be fitted, if there is one.
        """
        self.usable += len(stars)
        self.snr += [stars[start : start + BLOCK].snr for start in range(0, len(stars), BLOCK)]
        fitted = is_physical(stars.wavelength_nm)
        left = (MAX_FITTED if fitted else MAX_SHIFTS) - len(self.looks)
        some = stars[: max(left, 0)]
        if len(some) and (fitted or mean_flux is not None):
            looks = _by_fits(some) if mean_flux is None or fitted else _by_correlation(some, mean_flux)
            self.looks |= dict(zip(some.ids.tolist(), looks, strict=True))

    @property
    def median_shift(self) -> float | None:
        """The median shift of the lines in km/s; None where most of them are not known."""
        shifts = np.array([look.velocity_kms for look in self.looks.values()])
        known = shifts[np.isfinite(shifts)]
        return float(np.median(known)) if len(known) > len(shifts) / 2 else None

    @property
    def shifted_ids(self) -> list[str]:
        """The stars whose lines are shifted by more than models know."""
        looks = self.looks.items()
        return [star for star, look in looks if is_shifted(look.velocity_kms, look.velocity_error)]

    @property
    def poorly_normalised(self) -> dict[str, str]:
        """What is wrong with the continuum of the stars that are not well normalised, by id."""
        looks = self.looks.items()
        return {s: k.preparation for s, k in looks if k.preparation.startswith(POORLY_NORMALISED)}

    @property
    def outside(self) -> dict[str, str]:
        """Why stars that are well prepared are outside what models know, by id."""
        return {
            star: look.reason for star, look in self.looks.items() if look.reason and not look.preparation
        }

    @property
    def known_snr(self) -> np.ndarray:
        """The S/N of the stars whose errors are known."""
        snr = np.concatenate([*self.snr, np.empty(0)])
        return snr[np.isfinite(snr)]

    @property
    def median_excess(self) -> float:
        """The median of flux error over scatter; NaN where it is not known."""
        excess = np.concatenate([*self.excess, np.empty(0)])
        known = excess[np.isfinite(excess)]
        return float(np.median(known)) if len(known) else float("nan")

    def repeated_ids(self) -> list[str]:
        """The ids that more than one star has."""
        numbers = [ids for ids in self.ids if ids.dtype.kind == "i"]
        names = [ids for ids in self.ids if ids.dtype.kind != "i"]
        repeated: list[str] = []
        for pieces in (numbers, names):
            if pieces:
                unique, count = np.unique(np.concatenate(pieces), return_counts=True)
                repeated += map(str, unique[count > 1])
        return repeated

    def label_values(self, name: str) -> np.ndarray:
        """The known values of a label."""
        values = np.concatenate(self.labels[name])
        return values[np.isfinite(values)]


def _by_fits(stars: SpectraSet) -> list[Look]:
    """What the best physical fits of stars show."""
    found = physical_verdicts(stars)
    reasons = np.where(found.outside, found.reason, "")
    columns = (found.velocity_kms, found.velocity_error, found.preparation, reasons)
    return [Look(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _by_correlation(stars: SpectraSet, mean_flux: np.ndarray) -> list[Look]:
    """What a comparison with a mean spectrum shows."""
    return [Look(*row) for row in zip(*(a.tolist() for a in correlated(stars, mean_flux)), strict=True)]


def scatter(stars: SpectraSet) -> np.ndarray:
    """(N,) noise of one pixel, from the scatter between neighbours (Stoehr et al. 2008, DER_SNR).

    How their noise correlates is that of their instrument. Unknown correlation and narrow lines make it wrong
    by a factor of two or so; NaN where it is not known.
    """
    flux = np.where(stars.mask, np.nan, stars.flux)
    noise = np.full(len(stars), np.nan)
    if flux.shape[1] < 5:
        return noise
    bend = np.abs(2 * flux[:, 2:-2] - flux[:, :-4] - flux[:, 4:])
    known = np.isfinite(bend).any(1)
    noise[known] = NOISE_SCALE * np.nanmedian(bend[known], 1) / _bend_of_noise(stars)
    noise[noise == 0] = np.nan
    return noise


def _bend_of_noise(stars: SpectraSet) -> float:
    """The spread of 2 x(k) − x(k − 2) − x(k + 2) in noise, over that in independent pixels."""
    bands = instrument_of(stars).bands(stars.wavelength_nm)
    two, four = (bands[lag, 0] if lag < len(bands) else 0.0 for lag in (2, 4))
    return float(np.sqrt(1 - 4 / 3 * two + four / 3))
