"""The command `reproduce`: the paper from its sample to its figures, in one resumable run."""

import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import AuditError, SpectraError
from ...parameters import LABELS
from ..arguments import EPOCHS, SEED, positive
from ..console import Console
from ..registry import COMMANDS, Report, arg, command, parser_for

if TYPE_CHECKING:
    from ...models.trained import TrainedModel

PLAIN = "autoencoder"
EXERCISES = {"paper": "paper-{}-removed", "bottleneck": "{}-removed"}  # by recipe
REMOVED = ("physical", "chemical")
STARS, LABEL_TABLE, REFERENCE = "stars.parquet", "labels.csv", "reference.parquet"


@command(
    "reproduce",
    "the paper from its sample to its table and figures, in one resumable run",
    arg("--simulated", action="store_true", help="on simulated stars, labelled by two made-up surveys"),
    arg("--stars", type=positive, metavar="N", help="at most this many (default: all, or 20,000 simulated)"),
    arg(
        "--recipe",
        choices=tuple(EXERCISES),
        default="paper",
        help="how parameters are removed: as the paper does, or by a bottleneck (default: paper)",
    ),
    EPOCHS,
    arg("--map-stars", type=positive, metavar="N", help="test stars in a map (default: 6000)"),
    arg(
        "--max-iter",
        type=positive,
        metavar="N",
        default=1000,
        help="passes of Table 1's regressors at most (default: 1000)",
    ),
    arg(
        "--release", default="DR3", metavar="NAME", help="release of Gaia, as `fetch` takes it (default: DR3)"
    ),
    arg(
        "--survey",
        action="append",
        default=[],
        metavar="NAME[=PLACE]",
        help="labels, as `fetch` takes them; may repeat",
    ),
    arg("--server", metavar="URL", help="another archive, as `fetch` takes it (default: ESA's)"),
    SEED,
    arg("out", metavar="OUT", help="folder for everything; the same command continues in it"),
)
def reproduce(args: Namespace, console: Console) -> Report:
    """Fetch the reference sample, train, compare and draw: Table 1 and Figures 3-5 and 8-10 of the paper.

    Labels of several surveys are put on the scale of the largest, by the stars they have in common, and their
    errors are allowed for in the audits. OUT/report.html shows it all; OUT/models has the models.
    """
    from ...io.claim import claim

    out = Path(args.out)
    claim(out, "reproduce.json", _purpose(args))
    sample = _once(out / "sample.json", lambda: _sample(args, console, out))
    for sentence in sample["notes"]:
        console.note(sentence)
    made = _train(args, console, out)
    if made.get("stopped"):
        return Report({"stopped": True, "folder": args.out}, "stopped: the same command continues")
    names = list(made["models"])
    table = _once(out / "table.json", lambda: _compare(args, console, out, names))
    audits = {
        name: _once(out / f"audit-{name}.json", lambda n=name: _audit(args, console, out, n))
        for name in names
        if name != PLAIN
    }
    _write(out, sample, table, audits)
    result = {
        "stopped": False,
        "stars": sample["stars"],
        "surveys": sample["surveys"],
        "table": table["representations"],
        "audits": {name: audit.get("verdict", [audit.get("error")]) for name, audit in audits.items()},
        "notes": sample["notes"],
        "file": str(out / "report.html"),
    }
    return Report(result, _text(result))


def _purpose(args: Namespace) -> dict[str, Any]:
    """What OUT is for; how many passes and the like belong to it."""
    names = ("simulated", "stars", "recipe", "epochs", "map_stars", "max_iter", "release", "survey", "seed")
    return {name: getattr(args, name) for name in names}


