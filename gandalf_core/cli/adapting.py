"""`train STARS --from MODEL`: the arguments, and the run that adapts a model to a user's own stars."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import number_from
from .console import Console
from .own_labels import LABELS, survey_table
from .registry import Argument, Report, UsageError, arg

if TYPE_CHECKING:
    from ..data.spectra import SpectraSet
    from ..models.trained import TrainedModel
    from ..sources import Intake

MOST_NOISE = 10.0  # a latent's own numbers scatter by 1
PARTS = ("nothing", "last-layer", "low-rank", "everything")
FROM_ARGUMENTS = (
    arg(
        "--from",
        dest="from_model",
        metavar="MODEL",
        help="start from this model and adapt it to STARS, real ones above all, in place of a training from "
        "nothing (default: none)",
    ),
    arg(
        "--mix",
        type=number_from(0),
        metavar="SHARE",
        help="with --from: the share of simulated stars, made like STARS, in what is learned; 0: STARS alone "
        "(default: 0.75)",
    ),
    arg(
        "--encoder",
        choices=PARTS,
        help="with --from: how much of the encoder may move (default: cross-validation chooses)",
    ),
    arg(
        "--noise",
        type=number_from(0, MOST_NOISE),
        metavar="SIGMA",
        help="with --from: the noise of the latent; more of it hides removed labels better and tells kept "
        "ones worse; at most 10 (default: that of MODEL)",
    ),
    arg(
        "--resolution",
        type=number_from(100),
        metavar="R",
        help="with --from: the resolving power of STARS (default: that of their instrument, where known)",
    ),
    Argument(LABELS.flags, LABELS.options | {"help": f"with --from: {LABELS.options['help']}"}),
)
# what a training from nothing is told, and an adaptation takes from its model
TAKEN_FROM_MODEL = ("preset", "config", "remove", "keep", "lambdas", "label", "set", "epochs", "seeds")


def check_from(args: Namespace) -> None:
    """UsageError for options that do not go with --from, or only with it."""
    if not args.from_model:
        alone = [
            n for n in ("mix", "encoder", "noise", "resolution", "labels") if getattr(args, n) is not None
        ]
        if alone:
            raise UsageError(f"--{alone[0]} belongs to --from MODEL")
        return
    given = [n for n in (*TAKEN_FROM_MODEL, "resume", "map") if getattr(args, n)]
    if given:
        named = {"lambdas": "lambda"}.get(given[0], given[0])
        raise UsageError(f"--{named} does not go with --from: the adapted model keeps what its model has")
    if args.mix is not None and args.mix >= 1:
        raise UsageError("--mix is a share below 1: some of what is learned must come from STARS")


def run_from(args: Namespace, console: Console) -> Report:
    """Adapt the model of --from to STARS, and save it in --out."""
    from ..models.store import load_model, save_model
    from ..own.adapting import adapt
    from ..simulator.judging import refuse_reserved_sources
    from ..sources import Intake, gather

    refuse_reserved_sources(args.stars, "adapt to")
    model = load_model(args.from_model)
    console.say("reading stars")
    stars, intake = gather(args.stars, None, Intake(args.keep_spikes))
    stars = _covering(intake.once(stars), model, intake)
    console.taken_in(intake)
    stars, surveys, notes = _with_labels(args, model, stars, console)
    adapted = adapt(model, stars, _options(args), console.progress)
    saved = save_model(adapted, Path(args.out))
    for line in said(saved):
        console.say(line)
    result = _result(saved, args.out) | intake.result() | {"surveys": surveys}
    result["notes"] = [*result["notes"], *notes]
    return Report(result, _text(saved, args.out))


def _with_labels(
    args: Namespace, model: "TrainedModel", stars: "SpectraSet", console: Console
) -> "tuple[SpectraSet, dict[str, Any], tuple[str, ...]]":
    """The stars with the labels of --labels, where it is given, offsets between its surveys, and notes."""
    table = survey_table(args)
    if table is None:
        return stars, {}, ()
    from ..own.labels import labels_of, with_own_labels

    own = labels_of(stars, model.label_names, table)
    for sentence in own.notes:
        console.note(sentence)
    return with_own_labels(stars, model.label_names, own), own.surveys, own.notes


def _covering(stars: "SpectraSet", model: "TrainedModel", intake: "Intake") -> "SpectraSet":
    """The stars, on their own wavelengths, that cover the model's; the others are rejected."""
    import numpy as np

    from ..io.read import none_left
    from ..io.resampling import covering

    fitting, causes = covering(stars, model.wavelength_nm)
    for star, cause in causes.items():
        intake.rejected[star] = f"star {star}: {cause}"
    if not len(fitting):
        raise none_left(intake.rejected)
    return stars[np.isin(stars.ids, fitting.ids)] if causes else stars


def _options(args: Namespace) -> Any:
    from dataclasses import replace

    from ..own.adapting import AdaptOptions

    options = AdaptOptions(
        resolving_power=args.resolution,
        part=args.encoder and args.encoder.replace("-", " "),
        noise=args.noise,
        source=" ".join([*args.stars, *(["with labels of", args.labels] if args.labels else [])]),
        seed=args.seed or 0,
    )
    return options if args.mix is None else replace(options, mix=args.mix)


def said(model: "TrainedModel") -> list[str]:
    """What was done, in sentences."""
    from ..models.adapted_card import plain_lines

    return plain_lines(model.card)


def _result(model: "TrainedModel", out: str) -> dict[str, Any]:
    card = model.card
    return {
        "model": str(out),
        "from": card["adapted"]["from"],
        "adapted": card["adapted"],
        "seconds": card["data"]["seconds"],
        "stars": card["data"]["train"],
        "test": card["figures"],
        "calibration": card["calibration"],
        "left_out": card["data"]["left_out"],
        "stopped": False,
    }


def _text(model: "TrainedModel", out: str) -> str:
    from .commands.training import scores_table

    data = model.card["data"]
    head = f"{out}: {data['train']:,} own stars, {data['seconds']:.0f} s"
    return "\n".join([head, *said(model), "", scores_table(model.card["figures"]["parameters"])])
