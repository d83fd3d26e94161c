"""Under which key a command exports or measures latents."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from .console import Console

if TYPE_CHECKING:
    from ..data.noise_key import NoiseKey
    from ..models.trained import TrainedModel


def given_key(args: Namespace) -> "NoiseKey | None":
    """The key in --noise-key, or None without it. NoiseKeyError for a file that holds none."""
    from ..data.noise_key import NoiseKey

    return NoiseKey.read(args.noise_key) if args.noise_key else None


def exporting(model: "TrainedModel", args: Namespace, console: Console) -> "TrainedModel":
    """The model under the key of a command that exports latents: the given one, else this installation's.

    Whoever gives --seed is told that it has no effect. Raises NoiseKeyError as `given_key` does, and where
    this installation cannot keep a key.
    """
    if getattr(args, "unused_seed", None) is not None:
        console.say("--seed does not change the noise of a latent, which is secret: see --noise-key")
    model = model.under(given_key(args))
    return model.under(model.noise_key)  # the same one to the end


def measuring(model: "TrainedModel", args: Namespace) -> "TrainedModel":
    """The model under the given key; without one its noise follows from the seed of the measurement.

    Raises NoiseKeyError as `given_key` does.
    """
    return model.under(given_key(args))


def about(model: "TrainedModel") -> dict[str, Any]:
    """What a report says of the model whose latents it exports: which it is, and what it takes to repeat it.

    `made_with` has the hash of all files that results depend on, the seed of the training, and the versions
    that trained it and that used it now.
    """
    from .. import __version__
    from ..data.noise_key import fingerprint

    made_with = {
        "gandalf_core": __version__,
        "model_identity": model.identity,
        "model_seed": model.config.training.seed,
        "model_version": model.card.get("versions", {}).get("gandalf_core", ""),
        "hashes": model.card.get("hashes", {}),
    }
    return {
        "model_id": model.model_id,
        "key_fingerprint": fingerprint(model.noise_key),
        "made_with": made_with,
    }
