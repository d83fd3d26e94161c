"""The labels that a model needs of a star, so that one without them never stops the others.

Shapes: N stars.
"""

import numpy as np

from ..data.spectra import SpectraSet
from .trained import TrainedModel


def lacking_labels(model: TrainedModel, stars: SpectraSet, *, decoded: bool) -> dict[int, str]:
    """{row: cause} of the stars that lack a label without which they cannot be encoded or `decoded`.

    A conditional encoder needs every label that it receives; a decoder those that cannot be estimated from
    the spectrum.
    """
    if model.config.model.conditional_encoder:
        part, needed = "encoder", model.condition_on
    elif decoded:
        part, needed = "decoder", tuple(n for n in model.condition_on if n not in _estimated(model))
    else:
        return {}
    missing = ~np.isfinite(stars.labels_for(needed))
    cause = f"which the {part} of {model.name} needs" + ("" if part == "encoder" else " and cannot estimate")
    return {
        int(row): f"no {', '.join(np.array(needed)[missing[row]])}, {cause}"
        for row in np.flatnonzero(missing.any(1))
    }


def _estimated(model: TrainedModel) -> set[str]:
    """The labels that the model reads from a spectrum."""
    return set() if model.regressor_spectrum is None else set(model.regressor_spectrum.labels_read)
