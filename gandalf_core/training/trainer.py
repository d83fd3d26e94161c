"""Training as a generator of epoch records: stop by not asking for the next one. No I/O but checkpoints.

The random numbers of an epoch depend on the seed and the epoch alone, so a run resumed from the checkpoint of
epoch e ends in the same weights as one that was never stopped (at equal thread count).
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..config.schema import Config
from ..data.components import principal
from ..data.scaling import fit_scaler
from ..data.spectra import MIN_COVERAGE, SpectraSet
from ..data.splits import split
from ..errors import ModelError
from ..networks.autoencoder import Decoder, Encoder, networks_width, set_components
from ..simulator import nuisances_for
from . import checkpoints
from .adversary import Adversary
from .batches import Batch
from .knowledge import Knowledge
from .mean_spectrum import fit_mean
from .objective import autoencoder_loss
from .schedule import one_cycle

CHUNK = 4096  # stars at once where no gradient is needed
FIRST = 4  # a first m, to be fitted again, has a quarter of the passes
# what the networks cannot fit anyway, in flux: keeps one bright star from outweighing a hundred
MODEL_ERROR = 0.006


@dataclass(frozen=True)
class EpochRecord:
    """One finished epoch. Losses are in scaled units; `reconstruction_mse` is that of the validation stars in
    flux units.
    """

    epoch: int
    epochs: int
    loss: float
    reconstruction: float
    adversary: float
    heads: float
    reconstruction_mse: float
    discriminator_accuracy: dict[str, float]
    chance: dict[str, float]  # accuracy of the best guess without z
    seconds: float
    spectra_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class Tensors:
    """The whole training split in memory, indexed by batch without copies in Python. Same fields as `Batch`."""

    x: Tensor
    conditions: Tensor
    standard: Tensor
    bins: Tensor
    target: Tensor
    weight: Tensor | None
    error: Tensor | None  # (N, 1) noise of each spectrum, scaled
    nuisances: Tensor | None = None  # (N, Q) standardised

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, rows: Tensor) -> Batch:
        weight = None if self.weight is None else self.weight.index_select(0, rows)
        return Batch(
            self.x.index_select(0, rows),
            self.conditions.index_select(0, rows),
            self.standard.index_select(0, rows),
            self.bins.index_select(1, rows),
            self.target.index_select(1, rows),
            weight,
            None if self.error is None else self.error[rows],
            None if self.nuisances is None else self.nuisances[rows],
        )


def pick_device(name: str = "auto") -> torch.device:
    """`auto` takes a CUDA device where there is one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ModelError("no CUDA device on this machine: use --device cpu or auto")
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


def mean_error(stars: SpectraSet) -> np.ndarray:
    """(N,) mean flux error over the usable pixels of each star; NaN where it is unknown."""
    known = ~stars.mask & np.isfinite(stars.flux_error)
    total, count = np.where(known, stars.flux_error, 0).sum(1), known.sum(1)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0, casting="unsafe")


def usable(stars: SpectraSet) -> np.ndarray:
    """(N,) true where a star covers the grid and, if the stars have errors, its own are known."""
    covered = stars.coverage >= MIN_COVERAGE
    return covered if stars.flux_error is None else covered & np.isfinite(mean_error(stars))


def conditioned(labels: np.ndarray, config: Config) -> np.ndarray:
    """(N, C) the columns of (N, P) labels that the decoder receives."""
    return labels[:, [config.model.labels.index(n) for n in config.model.condition_on]]


