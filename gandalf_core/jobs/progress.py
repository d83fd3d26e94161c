"""How long work tells how far it is: one signature for all of it."""

from collections.abc import Callable

Progress = Callable[[float, str], None]  # fraction that is done (0-1), what is being done


def silent(fraction: float, text: str) -> None:
    """The progress of work that nobody follows."""
