"""How simulated spectra respond to each label and nuisance: the derivatives in a Cramér-Rao bound.

Shapes: N stars, K derivatives, L pixels.
"""

from dataclasses import replace

import numpy as np

from ..data.spectra import SpectraSet, same_grid
from ..errors import SpectraError
from ..parameters import LABELS
from .grids import PIXELS_800, wavelengths
from .nuisances import CALCIUM_LINES, CONTINUUM_TERMS, Prior, priors
from .population import is_uniform
from .recipe import Recipe, origins
from .stars import spectra

# Half-widths of the central differences: wide enough to average over the emulator's small wiggles.
LABEL_STEPS = {"teff": 25.0, "logg": 0.05, "mh": 0.03, "alphafe": 0.03}
NUISANCE_STEPS = {
    "shift_kms": 0.5,
    "broadening_kms": 1.0,
    "cn": 0.05,
    "calcium_depth": 0.05,
    **dict.fromkeys(CALCIUM_LINES, 0.05),
    "pseudo_continuum": 0.2,
    "dib_depth": 0.01,
    "dib_velocity_kms": 3.0,
}
CONTINUUM_STEP = 0.001
NEVER_NEGATIVE = ("broadening_kms", "pseudo_continuum", "dib_depth")


def jacobian(
    stars: SpectraSet, labels: np.ndarray | None = None, values: dict[str, np.ndarray] | None = None
) -> tuple[np.ndarray, list[str]]:
    """(N, K, L) derivatives of each star's noise-free spectrum, and their K names.

    labels (N, 4) and values (as `nuisance_values` gives them): where they are taken; None: at the true ones.
    The names are the labels, then the nuisances. Central differences of LABEL_STEPS, NUISANCE_STEPS and
    CONTINUUM_STEP, per unit of the quantity (teff: per K); one-sided where a step leaves the emulator's
    region, NaN where both do. K is 19: take a few thousand stars at a time. Some nuisances have no effect on
    a star (the band's velocity where there is no band): give them their prior, see `nuisance_priors`.

    Raises SpectraError when the grid is not one of the simulator's, or the stars are not simulated.
    """
    pixels = 800 if same_grid(stars.wavelength_nm, PIXELS_800) else 2401
    if not same_grid(stars.wavelength_nm, wavelengths(pixels)):
        raise SpectraError("derivatives exist on the simulator's own grids of 800 and 2401 pixels only")
    names = [*LABEL_STEPS, *NUISANCE_STEPS, *(f"continuum{i}" for i in range(CONTINUUM_TERMS))]
    out = np.full((len(stars), len(names), pixels), np.nan, np.float32)
    for recipe, rows, k in origins(stars):
        # model errors are additive: they are not part of any derivative
        smooth = replace(recipe, config=replace(recipe.config, model_error=0))
        own = recipe.own_labels(stars, rows, k)
        here = own if labels is None else np.asarray(labels, np.float64)[rows]
        chosen = recipe.draw(k, own) if values is None else {n: v[rows] for n, v in values.items()}
        for i, name in enumerate(names):
            out[rows, i] = _derivative(smooth, k, here, chosen, name, pixels)
    return out, names


def nuisance_priors(stars: SpectraSet) -> dict[str, Prior]:
    """Mean and spread (N,) of each nuisance in the population that the simulated stars come from.

    Raises SpectraError when stars are not simulated.
    """
    out: dict[str, Prior] = {}
    for recipe, rows, k in origins(stars):
        own = recipe.dealt_labels(k)
        for name, part in priors(recipe.config, own, is_uniform(recipe.dealt, k)).items():
            whole = out.setdefault(name, Prior(*np.full((2, len(stars)), np.nan)))
            whole.mean[rows], whole.spread[rows] = part
    return out


def _derivative(
    recipe: Recipe, k: np.ndarray, labels: np.ndarray, values: dict[str, np.ndarray], name: str, pixels: int
) -> np.ndarray:
    """(N, L) derivative with respect to one label or nuisance."""
    sides = []
    for side in (-1, 1):
        moved_labels, moved_values, position = _moved(labels, values, name, side)
        flux = spectra(recipe, k, moved_labels, moved_values, pixels, noise=False)
        outside = np.isnan(flux[:, 0])
        if name in LABELS and outside.any():
            flux[outside] = spectra(recipe, k, labels, values, pixels, noise=False)[outside]
            position[outside] = labels[outside, LABELS.index(name)]
        sides.append((flux, position))
    (low, below), (high, above) = sides
    width = (above - below)[:, None]
    return np.divide(high - low, width, out=np.full(high.shape, np.nan, np.float32), where=width > 0)


def _moved(
    labels: np.ndarray, values: dict[str, np.ndarray], name: str, side: int
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Labels and nuisance values with one of them a step to a side, and its new value (N,)."""
    if name in LABELS:
        labels = labels.copy()
        labels[:, LABELS.index(name)] += side * LABEL_STEPS[name]
        return labels, values, labels[:, LABELS.index(name)].copy()
    if name.startswith("continuum"):
        weights = values["continuum"].copy()
        term = int(name.removeprefix("continuum"))
        weights[:, term] += side * CONTINUUM_STEP
        return labels, values | {"continuum": weights}, weights[:, term]
    step = NUISANCE_STEPS[name]
    centre = np.maximum(values[name], step) if name in NEVER_NEGATIVE else values[name]
    return labels, values | {name: centre + side * step}, centre + side * step
