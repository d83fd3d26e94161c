"""What would end a training badly is found out before its first epoch, not after its last.

Shapes: N stars, L pixels.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..config.schema import Config
from ..config.sizes import check_size
from ..data.spectra import SpectraSet
from ..data.splits import Division
from ..errors import ModelError
from ..maps.fitting import MIN_STARS
from ..training.fitting_regressors import MIN_LABELLED

if TYPE_CHECKING:
    from ..training.trainer import Trainer

SMALLEST, LARGEST = 1e-15, 1e15  # differences of flux whose squares numbers of 32 bits hold


def check_sample(stars: SpectraSet, rows: Division, config: Config) -> None:
    """ModelError for stars (N,) that a model of this configuration cannot be made of.

    rows: what the usable stars serve.
    """
    check_size(config, len(stars.wavelength_nm))
    if not len(rows.test):
        cure = "give spectra of more stars, each with its own id"
        raise ModelError(f"no usable star of {len(stars)} is left to test on: {cure}")
    _check_flux(stars, rows)
    _check_watched_labels(stars, rows, config)
    if config.model.conditional_encoder:
        _check_conditional(stars, config)


def check_maps(rows: Division, maps: tuple[str, ...], most: int) -> None:
    """ModelError where too few stars are left for the maps (by method) of at most so many test stars."""
    count = min(len(rows.test), most)
    if maps and count < MIN_STARS:
        raise ModelError(
            f"a map ({', '.join(maps)}) shows at least {MIN_STARS} test stars, and there are {count}: "
            "give more stars, or ask for no map"
        )


def check_weights(trainer: "Trainer") -> None:
    """ModelError where no star counts in the loss, or none that validates."""
    for batch, does in ((trainer.data, "train"), (trainer.validation, "validate")):
        if batch.weight is not None and not bool((batch.weight > 0).any()):
            raise ModelError(
                f"none of the {len(batch)} stars that {does} counts: their flux is too small, or their "
                "errors too large, for numbers of 32 bits; normalise the spectra to a continuum of 1, or "
                "check the unit of the errors"
            )


def _check_flux(stars: SpectraSet, rows: Division) -> None:
    """ModelError where all spectra that train are the same, for example 0."""
    usable = ~stars.mask[rows.fitting]
    if len(usable) < 2:
        return  # too few for a batch, which is said elsewhere
    flux = stars.flux[rows.fitting]
    low = np.min(flux, 0, initial=np.inf, where=usable)
    high = np.max(flux, 0, initial=-np.inf, where=usable)
    spread = float(np.max(high - low, initial=0.0, where=np.isfinite(high)))
    if SMALLEST < spread < LARGEST:
        return
    if spread:
        raise ModelError(
            f"the flux of the {len(flux)} stars to train on varies by {spread:.2g}, which numbers of 32 bits "
            "cannot compute with: normalise the spectra to a continuum of 1"
        )
    what = "the same for all of them" if flux[usable].any() else "0 at every wavelength"
    raise ModelError(f"the flux of the {len(flux)} stars to train on is {what}: there is nothing to learn")


def _check_watched_labels(stars: SpectraSet, rows: Division, config: Config) -> None:
    """ModelError for a label with a λ that too few of the stars that train have.

    Those that the decoder receives are looked after by the trainer, which leaves out stars without them.
    """
    needed = min(MIN_LABELLED, len(rows.fitting))
    labels = tuple(name for name in config.lambdas if name not in config.model.condition_on)
    known = np.isfinite(stars.labels_for(labels)[rows.fitting]).sum(0).tolist()
    few = [f"{name} ({count})" for name, count in zip(labels, known, strict=True) if count < needed]
    if few:
        raise ModelError(
            f"too few of the {len(rows.fitting)} stars to train on have {', '.join(few)}: at least {needed} "
            "must have a label that is removed, kept or watched; give more of them, or leave out its λ"
        )


def _check_conditional(stars: SpectraSet, config: Config) -> None:
    """ModelError for usable stars without a label that the encoder needs."""
    names = config.model.condition_on
    lacking = ~np.isfinite(stars.labels_for(names)) & stars.usable[:, None]
    count = int(lacking.any(1).sum())
    if count:
        missing = ", ".join(name for name, column in zip(names, lacking.T, strict=True) if column.any())
        raise ModelError(
            f"{count} of {len(stars)} stars lack {missing}, and a conditional encoder needs the labels of "
            "every star: leave these stars out, or set model.conditional_encoder to false"
        )
