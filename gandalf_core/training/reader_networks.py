"""Fitting the networks of regressors with PyTorch: ensembles and folds in one stack, in two rounds.

In the first round a small network learns roughly. The mean outer product of its gradients tells in which
directions of the inputs the labels change (Radhakrishnan, Beaglehole, Pandit & Belkin 2024, Science 383,
1461); its root turns and stretches the inputs for the second round, so that the networks hear what matters
and need fewer stars. Both rounds are AdamW with one cycle of the learning rate, and every pass shows the
stars with fresh noise where the noise is known (`regression.inputs`).
Shapes: T tasks, E networks of a task, N stars, R inputs, Q labels, I inputs and O outputs of a layer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..jobs.progress import Progress, silent
from ..regression.inputs import with_unit_corner
from ..regression.network import ArrayNetwork
from ..regression.settings import RegressorSettings
from .reading_task import Fitted, ReadingTask
from .schedule import one_cycle

LEARNING_RATE, WARM_UP = 3e-3, 0.2
FEWEST_STEPS, FEWEST_PASSES = 1300, 30  # of the second round: more of both hardly help
BATCHES_PER_PASS, SMALLEST_BATCH, LARGEST_BATCH = 80, 32, 256
PATIENCE = 0.3  # of the passes, without a better prediction of the held-out stars
FIRST_ROUND, FIRST_HIDDEN = 0.2, (100, 100)  # of the steps; units of its network
GRADIENTS_OF = 4096  # stars, from which the directions are found


@dataclass(frozen=True)
class Round:
    """How long a round lasts: passes over the stars, stars in a batch, passes that may bring nothing."""

    passes: int
    batch: int
    patience: int

    @classmethod
    def of(cls, n_stars: int, settings: RegressorSettings, share: float = 1.0) -> "Round":
        """For so many training stars; share: of the steps that a second round takes."""
        wanted = 2 ** round(math.log2(max(n_stars / BATCHES_PER_PASS, 1)))
        batch = min(max(SMALLEST_BATCH, min(wanted, LARGEST_BATCH)), n_stars)
        passes = settings.max_iter
        if settings.early_stopping:
            passes = min(passes, max(FEWEST_PASSES, math.ceil(FEWEST_STEPS / (n_stars // batch))))
        passes = max(1, round(share * passes))
        return cls(passes, batch, math.ceil(PATIENCE * passes) if settings.early_stopping else passes)


def fit_networks(
    tasks: Sequence[ReadingTask], settings: RegressorSettings, progress: Progress
) -> list[Fitted]:
    """`settings.ensemble` networks for each task, whose mean predicts its checking rows best.

    All tasks have equally many inputs and labels, and take their steps together. Without early stopping, the
    networks are those of the last pass. progress: called after every pass of the second round with the
    fraction of the passes that may be needed, and the held-out loss. Equal seeds give equal networks on one
    machine at equal thread count. Raises ModelError when no pass of a task ends with a finite loss.
    """
    n_stars = min(len(task.train) for task in tasks)
    first = _Fit(tasks, replace(settings, hidden=FIRST_HIDDEN, ensemble=1), 0)
    first.run(Round.of(n_stars, settings, FIRST_ROUND), silent)
    turns = first.directions()
    turned = [replace(t, inputs=t.inputs.turned(turn)) for t, turn in zip(tasks, turns, strict=True)]
    second = _Fit(turned, settings, 1)
    epochs = second.run(Round.of(n_stars, settings), progress)
    return [
        Fitted([n.after(turn) for n in networks], [{"epochs": epochs, "held_out_loss": loss}])
        for turn, networks, loss in zip(turns, second.networks(), second.best_loss, strict=True)
    ]


class _Stack(nn.Module):
    """E networks for each of T tasks, with ReLU between layers: (T, N, R) → (T, E, N, Q)."""

    def __init__(self, tasks: int, ensemble: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.shape = tasks, ensemble
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in pairwise(sizes):
            bound, count = inputs**-0.5, tasks * ensemble  # the range of nn.Linear
            self.weights.append(nn.Parameter(torch.empty(count, inputs, outputs).uniform_(-bound, bound)))
            self.biases.append(nn.Parameter(torch.empty(count, 1, outputs).uniform_(-bound, bound)))

    def forward(self, x: Tensor) -> Tensor:  # (T, N, R) -> (T, E, N, Q)
        hidden = x.unsqueeze(1).expand(-1, self.shape[1], -1, -1).flatten(0, 1)  # (T·E, N, R)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden.relu() if layer else hidden, weight)
        return hidden.unflatten(0, self.shape)

    def of_task(self, number: int) -> list[ArrayNetwork]:
        """The networks of one task, as arrays."""
        weights = [w.detach().unflatten(0, self.shape)[number].numpy().copy() for w in self.weights]
        biases = [b.detach().unflatten(0, self.shape)[number, :, 0].numpy().copy() for b in self.biases]
        return [
            ArrayNetwork(tuple(w[k] for w in weights), tuple(b[k] for b in biases))
            for k in range(self.shape[1])
        ]


class _Fit:
    """A stack of networks and the tasks that it is fitted to, one round."""

    def __init__(self, tasks: Sequence[ReadingTask], settings: RegressorSettings, number: int) -> None:
        self.tasks, self.keep_best = tasks, settings.early_stopping
        self.rng = np.random.default_rng([settings.seed, number, *(len(task.train) for task in tasks)])
        sizes = (tasks[0].inputs.values.shape[1], *settings.hidden, tasks[0].labels.shape[1])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self.rng.integers(2**31)))
            self.stack = _Stack(len(tasks), settings.ensemble, sizes)
        groups = [
            {"params": [*self.stack.weights], "weight_decay": settings.alpha},
            {"params": [*self.stack.biases], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, LEARNING_RATE, fused=True)
        self.best: list[list[ArrayNetwork]] = [[] for _ in tasks]
        self.best_loss = [math.inf] * len(tasks)

    def run(self, plan: Round, progress: Progress) -> int:
        """All passes, or those until `plan.patience` of them have brought no task anything; their number."""
        waited, epoch = 0, 0
        for epoch in range(1, plan.passes + 1):
            trained = self._one_pass(plan, epoch - 1)
            losses = [self._loss(k, trained[k]) for k in range(len(self.tasks))]
            progress(epoch / plan.passes, f"pass {epoch}, held-out loss {np.mean(losses):.4f}")
            waited = 0 if self._kept(losses) else waited + 1
            if waited >= plan.patience:
                break
        if not all(self.best):
            raise ModelError("the loss of a regressor is not finite in any pass: are its inputs?")
        return epoch

    def _kept(self, losses: Sequence[float]) -> bool:
        """Keep the networks of the tasks that are better than before; true where any is."""
        improved = [loss < best for loss, best in zip(losses, self.best_loss, strict=True)]
        for number, loss in enumerate(losses):
            if math.isfinite(loss) and (improved[number] or not self.keep_best):
                self.best[number], self.best_loss[number] = self.stack.of_task(number), loss
        return any(improved)

    def _one_pass(self, plan: Round, done: int) -> list[float]:
        """One step for each batch; the mean loss of each task, in units of the labels' variance."""
        count = min(len(task.train) for task in self.tasks)
        parts = zip(*(self._shown(task, count) for task in self.tasks), strict=True)
        x, y, weight = (torch.from_numpy(np.stack(p)) for p in parts)  # (T, N, R), (T, N, Q), (T, N or 1, Q)
        weighted = weight.shape[1] > 1
        steps, totals = count // plan.batch, torch.zeros(len(self.tasks))
        for step in range(steps):
            rows = slice(step * plan.batch, (step + 1) * plan.batch)
            rate = LEARNING_RATE * one_cycle((done + step / steps) / plan.passes, WARM_UP)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            squares = (self.stack(x[:, rows]) - y[:, None, rows]).square()  # (T, E, N, Q)
            squares = (squares * weight[:, None, rows] if weighted else squares).mean((2, 3))
            self.optimiser.zero_grad(set_to_none=True)
            squares.sum().backward()
            self.optimiser.step()
            totals += squares.detach().mean(1)
        return (totals / steps).tolist()

    def _shown(self, task: ReadingTask, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """So many training stars in a new order: inputs, with fresh noise where known, labels, their weights.

        The weights are one row where all labels of every task count the same.
        """
        order = self.rng.permutation(len(task.train))[:count]
        rows = task.train[order]
        shown, labels = task.inputs.one_pass(task.train, self.rng)[order], task.labels[rows]
        if task.weight is not None:
            return shown, labels, task.weight[rows]
        equal = all(other.weight is None for other in self.tasks)
        return shown, labels, np.ones_like(labels[:1] if equal else labels)

    def _loss(self, number: int, trained: float) -> float:
        """Mean squared error of the mean network for the rows that check; of the pass where none does."""
        task = self.tasks[number]
        if not len(task.check):
            return trained
        networks = self.stack.of_task(number)
        values = task.inputs.values[task.check]
        return task.loss_of(np.mean([network(values) for network in networks], axis=0))

    def directions(self) -> list[np.ndarray]:
        """(R, R) for each task that turns and stretches the inputs: the root of the mean outer product.

        The S/N stays as it is. The largest spread of an input becomes 1.
        """
        return [self._directions(task, self.best[number][0]) for number, task in enumerate(self.tasks)]

    def _directions(self, task: ReadingTask, network: ArrayNetwork) -> np.ndarray:
        rows = task.train[:GRADIENTS_OF]
        x = torch.from_numpy(task.inputs.one_pass(rows, self.rng)).requires_grad_(True)
        hidden = x
        for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
            hidden = (hidden.relu() if layer else hidden) @ torch.from_numpy(weight) + torch.from_numpy(bias)
        outer = torch.zeros(x.shape[1], x.shape[1])
        for label in hidden.T:
            (gradient,) = torch.autograd.grad(label.sum(), x, retain_graph=True)
            outer += gradient.T @ gradient
        return _root(outer.numpy(), task.inputs.values[rows], task.inputs.reads_snr)

    def networks(self) -> list[list[ArrayNetwork]]:
        """The networks of the best pass of each task."""
        return self.best


def _root(outer: np.ndarray, values: np.ndarray, reads_snr: bool) -> np.ndarray:
    """(R, R) root of an outer product (R, R), whose axes become the inputs; the S/N, if last, stays."""
    count = len(outer) - reads_snr
    strength, axes = np.linalg.eigh(outer[:count, :count].astype(np.float64))
    strength = np.sqrt(np.maximum(strength, 0))
    spread = (values[:, :count] @ axes).std(0) * strength
    if not spread.max() > 0:
        return np.eye(len(outer), dtype=np.float32)
    matrix = (axes * strength / spread.max()).astype(np.float32)
    return with_unit_corner(matrix) if reads_snr else matrix
