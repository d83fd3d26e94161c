"""All figures of docs/performance.md, each a ratio within one run; at most twenty minutes."""

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandalf_core.cli.terminal import prepare_streams
from reports.markdown import MEASURED, replace_between

if TYPE_CHECKING:
    from benchmarks.rows import Row

PAGE, STORED = Path("docs/performance.md"), Path("docs/results/performance.json")

BENCHMARKS = {  # name -> (module, function); a module is imported when it is needed
    "matmul": ("training", "matmul"),
    "help": ("startup", "help_text"),
    "app": ("startup", "app"),
    "training-paper-256": ("training", "paper_256"),
    "training-paper-50": ("training", "paper_50"),
    "training-bottleneck-256": ("training", "bottleneck_256"),
    "training-three-seeds": ("training", "three_seeds"),
    "training-eight-trials": ("training", "eight_trials"),
    "steps": ("roofline", "steps"),
    "profiles": ("roofline", "profiles"),
    "growth": ("roofline", "growth"),
    "scaling": ("training", "scaling"),
    "representation": ("training", "whole"),
    "encode": ("encoding", "million"),
    "verdicts": ("encoding", "verdicts"),
    "audit": ("auditing", "row_of_z"),
    "regressors": ("learning", "regressors"),
    "tsne": ("learning", "tsne"),
}
ON_GPU = {"gpu-training": ("gpu", "training")}  # with --device cuda, instead of the others


def parsed() -> argparse.Namespace:
    """The options. Ends the program where they do not go together."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    names = f"measure one of {', '.join(BENCHMARKS)}; may be repeated"
    parser.add_argument("--only", action="append", choices=BENCHMARKS, metavar="NAME", help=names)
    quick = "use small samples: shows that everything works, not for quoting"
    parser.add_argument("--quick", action="store_true", help=quick)
    device = "cuda: the GPU against the cores, and nothing else (default: cpu)"
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help=device)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    where = f"write the figures into {PAGE} and {STORED}, too (with --only: these); on an idle machine"
    parser.add_argument("--write", action="store_true", help=where)
    args = parser.parse_args()
    if args.write and args.quick:
        parser.error("--write needs a run without --quick")
    if args.device == "cuda" and (args.only or not has_gpu()):
        cause = "it goes without --only" if args.only else "PyTorch finds no GPU on this machine"
        parser.error(f"--device cuda: {cause}")
    return args


def main() -> int:
    prepare_streams()
    args = parsed()
    chosen = ON_GPU if args.device == "cuda" else BENCHMARKS
    started, rows, about = time.perf_counter(), [], machine()
    for name in args.only or chosen:
        module, function = chosen[name]
        print(f"{time.perf_counter() - started:5.0f} s  {name}", file=sys.stderr, flush=True)
        rows += getattr(import_module(f".{module}", __package__), function)(args.quick)
    old = stored()
    before = {row.what: row.value for row in old}
    rows = [replace(row, before=before.get(row.what)) for row in rows]
    found = {"machine": about, "quick": args.quick, "seconds": time.perf_counter() - started}
    as_json = found | {"rows": [r.as_dict() for r in rows]}
    print(json.dumps(as_json) if args.json else report(rows, found))
    if args.write:
        part = old and (args.only or args.device == "cuda")
        write(merged(old, rows) if part else rows, header() if part else found)
    return 0


def write(rows: list["Row"], found: dict[str, Any]) -> None:
    """Store the figures, and put them into the page and its picture."""
    from benchmarks.drawing import draw_steps

    text = json.dumps(found | {"rows": [r.as_dict() for r in rows]}, indent=1)
    STORED.write_text(text + "\n", encoding="utf-8")
    replace_between(PAGE, MEASURED, report(rows, found) + "\n")
    draw_steps(rows)


def header() -> dict[str, Any]:
    """What is stored beside the figures: of the last whole run."""
    found = json.loads(STORED.read_text(encoding="utf-8"))
    return {name: value for name, value in found.items() if name != "rows"}


def has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def stored() -> list["Row"]:
    """The figures of the last run that was written."""
    from benchmarks.rows import Row

    if not STORED.is_file():
        return []
    rows = json.loads(STORED.read_text(encoding="utf-8"))["rows"]
    return [Row(**{name: value for name, value in row.items() if name != "verdict"}) for row in rows]


def merged(old: list["Row"], new: list["Row"]) -> list["Row"]:
    """The old figures, those that were measured again in their places, the others behind them."""
    by_name = {row.name: row for row in new}
    places = [by_name.pop(row.name, row) for row in old]
    return places + list(by_name.values())


def machine() -> dict[str, str | int]:
    """The machine that the figures are measured on."""
    import torch

    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "load": round(os.getloadavg()[0], 1),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def report(rows: list["Row"], found: dict[str, Any]) -> str:
    """The Markdown table of docs/performance.md. found: the machine, as it was before, quick, seconds."""
    from benchmarks.rows import HEADER

    about = ", ".join(f"{k} {v}" for k, v in found["machine"].items())
    lines = [HEADER, ["---"] * len(HEADER), *(r.cells() for r in rows)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    warning = ", quick: small samples, not for quoting" if found["quick"] else ""
    return f"{about}\n{found['seconds']:.0f} s in all{warning}\n\n{table}"


if __name__ == "__main__":
    sys.exit(main())
