"""An auto-encoder goes on learning, on stars of another kind than those that trained it.

m(y) is corrected before (own_lines.py) and held. What of the encoder may move is one of PARTS; the decoder's
r(z, y) moves with it. Discriminators and heads are not stored with a model: new ones read the latent as it is
until they know it, and only then does the encoder move. So what was removed has an opponent from the first
step on, on the new stars, too.
Shapes: N stars, L pixels, Z latent.
"""

import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..config.schema import Config
from ..data.scaling import Scaler
from ..data.spectra import SpectraSet
from ..networks.autoencoder import Decoder, Encoder, set_normalisation
from .axes import in_axes, works_in_components
from .batches import StarTensors
from .learner import Learner
from .losses import weighted_mse
from .schedule import one_cycle
from .step import descend, draw, train_discriminators, update
from .trainer import denormals_as_zero

PARTS = ("nothing", "last layer", "low rank", "everything")  # of the encoder
RANK = 8
CHOOSING_FOLDS = 2
# of the learning rate of a first training, whose steps were many more
GENTLE = 0.25
WARM_UP_STEPS, WARM_UP_RATE = 150, 3e-3


class Networks(NamedTuple):
    """What is adapted."""

    encoder: Encoder
    decoder: Decoder


@dataclass(frozen=True)
class Pace:
    """How long an adaptation takes: steps, after others that warm up its opponents."""

    steps: int
    warm_up: int = WARM_UP_STEPS
    seed: int = 0


