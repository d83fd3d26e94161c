"""Stars that no ordinary star explains, to be detected: two stars in one spectrum, and active chromospheres.

Their ids say what they are, `sim<seed>-binary-<k>` and `sim<seed>-active-<k>` (with b after the seed in
nature b), and their truth stands among the labels. They are no part of any sample that `simulate` makes. Star
k is the same for every n. Shapes: N stars, n of one block, L pixels.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from ..data.instruments import KEY as INSTRUMENT_KEY
from ..data.spectra import SpectraSet
from ..errors import SpectraError
from ..parameters import LABELS
from . import streams
from .effects import apply_nuisances, calcium_profiles, normalise
from .emulator import NATURES, emulate
from .grids import CENTRE_NM, FINE_NM, INSTRUMENT, LIGHT_KMS, MARGIN, observe, wavelengths
from .noise import add_errors, flux_error
from .nuisances import DEFAULT, NuisanceConfig
from .recipe import Recipe
from .stars import check_arguments

PARTNER = 1_000_000  # the other star of binary k is star k + PARTNER of the same sample
FASTEST_KMS = 250.0  # beyond, lines would leave the emulated range
BINARY_LABELS = (*LABELS, "flux_ratio", "separation_kms", *(f"{name}_secondary" for name in LABELS))
ACTIVE_LABELS = (*LABELS, "filling")

Limits = float | tuple[float, float]  # one value for all stars, or uniform between two
Values = dict[str, np.ndarray]
# from the numbers, labels and nuisances of a block of stars: spectra (n, 2401) without errors, further labels
Make = Callable[[Recipe, np.ndarray, np.ndarray, Values], tuple[np.ndarray, np.ndarray]]


def simulate_binaries(
    n: int,
    seed: int = 0,
    *,
    separation_kms: Limits = (40.0, 150.0),
    flux_ratio: Limits = (0.3, 1.0),
    snr: tuple[float, float] | None = None,
    pixels: int = 800,
    nature: str = "a",
    nuisances: NuisanceConfig = DEFAULT,
) -> SpectraSet:
    """Spectra of two stars of the mock sample added, the first at rest and the second to the blue or the red.

    separation_kms: between the two; flux_ratio: continuum of the second over the first; each one value, or
    uniform between two. snr, pixels, nuisances: as in `simulate`; nature: `a` or `b`. Labels: those of the
    first star, `flux_ratio`, `separation_kms` (positive: the second is redshifted) and the second star's, as
    `teff_secondary` and so on. Interstellar band, continuum and noise are common.

    Raises SpectraError for impossible arguments.
    """
    pairs = _Pairs(_limits("separation_kms", separation_kms), _limits("flux_ratio", flux_ratio))
    if pairs.separation_kms[1] > FASTEST_KMS:
        widest = f"separation_kms up to {pairs.separation_kms[1]:g}"
        raise SpectraError(f"{widest}: at most {FASTEST_KMS:g} km/s are simulated")
    recipe = _recipe(n, seed, snr, nature, nuisances)
    return _stars(n, recipe, pixels, pairs, BINARY_LABELS, {"binary": asdict(pairs)})


@dataclass(frozen=True)
class _Pairs:
    """How binaries are made: limits of the velocity between the two stars, and of their flux ratio."""

    separation_kms: tuple[float, float]
    flux_ratio: tuple[float, float]

    def __call__(
        self, recipe: Recipe, k: np.ndarray, labels: np.ndarray, values: Values
    ) -> tuple[np.ndarray, np.ndarray]:
        """Spectra of the pairs k; flux ratio, separation and labels of the second star."""
        ratio = _uniform(self.flux_ratio, recipe.seed, "flux ratio", k)
        side = np.where(streams.uniform(recipe.seed, "blue or red", k) < 0.5, -1, 1)
        separation = side * _uniform(self.separation_kms, recipe.seed, "separation", k)
        other = recipe.dealt_labels(k + PARTNER)
        moved = recipe.draw(k + PARTNER, other)
        moved |= {name: values[name] for name in ("dib_depth", "dib_velocity_kms")}
        moved["shift_kms"] = values["shift_kms"] + separation
        weight = (ratio / (1 + ratio)).astype(np.float32)[:, None]
        first, second = _light(recipe, labels, values), _light(recipe, other, moved)
        return first * (1 - weight) + second * weight, np.column_stack([ratio, separation, other])


def simulate_active(
    n: int,
    seed: int = 0,
    *,
    filling: Limits = (0.15, 0.40),
    snr: tuple[float, float] | None = None,
    pixels: int = 800,
    nature: str = "a",
    nuisances: NuisanceConfig = DEFAULT,
) -> SpectraSet:
    """Stars of the mock sample whose three Ca II cores are filled by an active chromosphere.

    filling: of the continuum at the centres of all three lines, beyond the average star of these labels; one
    value, or uniform between two. The other arguments are those of `simulate_binaries`. Labels: the star's,
    and `filling`. Raises SpectraError for impossible arguments.
    """
    activity = _Activity(_limits("filling", filling))
    recipe = _recipe(n, seed, snr, nature, nuisances)
    return _stars(n, recipe, pixels, activity, ACTIVE_LABELS, {"active": asdict(activity)})


@dataclass(frozen=True)
class _Activity:
    """How active stars are made: limits of the filling of their Ca II cores."""

    filling: tuple[float, float]

    def __call__(
        self, recipe: Recipe, k: np.ndarray, labels: np.ndarray, values: Values
    ) -> tuple[np.ndarray, np.ndarray]:
        """Spectra of the stars k, and their filling."""
        amount = _uniform(self.filling, recipe.seed, "filling", k)
        usual = np.full(len(k), recipe.config.calcium_mean)
        flux = _light(recipe, labels, values | {"calcium_depth": usual})
        return flux + amount.astype(np.float32)[:, None] * _emission(values["shift_kms"]), amount[:, None]


def _stars(
    n: int, recipe: Recipe, pixels: int, make: Make, names: tuple[str, ...], settings: dict[str, dict]
) -> SpectraSet:
    """The set of the stars that `make` makes, block by block, with continuum, model errors and noise."""
    (kind,), noisy = settings, recipe.config.noise
    flux, labels, snr = [], [], []
    for start in range(0, n, streams.BLOCK):
        k = np.arange(start, start + streams.BLOCK)  # whole blocks: star k is the same for every n
        own = recipe.dealt_labels(k)
        values = recipe.draw(k, own)
        samples, further = make(recipe, k, own, values)
        normalise(samples, values)
        add_errors(samples, recipe.seed, k, recipe.config, values, noisy)
        flux.append(observe(samples, pixels))
        labels.append(np.column_stack([own, further]))
        snr.append(values["snr"])
    nature = "b" if recipe.nature == "b" else ""
    ids = np.array([f"sim{recipe.seed}{nature}-{kind}-{k}" for k in range(n)], str)
    error = flux_error(np.concatenate(snr)[:n, None], pixels) if noisy else None
    about = settings | {"seed": recipe.seed, "nature": recipe.nature, "nuisances": asdict(recipe.config)}
    return SpectraSet(
        np.concatenate(flux)[:n],
        wavelengths(pixels),
        ids,
        np.concatenate(labels)[:n],
        names,
        None if error is None else np.repeat(error, pixels, 1),
        provenance={"odd": about, INSTRUMENT_KEY: INSTRUMENT.name},
    )


def _light(recipe: Recipe, labels: np.ndarray, values: Values) -> np.ndarray:
    """(n, 2401) spectra of single stars over their true continuum, without noise and model errors."""
    flat = values | {name: np.zeros_like(values[name]) for name in ("pseudo_continuum", "continuum")}
    return apply_nuisances(emulate(labels, values["cn"], recipe.nature), flat)


def _emission(shift_kms: np.ndarray) -> np.ndarray:
    """(n, 2401) 1 at the centres of the three Ca II lines of stars with these shifts."""
    profile, step = calcium_profiles().sum(0), CENTRE_NM / LIGHT_KMS
    moved = [np.interp(FINE_NM - shift * step, FINE_NM, profile) for shift in shift_kms]
    return np.array(moved, np.float32)[:, MARGIN:-MARGIN]


def _recipe(
    n: int, seed: int, snr: tuple[float, float] | None, nature: str, nuisances: NuisanceConfig
) -> Recipe:
    check_arguments(n, seed, snr)
    if nature not in NATURES:
        raise SpectraError(f"no nature '{nature}'; there are: {', '.join(NATURES)}")
    limits = (float(snr[0]), float(snr[1])) if snr else None
    return Recipe(int(seed), limits, False, nuisances, nature)


def _limits(name: str, value: Limits) -> tuple[float, float]:
    """Two limits from one value or two. SpectraError where they are not positive and in order."""
    low, high = (value, value) if isinstance(value, int | float) else value
    if not 0 < low <= high < np.inf:
        raise SpectraError(f"{name} {value}: give a positive number, or two, the lower first")
    return float(low), float(high)


def _uniform(limits: tuple[float, float], seed: int, name: str, k: np.ndarray) -> np.ndarray:
    low, high = limits
    return low + (high - low) * streams.uniform(seed, name, k)
