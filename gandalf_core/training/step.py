"""One update of one model, or of several of equal shapes at once.

Everything random is drawn first, each model's by its own generator and in a fixed order: a model's numbers do
not depend on which others train beside it.
Shapes: N stars, L pixels or components, Z latent; with a leading axis of models where several train.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import torch
from torch import Tensor

from ..config.schema import Config
from .batches import Batch

MIXED_ON = ("cuda",)  # kinds of devices on which products are taken in 16 bits, sums and weights in 32


@dataclass(frozen=True)
class Feed:
    """What one step takes in: stars and random numbers.

    fresh: the stars of the discriminators' later updates, one batch after the other.  views: unit noise of
    the spectra (N, L).  read: noise of the latents that each update of the discriminators reads
    (updates, N, Z).  decoded, exported: of those that the decoder and the adversary read (N, Z).  None:
    nothing of the kind.  ramp: how much of the adversarial term counts, a number or (models,).
    """

    batch: Batch
    fresh: Batch | None
    views: Tensor | None
    read: Tensor | None
    decoded: Tensor | None
    exported: Tensor | None
    ramp: Any = 1.0


def draw(stars: Batch, rows: Tensor, config: Config, updates: int, random: torch.Generator) -> Feed:
    """The feed of one model's step on these rows (N,) of its training split.

    updates: of the discriminators.
    """
    size, device, sigma = len(rows), stars.x.device, config.model.noise

    def normal(width: int) -> Tensor:
        return torch.randn((size, width), generator=random, device=device)

    def latent_noise() -> Tensor | None:
        return sigma * normal(config.model.latent_size) if sigma else None

    views = None if stars.error is None else normal(stars.x.shape[1])
    read, fresh = [], []
    for k in range(updates):
        if k:
            fresh.append(torch.randint(len(stars), (size,), generator=random, device=device))
        read.append(latent_noise())
    decoded = latent_noise()
    return Feed(
        batch=stars.select(rows),
        fresh=stars.select(torch.cat(fresh)) if fresh else None,
        views=views,
        read=torch.stack([r for r in read if r is not None]) if read and sigma else None,
        decoded=decoded,
        exported=None if views is None else latent_noise(),
    )


def stacked(feeds: Sequence[Feed]) -> Feed:
    """The feeds of several models of equal shapes, with a leading axis of models."""
    first = feeds[0]
    values = {f.name: [getattr(feed, f.name) for feed in feeds] for f in fields(Feed)}
    together: dict[str, Any] = {name: _stacked(each) for name, each in values.items() if name != "ramp"}
    dtype = first.batch.x.dtype
    return Feed(**together, ramp=torch.tensor(values["ramp"], dtype=dtype, device=first.batch.x.device))


def _stacked(each: list[Any]) -> Any:
    if each[0] is None:
        return None
    if isinstance(each[0], Tensor):
        return torch.stack(each)
    return Batch(**{name: torch.stack([getattr(b, name) for b in each]) for name in each[0].tensors()})


class Team(Protocol):
    """Who takes a step: one model, or several stacked."""

    def call(self, method: str, *inputs: Any) -> Any:
        """What a method of `Learner` returns, with a leading axis of models if there are several."""
        ...

    def minimise(self, loss: Tensor, opponents: bool) -> None:
        """One update along the gradient of a loss, of the auto-encoders or of their opponents."""
        ...


def descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """One update along the gradient of a loss."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def update(team: Team, feed: Feed, updates: int) -> Tensor:
    """One update of the auto-encoders after `updates` of the discriminators; their `Terms` (4,)."""
    batch, device = feed.batch, feed.batch.x.device
    stars = batch.tensors()
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type in MIXED_ON):
        if feed.views is None:
            mu = mu_noisy = team.call("latents", stars)
        else:
            compared, mu_noisy, mu = team.call("latents_of_views", stars, feed.views)
            stars = stars | {"x": compared}
        train_discriminators(team, feed, mu.detach(), updates)
        z = _with(mu_noisy, feed.decoded)
        exported = z if feed.views is None else _with(mu, feed.exported)
        terms = team.call("terms", z, (mu, exported), stars, feed.ramp)
    team.minimise(terms[..., 0].sum(), opponents=False)
    return terms.detach()


def train_discriminators(team: Team, feed: Feed, mu: Tensor, updates: int) -> None:
    """Update the discriminators on μ (N, Z) of the batch, then of fresh stars, which are encoded together."""
    size = feed.batch.x.shape[-2]
    fresh = None
    for k in range(updates):
        stars = feed.batch
        if k:
            assert feed.fresh is not None
            if fresh is None:
                with torch.no_grad():
                    fresh = team.call("latents_of_parts", feed.fresh.tensors(), updates - 1)
            stars, mu = feed.fresh.part((k - 1) * size, size), fresh.select(-3, k - 1)
        z = _with(mu, None if feed.read is None else feed.read.select(-3, k))
        team.minimise(team.call("discriminator_loss", z, stars.tensors()).sum(), opponents=True)


def _with(mu: Tensor, noise: Tensor | None) -> Tensor:
    """(N, Z) the exported latent: μ plus the noise of the recipe."""
    return mu if noise is None else mu + noise
