"""Simulated stars and their truth: everything about star k follows from the seed, k and the settings stored with the set.

Shapes: N stars, L pixels, K derivatives; labels are (N, 4) teff [K], logg, mh, alphafe [dex].
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np

from ..errors import SpectraError
from ..io import rebin
from ..parameters import LABELS
from ..spectra import SpectraSet, same_grid
from . import nuisances, population, streams
from .emulator import emulate, inside
from .grids import PIXELS_800, PIXELS_2401, observe, wavelengths
from .nuisances import OFF, NuisanceConfig

ID = re.compile(r"sim(\d+)-(\d+)")
LABEL_STEPS = {"teff": 25.0, "logg": 0.05, "mh": 0.03, "alphafe": 0.03}  # half-widths of the central differences
NUISANCE_STEPS = {"shift_kms": 0.5, "broadening_kms": 1.0, "calcium_depth": 0.05, "dib_depth": 0.01, "dib_velocity_kms": 3.0}
CONTINUUM_STEP = 0.001


@dataclass(frozen=True)
class Recipe:
    """What a set of simulated stars was made with; the ids say which stars."""

    seed: int
    snr: tuple[float, float] | None
    given_labels: bool
    config: NuisanceConfig

    def settings(self) -> dict:
        """The recipe as JSON, as it stands in the provenance."""
        return {"seed": self.seed, "snr": self.snr and list(self.snr), "given_labels": self.given_labels, "nuisances": asdict(self.config)}

    @classmethod
    def from_settings(cls, settings: dict) -> "Recipe":
        snr = settings["snr"]
        return cls(settings["seed"], snr and tuple(snr), settings["given_labels"], NuisanceConfig(**settings["nuisances"]))

    def deal(self, k: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Nuisance values of the stars k under their own labels."""
        return nuisances.deal(self.seed, k, self.config, labels[:, 0], self.snr)


def simulate(
    n: int, seed: int = 0, *, labels: np.ndarray | None = None, label_names: tuple[str, ...] = LABELS, snr: tuple[float, float] | None = None,
    clean: bool = False, pixels: int = 800, nuisances: NuisanceConfig = NuisanceConfig(),  # noqa: B008 - frozen
) -> SpectraSet:  # fmt: skip
    """The first n stars of `seed`, with ids `sim<seed>-<k>`; star k is the same for every n.

    Parameters
    ----------
    labels: (n, P) star k takes labels[k], columns `label_names` (the four of `parameters.LABELS` and any other, which are carried along);
        labels outside the emulator's region give a masked spectrum of NaN. Without: the mock reference sample, whose `label_names` may
        also name a nuisance (`broadening_kms`) to have it as a label.
    snr: S/N of the continuum per 0.03 nm pixel is log-uniform between these two; without, log-normal in 15-400 with median 45.
    clean: neither noise nor nuisances.  pixels: 800 (0.03 nm) or 2401 (0.01 nm).  nuisances: amplitudes and switches.

    `flux_error` is 1/snr per 0.03 nm pixel and √3/snr per 0.01 nm sample, the same along a star's spectrum; None without noise.
    Raises SpectraError for impossible arguments.
    """
    _check(n, seed, snr, pixels)
    recipe = Recipe(seed, snr and (float(snr[0]), float(snr[1])), labels is not None, OFF if clean else nuisances)
    k = np.arange(n)
    physical = population.labels(seed, k) if labels is None else _columns(labels, tuple(label_names), n)
    values = recipe.deal(k, physical)
    shown = _shown(label_names, physical, values) if labels is None else np.asarray(labels, np.float64)
    flux = _observe(recipe, k, physical, values, pixels, noise=recipe.config.noise)
    error = np.repeat(_flux_error(values["snr"], pixels)[:, None], pixels, 1) if recipe.config.noise else None
    ids = np.char.add(f"sim{seed}-", k.astype(str))
    return SpectraSet(flux, wavelengths(pixels), ids, shown, label_names, error, np.isnan(flux), {"simulated": recipe.settings()})


def truth(stars: SpectraSet, labels: np.ndarray | None = None, *, noise: bool = False, without: tuple[str, ...] = ()) -> SpectraSet:
    """The same simulated stars, nuisance by nuisance, without noise (or with the same noise), under other labels (N, 4) if given.

    `without` names fields of NuisanceConfig to leave out, for example ("model_error",): what no small latent can restore.
    Same grid, ids and flux_error as `stars`. Labels outside the emulator's region give NaN flux, masked.
    Raises SpectraError when stars do not come from the simulator.
    """
    pixels = 800 if same_grid(stars.wavelength_nm, PIXELS_800) else 2401
    flux = np.full((len(stars), pixels), np.nan, np.float32)
    names = stars.label_names if labels is None else LABELS
    for recipe, rows, k in _origins(stars):
        own = _own_labels(recipe, stars, rows, k)
        bare = replace(recipe, config=replace(recipe.config, **dict.fromkeys(without, 0)))
        values = bare.deal(k, own)
        under = own if labels is None else np.asarray(labels, np.float64)[rows]
        flux[rows] = _observe(bare, k, under, values, pixels, noise)
    shown = stars.labels if labels is None else labels
    made = SpectraSet(flux, wavelengths(pixels), stars.ids, shown, names, None, np.isnan(flux), stars.provenance)
    return replace(rebin(made, stars.wavelength_nm), flux_error=stars.flux_error)


