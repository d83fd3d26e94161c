"""Whether what a model folder holds fits its configuration, found out before anybody uses it.

Networks and regressors are tried on two made-up stars: what does not fit each other fails here, where the
file is named. Shapes: N stars, L pixels, P labels, Z latent.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import ModelError
from ..maps.projection import METHODS, Projection
from ..networks.start import StoredArrays
from ..regression.crossed import AnyRegressor, CrossedRegressor
from . import files

if TYPE_CHECKING:
    from ..config.schema import Config
    from ..networks.autoencoder import Decoder, Encoder
    from .outliers import OutlierReference

MOST_PIXELS, MOST_NODES, MOST_KNOWN = 100_000, 20_000, 100_000
MOST_FEATURES, MOST_KNOTS, MOST_CENTRES, MOST_FOLDS = 200, 100, 1000, 100
NARROWEST_MAP, WIDEST_MAP = 0.1, 1000.0  # of t-SNE, whose forces are computed on a grid over the map
LARGEST = 1e12  # a number in a map: beyond, squares of distances overflow, and openTSNE ends the process
NUMBERS = {"f": "fiu", "b": "b"}  # kind of array -> kinds of numpy's that will do


def shaped(array: np.ndarray, name: str, shape: tuple[int, ...], kind: str = "f") -> np.ndarray:
    """The array. ValueError unless it has this shape, and numbers (kind `f`) or booleans (`b`)."""
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, not {shape}")
    if array.dtype.kind not in NUMBERS[kind]:
        raise ValueError(f"{name} is of the type {array.dtype}")
    return array


def check_grid(wavelength_nm: np.ndarray) -> None:
    """ValueError for wavelengths (L,) that are no grid."""
    if len(wavelength_nm) > MOST_PIXELS:
        raise ValueError(f"{len(wavelength_nm):,} pixels, at most {MOST_PIXELS:,} are possible")
    if not np.isfinite(wavelength_nm).all() or not (np.diff(wavelength_nm) > 0).all():
        raise ValueError("its wavelengths do not increase from pixel to pixel")


def check_card(card: Mapping[str, Any], config: "Config") -> None:
    """ModelError for a card that is of another model than the configuration beside it."""
    said = {
        "labels": list(config.model.labels),
        "removed": list(config.removed),
        "kept": list(config.kept),
        "lambdas": dict(config.lambdas),
        "latent_size": config.model.latent_size,
        "noise": config.model.noise,
    }
    for name, value in said.items():
        if card[name] != value:
            raise ModelError(f"its {name} are not those of {files.CONFIG}; {files.COPY_AGAIN}")


def ids_of(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The ids of stars by what they served. ValueError for what are no lists of texts.

    Earlier versions did not note all of them.
    """
    found = {name: arrays.get(name, np.empty(0, str)) for name in files.IDS}
    for name, ids in found.items():
        if name in ("train_ids", "test_ids") and name not in arrays:
            raise ValueError(f"it lacks {name}")
        if ids.ndim != 1 or ids.dtype.kind != "U":
            raise ValueError(f"{name} is no list of texts")
    return found


@torch.inference_mode()
def try_networks(encoder: "Encoder", decoder: "Decoder", config: "Config", pixels: int) -> None:
    """ValueError, or what torch raises, where the networks do not give latents and spectra."""
    for network in (encoder, decoder):
        for part in network.modules():
            if isinstance(part, StoredArrays) and any(len(b) > MOST_NODES for b in part.buffers() if b.ndim):
                raise ValueError(f"more than {MOST_NODES:,} nodes")
    labels = torch.zeros(2, len(config.model.condition_on))
    seen = [torch.zeros(2, pixels), labels] if config.model.conditional_encoder else [torch.zeros(2, pixels)]
    z = encoder(torch.cat(seen, 1))
    if tuple(decoder(z, labels).shape) != (2, pixels):
        raise ValueError("the decoder does not give spectra")


