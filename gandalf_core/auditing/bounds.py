"""How well can any unbiased method measure a simulated star? The Cramér-Rao bound.

Covariance of a spectrum: its noise, of its true size and with the correlation of its instrument, plus the
simulator's model errors, which go with the depth of its lines. (The size of the noise is a nuisance, too, but
a spectrum of 800 pixels shows it to 3 %, and it tells nothing of the labels.) Every nuisance is free but for
its population spread, which enters as a Gaussian prior of that standard deviation (a weak one: an exponential
band depth and a uniform broadening are not Gaussian); labels have no prior. Shapes: N stars, L pixels,
P labels, K derivatives (labels, then nuisances), B bands of a covariance matrix.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import cholesky_banded, get_lapack_funcs

from ..data.spectra import SpectraSet, same_grid
from ..errors import AuditError
from ..jobs.progress import Progress, silent
from ..parameters import LABELS
from ..simulator import (
    PIXELS_800,
    PIXELS_2401,
    ErrorModel,
    NuisanceConfig,
    is_simulated,
    jacobian,
    nuisance_priors,
    nuisance_values,
    truth,
)
from ..simulator.nuisances import Prior
from ..simulator.recipe import origins

SNR_EDGES = (15, 30, 45, 60, 100, 400)  # per 0.03 nm pixel
CHUNK = 500  # stars at a time: limits the memory of the derivatives


@dataclass(frozen=True, eq=False)
class Bounds:
    """Smallest standard deviation of an unbiased measurement: sigma (N, P) in the labels' units, snr (N,)."""

    ids: np.ndarray
    label_names: tuple[str, ...]
    sigma: np.ndarray
    snr: np.ndarray

    def per_snr(self, edges: tuple[float, ...] = SNR_EDGES) -> list[dict[str, float]]:
        """One row per S/N bin: `low`, `high`, `stars`, and each label's root mean square bound."""
        return rms_per_snr(self.sigma, self.snr, self.label_names, edges)

    def ratio_per_snr(
        self, error: np.ndarray, edges: tuple[float, ...] = SNR_EDGES
    ) -> list[dict[str, float]]:
        """The same rows with RMSE / rms bound in place of the bound, over the stars that have one.

        error: (N, P) measured − true values.
        """
        bounded = np.where(np.isfinite(self.sigma), error, np.nan)
        rows = zip(rms_per_snr(bounded, self.snr, self.label_names, edges), self.per_snr(edges), strict=True)
        return [rmse | {n: rmse[n] / bound[n] for n in self.label_names} for rmse, bound in rows]


def rms_per_snr(
    values: np.ndarray, snr: np.ndarray, names: tuple[str, ...], edges: tuple[float, ...] = SNR_EDGES
) -> list[dict[str, float]]:
    """One row per bin of S/N (N,): `low`, `high`, `stars`, and the root mean square of each column (N, P).

    Stars with a gap (NaN) are left out; the root mean square of no star is NaN.
    """
    rows = []
    for low, high in pairwise(edges):
        here = (snr >= low) & (snr < high) & np.isfinite(values).all(1)
        rms = np.sqrt(np.square(values[here]).mean(0)) if here.any() else np.full(len(names), np.nan)
        rows.append({"low": low, "high": high, "stars": int(here.sum())})
        rows[-1] |= zip(names, rms.tolist(), strict=True)
    return rows


def cramer_rao(whitened: np.ndarray, prior_sigma: np.ndarray | None = None) -> np.ndarray:
    """(N, K, K) smallest covariance of K parameters: (J C⁻¹ Jᵀ + prior⁻²)⁻¹ (Rao 1945; Gaussian errors).

    whitened: (N, K, L) derivatives in units in which the errors have unit covariance. prior_sigma: (K,) or
    (N, K), inf for no prior. NaN for a star whose derivatives are not finite.
    """
    whitened = np.asarray(whitened, float)
    information = whitened @ whitened.transpose(0, 2, 1)
    if prior_sigma is not None:
        diagonal = np.einsum("nkk->nk", information)  # a view
        diagonal += np.asarray(prior_sigma, float) ** -2.0
    out = np.full(information.shape, np.nan)
    good = np.isfinite(information).all((1, 2))
    scale = np.sqrt(np.diagonal(information[good], axis1=1, axis2=2))
    pair = scale[:, :, None] * scale[:, None, :]
    # scaled: kelvins and dex differ by 1e8 in information
    out[good] = np.linalg.inv(information[good] / pair) / pair
    return out


