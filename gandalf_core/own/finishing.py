"""The last steps of an adaptation: error bars on own stars, what is ordinary, and the card.

Shapes: N own stars, P labels.
"""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from ..data.spectra import SpectraSet
from ..data.splits import Division
from ..models.calibration import FIELDS, evidence
from ..models.cards import describe
from ..models.fit import card_figures
from ..models.outliers import fit_outliers
from ..models.trained import TrainedModel
from ..regression.calibration import recalibrated
from ..regression.conformal import MIN_SCORES
from ..regression.regressor import Regressor
from .mixture import Mixture

ORDINARY_STARS = 6000  # that say what is usual; more change nothing
FEWEST_COMPARED = 10


def finished(
    model: TrainedModel, own: SpectraSet, parts: Division, mixture: Mixture, about: dict[str, Any]
) -> TrainedModel:
    """The adapted model with all that a folder holds.

    own: (N,) on the model's grid.  about: what was done, for the card.
    """
    before = {"name": model.name, "model_id": model.model_id, "identity": model.identity}
    model = _with_ids(model, own, parts, mixture)
    model, calibration = _with_errors(model, own[parts.calibration])
    compared = own[parts.reference] if len(parts.reference) >= FEWEST_COMPARED else mixture.stars
    ordinary = mixture.stars[: min(len(mixture.stars), ORDINARY_STARS)]
    model = replace(model, outlier_reference=fit_outliers(model, ordinary, compared[:ORDINARY_STARS]))
    card = _card(model, own, parts, calibration, {"from": before} | about)
    return replace(model, card=card, model_id="", identity="", key=None)


def _with_ids(model: TrainedModel, own: SpectraSet, parts: Division, mixture: Mixture) -> TrainedModel:
    """The model that knows which stars took part in making it, those of the first training included."""
    mixed_in = mixture.stars.ids[~mixture.own]
    trained = np.concatenate([model.train_ids, own.ids[parts.training], mixed_in])
    labels = own.labels_for(model.label_names)[parts.training]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a label that no star has: NaN
        ranges = np.nanpercentile(labels, [1, 99], axis=0).T
    return replace(
        model,
        train_ids=np.unique(trained),
        test_ids=own.ids[parts.test],
        check_ids=np.empty(0, str),
        calibration_ids=own.ids[parts.calibration],
        reference_ids=own.ids[parts.reference],
        label_ranges=np.where(np.isfinite(ranges), ranges, model.label_ranges),
    )


def _with_errors(model: TrainedModel, held_back: SpectraSet) -> tuple[TrainedModel, dict[str, Any]]:
    """The model with error bars as wide as own stars ask for, and what they rest on.

    Where too few are held back, the error bars are those of the model before, and nothing is promised.
    """
    about: dict[str, Any] = {}
    known = evidence(model, held_back) if len(held_back) else {}
    for source, field in FIELDS.items():
        regressor = getattr(model, field)
        if not isinstance(regressor, Regressor):
            continue
        own = known.get(source)
        if own is not None and own.labelled >= MIN_SCORES:
            regressor = recalibrated(regressor, own, model.config.training.seed)
            about[source] = regressor.summary["calibration"]
        else:
            summary = {k: v for k, v in regressor.summary.items() if k != "calibration"}
            regressor = replace(regressor, summary=summary)
        model = replace(model, **{field: regressor})
    return model, about


def _card(
    model: TrainedModel,
    own: SpectraSet,
    parts: Division,
    calibration: dict[str, Any],
    adapted: dict[str, Any],
) -> dict[str, Any]:
    """The card: that of a training on own stars, and `adapted`: from what, and how."""
    before = model.card
    tested = own[parts.test]
    figures = card_figures(model, tested) if len(tested) else {"reconstruction_mse": None, "parameters": {}}
    kept = {k: before["data"][k] for k in ("simulator", "edition") if k in before.get("data", {})}
    data = {
        "source": str(adapted.get("source") or "own stars"),
        "train": len(parts.fitting),
        "validation": 0,
        "calibration": len(parts.calibration),
        "reference": len(parts.reference),
        "test": len(parts.test),
        "left_out": len(own) - sum(map(len, parts)),
        "seconds": float(adapted["seconds"]),
    } | kept
    told = tuple(before.get("told", ()))
    card = describe(model.config, data, figures, bool(before.get("caveats")), told, calibration)
    return card | {"name": f"{card['name']} adapted", "adapted": adapted}
