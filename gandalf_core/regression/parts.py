"""Which stars do what when a regressor is fitted: no star trains it and calibrates it.

Shapes: N stars, P labels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .conformal import FOLDS, MIN_SCORES, MIN_UNSEEN

TENTH, MOST = 0.1, 2000  # of the stars, in each of the two parts that are held out
MANY = 1000  # calibrating stars promise 68 % to within 1.5 %
MIN_STOPPING = 20  # fewer cannot say when to stop


@dataclass(frozen=True, eq=False)
class Parts:
    """Masks (N,), true for the stars with that part; the others train.

    Attributes
    ----------
    stop: decide when to stop, and tell where error bars are wider.
    calibrate: tell how wide. They are neither among those that stop nor among those that train.
    special: the calibrating stars alone are unseen by an encoder that made the inputs; otherwise all stars
        are alike.
    """

    stop: np.ndarray
    calibrate: np.ndarray
    special: bool = False

    @classmethod
    def drawn(cls, n_stars: int, seed: int = 0) -> "Parts":
        """All stars are alike: a tenth calibrates and a tenth stops, more where there are few."""
        order = np.random.default_rng(seed).permutation(n_stars)
        calibrating = round(_share(n_stars, MANY, n_stars / 4))
        stopping = _stopping(n_stars)
        return cls(
            _mask(n_stars, order[calibrating : calibrating + stopping]), _mask(n_stars, order[:calibrating])
        )

    @classmethod
    def of_unseen(cls, unseen: np.ndarray, seed: int = 0) -> "Parts":
        """`unseen` (N,): stars that an encoder never saw. They calibrate, but for a quarter that stops.

        No quarter stops where too few would be left. With more than half of the stars unseen the encoder is
        from elsewhere, and all stars are alike.
        """
        if unseen.sum() > len(unseen) / 2:
            return cls.drawn(len(unseen), seed)
        rows = np.random.default_rng(seed).permutation(np.flatnonzero(unseen))
        first = min(len(rows) // 4, max(0, len(rows) - MIN_UNSEEN))
        return cls(_mask(len(unseen), rows[:first]), _mask(len(unseen), rows[first:]), special=True)

    def __post_init__(self) -> None:
        if (self.stop & self.calibrate).any():
            raise ValueError("a star cannot both stop and calibrate a fit")

    @property
    def train(self) -> np.ndarray:
        """(N,) true for the stars that train."""
        return ~(self.stop | self.calibrate)

    def enough(self, known: np.ndarray) -> bool:
        """True where so many stars calibrate that the fit need not be crossed.

        known: (N, P) true where a star has the label. One label must be known for `MIN_UNSEEN` calibrating
        stars and, where a crossed fit would find more, every label for `MIN_SCORES`.
        """
        counts = known[self.calibrate].sum(0)
        return bool(counts.max() >= MIN_UNSEEN and (self.special or counts.min() >= MIN_SCORES))

    def seen(self, known: np.ndarray) -> bool:
        """True where a crossed fit must calibrate on stars that the encoder has seen.

        known: as in `enough`.
        """
        return bool(self.special and known[self.calibrate].sum(0).max() < MIN_SCORES)

    def able_to_stop(self, seed: int) -> "Parts":
        """Itself, or with some training stars that stop instead, where too few do."""
        if self.stop.sum() >= MIN_STOPPING:
            return self
        training = np.flatnonzero(self.train)
        drawn = np.random.default_rng(seed).permutation(training)[: _stopping(len(training))]
        return Parts(self.stop | _mask(len(self.stop), drawn), self.calibrate, self.special)

    def folds(self, known: np.ndarray, seed: int) -> Iterator["Parts"]:
        """One fit per fold of the stars that are as good as new ones; the stars of the fold calibrate it.

        These are the calibrating stars where they alone are unseen, otherwise all stars. known: as in
        `enough`.
        """
        alone = self.special and not self.seen(known)
        rotating = self.calibrate if alone else np.ones(len(self.stop), bool)
        stop = self.stop & ~rotating
        rows = np.random.default_rng(seed).permutation(np.flatnonzero(rotating))
        for k in range(FOLDS):
            fold = _mask(len(rotating), rows[k::FOLDS])
            yield Parts(stop, fold, self.special).able_to_stop(seed)


def _share(n_stars: int, at_least: float, at_most: float) -> float:
    """A tenth of the stars, or `at_least` where that is more, but no more than `at_most` and `MOST`."""
    return min(MOST, max(TENTH * n_stars, min(at_least, at_most)))


def _stopping(n_stars: int) -> int:
    return round(_share(n_stars, MIN_UNSEEN, n_stars / 6))


def _mask(n_stars: int, rows: np.ndarray) -> np.ndarray:
    mask = np.zeros(n_stars, bool)
    mask[rows] = True
    return mask
