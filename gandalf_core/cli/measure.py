"""Commands that measure: audit, compare, test."""

from typing import Any

from .console import heading, table
from .registry import MODEL, SEED, STARS, Report, arg, command, positive

COMPARED = ("autoencoder", "physical-removed", "chemical-removed")  # with the spectra: the paper's four representations
PROBES = arg("--probes", action="append", default=[], metavar="NAME", help="only this probe (default: all); may repeat")
MAX_ITER = arg("--max-iter", type=positive, default=1000, help="epochs of a regressor at most (default: 1000, the paper's)")
PER_PARAMETER = arg("--per-parameter", action="store_true", help="also fit one regressor for each parameter")


@command(
    "audit", "what of the removed parameters can still be read, and do the sliders tell the truth", MODEL, STARS, PROBES, SEED
)
def audit(args, console) -> Report:
    """Leakage of removed parameters under fresh probes, loss of kept ones, and counterfactuals where the truth is known."""
    from ..store import load_model

    model = load_model(args.model)
    result = _audited(model, _stars(args, model), args, console)
    return Report(result, audit_text(result))


@command(
    "compare", "spectra and latents as inputs of one regressor each (the paper's Table 1)", STARS,
    arg("--model", action="append", default=[], metavar="MODEL", dest="models",
        help=f"compare this model's latent (default: {', '.join(COMPARED)}); may repeat"),
    MAX_ITER, PER_PARAMETER, SEED,
)  # fmt: skip
def compare(args, console) -> Report:
    """One regressor on the spectra and one on each latent; 80 % of the stars train it, the rest are what is counted."""
    from ..store import load_model

    models = [load_model(name) for name in args.models or COMPARED]
    result = _compared(_stars(args, models[0]), {m.name: m for m in models}, args, console)
    return Report(result, compare_text(result))


@command("test", "audit and compare in one report", MODEL, STARS, PROBES, MAX_ITER, PER_PARAMETER, SEED)
def test(args, console) -> Report:
    """`audit` of the model, and `compare` of the spectra and its latent."""
    from ..store import load_model

    model = load_model(args.model)
    stars = _stars(args, model)
    result = {"audit": _audited(model, stars, args, console), "compare": _compared(stars, {model.name: model}, args, console)}
    return Report(result, f"{audit_text(result['audit'])}\n\n{compare_text(result['compare'])}")


def _stars(args, model):
    from ..sources import load_stars

    return model.on_grid(load_stars(args.stars, model.wavelength_nm))


def _audited(model, stars, args, console) -> dict[str, Any]:
    from ..audit import audit as measure

    chosen = {"probes": tuple(args.probes)} if args.probes else {}
    return measure(model, stars, seed=args.seed, progress=lambda text, done: console.progress(done, text), **chosen)


def _compared(stars, models: dict, args, console) -> dict[str, Any]:
    from ..compare import compare_models

    settings = {"seed": args.seed, "max_iter": args.max_iter, "per_parameter": args.per_parameter, "progress": console.say}
    return compare_models(stars, models, bounds=_bounds(stars, models, console), **settings)


def _bounds(stars, models: dict, console):
    """(N, P) the smallest attainable errors of simulated stars whose labels the simulator knows; else None."""
    from ..parameters import LABELS
    from ..simulate import is_simulated

    if not is_simulated(stars) or any(m.label_names != LABELS for m in models.values()):
        return None
    from ..audit.bounds import star_bounds

    return star_bounds(stars, lambda text, done: console.progress(done, text)).sigma


# --- for people ---------------------------------------------------------------------------------------------------


def audit_text(result: dict[str, Any]) -> str:
    """The tables of removed and kept parameters and of the counterfactuals; each only where there is something in it."""
    parts = [
        _rows(result, "removed", ("r2", "floor", "excess", "removal_fraction")), _rows(result, "kept", ("r2", "loss")),
        _rows(result, "counterfactual", ("relative_error",)),
    ]  # fmt: skip
    return "\n\n".join(filter(None, parts)) or "nothing was removed or kept, and no label can be modified"


def _rows(result: dict[str, Any], part: str, columns: tuple[str, ...]) -> str:
    """A table of one part of a report, a row for each parameter."""
    known = {n: row for n, row in (result.get(part) or {}).items() if isinstance(row, dict)}
    header = [part, *(c.replace("_", " ") for c in columns)]
    return table(header, [[heading(n), *(_number(row.get(c)) for c in columns)] for n, row in known.items()]) if known else ""


def compare_text(result: dict[str, Any]) -> str:
    """A row for each representation and parameter."""
    columns = ("mean", "mean_absolute", "std", "rmse_over_bound")
    rows = [
        [f"{name}: {heading(label)}", *(_number(values.get(c)) for c in columns)]
        for name, labels in result["representations"].items() for label, values in labels.items()
    ]  # fmt: skip
    return table(["predicted − true", *(c.replace("_", " ") for c in columns)], rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
