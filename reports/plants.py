"""Latents with a leak of known kind and size, and innocent ones: what the audit's certificate tries.

A removed label y that the kept labels know in part, y = f(k) + rest, and a latent z (N, Z) of noise, into
which something of the rest is planted. `size` runs from 0 (nothing) to 1. Shapes: N stars, Z latent, K kept
labels, T removed labels.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gandalf_core.seeds import PLANTED_SEED, REVERSED_SEED
from gandalf_core.simulator.population import labels

LATENT, NUISANCES, EXTRA = 25, 4, 200


class Sample(NamedTuple):
    """A latent z (N, Z), kept labels (N, K) and removed labels (N, T)."""

    z: np.ndarray
    kept: np.ndarray
    y: np.ndarray


class Ground(NamedTuple):
    """What a plant starts from: kept labels, the removed one, what is open of it, and a latent of noise."""

    rng: np.random.Generator
    kept: np.ndarray  # (N, 2)
    y: np.ndarray  # (N,)
    rest: np.ndarray  # (N,) of unit variance
    z: np.ndarray  # (N, Z)

    def rotated(self, z: np.ndarray | None = None) -> np.ndarray:
        """A latent with its dimensions mixed by a random rotation."""
        z = self.z if z is None else z
        return z @ np.linalg.qr(self.rng.standard_normal((z.shape[1],) * 2))[0]

    def sample(self, z: np.ndarray) -> Sample:
        return Sample(z, self.kept, self.y[:, None])


def ground(n: int, seed: int) -> Ground:
    """Labels with a curved floor of R² near .37."""
    rng = np.random.default_rng([seed, n, 41])
    kept, rest = rng.standard_normal((n, 2)), rng.standard_normal(n)
    y = 0.6 * kept[:, 0] - 0.3 * kept[:, 1] ** 2 + rest
    return Ground(rng, kept, y, rest, rng.standard_normal((n, LATENT)))


def mixed(signal: np.ndarray, noise: np.ndarray, size: float) -> np.ndarray:
    """Unit-variance mixture of a signal and noise (N,), of which the signal makes the part `size`."""
    unit = (signal - signal.mean()) / signal.std()
    return np.sqrt(size) * unit + np.sqrt(1 - size) * noise


def ranks(x: np.ndarray) -> np.ndarray:
    """(N,) ranks of x from 0 to 1."""
    return x.argsort().argsort() / len(x)


# --- leaks ---


def linear(n: int, seed: int, size: float) -> Sample:
    """One rotated direction tells the part `size` of what the kept labels leave open."""
    g = ground(n, seed)
    g.z[:, 0] = mixed(g.rest, g.z[:, 0], size)
    return g.sample(g.rotated())


def even(n: int, seed: int, size: float) -> Sample:
    """A rotated direction of random sign whose magnitude tells the label."""
    g = ground(n, seed)
    told = g.rng.choice([-1, 1], n) * (0.5 + ranks(g.rest))
    g.z[:, 0] = mixed(told, g.z[:, 0], size)
    return g.sample(g.rotated())


def exclusive_or(n: int, seed: int, size: float) -> Sample:
    """Two directions, neither of which tells anything: the sign of their product tells the label's sign."""
    g = ground(n, seed)
    sign = np.sign(g.rest) * np.sign(g.z[:, 0])
    g.z[:, 1] = mixed(sign * np.abs(g.rng.standard_normal(n)), g.z[:, 1], size)
    return g.sample(g.rotated())


def spread(n: int, seed: int, size: float) -> Sample:
    """A direction tells the magnitude of what is open, not its value."""
    g = ground(n, seed)
    g.z[:, 0] = mixed(np.abs(g.rest), g.z[:, 0], size)
    return g.sample(g.rotated())


def tiny(n: int, seed: int, size: float) -> Sample:
    """As `linear`, in a direction ten thousand times smaller than the others."""
    g = ground(n, seed)
    g.z[:, 0] = 1e-4 * mixed(g.rest, g.z[:, 0], size)
    return g.sample(g.rotated())


def subpopulation(n: int, seed: int, size: float) -> Sample:
    """As `linear`, in the 5 % of the stars with the lowest second kept label only."""
    g = ground(n, seed)
    few = g.kept[:, 1] <= np.quantile(g.kept[:, 1], 0.05)
    g.z[few, 0] = mixed(g.rest[few], g.z[few, 0], size)
    return g.sample(g.rotated())


def sign_of_product(n: int, seed: int, size: float) -> Sample:
    """Two removed labels, each independent of the latent: it tells the sign of their product."""
    g = ground(n, seed)
    y = g.rng.standard_normal((n, 2))
    g.z[:, 0] = mixed(np.sign(y[:, 0] * y[:, 1]), g.z[:, 0], size)
    return Sample(g.rotated(), g.kept, y)


def wide_linear(n: int, seed: int, size: float) -> Sample:
    """As `linear`, beside 200 further dimensions of noise."""
    g = ground(n, seed)
    g.z[:, 0] = mixed(g.rest, g.z[:, 0], size)
    return g.sample(g.rotated(_beside_noise(g)))


def wide_even(n: int, seed: int, size: float) -> Sample:
    """As `even`, beside 200 further dimensions of noise."""
    g = ground(n, seed)
    g.z[:, 0] = mixed(g.rng.choice([-1, 1], n) * (0.5 + ranks(g.rest)), g.z[:, 0], size)
    return g.sample(g.rotated(_beside_noise(g)))


def clusters(n: int, seed: int, size: float) -> Sample:
    """Six clusters in three dimensions, one for each sixth of what is open, in no order."""
    g = ground(n, seed)
    centres = g.rng.standard_normal((6, 3))
    told = centres[g.rng.permutation(6)[np.minimum((6 * ranks(g.rest)).astype(int), 5)]]
    for d in range(3):
        g.z[:, d] = mixed(told[:, d], g.z[:, d], size)
    return g.sample(g.rotated())


