"""The tables of `audit` and `compare` as columns of numbers, and as a file: --out."""

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from .registry import arg

TABLE = arg(
    "--out",
    metavar="FILE",
    help="also write the table as FILE, of the kind that its suffix says: .csv .ecsv .tex .vot .fits "
    ".parquet (default: it is only printed)",
)
AUDITED = ("r2", "floor", "partial", "p", "detectable", "upper", "bits", "loss")
COMPARED = ("mean", "mean_absolute", "std", "rmse_over_bound", "stars")


def check_table(args: Namespace) -> None:
    """Before the work: SpectraError for a file that cannot be written, or one of the inputs."""
    from ..io import RESULT_SUFFIXES, check_output

    if args.out:
        check_output(args.out, RESULT_SUFFIXES, args.stars or ())


def write_rows(args: Namespace, rows: list[dict[str, Any]], origin: dict[str, str]) -> None:
    """Write the rows as --out says, if it does."""
    from ..publishing.tables import write_results

    if args.out:
        write_results(args.out, columns_of(rows), origin)


def columns_of(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows of the same keys as columns; a number that is not there is NaN."""
    return {key: [float("nan") if row[key] is None else row[key] for row in rows] for key in rows[0]}


def audit_rows(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per parameter of an audit: what became of it, what is read of it, and its slider's error."""
    sliders = report.get("counterfactual") or {}
    return [
        {
            "parameter": name,
            "part": part,
            **{key: entry.get(key) for key in AUDITED},
            "slider_relative_error": (sliders.get(name) or {}).get("relative_error"),
        }
        for part in ("removed", "kept", "untouched")
        for name, entry in (report.get(part) or {}).items()
    ]


def comparison_rows(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per representation and parameter of a comparison: predicted − true, in the parameter's unit."""
    return [
        {"representation": name, "parameter": label, **{key: values.get(key) for key in COMPARED}}
        for name, labels in report["representations"].items()
        for label, values in labels.items()
    ]
