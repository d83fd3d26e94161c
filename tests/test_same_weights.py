"""The trainer ends in the weights that the plain formulas give, one operation at a time."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gandalf_core.config.presets import preset
from gandalf_core.config.schema import with_fields
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.networks.autoencoder import set_components
from gandalf_core.parameters import LABELS
from gandalf_core.training.trainer import Trainer

N, L, STEPS = 240, 40, 12
SMALL = {
    "training.batch_size": 32,
    "training.epochs": 2,
    "model.encoder_hidden": [24, 16],
    "model.decoder_hidden": [16, 24],
    "model.latent_size": 5,
}


def toy_stars(missing: bool = False) -> SpectraSet:
    rng = np.random.default_rng(0)
    labels = rng.uniform(-1, 1, (N, 4))
    flux = 1 + 0.1 * np.tanh(labels @ rng.normal(size=(4, L))) + 0.01 * rng.normal(size=(N, L))
    if missing:
        labels[::3, 2] = np.nan
    broadening = np.where(np.arange(N) % 5, rng.uniform(0, 20, N), np.nan)  # unknown for some stars
    labels = np.column_stack([labels, broadening])
    return SpectraSet(
        flux, np.linspace(846, 870, L), [f"s{i}" for i in range(N)], labels, (*LABELS, "vbroad")
    )


def configuration(name: str, **changes):
    ours = {
        "model.mean_hidden": [8],
        "model.components": 15,
        "adversary.dependence": 0.3,
        "training.centring": 2.0,
    }
    ours |= {"adversary.dependence_spread": 0.7, "adversary.nuisances.vbroad": 0.5}
    small = SMALL | (ours if name != "autoencoder" and "paper" not in name else {})
    return with_fields(preset(name), small | {k.replace("__", "."): v for k, v in changes.items()})


# --- the formulas as they stand ---


def plain_layers(net: nn.Module, x: torch.Tensor, act) -> torch.Tensor:
    linear = [m for m in net if isinstance(m, nn.Linear)]
    for layer in linear[:-1]:
        x = act(F.linear(x, layer.weight, layer.bias))
    return F.linear(x, linear[-1].weight, linear[-1].bias)


def plain_stack(stack: nn.Module, x: torch.Tensor, act, frozen: bool = False) -> torch.Tensor:
    outputs = []
    for k in range(len(stack.weights[0])):
        h = x
        for i, (weight, bias) in enumerate(zip(stack.weights, stack.biases, strict=True)):
            w, b = (weight.detach(), bias.detach()) if frozen else (weight, bias)
            h = h @ w[k] + b[k]
            h = h if i == len(stack.weights) - 1 else act(h)
        outputs.append(h)
    return torch.stack(outputs)


def cross_entropies(log_q: torch.Tensor, bins: torch.Tensor) -> list[torch.Tensor]:
    zero = log_q.sum() * 0
    known = [torch.nonzero(b >= 0)[:, 0] for b in bins]
    return [-q[i, b[i]].mean() if len(i) else zero for q, b, i in zip(log_q, bins, known, strict=True)]


class Plain:
    """One step of the algorithm from equations alone: it shares data and first weights with a trainer."""

    def __init__(self, trainer: Trainer) -> None:
        self.config, self.data = trainer.config, trainer.data
        self.encoder, self.decoder, self.adversary = map(copy.deepcopy, trainer.modules.values())
        self.running = torch.zeros(1)
        heads = (self.adversary.heads, self.adversary.nuisance_heads)
        mine = [
            *self.encoder.net.parameters(),
            *self.decoder.rest.parameters(),
            *(p for h in heads for p in h.parameters()),
        ]
        self.optimiser = torch.optim.Adam([p for p in mine if p.numel()], self.config.training.learning_rate)
        self.opponent = torch.optim.Adam(
            self.adversary.discriminators.parameters(), self.config.adversary.learning_rate
        )
        self.act = {"relu": F.relu, "silu": F.silu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}[
            self.config.model.activation
        ]
        self.random = torch.Generator().manual_seed(1)

    def encode(self, rows: torch.Tensor) -> torch.Tensor:
        x = self.data.x[rows]
        if self.config.model.components:
            x = x @ self.encoder.axes.weight.T
        return self.encoder.norm(plain_layers(self.encoder.net, x, self.act))

    def noisy(self, mu: torch.Tensor) -> torch.Tensor:
        sigma = self.config.model.noise
        return mu + sigma * torch.randn(mu.shape, generator=self.random) if sigma else mu

    def log_q(self, z: torch.Tensor, rows: torch.Tensor, frozen: bool = False) -> torch.Tensor:
        kept = self.data.standard[rows][:, self.adversary.seen_columns]
        out = plain_stack(
            self.adversary.discriminators, torch.cat([z, torch.nan_to_num(kept)], 1), self.act, frozen
        )
        return out - out.exp().sum(2, keepdim=True).log()

    def term(self, z: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        log_q, bins, target = (
            self.log_q(z, rows, frozen=True),
            self.data.bins[:, rows],
            self.data.target[:, rows],
        )
        total = 0
        for k, (name, truth) in enumerate(
            zip(self.adversary.watched, cross_entropies(log_q, bins), strict=True)
        ):
            strength = self.config.lambdas[name]
            bounded = self.config.adversary.target != "maximise" and strength > 0
            total = total + (
                -strength * (target[k] * log_q[k]).sum(1).mean() if bounded else -strength * truth
            )
        return total

    def heads(self, z: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        guesses = plain_stack(self.adversary.heads, z, self.act)[..., 0]
        total = 0
        for name, column, guess in zip(
            self.adversary.with_heads, self.adversary.head_columns, guesses, strict=True
        ):
            truth = self.data.standard[rows, column]
            known = ~torch.isnan(truth)
            total = total + abs(self.config.lambdas[name]) * ((guess[known] - truth[known]) ** 2).mean()
        return total

    def nuisances(self, z: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        guesses, total = (
            plain_stack(
                self.adversary.nuisance_heads, torch.cat([z, self.data.conditions[rows]], 1), self.act
            ),
            0,
        )
        for j, weight in enumerate(self.config.adversary.nuisances.values()):
            truth, guess = self.data.nuisances[rows, j], guesses[j, :, 0]
            known = ~torch.isnan(truth)
            total = total + (weight * ((guess[known] - truth[known]) ** 2).mean() if known.any() else 0)
        return total

    def dependence(self, mu: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Σ over removed labels, latent dimensions and bins of the running times the present covariance."""
        parts, share = [], self.config.adversary.dependence_spread
        for k, name in enumerate(self.adversary.watched):
            if self.config.lambdas[name] <= 0:
                continue
            bins, p = self.data.bins[k, rows], self.data.target[k, rows]
            for b in range(p.shape[1]):
                e = torch.where(bins < 0, 0, (bins == b).double() - p[:, b]) * p.shape[1] ** 0.5
                parts += [(mu * e[:, None]).mean(0)]
                for i in range(mu.shape[1]):
                    parts += [(share**0.5 * (mu[:, i] ** 2 - 1) / 2**0.5 * e).mean()[None]]
                    parts += [(share**0.5 * mu[:, i] * mu[:, j] * e).mean()[None] for j in range(i)]
        present = torch.cat(parts)
        self.running = 0.99 * self.running + 0.01 * present.detach()
        return self.config.adversary.dependence * (self.running * present).sum()

    def centring(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """r of two other stars under the labels of each, multiplied."""
        total = 0
        for i in range(len(z)):
            one, two = (
                plain_layers(self.decoder.rest, torch.cat([z[i - j], y[i]])[None], self.act) for j in (1, 2)
            )
            total = total + (one * two).mean() / len(z)
        return self.config.training.centring * total

    def step(self, rows: torch.Tensor) -> None:
        mu = self.encode(rows)
        if self.adversary.watched:
            self.train_discriminators(rows, mu.detach())
        z, x, y = self.noisy(mu), self.data.x[rows], self.data.conditions[rows]
        guess = plain_layers(self.decoder.rest, torch.cat([z, y], 1), self.act)
        if self.decoder.mean is not None:
            guess = guess + sum(plain_layers(net, y, self.act).detach() for net in self.decoder.means) / len(
                self.decoder.means
            )
        guess = guess @ self.decoder.axes.weight.T if self.config.model.components else guess
        loss = ((guess - x) ** 2).mean()
        loss = loss + (self.term(z, rows) if self.adversary.watched else 0)
        loss = loss + (self.dependence(mu, rows) if self.config.adversary.dependence else 0)
        loss = loss + (self.heads(z, rows) if self.adversary.with_heads else 0)
        loss = loss + (self.nuisances(z, rows) if self.config.adversary.nuisances else 0)
        loss = loss + (
            self.centring(z, y) if self.config.training.centring and self.decoder.mean is not None else 0
        )
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()

    def train_discriminators(self, rows: torch.Tensor, mu: torch.Tensor) -> None:
        for step in range(self.config.adversary.steps):
            if step:
                rows = torch.randint(len(self.data), (len(rows),), generator=self.random)
                with torch.no_grad():
                    mu = self.encode(rows)
            loss = sum(cross_entropies(self.log_q(self.noisy(mu), rows), self.data.bins[:, rows]))
            self.opponent.zero_grad()
            loss.backward()
            self.opponent.step()


def in_double_precision(trainer: Trainer) -> Trainer:
    """The trainer in numbers whose rounding is far below what a step changes: equality can be strict."""
    for module in trainer.modules.values():
        module.double()
    if trainer.config.model.components:  # orthonormal to as many digits
        axes = torch.linalg.qr(trainer.encoder.axes.weight.detach().T)[0].T
        set_components(trainer.encoder, trainer.decoder, axes)
    for name in ("data", "validation"):
        fields = getattr(trainer, name).tensors()
        parts = {k: v.double() if v.is_floating_point() else v for k, v in fields.items()}
        setattr(trainer, name, replace(getattr(trainer, name), **parts))
    return trainer


def without_effect(trainer: Trainer) -> tuple[str, ...]:
    """Batch normalisation takes the last bias away again: its gradient is rounding, which Adam blows up."""
    return ("net.4.bias", "norm.running_mean") if trainer.config.model.normalise_latent else ()


CASES = [
    ("autoencoder", False),
    ("paper-physical-removed", False),
    ("physical-removed", False),
    ("generator", False),
    ("paper-physical-removed", True),
    ("physical-removed", True),
]


@pytest.mark.parametrize(("name", "missing"), CASES)
def test_training_equals_the_plain_formulas(name, missing):
    """`missing`: a third of the stars lack [M/H], which the decoder then does not receive."""
    without_grid = {"model__mean_start": "none", "model__nuisance_responses": False}
    changes = {"model__condition_on": ["teff", "logg"], **without_grid} if missing else {}
    trainer = in_double_precision(Trainer(toy_stars(missing), configuration(name, **changes), "cpu"))
    plain = Plain(trainer)
    trainer.random = torch.Generator().manual_seed(1)
    order = torch.randperm(len(trainer.data), generator=torch.Generator().manual_seed(2))
    first = copy.deepcopy(trainer.modules)
    for i in range(STEPS):
        rows = order[(i % 6) * 32 : (i % 6) * 32 + 32]
        trainer.step(rows)
        plain.step(rows)
    expected = {"encoder": plain.encoder, "decoder": plain.decoder, "adversary": plain.adversary}
    for part, module in trainer.modules.items():
        for key, value in module.state_dict().items():
            # that one Plain keeps flat
            if (part == "encoder" and key in without_effect(trainer)) or key == "dependence.running":
                continue
            torch.testing.assert_close(
                value, expected[part].state_dict()[key], rtol=1e-6, atol=1e-9, msg=f"{part}.{key}"
            )
    moved = (trainer.encoder.net[0].weight - first["encoder"].net[0].weight).abs().max()
    assert moved > 1e-3  # the comparison is between weights that have gone somewhere
