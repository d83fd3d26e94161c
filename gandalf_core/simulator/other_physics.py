"""Stars whose physics is not that of the model: another nature, and lines of other depths.

On them error bars learn, and are tested on, what happens where the physics of the training sample is wrong.
They train no network. Shapes: N stars, L pixels.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..data.spectra import SpectraSet, same_grid
from ..errors import SpectraError
from ..parameters import LABELS
from . import streams
from .grids import PIXELS_800
from .recipe import Recipe, origin_of_ids, origins
from .stars import simulated_stars

DEPTH_LENGTH_NM = 0.05  # correlation exp(-d²/2 length²) of what multiplies the depth of lines
MOST_DEPTH_ERROR = 0.10  # greatest rms of it in `like`; real stars differ in how wrong the physics is
MARGIN = 5  # correlation lengths beyond each end, so that the ends are as random as the middle


def like(stars: SpectraSet, n: int, seed: int) -> SpectraSet:
    """n stars of nature b, made as most of these simulated stars were: S/N, nuisances, source of labels.

    The depth of their lines is multiplied by a random field of each star's own, whose rms is uniform between
    0 and `MOST_DEPTH_ERROR`. Those that the other nature cannot make are left out. Raises SpectraError for
    stars that are not simulated.
    """
    recipe, rows = max(((r, rows) for r, rows, _ in origins(stars)), key=lambda pair: len(pair[1]))
    other = replace(recipe, seed=seed, nature="b", dealt="mock")
    pixels = 800 if same_grid(stars.wavelength_nm, PIXELS_800) else 2401
    if recipe.given_labels:
        made = simulated_stars(other, n, pixels, _labels(stars, rows, n, seed), stars.label_names)
    else:
        made = _dealt(other, n, pixels, stars.label_names or LABELS)
    made = made[made.usable]
    numbers = origin_of_ids(made.ids)[2]
    spread = MOST_DEPTH_ERROR * streams.uniform(seed, "depth error", numbers)
    return with_depth_errors(made, spread)


@lru_cache(maxsize=1)
def _dealt(recipe: Recipe, n: int, pixels: int, names: tuple[str, ...]) -> SpectraSet:
    """The first n stars of a recipe whose labels are dealt; models of one sample ask for the same again."""
    return simulated_stars(recipe, n, pixels, None, names)


def with_depth_errors(
    stars: SpectraSet, spread: np.ndarray | float, length_nm: float = DEPTH_LENGTH_NM
) -> SpectraSet:
    """The simulated stars (N,) with the depth of all lines times 1 + a Gaussian field of each star's own.

    spread: rms of the field, one number or (N,). The noise in a line grows with the line, which is little.
    Raises SpectraError for stars that are not simulated, or not of one seed.
    """
    seeds, _, numbers = origin_of_ids(stars.ids)
    if len(np.unique(seeds)) != 1:
        raise SpectraError("depth errors are drawn for stars of one seed at a time")
    step_nm = float(np.median(np.diff(stars.wavelength_nm)))
    field = depth_field(int(seeds[0]), numbers, len(stars.wavelength_nm), length_nm / step_nm)
    factor = 1 + np.broadcast_to(spread, (len(stars),))[:, None] * field
    return replace(stars, flux=(1 - (1 - stars.flux) * factor).astype(np.float32))


def depth_field(seed: int, k: np.ndarray, pixels: int, length: float) -> np.ndarray:
    """(N, L) Gaussian numbers of unit variance of the stars k (N,); length: of their correlation, pixels."""
    margin = int(np.ceil(MARGIN * length))
    smooth = length / np.sqrt(2)  # a Gaussian kernel of this width correlates with itself over the length

    def draw(rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((streams.BLOCK, pixels + 2 * margin))

    white = streams.sample(seed, f"depth field {pixels}", k, draw)
    response = np.zeros(8 * margin + 1)
    response[4 * margin] = 1
    unit = np.sqrt((gaussian_filter1d(response, smooth) ** 2).sum())
    return gaussian_filter1d(white, smooth, axis=1)[:, margin : margin + pixels] / unit


def _labels(stars: SpectraSet, rows: np.ndarray, n: int, seed: int) -> np.ndarray:
    """(n, P) labels of some of the stars at these rows, drawn with replacement."""
    return stars.labels[np.random.default_rng(seed).choice(rows, n)]
