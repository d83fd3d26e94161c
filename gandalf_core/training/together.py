"""Several trainings in one loop: seeds of a configuration, or trials of a sweep.

Models of equal shapes take their steps together (stacked.py), each on its own batches, with its own random
numbers, λ and learning rates; each ends in the weights that it would have reached alone, to rounding.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch

from ..config.schema import to_json, with_fields
from ..errors import ModelError
from .records import EpochRecord
from .stacked import Stacked
from .step import stacked, update
from .trainer import Trainer, denormals_as_zero

# What may differ between models that train together, beside λ: on these no shape and no formula depends
FREE = {
    "name": "",
    "training.seed": 0,
    "training.epochs": 1,
    "training.learning_rate": 1.0,
    "training.schedule": "constant",
    "training.mean_epochs": 1,
    "training.mean_learning_rate": 1.0,
    "training.mean_shrinkage": 0.0,
    "training.validation_fraction": 0.0,
    "adversary.learning_rate": 1.0,
    "adversary.ramp_epochs": 0.0,
}


@dataclass(frozen=True)
class Finished:
    """An epoch that one of several trainings has finished, or the error that ended it.

    index: of the trainer, in the order given.
    """

    index: int
    record: EpochRecord | None
    error: ModelError | None = None


class Together:
    """Trainings that share their steps where their shapes are equal.

    `leave` takes one of them out: from its next epoch on the others share the steps among themselves.
    """

    def __init__(self, trainers: Iterable[Trainer]) -> None:
        self.trainers: list[Trainer] = []
        self._left: set[int] = set()
        for trainer in trainers:  # made one by one, so that equal stars are never held twice for long
            _share_equal_stars(trainer, self.trainers)
            self.trainers.append(trainer)

    def leave(self, index: int) -> None:
        """Stop this training after its last finished epoch."""
        self._left.add(index)

    def stop(self) -> None:
        """Stop all after the epoch that they are in."""
        self._left = set(range(len(self.trainers)))

    def epochs(self) -> Iterator[Finished]:
        """Train all to their last epochs, yielding each epoch of each.

        A training that diverges ends with an error; the others go on. A caller who stops iterating leaves
        every trainer at its last finished epoch, where `Trainer.save_checkpoint` stores it.
        """
        while groups := self._groups():
            for group in groups:
                yield from self._epochs_of(group)

    def _groups(self) -> list[list[int]]:
        """Indices of the trainings that are not finished, those of equal shapes together."""
        groups: dict[Hashable, list[int]] = {}
        for index in self._running(range(len(self.trainers))):
            groups.setdefault(shapes(self.trainers[index]), []).append(index)
        return list(groups.values())

    def _running(self, indices: Iterable[int]) -> list[int]:
        return [i for i in indices if i not in self._left and not self.trainers[i].finished]

    def _epochs_of(self, group: list[int]) -> Iterator[Finished]:
        """The epochs of some trainings, as long as the same ones go on."""
        trainers = [self.trainers[i] for i in group]
        if len(group) == 1:
            yield self._outcome(group[0], lambda: next(trainers[0].epochs()))
            return
        for trainer in trainers:
            trainer.start_epoch()
        stack = _stack(trainers)
        try:
            while True:
                yield from self._one_epoch(group, stack)
                if self._running(group) != group:
                    return
                for trainer in trainers:
                    trainer.start_epoch()
        finally:
            stack.release()

    @denormals_as_zero()
    def _one_epoch(self, group: list[int], stack: Stacked) -> list[Finished]:
        trainers, started = [self.trainers[i] for i in group], time.perf_counter()
        totals = torch.zeros(len(group), 4, device=trainers[0].device)
        for step in range(trainers[0].steps):
            totals += update(stack, stacked([t.feed(step) for t in trainers]), trainers[0].updates)
        share = (time.perf_counter() - started) / len(group)

        def finish(k: int) -> EpochRecord:
            return trainers[k].finish_epoch(totals[k] / trainers[k].steps, share, len(group))

        return [self._outcome(index, partial(finish, k)) for k, index in enumerate(group)]

    def _outcome(self, index: int, finish: Callable[[], EpochRecord]) -> Finished:
        try:
            return Finished(index, finish())
        except ModelError as error:
            self.leave(index)
            return Finished(index, None, error)


def shapes(trainer: Trainer) -> Hashable:
    """Equal for trainings that can take their steps together."""
    config, adversary = trainer.config, trainer.adversary
    if config.adversary.joint:  # its loss looks at the stars before it chooses a formula
        return id(trainer)
    ones = dict.fromkeys(config.adversary.nuisances, 1.0)
    alike = {
        "adversary.lambdas": {},
        "adversary.nuisances": ones,
        "model.noise": float(config.model.noise > 0),
    }
    readers = len(adversary.watched), len(adversary.with_heads), len(adversary.seen_columns)
    removed = adversary.removed_rows if adversary.dependence else ()
    data = {n: (str(v.dtype), v.shape[1:]) for n, v in trainer.data.tensors().items()}
    fields = {name: shape for name, shape in data.items() if name not in ("bins", "target")}
    formulas = to_json(with_fields(config, FREE | alike))
    return formulas, readers, tuple(removed), trainer.steps, str(trainer.device), str(fields)


def _stack(trainers: list[Trainer]) -> Stacked:
    return Stacked(
        [t.learner for t in trainers], [t.optimiser for t in trainers], [t.opponent for t in trainers]
    )


def _share_equal_stars(trainer: Trainer, others: list[Trainer]) -> None:
    """Hold spectra that a training has in common with another one only once."""
    for other in others:
        if trainer.data.x.shape == other.data.x.shape and torch.equal(trainer.data.x, other.data.x):
            trainer.data = replace(trainer.data, x=other.data.x)
            return
