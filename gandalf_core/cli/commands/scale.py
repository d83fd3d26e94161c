"""Commands for many stars: grid (spectra), catalogue (surveys)."""

import os
from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING

from ...errors import ConfigError
from ...jobs.cluster import NONE, is_installed
from ...parameters import canonical_name
from ..arguments import (
    EXPORTING,
    KEEP_SPIKES,
    MODEL,
    OUT,
    check_scheduler,
    named_number,
    named_text,
    positive,
    scheduler,
)
from ..console import Console, left_out_lines
from ..keys import about, exporting
from ..registry import Report, UsageError, arg, command
from ..streams import intake_for

if TYPE_CHECKING:
    from ...data.spectra import SpectraSet
    from ...models.trained import TrainedModel
    from ...products.grid import Steps
    from ...products.remote import Site
    from ...products.tasks import Order
    from ...sources import Intake


@command(
    "grid",
    "a grid of generated spectra",
    MODEL,
    KEEP_SPIKES,
    arg(
        "--step",
        action="append",
        default=[],
        type=named_number,
        metavar="LABEL=STEP",
        help="step of a label over the range of the training sample, in K or dex, e.g. teff=250; may repeat",
    ),
    arg(
        "--axis",
        action="append",
        default=[],
        type=named_text,
        metavar="LABEL=VALUES",
        help="values of a label, in K or dex: 4000:7000:250 (low:high:step) or 4000,4500; may repeat",
    ),
    arg(
        "--of",
        action="append",
        default=[],
        metavar="STARS",
        help="use the latent of this star, or of the median star of several (default: the mean latent); "
        "may repeat",
    ),
    arg(
        "--compare", action="store_true", help="also measure the difference from the simulator's own spectra"
    ),
    *EXPORTING,
    OUT,
)
def grid(args: Namespace, console: Console) -> Report:
    """Decode one latent under every combination of labels; OUT is .fits or .npz.

    A label without --step or --axis has the mean value of the training sample. Nodes beyond the training
    sample are flagged `extrapolated`.
    """
    from ...io import check_output
    from ...models.store import load_model
    from ...products.grid import generate_grid
    from ...products.grid_files import SUFFIXES, write_grid
    from ...products.grid_truth import compare_with_simulator

    check_output(args.out, SUFFIXES, args.of)
    model = exporting(load_model(args.model), args, console)
    steps = {canonical_name(n): v for n, v in args.step}
    steps |= {canonical_name(n): _axis(n, text) for n, text in args.axis}
    if not steps:
        raise UsageError("give at least one --step LABEL=STEP or --axis LABEL=VALUES")
    star, intake = _star(model, args, console)
    spectra = generate_grid(model, steps, None if star is None else model.encode(star))
    spectra = compare_with_simulator(spectra, star) if args.compare else spectra
    write_grid(args.out, spectra)
    result = {
        "nodes": len(spectra),
        "axes": {n: [float(v[0]), float(v[-1]), len(v)] for n, v in spectra.axes.items()},
        "extrapolated": int(spectra.extrapolated.sum()),
        "latent": "mean" if star is None else str(star.ids[0]),
        "comparison": spectra.comparison,
        "file": args.out,
    }
    return Report(result | about(model) | intake.result())


def _axis(name: str, text: str) -> "Steps":
    """(low, high, step) or a list of values. ConfigError for anything else."""
    try:
        if text.count(":") == 2:
            low, high, step = map(float, text.split(":"))
            return low, high, step
        return [float(v) for v in text.split(",")]
    except ValueError:
        raise ConfigError(f"{name}={text}: give low:high:step, or values as 1,2,3") from None


def _star(model: "TrainedModel", args: Namespace, console: Console) -> "tuple[SpectraSet | None, Intake]":
    """The only star of --of, or the one nearest to the middle of their latents; None without --of."""
    from ...products.grid import median_star
    from ...sources import gather

    intake = intake_for(args, model, decoded=False)
    if not args.of:
        return None, intake
    stars, intake = gather(args.of, model.wavelength_nm, intake)
    console.taken_in(intake)
    row = 0 if len(stars) == 1 else median_star(model.encode(stars))
    return stars[[row]], intake