class LowRank(nn.Module):
    """A linear layer that stays, and a product of two narrow matrices that is added (Hu et al. 2022)."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        rank = min(RANK, layer.in_features, layer.out_features)
        self.narrow = nn.Parameter(torch.randn(rank, layer.in_features) / layer.in_features**0.5)
        self.wide = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + x @ self.narrow.T @ self.wide.T

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """One linear layer that does the same."""
        self.layer.weight += self.wide @ self.narrow
        return self.layer


class Prepared:
    """Stars as the networks see them, once for all that is tried on them.

    stars: (N,) complete in the labels that the decoder receives.
    """

    def __init__(self, networks: Networks, scaler: Scaler, config: Config, stars: SpectraSet) -> None:
        tensors = StarTensors(stars, config, torch.device("cpu"), scaler)
        self.config, self.scaler = config, scaler
        self.data = tensors(stars, with_nuisances=True)
        self.in_components = works_in_components(config.model, self.data)
        self.seen = in_axes(*networks, self.data, config.model, config.training.input_noise)


class Adapter:
    """The networks, new opponents, and the stars; `run` takes the steps.

    rows: (M,) of the prepared stars; one that counts more comes more than once.
    """

    def __init__(self, networks: Networks, stars: Prepared, rows: np.ndarray) -> None:
        self.config, self.prepared = stars.config, stars
        self.learner = Learner(stars.config, len(stars.scaler.wavelength_nm), torch.device("cpu"))
        self.learner.encoder = copy.deepcopy(networks.encoder).train()
        self.learner.decoder = copy.deepcopy(networks.decoder).train()
        self.learner.in_components = stars.in_components
        self.rows = torch.from_numpy(rows)
        self.seen = stars.seen.select(self.rows)
        adversary = self.learner.adversary
        self.opponent = torch.optim.Adam(adversary.discriminators.parameters(), WARM_UP_RATE, fused=True)
        self.heads = [*adversary.heads.parameters(), *adversary.nuisance_heads.parameters()]
        self.optimiser = torch.optim.Adam(self.heads or [nn.Parameter(torch.zeros(1))], WARM_UP_RATE)

    def copied(self) -> "Adapter":
        """Another adapter at the same place, whose steps do not move this one."""
        other = Adapter(self.networks, self.prepared, self.rows.numpy())
        other.learner.adversary.load_state_dict(self.learner.adversary.state_dict())
        return other

    @property
    def networks(self) -> Networks:
        return Networks(self.learner.encoder, self.learner.decoder)

    @property
    def updates(self) -> int:
        """The number of updates of the discriminators in a step."""
        return self.config.adversary.steps if self.learner.adversary.watched else 0

    # --- a step ---

    def call(self, method: str, *inputs: Any) -> Any:
        """What a method of the learner returns."""
        return self.learner(method, *inputs)

    def minimise(self, loss: Tensor, opponents: bool) -> None:
        """One update along the gradient of a loss."""
        descend(self.opponent if opponents else self.optimiser, loss)

    @denormals_as_zero()
    def warm_up(self, pace: Pace) -> "Adapter":
        """Let discriminators and heads learn to read the latent as it is."""
        random, learner = torch.Generator().manual_seed(pace.seed), self.learner
        learner.encoder.eval()
        for _ in range(pace.warm_up if self.updates or self.heads else 0):
            feed = draw(self.seen, self._rows(random), self.config, self.updates, random)
            with torch.no_grad():
                mu = learner.latents(feed.batch.tensors())
            train_discriminators(self, feed, mu, self.updates)
            z = mu if feed.decoded is None else mu + feed.decoded
            loss = learner.adversary.head_term(z, feed.batch)
            loss = loss + learner.adversary.nuisance_term(z, feed.batch)
            if loss.requires_grad:
                self.minimise(loss, opponents=False)
        learner.encoder.train()
        return self

    @denormals_as_zero()
    def run(self, part: str, pace: Pace) -> Networks:
        """The networks after the steps, with one of PARTS of the encoder free to move."""
        if part != PARTS[0]:
            random = torch.Generator().manual_seed(pace.seed + 1)
            with torch.random.fork_rng():
                torch.manual_seed(pace.seed)
                free = self._free(part)
            rate = GENTLE * self.config.training.learning_rate
            self.optimiser = torch.optim.Adam([*free, *self.heads], rate, fused=True)
            self.opponent.param_groups[0]["lr"] = self.config.adversary.learning_rate
            for step in range(pace.steps):
                self.optimiser.param_groups[0]["lr"] = rate * one_cycle(step / pace.steps)
                feed = draw(self.seen, self._rows(random), self.config, self.updates, random)
                update(self, feed, self.updates)
            self._merge()
        return self._settled()

    def _rows(self, random: torch.Generator) -> Tensor:
        size = min(self.config.training.batch_size, len(self.seen))
        return torch.randint(len(self.seen), (size,), generator=random)

    def _free(self, part: str) -> list[nn.Parameter]:
        """The weights of encoder and decoder that may move."""
        encoder, decoder = self.networks
        for network in (encoder, decoder):
            network.requires_grad_(False)
        moving: list[nn.Module] = [decoder.rest.requires_grad_(True)]
        if decoder.responses is not None:
            moving.append(decoder.responses.requires_grad_(True))
        linear = [k for k, layer in enumerate(encoder.net) if isinstance(layer, nn.Linear)]
        if part == "low rank":
            for k in linear:
                encoder.net[k] = LowRank(encoder.net[k])  # pyright: ignore[reportArgumentType] - it is linear
        chosen = encoder.net[linear[-1]] if part == "last layer" else encoder.net
        if part != "low rank":
            chosen.requires_grad_(True)
        moving.append(chosen)
        return [p for module in moving for p in module.parameters() if p.requires_grad]

    def _merge(self) -> None:
        net = self.learner.encoder.net
        for k, layer in enumerate(net):
            if isinstance(layer, LowRank):
                net[k] = layer.merged()

    def _settled(self) -> Networks:
        """The networks as a model has them, with the latent's normalisation over these stars."""
        encoder, decoder = self.networks
        if self.config.model.normalise_latent:
            whole = self.prepared.data.select(self.rows)
            set_normalisation(encoder, (c.encoder_input(self.config.model) for c in whole.chunks()))
        for network in (encoder, decoder):
            network.eval().requires_grad_(False)
        return Networks(encoder, decoder)

    # --- how well it serves stars that it has not seen ---

    @torch.no_grad()
    def judged(self, rows: np.ndarray, seed: int = 0) -> float:
        """How badly the networks redraw other stars, and read their kept labels: the loss of both."""
        batch = self.prepared.data.select(torch.from_numpy(rows))
        encoder, decoder = self.networks
        mu = encoder(batch.encoder_input(self.config.model))
        noise = torch.randn(mu.shape, generator=torch.Generator().manual_seed(seed))
        z = mu + self.config.model.noise * noise
        redrawn = weighted_mse(decoder(z, batch.conditions), batch.x, batch.weight)
        return float(redrawn + self.learner.adversary.head_term(z, batch))


def choose_part(
    networks: Networks, stars: Prepared, own: np.ndarray, times: np.ndarray, pace: Pace
) -> dict[str, float]:
    """The loss of each of PARTS on own stars that were left out.

    own: (N,) true for a user's stars, which alone judge; each fold of them is left out once.  times: (N,)
    how often each star is shown in a pass.
    """
    order = np.random.default_rng(pace.seed).permutation(np.flatnonzero(own))
    losses: dict[str, float] = dict.fromkeys(PARTS, 0.0)
    for k in range(CHOOSING_FOLDS):
        fold = order[k::CHOOSING_FOLDS]
        shown = np.where(np.isin(np.arange(len(own)), fold), 0, times)
        warm = Adapter(networks, stars, np.repeat(np.arange(len(own)), shown)).warm_up(pace)
        for part in PARTS:
            adapter = warm.copied()
            adapter.run(part, pace)
            losses[part] += adapter.judged(fold) / CHOOSING_FOLDS
    return losses


def adapted(networks: Networks, stars: Prepared, rows: np.ndarray, part: str, pace: Pace) -> Networks:
    """The networks with one of PARTS of the encoder adapted to these rows of the stars."""
    adapter = Adapter(networks, stars, rows)
    return adapter.warm_up(pace).run(part, pace) if part != PARTS[0] else adapter.run(part, pace)
