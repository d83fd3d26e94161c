"""The command `predict`, and how it tells its output file from its input files."""

import os
from argparse import Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..arguments import KEEP_SPIKES, MODEL, NOISE_KEY, SHIFT, STARS, positive, seed
from ..calibrating import CALIBRATION, asked_calibration, said, under
from ..console import Console
from ..keys import about, exporting
from ..prediction_files import SUFFIXES, predictions_table, rows, samples_file, write_predictions
from ..registry import Report, UsageError, arg, command
from ..streams import intake_for

if TYPE_CHECKING:
    import numpy as np

    from ...data.spectra import SpectraSet
    from ...models.predictions import Predictions

HEAD_BYTES = 65536  # of a file: the names of its columns are there
LIMIT_NOTE = "where `outside` is true, errors are lower limits"
INDEPENDENT_NOTE = "this model does not know how its errors correlate: each parameter is drawn by itself"


@command(
    "predict",
    "parameters of stars, with uncertainty and fit quality",
    MODEL,
    STARS,
    KEEP_SPIKES,
    SHIFT,
    arg(
        "--out",
        metavar="OUT",
        help=f"the file to write: {', '.join(SUFFIXES)} (default: a last name among STARS that is not a file "
        "of spectra; else none, and a table is printed)",
    ),
    arg(
        "--from",
        dest="source",
        choices=("latent", "spectrum"),
        default="latent",
        help="what parameters are read from; the spectrum tells those that the model has removed, too "
        "(default: latent)",
    ),
    CALIBRATION,
    arg(
        "--samples",
        type=positive,
        metavar="N",
        help="also draw N times from the joint distribution of each star's errors: into OUT where that is "
        ".json, and with --json; else into a table OUT-samples (default: none)",
    ),
    arg(
        "--correlations",
        action="store_true",
        help="a table also has a column for each pair of errors, e.g. teff_logg_corr (JSON has covariances)",
    ),
    arg(
        "--seed",
        type=seed,
        metavar="N",
        default=0,
        help="seed of the draws of --samples, not of the latent's noise, see --noise-key (default: 0)",
    ),
    NOISE_KEY,
)
def predict(args: Namespace, console: Console) -> Report:
    """`predict MODEL STARS… [OUT]`: parameters from latent or spectrum, with 1σ errors, in physical units.

    Also gives the covariance of the errors, the reduced chi² of the reconstruction, the outlier score (0 to
    1) and what kind of star it looks like. OUT is a table or JSON. Errors of stars outside the model's sample
    are lower limits. A star that cannot be used is named with its cause, and the others are done.
    """
    from ...models.cards import notes
    from ...models.rest_frame import RestFrame, preparation_notes, told_moved
    from ...models.store import load_model

    specs, out = split_output(args.stars, args.out)
    _check_samples(args, out, specs)
    model = exporting(load_model(args.model), args, console)
    intake = intake_for(args, model, decoded=True)
    pieces = intake.pieces(specs, model.wavelength_nm)
    applied = asked_calibration(args, model)
    predictions, places = _read(
        pieces, lambda s: under(applied, model.predict(s, source=args.source), s.snr, model)
    )
    if isinstance(intake.prepare, RestFrame):
        predictions = told_moved(predictions, intake.prepare.moved)
    console.taken_in(intake)
    own = [*notes(model.card), *said(applied), *preparation_notes(predictions)]
    own += _notes(predictions, bool(args.samples))
    for sentence in own:
        console.note(sentence)
    labels = list(predictions.label_names)
    told = intake.result() | {"labels": labels, "notes": [*intake.notes, *own]}
    told |= {"calibration": predictions.calibration} if applied else {}
    draws = predictions.draws(args.samples, args.seed) if args.samples else None
    if out:
        origin = {"model": model.model_id, "stars": " ".join(specs), "read_from": f"the {args.source}"}
        write_predictions(out, predictions, told, draws, args.correlations, origin, places)
        console.say(f"{len(predictions):,} stars written to {out}")
    stars = rows(predictions, draws, places) if args.json or not out else []
    text = "" if out else predictions_table(predictions)
    result = {"model": model.model_id, "stars": stars, "from": args.source, **told, "file": out}
    return Report(about(model) | result, text)


def _read(
    pieces: "Iterable[SpectraSet]", predict: "Callable[[SpectraSet], Predictions]"
) -> tuple["Predictions", dict[str, "np.ndarray"]]:
    """The predictions of all pieces, and columns of the stars' positions where their files give any."""
    from ...data.positions import joined_positions, position_columns
    from ...models.predictions import join_predictions

    found, places = [], []
    for stars in pieces:
        found.append(predict(stars))
        places.append((stars.positions, len(stars)))
    return join_predictions(found), position_columns(joined_positions(places))


def _check_samples(args: Namespace, out: str | None, specs: list[str]) -> None:
    """UsageError where the draws would go nowhere; SpectraError where their file cannot be written."""
    from ...io import check_output

    if args.samples and not out and not args.json:
        raise UsageError("--samples needs a file: give OUT, or --json")
    if args.samples and out and not out.lower().endswith(".json"):
        check_output(samples_file(out), SUFFIXES, specs)


def _notes(predictions: "Predictions", drawn: bool) -> list[str]:
    """What to know before the numbers are used."""
    import numpy as np

    told = [LIMIT_NOTE] if predictions.outside.any() else []
    return told + ([INDEPENDENT_NOTE] if drawn and np.isnan(predictions.correlations).any() else [])


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
