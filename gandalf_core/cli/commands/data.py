"""Commands that make or check stars: simulate, config, ingest."""

import time
from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING

from ...errors import SpectraError
from ...parameters import LABELS, MAX_STARS
from ..arguments import KEEP_SPIKES, OUT, SEED, STARS, number_from, positive
from ..choices import CONFIG_ARGUMENTS, config_from
from ..console import Console, left_out_lines
from ..registry import Report, UsageError, arg, command

if TYPE_CHECKING:
    import numpy as np

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
        metavar="FILE",
        help="labels to use: a table with named columns and one row per star, in any format that stars are "
        "read from; Teff in K, the others in dex, if it gives no units (default: drawn from the sample)",
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
    arg(
        "--instrument",
        metavar="NAME",
        help="as this instrument sees them, such as rave (instruments.json; default: Gaia's RVS)",
    ),
    arg(
        "--resolution",
        type=number_from(1),
        metavar="R",
        help="at this resolving power, 5000 to 11500 (default: 11500, or the instrument's)",
    ),
    arg(
        "--range",
        nargs=2,
        type=float,
        metavar=("LO", "HI"),
        help="only these wavelengths, in vacuum nm, within 846-870 (default: all)",
    ),
    OUT,
)
def simulate(args: Namespace, console: Console) -> Report:
    """Simulate stars and write them in the format of OUT's suffix.

    Labels, noise and nuisances of star k depend on the seed and k alone. Stars whose labels lie outside the
    emulator's region get NaN flux and are listed under `rejected`; the status is 2 when none is left.
    """
    import numpy as np

    from ...io import STAR_SUFFIXES, check_output, write_stars
    from ...simulator import simulate as simulated

    check_output(args.out, STAR_SUFFIXES, [args.labels] if args.labels else [])
    if args.snr and not 0 < args.snr[0] <= args.snr[1]:
        raise UsageError(f"--snr {args.snr[0]:g} {args.snr[1]:g}: give the lower bound first, both above 0")
    if args.instrument or args.resolution or args.range:
        return _seen_elsewhere(args)
    labels, names, notes = _labels(args.labels, console)
    started = time.perf_counter()
    stars = simulated(
        _number_of_stars(args.stars, labels),
        args.seed,
        labels=labels,
        label_names=names,
        snr=tuple(args.snr) if args.snr else None,
        clean=args.clean,
        pixels=args.pixels or SIMULATED_PIXELS,
    )
    rejected = {str(stars.ids[row]): _cause(stars[row]) for row in np.flatnonzero(stars.mask.all(1))}
    if len(rejected) == len(stars):
        raise SpectraError(f"{args.labels}: no star can be simulated: row 1: {next(iter(rejected.values()))}")
    write_stars(args.out, stars)
    seconds = time.perf_counter() - started
    for line in left_out_lines(rejected):
        console.say(line)
    result = {"stars": len(stars), "pixels": stars.flux.shape[1], "seconds": seconds, "rejected": rejected}
    return Report(result | {"notes": notes, "file": args.out})


def _seen_elsewhere(args: Namespace) -> Report:
    """Stars as another instrument sees them, whose truth cannot be made again under other labels."""
    from ...io import write_stars
    from ...simulator.elsewhere import simulate_view, view_of

    if args.labels:
        raise UsageError("--labels cannot go with --instrument, --resolution or --range")
    if args.instrument and args.pixels:
        raise UsageError("--pixels cannot go with --instrument, which has a grid of its own")
    started, snr = time.perf_counter(), tuple(args.snr) if args.snr else None
    limits = tuple(args.range) if args.range else None
    view = view_of(args.instrument, args.resolution, limits, args.pixels or SIMULATED_PIXELS)
    count = _number_of_stars(args.stars, None)
    stars = simulate_view(view, count, args.seed, snr=snr, clean=args.clean)
    write_stars(args.out, stars)
    seconds = time.perf_counter() - started
    result = {"stars": len(stars), "pixels": stars.flux.shape[1], "seconds": seconds, "rejected": {}}
    result |= {"resolving_power": view.resolving_power, "notes": [], "file": args.out}
    return Report(result)


def _labels(path: str | None, console: Console) -> "tuple[np.ndarray | None, tuple[str, ...], list[str]]":
    """The labels of --labels (R, P), their names, and how the table was read, which is said."""
    if path is None:
        return None, LABELS, []
    from ...io.label_table import read_labels

    table = read_labels(path)
    missing = [name for name in LABELS if name not in table.names]
    if missing:
        needs = f"a simulated star needs {', '.join(LABELS)}"
        raise SpectraError(
            f"{path}: no column {', '.join(missing)} (columns: {', '.join(table.names)}): {needs}"
        )
    for note in table.notes:
        console.note(note)
    return table.values, table.names, list(table.notes)


def _number_of_stars(wanted: int | None, labels: "np.ndarray | None") -> int:
    """How many stars to simulate. UsageError for too many, and for another number than that of the labels."""
    n = wanted or (0 if labels is None else len(labels))
    if n > MAX_STARS:
        raise UsageError(f"{n:,} stars are too many at once: at most {MAX_STARS:,}")
    if not n or (labels is not None and len(labels) != n):
        raise UsageError("give --stars N, or --labels with one row per star")
    return n


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
    KEEP_SPIKES,
    arg("--pixels", type=int, choices=(800, 2401), help=f"{PIXEL_HELP} (default: the grid of the files)"),
    OUT,
)
def ingest(args: Namespace, console: Console) -> Report:
    """Read every file, refuse what cannot be used (and say why), and write the rest as OUT."""
    from ...io import STAR_SUFFIXES, check_output, write_stars
    from ...simulator.grids import wavelengths
    from ...sources import Intake, gather

    check_output(args.out, STAR_SUFFIXES, args.stars)
    grid = wavelengths(args.pixels) if args.pixels else None
    stars, intake = gather(args.stars, grid, Intake(args.keep_spikes))
    stars = intake.once(stars)
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
