"""What a model knows of the stars that are ordinary for it, stored with it; and the verdict on any star.

Shapes: N stars, L pixels, P labels, Z latent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from ..data.latents import LatentSet
from ..data.spectra import SpectraSet
from ..parameters import LABELS, parameter
from . import own_verdicts
from .line_shift import correlated
from .ordinary import Ordinary
from .reasons import AT_REST_KMS, OUTSIDE, is_shifted, shift_text
from .region import KnownLabels, known_labels
from .verdicts import Verdicts, is_physical, no_verdicts, physical_verdicts

if TYPE_CHECKING:
    from .trained import TrainedModel

MANY = 200  # reference stars that show whether physical fits describe the sample
DESCRIBED = 0.9  # median score of the reference stars, above which they do not
FARTHEST = 1e-4  # probability of a distance in the latent beyond which a star is outside
TRAINED_BEYOND = 1e-3  # share of the training stars that may lie farther out
TAIL = 0.2  # of the distances, from which that one is extrapolated
OLD = "this model is of an earlier version: train it again for a verdict"
NO_STARS = "this model has no reference stars to compare with"
LATENT_FAR = "its latent lies far from those of all training stars"


@dataclass(frozen=True, eq=False)
class OutlierReference:
    """What is ordinary for a model.

    Attributes
    ----------
    latent_mean: (Z,).  latent_whiten: (Z, Z), to uncorrelated numbers of unit variance.
    latent_limit: () distance from the mean beyond which hardly an ordinary star lies.
    physics: () whether synthetic spectra describe the stars; then the verdict rests on them.
    known: labels of training stars; None where they have none.
    pixel_error, with_errors, velocity_error, ordinary: where it does not: (L,) what reconstructions miss, ()
        whether the reference stars had flux errors, () scatter of their line shifts [km/s], NaN where they
        show none, and how far they stray. None, too, for a model of an earlier version.
    """

    latent_mean: np.ndarray
    latent_whiten: np.ndarray
    latent_limit: np.ndarray
    physics: np.ndarray
    known: KnownLabels | None = None
    pixel_error: np.ndarray | None = None
    with_errors: np.ndarray | None = None
    velocity_error: np.ndarray | None = None
    ordinary: Ordinary | None = None

    def distance(self, z: np.ndarray) -> np.ndarray:
        """(N,) distance of latents (N, Z) from the mean, in standard deviations of ordinary stars."""
        return np.linalg.norm((z - self.latent_mean) @ self.latent_whiten, axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, for `np.savez`."""
        stored: dict[str, np.ndarray] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, KnownLabels | Ordinary):
                stored |= {f"{field.name}.{name}": array for name, array in value.arrays().items()}
            elif value is not None:
                stored[field.name] = value
        return stored

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "OutlierReference":
        """The inverse of `arrays`. Of an earlier version's only the middle of the latent is kept."""
        own: dict = {f.name: arrays[f.name] for f in fields(cls) if f.name in arrays}
        own.setdefault("latent_limit", np.array(np.inf))
        own.setdefault("physics", np.array(True))
        for name, kind in (("known", KnownLabels), ("ordinary", Ordinary)):
            start = f"{name}."
            parts = {key.removeprefix(start): a for key, a in arrays.items() if key.startswith(start)}
            own[name] = kind(**parts) if parts else None
        return cls(**own)


def fit_outliers(model: "TrainedModel", ordinary: SpectraSet, compared: SpectraSet) -> OutlierReference:
    """What is ordinary for a model.

    What is usual is learnt from `ordinary` stars, which trained the networks, how far ordinary stars stray
    from `compared` ones, which did not: of one and the same stars distances would be too small.
    """
    z = model.encode(ordinary).z
    values, vectors = np.linalg.eigh(np.cov(z.T).reshape(z.shape[1], -1))
    reference = OutlierReference(
        latent_mean=z.mean(0),
        latent_whiten=vectors / np.sqrt(np.maximum(values, 1e-8 * values.max())),
        latent_limit=np.array(np.inf),
        physics=np.array(_described(compared)),
        known=known_labels(ordinary.labels_for(model.label_names)),
    )
    latents = model.encode(compared)
    distance = reference.distance(latents.z)
    # stars off the usual sequences train, too, but are not compared: they are known all the same
    trained = float(np.quantile(reference.distance(z), 1 - TRAINED_BEYOND))
    reference = replace(reference, latent_limit=np.array(max(_limit(distance), trained)))
    if reference.physics:
        return reference
    guess, hidden = model.decode(latents, model.labels_of(compared)[0]), model.hidden(compared)
    errors = own_verdicts.pixel_errors(compared, guess, hidden)
    known = compared.flux_error is not None
    fit = own_verdicts.own_fit(compared, guess, hidden, errors, distance)
    return replace(
        reference,
        pixel_error=errors,
        with_errors=np.array(known),
        velocity_error=np.array(_scatter(correlated(compared, model.scaler.flux_mean)[0])),
        ordinary=own_verdicts.own_ordinary(fit, True),
    )


def _described(stars: SpectraSet) -> bool:
    """Whether physical fits describe most of the stars."""
    if not is_physical(stars.wavelength_nm):
        return False
    return bool(np.nanmedian(physical_verdicts(stars[:MANY]).score) < DESCRIBED)


