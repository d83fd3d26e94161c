"""The command `models`: which there are, their cards, and models as one file."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...parameters import parameter
from ..console import Console, table
from ..registry import Report, UsageError, arg, command

if TYPE_CHECKING:
    from ...models.store import ModelInfo


@command(
    "models",
    "list the models, or print a model's card",
    arg("name", nargs="?", metavar="MODEL", help="print the card of this model (default: list all models)"),
    arg(
        "--root",
        metavar="DIR",
        help="list the model folders in DIR, or add to it (default: the shipped models, those in "
        "GANDALF_MODELS and those that were added)",
    ),
    arg(
        "--pack",
        nargs=2,
        metavar=("MODEL", "FILE"),
        help="write MODEL as one FILE, a zip archive of weights, card, regressors and hashes to hand on "
        "(default: none)",
    ),
    arg("--add", metavar="FILE", help="add the model in a FILE that --pack wrote (default: none)"),
    arg(
        "--as",
        dest="new_name",
        metavar="NAME",
        default="",
        help="name of the model that is packed or added (default: as before)",
    ),
)
def models(args: Namespace, console: Console) -> Report:
    """List the models with what was removed, kept and measured; with MODEL, print its card.

    With --pack or --add, one model goes into a file or comes from one, with the same checks as a folder.
    """
    from ...models.cards import card_text
    from ...models.store import listing, load_model
    from ...places import model_roots

    if sum(map(bool, (args.name, args.pack, args.add))) > 1:
        raise UsageError("give one of MODEL, --pack and --add")
    if args.pack or args.add:
        return _packed(args) if args.pack else _added(args)
    if args.new_name:
        raise UsageError("--as belongs to --pack and --add")
    if args.name:
        model = load_model(args.name)
        result = {"models": [{"name": model.name, "path": args.name, "card": model.card}]}
        return Report(result, card_text(model.name, model.card))
    if args.root and not Path(args.root).is_dir():
        raise UsageError(f"{args.root}: no such folder")
    infos, unusable = listing(args.root)
    result: dict[str, Any] = {
        "models": [{"name": m.name, "path": str(m.path), "card": m.card} for m in infos],
        "unusable": {str(folder): cause for folder, cause in unusable.items()},
    }
    roots = args.root or " or ".join(map(str, model_roots()))
    lines = [_models_table(infos) if infos else f"no models in {roots}", *unusable.values()]
    return Report(result, "\n".join(lines))


def _packed(args: Namespace) -> Report:
    """Write a model as one file."""
    from ...data.identity import file_identity
    from ...models.packing import pack_model
    from ...models.store import find_model

    folder = find_model(args.pack[0])
    path = pack_model(folder, args.pack[1], args.new_name)
    size = path.stat().st_size
    result = {
        "models": [{"name": args.new_name or folder.name, "path": str(folder)}],
        "file": str(path),
        "bytes": size,
        "identity": file_identity(path),
    }
    return Report(result, f"{path}: {args.new_name or folder.name}, {size / 1e6:,.1f} MB")


def _added(args: Namespace) -> Report:
    """Unpack a model from one file."""
    from ...models.packing import add_model
    from ...models.store import load_model

    folder = add_model(args.add, args.root, args.new_name)
    model = load_model(folder)
    result = {"models": [{"name": model.name, "path": str(folder), "card": model.card}]}
    return Report(result, f"{model.name} is in {folder}")


def _models_table(infos: "Sequence[ModelInfo]") -> str:
    header = ["model", "removed", "kept", "latent", "stars", "reconstruction mse"]
    return table(header, [_model_row(info.name, info.card) for info in infos])


def _model_row(name: str, card: dict[str, Any]) -> list[str]:
    signs = [", ".join(parameter(n).plain for n in card[key]) or "-" for key in ("removed", "kept")]
    mse = card["figures"]["reconstruction_mse"]
    error = "-" if mse is None else f"{mse:.2e}"
    return [name, *signs, str(card["latent_size"]), f"{card['data']['train']:,}", error]
