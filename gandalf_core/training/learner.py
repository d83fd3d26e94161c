"""The networks of one model, and what one step computes with them.

The same code serves one model and, with stacked weights (stacked.py), several of equal shapes: everything
then has a leading axis of models. It draws no random number and waits for no value.
Shapes: N stars, L pixels or components, Z latent.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ..config.schema import Config
from ..networks.autoencoder import Decoder, Encoder
from .adversary import Adversary
from .batches import Batch
from .objective import autoencoder_loss
from .views import two_views

Tensors = dict[str, Tensor]  # the fields of a `Batch`, in the networks' axes


class Learner(nn.Module):
    """Encoder, decoder and adversary of one model."""

    def __init__(self, config: Config, pixels: int, device: torch.device) -> None:
        super().__init__()
        self.config = config
        with torch.random.fork_rng():
            torch.manual_seed(config.training.seed)
            self.encoder = Encoder(config.model, pixels).to(device)
            self.decoder = Decoder(config.model, pixels).to(device)
            self.adversary = Adversary(config).to(device)
        self.in_components = False  # whether a step sees components (axes.py)

    def forward(self, method: str, *inputs: Any) -> Any:
        """What the method of this name returns."""
        return getattr(self, method)(*inputs)

    def latents(self, stars: Tensors) -> Tensor:
        """(N, Z) μ of the spectra as they are."""
        return self.encoder.norm(self._raw(stars["x"], stars))

    def latents_of_views(self, stars: Tensors, unit_noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the loss compares with (N, L), μ of the noisy view, and μ of the spectra as they are."""
        noise = stars["error"] * unit_noise
        seen, compared = two_views(stars["x"], noise, self.config.training.input_noise)
        both = {"conditions": torch.cat([stars["conditions"]] * 2, -2)}
        mu_noisy, mu = self.encoder.norm(self._raw(torch.cat([seen, stars["x"]], -2), both)).chunk(2, -2)
        return compared, mu_noisy, mu

    def latents_of_parts(self, stars: Tensors, parts: int) -> Tensor:
        """(parts, N, Z) μ of several batches encoded together, each normalised by itself."""
        raw = self._raw(stars["x"], stars).chunk(parts, -2)
        return torch.stack([self.encoder.norm(part) for part in raw], -3)

    def _raw(self, x: Tensor, stars: Tensors) -> Tensor:
        seen = x if self.in_components else self.encoder.axes(x)
        if self.config.model.conditional_encoder:
            seen = torch.cat([seen, stars["conditions"]], -1)
        return self.encoder.from_axes(seen)

    def discriminator_loss(self, z: Tensor, stars: Tensors) -> Tensor:
        """Scalar that the discriminators minimise."""
        return self.adversary.discriminator_loss(z, Batch(**stars))

    def terms(
        self, z: Tensor, exported: tuple[Tensor, Tensor], stars: Tensors, ramp: float | Tensor
    ) -> Tensor:
        """(4,) the auto-encoder's `Terms`; stars["x"]: what x̂ is compared with."""
        batch = Batch(**stars)
        terms = autoencoder_loss(
            self.decoder, self.adversary, z, batch, ramp, exported, self._redrawn(z, batch)
        )
        return torch.stack(terms, -1)

    def _redrawn(self, z: Tensor, batch: Batch) -> Tensor:
        """(N, L) x̂ in the axes of the batch."""
        rest = self.decoder.rest(torch.cat([z, batch.conditions], -1))
        if self.decoder.responses is not None and batch.responses is not None:
            rest = rest + self.decoder.responses(z, batch.responses)
        drawn = rest if self.in_components else self.decoder.axes(rest)
        return self.decoder.squash(drawn if batch.mean is None else batch.mean + drawn)
