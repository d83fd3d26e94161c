"""Commands of many: sweep (configurations), grid (generated spectra), fetch (the archives), catalogue
(surveys).
"""

from dataclasses import asdict

from ...errors import ConfigError
from ...parameters import canonical_name
from ..choices import CONFIG_ARGUMENTS, chosen_config
from ..console import facts, table
from ..registry import (
    DEVICE,
    MODEL,
    NOISE_SEED,
    OUT,
    SEED,
    STARS,
    Report,
    UsageError,
    arg,
    command,
    number_pair,
    pair,
    positive,
)

SHOWN = 10  # rows of a sweep's table for people


@command(
    "sweep",
    "search configurations, on a grid or by TPE",
    STARS,
    *CONFIG_ARGUMENTS,
    DEVICE,
    arg(
        "--space",
        action="append",
        default=[],
        type=pair,
        metavar="FIELD=VALUES",
        required=True,
        help="values of a field (model.noise=0.2,0.4) or a range (0.1:0.8, 1e-4:1e-2:log); lambda_scale multiplies every λ; "
        "may repeat",
    ),
    arg(
        "--sampler",
        choices=("grid", "tpe"),
        help="default: grid where every field lists its values, else tpe",
    ),
    arg(
        "--trials", type=positive, default=20, help="of tpe (default: 20); a larger number continues a sweep"
    ),
    arg(
        "--score",
        choices=("reconstruction", "excess", "audit"),
        default="excess",
        help="what is made small: reconstruction error; leakage and loss by quick probes (default), or by all of the audit's",
    ),
    arg("--workers", type=positive, default=1, help="processes (default: 1)"),
    arg(
        "--out",
        required=True,
        metavar="DIR",
        help="the sweep's folder; the same command goes on with what is there",
    ),
)
def sweep(args, console) -> Report:
    """Train and score many configurations on the training split; test stars take no part.

    --seed is that of the trainings and of TPE. The study is an Optuna study in DIR/study.db.
    """
    from ...sweeps.space import Sweep, parse_axis
    from ...sweeps.study import best_config, curves, results, run_sweep

    axes = tuple(parse_axis(path, text) for path, text in args.space)
    sampler = args.sampler or ("grid" if all(a.choices for a in axes) else "tpe")
    wanted = Sweep(
        chosen_config(args),
        axes,
        tuple(args.stars),
        args.score,
        sampler,
        args.trials,
        args.seed or 0,
        args.device,
    )
    console.say(f"{wanted.count} trials in {args.out}")
    run_sweep(args.out, wanted, workers=args.workers, progress=console.progress)
    frame = results(args.out)
    done = frame[frame["state"] == "complete"]
    best = asdict(best_config(args.out)) if len(done) else None
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    result = {"trials": rows, "best": best, "curves": curves(args.out), "folder": args.out}
    return Report(result, _sweep_table(frame, [a.path for a in axes]))


def _sweep_table(frame, paths: list[str]) -> str:
    rows = [
        [_cell(row[c]) for c in ("trial", "state", "score", *paths)]
        for _, row in frame.head(SHOWN).iterrows()
    ]
    more = f"\n… and {len(frame) - SHOWN} more" if len(frame) > SHOWN else ""
    return table(["trial", "state", "score", *paths], rows) + more


