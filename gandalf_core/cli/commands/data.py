"""Commands that make or check stars: simulate, config, ingest."""

import time
from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING

from ...parameters import LABELS, MAX_STARS
from ..arguments import OUT, SEED, STARS, positive
from ..choices import CONFIG_ARGUMENTS, config_from
from ..console import Console
from ..label_csv import read_labels
from ..registry import Report, UsageError, arg, command

if TYPE_CHECKING:
    from ...data.spectra import SpectraSet

SIMULATED_PIXELS = 800
PIXEL_HELP = "pixels over 846-870 nm: 800 of 0.03 nm or 2401 of 0.01 nm"


@command(
    "simulate",
    "simulated stars with known labels",
    arg("--stars", type=positive, metavar="N", help="number of stars (default: the rows of --labels)"),
    SEED,
    arg(
        "--labels",
        metavar="FILE.csv",
        help="labels to use: a header of label names, one row per star; Teff in K, the others in dex "
        "(default: drawn from the sample)",
    ),
    arg(
        "--snr",
        nargs=2,
        type=float,
        metavar=("LO", "HI"),
        help="range of the S/N per pixel (default: that of the sample)",
    ),
    arg("--clean", action="store_true", help="leave out noise and nuisances"),
    arg("--pixels", type=int, choices=(800, 2401), help=f"{PIXEL_HELP} (default: {SIMULATED_PIXELS})"),
    OUT,
)
def simulate(args: Namespace, console: Console) -> Report:
    """Simulate stars and write them in the format of OUT's suffix.

    Labels, noise and nuisances of star k depend on the seed and k alone. Stars whose labels lie outside the
    emulator's region get NaN flux and are listed under `rejected`.
    """
    from ...io import STAR_SUFFIXES, check_output, write_stars
    from ...simulator import simulate as simulated

    check_output(args.out, STAR_SUFFIXES, [args.labels] if args.labels else [])
    if args.snr and not 0 < args.snr[0] <= args.snr[1]:
        raise UsageError(f"--snr {args.snr[0]:g} {args.snr[1]:g}: give the lower bound first, both above 0")
    labels, names = read_labels(args.labels, console) if args.labels else (None, LABELS)
    n = args.stars or (0 if labels is None else len(labels))
    if n > MAX_STARS:
        raise UsageError(f"{n:,} stars are too many at once: at most {MAX_STARS:,}")
    if not n or (labels is not None and len(labels) != n):
        raise UsageError("give --stars N, or --labels with one row per star")
    started = time.perf_counter()
    stars = simulated(
        n,
        args.seed,
        labels=labels,
        label_names=names,
        snr=tuple(args.snr) if args.snr else None,
        clean=args.clean,
        pixels=args.pixels or SIMULATED_PIXELS,
    )
    write_stars(args.out, stars)
    seconds = time.perf_counter() - started
    rejected = {str(stars.ids[row]): _cause(stars[row]) for row in range(n) if stars.mask[row].all()}
    result = {"stars": n, "pixels": stars.flux.shape[1], "seconds": seconds, "rejected": rejected}
    return Report(result | {"file": args.out})


def _cause(star: "SpectraSet") -> str:
    """Why a star could not be simulated."""
    missing = [n for n in LABELS if star.label(n)[0] != star.label(n)[0]]
    if missing:
        return f"no value of {', '.join(missing)}"
    values = ", ".join(f"{n} {v:g}" for n, v in zip(star.label_names, star.labels[0], strict=True))
    return f"outside the emulator's region: {values}"


@command("config", "print a preset as JSON, to edit and pass to `train --config`", *CONFIG_ARGUMENTS)
def config(args: Namespace, console: Console) -> Report:
    """Print the configuration of a preset, or of a file, with the changes of the other options."""
    from ...config.schema import to_json

    configuration = config_from(args)
    return Report(asdict(configuration), to_json(configuration))


@command(
    "ingest",
    "read, check and convert spectra, with a report",
    STARS,
    arg("--pixels", type=int, choices=(800, 2401), help=f"{PIXEL_HELP} (default: the grid of the files)"),
    OUT,
)
def ingest(args: Namespace, console: Console) -> Report:
    """Read every file, refuse what cannot be used (and say why), and write the rest as OUT."""
    from ...io import STAR_SUFFIXES, check_output, write_stars
    from ...io.read import without_repeats
    from ...simulator.grids import wavelengths
    from ...sources import gather

    check_output(args.out, STAR_SUFFIXES, args.stars)
    stars, intake = gather(args.stars, wavelengths(args.pixels) if args.pixels else None)
    stars = without_repeats(stars, intake.rejected)
    console.taken_in(intake)
    write_stars(args.out, stars)
    result = {
        "stars": len(stars),
        "pixels": stars.flux.shape[1],
        "masked_fraction": float(stars.mask.mean()),
        "wavelength_nm": [float(stars.wavelength_nm[0]), float(stars.wavelength_nm[-1])],
        "labels": {n: int((stars.label(n) == stars.label(n)).sum()) for n in stars.label_names},
    }
    return Report(result | intake.result() | {"file": args.out})
