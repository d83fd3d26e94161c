"""Does a latent tell anything at all of a label, beyond the kept labels? A test at its level, not an amount.

Readers in closed form: ridge on sets of functions of the latent, for several targets (what is left of the
label, its magnitude, its tails, its products with other removed labels) and penalties. A reader's score is
the share of the target that it fits; how large chance makes a score is seen in the same labels dealt anew
(`innocence.Innocence`), and one projection serves all deals. Scores become tail probabilities, these are
weighted and the strongest counts; how often a deal has a stronger one is the p value, so that it holds its
level whatever the readers are (a permutation test: the observed labels are one deal among others).
Shapes: N stars, D functions, R readers, 1 + M columns of labels: the observed ones and M deals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .decisions import FALSE_ALARMS
from .innocence import Innocence, orthonormal

DEALS, MOMENT_DEALS = 300, 300  # for the p value; for the mean and spread of each score, which must be others
LINEAR, VALUE = "linear", "value"
LINEAR_WEIGHT, QUADRATIC_WEIGHT = 0.4, 0.1  # of the false alarms; all other readers share the rest
# penalties per unit variance and star; the linear set goes down to where rounding begins
PENALTIES = {LINEAR: (0.0, 0.03), "axes": (0.003, 0.1), "tails": (0.01, 0.1), "with kept": (0.01, 0.1)}
OTHER_PENALTIES = (0.01, 0.3)
FINEST = {LINEAR: 1e-10}  # directions weaker than this part of the strongest are rounding
CLIP, PRODUCT_CLIP, OUTER = 1.5, 2.0, (0.15, 0.85)  # of targets, in spreads; quantiles that bound the tails
KERNEL_BLOCK = 512  # stars of the kernel matrix that are in memory at a time


class Reader(NamedTuple):
    """Which functions of the latent, which target of the label, how strongly shrunk."""

    features: str
    target: str
    penalty: float


class Directions(NamedTuple):
    """Orthonormal directions of a set of functions beyond the kept labels, and their strengths."""

    u: np.ndarray  # (N, D)
    strength: np.ndarray  # (D,)

    def shrinkage(self, penalty: float) -> np.ndarray:
        """(D,) the factors by which ridge with this penalty shrinks each direction."""
        square = np.square(self.strength)
        return square / (square + penalty * len(self.u))


@dataclass(eq=False)
class Scores:
    """The scores (R, 1 + M) of the readers, with the skewness (R,) that theory gives them."""

    readers: list[Reader] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)
    skewness: list[float] = field(default_factory=list)

    def add(self, reader: Reader, row: np.ndarray, skewness: float) -> None:
        self.readers.append(reader)
        self.rows.append(row)
        self.skewness.append(skewness)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Weighted surprise of each reader at the observed labels and at DEALS others, and what became of it."""

    readers: list[Reader]
    surprise: np.ndarray  # (R, 1 + DEALS)
    mean: np.ndarray  # (R, 1) of the scores of innocent labels
    spread: np.ndarray  # (R, 1)
    skewness: np.ndarray  # (R, 1)
    bonus: np.ndarray  # (R, 1) log weights

    @property
    def strongest(self) -> np.ndarray:
        """(1 + DEALS,) the surprise of the strongest reader."""
        return self.surprise.max(0) if len(self.surprise) else np.zeros(1 + DEALS)

    @property
    def p(self) -> float:
        return p_value(self.strongest[0], self.strongest[1:])

    @property
    def reader(self) -> Reader | None:
        """The reader that was surprised most; None where the latent does not vary."""
        return self.readers[int(self.surprise[:, 0].argmax())] if len(self.surprise) else None

    @property
    def threshold(self) -> float:
        """The surprise beyond which the test rejects."""
        allowed = int(FALSE_ALARMS * (1 + DEALS)) - 1  # so many deals may be as surprising
        return float(np.sort(self.strongest[1:])[::-1][allowed])

    def of_reader(self, row: int, scores: np.ndarray) -> np.ndarray:
        """Weighted surprise of further scores (·) of the reader at `row`."""
        return self.bonus[row] + surprise(scores, self.mean[row], self.spread[row], self.skewness[row])


def p_value(observed: float, deals: np.ndarray) -> float:
    """The share of observed and dealt labels (M,) that are at least as surprising as the observed ones."""
    return float((1 + (deals >= observed).sum()) / (1 + len(deals)))


# --- directions and targets ---


def directions(beyond: Mapping[str, np.ndarray]) -> dict[str, Directions]:
    """{name: directions} of each set of functions (N, D) off the kept labels."""
    found = {name: _directions(x, FINEST.get(name)) for name, x in beyond.items()}
    return {name: Directions(u.astype(np.float32), strength) for name, (u, strength) in found.items()}


