"""Simulated stars and their truth: star k follows from the seed, k and the settings stored with the set.

Shapes: N stars, L pixels, P labels; the physical labels are (N, 4): teff [K], logg, mh, alphafe [dex].
"""

from dataclasses import replace

import numpy as np

from ..data.instruments import KEY as INSTRUMENT_KEY
from ..data.spectra import SpectraSet, same_grid
from ..errors import ConfigError, SpectraError
from ..io import rebin
from ..parameters import LABELS, MAX_SEED
from . import streams
from .effects import apply_nuisances
from .emulator import emulate, inside
from .grids import INSTRUMENT, PIXELS_800, observe, wavelengths
from .noise import add_errors, flux_error
from .nuisances import DEFAULT, OFF, NuisanceConfig
from .recipe import Recipe, is_simulated, origin_of_ids, origins

ROW_MULTIPLE = 32  # matrix products of this many rows, or a multiple, repeat to the last bit
# kind of simulated stars: nature and how labels are dealt
KINDS = {"": ("a", "mock"), "b": ("b", "mock"), "uniform": ("a", "uniform"), "wide": ("a", "wide")}
# nuisances with one value per star that leave a trace in the spectrum
READABLE_NUISANCES = ("shift_kms", "calcium_depth", "broadening_kms", "dib_depth", "cn")


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

    labels: (n, P), star k takes row k; the columns `label_names` are the four of `parameters.LABELS` and any
      other, carried along. Labels outside the emulator's region give a masked spectrum of NaN. Without
      labels: the mock reference sample, whose `label_names` may also name a nuisance (`broadening_kms`).
    snr: S/N of the continuum per 0.03 nm pixel, log-uniform between these two; without, log-normal in 15-400
      with median 45. Noise correlates between neighbours as in Gaia's RVS, which the provenance names
      (`data.instruments`): `flux_error` is 1/snr per 0.03 nm pixel and 1/(.87 snr) per 0.01 nm sample, the
      same all along a star's spectrum. It is nominal: the noise is `noise_scale` times that, a nuisance whose
      mean square is 1. None without noise.
    clean: neither noise nor nuisances. pixels: 800 (0.03 nm) or 2401 (0.01 nm).

    Raises SpectraError for impossible arguments.
    """
    check_arguments(n, seed, snr)
    config = OFF if clean else nuisances
    recipe = Recipe(int(seed), _limits(snr), labels is not None, config)
    return simulated_stars(recipe, n, pixels, labels, tuple(label_names))


def simulate_kind(
    kind: str,
    n: int,
    seed: int = 0,
    *,
    snr: tuple[float, float] | None = None,
    clean: bool = False,
    pixels: int = 800,
    nuisances: NuisanceConfig = DEFAULT,
) -> SpectraSet:
    """As `simulate` without labels, of one of KINDS.

    `b`: another nature, with other physics at the same labels, for tests alone (ids `sim<seed>b-<k>`).
    `uniform`: labels dealt uniformly over the grid's region (ids `sim<seed>u-<k>`). `wide`: the mock sample,
    but for every twelfth star, which is dealt uniformly. An empty kind: the mock sample itself.
    """
    check_arguments(n, seed, snr)
    if kind not in KINDS:
        kinds = ", ".join(filter(None, KINDS))
        raise SpectraError(f"no kind '{kind}' of simulated stars; there are: {kinds}")
    recipe = Recipe(int(seed), _limits(snr), False, OFF if clean else nuisances, *KINDS[kind])
    return simulated_stars(recipe, n, pixels, None, LABELS)


def _limits(snr: tuple[float, float] | None) -> tuple[float, float] | None:
    return (float(snr[0]), float(snr[1])) if snr else None


def simulated_stars(
    recipe: Recipe, n: int, pixels: int, labels: np.ndarray | None, names: tuple[str, ...]
) -> SpectraSet:
    """The first n stars of a recipe, whose labels (n, P) are given or dealt."""
    grid, k, noisy = wavelengths(pixels), np.arange(n), recipe.config.noise
    physical = recipe.dealt_labels(k) if labels is None else _physical(labels, names, n)
    values = recipe.draw(k, physical)
    columns = _columns(names, physical, values) if labels is None else labels
    flux = spectra(recipe, k, physical, values, pixels, noise=noisy)
    error = np.repeat(flux_error(values["snr"][:, None], pixels), pixels, 1) if noisy else None
    provenance = {"simulated": recipe.settings(), INSTRUMENT_KEY: INSTRUMENT.name}
    return SpectraSet(flux, grid, recipe.ids(k), columns, names, error, np.isnan(flux), provenance)


def simulate_by_id(ids: np.ndarray) -> SpectraSet:
    """The stars `sim<seed>-<k>` of the mock sample, exactly as `simulate` makes them, without the others.

    ids: (N,). Raises SpectraError when one is not the id of a simulated star.
    """
    ids = np.asarray(ids, str)
    seeds, kinds, _ = origin_of_ids(ids)
    recipes = []
    for seed, kind in sorted(set(zip(seeds.tolist(), kinds.tolist(), strict=True))):
        check_arguments(1, seed, None)
        recipes.append(Recipe(seed, None, False, DEFAULT, *KINDS["uniform" if kind == "u" else kind]))
    parts = [{"simulated": recipe.settings(), INSTRUMENT_KEY: INSTRUMENT.name} for recipe in recipes]
    blank = np.full((len(ids), len(PIXELS_800)), np.nan, np.float32)
    unlabelled = np.empty((len(ids), 0))
    bare = SpectraSet(blank, PIXELS_800, ids, unlabelled, (), None, np.isnan(blank), {"parts": parts})
    stars = truth(bare, true_labels(bare), noise=True)
    errors = np.repeat(flux_error(nuisance_values(bare)["snr"][:, None], 800), len(PIXELS_800), 1)
    return replace(stars, flux_error=errors)


def truth(
    stars: SpectraSet,
    labels: np.ndarray | None = None,
    *,
    values: dict[str, np.ndarray] | None = None,
    noise: bool = False,
    without: tuple[str, ...] = (),
) -> SpectraSet:
    """The same simulated stars, nuisance by nuisance, without noise, or (`noise`) with the same noise.

    labels: (N, 4) other labels for them; outside the emulator's region they give NaN flux, masked.
    values: other nuisances for them, as `nuisance_values` gives them.
    without: fields of NuisanceConfig to leave out, for example ("model_error",), which no small latent can
      restore.
    Grid, ids and flux_error are those of `stars`. Raises SpectraError when stars are not simulated.
    """
    pixels = 800 if same_grid(stars.wavelength_nm, PIXELS_800) else 2401
    flux = np.full((len(stars), pixels), np.nan, np.float32)
    for recipe, rows, k in origins(stars):
        own = recipe.own_labels(stars, rows, k)
        bare = replace(recipe, config=replace(recipe.config, **dict.fromkeys(without, 0)))
        new = own if labels is None else np.asarray(labels, np.float64)[rows]
        chosen = bare.draw(k, own) if values is None else {n: v[rows] for n, v in values.items()}
        flux[rows] = spectra(bare, k, new, chosen, pixels, noise)
    columns, names = (stars.labels, stars.label_names) if labels is None else (labels, LABELS)
    result = SpectraSet(
        flux, wavelengths(pixels), stars.ids, columns, names, None, np.isnan(flux), stars.provenance
    )
    return replace(rebin(result, stars.wavelength_nm), flux_error=stars.flux_error)


def nuisance_values(stars: SpectraSet) -> dict[str, np.ndarray]:
    """The nuisances of simulated stars, (N,) each; `continuum` is (N, 5), the terms of the slow residual.

    snr (of the continuum, per 0.03 nm pixel), noise_scale (true over nominal noise), shift_kms,
    broadening_kms, cn (change of the nitrogen abundance, dex), calcium_depth (relative deepening of all three
    Ca II cores), calcium_850, calcium_854, calcium_866 (of one core beyond that),
    pseudo_continuum (how far the level is raised, in units of `effects.blanketing`), dib_depth,
    dib_velocity_kms. Raises SpectraError when stars are not simulated.
    """
    out: dict[str, np.ndarray] = {}
    for recipe, rows, k in origins(stars):
        for name, value in recipe.draw(k, recipe.own_labels(stars, rows, k)).items():
            out.setdefault(name, np.full((len(stars), *value.shape[1:]), np.nan))[rows] = value
    return out


def nuisances_for(stars: SpectraSet, names: tuple[str, ...]) -> np.ndarray:
    """(N, Q) nuisances of each star: its label of that name, or the simulator's value; NaN where unknown.

    Raises ConfigError for a name that is neither.
    """
    unknown = [n for n in names if n not in (*READABLE_NUISANCES, *stars.label_names)]
    if unknown:
        raise ConfigError(
            f"nuisances names {', '.join(unknown)}: choose {', '.join(READABLE_NUISANCES)}, "
            "or a label of the stars"
        )
    values = nuisance_values(stars) if is_simulated(stars) else {}
    values |= {n: stars.label(n) for n in names if n in stars.label_names}
    return np.stack([values.get(n, np.full(len(stars), np.nan)) for n in names], 1)


def true_labels(stars: SpectraSet) -> np.ndarray:
    """(N, 4) labels that the simulated stars were made with, in the order of `parameters.LABELS`.

    For stars of the mock sample they do not depend on the labels in the set. Labels given to `simulate` are
    known from the set alone, so leave them in it. Raises SpectraError when stars are not simulated.
    """
    out = np.full((len(stars), 4), np.nan)
    for recipe, rows, k in origins(stars):
        out[rows] = recipe.own_labels(stars, rows, k)
    return out


def spectra(
    recipe: Recipe, k: np.ndarray, labels: np.ndarray, values: dict[str, np.ndarray], pixels: int, noise: bool
) -> np.ndarray:
    """(N, L) float32 spectra of the stars k under labels (N, 4) and nuisance values.

    NaN where the labels are outside the emulator's region.
    """
    flux = np.full((len(k), pixels), np.nan, np.float32)
    rows = np.flatnonzero(inside(labels))
    random = noise or recipe.config.model_error  # then go by blocks of k, so that each draws its chance once
    block = (k[rows] if random else np.arange(len(rows))) // streams.BLOCK
    for b in np.unique(block):
        chunk = rows[block == b]
        whole = np.resize(chunk, -(-len(chunk) // ROW_MULTIPLE) * ROW_MULTIPLE)
        own = {name: value[whole] for name, value in values.items()}
        samples = apply_nuisances(emulate(labels[whole], own["cn"], recipe.nature), own)
        add_errors(samples, recipe.seed, k[whole], recipe.config, own, noise)
        flux[chunk] = observe(samples, pixels)[: len(chunk)]
    return flux


def check_arguments(n: int, seed: int, snr: tuple[float, float] | None) -> None:
    """Raises SpectraError for a number of stars, a seed or limits of S/N that nothing can be made of."""
    if not all(isinstance(v, int | np.integer) for v in (n, seed)) or n < 1 or not 0 <= seed <= MAX_SEED:
        needs = f"whole numbers, at least one star and a seed of 0 to {MAX_SEED:,}"
        raise SpectraError(f"cannot simulate {n} stars with seed {seed}: {needs} are needed")
    if snr is not None and not (len(snr) == 2 and 0 < snr[0] <= snr[1] < np.inf):
        raise SpectraError(f"S/N {snr} is not a range: give two positive numbers, the lower first")


def _physical(labels: np.ndarray, names: tuple[str, ...], n: int) -> np.ndarray:
    """(n, 4) the four physical labels among the columns `names` of the caller's labels."""
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


def _columns(names: tuple[str, ...], physical: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
    """(N, P) the columns `names` out of physical labels and nuisance values."""
    table = dict(zip(LABELS, physical.T, strict=True))
    table |= {name: value for name, value in values.items() if value.ndim == 1}
    unknown = [name for name in names if name not in table]
    if unknown:
        raise SpectraError(
            f"simulated stars have no label {', '.join(unknown)}; there are: {', '.join(table)}"
        )
    return np.stack([table[name] for name in names], 1)
