"""Commands that measure: audit, compare, test."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from ...errors import ModelError
from ..arguments import KEEP_SPIKES, MODEL, SEED, SEEDED_NOISE_KEY, STARS, number_from, optional, positive
from ..console import Console, heading, table
from ..keys import measuring
from ..latent_audit import LATENT_ARGUMENTS, audit_of_latents, check_source
from ..registry import Report, arg, command
from ..result_tables import TABLE, audit_rows, check_table, comparison_rows, write_rows
from ..streams import intake_for, stars_for

if TYPE_CHECKING:
    from ...auditing.compare import ComparisonOptions
    from ...models.trained import TrainedModel

# with the spectra: the paper's four representations
COMPARED = ("autoencoder", "physical-removed", "chemical-removed")
PLAIN_MODEL = COMPARED[0]
PROBES = arg(
    "--probes",
    action="append",
    default=[],
    metavar="NAME",
    help="only this probe, e.g. ridge (default: all); may repeat",
)
ROW = arg(
    "--row",
    action="append",
    default=[],
    metavar="NAME",
    dest="rows",
    help="only this reference beside the latent, e.g. plain (default: all); may repeat",
)
RECORD = arg(
    "--record",
    action="store_true",
    help="store the report in the model's folder and its summary on the model's card",
)
PLAIN = arg(
    "--plain",
    metavar="MODEL",
    help=f"the plain auto-encoder to compare with, or none (default: {PLAIN_MODEL}, if it fits)",
)
MAX_ITER = arg(
    "--max-iter",
    type=positive,
    metavar="N",
    default=1000,
    help="passes of a regressor over its stars, at most (default: 1000, the paper's)",
)
ALPHA = arg(
    "--alpha",
    action="append",
    default=[],
    type=number_from(0),
    dest="alphas",
    metavar="A",
    help="L2 penalty of a regressor (default: 1e-4, scikit-learn's); may repeat, then the best is chosen",
)
PER_PARAMETER = arg("--per-parameter", action="store_true", help="also fit one regressor per parameter")


@command(
    "audit",
    "can a fresh probe still read what was removed, and do the sliders tell the truth",
    optional(MODEL, "?"),
    optional(STARS, "*"),
    *LATENT_ARGUMENTS,
    KEEP_SPIKES,
    PROBES,
    ROW,
    PLAIN,
    RECORD,
    TABLE,
    SEEDED_NOISE_KEY,
    SEED,
)
def audit(args: Namespace, console: Console) -> Report:
    """Measure how much fresh probes read of the removed parameters, and how much was lost of the kept ones.

    For simulated stars, whose truth is known, also how well the decoder's sliders reproduce the simulator.
    With --latent FILE the latents in a file are audited, whatever made them: an npz with z, labels and
    label_names, a table with a column z of lists or with z_0, z_1, …, or AnnData (.h5ad).
    """
    from ...auditing import audit as measure
    from ...auditing import check_choice
    from ...auditing.probes import PROBES as ALL_PROBES
    from ...auditing.references import ROWS as ALL_ROWS
    from ...models.store import load_model, record_audit
    from ...publishing.tables import about

    check_source(args)
    check_table(args)
    probes, rows = tuple(args.probes) or ALL_PROBES, tuple(args.rows or ALL_ROWS)
    check_choice(probes, rows)
    if args.latent:
        result = audit_of_latents(args, probes, console)
        write_rows(args, audit_rows(result), about(stars=args.latent))
        return Report(result, audit_text(result))
    model = measuring(load_model(args.model), args)
    intake = intake_for(args, model, decoded=True)
    stars, intake = stars_for(args, console, model.wavelength_nm, intake)
    result = measure(
        model,
        stars,
        plain=_plain(args.plain, model, console),
        probes=probes,
        rows=rows,
        seed=args.seed,
        progress=console.progress,
    )
    if args.record:
        console.say(f"recorded in {record_audit(args.model, result, ' '.join(args.stars))}")
    write_rows(args, audit_rows(result), about(model.model_id, " ".join(args.stars)))
    return Report(result | intake.result(), audit_text(result))


@command(
    "compare",
    "spectra and latents as inputs of one regressor each (the paper's Table 1)",
    STARS,
    KEEP_SPIKES,
    arg(
        "--model",
        action="append",
        default=[],
        metavar="MODEL",
        dest="models",
        help=f"compare the latent of this model (default: {', '.join(COMPARED)}); may repeat",
    ),
    MAX_ITER,
    ALPHA,
    PER_PARAMETER,
    TABLE,
    SEEDED_NOISE_KEY,
    SEED,
)
def compare(args: Namespace, console: Console) -> Report:
    """Fit one regressor on the spectra and one on each latent.

    80 % of the stars train the regressors; errors are measured on the rest.
    """
    from ...models.store import load_model
    from ...products.report import compare_with_bounds
    from ...publishing.tables import about

    check_table(args)
    models = [measuring(load_model(name), args) for name in args.models or COMPARED]
    intake = intake_for(args, *models, decoded=False)
    stars, intake = stars_for(args, console, models[0].wavelength_nm, intake)
    options = _comparison(args, tuple(args.alphas))
    result = compare_with_bounds(stars, {m.name: m for m in models}, options, progress=console.progress)
    _say_what_is_crossed(result, console)
    origin = about(" ".join(m.model_id for m in models), " ".join(args.stars))
    write_rows(args, comparison_rows(result), origin)
    return Report(result | intake.result(), compare_text(result))


@command(
    "test",
    "audit and compare in one report",
    MODEL,
    STARS,
    KEEP_SPIKES,
    PROBES,
    PLAIN,
    MAX_ITER,
    PER_PARAMETER,
    SEEDED_NOISE_KEY,
    SEED,
)
def test(args: Namespace, console: Console) -> Report:
    """Audit the model, and compare its latent with the spectra."""
    from ...auditing import check_choice
    from ...auditing.probes import PROBES as ALL_PROBES
    from ...models.store import load_model
    from ...products.report import model_report

    probes = tuple(args.probes) or ALL_PROBES
    check_choice(probes)
    model = measuring(load_model(args.model), args)
    intake = intake_for(args, model, decoded=True)
    stars, intake = stars_for(args, console, model.wavelength_nm, intake)
    result = model_report(
        model,
        stars,
        plain=_plain(args.plain, model, console),
        probes=probes,
        comparison=_comparison(args),
        progress=console.progress,
    )
    _say_what_is_crossed(result["compare"], console)
    text = f"{audit_text(result['audit'])}\n\n{compare_text(result['compare'])}"
    return Report(result | intake.result(), text)


def _say_what_is_crossed(comparison: dict[str, Any], console: Console) -> None:
    """A message for each representation of which too few stars were left to calibrate error bars."""
    from ...regression.conformal import promise

    for name, network in comparison.get("network", {}).items():
        if network["calibration"]["method"] != "split":
            console.say(f"{name}: error bars {promise(network['calibration'])}")


def _comparison(args: Namespace, alphas: tuple[float, ...] = ()) -> "ComparisonOptions":
    from ...auditing.compare import PAPERS_TABLE, ComparisonOptions

    return ComparisonOptions(
        alphas=alphas or PAPERS_TABLE.alphas,
        per_parameter=args.per_parameter,
        max_iter=args.max_iter,
        seed=args.seed,
    )


def _plain(name: str | None, model: "TrainedModel", console: Console) -> "TrainedModel | None":
    """The plain auto-encoder with which removal and loss are compared, or None.

    Raises ModelError when the model that was named has other labels. The default one is then left out.
    """
    from ...models.store import load_model

    if name == "none" or (name is None and model.name == PLAIN_MODEL):
        return None
    try:
        plain = load_model(name or PLAIN_MODEL)
        if plain.label_names != model.label_names:
            raise ModelError(
                f"{plain.name}: has other labels than {model.name}, so it cannot be its reference"
            )
        return plain
    except ModelError as error:
        if name:
            raise
        console.say(f"without a plain reference: {error}")
        return None


# --- for people ---


def audit_text(result: dict[str, Any]) -> str:
    """Tables of removed and kept parameters and of the sliders, each if not empty, and the verdict."""
    parts = [
        _leak_table(result),
        _part_table(result, "kept", ("r2", "loss")),
        _slider_table(result),
        "\n".join(result.get("verdict", ())),
    ]
    return "\n\n".join(filter(None, parts)) or "nothing was removed or kept, and no label can be modified"


def _leak_table(result: dict[str, Any]) -> str:
    """One row per removed parameter, and one given the other removed ones, as on the page."""
    from ...auditing.table import leak_rows

    rows = leak_rows(result)
    return table(list(rows[0]), [[text or "-" for text in row.values()] for row in rows]) if rows else ""


def _part_table(result: dict[str, Any], part: str, columns: tuple[str, ...]) -> str:
    """A table of one part of an audit, one row per parameter; empty where nothing was measured."""
    rows = {n: row for n, row in (result.get(part) or {}).items() if isinstance(row, dict)}
    if not rows:
        return ""
    header = [part, *(c.replace("_", " ") for c in columns)]
    return table(header, [[heading(n), *(_number(row.get(c)) for c in columns)] for n, row in rows.items()])


def _slider_table(result: dict[str, Any]) -> str:
    """The errors of the sliders, one column per parameter; empty where none was measured."""
    from ...auditing.slider_table import slider_rows

    rows = slider_rows(result)
    return table(list(rows[0]), [[text or "-" for text in row.values()] for row in rows]) if rows else ""


def compare_text(result: dict[str, Any]) -> str:
    """A table with one row per representation and parameter."""
    columns = ("mean", "mean_absolute", "std", "rmse_over_bound")
    rows = [
        [f"{name}: {heading(label)}", *(_number(values.get(c)) for c in columns)]
        for name, labels in result["representations"].items()
        for label, values in labels.items()
    ]
    return table(["predicted − true", *(c.replace("_", " ") for c in columns)], rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