def nuisance_values(stars: SpectraSet) -> dict[str, np.ndarray]:
    """Of each simulated star: snr (continuum, per 0.03 nm pixel), shift_kms, broadening_kms, calcium_depth (relative deepening of the Ca II
    cores), dib_depth, dib_velocity_kms, each (N,), and continuum (N, 5), the coefficients of the slow residual.
    """
    out: dict[str, np.ndarray] = {}
    for recipe, rows, k in _origins(stars):
        for name, value in recipe.deal(k, _own_labels(recipe, stars, rows, k)).items():
            out.setdefault(name, np.full((len(stars), *value.shape[1:]), np.nan))[rows] = value
    return out


def true_labels(stars: SpectraSet) -> np.ndarray:
    """(N, 4) the labels the simulated stars were made with, in the order of `parameters.LABELS`."""
    out = np.full((len(stars), 4), np.nan)
    for recipe, rows, k in _origins(stars):
        out[rows] = _own_labels(recipe, stars, rows, k)
    return out


def jacobian(stars: SpectraSet) -> tuple[np.ndarray, list[str]]:
    """(N, K, L) derivatives of each star's noise-free spectrum at its truth, and their K names: the labels, then the nuisances.

    Central differences of LABEL_STEPS, NUISANCE_STEPS and CONTINUUM_STEP, in the units of the names (teff: per K). NaN where a step
    leaves the emulator's region on both sides; one-sided where on one. Memory: K is 14, so take a few thousand stars at a time.
    """
    pixels = 800 if same_grid(stars.wavelength_nm, PIXELS_800) else 2401
    if not same_grid(stars.wavelength_nm, wavelengths(pixels)):
        raise SpectraError("derivatives are made on the simulator's own grids of 800 or 2401 pixels only")
    names = [*LABEL_STEPS, *NUISANCE_STEPS, *(f"continuum{i}" for i in range(nuisances.CONTINUUM_TERMS))]
    out = np.full((len(stars), len(names), pixels), np.nan, np.float32)
    for recipe, rows, k in _origins(stars):
        own = _own_labels(recipe, stars, rows, k)
        smooth = replace(recipe, config=replace(recipe.config, model_error=0))  # additive: no part of any derivative
        values = recipe.deal(k, own)
        for i, name in enumerate(names):
            out[rows, i] = _derivative(smooth, k, own, values, name, pixels)
    return out, names


def is_simulated(stars: SpectraSet) -> bool:
    """True when every star's truth can be recovered: ids of the simulator and its settings in the provenance."""
    try:
        return sum(len(rows) for _, rows, _ in _origins(stars)) == len(stars)
    except SpectraError:
        return False


def _check(n: int, seed: int, snr: tuple[float, float] | None, pixels: int) -> None:
    if n < 1 or seed < 0:
        raise SpectraError(f"cannot simulate {n} stars with seed {seed}: at least one star and a seed of 0 or more are needed")
    if snr is not None and not 0 < snr[0] <= snr[1]:
        raise SpectraError(f"S/N from {snr[0]} to {snr[1]} is no range: give two positive numbers, the lower first")
    if pixels not in (800, 2401):
        raise SpectraError(f"the simulator makes 800 or 2401 pixels, not {pixels}")


def _columns(labels: np.ndarray, names: tuple[str, ...], n: int) -> np.ndarray:
    """(n, 4) the four physical labels out of given columns."""
    labels = np.asarray(labels, np.float64)
    missing = [name for name in LABELS if name not in names]
    if missing:
        raise SpectraError(f"the given labels lack {', '.join(missing)}: a simulated star needs {', '.join(LABELS)}")
    if labels.shape != (n, len(names)):
        raise SpectraError(f"labels of shape {labels.shape} for {n} stars and the {len(names)} columns {', '.join(names)}")
    return labels[:, [names.index(name) for name in LABELS]]


