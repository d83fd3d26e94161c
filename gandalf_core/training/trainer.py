"""Training as a generator of epoch records: to stop, stop iterating. No input or output but checkpoints.

The random numbers of an epoch depend on the seed and the epoch alone, so a run resumed from the checkpoint of
epoch e ends in the same weights as one that was never stopped (at equal thread count).
Shapes: N stars, L pixels, Z latent.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..config.schema import Config
from ..data.components import principal
from ..data.spectra import SpectraSet
from ..data.splits import of_population
from ..errors import ModelError
from ..networks.autoencoder import networks_width, set_components, set_normalisation
from . import checkpoints
from .axes import in_axes, works_in_components
from .batches import Batch, StarTensors
from .learner import Learner
from .mean_spectrum import prepare_mean, refit_mean
from .mean_start import set_start
from .records import EpochRecord, accuracies, check_finite, validation_mse
from .sample import training_sample
from .schedule import one_cycle
from .step import Feed, descend, draw, update


def pick_device(name: str = "auto") -> torch.device:
    """The device of this name; `auto` takes a CUDA device where there is one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ModelError("no CUDA device on this machine: use --device cpu or auto")
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


@contextmanager
def denormals_as_zero() -> Iterator[None]:
    """Numbers too small for full precision count as zero meanwhile.

    Dying weights and saturated softmaxes leave such numbers, and they are ten times slower to multiply.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)  # the mode is the process's: others count on exact small numbers


class Trainer:
    """The networks, their optimisers and the loop.

    stars: the training split; the validation stars are taken from it. Stars that are not `usable`, or lack a
    label that the decoder receives, are left out and counted in `left_out`. Raises as `training_sample`.
    """

    @denormals_as_zero()
    def __init__(self, stars: SpectraSet, config: Config, device: str = "auto") -> None:
        self.config, self.device = config, pick_device(device)
        sample = training_sample(stars, config)
        self.left_out, self.training_ids = sample.left_out, sample.training.ids
        self.validation_ids = sample.validation.ids
        self.stars_identity = sample.training.identity
        tensors = StarTensors(sample.training, config, self.device)
        self.scaler = tensors.scaler
        self.data = tensors(sample.training, with_nuisances=True)
        self.validation = tensors(sample.validation) if len(sample.validation) else self.data
        self._build_networks(len(stars.wavelength_nm))
        self._choose_components()
        self.history: list[EpochRecord] = []
        self.random = self._epoch_random(0)
        self._seen: Batch | None = None
        self._order, self._extra_seconds = torch.arange(0), 0.0

    # --- preparation ---

    @property
    def known_nuisances(self) -> tuple[str, ...]:
        """Nuisances known of at least one star; the heads of the others have nothing to learn from."""
        if self.data.nuisances is None:
            return ()
        known = (~self.data.nuisances.isnan()).any(0).tolist()
        return tuple(n for n, k in zip(self.config.adversary.nuisances, known, strict=True) if k)

    def _build_networks(self, pixels: int) -> None:
        c = self.config
        self.learner = Learner(c, pixels, self.device)
        self.encoder, self.decoder = self.learner.encoder, self.learner.decoder
        self.adversary = self.learner.adversary
        self.learner.in_components = works_in_components(c.model, self.data)
        trained = (self.encoder.net, self.decoder.rest, self.adversary.heads, self.adversary.nuisance_heads)
        if self.decoder.responses is not None:
            trained = (*trained, self.decoder.responses)
        weights = [p for module in trained for p in module.parameters()]
        opponent = self.adversary.discriminators.parameters()
        self.optimiser = torch.optim.Adam(weights, c.training.learning_rate, fused=True)
        self.opponent = torch.optim.Adam(opponent, c.adversary.learning_rate, fused=True)

    def _choose_components(self) -> None:
        """Let the networks work in the leading principal components, each star counting as in L_rec."""
        if not self.config.model.components:
            return
        x, weight = self.data.x, self.data.weight
        weighted = x if weight is None else x * weight.sqrt()
        _, axes = principal(weighted.cpu().numpy(), networks_width(self.config.model, x.shape[1]))
        set_components(self.encoder, self.decoder, torch.as_tensor(axes, device=self.device))

    @property
    def modules(self) -> dict[str, torch.nn.Module]:
        """The networks by the names they have in a checkpoint."""
        return {"encoder": self.encoder, "decoder": self.decoder, "adversary": self.adversary}

    @property
    def seen(self) -> Batch:
        """The training split as a step sees it (axes.py)."""
        if self._seen is None:
            amount = self.config.training.input_noise
            self._seen = in_axes(self.encoder, self.decoder, self.data, self.config.model, amount)
        return self._seen

    # --- the loop ---

    def epochs(self) -> Iterator[EpochRecord]:
        """Train from where the history ends to `config.training.epochs`, yielding one record per epoch.

        The seconds of the first and last record include what is fitted before and after the loop. ModelError
        when the loss is not finite.
        """
        while not self.finished:
            yield self._next_epoch()

    @property
    def finished(self) -> bool:
        """Whether no epoch is left."""
        return len(self.history) >= self.config.training.epochs

    @property
    def steps(self) -> int:
        """The number of steps of an epoch."""
        return len(self.data) // self.config.training.batch_size

    @property
    def updates(self) -> int:
        """The number of updates of the discriminators in a step."""
        return self.config.adversary.steps if self.adversary.watched else 0

    @denormals_as_zero()
    def _next_epoch(self) -> EpochRecord:
        self.start_epoch()
        started = time.perf_counter()
        totals = torch.zeros(4, device=self.device)
        for i in range(self.steps):
            totals += update(self, self.feed(i), self.updates)
        return self.finish_epoch(totals / self.steps, time.perf_counter() - started)

    def start_epoch(self) -> None:
        """Fit what comes before the first epoch, and shuffle the stars."""
        self._extra_seconds = 0.0 if self.history else self._fit_before()
        self.random = self._epoch_random(len(self.history))
        for module in self.modules.values():
            module.train()
        self._order = torch.randperm(len(self.data), generator=self.random, device=self.device)

    def feed(self, i: int) -> Feed:
        """What the step of this number takes in; sets the learning rate of the step."""
        size, ramp = self.config.training.batch_size, self.config.adversary.ramp_epochs
        epoch = len(self.history)
        self._set_learning_rate((epoch * self.steps + i) / (self.config.training.epochs * self.steps))
        strength = min(1.0, (epoch + i / self.steps) / ramp) if ramp else 1.0
        return self.draw(self._order[i * size : (i + 1) * size], strength)

    def finish_epoch(self, losses: Tensor, seconds: float, together: int = 1) -> EpochRecord:
        """Add the epoch to the history, and fit what comes after the last one. ModelError if it diverged.

        losses: (4,) mean `Terms`.  seconds: of this model alone, or its share of those of `together` models.
        """
        if len(self.history) + 1 == self.config.training.epochs:
            self._extra_seconds += self._fit_after()
        record = self._record(losses, seconds, self._extra_seconds)
        self.history.append(replace(record, seconds_left=record.seconds_left * together))
        check_finite(self.history[-1], self.config)
        return self.history[-1]

    def _fit_before(self) -> float:
        """Fit the decoder's mean part; the seconds that took."""
        started = time.perf_counter()
        set_start(self.encoder, self.decoder, self.data, self.scaler, self.config)
        prepare_mean(self.encoder, self.decoder, self._population(), self.config)
        self._seen = None  # m is another one now
        return time.perf_counter() - started

    def _fit_after(self) -> float:
        """Settle the latent's normalisation, then fit the mean part to what the rest leaves over; seconds."""
        started, model = time.perf_counter(), self.config.model
        if model.normalise_latent:
            set_normalisation(self.encoder, (c.encoder_input(model) for c in self.data.chunks()))
        refit_mean(self.encoder, self.decoder, self._population(), self.config)
        self._seen = None
        return time.perf_counter() - started

    def _population(self) -> Batch:
        """The stars whose mean spectrum m is: m would carry the wide nuisances of others into sliders."""
        rows = of_population(self.training_ids) if self.config.model.has_mean else ()
        whole = len(rows) in (0, len(self.data))
        return self.data if whole else self.data.select(torch.as_tensor(rows, device=self.device))

    def _epoch_random(self, epoch: int) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(self.config.training.seed * 1_000_003 + epoch)

    def _set_learning_rate(self, progress: float) -> None:
        t = self.config.training
        scale = one_cycle(progress) if t.schedule == "onecycle" else 1.0
        self.optimiser.param_groups[0]["lr"] = t.learning_rate * scale

    # --- one step ---

    def step(self, rows: Tensor, ramp: float = 1.0) -> Tensor:
        """One update of the auto-encoder, after one or several of the discriminators; (4,) its `Terms`."""
        return update(self, self.draw(rows, ramp), self.updates)

    def draw(self, rows: Tensor, ramp: float) -> Feed:
        """The stars at these rows and the random numbers of a step."""
        feed = draw(self.seen, rows, self.config, self.updates, self.random)
        return replace(feed, ramp=ramp)

    def call(self, method: str, *inputs: Any) -> Any:
        """What a method of the learner returns."""
        return self.learner(method, *inputs)

    def minimise(self, loss: Tensor, opponents: bool) -> None:
        """One update along the gradient of a loss, of the auto-encoder or of the discriminators."""
        descend(self.opponent if opponents else self.optimiser, loss)

    def encode(self, batch: Batch) -> Tensor:
        """(N, Z) the latent μ of spectra in pixels, without its noise."""
        return self.encoder(batch.encoder_input(self.config.model))

    def with_noise(self, mu: Tensor) -> Tensor:
        """(N, Z) the exported latent: μ plus the noise of the recipe."""
        sigma = self.config.model.noise
        return mu + sigma * torch.randn(mu.shape, generator=self.random, device=self.device) if sigma else mu

    # --- records and checkpoints ---

    @torch.no_grad()
    def _record(self, losses: Tensor, seconds: float, extra: float) -> EpochRecord:
        """extra: seconds outside the loop, which say nothing about the epochs to come."""
        mse, accuracy, chance = self.validate()
        loss, reconstruction, adversary, heads = losses.tolist()
        done, epochs = len(self.history) + 1, self.config.training.epochs
        return EpochRecord(
            epoch=done,
            epochs=epochs,
            loss=loss,
            reconstruction=reconstruction,
            adversary=adversary,
            heads=heads,
            reconstruction_mse=mse,
            discriminator_accuracy=accuracy,
            chance=chance,
            seconds=extra + seconds,
            spectra_per_second=len(self.data) / seconds,
            seconds_left=seconds * (epochs - done),
        )

    @torch.no_grad()
    def validate(self) -> tuple[float, dict[str, float], dict[str, float]]:
        """Of the validation stars: mean squared error in flux, accuracy of each discriminator, and chance."""
        for module in self.modules.values():
            module.eval()
        z = self.with_noise(self.encode(self.validation))
        flux_scale = torch.as_tensor(self.scaler.flux_scale, device=self.device)
        mse = validation_mse(self.decoder, z, self.validation, flux_scale)
        return mse, *accuracies(self.adversary, z, self.validation)

    @property
    def _state(self) -> checkpoints.State:
        optimisers = {"optimiser": self.optimiser, "opponent": self.opponent}
        return checkpoints.State(self.config, self.stars_identity, self.modules, optimisers)

    def save_checkpoint(self, folder: Path) -> None:
        """Write `checkpoint.safetensors`: networks, both optimisers, history."""
        checkpoints.save(folder, self._state, [asdict(r) for r in self.history])

    def load_checkpoint(self, folder: Path) -> None:
        """Continue from a checkpoint.

        ModelError when it is missing or damaged, or belongs to another configuration or to other stars.
        """
        self.history = [EpochRecord(**r) for r in checkpoints.load(folder, self._state)]
        self._seen = None
