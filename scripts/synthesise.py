"""Compute spectra of the simulator's grid: one, many, or some again to check those that are stored.

    python scripts/synthesise.py 4900 2.4 -1 0.3 0.0 --out star.csv    # teff logg mh alphafe cn
    python scripts/synthesise.py --table points.parquet --out grid.npz
    python scripts/synthesise.py --more 1000 --seed 7 --out grid.npz   # Sobol points where photospheres are
    python scripts/synthesise.py --check                               # five points of data/, computed again

A spectrum takes about 5 s on one core. A grid that was interrupted goes on when the same command is given
again. PySME needs packages that the project does not: data/README.md says how to install it, what the
physics is, and what to cite.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray

ROOT = Path(__file__).resolve().parent.parent
GRID = ROOT / "data" / "rvs_grid.npz"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
LARGEST_DIFFERENCE = 1e-4  # of the continuum, between a stored spectrum and the same computed again


def parser() -> argparse.ArgumentParser:
    """The command line."""
    description, _, example = __doc__.partition("\n\n")
    made = argparse.ArgumentParser(
        description=description, epilog=example, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "labels", nargs="*", type=float, help="teff [K], logg, mh, alphafe and perhaps cn [dex]"
    )
    many = made.add_mutually_exclusive_group()
    many.add_argument("--table", type=Path, help="labels of many spectra, .csv or .parquet")
    many.add_argument(
        "--more", type=int, metavar="N", help="points of a Sobol sequence over the grid's range"
    )
    many.add_argument(
        "--check",
        type=Path,
        nargs="?",
        const=GRID,
        metavar="GRID",
        help="a raw grid, or a packed one (default: data/rvs_grid.npz)",
    )
    made.add_argument("--seed", type=int, default=0, help="of --more and --check (default 0)")
    made.add_argument("--points", type=int, default=5, help="points that --check computes again (default 5)")
    made.add_argument("--out", type=Path, help="one spectrum: .csv or .npz; many: .npz, a raw grid")
    made.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="in parallel (default: one a core)"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 2 for wrong use, 1 when spectra fail or differ, else 0."""
    options = checked(arguments)
    os.environ |= dict.fromkeys(THREAD_VARIABLES, "1")  # here and in the processes; before NumPy is imported
    from gandalf_core.errors import GandalfError

    try:
        if options.labels:
            return one(options)
        return check(options) if options.check is not None else many(options)
    except GandalfError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        stored = options.table or options.more
        advice = ": the same command goes on from what was stored last" if stored else ""
        print(f"interrupted{advice}", file=sys.stderr)
        return 130


def checked(arguments: list[str] | None) -> argparse.Namespace:
    """The options; ends with status 2 where they make no sense together."""
    command = parser()
    options = command.parse_args(arguments)
    others = options.table, options.more, options.check
    if bool(options.labels) == any(value is not None for value in others):
        command.error("give the labels of one spectrum, or one of --table, --more and --check")
    if options.labels and len(options.labels) not in (4, 5):
        command.error(f"{len(options.labels)} labels: give teff, logg, mh, alphafe and perhaps cn")
    if (options.table or options.more is not None) and (not options.out or options.out.suffix != ".npz"):
        command.error("name the raw grid: --out FILE.npz")
    if options.out and options.out.suffix not in (".csv", ".npz"):
        command.error(f"{options.out}: give a file .csv or .npz")
    if min(options.processes, options.points, 1 if options.more is None else options.more) < 1:
        command.error("--processes, --points and --more are at least 1")
    if options.seed < 0:
        command.error("--seed is at least 0")
    return options


# --- one spectrum ---


def one(options: argparse.Namespace) -> int:
    """A spectrum on standard output, or in a file."""
    import numpy as np

    from gandalf_core.atomic import check_place, write_text
    from gandalf_core.errors import SpectraError
    from scripts.raw_grid import RawGrid, spectra
    from scripts.rvs_spectrum import versions

    labels = (*options.labels, 0.0)[:5]
    if options.out:
        check_place(options.out)
    made_by = versions()
    (flux,) = spectra(np.array([labels]), 1)
    if isinstance(flux, str):
        raise SpectraError(flux)
    if options.out and options.out.suffix == ".npz":
        RawGrid.empty(made_by).plus([(labels, flux)]).write(options.out)
    elif options.out:
        write_text(options.out, csv_text(labels, flux, made_by))
    else:
        print(csv_text(labels, flux, made_by), end="")
    return 0


def csv_text(labels: tuple[float, ...], flux: "ndarray", made_by: dict[str, str]) -> str:
    """What it is and what made it as comments, then wavelength (vacuum) and flux over the continuum."""
    from scripts.rvs_spectrum import RAW_NM, written

    about = [written(labels), *(f"{name} {version}" for name, version in made_by.items())]
    rows = [f"{nm:.3f},{value:.5f}" for nm, value in zip(RAW_NM, flux, strict=True)]
    return "\n".join([*(f"# {line}" for line in about), "wavelength_nm,flux", *rows, ""])


# --- many spectra ---


def many(options: argparse.Namespace) -> int:
    """A raw grid of a table's points, or of a Sobol sequence's."""
    from scripts.grid_points import sobol_points, table_points
    from scripts.raw_grid import compute
    from scripts.rvs_spectrum import versions

    made_by = versions()
    points = table_points(options.table) if options.table else sobol_points(options.more, options.seed)
    grid, left_out = compute(points, options.out, made_by, options.processes)
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
    print(f"{len(grid)} spectra, {len(left_out)} points left out -> {options.out}")
    return 1 if left_out else 0


# --- the stored ones again ---


def check(options: argparse.Namespace) -> int:
    """Compute random points of a grid again and print how much they differ from what is stored."""
    from scripts.raw_grid import differences
    from scripts.rvs_spectrum import written

    worst = 0.0
    for labels, difference in differences(options.check, options.points, options.seed, options.processes):
        print(f"{difference:.1e} at {written(labels)}", flush=True)
        worst = max(worst, difference)
    verdict = "as stored" if worst <= LARGEST_DIFFERENCE else "NOT as stored"
    print(f"{verdict}: largest difference {worst:.1e} of the continuum, allowed {LARGEST_DIFFERENCE:g}")
    return 0 if worst <= LARGEST_DIFFERENCE else 1


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # so that it runs from everywhere, in an environment without the package
    sys.exit(main())
