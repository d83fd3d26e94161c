"""The configuration that a command line describes: a preset or a file, then signs, then single fields."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from ..config.presets import PRESETS, preset, with_signs
from ..config.schema import Config, from_json, with_fields
from ..errors import ConfigError
from ..parameters import LABELS, canonical_name, default_labels
from .arguments import named_number, named_text, positive, seed
from .registry import UsageError, arg

CONFIG_ARGUMENTS = (
    arg(
        "--preset", metavar="NAME", help=f"start from one of {', '.join(PRESETS)}; this or --config is needed"
    ),
    arg(
        "--config",
        metavar="FILE",
        help="start from a configuration in JSON, as `config` prints it; this or --preset is needed",
    ),
    arg(
        "--remove",
        action="append",
        default=[],
        metavar="LABEL",
        help="remove this label from the latent (default: as the preset does); may repeat",
    ),
    arg(
        "--keep",
        action="append",
        default=[],
        metavar="LABEL",
        help="reinforce this label in the latent (default: as the preset does); may repeat",
    ),
    arg(
        "--lambda",
        action="append",
        default=[],
        type=named_number,
        dest="lambdas",
        metavar="LABEL=VALUE",
        help="λ of a label: > 0 removes it, < 0 reinforces it, 0 only watches it (default: the preset's); "
        "may repeat",
    ),
    arg(
        "--label",
        action="append",
        default=[],
        metavar="NAME",
        help="a label of the model, with --preset (default: the standard four, or those of the stars); "
        "may repeat",
    ),
    arg(
        "--set",
        action="append",
        default=[],
        type=named_text,
        metavar="FIELD=VALUE",
        help="value of any field, by its path in the JSON, e.g. model.noise=0.3 (default: the "
        "configuration's); may repeat",
    ),
    arg(
        "--epochs",
        type=positive,
        metavar="N",
        help="passes over the training stars (default: the configuration's)",
    ),
    arg("--seed", type=seed, metavar="N", help="seed of everything random (default: the configuration's)"),
)


def config_from(args: Namespace, star_labels: tuple[str, ...] = LABELS) -> Config:
    """The configuration of a command with CONFIG_ARGUMENTS.

    star_labels: where a preset takes its labels from; the standard four where all of them are there. Raises
    UsageError without a preset or a file, ConfigError for values that do not fit.
    """
    config = _with_signs(base_config(args, star_labels), args)
    changes = {path: _value(text) for path, text in args.set}
    if args.epochs:
        changes["training.epochs"] = args.epochs
    if args.seed is not None:
        changes["training.seed"] = args.seed
    return with_fields(config, changes)


def base_config(args: Namespace, star_labels: tuple[str, ...] = LABELS) -> Config:
    """The preset or the file, without signs and single fields. Raises as `config_from` does."""
    if bool(args.preset) == bool(args.config):
        raise UsageError("give either --preset NAME or --config FILE")
    return _from_file(args.config) if args.config else preset(args.preset, _labels(args, star_labels))


def _from_file(path: str) -> Config:
    from ..io.encodings import encoding_of

    try:
        text = Path(path).read_bytes()  # PowerShell's > writes UTF-16, Notepad a mark before UTF-8
        return from_json(text.decode(encoding_of(text)), path)
    except UnicodeDecodeError:
        raise ConfigError(
            f"{path}: not a text file; a configuration is JSON, as `config` prints it"
        ) from None


def _labels(args: Namespace, star_labels: tuple[str, ...]) -> tuple[str, ...]:
    if args.label:
        return tuple(map(canonical_name, args.label))
    return default_labels(star_labels)


def _with_signs(config: Config, args: Namespace) -> Config:
    """The configuration with the signs of the command line added to its own.

    A decoder that receives no label then receives every label, as in the paper.
    """
    removed, kept = (tuple(map(canonical_name, names)) for names in (args.remove, args.keep))
    if not (removed or kept or args.lambdas):
        return config
    signs = with_signs(config, removed, kept).lambdas | {canonical_name(n): v for n, v in args.lambdas}
    changes: dict[str, Any] = {"adversary.lambdas": config.lambdas | signs}
    if not config.model.condition_on:
        changes["model.condition_on"] = config.model.labels
    return with_fields(config, changes)


def _value(text: str) -> Any:
    """The value of a field: JSON, or else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
