"""The Bayes-optimal reference: the posterior mean of a star's labels when the sample itself is the prior.

No method that knows a star by its spectrum alone has a smaller mean square error over the sample. Importance
sampling: candidates are labels of the mock population, drawn more often near the Cramér-Rao ellipse, so the
prior is exact without a formula for its density. Of the nuisances, broadening (whose effect is quadratic near
0) is drawn with each candidate under the population's uniform prior; the others are marginalised in closed
form, by linearisation at their estimate and with Gaussian priors of the population's mean and spread, that of
cn under the candidate's labels. Estimates and derivatives are improved in rounds, each at the posterior mean
of the one before; the truth has no part in them (`linearised`). A spectrum of low S/N may be that of a giant
or of a dwarf: both are tried, and each counts by its evidence.

Shapes: N stars, L pixels, P labels, K free parameters, M candidates of one star, H nuisances marginalised.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri, softmax

from ..data.spectra import SpectraSet
from ..errors import AuditError
from ..jobs.progress import Progress, part_of, silent
from ..parameters import LABELS
from ..seeds import POPULATION_SEED
from ..simulator import population, true_labels
from ..simulator.emulator import CN_RANGE
from ..simulator.nuisances import CALCIUM_LINES, CONTINUUM_TERMS, nitrogen
from .bounds import config_of
from .linearised import Estimate, Setting, estimates, first_point, next_point

BAND = ("dib_depth", "dib_velocity_kms")
POPULATION = 300_000
CANDIDATES = 500
# by which the proposal's variance exceeds the linearised one: wide tails cost little, narrow ones bias
TEMPER = 2.0
ROUNDS = 4  # of a fit and a posterior mean; the first begins at a star of the population
GIANTS = 3.5  # log g below which labels count as a giant's
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


def bayes_optimal(stars: SpectraSet, seed: int = 0, progress: Progress = silent) -> Optimal:
    """The posterior mean of each of N simulated stars of the mock sample; about a second a star.

    AuditError when the stars are not simulated, or were simulated with labels of the user's own.
    """
    config, settings = config_of(stars), stars.provenance["simulated"]
    if settings["given_labels"] or settings.get("dealt", "mock") != "mock":
        raise AuditError(
            "these stars' labels were given, so the mock sample is not their prior: simulate without labels"
        )
    pool, rng = population.labels(POPULATION_SEED, np.arange(POPULATION)), np.random.default_rng(seed)
    giants = pool[:, LABELS.index("logg")] < GIANTS
    nature = settings.get("nature", "a")
    parts = [Setting(config, nature, pool[rows]) for rows in (giants, ~giants)]
    each = [
        _of_part(stars, part, rng, part_of(progress, number, len(parts))) for number, part in enumerate(parts)
    ]
    mean, sigma, effective = _together(each, np.array([len(part.pool) / len(pool) for part in parts]))
    return Optimal(stars.ids, LABELS, mean, sigma, true_labels(stars), effective)


class Posterior(NamedTuple):
    """Mean (P,), standard deviation (P,), effective candidates, log evidence; of N stars, N goes in front."""

    mean: np.ndarray
    sigma: np.ndarray
    effective: np.ndarray
    log_evidence: np.ndarray


def _of_part(stars: SpectraSet, part: Setting, rng: np.random.Generator, progress: Progress) -> Posterior:
    """The posterior of each of N stars, the labels of the part being the prior."""
    point, last = first_point(stars, part), ROUNDS - 1
    for number in range(ROUNDS):
        fits, found = estimates(stars, part, point), []
        for fit, flux in zip(fits, stars.flux, strict=True):
            found.append(posterior(fit, flux, part, rng))
            if number == last and found[-1].effective < ENOUGH:
                found[-1] = posterior(fit, flux, part, rng, 10 * CANDIDATES)
            progress((number + len(found) / len(stars)) / ROUNDS, "posterior means")
        together = Posterior(*(np.array(column) for column in zip(*found, strict=True)))
        point = next_point(fits, together.mean, part.config)
    return together


def _together(parts: list[Posterior], share: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means (N, P), standard deviations (N, P) and effective candidates (N,) of parts of the prior.

    share: (·,) of the prior that is in each part.
    """
    evidence = np.stack([part.log_evidence for part in parts]) + np.log(share)[:, None]
    weight = softmax(evidence, 0)  # (·, N)
    means, sigmas = (np.stack([part[column] for part in parts]) for column in (0, 1))
    mean = np.einsum("hn,hnp->np", weight, means)
    square = np.einsum("hn,hnp->np", weight, sigmas**2 + (means - mean) ** 2)
    effective = 1 / (weight**2 / np.stack([part.effective for part in parts])).sum(0)
    return mean, np.sqrt(square), effective