def _once(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a step says, from its file where it has run before."""
    from ...atomic import write_text
    from ...io.plain import to_json

    if not path.is_file():
        write_text(path, to_json(make()))
    return json.loads(path.read_text(encoding="utf-8"))


def _run(console: Console, name: str, *words: object) -> dict[str, Any]:
    """The result of another command, run within this one."""
    console.say(f"--- {name}")
    found = COMMANDS[name]
    return found.run(parser_for(found).parse_intermixed_args(list(map(str, words))), console).result


# --- the sample ---


def _sample(args: Namespace, console: Console, out: Path) -> dict[str, Any]:
    """Make OUT/stars.parquet, with the labels of all surveys on one scale; what to say of it."""
    import numpy as np

    from ...io import read_stars, write_stars
    from ...io.survey_table import read_survey_table
    from ...own.labels import labels_of, with_own_labels

    notes = _simulated(args, out) if args.simulated else _fetched(args, console, out)
    stars = read_stars(out / REFERENCE, keep_spikes=True)
    own = labels_of(stars, LABELS, read_survey_table(out / LABEL_TABLE))
    complete = np.asarray(np.isfinite(own.values).all(1))
    if not complete.any():
        raise SpectraError(f"{out / LABEL_TABLE}: has the labels of none of the stars")
    write_stars(out / STARS, with_own_labels(stars, LABELS, own)[complete])
    return {"stars": int(complete.sum()), "surveys": own.surveys, "notes": [*notes, *own.notes]}


def _simulated(args: Namespace, out: Path) -> list[str]:
    from ...io import write_stars, write_table
    from ...own.mock_surveys import OFFSETS, as_surveyed
    from ...seeds import STANDARD_SEED
    from ...simulator import simulate
    from ...simulator.judging import refuse_reserved_sources

    refuse_reserved_sources([f"simulated:1:{STANDARD_SEED + args.seed}"], "train on")
    found = as_surveyed(simulate(args.stars or 20_000, STANDARD_SEED + args.seed), args.seed)
    write_stars(out / REFERENCE, found.stars)
    write_table(out / LABEL_TABLE, found.table)
    put_in = ", ".join(f"{name} {value:+g}" for name, value in OFFSETS.items())
    return [f"simulated stars, labelled by two made-up surveys that differ by {put_in}"]


def _fetched(args: Namespace, console: Console, out: Path) -> list[str]:
    import shutil

    options: list[object] = ["--keep", out / "archive", "--release", args.release, "--seed", args.seed]
    options += [word for name in args.survey for word in ("--survey", name)]
    options += ["--most", args.stars] if args.stars else []
    options += ["--server", args.server] if args.server else []
    found = _run(console, "fetch", *options, out / REFERENCE)
    shutil.copyfile(found["labels"], out / LABEL_TABLE)
    left_out = f"{len(found['rejected']):,} of {found['chosen']:,} chosen stars have no usable spectrum"
    return [*found["notes"], *([left_out] if found["rejected"] else [])]


# --- models, table, audits ---


def _names(args: Namespace) -> list[str]:
    return [PLAIN, *(EXERCISES[args.recipe].format(what) for what in REMOVED)]


def _train(args: Namespace, console: Console, out: Path) -> dict[str, Any]:
    words: list[object] = ["--stars", out / STARS, "--judge", "none", "--map", "tsne"]
    words += [word for name in _names(args) for word in ("--only", name)]
    words += ["--out", out / "models", "--work", out / "work", "--seed", args.seed]
    words += ["--epochs", args.epochs] if args.epochs else []
    words += ["--map-stars", args.map_stars] if args.map_stars else []
    return _run(console, "pretrain", *words)


def _compare(args: Namespace, console: Console, out: Path, names: list[str]) -> dict[str, Any]:
    words = [word for name in names for word in ("--model", out / "models" / name)]
    return _run(console, "compare", out / STARS, *words, "--max-iter", args.max_iter, "--seed", args.seed)


def _audit(args: Namespace, console: Console, out: Path, name: str) -> dict[str, Any]:
    """The audit of one model; with too few stars, why there is none."""
    models = out / "models"
    try:
        words = (models / name, out / STARS, "--plain", models / PLAIN, "--seed", args.seed)
        return _run(console, "audit", *words)
    except AuditError as error:
        return {"error": f"not measured: {error}"}


# --- the report ---


def _write(out: Path, sample: dict[str, Any], table: dict[str, Any], audits: dict[str, Any]) -> None:
    """OUT/report.html."""
    from ...atomic import write_text
    from ...figures.reproduction import Exercise, Reproduced, reproduction_page
    from ...io import read_stars
    from ...models.store import load_model

    def model(name: str) -> "TrainedModel":
        return load_model(out / "models" / name)

    exercises = [Exercise(name, model(name), audit) for name, audit in audits.items()]
    about = [f"{sample['stars']:,} stars.", *(f"{note[:1].upper()}{note[1:]}." for note in sample["notes"])]
    stars = read_stars(out / STARS, keep_spikes=True)
    found = Reproduced(about, sample["surveys"], stars, table, model(PLAIN), exercises)
    write_text(out / "report.html", reproduction_page(found))


def _text(result: dict[str, Any]) -> str:
    from .measure import compare_text

    said = [f"{name}: {sentence}" for name, verdict in result["audits"].items() for sentence in verdict]
    table = compare_text({"representations": result["table"]})
    return "\n".join([table, "", *said, "", f"written to {result['file']}"])
