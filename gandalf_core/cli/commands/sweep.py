"""The command `sweep`: a search of configurations."""

from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ...jobs.cluster import NONE
from ..arguments import DEVICE, KEEP_SPIKES, STARS, check_scheduler, named_text, positive, scheduler
from ..choices import CONFIG_ARGUMENTS, config_from
from ..console import Console, table
from ..registry import Report, arg, command

if TYPE_CHECKING:
    import pandas as pd

    from ...sources import Intake

MAX_ROWS = 10  # of a sweep's table for people


@command(
    "sweep",
    "search configurations, on a grid or by TPE",
    STARS,
    *CONFIG_ARGUMENTS,
    KEEP_SPIKES,
    DEVICE,
    arg(
        "--space",
        action="append",
        default=[],
        type=named_text,
        metavar="FIELD=VALUES",
        required=True,
        help="values of a field (model.noise=0.2,0.4) or a range (0.1:0.8 or 1e-4:1e-2:log); the field "
        "lambda_scale multiplies every λ; may repeat",
    ),
    arg(
        "--sampler",
        choices=("grid", "tpe"),
        help="how trials are chosen (default: grid where every field lists its values, else tpe)",
    ),
    arg(
        "--trials",
        type=positive,
        metavar="N",
        default=20,
        help="number of trials of tpe (default: 20); a larger number continues a sweep",
    ),
    arg(
        "--score",
        choices=("balance", "excess", "audit", "reconstruction"),
        default="balance",
        help="what to minimise: leakage and loss of labels as read by two quick probes (excess) or by all "
        "probes (audit), the reconstruction error, or excess and the lost share of the flux (balance) "
        "(default: balance)",
    ),
    arg(
        "--seeds",
        type=positive,
        metavar="N",
        default=1,
        help="trainings of each configuration, from --seed on, whose mean counts (default: 1)",
    ),
    arg("--workers", type=positive, metavar="N", default=1, help="number of processes (default: 1)"),
    scheduler("none"),
    arg(
        "--out",
        required=True,
        metavar="DIR",
        help="the folder of the sweep; the same command continues a sweep that was stopped",
    ),
)
def sweep(args: Namespace, console: Console) -> Report:
    """Train and score many configurations on the training split; test stars take no part.

    --seed is that of the trainings and of TPE. The study is an Optuna study in DIR/study.db.
    """
    from ...sweeps.remote_trials import run_on_cluster
    from ...sweeps.space import Sweep, parse_axis
    from ...sweeps.study import best_config, curves, results, run_sweep

    check_scheduler(args)
    axes = tuple(parse_axis(path, text) for path, text in args.space)
    plan = Sweep(
        config=config_from(args),
        axes=axes,
        stars=tuple(args.stars),
        score=args.score,
        sampler=args.sampler or ("grid" if all(a.choices for a in axes) else "tpe"),
        trials=args.trials,
        seed=args.seed or 0,
        device=args.device,
        seeds=args.seeds,
        keep_spikes=args.keep_spikes,
    )
    intake = _taken_in(args.stars, args.keep_spikes, console)
    console.say(f"{plan.count} trials in {args.out}")
    if args.scheduler in (None, NONE):
        run_sweep(args.out, plan, workers=args.workers, progress=console.progress)
    else:
        settings = {"workers": args.workers, "progress": console.progress, "say": console.say}
        run_on_cluster(args.out, plan, args.scheduler, **settings)
    frame = results(args.out)
    finished = frame[frame["state"] == "complete"]
    best = asdict(best_config(args.out)) if len(finished) else None
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    result = {"trials": rows, "best": best, "curves": curves(args.out), "folder": args.out}
    return Report(result | intake.result(), _sweep_table(frame, [a.path for a in axes]))


def _taken_in(specs: list[str], keep_spikes: bool, console: Console) -> "Intake":
    """Say how the files of a sweep are read, before the first trial; simulated stars need no word."""
    from ...sources import SIMULATED, Intake, gather

    if all(spec.startswith(SIMULATED) for spec in specs):
        return Intake()
    _, intake = gather(specs, intake=Intake(keep_spikes))
    console.taken_in(intake)
    return intake


def _sweep_table(frame: "pd.DataFrame", paths: list[str]) -> str:
    from ...sweeps.space import SPREAD

    columns = ["trial", "state", "score", *(c for c in [f"{SPREAD}score"] if c in frame), *paths]
    rows = [[_cell(row[c]) for c in columns] for _, row in frame.head(MAX_ROWS).iterrows()]
    more = f"\n… and {len(frame) - MAX_ROWS} more" if len(frame) > MAX_ROWS else ""
    return table(columns, rows) + more


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