def _cell(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@command(
    "grid",
    "a grid of generated spectra",
    MODEL,
    arg(
        "--step",
        action="append",
        default=[],
        type=number_pair,
        metavar="LABEL=STEP",
        help="steps of a label over the training sample's range, e.g. teff=250; may repeat",
    ),
    arg(
        "--axis",
        action="append",
        default=[],
        type=pair,
        metavar="LABEL=VALUES",
        help="values of a label, 4000:7000:250 (low:high:step) or 4000,4500; may repeat",
    ),
    arg(
        "--of",
        action="append",
        default=[],
        metavar="STARS",
        help="use these stars' latent: that of the star, or of the median star; default: the mean latent; may repeat",
    ),
    arg("--compare", action="store_true", help="measure the difference from the simulator's own spectra"),
    NOISE_SEED,
    OUT,
)
def grid(args, console) -> Report:
    """Decode one latent under every combination of labels; OUT is .fits or .npz. A label that is not named
    stands at the training sample's mean. Nodes beyond the training sample are flagged `extrapolated`."""
    from ...io import check_output
    from ...models.store import load_model
    from ...products.grid import SUFFIXES, compared, generate_grid, write_grid

    check_output(args.out, SUFFIXES, args.of)
    model = load_model(args.model)
    steps = {canonical_name(n): v for n, v in args.step} | {
        canonical_name(n): _axis(n, text) for n, text in args.axis
    }
    if not steps:
        raise UsageError("give at least one --step LABEL=STEP or --axis LABEL=VALUES")
    star = _star(model, args.of, args.seed) if args.of else None
    made = generate_grid(model, steps, "mean" if star is None else model.encode(star, seed=args.seed))
    made = compared(made, star) if args.compare else made
    write_grid(args.out, made)
    result = {
        "nodes": len(made),
        "axes": {n: [float(v[0]), float(v[-1]), len(v)] for n, v in made.axes.items()},
        "extrapolated": int(made.extrapolated.sum()),
        "latent": "mean" if star is None else str(star.ids[0]),
        "comparison": made.comparison,
        "model_id": model.model_id,
        "file": args.out,
    }
    return Report(result, facts(result))


def _axis(name: str, text: str):
    """(low, high, step) or a list of values. ConfigError for anything else."""
    try:
        if text.count(":") == 2:
            return tuple(float(v) for v in text.split(":"))
        return [float(v) for v in text.split(",")]
    except ValueError:
        raise ConfigError(f"{name}={text}: give low:high:step, or values as 1,2,3") from None


def _star(model, specs: list[str], noise_seed: int | None):
    """The one star given, or of several the one in the middle of their latents."""
    from ...products.grid import median_star
    from ...sources import load_stars

    stars = model.on_grid(load_stars(specs, model.wavelength_nm))
    return stars[:1] if len(stars) == 1 else stars[[median_star(model.encode(stars, seed=noise_seed))]]


@command(
    "fetch",
    "the reference sample from the Gaia archive and VizieR",
    arg(
        "--keep",
        required=True,
        metavar="DIR",
        help="folder for what has arrived: the same command goes on from it",
    ),
    arg("--most", type=positive, help="at most so many stars, chosen by --seed (default: all)"),
    arg(
        "--chunk", type=positive, default=2000, help="spectra asked for at once, at most 5000 (default: 2000)"
    ),
    arg("--tries", type=positive, default=3, help="of every call (default: 3)"),
    SEED,
    OUT,
)
def fetch(args, console) -> Report:
    """Gaia DR3 RVS spectra with the labels of APOGEE DR17 and GALAH DR3 under the paper's cuts, as Parquet."""
    from ...archive.gaia import fetch_sample
    from ...io import check_output

    check_output(args.out, (".parquet",))
    settings = {
        "most": args.most,
        "chunk": args.chunk,
        "tries": args.tries,
        "seed": args.seed,
        "progress": console.progress,
    }
    found = fetch_sample(args.keep, args.out, **settings)
    counts = {k: len(v) if k in ("missing", "refused") else v for k, v in found.items()}
    return Report(found, facts(counts))


@command(
    "catalogue",
    "encode, predict or decode Parquet files of any size",
    arg("task", choices=("encode", "predict", "decode"), help="what is done to every star"),
    MODEL,
    arg("source", metavar="SOURCE", help="a Parquet file with one row a star, or a folder of them"),
    arg(
        "--set",
        action="append",
        default=[],
        type=number_pair,
        metavar="LABEL=VALUE",
        help="of decode: give every star this value; may repeat",
    ),
    arg("--chunk", type=positive, default=8192, help="stars at once (default: 8192)"),
    NOISE_SEED,
    OUT,
)
def catalogue(args, console) -> Report:
    """Memory does not grow with SOURCE. A folder is worked through partition by partition into the folder
    OUT; the same command goes on with the partitions that are missing. A star off the model's grid is counted
    and left out.
    """
    from ...models.store import load_model
    from ...products.catalogue import decode_task, encode_task, predict_task, run

    if args.set and args.task != "decode":
        raise UsageError(f"--set belongs to decode, not to {args.task}")
    model = load_model(args.model)
    changes = {canonical_name(name): value for name, value in args.set}
    task = {
        "encode": lambda: encode_task(model, args.seed),
        "predict": lambda: predict_task(model, args.seed),
        "decode": lambda: decode_task(model, changes, args.seed),
    }[args.task]()
    done = run(task, args.source, args.out, chunk=args.chunk, progress=console.progress)
    rate = done.stars / done.seconds if done.seconds else None
    result = asdict(done) | {"spectra_per_second": rate, "model_id": model.model_id, "file": args.out}
    return Report(result, facts(result))