def try_regressor(regressor: AnyRegressor, config: "Config", width: int) -> None:
    """ValueError, or what numpy raises, unless it reads the model's labels from `width` numbers."""
    parts = regressor.parts if isinstance(regressor, CrossedRegressor) else (regressor,)
    if not 1 <= len(parts) <= MOST_FOLDS:
        raise ValueError(f"{len(parts)} folds")
    labels = len(config.model.labels)
    for part in parts:
        if part.names != config.model.labels:
            raise ValueError(f"it reads other labels than those of {files.CONFIG}")
        for name in ("y_mean", "y_scale"):
            shaped(getattr(part, name), name, (labels,))
        shaped(part.quality.typical, "quality_typical", (len(part.quality.names),))
        if not all(isinstance(name, str) for name in part.quality.names):
            raise ValueError("its measures of quality have no names")
        errors = part.errors
        sizes = (len(errors.low), errors.knots.shape[-1], MOST_FEATURES, MOST_KNOTS)
        if sizes[0] > sizes[2] or sizes[1] > sizes[3]:
            raise ValueError(f"error bars of {sizes[0]} features and {sizes[1]} knots")
        if errors.correlation is not None and len(errors.correlation.centres) > MOST_CENTRES:
            raise ValueError(f"{len(errors.correlation.centres)} centres of correlations")
    x = np.tile(parts[0].x_mean[:width], (2, 1))
    if x.shape != (2, width):
        raise ValueError(f"it reads {x.shape[1]} numbers per star, not {width}")
    reading = regressor.read(x)
    if reading.values.shape != (2, labels) or reading.errors.shape != (2, labels):
        raise ValueError("it does not give one value and one error per label")
    if reading.correlations.shape != (2, labels, labels):
        raise ValueError("its correlations are not of its labels")


def try_reference(reference: "OutlierReference", config: "Config", pixels: int) -> None:
    """ValueError, or what numpy raises, unless it can say how far stars of this model stray."""
    latent, labels = config.model.latent_size, len(config.model.labels)
    if reference.distance(np.zeros((2, latent))).shape != (2,):
        raise ValueError("its latents are of another size")
    for name in ("latent_limit", "physics", "with_errors", "velocity_error"):
        value = getattr(reference, name)
        if value is not None and np.shape(value) != ():
            raise ValueError(f"{name} is not one number")
    if reference.pixel_error is not None:
        shaped(reference.pixel_error, "pixel_error", (pixels,))
    if reference.known is not None:
        shaped(reference.known.scatter, "known.scatter", (labels,))
        shaped(np.asarray(reference.known.apart), "known.apart", ())
        values = reference.known.values
        shaped(values, "known.values", (len(values), labels))
        if not 1 <= len(values) <= MOST_KNOWN or not np.isfinite(values).all():
            raise ValueError(f"labels of {len(values)} known stars, or not all of them finite")
        reference.known.beyond(np.zeros((2, labels)), np.zeros((2, labels)))
    if reference.ordinary is not None:
        _try_ordinary(reference.ordinary)


def _try_ordinary(ordinary: Any) -> None:
    measures, snr = {str(name): np.ones(2) for name in ordinary.names}, np.full(2, 50.0)
    classes = np.ones((2, 1))
    rare = ordinary.rareness(measures, snr, classes)
    if ordinary.score(rare, snr, classes).shape != (2,):
        raise ValueError("its quantiles do not fit each other")


def check_projection(projection: Projection, widths: tuple[int, ...]) -> None:
    """ValueError for a map whose arrays do not fit each other, or that is of other numbers than `widths`."""
    n, width = len(projection.xy), len(projection.mean)
    if projection.method not in METHODS or width not in widths:
        raise ValueError(f"a map by {str(projection.method)[:20]} of {width} numbers per star")
    rows = len(projection.components) or width
    places = {
        "xy": (n, 2),
        "x": (n, rows),
        "mean": (width,),
        "labels": (n, len(projection.label_names)),
    }
    for name, shape in places.items():
        shaped(getattr(projection, name), name, shape)
    if len(projection.components):
        shaped(projection.components, "components", (rows, width))
    if projection.ids.shape != (n,) or not all(isinstance(name, str) for name in projection.label_names):
        raise ValueError("its ids or label names are no texts")
    widest = WIDEST_MAP if projection.method == "tsne" else LARGEST
    if projection.method == "tsne" and n and not np.ptp(projection.xy, axis=0).max() > NARROWEST_MAP:
        raise ValueError("all its stars are at one place")
    for name, most in (("xy", widest), ("x", LARGEST), ("mean", LARGEST), ("components", LARGEST)):
        if not (np.abs(getattr(projection, name)) <= most).all():
            raise ValueError(f"{name} holds numbers that no map has")
