"""Commands for a user's own labelled stars: `calibrate`, `compare-labels` and `changes`."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from ...parameters import parameter
from ..arguments import KEEP_SPIKES, MODEL, NOISE_KEY, SHIFT, STARS, optional
from ..calibrating import CALIBRATION, SOURCE, asked_calibration, said, under
from ..console import Console, heading, table
from ..keys import exporting
from ..own_labels import LABELS, survey_table
from ..registry import Report, UsageError, arg, command
from ..streams import intake_for, stars_for

if TYPE_CHECKING:
    from ...data.spectra import SpectraSet
    from ...models.trained import TrainedModel
    from ...own.comparing import Compared
    from ...own.labels import OwnLabels

DEFAULT_NAME = "own"
OUT_PAGE = arg(
    "--out",
    metavar="FILE",
    help="also write a page with the figures, .html: residuals in bins, and the spectra of the ten worst "
    "stars (default: none)",
)


@command(
    "calibrate",
    "offsets and error bars of a model from your own labelled stars",
    MODEL,
    optional(STARS, "*"),
    LABELS,
    arg(
        "--name",
        default=DEFAULT_NAME,
        metavar="NAME",
        help=f"what the calibration is called, for `predict --calibration` (default: {DEFAULT_NAME})",
    ),
    arg(
        "--remove",
        metavar="NAME",
        help="instead of STARS: take this calibration out of the model's folder (default: none)",
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
    With --remove NAME nothing is estimated: a calibration that is no longer wanted is taken away.
    """
    if bool(args.stars) == (args.remove is not None):
        raise UsageError("give STARS to calibrate on, or --remove NAME")
    return _calibrated(args, console) if args.stars else _removed(args)


def _removed(args: Namespace) -> Report:
    from ...own.stored import calibrations_in, remove_calibration

    remove_calibration(args.model, args.remove)
    left = calibrations_in(args.model)
    result = {"model": args.model, "removed": args.remove, "calibrations": left}
    return Report(result, f"{args.remove} is removed; there are: {', '.join(left) or 'none'}")


def _calibrated(args: Namespace, console: Console) -> Report:
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
    notes = [*told["notes"], *labels.notes, *own.warnings_of(found.about)]
    result |= {"notes": notes, "rejected": told["rejected"]}
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
    OUT_PAGE,
    KEEP_SPIKES,
    SHIFT,
    NOISE_KEY,
)
def compare_labels(args: Namespace, console: Console) -> Report:
    """Compare what a model reads with labels of your own, over all stars and in bins.

    Errors of the labels are counted beside the model's. Stars whose id comes twice show how well errors are
    known. The ten stars that fit worst are listed with likely reasons; --out FILE.html draws them.
    """
    from ...own.comparing import Compared
    from ...own.comparing import compare_labels as measure

    if args.out and not args.out.lower().endswith(".html"):
        raise UsageError(f"--out {args.out}: the page is HTML; call it {args.out}.html")
    model, stars, labels, told = _labelled_stars(args, console, fresh=False)
    applied = asked_calibration(args, model)
    predictions = under(applied, model.predict(stars, source=args.source), stars.snr, model)
    for sentence in said(applied):
        console.note(sentence)
    compared = Compared(predictions, labels, stars.snr)
    result = measure(compared)
    result |= {"model": model.model_id, "calibration": predictions.calibration or None, "from": args.source}
    result |= {"notes": [*told["notes"], *said(applied), *result["notes"]], "rejected": told["rejected"]}
    if args.out:
        _write_page(args.out, model, stars, compared, result)
        console.say(f"written to {args.out}")
    return Report(result | {"file": args.out}, _comparison_text(result))


def _write_page(
    path: str, model: "TrainedModel", stars: "SpectraSet", compared: "Compared", result: dict[str, Any]
) -> None:
    """The comparison with its figures as a page that stands alone."""
    from ...atomic import write_text
    from ...figures.own_stars_page import comparison_page

    write_text(path, comparison_page(model, stars, compared, result))


def _comparison_text(result: dict[str, Any]) -> str:
    from ...own.worst import line_of

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
    lines += map(line_of, result["worst"])
    return "\n".join(lines)


@command(
    "changes",
    "what own stars have taught a model, beside the one it was adapted from",
    MODEL,
    STARS,
    arg(
        "--beside",
        metavar="MODEL",
        help="the original (default: the one with the weights that MODEL started from, among those here)",
    ),
    KEEP_SPIKES,
    NOISE_KEY,
)
def changes(args: Namespace, console: Console) -> Report:
    """Compare an adapted model with its original: latents, leakage, parameters, sliders, Ca II lines.

    STARS should have trained neither; their labels tell what changed in the parameters, and what a linear
    fit reads of removed ones, which is a lower bound: `audit` says more.
    """
    from ...explaining.adaptation import adaptation
    from ...models.store import load_model
    from ...own.origin import find_original

    model = exporting(load_model(args.model), args, console)
    original = exporting(load_model(args.beside or find_original(model.card)), args, console)
    intake = intake_for(args, model, original, decoded=True)
    stars, intake = stars_for(args, console, model.wavelength_nm, intake)
    found = adaptation(original, model, stars)
    result = {"model": model.model_id, "beside": original.model_id} | found.to_dict()
    return Report(result | intake.result(), _changes_text(result))


def _changes_text(result: dict[str, Any]) -> str:
    header = [f"model − label, from the {result['read_from']}", "stars", "bias", "scatter", "rms"]
    rows = [
        [heading(row["label"]), f"{row['stars']:,}"]
        + [f"{row[f'{k}_before']:.3g} → {row[f'{k}_after']:.3g}" for k in ("bias", "scatter", "rmse")]
        for row in result["parameters"]
    ]
    lines = [f"{result['model']} beside {result['beside']}, {result['stars']:,} stars", ""]
    lines += [table(header, rows), ""] if rows else []
    lines.append(f"latents: {result['turned_away']:.0%} of the original's variance is not in the adapted one")
    told = {n: f"{own['before']:.3f} → {own['after']:.3f}" for n, own in result["told"].items()}
    lines += [f"{parameter(n).plain}: a linear fit reads partial R² {text}" for n, text in told.items()]
    lines += [
        f"rms of observed − reconstructed, {where}: {own['before']:.4f} → {own['after']:.4f}"
        for where, own in result["rms_residual"].items()
    ]
    lines += [
        f"{parameter(n).plain} slider: changed by {own['distance']:.0%} of what it did"
        for n, own in result["sliders"].items()
    ]
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
    from ...models.store import load_model
    from ...own.labels import labels_of

    model = exporting(load_model(args.model), args, console)
    own_table = survey_table(args)
    stars, intake = stars_for(args, console, model.wavelength_nm, intake_for(args, model, decoded=True))
    notes = list(intake.notes)
    seen = ~model.held_out(stars)
    if seen.any():
        stars = stars[~seen] if fresh else stars
        told = "are left out" if fresh else "on them it does better than on others"
        notes.append(f"{int(seen.sum()):,} stars took part in making the model: {told}")
        console.note(notes[-1])
    labels = labels_of(stars, model.label_names, own_table)
    for sentence in labels.notes:
        console.note(sentence)
    if not np.isfinite(labels.values).any():
        none = f"none of the {len(stars)} stars that it was not made with has a label it reads"
        raise ModelError(f"{model.name}: {none}: give other stars, or their labels with --labels")
    return model, stars, labels, {"notes": notes, "rejected": intake.rejected}
