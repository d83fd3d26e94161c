"""Simulated stars and their truth: everything about star k follows from the seed, k and the settings stored
with the set.

Shapes: N stars, L pixels, P labels; the physical labels are (N, 4) teff [K], logg, mh, alphafe [dex].
"""

from dataclasses import replace

import numpy as np

from ..data.spectra import SpectraSet, same_grid
from ..errors import ConfigError, SpectraError
from ..io import rebin
from ..parameters import LABELS, MAX_SEED
from . import nuisances, population, streams
from .emulator import emulate, inside
from .grids import PIXELS_800, observe, wavelengths
from .nuisances import DEFAULT, OFF, NuisanceConfig
from .recipe import Recipe, is_simulated, origins, star_ids

TOGETHER = 32  # rows of a product come out the same to the last bit where their number is a multiple of this
# nuisances of one number each that a spectrum shows
READABLE = ("shift_kms", "calcium_depth", "broadening_kms", "dib_depth")


def simulate(
    n: int,
    seed: int = 0,
    *,
    labels: np.ndarray | None = None,
    label_names: tuple[str, ...] = LABELS,
    snr: tuple[float, float] | None = None,
    clean: bool = False,
    pixels: int = 800,
    nuisances: NuisanceConfig = DEFAULT,
) -> SpectraSet:
    """The first n stars of `seed`, with ids `sim<seed>-<k>`; star k is the same for every n.

    Parameters
    ----------
    labels: (n, P) star k takes labels[k]; columns `label_names` are the four of `parameters.LABELS` and any
    other, carried along.
        Labels outside the emulator's region give a masked spectrum of NaN. Without `labels`: the mock
        reference sample, whose `label_names` may also name a nuisance (`broadening_kms`) to have it as a
        label.
    snr: S/N of the continuum per 0.03 nm pixel is log-uniform between these two; without, log-normal in
    15-400 with median 45.
    clean: neither noise nor nuisances.  pixels: 800 (0.03 nm) or 2401 (0.01 nm).  nuisances: amplitudes and
    switches.

    `flux_error` is 1/snr per 0.03 nm pixel and √3/snr per 0.01 nm sample, the same along a star's spectrum;
    None without noise. Raises SpectraError for impossible arguments.
    """
    _check(n, seed, snr, pixels)
    limits = (float(snr[0]), float(snr[1])) if snr else None
    recipe = Recipe(int(seed), limits, labels is not None, OFF if clean else nuisances)
    k, noisy = np.arange(n), recipe.config.noise
    physical = population.labels(seed, k) if labels is None else _columns(labels, tuple(label_names), n)
    values = recipe.deal(k, physical)
    shown = _shown(label_names, physical, values) if labels is None else labels
    flux = spectra(recipe, k, physical, values, pixels, noise=noisy)
    error = np.repeat(_flux_error(values["snr"][:, None], pixels), pixels, 1) if noisy else None
    provenance = {"simulated": recipe.settings()}
    return SpectraSet(
        flux, wavelengths(pixels), star_ids(seed, k), shown, label_names, error, np.isnan(flux), provenance
    )


def truth(
    stars: SpectraSet, labels: np.ndarray | None = None, *, noise: bool = False, without: tuple[str, ...] = ()
) -> SpectraSet:
    """The same simulated stars, nuisance by nuisance, without noise (or with the same noise), under other
    labels (N, 4) if given.

    `without` names fields of NuisanceConfig to leave out, for example ("model_error",): what no small latent
    can restore. Grid, ids and flux_error are those of `stars`. Labels outside the emulator's region give NaN
    flux, masked. Raises SpectraError when stars do not come from the simulator.
    """
    pixels = 800 if same_grid(stars.wavelength_nm, PIXELS_800) else 2401
    flux = np.full((len(stars), pixels), np.nan, np.float32)
    for recipe, rows, k in origins(stars):
        own = recipe.own_labels(stars, rows, k)
        bare = replace(recipe, config=replace(recipe.config, **dict.fromkeys(without, 0)))
        under = own if labels is None else np.asarray(labels, np.float64)[rows]
        flux[rows] = spectra(bare, k, under, bare.deal(k, own), pixels, noise)
    shown, names = (stars.labels, stars.label_names) if labels is None else (labels, LABELS)
    made = SpectraSet(
        flux, wavelengths(pixels), stars.ids, shown, names, None, np.isnan(flux), stars.provenance
    )
    return replace(rebin(made, stars.wavelength_nm), flux_error=stars.flux_error)


def nuisance_values(stars: SpectraSet) -> dict[str, np.ndarray]:
    """What each simulated star was dealt, (N,) each; `continuum` is (N, 5), the coefficients of the slow
    residual.

    snr (of the continuum, per 0.03 nm pixel), shift_kms, broadening_kms, calcium_depth (relative deepening of
    the Ca II cores), dib_depth, dib_velocity_kms. Raises SpectraError when stars do not come from the
    simulator.
    """
    out: dict[str, np.ndarray] = {}
    for recipe, rows, k in origins(stars):
        for name, value in recipe.deal(k, recipe.own_labels(stars, rows, k)).items():
            out.setdefault(name, np.full((len(stars), *value.shape[1:]), np.nan))[rows] = value
    return out


