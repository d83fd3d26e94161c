"""The page that `reproduce` writes: the paper's Table 1 and Figures 3-5 and 8-10 for one sample.

Shapes: N stars, P labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.spectra import SpectraSet
from ..maps.neighbours import neighbour_r2
from ..maps.projection import Projection
from ..parameters import parameter
from . import panels, population, regression
from .linked import drawn
from .page import Part, html_page

if TYPE_CHECKING:
    from ..models.trained import TrainedModel

MAPS_ARE_NO_PROOF = (
    "Maps illustrate; they prove nothing. R² in a map is what the nearest neighbours there tell of a "
    "parameter; what the latent itself still tells is measured below, by fresh readers."
)


@dataclass(frozen=True, eq=False)
class Exercise:
    """One of the paper's two exercises: its model, and its audit or why there is none."""

    title: str
    model: "TrainedModel"
    audit: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Reproduced:
    """All that the page shows.

    about: sentences on the sample.  offsets: survey → label → offset, as `labels_of` says.  stars: (N,) all
    of the sample.  table: of `compare`.  plain: the plain auto-encoder, which carries the map of spectra.
    """

    about: list[str]
    offsets: Mapping[str, Any]
    stars: SpectraSet
    table: Mapping[str, Any]
    plain: "TrainedModel"
    exercises: list[Exercise]


def reproduction_page(found: Reproduced) -> str:
    """The page as HTML."""
    names = found.plain.label_names
    values = found.stars.labels_for(names)
    tested = found.stars[np.isin(found.stars.ids, found.plain.test_ids)]
    parts: list[Part] = [*found.about, _offset_rows(found.offsets), "Table 1: predicted − label."]
    parts += [table_rows(found.table), regression.representations(found.table["representations"])]
    parts += ["Figure 3.", population.histograms(values, names), "Figures 4 and 5."]
    parts += [drawn(panels.diagrams(found.stars.ids, values, names), "The labels of the sample", 2)]
    for exercise in found.exercises:
        parts += _exercise_parts(exercise, found.plain, tested)
    return html_page("The paper's results, for this sample", parts)


def _exercise_parts(exercise: Exercise, plain: "TrainedModel", tested: SpectraSet) -> list[Part]:
    """Maps, predictions and the audit of one exercise."""
    names, model = plain.label_names, exercise.model
    of = [
        _map("spectra", plain.projections.get("spectra-tsne")),
        _map("latent", model.projections.get("latent-tsne")),
    ]
    shown = [item for item in of if item is not None]
    chosen = tested[np.isin(tested.ids, np.concatenate([m.ids for m in shown]))] if shown else tested
    linked = panels.maps(shown, chosen.ids, chosen.labels_for(names), names)
    title = f"t-SNE of spectra and of the latent: {exercise.title}"
    predicted = model.predict(tested, verdicts=False).values
    diagrams = panels.diagrams(
        tested.ids, predicted, names, like=tested.labels_for(names), prefix="predicted "
    )
    said = [str(sentence) for sentence in exercise.audit.get("verdict", ())]
    return [
        f"Figure 8, {exercise.title}.",
        drawn(linked, title, len(names)),
        MAPS_ARE_NO_PROOF,
        f"Figures 9 and 10, {exercise.title}: {len(tested):,} stars that trained nothing.",
        drawn(diagrams, f"Predicted from the latent: {exercise.title}", 2),
        f"What fresh readers find in this latent ({exercise.title}):",
        *(said or [str(exercise.audit.get("error", "not measured"))]),
    ]


def _map(name: str, projection: Projection | None) -> panels.Map | None:
    if projection is None:
        return None
    return panels.Map(name, projection.ids, projection.xy, neighbour_r2(projection.xy, projection.labels))


def table_rows(table: Mapping[str, Any]) -> list[dict[str, str]]:
    """Table 1 as rows of texts, one per representation and label."""
    return [
        {
            "representation": name,
            "label": _named(label),
            **{k.replace("_", " "): f"{numbers[k]:.3g}" for k in ("mean", "mean_absolute", "std")},
        }
        for name, labels in table["representations"].items()
        for label, numbers in labels.items()
    ]


def _named(label: str) -> str:
    """A label with its unit, as a text."""
    about = parameter(label)
    return f"{about.in_text} [{about.unit}]" if about.unit else about.in_text


def _offset_rows(offsets: Mapping[str, Any]) -> list[dict[str, str]]:
    """The surveys and what was subtracted from their labels."""
    return [
        {"survey": survey, "stars": f"{entry['stars']:,}"}
        | {f"offset of {n}": "unknown" if v is None else f"{v:+.3g}" for n, v in entry["offset"].items()}
        for survey, entry in offsets.items()
    ]