def _beside_noise(g: Ground) -> np.ndarray:
    return np.hstack([g.z, g.rng.standard_normal((len(g.z), EXTRA))])


LEAKS: dict[str, Callable[[int, int, float], Sample]] = {
    "linear": linear,
    "even": even,
    "exclusive or": exclusive_or,
    "spread only": spread,
    "tiny direction": tiny,
    "subpopulation": subpopulation,
    "sign of a product": sign_of_product,
    "linear beside 200": wide_linear,
    "even beside 200": wide_even,
    "clusters": clusters,
}


# --- innocent latents ---


def gaussian(n: int, seed: int) -> Sample:
    """Noise."""
    g = ground(n, seed)
    return g.sample(g.z)


def smooth(n: int, seed: int, frequency: float = 1.0) -> Sample:
    """Smooth functions of the kept labels and of four nuisances, with a little noise."""
    g = ground(n, seed)
    inputs = np.hstack([g.kept, g.rng.standard_normal((n, NUISANCES))])
    mixing = frequency * g.rng.standard_normal((inputs.shape[1], LATENT))
    return g.sample(np.sin(inputs @ mixing + g.rng.uniform(0, 6, LATENT)) + 0.1 * g.z)


def wiggly(n: int, seed: int) -> Sample:
    """As `smooth`, three times as wiggly, of the kept labels alone."""
    g = ground(n, seed)
    mixing = 3 * g.rng.standard_normal((g.kept.shape[1], LATENT))
    return g.sample(np.sin(g.kept @ mixing + g.rng.uniform(0, 6, LATENT)) + 0.1 * g.z)


def wiggly_floor(n: int, seed: int) -> Sample:
    """As `wiggly`, and the removed label is wiggly in the kept ones too: hard to learn from few stars."""
    g = ground(n, seed)
    mixing = 3 * g.rng.standard_normal((g.kept.shape[1], LATENT))
    z = np.sin(g.kept @ mixing + g.rng.uniform(0, 6, LATENT)) + 0.1 * g.z
    y = np.sin(4 * g.kept[:, 0]) * np.cos(3 * g.kept[:, 1]) + 0.5 * g.rest
    return Sample(z, g.kept, y[:, None])


def uneven(n: int, seed: int) -> Sample:
    """Smooth functions of the kept labels; the label scatters more where one of them is high."""
    return _scattered(n, seed, lambda high: np.exp(0.6 * high))


def steep(n: int, seed: int) -> Sample:
    """As `uneven`; the scatter grows by a factor e for each spread of the kept label."""
    return _scattered(n, seed, np.exp)


def jumping(n: int, seed: int) -> Sample:
    """As `uneven`; the label scatters six times as much beyond a limit, as of giants and dwarfs."""
    return _scattered(n, seed, lambda high: np.where(high > 1, 6.0, 1.0))


def _scattered(n: int, seed: int, spread: Callable[[np.ndarray], np.ndarray]) -> Sample:
    g = ground(n, seed)
    z = np.sin(g.kept @ g.rng.standard_normal((2, LATENT)) + g.rng.uniform(0, 6, LATENT)) + 0.1 * g.z
    return Sample(z, g.kept, (0.6 * g.kept[:, 0] + spread(g.kept[:, 1]) * g.rest)[:, None])


def population(n: int, seed: int) -> Sample:
    """The mock sample, Teff and log g removed: smooth functions of [M/H], [α/Fe] and nuisances."""
    values = labels(PLANTED_SEED + seed, np.arange(n))
    kept = values[:, 2:]
    rng = np.random.default_rng([seed, n, 42])
    inputs = np.hstack([(kept - kept.mean(0)) / kept.std(0), rng.standard_normal((n, NUISANCES))])
    z = np.sin(inputs @ rng.standard_normal((inputs.shape[1], LATENT)) + rng.uniform(0, 6, LATENT))
    return Sample(z + 0.1 * rng.standard_normal(z.shape), kept, values[:, :2])


def population_reversed(n: int, seed: int) -> Sample:
    """As `population`, [M/H] and [α/Fe] removed: the floor is steep along the giant branch."""
    values = labels(REVERSED_SEED + seed, np.arange(n))
    kept = values[:, :2]
    rng = np.random.default_rng([seed, n, 43])
    inputs = np.hstack([(kept - kept.mean(0)) / kept.std(0), rng.standard_normal((n, NUISANCES))])
    z = np.sin(inputs @ rng.standard_normal((inputs.shape[1], LATENT)) + rng.uniform(0, 6, LATENT))
    return Sample(z + 0.1 * rng.standard_normal(z.shape), kept, values[:, 2:])


def nothing_kept(n: int, seed: int) -> Sample:
    """Two removed labels that depend on each other, no kept ones, noise."""
    g = ground(n, seed)
    y = np.stack([g.y, 0.7 * g.y + np.abs(g.rest)], 1)
    return Sample(g.z, g.kept[:, :0], y)


def constant(n: int, seed: int) -> Sample:
    """A latent that does not vary."""
    g = ground(n, seed)
    return g.sample(np.ones_like(g.z))


NULLS: dict[str, Callable[[int, int], Sample]] = {
    "noise": gaussian,
    "smooth functions of kept labels and nuisances": smooth,
    "wiggly functions of kept labels": wiggly,
    "uneven scatter": uneven,
    "scatter that jumps": jumping,
    "mock sample, physical removed": population,
    "mock sample, chemical removed": population_reversed,
    "nothing kept": nothing_kept,
}
HARD_NULLS = {"a wiggly floor": wiggly_floor, "a steep scatter": steep}
