"""The Bayes-optimal reference: the posterior mean of a star's labels when the sample itself is the prior.

No method that knows a star by its spectrum alone has a smaller mean square error over the sample. Importance
sampling: candidates are labels of the mock population, drawn more often near the Cramér-Rao ellipse, so the
prior is exact without a formula for its density. Of the nuisances, broadening (whose effect is quadratic near
0) is drawn with each candidate under the population's uniform prior; the others are marginalised in closed
form, by linearisation at their estimate and with Gaussian priors of the population's mean and spread, that of
cn under the candidate's labels. The errors' covariance is that of the star's own true spectrum and noise.

Shapes: N stars, L pixels, P labels, K free parameters, M candidates of one star, H nuisances marginalised.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from ..data.spectra import SpectraSet
from ..errors import AuditError
from ..jobs.progress import Progress, silent
from ..parameters import LABELS
from ..seeds import POPULATION_SEED
from ..simulator import (
    NuisanceConfig,
    jacobian,
    nuisance_priors,
    nuisance_values,
    population,
    true_labels,
    truth,
)
from ..simulator.effects import apply_nuisances
from ..simulator.emulator import CN_RANGE, emulate
from ..simulator.grids import observe
from ..simulator.nuisances import CALCIUM_LINES, CONTINUUM_TERMS, Prior, nitrogen
from .bounds import Whitener, config_of, cramer_rao, free_parameters, whitened, whiteners

BAND = ("dib_depth", "dib_velocity_kms")
POPULATION = 300_000
CANDIDATES = 500
# by which the proposal's variance exceeds the linearised one: wide tails cost little, narrow ones bias
TEMPER = 2.0
ENOUGH = 30.0  # effective candidates; below that, a star's posterior mean is not trusted


@dataclass(frozen=True, eq=False)
class Optimal:
    """Posterior means and standard deviations (N, P), the truth (N, P) and effective candidates (N,)."""

    ids: np.ndarray
    label_names: tuple[str, ...]
    mean: np.ndarray
    sigma: np.ndarray
    truth: np.ndarray
    effective: np.ndarray

    @property
    def trusted(self) -> np.ndarray:
        """(N,) true where enough candidates carry the weight."""
        return self.effective >= ENOUGH

    def rmse(self) -> dict[str, float]:
        """RMSE of each label over the trusted stars; compare it with other estimators on the same stars."""
        error = np.sqrt(np.square(self.mean - self.truth)[self.trusted].mean(0))
        return dict(zip(self.label_names, error.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class Estimate:
    """A star's linearised fit: where candidates are sought and nuisances linearised.

    white: of the star's errors. slopes: (K, L) whitened derivatives. names (K,). mean, prior: (K,) means and
    widths of the priors, inf for labels. centre: (K,) estimates of the labels and of the nuisances.
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
class Setting:
    """What all stars share: their nuisances' population and nature, and labels (·, P) of the sample."""

    config: NuisanceConfig
    nature: str
    pool: np.ndarray


def bayes_optimal(stars: SpectraSet, seed: int = 0, progress: Progress = silent) -> Optimal:
    """The posterior mean of each of N simulated stars of the mock sample; about half a second a star.

    AuditError when the stars are not simulated, or were simulated with labels of the user's own.
    """
    config, settings = config_of(stars), stars.provenance["simulated"]
    if settings["given_labels"] or settings.get("dealt", "mock") != "mock":
        raise AuditError(
            "these stars' labels were given, so the mock sample is not their prior: simulate without labels"
        )
    pool = population.labels(POPULATION_SEED, np.arange(POPULATION))
    setting = Setting(config, settings.get("nature", "a"), pool)
    rng = np.random.default_rng(seed)
    moments = []
    for i, (estimate, flux) in enumerate(zip(estimates(stars, setting), stars.flux, strict=True), 1):
        moments.append(posterior(estimate, flux, setting, rng))
        if moments[-1][2] < ENOUGH:
            moments[-1] = posterior(estimate, flux, setting, rng, 10 * CANDIDATES)
        if i % 10 == 0:
            progress(i / len(stars), "posterior means")
    mean, sigma, effective = (np.array(part) for part in zip(*moments, strict=True))
    return Optimal(stars.ids, LABELS, mean, sigma, true_labels(stars), effective)


def estimates(stars: SpectraSet, setting: Setting) -> list[Estimate]:
    """One Gauss-Newton step from each star's truth: near the best fit, where candidates are worth drawing."""
    derivatives, every = jacobian(stars)
    priors = nuisance_priors(stars)
    free, prior = free_parameters(every, priors)
    names, prior = tuple(n for n, f in zip(every, free, strict=True) if f), prior[:, free]
    white = whiteners(stars, setting.config)
    slopes = whitened(derivatives[:, free], white)
    covariances = cramer_rao(slopes, prior)
    noise_free = truth(stars, without=("model_error",)).flux
    residual = whitened(stars.flux - noise_free, white)
    start, mean = true_parameters(stars, names), prior_mean(names, priors)  # (N, K)
    pull = (mean - start) / prior**2
    step = np.einsum("nkj,nj->nk", covariances, np.einsum("nkl,nl->nk", slopes, residual) + pull)
    each = zip(white, slopes, mean, prior, start + step, covariances, strict=True)
    return [Estimate(w, s, names, *rest) for w, s, *rest in each if w is not None]


