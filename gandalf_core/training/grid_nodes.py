"""Nodes of a grid of spectra, as a mean spectrum starts from them; those that the simulator computes.

Shapes: N stars, L pixels, C conditioned labels, Q of them that the grid has, D = Q + its further labels,
M nodes, R points of its region, J responses.
"""

from dataclasses import dataclass

import numpy as np

from ..data.scaling import Scaler
from ..data.spectra import SpectraSet
from ..errors import ModelError, SpectraError
from ..io import resample
from ..parameters import LABELS
from ..simulator import PIXELS_2401, inside
from ..simulator.expected import expected_responses, expected_spectra
from ..simulator.population import uniform_labels

NODES = 1000  # at most
# of the simulator's: where the stars are, and within a slider's step or so of them. The others are spread
# over the whole region; with all of them there, sliders would err three times as much.
AMONG_STARS, NEAR_STARS = 0.35, 0.35
REACH = np.array([450.0, 0.75, 0.45, 0.225])
REGION_POINTS = 4000
WITHOUT_GRID = (
    "set mean_start to none, nuisance_responses to false and mean_hidden to widths such as [512,256,48,256]"
)


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
    responses: (M, J, L) of the flux to the nuisances asked for.
    """

    names: tuple[str, ...]
    coordinates: np.ndarray
    flux: np.ndarray
    region: np.ndarray
    responses: np.ndarray


def simulated_nodes(sample: Sample, responses: tuple[str, ...] = ()) -> Nodes:
    """Nodes of the simulator's grid, most of them near the stars, with nuisances as they are on average.

    responses: the nuisances (J) whose responses are wanted. ModelError where the model's wavelengths are not
    those of the grid.
    """
    stars = sample.labels[:, [sample.names.index(name) for name in LABELS]]
    labels = np.concatenate([near_stars(stars), uniform_labels(0, np.arange(NODES))])[:NODES]
    try:
        on_pixels = _seen(expected_spectra(labels, pixels=2401), sample)
    except SpectraError as error:
        cause = f"model.mean_start is grid, but the simulator's does not serve: {error}"
        raise ModelError(f"{cause}; name another in model.mean_grid, or {WITHOUT_GRID}") from None
    region = uniform_labels(1, np.arange(REGION_POINTS))
    return Nodes(
        names=LABELS,
        coordinates=sample.standard(labels, LABELS),
        flux=filled(on_pixels, sample.scaler),
        region=sample.standard(np.concatenate([region, labels]), LABELS),
        responses=responses_seen(
            [expected_responses(labels, name, pixels=2401) for name in responses], PIXELS_2401, sample
        ),
    )


def responses_seen(responses: list[np.ndarray], wavelength_nm: np.ndarray, sample: Sample) -> np.ndarray:
    """(M, J, L) responses (M, K), one for each of J nuisances, on the model's wavelengths; 0 where unknown.

    A pixel is a mean of samples, so what is added to a continuum of 1 is seen as what it is.
    """
    seen = [_seen(1 + response, sample, wavelength_nm) for response in responses]
    each = [np.where(s.mask | sample.scaler.unseen, np.float32(0), s.flux - 1) for s in seen]
    return np.stack(each, 1) if each else np.empty((0, 0, len(sample.scaler.wavelength_nm)), np.float32)


def _seen(flux: np.ndarray, sample: Sample, wavelength_nm: np.ndarray = PIXELS_2401) -> SpectraSet:
    """Spectra (M, K) on the model's wavelengths."""
    ids = np.arange(len(flux)).astype(str)
    bare = SpectraSet(flux, wavelength_nm, ids, np.empty((len(flux), 0)), ())
    return resample(bare, sample.scaler.wavelength_nm)


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
