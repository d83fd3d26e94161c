"""How a command speaks: messages and progress on standard error, tables of results for people."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..io.plain import jsonable
from ..jobs.folder import JobWriter
from ..jobs.pace import duration
from ..parameters import parameter
from .terminal import shown

if TYPE_CHECKING:
    from ..sources import Intake
    from ..training.records import EpochRecord
    from ..training.trainer import Trainer

MAX_NAMED = 5  # things of one kind that are said one by one; --json lists all
MAX_LISTED = 10  # values of one fact
IN_JSON_ALONE = ("notes", "made_with")  # keys of a result: said on standard error already, or for machines


class Console:
    """The messages of a running command, on standard error and in its job folder, if it has one."""

    def __init__(self, job: JobWriter | None = None) -> None:
        self.job = job

    def say(self, text: str) -> None:
        """A message."""
        speak(text)
        if self.job:
            self.job.update(message=text)

    def note(self, text: str) -> None:
        """A sentence to know before the result is used; it also stands in the JSON's `notes`."""
        self.say(f"note: {text}")

    def taken_in(self, intake: "Intake") -> None:
        """How the stars of a command were read, and which are left out."""
        for sentence in intake.notes:
            self.note(sentence)
        for line in left_out_lines(intake.rejected):
            self.say(line)

    def progress(self, fraction: float, text: str) -> None:
        """A step of a long command, of which `fraction` (0 to 1) is done."""
        speak(f"{fraction:4.0%}  {text}")
        if self.job:
            self.job.update(message=text, fraction=fraction)

    def training_starts(self, trainer: "Trainer") -> None:
        """A training starts, or resumes after the epochs in its history."""
        self.say(start_line(trainer))
        if self.job:
            self.job.restart_metrics([jsonable(asdict(r)) for r in trainer.history])

    def epoch_of(self, name: str, record: "EpochRecord") -> None:
        """An epoch of one of several trainings is finished."""
        self.say(f"{name}  {epoch_line(record)}")

    def epoch_done(self, record: "EpochRecord") -> None:
        """An epoch of a training is finished."""
        speak(epoch_line(record))
        if self.job:
            self.job.update(
                epoch=record.epoch,
                epochs=record.epochs,
                fraction=record.epoch / record.epochs,
                seconds_left=record.seconds_left,
                message=epoch_line(record),
            )
            self.job.add_metrics(jsonable(asdict(record)))


def speak(text: str) -> None:
    """A line on standard error; where that goes to a full disk, the work goes on without it."""
    try:
        print(shown(text), file=sys.stderr, flush=True)
    except BrokenPipeError:
        raise
    except OSError:
        pass


def left_out_lines(rejected: Mapping[str, str]) -> list[str]:
    """A line for each of the first stars and files that are left out, and how many more there are."""
    first = list(rejected.items())[:MAX_NAMED]
    lines = [f"left out: {cause if key in cause else f'{key}: {cause}'}" for key, cause in first]
    more = len(rejected) - MAX_NAMED
    return [*lines, f"left out: {more:,} more (--json lists all)"] if more > 0 else lines


# --- a training ---


def start_line(trainer: "Trainer") -> str:
    """How many stars train, what is left out, and where the training starts."""
    parts = [f"{len(trainer.data):,} stars to train on"]
    if trainer.left_out:
        parts.append(f"{trainer.left_out:,} left out (without a needed label, or not usable)")
    if trainer.history:
        parts.append(f"resuming after epoch {len(trainer.history)} of {trainer.config.training.epochs}")
    elif trainer.decoder.means:
        parts.append("fitting the mean spectrum first")
    if not len(trainer.validation_ids):
        parts.append("none validates, so the figures of an epoch are those of the stars that trained it")
    unknown = [n for n in trainer.config.adversary.nuisances if n not in trainer.known_nuisances]
    if unknown:
        parts.append(f"no star has a known {' or '.join(unknown)}, so the latent is not trained to hold it")
    return "; ".join(parts)


def epoch_line(record: "EpochRecord") -> str:
    """An epoch on one line: losses, each discriminator's accuracy against chance, time left."""
    parts = [
        f"epoch {record.epoch:>{len(str(record.epochs))}}/{record.epochs}",
        f"loss {record.loss:7.4f}",
        f"rec {record.reconstruction:.4f}",
        f"mse {record.reconstruction_mse:.2e}",
    ]
    if record.heads:
        parts.append(f"heads {record.heads:.3f}")
    accuracies = [
        f"{parameter(name).plain} {accuracy:.0%}/{record.chance[name]:.0%}"
        for name, accuracy in record.discriminator_accuracy.items()
    ]
    if accuracies:
        parts.append(f"accuracy/chance {'  '.join(accuracies)}")
    return "  ".join([*parts, f"{duration(record.seconds_left)} left"])


# --- results ---


def facts(result: dict[str, Any]) -> str:
    """A result as aligned `name  value` lines; what is empty or was said before is left out."""
    told = {k: v for k, v in result.items() if k not in IN_JSON_ALONE and v not in ({}, [], None)}
    lines = {k.replace("_", " "): _fact(v) for k, v in told.items()}
    width = max(map(len, lines), default=0)
    return "\n".join(f"{k:<{width}}  {v}" for k, v in lines.items())


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return _listed([f"{k} {_fact(v)}" for k, v in value.items()])
    if isinstance(value, (list, tuple)):
        return _listed(list(map(_fact, value)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else shown(str(value))


def _listed(values: list[str]) -> str:
    more = len(values) - MAX_LISTED
    return ", ".join(values[:MAX_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    lines = [[shown(cell) for cell in line] for line in (header, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(_row(line, widths) for line in lines)


def _row(cells: list[str], widths: list[int]) -> str:
    right = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join([cells[0].ljust(widths[0]), *right[1:]]).rstrip()


def heading(name: str) -> str:
    """A label as the header of a column, with its unit."""
    p = parameter(name)
    return f"{p.plain} [{p.unit}]" if p.unit else p.plain
