"""What a command says: messages and progress on standard error, the result on standard output."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ..io.plain import jsonable
from ..jobs.folder import JobWriter
from ..parameters import parameter


class Console:
    """Where a running command speaks; `job` additionally follows it in a folder."""

    def __init__(self, job: JobWriter | None = None) -> None:
        self.job = job

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
        if self.job:
            self.job.update(message=text)

    def progress(self, fraction: float, text: str) -> None:
        """A step of a long command; `fraction` of it is done (0-1)."""
        print(f"{fraction:4.0%}  {text}", file=sys.stderr, flush=True)
        if self.job:
            self.job.update(message=text, fraction=fraction)

    def training(self, trainer) -> None:
        """A training begins, or goes on after the epochs that its history holds."""
        say = f"{len(trainer.data):,} stars to train on"
        say += f", {trainer.left_out:,} left out for want of a label" if trainer.left_out else ""
        say += (
            f"; after epoch {len(trainer.history)} of {trainer.config.training.epochs}"
            if trainer.history
            else ""
        )
        say += "; the mean spectrum first" if trainer.decoder.means and not trainer.history else ""
        idle = [n for n in trainer.config.adversary.nuisances if n not in trainer.told]
        say += (
            f"; no star's {' or '.join(idle)} is known, so the latent is not asked to hold that"
            if idle
            else ""
        )
        self.say(say)
        if self.job:
            self.job.restart_metrics([jsonable(asdict(r)) for r in trainer.history])

    def epoch(self, record) -> None:
        """A finished epoch of training."""
        print(epoch_line(record), file=sys.stderr, flush=True)
        if self.job:
            self.job.update(
                epoch=record.epoch,
                epochs=record.epochs,
                fraction=record.epoch / record.epochs,
                seconds_left=record.seconds_left,
                message=epoch_line(record),
            )
            self.job.add_metrics(jsonable(asdict(record)))


def epoch_line(record) -> str:
    """One line: epoch, losses, each discriminator's accuracy against chance, time left."""
    parts = [
        f"epoch {record.epoch:>{len(str(record.epochs))}}/{record.epochs}",
        f"loss {record.loss:7.4f}",
        f"rec {record.reconstruction:.4f}",
        f"mse {record.reconstruction_mse:.2e}",
    ]
    if record.heads:
        parts.append(f"heads {record.heads:.3f}")
    accuracies = (
        f"{parameter(n).plain} {a:.0%}/{record.chance[n]:.0%}"
        for n, a in record.discriminator_accuracy.items()
    )
    watched = "  ".join(accuracies)
    parts += [f"accuracy/chance {watched}"] if watched else []
    return "  ".join([*parts, f"{duration(record.seconds_left)} left"])


def duration(seconds: float) -> str:
    """Seconds as people say them: 45 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


# --- results ---


def facts(result: dict[str, Any]) -> str:
    """A result as aligned `name  value` lines; an empty value is left out."""
    shown = {k.replace("_", " "): _fact(v) for k, v in result.items() if v not in ({}, [], None)}
    width = max(map(len, shown), default=0)
    return "\n".join(f"{k:<{width}}  {v}" for k, v in shown.items())


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_fact(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_fact, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(_row(line, widths) for line in lines)


def _row(cells: list[str], widths: list[int]) -> str:
    right = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join([cells[0].ljust(widths[0]), *right[1:]]).rstrip()


def heading(name: str) -> str:
    """A label as a terminal's column header, with its unit."""
    p = parameter(name)
    return f"{p.plain} [{p.unit}]" if p.unit else p.plain
