"""The configuration that a command line asks for: a preset or a file, then signs, then single fields."""

import json
from pathlib import Path
from typing import Any

from ..config.presets import PRESETS, preset, with_signs
from ..config.schema import Config, from_json, with_fields
from ..errors import ConfigError
from ..parameters import LABELS, canonical_name, default_labels
from .registry import UsageError, arg, number_pair, pair, positive, seed

CONFIG_ARGUMENTS = (
    arg("--preset", metavar="NAME", help=f"one of {', '.join(PRESETS)}"),
    arg("--config", metavar="FILE", help="a configuration in JSON, as `config` prints it"),
    arg(
        "--remove",
        action="append",
        default=[],
        metavar="LABEL",
        help="remove this label from the latent; may repeat",
    ),
    arg(
        "--keep",
        action="append",
        default=[],
        metavar="LABEL",
        help="reinforce this label in the latent; may repeat",
    ),
    arg(
        "--lambda",
        action="append",
        default=[],
        type=number_pair,
        dest="lambdas",
        metavar="LABEL=VALUE",
        help="λ of a label: > 0 removes, < 0 reinforces, 0 watches; may repeat",
    ),
    arg(
        "--label",
        action="append",
        default=[],
        metavar="NAME",
        help="a label of the model, in place of the standard ones or of those of the stars; may repeat",
    ),
    arg(
        "--set",
        action="append",
        default=[],
        type=pair,
        metavar="FIELD=VALUE",
        help="any field by its path in the JSON, e.g. model.noise=0.3; may repeat",
    ),
    arg("--epochs", type=positive, help="passes over the training stars (default: the configuration's)"),
    arg("--seed", type=seed, help="seed of everything random (default: the configuration's)"),
)


def chosen_config(args, star_labels: tuple[str, ...] = LABELS) -> Config:
    """The configuration of a command with CONFIG_ARGUMENTS.

    star_labels: what a preset's labels are taken from; the standard four where all of them are there.
    Raises UsageError without a preset or a file, ConfigError, naming the file, for one that does not fit.
    """
    config = _with_signs(starting_point(args, star_labels), args)
    changes = {path: _value(text) for path, text in args.set}
    if args.epochs:
        changes["training.epochs"] = args.epochs
    if args.seed is not None:
        changes["training.seed"] = args.seed
    return with_fields(config, changes)


def starting_point(args, star_labels: tuple[str, ...] = LABELS) -> Config:
    """The preset or the file, without signs and fields. Raises as `chosen_config`."""
    if bool(args.preset) == bool(args.config):
        raise UsageError("give either --preset NAME or --config FILE")
    return _from_file(args.config) if args.config else preset(args.preset, _labels(args, star_labels))


def _from_file(path: str) -> Config:
    try:
        return from_json(Path(path).read_text(), path)
    except UnicodeDecodeError:
        raise ConfigError(
            f"{path}: not a text file; a configuration is JSON, as `config` prints it"
        ) from None


def _labels(args, star_labels: tuple[str, ...]) -> tuple[str, ...]:
    if args.label:
        return tuple(map(canonical_name, args.label))
    return default_labels(star_labels)


def _with_signs(config: Config, args) -> Config:
    """Signs add to those of the preset; a decoder that received nothing then receives every label, as in the
    paper.
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
    """A field's value: JSON, or else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
