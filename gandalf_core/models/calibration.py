"""Error bars of a model that know chi² and that the physics may be wrong, and those of a user's own stars.

No star serves twice: of the training split, stars that trained say where errors are larger, those that
validated correct that, and those that were held back say by how much (`readings`). Where the stars are
simulated, stars of another nature that trained nothing join each of the three.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..data.spectra import SpectraSet
from ..errors import ModelError
from ..regression.calibration import Evidence, calibrated, mixed, recalibrated, together
from ..regression.conformal import MIN_SCORES
from ..regression.regressor import Regressor
from ..seeds import OTHER_PHYSICS_SEED
from ..simulator import is_simulated
from ..simulator.judging import refuse_reserved
from ..simulator.other_physics import like
from .estimates import LATENT, SPECTRUM, fit_measures, regressor_of, spectrum_numbers

if TYPE_CHECKING:
    from .trained import TrainedModel

OTHER_SHARE = 0.35  # probability that a calibrating star is of other physics
STARS = 16_000  # of either kind at most; more change nothing
LEVEL_SHARE, SCORES_SHARE = 1 / 8, 1 / 8  # of the stars of other physics; the rest tells the shape
FIELDS = {LATENT: "regressor_latent", SPECTRUM: "regressor_spectrum"}


def with_calibrated_errors(model: "TrainedModel", stars: SpectraSet) -> "TrainedModel":
    """The model with error bars that know chi² and, for simulated stars (N,), other physics.

    stars: of the training split. Each interval holds for a star that is like these with a probability of
    1 − `OTHER_SHARE` and of other physics otherwise. Error bars that are crossed, because few stars
    calibrate, stay as they are.
    """
    sources = [s for s, name in FIELDS.items() if isinstance(getattr(model, name), Regressor)]
    if not sources:
        return model
    held_back = [model.check_ids, model.calibration_ids, model.reference_ids]
    trained = np.flatnonzero(~np.isin(stars.ids, np.concatenate(held_back)))[:STARS]
    roles = [trained, *(np.flatnonzero(np.isin(stars.ids, ids)) for ids in held_back[:2])]
    known = [evidence(model, stars[rows]) for rows in roles]
    others = None
    if is_simulated(stars):
        others = evidence(model, like(stars, len(trained), OTHER_PHYSICS_SEED))
    regressors = {
        FIELDS[s]: _calibrated(model, s, [one[s] for one in known], None if others is None else others[s])
        for s in sources
    }
    return replace(model, **regressors)


def evidence(model: "TrainedModel", stars: SpectraSet) -> dict[str, Evidence]:
    """Those stars that have a label, as the regressor of each source (`latent`, `spectrum`) reads them."""
    labelled = np.isfinite(stars.labels_for(model.label_names)).any(1)
    stars = model.on_grid(stars[np.flatnonzero(labelled)])
    latents = model.encode(stars)
    labels, quality = stars.labels_for(model.label_names), fit_measures(model, stars, latents)
    read = {LATENT: latents.z, SPECTRUM: spectrum_numbers(model, stars)}
    return {source: Evidence(x, labels, stars.snr, quality) for source, x in read.items()}


def _calibrated(
    model: "TrainedModel", source: str, known: Sequence[Evidence], other: Evidence | None
) -> Regressor:
    """The regressor of one source with error bars from the stars for shape, level and scores."""
    regressor, seed = regressor_of(model, source), model.config.training.seed
    assert isinstance(regressor, Regressor)
    shape, level, scores = known
    about = {"method": "split", "stars": len(scores), "folds": 0, "seen": False}
    if other is not None:
        first, second = (round(len(other) * share) for share in (LEVEL_SHARE, SCORES_SHARE))
        shape = together([shape, other[first + second :]])
        level = mixed(level, other[:first], OTHER_SHARE, seed)[0]
        scores, count = mixed(scores, other[first : first + second], OTHER_SHARE, seed + 1)
        about |= {"stars": len(scores) - count, "other_physics": count}
    fitted = calibrated(regressor, shape, level, scores, seed=seed)
    return replace(fitted, summary=regressor.summary | {"calibration": about})


def recalibrate(model: "TrainedModel", stars: SpectraSet) -> "TrainedModel":
    """The model with error bars as wide as a user's labelled stars (N,) ask for, real ones above all.

    They tell level and scores of both regressors, and nothing else: values stay as they are, and so does
    where error bars are wider. Stars that took part in making the model are left out. Raises ModelError where
    fewer than `MIN_SCORES` others have labels, SpectraError for stars that are reserved for judging.
    """
    refuse_reserved(stars.ids, "calibrate on")
    own = stars[model.held_out(stars) & stars.usable]
    labelled = own.labels_for(model.label_names)
    if np.isfinite(labelled).any(1).sum() < MIN_SCORES:
        needed = f"at least {MIN_SCORES} with labels are needed to tell how wide error bars must be"
        raise ModelError(f"{model.name}: too few of these {len(stars)} stars can calibrate it: {needed}")
    known = evidence(model, own)
    sources = [s for s, name in FIELDS.items() if getattr(model, name) is not None]
    seed = model.config.training.seed
    regressors = {FIELDS[s]: recalibrated(regressor_of(model, s), known[s], seed) for s in sources}
    return replace(model, **regressors)