def _directions(x: np.ndarray, finest: float | None) -> tuple[np.ndarray, np.ndarray]:
    """By singular values where tiny directions count, else by the smaller eigenproblem of xᵀx."""
    if finest is not None:
        return orthonormal(x, finest)
    values, vectors = np.linalg.eigh(x.T @ x)
    keep = values > 1e-9 * max(values[-1], 1e-300)
    strength = np.sqrt(values[keep])
    return x @ (vectors[:, keep] / strength), strength


def targets(innocence: Innocence, label: int) -> dict[str, np.ndarray]:
    """{name: (N,)} what may be told of the residual of one label, alone and together with each other one."""
    x = innocence.unit[:, label]
    low, high = np.quantile(x, OUTER)
    alone = {
        VALUE: x,
        "clipped": np.clip(x, -CLIP, CLIP),
        "magnitude": np.abs(x),
        "tails": np.where((x < low) | (x > high), 1.0, 0.0),
    }
    clipped = np.clip(innocence.unit, -PRODUCT_CLIP, PRODUCT_CLIP)
    others = [j for j in range(clipped.shape[1]) if j != label]
    return alone | {f"with label {j}": clipped[:, label] * clipped[:, j] for j in others}


# --- scores ---


def all_scores(found: Mapping[str, Directions], columns: Mapping[str, np.ndarray]) -> Scores:
    """The score of every reader: the share of each target that ridge fits, for {target: (N, 1 + M)}."""
    scores, names = Scores(), list(columns)
    together = np.hstack([columns[t] for t in names])
    for name, axes in found.items():
        power = np.square(axes.u.T @ together)
        if not len(power):
            continue
        for penalty in PENALTIES.get(name, OTHER_PENALTIES):
            shrink = axes.shrinkage(penalty)
            skewness = np.sqrt(8) * (shrink**3).sum() / (shrink**2).sum() ** 1.5  # of a sum of squares
            for target, row in zip(names, np.split(shrink @ power, len(names)), strict=True):
                scores.add(Reader(name, target, penalty), row, skewness)
    return scores


def add_single(scores: Scores, x: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
    """The best single function of x (N, D), off the kept labels, where one of hundreds tells."""
    unit = (x / np.maximum(np.linalg.norm(x, axis=0), 1e-300)).astype(np.float32)
    for target, column in columns.items():
        scores.add(Reader("one function", target, 0.0), np.square(unit.T @ column).max(0), 1.2)


def add_kernel(scores: Scores, w: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
    """All products of two dimensions of a wide whitened latent w (N, D), by their kernel (w·w′)²."""
    names = [t for t in columns if t != "tails"]
    together = np.hstack([columns[t] for t in names]).astype(np.float32)
    small, total = (w / np.sqrt(w.shape[1])).astype(np.float32), np.zeros(together.shape[1])
    for start in range(0, len(w), KERNEL_BLOCK):
        rows = slice(start, start + KERNEL_BLOCK)
        kernel = np.square(small[rows] @ small.T)
        kernel[np.arange(len(kernel)), np.arange(start, start + len(kernel))] = 0
        total += ((kernel @ together) * together[rows]).sum(0)
    for target, row in zip(names, np.split(total, len(names)), strict=True):
        scores.add(Reader("all products", target, 0.0), row, 0.3)


# --- evidence ---


def evidence(scores: Scores) -> Evidence:
    """What the scores (R, 1 + DEALS + MOMENT_DEALS) amount to; the last deals give mean and spread."""
    rows = np.array(scores.rows).reshape(-1, 1 + DEALS + MOMENT_DEALS)
    seen, others = rows[:, : 1 + DEALS], rows[:, 1 + DEALS :]
    mean, spread = others.mean(1, keepdims=True), np.maximum(others.std(1, keepdims=True), 1e-300)
    skewness = np.clip(np.array(scores.skewness)[:, None], 0.05, 3)
    bonus = np.log(weights(scores.readers))[:, None]
    return Evidence(
        scores.readers, bonus + surprise(seen, mean, spread, skewness), mean, spread, skewness, bonus
    )


def surprise(scores: np.ndarray, mean: np.ndarray, spread: np.ndarray, skewness: np.ndarray) -> np.ndarray:
    """−log of the chance of so large a score, from a Pearson III (shifted gamma) law of these moments."""
    from scipy.special import gammaincc

    shape = 4 / np.square(skewness)
    argument = np.maximum(shape + (scores - mean) / spread * np.sqrt(shape), 0)
    return -np.log(np.maximum(gammaincc(shape, argument), 1e-300))


def weights(readers: list[Reader]) -> np.ndarray:
    """(R,) the share of the false alarms that each reader may cause."""
    plain = [(r.features, r.target) for r in readers]
    special = {(LINEAR, VALUE): LINEAR_WEIGHT, ("quadratic", VALUE): QUADRATIC_WEIGHT}
    rest = sum(p not in special for p in plain)
    share = (1 - LINEAR_WEIGHT - QUADRATIC_WEIGHT) / max(rest, 1)
    return np.array([special.get(p, share) for p in plain])