def nuisances_for(stars: SpectraSet, names: tuple[str, ...]) -> np.ndarray:
    """(N, Q) what is known of each star's nuisances: a label of that name, or what the simulator dealt; NaN
    where nobody knows.

    Raises ConfigError for a name that is neither.
    """
    unknown = [n for n in names if n not in (*READABLE, *stars.label_names)]
    if unknown:
        raise ConfigError(
            f"nuisances names {', '.join(unknown)}: choose {', '.join(READABLE)}, or a label of the stars"
        )
    dealt = nuisance_values(stars) if is_simulated(stars) else {}
    known = {n: dealt[n] for n in names if n in dealt} | {
        n: stars.label(n) for n in names if n in stars.label_names
    }
    return np.stack([known.get(n, np.full(len(stars), np.nan)) for n in names], 1)


def true_labels(stars: SpectraSet) -> np.ndarray:
    """(N, 4) the labels the simulated stars were made with, in the order of `parameters.LABELS`.

    Of the mock sample whatever the set now shows; labels given to `simulate` are known from the set alone, so
    leave them in it.
    """
    out = np.full((len(stars), 4), np.nan)
    for recipe, rows, k in origins(stars):
        out[rows] = recipe.own_labels(stars, rows, k)
    return out


def spectra(
    recipe: Recipe, k: np.ndarray, labels: np.ndarray, values: dict[str, np.ndarray], pixels: int, noise: bool
) -> np.ndarray:
    """(N, L) float32 spectra of the stars k under labels (N, 4) and nuisance values; NaN where the labels are
    outside.
    """
    flux = np.full((len(k), pixels), np.nan, np.float32)
    rows = np.flatnonzero(inside(labels))
    chancy = noise or recipe.config.model_error  # then go by blocks of k, so that each draws its chance once
    block = (k[rows] if chancy else np.arange(len(rows))) // streams.BLOCK
    for b in np.unique(block):
        chunk = rows[block == b]
        whole = np.resize(chunk, -(-len(chunk) // TOGETHER) * TOGETHER)
        sampled = nuisances.apply(
            emulate(labels[whole]), {name: value[whole] for name, value in values.items()}
        )
        if recipe.config.model_error:
            sampled += nuisances.model_errors(recipe.seed, k[whole], recipe.config)
        if noise:
            sampled += _flux_error(values["snr"][whole, None], 2401) * nuisances.noise(recipe.seed, k[whole])
        flux[chunk] = observe(sampled, pixels)[: len(chunk)]
    return flux


def _flux_error(snr: np.ndarray, pixels: int) -> np.ndarray:
    """One standard deviation per pixel, float32: samples of 0.01 nm have √3 times the error of their 0.03 nm
    mean.
    """
    return ((np.sqrt(3) if pixels == 2401 else 1) / snr).astype(np.float32)


def _check(n: int, seed: int, snr: tuple[float, float] | None, pixels: int) -> None:
    if not all(isinstance(v, int | np.integer) for v in (n, seed)) or n < 1 or not 0 <= seed <= MAX_SEED:
        wanted = f"whole numbers, at least one star and a seed of 0 to {MAX_SEED:,}"
        raise SpectraError(f"cannot simulate {n} stars with seed {seed}: {wanted} are needed")
    if snr is not None and not (len(snr) == 2 and 0 < snr[0] <= snr[1] < np.inf):
        raise SpectraError(f"S/N {snr} is no range: give two positive numbers, the lower first")
    if pixels not in (800, 2401):
        raise SpectraError(f"the simulator makes 800 or 2401 pixels, not {pixels}")


def _columns(labels: np.ndarray, names: tuple[str, ...], n: int) -> np.ndarray:
    """(n, 4) the four physical labels out of given columns."""
    labels = np.asarray(labels, np.float64)
    missing = [name for name in LABELS if name not in names]
    if missing:
        raise SpectraError(
            f"the given labels lack {', '.join(missing)}: a simulated star needs {', '.join(LABELS)}"
        )
    if labels.shape != (n, len(names)):
        raise SpectraError(
            f"labels of shape {labels.shape} for {n} stars and the {len(names)} columns {', '.join(names)}"
        )
    return labels[:, [names.index(name) for name in LABELS]]


def _shown(names: tuple[str, ...], physical: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
    """(N, P) the columns `names` out of labels and nuisance values."""
    table = dict(zip(LABELS, physical.T, strict=True)) | {
        name: value for name, value in values.items() if value.ndim == 1
    }
    unknown = [name for name in names if name not in table]
    if unknown:
        raise SpectraError(
            f"simulated stars have no label {', '.join(unknown)}; there are: {', '.join(table)}"
        )
    return np.stack([table[name] for name in names], 1)
