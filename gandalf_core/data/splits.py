"""Which stars serve what: by star, fixed by a seed, whatever the order of the rows. No star serves twice."""

import re
from typing import NamedTuple

import numpy as np

from ..seeds import HELD_BACK_SEED, SPLIT_SEED

TEST_FRACTION = 0.2  # the paper's 80/20: 51,444 and 12,861 of 64,305
# of the training split, held back from the networks: a twentieth, the calibrating stars more where few are
TWENTIETH, MOST = 0.05, 2000
TENTH, ENOUGH = 0.1, 500
UNIFORM = r"sim\d+u-\d+"  # ids of simulated stars dealt uniformly: no sample of the sky, so they only train


class Division(NamedTuple):
    """Rows of a sample by what they serve, each in increasing order; all but `test` are the training split.

    fitting: train the networks and regressors, and validate them.  calibration: say how wide error bars are.
    reference: how far ordinary stars stray.  test: judge the model, and nothing else.
    """

    fitting: np.ndarray
    calibration: np.ndarray
    reference: np.ndarray
    test: np.ndarray

    @property
    def training(self) -> np.ndarray:
        """Rows of the whole training split, in increasing order."""
        return np.sort(np.concatenate([self.fitting, self.calibration, self.reference]))

    def among(self, mask: np.ndarray) -> "Division":
        """The rows for which the mask (N,) is true."""
        return Division(*(rows[mask[rows]] for rows in self))


def split(
    ids: np.ndarray, test_fraction: float = TEST_FRACTION, seed: int = SPLIT_SEED
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that train and rows that test, each in increasing order.

    ids: (N,) strings; stars with the same id land on the same side. The choice depends only on the set of ids
    and the seed. Simulated stars that were dealt uniformly train, unless all were.
    """
    unique, inverse = np.unique(np.asarray(ids, dtype=str), return_inverse=True)
    judging = of_population(unique)
    order = np.random.default_rng(seed).permutation(len(judging))
    is_test = np.zeros(len(unique), bool)
    is_test[judging[order[: round(test_fraction * len(judging))]]] = True
    return np.flatnonzero(~is_test[inverse]), np.flatnonzero(is_test[inverse])


def of_population(ids: np.ndarray) -> np.ndarray:
    """Rows of the ids (N,) that stand for the population: all but simulated stars dealt uniformly.

    Only they test, calibrate or are compared with, and a mean spectrum is theirs. All, if all were dealt so.
    """
    uniform = np.array([re.fullmatch(UNIFORM, i) is not None for i in ids.tolist()], bool)
    return np.arange(len(ids)) if uniform.all() else np.flatnonzero(~uniform)


def division(ids: np.ndarray) -> Division:
    """The whole division of a sample (N,): `split`, and `held_back` of its training side."""
    ids = np.asarray(ids, dtype=str)
    training, test = split(ids)
    fitting, calibration, reference = (training[rows] for rows in held_back(ids[training]))
    return Division(fitting, calibration, reference, test)


def held_back(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of a training split (N,): those that fit, those that calibrate, and those of the reference.

    The choice depends only on the set of ids.
    """
    unique, inverse = np.unique(np.asarray(ids, dtype=str), return_inverse=True)
    judging = of_population(unique)
    count = len(judging)
    calibrating = round(min(MOST, max(TWENTIETH * count, min(ENOUGH, TENTH * count))))
    compared = round(min(MOST, TWENTIETH * count))
    order = np.random.default_rng(HELD_BACK_SEED).permutation(count)
    part = np.zeros(len(unique), int)
    part[judging[order[:calibrating]]] = 1
    part[judging[order[calibrating : calibrating + compared]]] = 2
    fitting, calibration, reference = (np.flatnonzero(part[inverse] == k) for k in range(3))
    return fitting, calibration, reference
