"""What `predict` writes: a table or JSON with one row per star, and the draws of --samples beside it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..atomic import write_text
from ..io.plain import to_json
from ..parameters import parameter
from .console import MAX_NAMED, heading, table

if TYPE_CHECKING:
    import numpy as np

    from ..models.predictions import Predictions

    Draws = np.ndarray | None  # (N, S, P) of N stars, S draws and P labels

SUFFIXES = (".csv", ".ecsv", ".fits", ".vot", ".xml", ".parquet", ".tex", ".json")


def samples_file(out: str) -> str:
    """The file of draws beside a table: `stars.csv` → `stars-samples.csv`."""
    path = Path(out)
    return str(path.with_name(f"{path.stem}-samples{path.suffix}"))


def write_predictions(
    out: str,
    predictions: "Predictions",
    told: dict[str, Any],
    draws: "Draws",
    correlations: bool,
    origin: dict[str, str] | None = None,
    places: "Mapping[str, np.ndarray]" = MappingProxyType({}),
) -> None:
    """Write a table, or JSON, with one row per star; JSON also has what is `told` of the reading.

    draws: into the rows of JSON, else into a table of their own.  correlations: their columns in a table.
    origin: what a table says of its model and stars.  places: columns of the stars' positions.
    """
    if out.lower().endswith(".json"):
        write_text(out, to_json({"stars": rows(predictions, draws, places), **told}))
        return
    from ..publishing.tables import about, write_results

    origin = about(**(origin or {}))
    write_results(out, {**predictions.columns(correlations=correlations), **places}, origin)
    if draws is not None:
        write_results(samples_file(out), sample_columns(predictions, draws), origin, digits=None)


def rows(
    predictions: "Predictions", draws: "Draws", places: "Mapping[str, np.ndarray]" = MappingProxyType({})
) -> list[dict[str, Any]]:
    """One dictionary per star, with its `samples` (label → values) where there are draws, and its place."""
    stars = predictions.rows()
    for name, column in places.items():
        for row, value in zip(stars, column.tolist(), strict=True):
            row[name] = value
    if draws is not None:
        for row, own in zip(stars, draws, strict=True):
            row["samples"] = dict(zip(predictions.label_names, own.T.tolist(), strict=True))
    return stars


def sample_columns(predictions: "Predictions", draws: "np.ndarray") -> dict[str, "np.ndarray"]:
    """A table with one row per draw: the star's id, the number of the draw, the labels."""
    import numpy as np

    stars, count, _ = draws.shape
    columns = {"id": np.repeat(predictions.ids, count), "sample": np.tile(np.arange(count), stars)}
    return columns | {name: draws[:, :, p].ravel() for p, name in enumerate(predictions.label_names)}


# --- for people ---


def predictions_table(predictions: "Predictions") -> str:
    """Value ± error of each parameter, chi², outlier score and verdict; then why stars are outside."""
    import numpy as np

    header = ["id", *map(heading, predictions.label_names), "chi2", "outlier score", "verdict"]
    lines = [table(header, [_row(predictions, i) for i in range(len(predictions))])]
    outside = np.flatnonzero(predictions.outside)
    lines += [f"{predictions.ids[i]}: {predictions.reason[i]}" for i in outside[:MAX_NAMED]]
    if len(outside) > MAX_NAMED:
        lines.append(f"{len(outside) - MAX_NAMED:,} more are outside the sample (--json gives the reasons)")
    return "\n".join(lines)


def _row(predictions: "Predictions", i: int) -> list[str]:
    from ..models.predictions import AT_LEAST
    from ..models.reasons import chi2_text, score_text

    sign = f"± {AT_LEAST} " if predictions.outside[i] else "± "
    columns = zip(predictions.label_names, predictions.values[i], predictions.errors[i], strict=True)
    cells = [f"{v:.{parameter(n).decimals}f} {sign}{e:.{parameter(n).decimals}f}" for n, v, e in columns]
    fit = [
        chi2_text(float(predictions.chi2[i])),
        score_text(predictions.outlier_score[i]),
        str(predictions.verdict[i]),
    ]
    return [str(predictions.ids[i]), *cells, *fit]
