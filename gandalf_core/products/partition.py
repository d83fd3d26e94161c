"""What becomes of the stars of one partition of a catalogue."""

from dataclasses import replace
from itertools import islice

from ..data.spectra import SpectraSet
from ..errors import SpectraError
from ..io.parquet_groups import Part
from ..io.read import reject, usable_of
from ..io.understanding import Understanding, added, understandings
from .tasks import Piece, Task

MAX_CAUSES = 100  # stars without a result whose cause is kept for each partition; the others are only counted


class Partition:
    """What becomes of the stars of one file.

    unread: whether it could not be read for a cause that may pass, such as a missing permission.
    """

    def __init__(self, name: str, task: Task) -> None:
        self.name, self.task = name, task
        self.stars = self.left_out = 0
        self.rejected: dict[str, str] = {}
        self.read: list[Understanding] = []
        self.unread = False

    def pieces(self, part: Part) -> list[Piece]:
        """The output of a part's usable stars; the others are counted and, up to a limit, named."""
        causes: dict[str, str] = {}
        if isinstance(part.stars, SpectraError):
            key = part.name(self.name) if part.rows else self.name
            causes[key] = f"{key}: {part.stars}"
            cause = part.stars.__cause__
            self.unread |= isinstance(cause, OSError) and cause.errno is not None
            pieces, done = [], 0
        else:
            pieces, done = self._worked(part.stars, causes)
        self.stars += done
        self.left_out += part.rows - done
        for key, cause in islice(causes.items(), max(0, MAX_CAUSES - len(self.rejected))):
            reject(self.rejected, key, cause)
        return pieces

    def _worked(self, stars: SpectraSet, causes: dict[str, str]) -> tuple[list[Piece], int]:
        """The output of the usable stars, and how many there are."""
        for read in understandings(stars):
            self.read = added(self.read, replace(read, rejected={}))
        usable = usable_of(stars, self.task.wavelength_nm, self.name, causes)
        pieces, failures = self.task.pieces(usable)
        for row, cause in failures.items():
            star = str(usable.ids[row])
            reject(causes, star, f"{self.name}: star {star}: {cause}")
        return pieces, len(usable) - len(failures)