@dataclass(frozen=True, eq=False)
class Whitener:
    """Turns spectra (..., L) into numbers whose errors are independent and of unit variance.

    factor: (B, L) the Cholesky factor of the errors' covariance, in lower banded form.
    """

    factor: np.ndarray

    @classmethod
    def of(cls, covariance: np.ndarray) -> "Whitener":
        """From a covariance (B, L) in lower banded form."""
        return cls(cholesky_banded(covariance, lower=True))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(..., L) whitened, for x (..., L)."""
        columns = np.reshape(x, (-1, x.shape[-1])).astype(float).T
        (solve,) = get_lapack_funcs(("tbtrs",), (self.factor,))
        return solve(self.factor, columns, uplo="L")[0].T.reshape(x.shape)


def whiteners(
    stars: SpectraSet, config: NuisanceConfig, smooth: np.ndarray | None = None
) -> list[Whitener | None]:
    """That of each of N simulated stars, by its true noise; None for one without a spectrum.

    smooth: (N, L) spectra without noise and model errors, whose depths tell the size of the latter; None: the
    true ones. AuditError when the grid is not the simulator's.
    """
    grid = stars.wavelength_nm
    if not (same_grid(grid, PIXELS_800) or same_grid(grid, PIXELS_2401)):
        raise AuditError("bounds are computed on the simulator's own grids of 800 or 2401 pixels only")
    model = ErrorModel.on(grid, config)
    smooth = truth(stars, without=("model_error",)).flux if smooth is None else smooth
    return [
        Whitener.of(model.covariance(flux, error)) if np.isfinite(flux).all() else None
        for flux, error in zip(smooth, noise_level(stars), strict=True)
    ]


def whitened(x: np.ndarray, by: list[Whitener | None]) -> np.ndarray:
    """(N, ..., L) what belongs to N stars, each by its own whitener; NaN where there is none."""
    pairs = zip(by, x, strict=True)
    return np.stack([np.full(one.shape, np.nan) if white is None else white(one) for white, one in pairs])


def config_of(stars: SpectraSet) -> NuisanceConfig:
    """The nuisances that one simulated set was made with. AuditError when it is not one simulated set."""
    _check_truth(stars)
    if "simulated" not in stars.provenance:
        raise AuditError("the prior is that of one sample: give stars of one simulation, simulated:N[:SEED]")
    return NuisanceConfig(**stars.provenance["simulated"]["nuisances"])


def free_parameters(names: list[str], priors: Mapping[str, Prior]) -> tuple[np.ndarray, np.ndarray]:
    """(K,) which parameters are free, and (N, K) their prior widths for N stars, inf for labels.

    A nuisance that is switched off is known.
    """
    anything = np.full(len(priors["cn"].spread), np.inf)
    sigma = np.stack([anything if n in LABELS else priors[n].spread for n in names], 1)
    return np.all(sigma > 0, axis=0), sigma


def star_bounds(stars: SpectraSet, progress: Progress = silent) -> Bounds:
    """The Cramér-Rao bound of each label of each simulated star at its truth, all else free.

    AuditError for stars that are not simulated, or have no noise.
    """
    sigma = np.full((len(stars), len(LABELS)), np.nan)
    done = 0
    for config, rows in _by_nuisances(stars).items():
        for here in np.split(rows, range(CHUNK, len(rows), CHUNK)):
            part = stars[here]
            derivatives, names = jacobian(part)
            free, prior = free_parameters(names, nuisance_priors(part))
            white = whitened(derivatives[:, free], whiteners(part, config))
            covariance = cramer_rao(white, prior[:, free])
            sigma[here] = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)[:, : len(LABELS)])
            done += len(here)
            progress(done / len(stars), "Cramér-Rao bounds")
    return Bounds(stars.ids, LABELS, sigma, nuisance_values(stars)["snr"])


def _by_nuisances(stars: SpectraSet) -> dict[NuisanceConfig, np.ndarray]:
    """Rows of the stars by the nuisances that they were made with, of several simulations, too."""
    _check_truth(stars)
    found: dict[NuisanceConfig, list[np.ndarray]] = {}
    for recipe, rows, _ in origins(stars):
        found.setdefault(recipe.config, []).append(rows)
    return {config: np.sort(np.concatenate(rows)) for config, rows in found.items()}


def _check_truth(stars: SpectraSet) -> None:
    if not is_simulated(stars) or stars.flux_error is None:
        raise AuditError("bounds need the truth and the noise: give simulated stars, simulated:N[:SEED]")


def noise_level(stars: SpectraSet) -> np.ndarray:
    """(N,) true size of the noise of simulated stars, which does not change along a spectrum."""
    assert stars.flux_error is not None, "see _check_truth"
    return np.median(stars.flux_error, 1).astype(float) * nuisance_values(stars)["noise_scale"]