def posterior(
    estimate: Estimate, flux: np.ndarray, setting: Setting, rng: np.random.Generator, count: int = CANDIDATES
) -> Posterior:
    """That of one star of flux (L,)."""
    near, broadening, log_proposal = candidates(estimate, setting, count, rng)
    spectra = setting.spectra(near, nuisances_of(estimate, broadening), len(flux))
    residual = estimate.white(flux - spectra)
    linear = np.array([n not in LABELS and n != "broadening_kms" for n in estimate.names])
    mean, width = nuisance_population(estimate, near, setting)
    slopes = estimate.slopes[linear]
    shifted = residual - (mean - estimate.centre)[:, linear] @ slopes
    log_weight = marginal(shifted, slopes, width[:, linear]) - log_proposal
    weight = softmax(log_weight)
    mean = weight @ near
    sigma = np.sqrt(weight @ np.square(near - mean))
    evidence = logsumexp(log_weight) - np.log(count) - np.log(estimate.white.factor[0]).sum()
    return Posterior(mean, sigma, 1 / np.square(weight).sum(), evidence)


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

    The prior is the pool's; the density is known up to a constant that all stars and pools share.

    Labels are drawn by the linearised likelihood, widened by √TEMPER; broadening by its linearised
    distribution given the labels, widened alike and within the population's range.
    """
    pool, fastest, p = setting.pool, setting.config.broadening_kms, len(LABELS)
    inverse = np.linalg.inv(estimate.covariance[:p, :p])
    offset = pool - estimate.centre[:p]
    log_q = -0.5 / TEMPER * np.einsum("mi,ij,mj->m", offset, inverse, offset)
    log_q -= logsumexp(log_q) - np.log(len(pool))
    rows = rng.choice(len(pool), count, p=np.exp(log_q) / len(pool))
    if "broadening_kms" not in estimate.names:
        return pool[rows], np.zeros(count), log_q[rows]
    i = estimate.names.index("broadening_kms")
    gain = estimate.covariance[i, :p] @ inverse
    width = np.sqrt(TEMPER * (estimate.covariance[i, i] - gain @ estimate.covariance[:p, i]))
    middle = estimate.centre[i] + offset[rows] @ gain
    low, high = ndtr((0 - middle) / width), ndtr((fastest - middle) / width)
    share = np.maximum(high - low, 1e-300)  # of the Gaussian inside the range
    drawn = np.clip(middle + width * ndtri(low + share * rng.random(count)), 0, fastest)
    log_drawn = -0.5 * ((drawn - middle) / width) ** 2 - np.log(share * width)
    return pool[rows], drawn, log_q[rows] + log_drawn


def nuisances_of(estimate: Estimate, broadening: np.ndarray) -> dict[str, np.ndarray]:
    """Nuisance values of the candidates: their own broadening (M,), else the star's estimates."""
    values = {
        n: np.full(len(broadening), estimate.of(n))
        for n in ("shift_kms", "calcium_depth", *CALCIUM_LINES, "pseudo_continuum", *BAND)
    }
    values["cn"] = np.full(len(broadening), np.clip(estimate.of("cn"), *CN_RANGE))
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
