"""The spectra of the stars that fit worst, as observed and as the model draws them.

Shapes: N stars, P labels, L pixels.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.spectra import SpectraSet
from ..parameters import parameter
from .labels import OwnLabels

if TYPE_CHECKING:
    from ..models.trained import TrainedModel


@dataclass(frozen=True, eq=False)
class DrawnStar:
    """One star; every spectrum (L,).

    by_model, by_labels: decoded from its own latent under the labels that the model reads in the spectrum,
    and under the user's; the latter is None for a decoder that receives no labels.
    """

    title: str
    observed: np.ndarray
    mask: np.ndarray
    by_model: np.ndarray
    by_labels: np.ndarray | None


def drawn_worst(
    model: "TrainedModel", stars: SpectraSet, own: OwnLabels, worst: list[dict[str, Any]]
) -> list[DrawnStar]:
    """The stars of `comparing.worst_stars`, drawn. stars: (N,) those that were compared."""
    if not worst:
        return []
    rows = np.array([star["row"] for star in worst])
    few = model.on_grid(stars[rows])
    bare = few.with_labels(np.empty((len(few), 0)), ())
    z, read = model.encode_mean(few), model.labels_of(bare)[0]
    by_model, by_labels = model.decode(z, read), None
    if model.condition_on:
        labels = own.values[rows]
        by_labels = model.decode(z, np.where(np.isfinite(labels), labels, read))
    fits = [model.chi2(few, drawn) for drawn in (by_model, by_labels) if drawn is not None]
    return [
        DrawnStar(
            f"{star['id']}: {disagreement(star)}{_fit_text([float(chi2[k]) for chi2 in fits])}",
            few.flux[k],
            few.mask[k],
            by_model[k],
            None if by_labels is None else by_labels[k],
        )
        for k, star in enumerate(worst)
    ]


def _fit_text(chi2: list[float]) -> str:
    """How well one star is drawn under the model's labels and, where it matters, under the user's."""
    if not np.isfinite(chi2).all():
        return ""
    whose = ("with the model's labels", "with yours")
    told = ", ".join(f"{value:.2f} {words}" for value, words in zip(chi2, whose, strict=False))
    return f"; χ² per pixel {told}" if len(chi2) > 1 else f"; χ² per pixel {chi2[0]:.2f}"


def line_of(star: dict[str, Any]) -> str:
    """One of `worst_stars` in a line of the shell: the label that fits worst, and why that may be."""
    return f"{star['id']}: {disagreement(star, plain=True)}; {'; '.join(star['reasons'])}"


def disagreement(star: dict[str, Any], *, plain: bool = False) -> str:
    """What the model reads beside the label that fits worst, and by how many errors they differ.

    plain: in ASCII letters.
    """
    worst = max(star["labels"], key=lambda name: abs(star["labels"][name]["pull"]))
    own, about = star["labels"][worst], parameter(worst)
    label = about.format(own["label"])
    name = about.plain if plain else about.in_text
    return f"{name} {about.format(own['model'])}, label {label} ({own['pull']:+.1f} σ)"
