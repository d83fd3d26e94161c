"""The steps that `train` and `pretrain` share: a checkpoint after each epoch, a clean stop, a resume."""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..jobs.folder import handling, raise_stopped
from .console import Console, start_line

if TYPE_CHECKING:
    from ..config.schema import Config
    from ..data.spectra import SpectraSet
    from ..errors import GandalfError
    from ..models.fit import Extras
    from ..models.trained import TrainedModel
    from ..training.trainer import Trainer


def make_trainer(
    stars: "SpectraSet",
    config: "Config",
    folder: Path,
    device: str = "auto",
    resume: bool = False,
    extras: "Extras | None" = None,
) -> "Trainer":
    """A Trainer on the training split of `stars`, at the folder's checkpoint when resuming.

    extras: what the finished model gets beside its networks. Raises ModelError for what cannot end well, or
    without a checkpoint of this configuration to resume from; SpectraError where the folder cannot be made.
    """
    from ..atomic import make_folder
    from ..models.fit import trainer_for

    trainer = trainer_for(stars, config, device, extras)
    make_folder(folder)
    if resume:
        trainer.load_checkpoint(folder)
    return trainer


def run_epochs(trainer: "Trainer", folder: Path, console: Console) -> bool:
    """Train to the last epoch, with a checkpoint after each; False when Ctrl-C stopped it before."""
    console.training_starts(trainer)
    with stopping_after_epoch() as stop:
        for record in trainer.epochs():
            trainer.save_checkpoint(folder)
            console.epoch_done(record)
            if stop.requested:
                return False
    return True


def run_together(
    trainers: "dict[str, Trainer]", folders: dict[str, Path], console: Console
) -> "dict[str, GandalfError] | None":
    """Train several to their last epochs, each with a checkpoint after each of its epochs.

    The errors of those that failed, by name; the others go on. None when Ctrl-C stopped them before the end.
    """
    from ..training.together import Together

    names, failed = list(trainers), {}
    for name, trainer in trainers.items():
        console.say(f"{name}  {start_line(trainer)}")
    several = Together(list(trainers.values()))
    with stopping_after_epoch() as stop:
        for done in several.epochs():
            name = names[done.index]
            if done.record:
                trainers[name].save_checkpoint(folders[name])
                console.epoch_of(name, done.record)
            elif done.error:
                failed[name] = done.error
                console.say(f"{name}  {done.error}")
            if stop.requested:
                several.stop()
    stopped = any(not t.finished for name, t in trainers.items() if name not in failed)
    return None if stopped else failed


@dataclass
class StopRequest:
    """Whether somebody pressed Ctrl-C."""

    requested: bool = False


@contextlib.contextmanager
def stopping_after_epoch() -> Iterator[StopRequest]:
    """Within the block the first Ctrl-C is a request, the second raises Stopped."""
    stop = StopRequest()

    def request(*_: Any) -> None:
        stop.requested = True
        signal.signal(signal.SIGINT, raise_stopped)
        # print is not safe in a signal's handler
        os.write(2, b"stopping after this epoch (Ctrl-C again: at once)\n")

    with handling(signal.SIGINT, request):
        yield stop


def save_finished(
    trainer: "Trainer", stars: "SpectraSet", extras: "Extras", folder: Path, console: Console
) -> "TrainedModel":
    """Finish the model of a trainer and save it in `folder`, in place of the checkpoint."""
    from ..models.fit import finish_model
    from ..models.store import save_model
    from ..regression.conformal import promise
    from ..training.checkpoints import CHECKPOINT

    console.say("fitting regressors, measuring, writing the model")
    model = save_model(finish_model(trainer, stars, extras), folder)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    for source, calibration in model.card["calibration"].items():
        console.say(f"error bars from the {source}: {promise(calibration)}")
    return model


def judge(folder: Path, plain_folder: Path | None, spec: str, console: Console) -> None:
    """Audit a finished model on stars that nothing was chosen on, once, and record that in its folder.

    plain_folder: of the plain auto-encoder, if there is one to compare with. A model that was judged on the
    same stars already is left as it is.
    """
    from ..auditing import audit
    from ..models.files import AUDIT, CARD
    from ..models.store import load_model, record_audit
    from ..sources import load_stars

    model = load_model(folder)
    if (folder / AUDIT).is_file() and model.card.get("audit", {}).get("source") == spec:
        console.say(f"{folder}: judged before on {spec}")
        return
    plain = load_model(plain_folder) if plain_folder and (plain_folder / CARD).is_file() else None
    console.say(f"judging on {spec}")
    stars = model.on_grid(load_stars(spec, model.wavelength_nm))
    record_audit(folder, audit(model, stars, plain=plain, progress=console.progress), spec)
