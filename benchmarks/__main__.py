"""All figures of docs/performance.md, each a ratio within one run; at most twenty minutes."""

import argparse
import json
import os
import platform
import sys
import time
from importlib import import_module

from gandalf_core.cli.terminal import prepare_streams

BENCHMARKS = {  # name -> (module, function); a module is imported when it is needed
    "matmul": ("training", "matmul"),
    "help": ("startup", "help_text"),
    "app": ("startup", "app"),
    "training-paper-256": ("training", "paper_256"),
    "training-paper-50": ("training", "paper_50"),
    "training-bottleneck-256": ("training", "bottleneck_256"),
    "training-three-seeds": ("training", "three_seeds"),
    "training-eight-trials": ("training", "eight_trials"),
    "scaling": ("training", "scaling"),
    "encode": ("encoding", "million"),
    "verdicts": ("encoding", "verdicts"),
    "audit": ("auditing", "row_of_z"),
    "regressors": ("learning", "regressors"),
    "tsne": ("learning", "tsne"),
}


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=BENCHMARKS,
        metavar="NAME",
        help=f"measure one of {', '.join(BENCHMARKS)}; may be repeated",
    )
    parser.add_argument(
        "--quick", action="store_true", help="use small samples: shows that everything works, not for quoting"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    prepare_streams()
    args = parser.parse_args()
    started, rows = time.perf_counter(), []
    for name in args.only or BENCHMARKS:
        module, function = BENCHMARKS[name]
        print(f"{time.perf_counter() - started:5.0f} s  {name}", file=sys.stderr, flush=True)
        rows += getattr(import_module(f".{module}", __package__), function)(args.quick)
    seconds = time.perf_counter() - started
    if args.json:
        print(
            json.dumps(
                {
                    "machine": machine(),
                    "quick": args.quick,
                    "seconds": seconds,
                    "rows": [r.as_dict() for r in rows],
                }
            )
        )
    else:
        print(report(rows, seconds, args.quick))
    return 0


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


def report(rows: list, seconds: float, quick: bool) -> str:
    """The Markdown table of docs/performance.md."""
    from benchmarks.rows import HEADER

    about = ", ".join(f"{k} {v}" for k, v in machine().items())
    lines = [HEADER, ["---"] * len(HEADER), *(r.cells() for r in rows)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    warning = ", quick: small samples, not for quoting" if quick else ""
    return f"{about}\n{seconds:.0f} s in all{warning}\n\n{table}"


if __name__ == "__main__":
    sys.exit(main())
