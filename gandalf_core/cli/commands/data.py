"""Commands that make or check stars: simulate, config, ingest."""

import time
from dataclasses import asdict

from ...errors import SpectraError
from ...parameters import LABELS, MAX_STARS, canonical_name
from ..choices import CONFIG_ARGUMENTS, chosen_config
from ..registry import OUT, SEED, STARS, Report, UsageError, arg, command, positive

# of the archive's tables, and what an index without a name is written as
NO_LABELS = ("", "ra", "dec", "solution_id")
PIXELS = arg(
    "--pixels", type=int, choices=(800, 2401), help="the wavelength grid: 0.03 nm or 0.01 nm over 846-870 nm"
)


@command(
    "simulate",
    "simulated stars with known truth",
    arg("--stars", type=positive, metavar="N", help="how many (default: one for each row of --labels)"),
    SEED,
    arg(
        "--labels", metavar="FILE.csv", help="parameters to use: a header of label names, a row for each star"
    ),
    arg(
        "--snr",
        nargs=2,
        type=float,
        metavar=("LO", "HI"),
        help="range of the S/N per pixel (default: the sample's)",
    ),
    arg("--clean", action="store_true", help="without noise and nuisances"),
    PIXELS,
    OUT,
)
def simulate(args, console) -> Report:
    """Simulated stars in the format of OUT's suffix.

    Labels, noise and nuisances of star k depend on the seed and k alone. Stars whose labels lie outside the
    emulator's region get NaN flux and are listed under `rejected`.
    """
    from ...io import STAR_SUFFIXES, check_output, write_stars
    from ...simulator import simulate as make

    check_output(args.out, STAR_SUFFIXES, [args.labels] if args.labels else [])
    if args.snr and not 0 < args.snr[0] <= args.snr[1]:
        raise UsageError(f"--snr {args.snr[0]:g} {args.snr[1]:g}: give the lower bound first, both above 0")
    labels, names = read_labels(args.labels, console) if args.labels else (None, LABELS)
    n = args.stars or (0 if labels is None else len(labels))
    if n > MAX_STARS:
        raise UsageError(f"{n:,} stars are too many at once: at most {MAX_STARS:,}")
    if not n or (labels is not None and len(labels) != n):
        raise UsageError("give --stars N, or --labels with a row for each star")
    snr, started = tuple(args.snr) if args.snr else None, time.perf_counter()
    stars = make(
        n, args.seed, labels=labels, label_names=names, snr=snr, clean=args.clean, pixels=args.pixels or 800
    )
    write_stars(args.out, stars)
    seconds = time.perf_counter() - started
    outside = {str(s.ids[0]): _outside(s) for s in map(stars.__getitem__, stars.mask.all(1).nonzero()[0])}
    return Report(
        {"stars": n, "pixels": stars.flux.shape[1], "seconds": seconds, "rejected": outside, "file": args.out}
    )


def _outside(star) -> str:
    missing = [n for n in LABELS if star.label(n)[0] != star.label(n)[0]]
    if missing:
        return f"no value of {', '.join(missing)}"
    values = ", ".join(f"{n} {v:g}" for n, v in zip(star.label_names, star.labels[0], strict=True))
    return f"outside the emulator's region: {values}"


def read_labels(path: str, console):
    """(N, P) labels and their P names from a csv with a header; an empty cell is NaN.

    Columns of ids, positions and spectra are left out, and that is said. SpectraError names the file and the
    column or row.
    """
    from ...io.columns import refuse_repeats
    from ...io.sniff import parsing

    with open(path, newline="", encoding="utf-8-sig") as file, parsing(path, "csv of labels"):
        header, rows = _table(file)
        columns = [k for k, name in enumerate(header) if _is_label(name)]
        given = [header[k] for k in columns]
        names = tuple(map(canonical_name, given))
        missing = [name for name in LABELS if name not in names]
        if missing:
            raise SpectraError(f"no column {', '.join(missing)}: a simulated star needs {', '.join(LABELS)}")
        refuse_repeats(given, names)
        labels = _numbers(rows, columns, given)
    if len(columns) < len(header):
        console.say(
            f"{path}: no labels, so left out: {', '.join(name for name in header if not _is_label(name))}"
        )
    return labels, names


def _table(file) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of a csv. SpectraError without any, and for a row that does not fit the header."""
    import csv

    header, *rows = [row for row in csv.reader(file) if row] or [[]]
    if not rows:
        raise SpectraError("no rows of labels under a header")
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise SpectraError(f"row {number} has {len(row)} values, the header has {len(header)}")
    return header, rows


def _numbers(rows: list[list[str]], columns: list[int], given: list[str]):
    """(N, P) the cells of these columns, NaN where empty. SpectraError for the first one that is no number."""
    import numpy as np

    out = np.full((len(rows), len(columns)), np.nan)
    for i, row in enumerate(rows):
        for j, k in enumerate(columns):
            try:
                out[i, j] = float(row[k].strip() or "nan")
            except ValueError:
                raise SpectraError(f"row {i + 2}, column {given[j]}: '{row[k]}' is no number") from None
    return out


def _is_label(column: str) -> bool:
    """False for what catalogues and spectra have beside labels: it is nothing that a star could be simulated
    with.
    """
    from ...io.columns import SPECTRAL, role_of

    return role_of(column) not in SPECTRAL and column.strip().lower() not in NO_LABELS


@command("config", "print a preset as JSON, to edit and pass to `train --config`", *CONFIG_ARGUMENTS)
def config(args, console) -> Report:
    """The configuration of a preset, or of a file, with the changes asked for."""
    from ...config.schema import to_json

    chosen = chosen_config(args)
    return Report(asdict(chosen), to_json(chosen))


@command("ingest", "read, check, report and convert spectra", STARS, PIXELS, OUT)
def ingest(args, console) -> Report:
    """Read every file, refuse what cannot be used (and say why), and write the rest in the format of OUT's
    suffix.
    """
    from ...io import STAR_SUFFIXES, check_output, write_stars

    check_output(args.out, STAR_SUFFIXES, args.stars)
    stars, rejected = _readable(args.stars, args.pixels)
    write_stars(args.out, stars)
    return Report(
        {
            "stars": len(stars),
            "pixels": stars.flux.shape[1],
            "masked_fraction": float(stars.mask.mean()),
            "wavelength_nm": [float(stars.wavelength_nm[0]), float(stars.wavelength_nm[-1])],
            "labels": {n: int((stars.label(n) == stars.label(n)).sum()) for n in stars.label_names},
            "rejected": rejected,
            "file": args.out,
        },
        None,
    )


def _readable(specs: list[str], pixels: int | None):
    """The usable stars of files and simulated sources on one grid, and {file or id: cause} of the others."""
    from ...io import joined, read_many
    from ...simulator.grids import wavelengths
    from ...sources import load_stars

    grid = wavelengths(pixels) if pixels else None
    simulated = [s for s in specs if s.startswith("simulated:")]
    files = [s for s in specs if s not in simulated]
    sets, rejected = [load_stars(simulated, grid)] if simulated else [], {}
    if files:
        read, rejected = read_many(files, sets[0].wavelength_nm if sets else grid)
        sets.append(read)
    return joined(sets), rejected
