"""Commands that measure: audit, compare, test."""

from typing import Any

from ...errors import ModelError
from ..console import heading, table
from ..registry import MODEL, SEED, STARS, Report, arg, command, number, positive

# with the spectra: the paper's four representations
COMPARED = ("autoencoder", "physical-removed", "chemical-removed")
PROBES = arg(
    "--probes", action="append", default=[], metavar="NAME", help="only this probe (default: all); may repeat"
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
    "--record", action="store_true", help="keep the report in the model's folder, its summary on the card"
)
PLAIN = arg(
    "--plain",
    metavar="MODEL",
    help=f"the plain auto-encoder to compare with (default: {COMPARED[0]} if there; or none)",
)
MAX_ITER = arg(
    "--max-iter",
    type=positive,
    default=1000,
    help="epochs of a regressor at most (default: 1000, the paper's)",
)
ALPHA = arg(
    "--alpha",
    action="append",
    default=[],
    type=number(0),
    dest="alphas",
    help="penalties of a regressor to choose from (default: 1e-4, scikit-learn's); may repeat",
)
PER_PARAMETER = arg("--per-parameter", action="store_true", help="also fit one regressor for each parameter")


@command(
    "audit",
    "can a fresh probe still read what was removed, and do the sliders tell the truth",
    MODEL,
    STARS,
    PROBES,
    ROW,
    PLAIN,
    RECORD,
    SEED,
)
def audit(args, console) -> Report:
    """Leakage of removed parameters under fresh probes, loss of kept ones, and counterfactuals where the
    truth is known.
    """
    from ...auditing import check_choice
    from ...models.store import load_model, record_audit

    check_choice(**_chosen(args))
    model = load_model(args.model)
    result = _audited(model, _stars(args, model), args, console)
    if args.record:
        console.say(f"recorded in {record_audit(args.model, result, ' '.join(args.stars))}")
    return Report(result, audit_text(result))


@command(
    "compare",
    "spectra and latents as inputs of one regressor each (the paper's Table 1)",
    STARS,
    arg(
        "--model",
        action="append",
        default=[],
        metavar="MODEL",
        dest="models",
        help=f"compare this model's latent (default: {', '.join(COMPARED)}); may repeat",
    ),
    MAX_ITER,
    ALPHA,
    PER_PARAMETER,
    SEED,
)
def compare(args, console) -> Report:
    """One regressor on the spectra and one on each latent; 80 % of the stars train it, the rest are what is
    counted.
    """
    from ...models.store import load_model

    models = [load_model(name) for name in args.models or COMPARED]
    result = _compared(_stars(args, models[0]), {m.name: m for m in models}, args, console)
    return Report(result, compare_text(result))


@command(
    "test", "audit and compare in one report", MODEL, STARS, PROBES, PLAIN, MAX_ITER, PER_PARAMETER, SEED
)
def test(args, console) -> Report:
    """`audit` of the model, and `compare` of the spectra and its latent."""
    from ...auditing import check_choice
    from ...models.store import load_model

    check_choice(**_chosen(args))
    model = load_model(args.model)
    stars = _stars(args, model)
    result = {
        "audit": _audited(model, stars, args, console),
        "compare": _compared(stars, {model.name: model}, args, console),
    }
    return Report(result, f"{audit_text(result['audit'])}\n\n{compare_text(result['compare'])}")


def _stars(args, model):
    from ...sources import load_stars

    return model.on_grid(load_stars(args.stars, model.wavelength_nm))


def _audited(model, stars, args, console) -> dict[str, Any]:
    from ...auditing import audit as measure

    return measure(
        model,
        stars,
        plain=_plain(args.plain, model, console),
        seed=args.seed,
        progress=console.progress,
        **_chosen(args),
    )


def _chosen(args) -> dict[str, tuple[str, ...]]:
    """What of the audit is wanted, where not all of it is."""
    return {n: tuple(v) for n in ("probes", "rows") if (v := getattr(args, n, []))}


def _plain(name: str | None, model, console):
    """The plain auto-encoder beside which removal and loss are counted, or None.

    Raises ModelError when the one asked for knows other labels; the default is then left out, and that is
    said.
    """
    from ...models.store import load_model

    if name == "none" or (name is None and model.name == COMPARED[0]):
        return None
    try:
        plain = load_model(name or COMPARED[0])
        if plain.label_names != model.label_names:
            raise ModelError(f"{plain.name}: knows other labels than {model.name}: no reference for it")
        return plain
    except ModelError as error:
        if name:
            raise
        console.say(f"without a plain reference: {error}")
        return None


def _compared(stars, models: dict, args, console) -> dict[str, Any]:
    from ...regression.compare import PAPERS_TABLE, ComparisonOptions, compare_models

    alphas = tuple(getattr(args, "alphas", ())) or PAPERS_TABLE.alphas
    options = ComparisonOptions(alphas, args.per_parameter, args.max_iter, args.seed)
    bounds = _bounds(stars, models, args.seed, console)
    return compare_models(stars, models, options, bounds=bounds, progress=console.progress)


def _bounds(stars, models: dict, split_seed: int, console):
    """(N, P) the smallest attainable errors of simulated stars with the simulator's labels, NaN where they
    train; else None.
    """
    import numpy as np

    from ...data.splits import split
    from ...parameters import LABELS
    from ...simulator import is_simulated

    if not is_simulated(stars) or any(m.label_names != LABELS for m in models.values()):
        return None
    from ...auditing.bounds import star_bounds

    test = split(stars.ids, seed=split_seed)[1]
    sigma = np.full((len(stars), len(LABELS)), np.nan)
    sigma[test] = star_bounds(stars[test], console.progress).sigma
    return sigma


# --- for people ---


def audit_text(result: dict[str, Any]) -> str:
    """The tables of removed and kept parameters and of the counterfactuals; each only where there is
    something in it.
    """
    parts = [
        _rows(result, "removed", ("r2", "floor", "excess", "removal_fraction")),
        _rows(result, "kept", ("r2", "loss")),
        _rows(result, "counterfactual", ("relative_error",)),
        _sentences(result.get("verdict")),
    ]
    return "\n\n".join(filter(None, parts)) or "nothing was removed or kept, and no label can be modified"


def _sentences(verdict: Any) -> str:
    """A verdict in words, one line each."""
    return "\n".join(map(str, verdict)) if isinstance(verdict, (list, tuple)) else str(verdict or "")


def _rows(result: dict[str, Any], part: str, columns: tuple[str, ...]) -> str:
    """A table of one part of a report, a row for each parameter."""
    known = {n: row for n, row in (result.get(part) or {}).items() if isinstance(row, dict)}
    header = [part, *(c.replace("_", " ") for c in columns)]
    return (
        table(header, [[heading(n), *(_number(row.get(c)) for c in columns)] for n, row in known.items()])
        if known
        else ""
    )


def compare_text(result: dict[str, Any]) -> str:
    """A row for each representation and parameter."""
    columns = ("mean", "mean_absolute", "std", "rmse_over_bound")
    rows = [
        [f"{name}: {heading(label)}", *(_number(values.get(c)) for c in columns)]
        for name, labels in result["representations"].items()
        for label, values in labels.items()
    ]
    return table(["predicted − true", *(c.replace("_", " ") for c in columns)], rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
