"""The command line, `python -m reports COMMAND`. Each command imports the heavy modules that it needs."""

import argparse
from collections.abc import Callable

from gandalf_core.cli.terminal import prepare_streams

EPILOG = """\
Runs are resumable: a file that is there is not made again (an ablation is when its recipe has changed, and of
bayes only the posterior is kept). With --only, several processes can share the work."""


def measure(args: argparse.Namespace) -> None:
    from .measuring import measure

    measure(args.only)


def stars(args: argparse.Namespace) -> None:
    from .real_stars import measure_real_stars

    measure_real_stars()


def foundations(args: argparse.Namespace) -> None:
    from .foundations import measure_foundations

    measure_foundations(args.only)


def own_stars(args: argparse.Namespace) -> None:
    from .own_stars import measure_own_stars

    measure_own_stars(args.only, args.reference)


def scores(args: argparse.Namespace) -> None:
    from .scores import measure_scores

    measure_scores()


def write(args: argparse.Namespace) -> None:
    from .document import write

    write()


def seeds(args: argparse.Namespace) -> None:
    from .experiments import audit_seeds

    audit_seeds(args.only)


def ablation(args: argparse.Namespace) -> None:
    from .experiments import audit_ablations

    audit_ablations(args.only)


def bayes(args: argparse.Namespace) -> None:
    from .experiments import compare_with_bayes

    compare_with_bayes()


def coverage(args: argparse.Namespace) -> None:
    from .coverage import measure_coverage
    from .physics_coverage import measure_physics

    if not args.only:
        measure_coverage()
    measure_physics(args.only)


def instrument(args: argparse.Namespace) -> None:
    from .instrument import certify

    certify(args.only, args.workers)


def mutation(args: argparse.Namespace) -> None:
    from .mutation import mutate

    mutate(args.only)


def _parser() -> argparse.ArgumentParser:
    about = "Measure the models, and write docs/results.md from what was measured."
    parser = argparse.ArgumentParser(
        "python -m reports", description=about, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(run: Callable[[argparse.Namespace], None], about: str, only: str = "") -> argparse.ArgumentParser:
        command = commands.add_parser(run.__name__.replace("_", "-"), help=about, description=about)
        command.set_defaults(run=run)
        if only:
            command.add_argument("--only", action="append", default=[], metavar="NAME", help=only)
        return command

    part = "only this part: audits, compare, plain-against-pca, rms-over-bound or sweeps; may repeat"
    add(measure, "audits of the shipped models, Table 1, the references and the paper's two sweeps", part)
    add(stars, "what the shipped models say of the real stars of known parameters in ../shared")
    part = "only this part: kept-back or natures; may repeat"
    add(foundations, "points of the grid kept back, and the shipped models under other physics", part)
    about = "what a few hundred own stars do for a model, and calibrations: docs/own-stars.md; 30 minutes"
    own = add(own_stars, about, "measure this cell again, e.g. seconds or 'adapted 500'; may repeat")
    help = "a folder with a model trained on 51,444 stars of nature b (default: trained; 8 minutes)"
    own.add_argument("--reference", default="", metavar="DIR", help=help)
    add(scores, "outlier scores of ordinary stars in both natures, of binaries and of active stars")
    add(
        write,
        "docs/results.md with its pictures, docs/mutation.md and the README's table, from stored files",
    )
    add(
        seeds,
        "every shipped model with seeds 0 to 2, audited on the stars reserved for judging",
        "only MODEL-SEED",
    )
    add(ablation, "one switch of a recipe changed at a time", "only the variant of this name; may repeat")
    add(bayes, "the posterior mean of 200 stars beside the regressors; about 2 minutes")
    about = "what error bars hold: of new fits to 400 and 3,000 stars, and of the models under wrong physics"
    add(coverage, f"{about}; 10 minutes", "only the error bars of this model; may repeat")
    file = "only this file, e.g. null-500, leak-3000 or stated-1000; may repeat"
    certificate = add(instrument, "false alarms, leaks found and limits of the audit: docs/audit.md", file)
    certificate.add_argument("--workers", type=int, default=2, metavar="N", help="processes (default: 2)")
    subjects = "only objective, adversary, scaling, spectra or config; may repeat"
    add(mutation, "whether tests notice changes of the code: docs/mutation.md; about 5 minutes", subjects)
    return parser


if __name__ == "__main__":
    prepare_streams()
    arguments = _parser().parse_args()
    arguments.run(arguments)
