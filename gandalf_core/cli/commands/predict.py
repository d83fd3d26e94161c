"""The command `predict`: what it reads and writes, and how it tells its output file from its input files."""

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...atomic import write_text
from ...io.plain import to_json
from ...parameters import parameter
from ..arguments import EXPORTING, KEEP_SPIKES, MODEL, STARS
from ..console import Console, heading, table
from ..keys import about, exporting
from ..registry import Report, UsageError, arg, command
from ..streams import intake_for

if TYPE_CHECKING:
    from ...models.predictions import Predictions

SUFFIXES = (".csv", ".ecsv", ".fits", ".vot", ".xml", ".parquet", ".json")
HEAD_BYTES = 65536  # of a file: the names of its columns are there


@command(
    "predict",
    "parameters of stars, with uncertainty and fit quality",
    MODEL,
    STARS,
    KEEP_SPIKES,
    arg(
        "--out",
        metavar="OUT",
        help=f"the file to write: {', '.join(SUFFIXES)} (default: a last name among STARS that is not a file "
        "of spectra; else none, and a table is printed)",
    ),
    *EXPORTING,
)
def predict(args: Namespace, console: Console) -> Report:
    """`predict MODEL STARS… [OUT]`: read parameters from the latent, with 1σ errors, in physical units.

    Also gives the reduced chi² of the reconstruction and the outlier score (0 to 1). OUT is a table or JSON.
    A star that cannot be used is named with its cause, and the others are done.
    """
    from ...models.cards import notes
    from ...models.predictions import join_predictions
    from ...models.store import load_model

    specs, out = split_output(args.stars, args.out)
    model = exporting(load_model(args.model), args, console)
    intake = intake_for(args, model, decoded=True)
    pieces = intake.pieces(specs, model.wavelength_nm)
    predictions = join_predictions([model.predict(stars) for stars in pieces])
    console.taken_in(intake)
    for sentence in notes(model.card):
        console.note(sentence)
    told = intake.result() | {"notes": [*intake.notes, *notes(model.card)]}
    if out:
        write_predictions(out, predictions, told)
        console.say(f"{len(predictions):,} stars written to {out}")
    rows = predictions.rows() if args.json or not out else []
    text = "" if out else predictions_table(predictions)
    result = {"model": model.model_id, "stars": rows, **told, "file": out}
    return Report(about(model) | result, text)


# --- the output file ---


def split_output(names: list[str], out: str | None) -> tuple[list[str], str | None]:
    """(STARS, OUT) of `STARS… [OUT]`, where `out` is the value of --out.

    The last of several names is OUT when no such file exists, or when `predict` wrote it. Raises
    SpectraError, before any work, for an OUT that cannot be written.
    """
    from ...io import check_output

    if out is None and len(names) > 1 and _is_output(names[-1]):
        names, out = names[:-1], names[-1]
    if out is not None:
        check_output(out, SUFFIXES, names)
    return names, out


def _is_output(name: str) -> bool:
    """True for a file to write. UsageError for a name that is neither a file nor one for predictions."""
    path = Path(name)
    fits_output = path.suffix.lower() in SUFFIXES
    if name.startswith("simulated:"):
        return False
    if os.path.exists(name):
        return fits_output and _holds_predictions(path)
    if not fits_output:
        raise UsageError(
            f"{name}: no such file of spectra, and predictions are written as {', '.join(SUFFIXES)}"
        )
    return True


def _holds_predictions(path: Path) -> bool:
    """True for a table that `predict` wrote: it may be replaced."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return b"outlier_score" in head and b"chi2" in head


def write_predictions(out: str, predictions: "Predictions", told: dict[str, Any]) -> None:
    """Write a table, or JSON, with one row per star; JSON also has what is `told` of the reading."""
    if out.lower().endswith(".json"):
        write_text(out, to_json({"stars": predictions.rows(), **told}))
        return
    from ...io import write_table

    write_table(out, predictions.columns())


# --- for people ---


def predictions_table(predictions: "Predictions") -> str:
    """Value ± error of each parameter, chi² and outlier score of each star."""
    header = ["id", *map(heading, predictions.label_names), "chi2", "outlier score"]
    return table(header, [_row(predictions, i) for i in range(len(predictions))])


def _row(predictions: "Predictions", i: int) -> list[str]:
    columns = zip(predictions.label_names, predictions.values[i], predictions.errors[i], strict=True)
    cells = [f"{v:.{parameter(n).decimals}f} ± {e:.{parameter(n).decimals}f}" for n, v, e in columns]
    fit = [f"{predictions.chi2[i]:.2f}", f"{predictions.outlier_score[i]:.2f}"]
    return [str(predictions.ids[i]), *cells, *fit]
