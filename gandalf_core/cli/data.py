"""Commands that make or check stars: simulate, config, ingest."""

import time
from dataclasses import asdict

from ..errors import SpectraError
from ..parameters import LABELS, canonical_name
from .choices import CONFIG_ARGUMENTS, chosen_config
from .registry import OUT, SEED, STARS, Report, UsageError, arg, command, positive

PIXELS = arg("--pixels", type=int, choices=(800, 2401), help="the wavelength grid: 0.03 nm or 0.01 nm over 846-870 nm")


@command(
    "simulate", "simulated stars with known truth",
    arg("--stars", type=positive, metavar="N", help="how many (default: one for each row of --labels)"), SEED,
    arg("--labels", metavar="FILE.csv", help="parameters to use: a header of label names, a row for each star"),
    arg("--snr", nargs=2, type=float, metavar=("LO", "HI"), help="range of the S/N per pixel (default: the sample's)"),
    arg("--clean", action="store_true", help="without noise and nuisances"), PIXELS, OUT,
)  # fmt: skip
def simulate(args, console) -> Report:
    """Simulated stars in the format of OUT's suffix.

    Labels, noise and nuisances of star k depend on the seed and k alone. Stars whose labels lie outside the emulator's
    region get NaN flux and are listed under `rejected`.
    """
    from ..io import write_stars
    from ..simulate import simulate as make

    if args.snr and not 0 < args.snr[0] <= args.snr[1]:
        raise UsageError(f"--snr {args.snr[0]:g} {args.snr[1]:g}: give the lower bound first, both above 0")
    labels, names = read_labels(args.labels) if args.labels else (None, LABELS)
    n = args.stars or (0 if labels is None else len(labels))
    if not n or (labels is not None and len(labels) != n):
        raise UsageError("give --stars N, or --labels with a row for each star")
    snr, started = tuple(args.snr) if args.snr else None, time.perf_counter()
    stars = make(n, args.seed, labels=labels, label_names=names, snr=snr, clean=args.clean, pixels=args.pixels or 800)
    write_stars(args.out, stars)
    seconds = time.perf_counter() - started
    outside = {str(s.ids[0]): _outside(s) for s in map(stars.__getitem__, stars.mask.all(1).nonzero()[0])}
    return Report({"stars": n, "pixels": stars.flux.shape[1], "seconds": seconds, "rejected": outside, "file": args.out})


def _outside(star) -> str:
    values = ", ".join(f"{n} {v:g}" for n, v in zip(star.label_names, star.labels[0], strict=True))
    return f"outside the emulator's region: {values}"


def read_labels(path: str):
    """(N, P) labels and their P names from a csv with a header; an empty cell is NaN. SpectraError names file and row."""
    import csv

    import numpy as np

    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file) if row]
        names = tuple(map(canonical_name, header))
        for number, row in enumerate(rows, 2):
            if len(row) != len(names):
                raise SpectraError(f"{path}: row {number} has {len(row)} values, the header has {len(names)}")
        labels = np.array([[float(cell) if cell.strip() else np.nan for cell in row] for row in rows], float)
    except ValueError as error:
        if isinstance(error, SpectraError):
            raise
        raise SpectraError(f"{path}: not a csv of numbers under a header of label names ({error})") from None
    if not rows:
        raise SpectraError(f"{path}: no rows of labels")
    return labels, names


@command("config", "print a preset as JSON, to edit and pass to `train --config`", *CONFIG_ARGUMENTS)
def config(args, console) -> Report:
    """The configuration of a preset, or of a file, with the changes asked for."""
    from ..config import to_json

    chosen = chosen_config(args)
    return Report(asdict(chosen), to_json(chosen))


@command("ingest", "read, check, report and convert spectra", STARS, PIXELS, OUT)
def ingest(args, console) -> Report:
    """Read every file, refuse what cannot be used (and say why), and write the rest in the format of OUT's suffix."""
    from ..io import write_stars

    stars, rejected = _readable(args.stars, args.pixels)
    write_stars(args.out, stars)
    return Report({
        "stars": len(stars), "pixels": stars.flux.shape[1], "masked_fraction": float(stars.mask.mean()),
        "wavelength_nm": [float(stars.wavelength_nm[0]), float(stars.wavelength_nm[-1])],
        "labels": {n: int((stars.label(n) == stars.label(n)).sum()) for n in stars.label_names},
        "rejected": rejected, "file": args.out,
    }, None)  # fmt: skip


def _readable(specs: list[str], pixels: int | None):
    """The usable stars of files and simulated sources on one grid, and {file or id: cause} of the others."""
    from ..io import read_many
    from ..simulate.grids import wavelengths
    from ..sources import load_stars
    from ..spectra import concatenate

    grid = wavelengths(pixels) if pixels else None
    simulated = [s for s in specs if s.startswith("simulated:")]
    files = [s for s in specs if s not in simulated]
    sets, rejected = [load_stars(simulated, grid)] if simulated else [], {}
    if files:
        read, rejected = read_many(files, sets[0].wavelength_nm if sets else grid)
        sets.append(read)
    return concatenate(sets), rejected