def _limit(distance: np.ndarray) -> float:
    """The distance that one ordinary star in 10,000 exceeds, by an exponential tail of distances (N,)."""
    start = float(np.quantile(distance, 1 - TAIL))
    above = distance[distance > start] - start
    length = float(above.mean()) if len(above) else start
    return start + length * float(np.log(TAIL / FARTHEST))


def _scatter(shifts: np.ndarray) -> float:
    """The scatter of line shifts (N,) of ordinary stars; NaN where few have one, or they differ too much."""
    known = shifts[np.isfinite(shifts)]
    if len(known) < 0.8 * len(shifts):
        return float("nan")
    scatter = 1.4826 * float(np.median(np.abs(known - np.median(known))))
    return scatter if scatter < AT_REST_KMS else float("nan")


# --- the verdict of a model ---


def uses_physics(model: "TrainedModel") -> bool:
    """Whether the verdict on stars rests on synthetic spectra, whatever the model."""
    reference = model.outlier_reference
    return is_physical(model.wavelength_nm) and (reference is None or bool(reference.physics))


def verdicts_of(
    model: "TrainedModel", stars: SpectraSet, latents: LatentSet, guess: np.ndarray, read: np.ndarray
) -> Verdicts:
    """The verdict on stars on the model's grid.

    latents: of the stars.  guess: (N, L) their reconstructions.  read: (N, P) their labels as
    the model reads them from the spectra.
    """
    reference = model.outlier_reference
    found = physical_verdicts(stars) if uses_physics(model) else _own(model, stars, latents, guess)
    if reference is None:
        return found
    labels, errors = _labels(found, model.label_names, read)
    beyond = np.zeros(len(stars), bool)
    texts: dict[int, str] = {}
    if reference.known is not None:
        beyond = reference.known.beyond(labels, errors)
        for row in np.flatnonzero(beyond):
            texts[int(row)] = _unlike(model.label_names, labels[row], reference.known.nearest(labels[row]))
    far = reference.distance(latents.z) > reference.latent_limit
    texts = {int(row): LATENT_FAR for row in np.flatnonzero(far)} | texts
    return found.put_outside(beyond | far, texts)


def _own(model: "TrainedModel", stars: SpectraSet, latents: LatentSet, guess: np.ndarray) -> Verdicts:
    """The verdict by the model's own reconstruction."""
    reference, n = model.outlier_reference, len(stars)
    if reference is None or reference.ordinary is None or reference.pixel_error is None:
        return no_verdicts(n, NO_STARS if reference is None else OLD)
    fit = own_verdicts.own_fit(
        stars, guess, model.hidden(stars), reference.pixel_error, reference.distance(latents.z)
    )
    said = stars.flux_error is not None or not reference.with_errors
    score, rare = own_verdicts.own_score(fit, reference.ordinary, said)
    velocity, error = own_velocities(model, stars)
    shifted = [shift_text(v, e) if is_shifted(v, e) else "" for v, e in zip(velocity, error, strict=True)]
    # a reconstruction does not follow a shift, which explains whatever else is wrong
    rows = [
        (OUTSIDE, text, True) if text else own_verdicts.own_reason(fit, reference.ordinary, rare, score, row)
        for row, text in enumerate(shifted)
    ]
    word, reason, outside = zip(*rows, strict=True) if rows else ((), (), ())
    return Verdicts(
        score=score,
        word=np.array(word, str),
        reason=np.array(reason, str),
        outside=np.array(outside, bool),
        velocity_kms=velocity,
        velocity_error=error,
        preparation=np.array(shifted, str),
        parts={name: 1 - values for name, values in rare.items()},
    )


def own_velocities(model: "TrainedModel", stars: SpectraSet) -> tuple[np.ndarray, np.ndarray]:
    """(N,) km/s by which the lines of stars on the model's grid lie to the red, with errors; NaN: unknown.

    By correlation with the mean spectrum of its training stars, where ordinary stars have lines to compare.
    """
    reference = model.outlier_reference
    scatter = None if reference is None else reference.velocity_error
    if scatter is None or not np.isfinite(scatter):
        return np.full(len(stars), np.nan), np.full(len(stars), np.nan)
    shift, error = correlated(stars, model.scaler.flux_mean)
    return shift, np.maximum(error, scatter)


def _labels(found: Verdicts, names: tuple[str, ...], read: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels `names` and their errors (N, P): those of the physical fit where it has them, else as read."""
    labels, errors = read.copy(), np.zeros(read.shape)
    for j, name in enumerate(names):
        if name in LABELS and found.labels is not None and found.label_errors is not None:
            labels[:, j] = found.labels[:, LABELS.index(name)]
            errors[:, j] = found.label_errors[:, LABELS.index(name)]
    return labels, errors


def _unlike(names: tuple[str, ...], labels: np.ndarray, nearest: np.ndarray) -> str:
    """That labels are those of no training star, and which is the nearest."""

    def said(values: np.ndarray) -> str:
        texts = (f"{parameter(n).plain} {parameter(n).format(v)}" for n, v in zip(names, values, strict=True))
        return ", ".join(texts)

    return f"no training star has such labels ({said(labels)}); the most similar one has {said(nearest)}"