def _shown(names: tuple[str, ...], physical: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
    """(N, P) the columns `names` out of labels and nuisance values."""
    table = dict(zip(LABELS, physical.T, strict=True)) | {name: value for name, value in values.items() if value.ndim == 1}
    unknown = [name for name in names if name not in table]
    if unknown:
        raise SpectraError(f"simulated stars have no label {', '.join(unknown)}; there are: {', '.join(table)}")
    return np.stack([table[name] for name in names], 1)


def _flux_error(snr: np.ndarray, pixels: int) -> np.ndarray:
    """(N,) one standard deviation per pixel: samples of 0.01 nm have √3 times the error of their 0.03 nm mean."""
    return (np.sqrt(3) if pixels == 2401 else 1) / snr


def _observe(recipe: Recipe, k: np.ndarray, labels: np.ndarray, values: dict[str, np.ndarray], pixels: int, noise: bool) -> np.ndarray:
    """(N, L) float32 spectra of the stars k under labels (N, 4), block by block; NaN where the labels are outside."""
    flux = np.full((len(k), pixels), np.nan, np.float32)
    rows = np.flatnonzero(inside(labels))
    rows = rows[np.argsort(k[rows] // streams.BLOCK, kind="stable")]
    for chunk in np.split(rows, np.flatnonzero(np.diff(k[rows] // streams.BLOCK)) + 1):
        if len(chunk):
            fine = nuisances.apply(emulate(labels[chunk]), {name: value[chunk] for name, value in values.items()})
            sampled = observe(fine, 2401)
            if recipe.config.model_error:
                sampled = sampled + nuisances.model_errors(recipe.seed, k[chunk], recipe.config)
            if noise:
                error = _flux_error(values["snr"][chunk, None], 2401).astype(np.float32)
                sampled = sampled + error * nuisances.noise(recipe.seed, k[chunk])
            flux[chunk] = observe(sampled, pixels)
    return flux


def _derivative(recipe: Recipe, k: np.ndarray, labels: np.ndarray, values: dict[str, np.ndarray], name: str, pixels: int) -> np.ndarray:
    """(N, L) derivative by one label or nuisance."""
    def at(side: int) -> tuple[np.ndarray, np.ndarray]:
        moved_labels, moved = labels.copy(), dict(values)
        if name in LABELS:
            moved_labels[:, LABELS.index(name)] += side * LABEL_STEPS[name]
            return _observe(recipe, k, moved_labels, moved, pixels, False), moved_labels[:, LABELS.index(name)]
        if name.startswith("continuum"):
            term = int(name.removeprefix("continuum"))
            moved["continuum"] = values["continuum"].copy()
            moved["continuum"][:, term] += side * CONTINUUM_STEP
            return _observe(recipe, k, labels, moved, pixels, False), moved["continuum"][:, term]
        step = NUISANCE_STEPS[name]
        centre = np.maximum(values[name], step) if name in ("broadening_kms", "dib_depth") else values[name]
        moved[name] = centre + side * step
        return _observe(recipe, k, labels, moved, pixels, False), moved[name]

    (low, below), (high, above) = at(-1), at(1)
    if name in LABELS and (np.isnan(low).any() or np.isnan(high).any()):
        here = _observe(recipe, k, labels, values, pixels, False)
        own = labels[:, LABELS.index(name)]
        low, below = np.where(np.isnan(low), here, low), np.where(np.isnan(low).any(1), own, below)
        high, above = np.where(np.isnan(high), here, high), np.where(np.isnan(high).any(1), own, above)
    width = (above - below)[:, None]
    return np.divide(high - low, width, out=np.full(high.shape, np.nan, np.float32), where=width > 0)


def _own_labels(recipe: Recipe, stars: SpectraSet, rows: np.ndarray, k: np.ndarray) -> np.ndarray:
    """(n, 4) the labels the stars at `rows` were made with."""
    return stars.labels_for(LABELS)[rows] if recipe.given_labels else population.labels(recipe.seed, k)


def _origins(stars: SpectraSet) -> Iterator[tuple[Recipe, np.ndarray, np.ndarray]]:
    """(recipe, rows, k) of each simulation the stars come from."""
    matches = [ID.fullmatch(i) for i in stars.ids]
    foreign = [i for i, match in zip(stars.ids, matches, strict=True) if match is None]
    if foreign:
        raise SpectraError(f"{len(foreign)} stars are not simulated (first: {foreign[0]}): their truth is unknown")
    seeds, k = np.array([m.groups() for m in matches], dtype=np.int64).reshape(-1, 2).T
    recipes = list(_recipes(stars.provenance))
    for seed in np.unique(seeds):
        found = {r for r in recipes if r.seed == seed}
        if len(found) != 1:
            raise SpectraError(f"the provenance holds {len(found)} settings for the stars of seed {seed}: exactly one tells their truth")
        rows = np.flatnonzero(seeds == seed)
        yield found.pop(), rows, k[rows]


def _recipes(provenance: dict) -> Iterator[Recipe]:
    """Every recipe in a provenance, those of joined sets included."""
    if "simulated" in provenance:
        yield Recipe.from_settings(provenance["simulated"])
    for part in provenance.get("parts", ()):
        yield from _recipes(part)
