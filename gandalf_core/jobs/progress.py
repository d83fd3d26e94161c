"""How long-running work reports its progress: one signature everywhere."""

from collections.abc import Callable

Progress = Callable[[float, str], None]  # fraction done (0 to 1), what is being done


def silent(fraction: float, text: str) -> None:
    """A `Progress` that reports to nobody."""


def part_of(progress: Progress, number: int, total: int) -> Progress:
    """The progress of one of `total` equal parts, of which `number` are done."""

    def scaled(fraction: float, text: str) -> None:
        progress((number + fraction) / total, text)

    return scaled
