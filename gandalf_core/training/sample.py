"""The stars that train a model and those that validate it. Shapes: N stars, C conditioned labels."""

from dataclasses import dataclass

import numpy as np

from ..config.schema import Config
from ..data.spectra import SpectraSet
from ..data.splits import split
from ..errors import ModelError
from ..simulator.judging import refuse_reserved


@dataclass(frozen=True)
class Sample:
    """The stars of a training. left_out: how many were given but cannot be used."""

    training: SpectraSet
    validation: SpectraSet
    left_out: int


def training_sample(stars: SpectraSet, config: Config) -> Sample:
    """Leave out stars that are not `usable` or lack a conditioned label, and split off the validation stars.

    Raises ModelError when fewer stars than one batch remain, SpectraError for stars reserved for judging.
    """
    refuse_reserved(stars.ids, "train on")
    complete = stars.usable & np.isfinite(stars.labels_for(config.model.condition_on)).all(1)
    stars, left_out = stars if complete.all() else stars[complete], int((~complete).sum())
    training, validation = split(stars.ids, config.training.validation_fraction, config.training.seed)
    if len(training) < config.training.batch_size:
        raise ModelError(_too_few(len(training), left_out, config))
    return Sample(stars[training], stars[validation], left_out)


def _too_few(count: int, left_out: int, config: Config) -> str:
    needed, batch = ", ".join(config.model.condition_on), config.training.batch_size
    complete = f"usable spectra with all of {needed}" if needed else "usable spectra"
    without = f" ({left_out} are left out: only {complete} count)" if left_out else ""
    which = ", with these labels," if needed and left_out else ""
    return (
        f"{count} stars to train on{without}, fewer than one batch of {batch}: "
        f"give more stars{which} or lower training.batch_size"
    )
