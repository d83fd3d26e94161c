"""Linearised fits of simulated stars: where candidates of their labels are sought, nuisances linearised.

Nothing here looks at a star's truth but for the size of its noise, which a spectrum shows. A fit that began
at the truth, or took its derivatives there, would know some of it: labels near the truth would be described
better than others.
Shapes: N stars, L pixels, P labels, K free parameters (labels, then nuisances), M labels of the population.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..data.spectra import SpectraSet
from ..parameters import LABELS
from ..simulator import NuisanceConfig, jacobian, truth
from ..simulator.effects import apply_nuisances
from ..simulator.emulator import CN_RANGE, emulate
from ..simulator.grids import observe
from ..simulator.nuisances import CONTINUUM_TERMS, Prior, priors
from .bounds import Whitener, cramer_rao, free_parameters, whitened, whiteners

TRIED = 20_000  # labels of the population, of which the best fit begins
CHUNK = 2000  # of them at once
P = len(LABELS)


@dataclass(frozen=True, eq=False)
class Setting:
    """What all stars share: their nuisances' population and nature, and labels (M, P) of the sample."""

    config: NuisanceConfig
    nature: str
    pool: np.ndarray

    def spectra(self, labels: np.ndarray, values: dict[str, np.ndarray], pixels: int) -> np.ndarray:
        """(N, L) spectra of labels (N, P) and nuisances, without noise and model errors."""
        return observe(apply_nuisances(emulate(labels, values["cn"], self.nature), values), pixels)


@dataclass(frozen=True, eq=False)
class Estimate:
    """The linearised fit of one star.

    white: of the star's errors. slopes: (K, L) whitened derivatives. names (K,). mean, prior: (K,) means and
    widths of the priors, inf for labels. centre: (K,) the estimates.
    covariance: (K, K), the Cramér-Rao one.
    """

    white: Whitener
    slopes: np.ndarray
    names: tuple[str, ...]
    mean: np.ndarray
    prior: np.ndarray
    centre: np.ndarray
    covariance: np.ndarray

    def of(self, name: str) -> float:
        """The estimate of one parameter; 0 for a nuisance that is switched off."""
        return float(self.centre[self.names.index(name)]) if name in self.names else 0.0


@dataclass(frozen=True, eq=False)
class Point:
    """Labels (N, P) and nuisances (as `simulator.nuisance_values`) at which fits are linearised."""

    labels: np.ndarray
    values: dict[str, np.ndarray]


def first_point(stars: SpectraSet, setting: Setting) -> Point:
    """For each star the labels of the population, of TRIED, whose usual spectrum is nearest to its own."""
    tried = setting.pool[:TRIED]
    distance = np.full(len(stars), np.inf)
    best = np.zeros(len(stars), int)
    flux = stars.flux.astype(np.float64)
    for start in range(0, len(tried), CHUNK):
        labels = tried[start : start + CHUNK]
        values = usual_nuisances(setting.config, labels)
        usual = setting.spectra(labels, values, flux.shape[1]).astype(np.float64)
        squares = np.square(usual).sum(1) - 2 * flux @ usual.T  # (N, M), up to a constant of each star
        nearest = squares.argmin(1)
        least = squares[np.arange(len(stars)), nearest]
        better = least < distance
        distance[better], best[better] = least[better], start + nearest[better]
    return Point(tried[best], usual_nuisances(setting.config, tried[best]))


def usual_nuisances(config: NuisanceConfig, labels: np.ndarray) -> dict[str, np.ndarray]:
    """The mean of each nuisance for stars with labels (N, P)."""
    means = {name: prior.mean for name, prior in priors(config, labels).items()}
    continuum = np.stack([means.pop(f"continuum{i}") for i in range(CONTINUUM_TERMS)], 1)
    return means | {"continuum": continuum}


def estimates(stars: SpectraSet, setting: Setting, point: Point) -> list[Estimate]:
    """The fit of each star linearised at its point, by one Gauss-Newton step.

    For this step labels have Gaussian priors, too, of the mean and the spread of the sample: where a spectrum
    tells little, the fit stays where stars are.
    """
    known = priors(setting.config, point.labels)
    derivatives, every = jacobian(stars, point.labels, point.values)
    free, prior = free_parameters(every, known)
    names, prior = tuple(n for n, f in zip(every, free, strict=True) if f), prior[:, free]
    smooth = truth(stars, point.labels, values=point.values, without=("model_error",)).flux
    white = whiteners(stars, setting.config, smooth)
    slopes = whitened(np.nan_to_num(derivatives[:, free]), white)
    residual = whitened(stars.flux - smooth, white)
    start, mean = parameters(point, names), prior_mean(names, known)  # (N, K)
    expected, width = mean.copy(), prior.copy()
    expected[:, :P], width[:, :P] = setting.pool.mean(0), setting.pool.std(0)
    push = np.einsum("nkl,nl->nk", slopes, residual) + (expected - start) / width**2
    centre = start + np.einsum("nkj,nj->nk", cramer_rao(slopes, width), push)
    each = zip(white, slopes, mean, prior, centre, cramer_rao(slopes, prior), strict=True)
    # labels of the sample, and their means, have spectra
    return [Estimate(w, s, names, *rest) for w, s, *rest in each if w is not None]


def parameters(point: Point, names: tuple[str, ...]) -> np.ndarray:
    """(N, K) the labels and nuisances `names` of a point."""
    columns = dict(zip(LABELS, point.labels.T, strict=True)) | point.values
    columns |= {f"continuum{i}": c for i, c in enumerate(point.values["continuum"].T)}
    return np.stack([columns[n] for n in names], 1)


def prior_mean(names: tuple[str, ...], known: Mapping[str, Prior]) -> np.ndarray:
    """(N, K) mean of each nuisance in the population; 0 for labels, whose prior is the pool of candidates."""
    nothing = np.zeros(len(known["cn"].mean))
    return np.stack([nothing if n in LABELS else known[n].mean for n in names], 1)


def next_point(fits: list[Estimate], labels: np.ndarray, config: NuisanceConfig) -> Point:
    """Labels (N, P), here posterior means, and of each fit the nuisances that go with them.

    In a linear fit those follow the labels by the covariance of both. A nuisance stays within its limits.
    """
    values = usual_nuisances(config, labels)
    for star, (fit, own) in enumerate(zip(fits, labels, strict=True)):
        gain = fit.covariance[P:, :P] @ np.linalg.inv(fit.covariance[:P, :P])
        moved = fit.centre[P:] + gain @ (own - fit.centre[:P])
        for name, value in zip(fit.names[P:], moved.tolist(), strict=True):
            if name.startswith("continuum"):
                values["continuum"][star, int(name.removeprefix("continuum"))] = value
            else:
                values[name][star] = value
    limits = {
        "cn": CN_RANGE,
        "broadening_kms": (0, config.broadening_kms),
        "pseudo_continuum": (0, config.pseudo_continuum),
        "dib_depth": (0, np.inf),
    }
    return Point(labels, values | {name: np.clip(values[name], *ends) for name, ends in limits.items()})
