"""The command `validate`: what files hold and what looks wrong in them."""

from argparse import Namespace
from typing import TYPE_CHECKING

from ...errors import ModelError
from ..arguments import KEEP_SPIKES
from ..console import Console, left_out_lines
from ..registry import Report, arg, command
from ..terminal import shown

if TYPE_CHECKING:
    from ...models.trained import TrainedModel
    from ...products.validation import Validation

DEFAULT_MODEL = "autoencoder"
HEADLINES = {"good": "nothing looks wrong", "warn": "usable; look at what is marked", "bad": "not usable"}


@command(
    "validate",
    "what files hold, and what looks wrong in them",
    arg(
        "stars",
        nargs="+",
        metavar="STARS",
        help="files of spectra, folders of them, or catalogues: folders of Parquet files",
    ),
    arg(
        "--model",
        metavar="MODEL",
        help=f"the model that the stars are meant for, or none (default: {DEFAULT_MODEL})",
    ),
    KEEP_SPIKES,
    arg("--all", action="store_true", help="look at every star of a catalogue, not at a sample"),
)
def validate(args: Namespace, console: Console) -> Report:
    """Read stars, say what was understood, and judge whether they can be used: good, warn or bad.

    Checks columns, wavelengths (also whether lines lie where vacuum wavelengths put them), errors, masks,
    ids, labels and missing values. Of a catalogue a sample is read, and the footers of all partitions. The
    status is 2 when no star can be used.
    """
    from ...products.validation import validate as look
    from ...products.walking import Walk

    walk = Walk(args.keep_spikes, args.all, console.progress)
    found = look(args.stars, _model(args.model, console), walk)
    failure = None if found.usable else str(found.error)
    return Report(found.result(), validation_text(found), failure)


def _model(name: str | None, console: Console) -> "TrainedModel | None":
    """The model of --model; the default one may be missing."""
    from ...models.store import load_model

    if name == "none":
        return None
    try:
        return load_model(name or DEFAULT_MODEL)
    except ModelError as error:
        if name:
            raise
        console.say(f"without a model to compare with: {error}")
        return None


def validation_text(found: "Validation") -> str:
    """The verdict in a page: a headline, a line for each sentence, and those that are left out."""
    lines = [f"{grade:<4}  {shown(text)}" for grade, text in found.verdict]
    left_out = list(map(shown, left_out_lines(found.rejected))) if len(found.rejected) > 1 else []
    return "\n".join([HEADLINES[found.grade], "", *lines, *(["", *left_out] if left_out else [])])
