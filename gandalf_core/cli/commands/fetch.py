"""The command `fetch`: a labelled sample from the archives."""

from argparse import ArgumentTypeError, Namespace
from typing import Any

from ..arguments import OUT, SEED, positive
from ..console import Console, duration, facts
from ..registry import Report, arg, command

MB = 1e6


def limits(text: str) -> tuple[float, float]:
    """`LOW:HIGH` as two numbers, the lower first."""
    low, _, high = text.partition(":")
    try:
        found = float(low), float(high)
    except ValueError:
        found = (0.0, 0.0)
    if not found[0] < found[1]:
        raise ArgumentTypeError(f"'{text}' is not LOW:HIGH, such as 8:14")
    return found


@command(
    "fetch",
    "a reference sample from the Gaia archive and surveys of labels",
    arg(
        "--keep",
        required=True,
        metavar="DIR",
        help="folder for what has arrived; the same command continues from it",
    ),
    arg(
        "--release",
        default="DR3",
        metavar="NAME",
        help="release of Gaia, DR3 or DR4; another one is asked for under the names it should have "
        "(default: DR3)",
    ),
    arg(
        "--spectra",
        choices=("mean", "epoch"),
        default="mean",
        help="mean RVS spectra, or those of each transit, in releases that have them (default: mean)",
    ),
    arg(
        "--survey",
        action="append",
        default=[],
        metavar="NAME[=PLACE]",
        help="labels of apogee-dr17, apogee-dr19, galah-dr3, galah-dr4 or gsp-spec; PLACE: its own table, a "
        "file or a catalogue of VizieR; the most trusted first (default: apogee-dr17, galah-dr3, as in the "
        "paper); may repeat",
    ),
    arg(
        "--magnitudes",
        type=limits,
        default=(8.0, 14.0),
        metavar="LOW:HIGH",
        help="range of G (default: 8:14, the paper's)",
    ),
    arg(
        "--pixels",
        type=int,
        choices=(800, 2401),
        default=800,
        help="wavelengths to write: 800 of 0.03 nm, or the archive's 2401 (default: 800)",
    ),
    arg(
        "--most", type=positive, metavar="N", help="at most this many stars, chosen by --seed (default: all)"
    ),
    arg("--dry-run", action="store_true", help="choose the stars and say what their spectra would take"),
    arg(
        "--chunk",
        type=positive,
        metavar="N",
        default=2000,
        help="spectra per request, at most 5000 (default: 2000)",
    ),
    arg("--tries", type=positive, metavar="N", default=3, help="attempts at every request (default: 3)"),
    arg(
        "--server",
        metavar="URL",
        help="another server that speaks as the Gaia archive does (default: https://gea.esac.esa.int/)",
    ),
    SEED,
    OUT,
)
def fetch(args: Namespace, console: Console) -> Report:
    """Fetch RVS spectra with labels of surveys as Parquet, under the cuts of the paper.

    The stars' errors of the labels come with them; DIR/labels.csv has the labels of every survey, as --labels
    of other commands reads them. Whatever arrived is kept in DIR. docs/archive.md tells more.
    """
    from ...archive.gaia import fetch_sample
    from ...io import check_output

    check_output(args.out, (".parquet",))
    result = fetch_sample(args.keep, args.out, dry_run=args.dry_run, **_settings(args, console))
    for sentence in result["notes"]:
        console.note(sentence)
    counts = {k: len(v) if k in ("missing", "rejected") else v for k, v in result.items()}
    return Report(result, _dry_text(result) if args.dry_run else facts(counts))


def _settings(args: Namespace, console: Console) -> dict[str, Any]:
    """The fields of `archive.requests.Fetch` that were asked for."""
    from ...archive.clients import GAIA_SERVER
    from ...archive.releases import release
    from ...archive.surveys import PAPERS, surveys_named
    from ...simulator import PIXELS_800, PIXELS_2401

    return {
        "release": release(args.release),
        "product": args.spectra,
        "surveys": surveys_named(args.survey or PAPERS),
        "magnitudes": args.magnitudes,
        "wavelength_nm": PIXELS_800 if args.pixels == 800 else PIXELS_2401,
        "most": args.most,
        "chunk": args.chunk,
        "tries": args.tries,
        "seed": args.seed,
        "server": args.server or GAIA_SERVER,
        "progress": console.progress,
    }


def _dry_text(result: dict[str, Any]) -> str:
    """What the spectra would take, for people."""
    of = ", ".join(f"{count:,} with labels of {name}" for name, count in result["surveys"].items())
    return (
        f"{result['chosen']:,} stars of {result['release']} ({of})\n"
        f"{result['requests_left']:,} of {result['requests']:,} requests are left: about "
        f"{result['download_bytes'] / MB:,.0f} MB to download, {result['disk_bytes'] / MB:,.0f} MB on disk, "
        f"{duration(result['seconds'])} ({result['estimated']})"
    )
