"""Commands for a user's own labelled stars: `calibrate` and `compare-labels`."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from ...parameters import parameter
from ..arguments import KEEP_SPIKES, MODEL, NOISE_KEY, SHIFT, STARS
from ..calibrating import CALIBRATION, SOURCE, asked_calibration, said, under
from ..console import Console, heading, table
from ..keys import exporting
from ..registry import Report, arg, command
from ..streams import intake_for, stars_for

if TYPE_CHECKING:
    from ...data.spectra import SpectraSet
    from ...models.trained import TrainedModel
    from ...own.labels import OwnLabels

DEFAULT_NAME = "own"
LABELS = arg(
    "--labels",
    metavar="FILE",
    help="a table with the stars' labels, one row for each star, or for each star and survey: source_id, "
    "teff, teff_error, …, survey (default: those that come with the spectra)",
)


@command(
    "calibrate",
    "offsets and error bars of a model from your own labelled stars",
    MODEL,
    STARS,
    LABELS,
    arg(
        "--name",
        default=DEFAULT_NAME,
        metavar="NAME",
        help=f"what the calibration is called, for `predict --calibration` (default: {DEFAULT_NAME})",
    ),
    SOURCE,
    KEEP_SPIKES,
    SHIFT,
    NOISE_KEY,
)
def calibrate(args: Namespace, console: Console) -> Report:
    """Estimate offset and scatter between model and labels, and how wide error bars must be.

    Both are functions of Teff, log g, [M/H] and S/N, and robust against bad labels, which are named. The
    calibration is kept in the model's folder under its name; `predict --calibration NAME` applies it, and
    nothing else does. The stars must have taken no part in making the model. docs/own-stars.md explains it.
    """
    from ...own import calibration as own
    from ...own.stored import check_name, store_calibration
    from ...simulator.judging import refuse_reserved_sources

    refuse_reserved_sources(args.stars, "calibrate on")
    check_name(args.name)
    model, stars, labels, told = _labelled_stars(args, console, fresh=True)
    predictions = model.predict(stars, source=args.source, verdicts=False)
    known = own.Labelled(labels.values, labels.errors, stars.snr)
    about = {
        "identity": model.identity,
        "read_from": args.source,
        "source": " ".join(args.stars),
        "surveys": labels.surveys,
    }
    found = own.calibrate(args.name, predictions, known, about)
    for sentence in own.warnings_of(found.about):
        console.note(sentence)
    path = store_calibration(args.model, found)
    console.say(f"written to {path}")
    result = {
        "model": model.model_id,
        "name": args.name,
        "file": str(path),
        "promise": own.promise(found.about),
    }
    result |= {"notes": [*told["notes"], *own.warnings_of(found.about)], "rejected": told["rejected"]}
    result |= {key: found.about[key] for key in ("stars", "method", "bad", "surveys")}
    result["labels"] = {name: _label_result(found, name) for name in found.labels}
    return Report(result, _calibration_text(result))


def _label_result(found: Any, name: str) -> dict[str, Any]:
    """Of one label: offset and its error at a typical star, slopes, how errors change, and who counted."""
    import numpy as np

    own, told = found.labels[name], found.about["labels"][name]
    errors = np.sqrt(np.diag(own.covariance))
    return {
        **told,
        "offset": float(own.offset[0]),
        "offset_error": float(errors[0]),
        "slopes": dict(zip(found.features, own.offset[1:].tolist(), strict=True)),
        "slope_errors": dict(zip(found.features, errors[1:].tolist(), strict=True)),
        "error_factor": float(np.exp(own.scale[0]) * own.limit()),
    }


def _calibration_text(result: dict[str, Any]) -> str:
    header = ["model − label, at a typical star", "stars", "offset", "errors times", "bad labels"]
    rows = []
    for name, own in result["labels"].items():
        count = sum(name in labels for labels in result["bad"].values())
        offset = f"{own['offset']:+.3g} ± {own['offset_error']:.2g} {parameter(name).unit}".rstrip()
        rows.append([heading(name), str(own["stars"]), offset, f"{own['error_factor']:.2f}", str(count)])
    named = list(result["bad"])[:10]
    lines = [table(header, rows), "", result["promise"]]
    if named:
        more = f" and {len(result['bad']) - 10:,} more" if len(result["bad"]) > 10 else ""
        lines.append(f"labels that are probably bad: {', '.join(named)}{more} (--json lists all)")
    return "\n".join(lines)


@command(
    "compare-labels",
    "a model against your own labels: bias, scatter, coverage, outliers",
    MODEL,
    STARS,
    LABELS,
    CALIBRATION,
    SOURCE,
    KEEP_SPIKES,
    SHIFT,
    NOISE_KEY,
)
def compare_labels(args: Namespace, console: Console) -> Report:
    """Compare what a model reads with labels of your own, over all stars and in bins.

    Errors of the labels are counted beside the model's. Stars whose id comes twice show how well errors are
    known. The ten stars that fit worst are listed with likely reasons.
    """
    from ...own.comparing import Compared
    from ...own.comparing import compare_labels as measure

    model, stars, labels, told = _labelled_stars(args, console, fresh=False)
    applied = asked_calibration(args, model)
    predictions = under(applied, model.predict(stars, source=args.source), stars.snr, model)
    for sentence in said(applied):
        console.note(sentence)
    result = measure(Compared(predictions, labels, stars.snr))
    result |= {"model": model.model_id, "calibration": predictions.calibration or None}
    result |= {"notes": [*told["notes"], *said(applied), *result["notes"]], "rejected": told["rejected"]}
    return Report(result, _comparison_text(result))


def _comparison_text(result: dict[str, Any]) -> str:
    header = ["model − label", "stars", "bias", "scatter", "rms", "within 1σ", "within 2σ", "outliers"]
    rows = [
        [
            heading(n),
            str(own["stars"]),
            f"{own['bias']:+.3g} ± {own['bias_error']:.2g}",
            *(f"{own[k]:.3g}" for k in ("scatter", "rmse")),
            *(f"{own[k]:.0%}" for k in ("coverage_1", "coverage_2")),
            str(own["outliers"]),
        ]
        for n, own in result["labels"].items()
    ]
    lines = [table(header, rows)]
    for name, own in result["repeats"].items():
        lines.append(
            f"{parameter(name).plain}: {own['pairs']} repeats scatter by {own['ratio']:.2f} of claimed errors"
        )
    lines += ["", "the worst stars:"]
    for star in result["worst"]:
        worst = max(star["labels"], key=lambda n: abs(star["labels"][n]["pull"]))
        own, unit = star["labels"][worst], parameter(worst)
        said = f"{unit.plain} {unit.format(own['model'])}, label {unit.format(own['label'])}"
        lines.append(f"{star['id']}: {said} ({own['pull']:+.1f} σ); {'; '.join(star['reasons'])}")
    return "\n".join(lines)


# --- shared ---


def _labelled_stars(
    args: Namespace, console: Console, fresh: bool
) -> "tuple[TrainedModel, SpectraSet, OwnLabels, dict[str, Any]]":
    """The model, the stars with labels, the labels, and what is told of the reading.

    fresh: only stars that took no part in making the model. ModelError or SpectraError where none is left.
    """
    import numpy as np

    from ...errors import ModelError
    from ...io.survey_table import read_survey_table
    from ...models.store import load_model
    from ...own.labels import labels_of

    model = exporting(load_model(args.model), args, console)
    own_table = read_survey_table(args.labels) if args.labels else None
    stars, intake = stars_for(args, console, model.wavelength_nm, intake_for(args, model, decoded=True))
    notes = list(intake.notes)
    seen = ~model.held_out(stars)
    if fresh and seen.any():
        stars = stars[~seen]
        notes.append(f"{int(seen.sum()):,} stars took part in making the model and are left out")
        console.note(notes[-1])
    labels = labels_of(stars, model.label_names, own_table)
    for sentence in labels.notes:
        console.note(sentence)
    if not np.isfinite(labels.values).any():
        none = f"none of the {len(stars)} stars that it was not made with has a label it reads"
        raise ModelError(f"{model.name}: {none}: give other stars, or their labels with --labels")
    return model, stars, labels, {"notes": notes, "rejected": intake.rejected}
