"""Nodes of a grid of spectra, as a mean spectrum starts from them; those that the simulator computes.

Shapes: N stars, L pixels, C conditioned labels, Q of them that the grid has, D = Q + its further labels,
M nodes, R points of its region.
"""

from dataclasses import dataclass

import numpy as np

from ..data.scaling import Scaler
from ..data.spectra import SpectraSet
from ..errors import ModelError, SpectraError
from ..io import resample
from ..parameters import LABELS
from ..simulator import PIXELS_2401, inside
from ..simulator.expected import expected_spectra
from ..simulator.population import uniform_labels

NODES = 1000  # at most
# of the simulator's: where the stars are, and within a slider's step or so of them. The others are spread
# over the whole region; with all of them there, sliders would err three times as much.
AMONG_STARS, NEAR_STARS = 0.35, 0.35
REACH = np.array([450.0, 0.75, 0.45, 0.225])
REGION_POINTS = 4000


@dataclass(frozen=True)
class Sample:
    """The training stars that a mean spectrum is for.

    names: of the labels that the decoder receives.  labels: (N, C) in physical units.  flux: (L,) their mean.
    scaler: of the model, which names its wavelengths, too.  columns: (C,) of `names` among its labels.
    """

    names: tuple[str, ...]
    labels: np.ndarray
    flux: np.ndarray
    scaler: Scaler
    columns: list[int]

    def standard(self, labels: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
        """Labels under some of the names (M, Q) as the decoder receives them."""
        own = [self.columns[self.names.index(name)] for name in names]
        return (labels - self.scaler.label_mean[own]) / self.scaler.label_std[own]


@dataclass(frozen=True)
class Nodes:
    """Spectra of a grid on the model's wavelengths.

    names: (Q) of the labels that decoder and grid have in common.  coordinates: (M, D) labels of the nodes,
    those named as the decoder receives them, then the others, with 0 where the start holds them.  flux:
    (M, L).  region: (R, Q) points up to whose hull the grid may be asked, in the same coordinates.
    """

    names: tuple[str, ...]
    coordinates: np.ndarray
    flux: np.ndarray
    region: np.ndarray


def simulated_nodes(sample: Sample) -> Nodes:
    """Nodes of the simulator's grid, most of them near the stars, with nuisances as they are on average.

    ModelError where the model's wavelengths are not those of the grid.
    """
    stars = sample.labels[:, [sample.names.index(name) for name in LABELS]]
    labels = np.concatenate([near_stars(stars), uniform_labels(0, np.arange(NODES))])[:NODES]
    grid = expected_spectra(labels, pixels=2401)
    ids = np.arange(NODES).astype(str)
    try:
        on_pixels = resample(SpectraSet(grid, PIXELS_2401, ids, labels, LABELS), sample.scaler.wavelength_nm)
    except SpectraError as error:
        cause = f"model.mean_start is grid, but the simulator's does not serve: {error}"
        raise ModelError(f"{cause}; name another in model.mean_grid, or set mean_start to none") from None
    region = uniform_labels(1, np.arange(REGION_POINTS))
    return Nodes(
        names=LABELS,
        coordinates=sample.standard(labels, LABELS),
        flux=filled(on_pixels, sample.scaler),
        region=sample.standard(np.concatenate([region, labels]), LABELS),
    )


def near_stars(labels: np.ndarray) -> np.ndarray:
    """Some of the labels (N, 4) that lie in the grid's region, and others close to some."""
    random = np.random.default_rng(0)
    here = labels[inside(labels)]
    among = here[random.permutation(len(here))[: int(AMONG_STARS * NODES)]]
    close = here[random.permutation(len(here))] + REACH * random.uniform(-1, 1, here.shape)
    return np.concatenate([among, close[inside(close)][: int(NEAR_STARS * NODES)]])


def filled(stars: SpectraSet, scaler: Scaler) -> np.ndarray:
    """(M, L) flux, the training mean in place of masked pixels."""
    return np.where(stars.mask, scaler.flux_mean, stars.flux)