@command(
    "catalogue",
    "encode, predict or decode Parquet files of any size",
    arg("task", choices=("encode", "predict", "decode"), help="what to do with every star"),
    MODEL,
    arg("source", metavar="SOURCE", help="a Parquet file with one row per star, or a folder of them"),
    arg(
        "--set",
        action="append",
        default=[],
        type=named_number,
        metavar="LABEL=VALUE",
        help="decode only: give every star this value, in K or dex (default: its own); may repeat",
    ),
    arg(
        "--correlations",
        action="store_true",
        help="predict only: also a column for the correlation of each pair of errors, e.g. teff_logg_corr",
    ),
    arg(
        "--no-verdicts",
        action="store_true",
        help="predict only: leave outlier score, verdict and velocity empty, which is ten times as fast",
    ),
    arg("--chunk", type=positive, metavar="N", default=8192, help="stars at once (default: 8192)"),
    KEEP_SPIKES,
    scheduler("local where Dask is installed and there is enough to do, else none"),
    arg(
        "--workers",
        type=positive,
        metavar="N",
        help="processes of a local cluster (default: one for each core)",
    ),
    *EXPORTING,
    OUT,
)
def catalogue(args: Namespace, console: Console) -> Report:
    """Work through SOURCE in pieces, so that memory does not grow with it.

    A folder is worked through file by file into the folder OUT, on a Dask cluster where there is one (see
    --scheduler); the same command continues with the files that are missing, or that have changed since.
    Stars, rows and files that cannot be used are counted, named and left out; they never stop the others.
    """
    from ...models.store import load_model
    from ...products.catalogue import run_catalogue
    from ...products.tasks import Order

    _check_catalogue(args)
    model = exporting(load_model(args.model), args, console)
    changes = {canonical_name(name): value for name, value in args.set}
    site = _site(model, Order(args.task, changes, args.correlations, not args.no_verdicts), args, console)
    summary = run_catalogue(
        site.task,
        args.source,
        args.out,
        chunk=args.chunk,
        keep_spikes=args.keep_spikes,
        progress=console.progress,
        hire=None if args.scheduler == NONE or not is_installed() else site.hired,
    )
    if args.scheduler not in (None, NONE) and os.path.isfile(args.source):
        console.note(f"{args.source}: one file is one partition, and was worked through in this process")
    for sentence in summary.notes:
        console.note(sentence)
    for line in left_out_lines(summary.rejected):
        console.say(line)
    rate = summary.stars / summary.seconds if summary.seconds else None
    result = asdict(summary) | {"spectra_per_second": rate, "file": args.out} | about(model)
    return Report(result)


def _check_catalogue(args: Namespace) -> None:
    """UsageError for options that do not go together, or need what is not installed."""
    if args.set and args.task != "decode":
        raise UsageError(f"--set belongs to decode, not to {args.task}")
    if args.correlations and args.task != "predict":
        raise UsageError(f"--correlations belongs to predict, not to {args.task}")
    if args.no_verdicts and args.task != "predict":
        raise UsageError(f"--no-verdicts belongs to predict, not to {args.task}")
    check_scheduler(args)


def _site(model: "TrainedModel", order: "Order", args: Namespace, console: Console) -> "Site":
    """Where a catalogue is worked through: a cluster, or this process where the work is small."""
    from ...models.packing import packed
    from ...products.remote import JUDGED_WORTH_A_CLUSTER, WORTH_A_CLUSTER, Shipment, Site

    task, key = order.task(model), model.noise_key

    def shipment() -> Shipment:
        secret = None if key is None else key.secret
        return Shipment(packed(args.model), "", secret, order, task.about)

    workers = args.workers or os.cpu_count() or 1
    judged = order.kind == "predict" and order.verdicts
    worth = JUDGED_WORTH_A_CLUSTER if judged else WORTH_A_CLUSTER
    return Site(task, shipment, args.scheduler or "", workers, console.say, worth)