class Trainer:
    """The networks, their optimisers and the loop.

    stars: the training split (validation is carved from it). Stars that are not `usable` or lack a label the
    decoder receives are left out and counted in `left_out`. Raises ModelError when fewer stars than one batch
    remain.
    """

    def __init__(self, stars: SpectraSet, config: Config, device: str = "auto") -> None:
        # dying weights and saturated softmaxes leave numbers ten times slower to multiply
        torch.set_flush_denormal(True)
        self.config, self.device = config, pick_device(device)
        complete = np.isfinite(conditioned(stars.labels_for(config.model.labels), config)).all(1) & usable(
            stars
        )
        self.left_out = int((~complete).sum())
        stars = stars if complete.all() else stars[complete]
        fit_rows, check_rows = split(stars.ids, config.training.validation_fraction, config.training.seed)
        if len(fit_rows) < config.training.batch_size:
            raise ModelError(self._too_few(len(fit_rows)))
        self.stars = checkpoints.fingerprint(stars[fit_rows])
        self.check_ids = stars.ids[check_rows]
        self.scaler = fit_scaler(stars[fit_rows], config)
        self._build_networks(len(stars.wavelength_nm))
        self.knowledge: Knowledge | None = None
        self.data = replace(self._tensors(stars[fit_rows]), nuisances=self._nuisances(stars[fit_rows]))
        self.check = self._tensors(stars[check_rows]) if len(check_rows) else self.data
        self._choose_components()
        self.history: list[EpochRecord] = []

    def _too_few(self, count: int) -> str:
        needed, batch = ", ".join(self.config.model.condition_on), self.config.training.batch_size
        lacking = f"usable spectra with all of {needed}" if needed else "usable spectra"
        left_out = f" ({self.left_out} are left out: only {lacking} count)" if self.left_out else ""
        cure = (
            "give more stars"
            + (", with these labels," if needed and self.left_out else "")
            + " or lower training.batch_size"
        )
        return f"{count} stars to train on{left_out}, fewer than one batch of {batch}: {cure}"

    def _build_networks(self, pixels: int) -> None:
        c, t = self.config, self.config.training
        with torch.random.fork_rng():
            torch.manual_seed(t.seed)
            self.encoder = Encoder(c.model, pixels).to(self.device)
            self.decoder = Decoder(c.model, pixels).to(self.device)
            self.adversary = Adversary(c).to(self.device)
        heads = (*self.adversary.heads.parameters(), *self.adversary.nuisance_heads.parameters())
        mine = [*self.encoder.net.parameters(), *self.decoder.rest.parameters(), *heads]
        self.optimiser = torch.optim.Adam(mine, t.learning_rate, fused=True)
        self.opponent = torch.optim.Adam(
            self.adversary.discriminators.parameters(), c.adversary.learning_rate, fused=True
        )

    def _choose_components(self) -> None:
        """The leading principal components of the spectra, each star counting as in L_rec."""
        if not self.config.model.components:
            return
        x, weight = self.data.x, self.data.weight
        weighted = x if weight is None else x * weight.sqrt()
        axes = principal(weighted.cpu().numpy(), networks_width(self.config.model, x.shape[1]))[1]
        set_components(self.encoder, self.decoder, torch.as_tensor(axes, device=self.device))

    @property
    def modules(self) -> dict[str, torch.nn.Module]:
        return {"encoder": self.encoder, "decoder": self.decoder, "adversary": self.adversary}

    def _tensors(self, stars: SpectraSet) -> Tensors:
        scaler, names = self.scaler, self.config.model.labels
        labels = stars.labels_for(names)
        standard = torch.as_tensor(scaler.labels_standard(labels))
        kept = standard[:, self.adversary.kept_columns]
        bins = torch.as_tensor(scaler.bins(labels))[
            :, [names.index(n) for n in self.adversary.watched]
        ].T.contiguous()
        bins[:, torch.isnan(kept).any(1)] = -1  # a discriminator that needs a missing label cannot be asked
        self.knowledge = self.knowledge or Knowledge(bins, kept, self.config)
        x = torch.as_tensor(scaler.flux_in(stars.flux, stars.mask))
        conditions = conditioned(standard, self.config)
        parts = (
            x,
            conditions,
            standard,
            bins,
            self.knowledge(kept),
            self._weights(stars),
            self._errors(stars),
        )
        return Tensors(*(None if p is None else p.to(self.device) for p in parts))

    def _weights(self, stars: SpectraSet) -> Tensor | None:
        """(N, 1) that makes L_rec a reduced χ², (N, L) where pixels are masked; None when every pixel counts
        the same.
        """
        weight = np.ones((len(stars), 1), np.float32)
        if self.config.training.weight_by_error and stars.flux_error is not None:
            variance = mean_error(stars)[:, None] ** 2
            weight = (np.mean(self.scaler.flux_scale**2) / (variance + MODEL_ERROR**2)).astype(np.float32)
        elif not stars.mask.any():
            return None
        return torch.as_tensor(weight * ~stars.mask if stars.mask.any() else weight)

    def _errors(self, stars: SpectraSet) -> Tensor | None:
        if not self.config.training.input_noise or stars.flux_error is None:
            return None
        return torch.as_tensor(
            (mean_error(stars)[:, None] / np.sqrt(np.mean(self.scaler.flux_scale**2))).astype(np.float32)
        )

    def _nuisances(self, stars: SpectraSet) -> Tensor | None:
        """(N, Q) standardised by these stars, NaN where unknown; None when no head reads them."""
        names = tuple(self.config.adversary.nuisances)
        if not names:
            return None
        values = np.ma.masked_invalid(nuisances_for(stars, names))
        spread = np.ma.masked_less_equal(values.std(0), 0)  # what does not vary, nobody can read
        standard = ((values - values.mean(0)) / spread).astype(np.float32).filled(np.nan)
        return torch.as_tensor(standard, device=self.device)

    @property
    def told(self) -> tuple[str, ...]:
        """The nuisances that are known of at least one star: the heads of the others have nothing to learn."""
        known = () if self.data.nuisances is None else (~self.data.nuisances.isnan()).any(0).tolist()
        return tuple(name for name, some in zip(self.config.adversary.nuisances, known, strict=True) if some)

    # --- the loop ---

    def epochs(self) -> Iterator[EpochRecord]:
        """Train, one record an epoch, from where the history ends to `config.training.epochs`."""
        before = 0.0 if self.history else self._prepare_mean()
        while len(self.history) < self.config.training.epochs:
            started = time.perf_counter()
            totals = self._one_epoch(len(self.history))
            seconds = time.perf_counter() - started
            after = self._finish() if len(self.history) + 1 == self.config.training.epochs else 0.0
            self.history.append(self._record(totals, seconds, before + after))
            before = 0.0
            self._check_progress(self.history[-1])
            yield self.history[-1]

    def _check_progress(self, record: EpochRecord) -> None:
        if not np.isfinite([record.loss, record.reconstruction_mse]).all():
            rate, largest = (
                self.config.training.learning_rate,
                max(map(abs, self.config.lambdas.values()), default=0),
            )
            known = f"training.learning_rate is {rate:g}, the largest |λ| {largest:g}"
            raise ModelError(f"the loss of epoch {record.epoch} is not a number: {known}; lower one of them")

    def _prepare_mean(self) -> float:
        """Fit the decoder's mean part, roughly if that is not the last time; the seconds that took."""
        started = time.perf_counter()
        epochs = self.config.training.mean_epochs
        self._fit_means(self.data.x, max(1, epochs // FIRST) if self._leaves_to_mean else epochs)
        return time.perf_counter() - started

    def _finish(self) -> float:
        """Settle the latent, then fit the mean part to what the rest leaves over; the seconds that took."""
        started = time.perf_counter()
        self._settle_norm()
        if self._leaves_to_mean:
            self._fit_means(self.data.x - self._rests(), self.config.training.mean_epochs)
        return time.perf_counter() - started

    @property
    def _leaves_to_mean(self) -> bool:
        """Whether z knows none of the labels: else the rest says part of what the mean should say."""
        return bool(self.decoder.means) and set(self.config.model.condition_on) <= set(self.config.removed)

    def _fit_means(self, x: Tensor, epochs: int) -> None:
        """Fit each network of m to x (N, L). Where a star's pixels count the same, components tell the same
        error.
        """
        t, axes, weight = self.config.training, self.decoder.axes, self.data.weight
        if weight is None or weight.shape[1] == 1:
            x, axes = self.encoder.axes(x), torch.nn.Identity()
        for k, net in enumerate(self.decoder.means):
            fit_mean(
                net,
                axes,
                self.data.conditions,
                x,
                weight,
                batch_size=t.batch_size,
                epochs=epochs,
                learning_rate=t.mean_learning_rate,
                seed=t.seed + k,
            )

    @torch.no_grad()
    def _rests(self) -> Tensor:
        """(N, L) r(μ, y) of every training star: the noise of z would only scatter what m is fitted to."""
        self.encoder.eval()
        self.decoder.eval()
        pairs = zip(map(self.encoder, self._seen_chunks()), self.data.conditions.split(CHUNK), strict=True)
        return torch.cat([self.decoder.axes(self.decoder.rest(torch.cat(pair, 1))) for pair in pairs])

    def _one_epoch(self, epoch: int) -> Tensor:
        """(4,) mean of the loss terms over the epoch's batches; nothing in it waits for a number."""
        self.random = torch.Generator(self.device).manual_seed(self.config.training.seed * 1_000_003 + epoch)
        for module in self.modules.values():
            module.train()
        size, n = self.config.training.batch_size, len(self.data)
        order = torch.randperm(n, generator=self.random, device=self.device)
        steps = n // size
        totals = torch.zeros(4, device=self.device)
        for i in range(steps):
            self._set_learning_rate((epoch * steps + i) / (self.config.training.epochs * steps))
            ramp = self.config.adversary.ramp_epochs
            progress = min(1.0, (epoch + i / steps) / ramp) if ramp else 1.0
            totals += torch.stack(self.step(order[i * size : (i + 1) * size], progress))
        return totals / steps

    def step(self, rows: Tensor, ramp: float = 1.0) -> tuple[Tensor, ...]:
        """One update of every discriminator (several, if so configured) and one of the auto-encoder; its loss
        terms.
        """
        batch = self.data.batch(rows)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            batch, shaken, mu = self._two_views(batch)
            if self.adversary.watched:
                self._train_discriminators(batch, mu.detach(), len(rows))
            z = self._noisy(shaken)
            exported = (mu, z if mu is shaken else self._noisy(mu))
            terms = autoencoder_loss(self.decoder, self.adversary, z, batch, ramp, exported)
        self.optimiser.zero_grad(set_to_none=True)
        terms.total.backward()
        self.optimiser.step()
        return tuple(t.detach() for t in terms)

    def _train_discriminators(self, batch: Batch, mu: Tensor, size: int) -> None:
        for step in range(self.config.adversary.steps):
            if step:
                rows = torch.randint(len(self.data), (size,), generator=self.random, device=self.device)
                batch = self.data.batch(rows)
                with torch.no_grad():
                    mu = self._encode(batch)
            loss = self.adversary.discriminator_loss(self._noisy(mu), batch)
            self.opponent.zero_grad(set_to_none=True)
            loss.backward()
            self.opponent.step()

    def _encode(self, batch: Batch | Tensors) -> Tensor:
        seen = torch.cat([batch.x, batch.conditions], 1) if self.config.model.conditional_encoder else batch.x
        return self.encoder(seen)

    def _two_views(self, batch: Batch) -> tuple[Batch, Tensor, Tensor]:
        """The batch with the spectra that the loss compares with, μ of those that the decoder redraws, μ of
        those as they are.

        Two views of a spectrum whose noises are independent, x + a·ε and x − ε/a with ε of the noise's own
        size: what the encoder sees of the noise is of no use to the decoder, and nothing is known by heart
        (Pang et al. 2021, CVPR, eq. 3).
        """
        if batch.error is None:
            mu = self._encode(batch)
            return batch, mu, mu
        amount = self.config.training.input_noise
        noise = batch.error * torch.randn(batch.x.shape, generator=self.random, device=self.device)
        seen = torch.cat([batch.x + amount * noise, batch.x])
        shaken, mu = self._encode(batch._replace(x=seen, conditions=batch.conditions.repeat(2, 1))).chunk(2)
        return batch._replace(x=batch.x - noise / amount), shaken, mu

    def _noisy(self, mu: Tensor) -> Tensor:
        sigma = self.config.model.noise
        return mu + sigma * torch.randn(mu.shape, generator=self.random, device=self.device) if sigma else mu

    def _set_learning_rate(self, progress: float) -> None:
        t = self.config.training
        scale = one_cycle(progress) if t.schedule == "onecycle" else 1.0
        for group in self.optimiser.param_groups:
            group["lr"] = t.learning_rate * scale

    @torch.no_grad()
    def _settle_norm(self) -> None:
        """The running averages of the batch normalisation lag behind: put the training split's own in their
        place.
        """
        if not self.config.model.normalise_latent:
            return
        self.encoder.eval()
        raw = torch.cat([self.encoder.raw(x) for x in self._seen_chunks()])
        self.encoder.norm.running_mean.copy_(raw.mean(0))
        self.encoder.norm.running_var.copy_(raw.var(0))

    def _seen_chunks(self) -> Iterator[Tensor]:
        for rows in torch.arange(len(self.data), device=self.device).split(CHUNK):
            x = self.data.x[rows]
            yield (
                torch.cat([x, self.data.conditions[rows]], 1) if self.config.model.conditional_encoder else x
            )

    # --- what an epoch tells ---

    @torch.no_grad()
    def _record(self, totals: Tensor, seconds: float, before: float = 0.0) -> EpochRecord:
        """before: seconds of preparation, which count as the first epoch's but foretell nothing of the next."""
        for module in self.modules.values():
            module.eval()
        z = self._noisy(self._encode(self.check))
        error = (self.decoder(z, self.check.conditions) - self.check.x) * torch.as_tensor(
            self.scaler.flux_scale, device=self.device
        )
        usable = 1.0 if self.check.weight is None else (self.check.weight > 0).expand_as(error)
        mse = float((error.square() * usable).mean()) / float(
            torch.as_tensor(usable, dtype=torch.float32).mean()
        )
        loss, rec, adversary, heads = totals.tolist()
        done = len(self.history) + 1
        epochs = self.config.training.epochs
        return EpochRecord(
            done,
            epochs,
            loss,
            rec,
            adversary,
            heads,
            mse,
            *self._accuracies(z),
            before + seconds,
            len(self.data) / seconds,
            seconds * (epochs - done),
        )

    def _accuracies(self, z: Tensor) -> tuple[dict[str, float], dict[str, float]]:
        """Each discriminator's accuracy on the validation stars, and that of the best guess without z."""
        if not self.adversary.watched:
            return {}, {}
        known = self.check.bins >= 0

        def score(belief: Tensor) -> dict[str, float]:
            hits = ((belief.argmax(2) == self.check.bins) & known).sum(1) / known.sum(1).clamp(min=1)
            return dict(zip(self.adversary.watched, hits.tolist(), strict=True))

        return score(self.adversary.log_probabilities(z, self.check.standard)), score(self.check.target)

    # --- checkpoints ---

    @property
    def _state(self) -> checkpoints.State:
        optimisers = {"optimiser": self.optimiser, "opponent": self.opponent}
        return checkpoints.State(self.config, self.stars, self.modules, optimisers)

    def save_checkpoint(self, folder: Path) -> None:
        """Write `checkpoint.safetensors`: networks, both optimisers, history."""
        checkpoints.save(folder, self._state, [asdict(r) for r in self.history])

    def load_checkpoint(self, folder: Path) -> None:
        """Continue from a checkpoint. ModelError when it is missing or damaged, or of another configuration
        or other stars.
        """
        self.history = [EpochRecord(**r) for r in checkpoints.load(folder, self._state)]
