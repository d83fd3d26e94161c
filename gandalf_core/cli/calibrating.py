"""`--calibration NAME`: predictions under a calibration of the model on a user's own stars."""

from argparse import Namespace
from typing import TYPE_CHECKING

from ..errors import ModelError
from .registry import arg

if TYPE_CHECKING:
    import numpy as np

    from ..models.predictions import Predictions
    from ..models.trained import TrainedModel
    from ..own.calibration import NamedCalibration

CALIBRATION = arg(
    "--calibration",
    metavar="NAME",
    help="apply this calibration of the model, which `calibrate` made: offsets are taken off, and errors are "
    "as wide as it says (default: none)",
)
SOURCE = arg(
    "--from",
    dest="source",
    choices=("latent", "spectrum"),
    default="latent",
    help="what parameters are read from (default: latent)",
)


def asked_calibration(args: Namespace, model: "TrainedModel") -> "NamedCalibration | None":
    """The calibration of --calibration. ModelError where there is none, or of labels read from elsewhere."""
    if not args.calibration:
        return None
    from ..own.stored import load_calibration

    found = load_calibration(model, args.model, args.calibration)
    read_from = found.about.get("read_from", "latent")
    if read_from != args.source:
        raise ModelError(
            f"{model.name}: {found.name} calibrates what is read from the {read_from}, not from the "
            f"{args.source}: give --from {read_from}"
        )
    return found


def under(
    found: "NamedCalibration | None", predictions: "Predictions", snr: "np.ndarray", model: "TrainedModel"
) -> "Predictions":
    """The predictions of stars with this S/N (N,) under a calibration; as they are without one."""
    return predictions if found is None else found.apply(predictions, snr, model.label_ranges)


def said(found: "NamedCalibration | None") -> list[str]:
    """The sentence that names a calibration beside results; none without one."""
    if found is None:
        return []
    from ..own.calibration import promise

    text = f"under the calibration {found.name} (SHA-256 {found.about['sha256'][:12]})"
    return [f"{text}: {promise(found.about)}"]
