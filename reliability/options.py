"""What an attack may be told: how long, and with which seed."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """quick: the short form, which CI runs. seed: of everything random. count: how many attacks.

    screenshots: a folder for pictures of pages, where the attack shows any.
    """

    quick: bool = False
    seed: int = 0
    count: int | None = None
    screenshots: Path | None = None

    def number(self, short: int, long: int) -> int:
        """How many attacks: `count`, or the number for this form."""
        if self.count is not None:
            return self.count
        return short if self.quick else long
