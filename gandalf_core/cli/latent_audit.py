"""`audit --latent FILE`: the arguments, what they go with, and the audit of the latents in a file."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from .arguments import named_number
from .console import Console
from .registry import UsageError, arg

if TYPE_CHECKING:
    from ..io.latent_tables import LatentTable

LATENT_ARGUMENTS = (
    arg(
        "--latent",
        metavar="FILE",
        help="instead of MODEL and STARS: audit anybody's latents, from this file (npz, Parquet, AnnData, …) "
        "or folder (a data set of Hugging Face; default: none, a model is audited)",
    ),
    arg(
        "--removed",
        action="append",
        default=[],
        metavar="NAME",
        help="with --latent: a label that the latent must not tell; may repeat (default: as the card of the "
        "model says that encoded the file)",
    ),
    arg(
        "--kept",
        action="append",
        default=[],
        metavar="NAME",
        help="with --latent: a label that it keeps, and that a reader may know anyway; may repeat",
    ),
    arg(
        "--obsm",
        metavar="KEY",
        help="with --latent: which matrix in obsm of an AnnData file (default: X_latent, or the only one)",
    ),
    arg(
        "--split",
        metavar="NAME",
        help="with --latent FOLDER: which split of the data set (default: the only one)",
    ),
    arg(
        "--label-error",
        action="append",
        default=[],
        type=named_number,
        metavar="NAME=SIGMA",
        dest="label_errors",
        help="with --latent: the 1σ error of a label; may repeat (default: unknown)",
    ),
)
ONLY_LATENT = {
    "removed": "--removed",
    "kept": "--kept",
    "obsm": "--obsm",
    "split": "--split",
    "label_errors": "--label-error",
}
ONLY_MODEL = {
    "rows": "--row",
    "plain": "--plain",
    "record": "--record",
    "noise_key": "--noise-key",
    "keep_spikes": "--keep-spikes",
}


def check_source(args: Namespace) -> None:
    """UsageError unless there is either a model with stars or a file of latents, each with its options."""
    if args.latent and args.model:
        raise UsageError("--latent FILE takes the place of MODEL and STARS: give one or the other")
    if not args.latent and not (args.model and args.stars):
        raise UsageError("audit what? give MODEL and STARS, or --latent FILE")
    wrong, goes_with = (ONLY_MODEL, "MODEL and STARS") if args.latent else (ONLY_LATENT, "--latent FILE")
    for name, flag in wrong.items():
        if getattr(args, name):
            raise UsageError(f"{flag} goes with {goes_with} alone")


def audit_of_latents(args: Namespace, probes: tuple[str, ...], console: Console) -> dict[str, Any]:
    """The report on the latents in the file --latent."""
    from ..auditing import audit_table
    from ..io.latent_tables import read_latent_table, spelled

    table = read_latent_table(args.latent, args.obsm, args.split)
    removed, kept = ([spelled(name) for name in names] for names in (args.removed, args.kept))
    if not removed and not kept:
        removed, kept = signs_on_card(table)
    errors = {spelled(name): sigma for name, sigma in args.label_errors} or None
    report = audit_table(
        table,
        removed,
        kept,
        label_errors=errors,
        seed=args.seed,
        probes=probes,
        progress=console.progress,
    ).to_dict()
    for note in report["notes"]:
        console.note(note)
    return report | {"rejected": {}}


def signs_on_card(table: "LatentTable") -> tuple[list[str], list[str]]:
    """What the model removed and kept that encoded a file. UsageError where no installed one did."""
    from ..models.store import list_models, load_model

    name = table.model_id.partition("@")[0]
    card = next((info.card for info in list_models() if info.name == name), None) if name else None
    if card is None or load_model(name).model_id != table.model_id:
        listed = ", ".join(table.declared or table.candidates)
        raise UsageError(f"{table.file}: which labels were removed? --removed NAME (labels: {listed})")
    return list(card["removed"]), list(card["kept"])
