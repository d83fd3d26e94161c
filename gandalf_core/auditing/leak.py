"""One removed label in one latent: is anything told, how much is read, and how much may have been missed.

Shapes: N stars, Z latent, K kept labels, T removed labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from .bits import bits
from .decisions import FALSE_ALARMS
from .excess import joint_readings, partial_r2
from .features import NARROW, feature_sets
from .floor import Floor, fit_floor
from .innocence import Innocence, unlearned
from .label_errors import NoiseFree, floor_loss, noise_free
from .leak_test import (
    DEALS,
    MOMENT_DEALS,
    Directions,
    Evidence,
    Reader,
    add_kernel,
    add_single,
    all_scores,
    directions,
    evidence,
    targets,
)
from .limits import Limits, Trial, limits
from .probes import ALL_PROBES, Probing, Reading
from .ridge import FoldedRidge
from .strata import Stratum, strata

NOTHING_OPEN = 1e-6  # a residual variance below this part of the label's: the kept labels tell it all
UNKNOWN = Limits(float("inf"), float("inf"))


@dataclass(frozen=True, eq=False)
class Leak:
    """What a latent tells of one removed label beyond the kept ones.

    `p`: of "nothing"; `partial` and `excess`: what the best reader reads, a lower bound; `linear` and
    `even`: what would have been found and what may have been missed, for a leak of the value and for one of
    random sign (None where it was not tried); `bits`; `strata`; `given_removed`: the same for a reader who
    also knows the other removed labels; `noise_free`: what would be left if the kept labels had no errors,
    where these are known; `typical_errors`: where they are not, what errors of a catalogue could make;
    `unlearned`: the share of what is open that the kept labels could still tell.
    """

    joint: Reading
    floor: Reading
    p: float
    reader: Reader | None
    linear: Limits = UNKNOWN
    even: Limits | None = None
    bits: float = 0.0
    strata: list[Stratum] = field(default_factory=list)
    given_removed: "Leak | None" = None
    noise_free: NoiseFree | None = None
    typical_errors: float | None = None
    unlearned: float = 0.0

    @property
    def excess(self) -> float:
        return self.joint.r2 - self.floor.r2

    @property
    def partial(self) -> float:
        return partial_r2(self.joint, self.floor)

    @property
    def flagged(self) -> bool:
        """True when the test finds the label in the latent; an innocent one is flagged in 1 of 40 audits."""
        return self.p <= FALSE_ALARMS


class Examination:
    """A latent (N, Z), kept labels (N, K) and removed labels (N, T) with all that several answers share."""

    def __init__(
        self,
        z: np.ndarray,
        kept: np.ndarray,
        y: np.ndarray,
        probing: Probing = ALL_PROBES,
        floor: Floor | None = None,
    ):
        self.z, self.kept, self.y = (np.asarray(a, np.float64) for a in (z, kept, y))
        self.probing = probing
        self.floor = floor or fit_floor(self.kept, self.y, probing)
        self.folds = self.floor.folds
        self.innocence = Innocence(self.floor.residual, self.kept, DEALS + MOMENT_DEALS, probing.seed)
        self.sets = feature_sets(self.z, self.kept, probing.seed)

    @cached_property
    def beyond(self) -> dict[str, np.ndarray]:
        """{name: (N, D)} the sets of functions of the latent, off the kept labels."""
        return {name: self.innocence.beyond_kept(x) for name, x in self.sets.items()}

    @cached_property
    def directions(self) -> dict[str, Directions]:
        return directions(self.beyond)

    @cached_property
    def ridges(self) -> dict[str, FoldedRidge]:
        return {name: FoldedRidge(x, self.folds) for name, x in self.beyond.items() if x.shape[1]}

    def columns(self, label: int) -> dict[str, np.ndarray]:
        """{target: (N, 1 + M)} the targets of one label as they are and dealt."""
        return {n: self.innocence.dealt(t) for n, t in targets(self.innocence, label).items()}

    def evidence(self, columns: Mapping[str, np.ndarray]) -> Evidence:
        """What the readers find in these targets."""
        scores = all_scores(self.directions, columns)
        if "axes" in self.sets:
            add_single(scores, np.hstack([self.beyond["linear"], self.beyond["axes"]]), columns)
        if self.sets["linear"].shape[1] > NARROW:
            add_kernel(scores, self.sets["linear"], columns)
        return evidence(scores)

    def is_open(self, label: int) -> bool:
        """Whether the kept labels leave anything of the label open."""
        return self.floor.residual[:, label].var() > NOTHING_OPEN * self.y[:, label].var()


def leak_test(examination: Examination, label: int) -> tuple[float, Reader | None]:
    """p and the strongest reader for one removed label: the test alone."""
    if not examination.is_open(label):
        return 1.0, None
    seen = examination.evidence(examination.columns(label))
    return seen.p, seen.reader


def conditional_leaks(examination: Examination, *, thorough: bool = True) -> list[Leak]:
    """The leak of each removed label; without `thorough` only p and what is read."""
    e = examination
    joint, readings = joint_readings(e.ridges, e.z, e.kept, e.floor, e.probing)
    floors = e.floor.readings()
    if not thorough:
        return [Leak(j, f, *leak_test(e, t)) for t, (j, f) in enumerate(zip(joint, floors, strict=True))]
    leaks = []
    for label, (j, f) in enumerate(zip(joint, floors, strict=True)):
        here = {name: r[:, label] for name, r in readings.items()}
        leaks.append(_one_leak(e, label, j, f, here))
    if e.y.shape[1] > 1:
        leaks = [replace(leak, given_removed=_given_removed(e, t)) for t, leak in enumerate(leaks)]
    return leaks


def with_label_errors(e: Examination, leaks: list[Leak], errors: np.ndarray) -> list[Leak]:
    """The leaks with what would be left of each if the kept labels had no errors (N, K)."""
    if not errors.any():
        return leaks
    found = noise_free(e.z, e.kept, e.y, errors, e.probing)
    return [replace(leak, noise_free=f) for leak, f in zip(leaks, found, strict=True)]


def with_typical_errors(e: Examination, leaks: list[Leak], errors: np.ndarray) -> list[Leak]:
    """The leaks with what errors (K,) of the kept labels could make of them, where none are known."""
    if not e.kept.shape[1]:
        return leaks
    made = floor_loss(e.kept, e.y, np.broadcast_to(errors, e.kept.shape), e.probing)
    return [replace(leak, typical_errors=float(m)) for leak, m in zip(leaks, made, strict=True)]


def _one_leak(
    e: Examination, label: int, joint: Reading, floor: Reading, readings: dict[str, np.ndarray]
) -> Leak:
    if not e.is_open(label):
        return Leak(joint, floor, 1.0, None)
    columns = e.columns(label)
    seen = e.evidence(columns)
    trial = Trial(e.innocence, e.directions, columns, seen)
    alone = {n: t for n, t in targets(e.innocence, label).items() if n in ("value", "magnitude", "tails")}
    return Leak(
        joint,
        floor,
        seen.p,
        seen.reader,
        linear=limits("linear", trial),
        even=limits("quadratic", trial) if 0 < e.sets["linear"].shape[1] <= NARROW else None,
        bits=bits(e.ridges, alone, e.innocence.unit[:, label], e.kept),
        unlearned=unlearned(e.floor.residual[:, label], e.kept),
        strata=strata(e.sets["linear"], e.innocence, columns, floor, readings, e.folds),
    )


def _given_removed(e: Examination, label: int) -> Leak:
    """The leak of one removed label for a reader who knows the other removed ones too; ridge alone reads."""
    others = np.delete(e.y, label, 1)
    closed = replace(e.probing, probes=("ridge",))
    joined = Examination(e.z, np.hstack([e.kept, others]), e.y[:, [label]], closed)
    joint, readings = joint_readings(joined.ridges, joined.z, joined.kept, joined.floor, closed)
    here = {name: r[:, 0] for name, r in readings.items()}
    return _one_leak(joined, 0, joint[0], joined.floor.readings()[0], here)
