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

import torch
from torch import Tensor

from ..config.schema import Config
from ..data.components import principal
from ..data.spectra import SpectraSet
from ..errors import ModelError
from ..networks.autoencoder import Decoder, Encoder, networks_width, set_components, set_normalisation
from . import checkpoints
from .adversary import Adversary
from .batches import Batch, StarTensors
from .mean_spectrum import prepare_mean, refit_mean
from .objective import autoencoder_loss
from .records import EpochRecord, accuracies, check_finite, validation_mse
from .sample import training_sample
from .schedule import one_cycle
from .views import two_views


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
        with torch.random.fork_rng():
            torch.manual_seed(c.training.seed)
            self.encoder = Encoder(c.model, pixels).to(self.device)
            self.decoder = Decoder(c.model, pixels).to(self.device)
            self.adversary = Adversary(c).to(self.device)
        trained = (self.encoder.net, self.decoder.rest, self.adversary.heads, self.adversary.nuisance_heads)
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

    # --- the loop ---

    def epochs(self) -> Iterator[EpochRecord]:
        """Train from where the history ends to `config.training.epochs`, yielding one record per epoch.

        The seconds of the first and last record include what is fitted before and after the loop. ModelError
        when the loss is not finite.
        """
        while len(self.history) < self.config.training.epochs:
            yield self._next_epoch()

    @denormals_as_zero()
    def _next_epoch(self) -> EpochRecord:
        extra = 0.0 if self.history else self._fit_before()
        started = time.perf_counter()
        losses = self._one_epoch(len(self.history))
        seconds = time.perf_counter() - started
        if len(self.history) + 1 == self.config.training.epochs:
            extra += self._fit_after()
        self.history.append(self._record(losses, seconds, extra))
        check_finite(self.history[-1], self.config)
        return self.history[-1]

    def _fit_before(self) -> float:
        """Fit the decoder's mean part; the seconds that took."""
        started = time.perf_counter()
        prepare_mean(self.encoder, self.decoder, self.data, self.config)
        return time.perf_counter() - started

    def _fit_after(self) -> float:
        """Settle the latent's normalisation, then fit the mean part to what the rest leaves over; seconds."""
        started, model = time.perf_counter(), self.config.model
        if model.normalise_latent:
            set_normalisation(self.encoder, (c.encoder_input(model) for c in self.data.chunks()))
        refit_mean(self.encoder, self.decoder, self.data, self.config)
        return time.perf_counter() - started

    def _epoch_random(self, epoch: int) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(self.config.training.seed * 1_000_003 + epoch)

    def _one_epoch(self, epoch: int) -> Tensor:
        """(4,) mean of the loss terms over the epoch's batches, without waiting for the device."""
        self.random = self._epoch_random(epoch)
        for module in self.modules.values():
            module.train()
        size, n, ramp = self.config.training.batch_size, len(self.data), self.config.adversary.ramp_epochs
        order = torch.randperm(n, generator=self.random, device=self.device)
        steps = n // size
        totals = torch.zeros(4, device=self.device)
        for i in range(steps):
            self._set_learning_rate((epoch * steps + i) / (self.config.training.epochs * steps))
            strength = min(1.0, (epoch + i / steps) / ramp) if ramp else 1.0
            totals += self.step(order[i * size : (i + 1) * size], strength)
        return totals / steps

    def _set_learning_rate(self, progress: float) -> None:
        t = self.config.training
        scale = one_cycle(progress) if t.schedule == "onecycle" else 1.0
        self.optimiser.param_groups[0]["lr"] = t.learning_rate * scale

    # --- one step ---

    def step(self, rows: Tensor, ramp: float = 1.0) -> Tensor:
        """One update of the auto-encoder, after one or several of the discriminators; (4,) its `Terms`."""
        batch = self.data.select(rows)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            compared, mu_noisy, mu = self.encode_views(batch)
            if self.adversary.watched:
                self.train_discriminators(batch, mu.detach())
            z = self.with_noise(mu_noisy)
            exported = mu, z if mu is mu_noisy else self.with_noise(mu)
            terms = autoencoder_loss(self.decoder, self.adversary, z, compared, ramp, exported)
        self.optimiser.zero_grad(set_to_none=True)
        terms.total.backward()
        self.optimiser.step()
        return torch.stack(terms).detach()

    def train_discriminators(self, batch: Batch, mu: Tensor) -> None:
        """`adversary.steps` updates of the discriminators: on μ (N, Z) of the batch, then of fresh ones."""
        for step in range(self.config.adversary.steps):
            if step:
                size = (len(batch),)
                rows = torch.randint(len(self.data), size, generator=self.random, device=self.device)
                batch = self.data.select(rows)
                with torch.no_grad():
                    mu = self.encode(batch)
            loss = self.adversary.discriminator_loss(self.with_noise(mu), batch)
            self.opponent.zero_grad(set_to_none=True)
            loss.backward()
            self.opponent.step()

    def encode(self, batch: Batch) -> Tensor:
        """(N, Z) the latent μ, without its noise."""
        return self.encoder(batch.encoder_input(self.config.model))

    def encode_views(self, batch: Batch) -> tuple[Batch, Tensor, Tensor]:
        """The batch that the loss compares with, the μ that is decoded, and μ of the spectra as they are.

        With `input_noise` the first two are two noisy views of the spectra (`two_views`).
        """
        if batch.error is None:
            mu = self.encode(batch)
            return batch, mu, mu
        noisy, compared = two_views(batch, batch.error, self.config.training.input_noise, self.random)
        both = replace(batch, x=torch.cat([noisy.x, batch.x]), conditions=batch.conditions.repeat(2, 1))
        mu_noisy, mu = self.encode(both).chunk(2)
        return compared, mu_noisy, mu

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
