"""What attacks work with: small simulated samples, and a small recipe."""

import dataclasses
import json
from pathlib import Path

from gandalf_core.atomic import write_text
from gandalf_core.config.presets import preset
from gandalf_core.config.schema import Config, with_fields
from gandalf_core.io import write_stars
from gandalf_core.parameters import LABELS
from gandalf_core.simulator import simulate

SMALL = {
    "model.latent_size": 6,
    "model.encoder_hidden": (32,),
    "model.decoder_hidden": (32,),
    "model.mean_hidden": (16,),
    "adversary.hidden": (16,),
    "adversary.bins": 5,
    "training.batch_size": 32,
    "training.validation_fraction": 0.1,
}


def small_config(epochs: int) -> Config:
    """A recipe that takes seconds, with an adversary."""
    return with_fields(preset("physical-removed", LABELS), SMALL | {"training.epochs": epochs} | _start())


def _start() -> dict[str, object]:
    return {"model.mean_start": "none", "model.nuisance_responses": False, "training.mean_epochs": 2}


def config_file(folder: Path, epochs: int) -> Path:
    """The recipe as a file for `train --config`."""
    path = folder / f"config-{epochs}.json"
    write_text(path, json.dumps(dataclasses.asdict(small_config(epochs))))
    return path


def stars_file(folder: Path, stars: int, seed: int = 3) -> Path:
    """A file of simulated stars."""
    path = folder / f"stars-{stars}.parquet"
    write_stars(path, simulate(stars, seed=seed))
    return path