def true_parameters(stars: SpectraSet, names: tuple[str, ...]) -> np.ndarray:
    """(N, K) the true labels and nuisances `names`."""
    values = nuisance_values(stars)
    columns = dict(zip(LABELS, true_labels(stars).T, strict=True)) | {
        k: v for k, v in values.items() if v.ndim == 1
    }
    columns |= {f"continuum{i}": c for i, c in enumerate(values["continuum"].T)}
    return np.stack([columns[n] for n in names], 1)


def prior_mean(names: tuple[str, ...], priors: Mapping[str, Prior]) -> np.ndarray:
    """(N, K) mean of each nuisance in the population; 0 for labels, whose prior is the pool of candidates."""
    nothing = np.zeros(len(priors["cn"].mean))
    return np.stack([nothing if n in LABELS else priors[n].mean for n in names], 1)


def posterior(
    estimate: Estimate, flux: np.ndarray, setting: Setting, rng: np.random.Generator, count: int = CANDIDATES
) -> tuple[np.ndarray, np.ndarray, float]:
    """(P,) mean, (P,) standard deviation and effective candidates of one star of flux (L,)."""
    near, broadening, log_proposal = candidates(estimate, setting, count, rng)
    cn = np.full(count, np.clip(estimate.of("cn"), *CN_RANGE))
    spectra = apply_nuisances(emulate(near, cn, setting.nature), nuisances_of(estimate, broadening))
    residual = estimate.white(flux - observe(spectra, len(flux)))
    linear = np.array([n not in LABELS and n != "broadening_kms" for n in estimate.names])
    mean, width = nuisance_population(estimate, near, setting)
    slopes = estimate.slopes[linear]
    shifted = residual - (mean - estimate.centre)[:, linear] @ slopes
    likelihood = marginal(shifted, slopes, width[:, linear])
    weight = np.exp(likelihood - log_proposal - (likelihood - log_proposal).max())
    weight /= weight.sum()
    mean = weight @ near
    return mean, np.sqrt(weight @ np.square(near - mean)), float(1 / np.square(weight).sum())


def nuisance_population(
    estimate: Estimate, labels: np.ndarray, setting: Setting
) -> tuple[np.ndarray, np.ndarray]:
    """(M, K) means and (M, K) widths of the priors under candidates' labels (M, P), on which cn depends."""
    mean, width = (np.tile(row, (len(labels), 1)) for row in (estimate.mean, estimate.prior))
    if "cn" in estimate.names:
        i = estimate.names.index("cn")
        mean[:, i], width[:, i] = nitrogen(labels, setting.config)
    return mean, width


def candidates(
    estimate: Estimate, setting: Setting, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(M, P) labels from the pool, (M,) broadening, and (M,) log of the proposal's density over the prior's.

    Labels are drawn by the linearised likelihood, widened by √TEMPER; broadening by its linearised
    distribution given the labels, widened alike and within the population's range.
    """
    pool, fastest, p = setting.pool, setting.config.broadening_kms, len(LABELS)
    inverse = np.linalg.inv(estimate.covariance[:p, :p])
    offset = pool - estimate.centre[:p]
    log_q = -0.5 / TEMPER * np.einsum("mi,ij,mj->m", offset, inverse, offset)
    chance = np.exp(log_q - log_q.max())
    rows = rng.choice(len(pool), count, p=chance / chance.sum())
    if "broadening_kms" not in estimate.names:
        return pool[rows], np.zeros(count), log_q[rows]
    i = estimate.names.index("broadening_kms")
    gain = estimate.covariance[i, :p] @ inverse
    width = np.sqrt(TEMPER * (estimate.covariance[i, i] - gain @ estimate.covariance[:p, i]))
    middle = estimate.centre[i] + offset[rows] @ gain
    low, high = ndtr((0 - middle) / width), ndtr((fastest - middle) / width)
    share = np.maximum(high - low, 1e-300)  # of the Gaussian inside the range
    drawn = np.clip(middle + width * ndtri(low + share * rng.random(count)), 0, fastest)
    return pool[rows], drawn, log_q[rows] - 0.5 * ((drawn - middle) / width) ** 2 - np.log(share)


def nuisances_of(estimate: Estimate, broadening: np.ndarray) -> dict[str, np.ndarray]:
    """Nuisance values of the candidates: their own broadening (M,), else the star's estimates."""
    values = {
        n: np.full(len(broadening), estimate.of(n))
        for n in ("shift_kms", "calcium_depth", *CALCIUM_LINES, "pseudo_continuum", *BAND)
    }
    continuum = [estimate.of(f"continuum{i}") for i in range(CONTINUUM_TERMS)]
    return values | {"broadening_kms": broadening, "continuum": np.tile(continuum, (len(broadening), 1))}


def marginal(residual: np.ndarray, slopes: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """(M,) log likelihood, up to a constant, of whitened residuals (M, L), linear nuisances integrated out.

    With whitened slopes S (H, L) and prior widths w: −½(rᵀr − bᵀ A⁻¹ b) − ½ ln det A − Σ ln w, where
    A = diag(w⁻²) + S Sᵀ and b = S r (Woodbury's identity). prior: (M, H), or (H,) for all, with which the
    last two terms are constant and left out.
    """
    b = residual @ slopes.T  # (M, H)
    inner = slopes @ slopes.T + np.square(1 / prior)[..., None, :] * np.eye(len(slopes))
    fit = np.einsum(
        "mh,mh->m",
        b,
        np.linalg.solve(np.broadcast_to(inner, (len(b), *inner.shape[-2:])), b[..., None])[..., 0],
    )
    constant = np.linalg.slogdet(inner)[1] / 2 + np.log(prior).sum(-1) if prior.ndim > 1 else 0.0
    return -0.5 * (np.square(residual).sum(1) - fit) - constant
