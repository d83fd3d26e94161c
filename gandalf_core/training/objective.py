"""Every loss term, and the one home of λ's sign.

    L = L_rec − Σ_i λ_i·CE_i                                        (paper section 3: `target = maximise`)

L_rec is the mean squared error of x̂, CE_i the cross-entropy of discriminator i on the true bin of label i, which the
discriminator itself minimises. λ_i > 0 removes label i from z, λ_i < 0 reinforces it, λ_i = 0 only watches.

A maximised error pays for confident wrong answers, which are information too. With `target = uniform | conditional` a
removed label's term is instead the bounded cross-entropy against what a reader knows without z,

    + λ_i·H(t_i, q_i),   t_i = 1/B  or  p(bin_i | kept labels),

and with `reinforce = regression` a kept label's term is |λ_i|·(h_i(z) − y_i)² of a regression head h_i. `nuisances` adds such
terms, w_j·(g_j(z, y) − n_j)², for what is known of a star besides its labels and would drown in the latent's noise.
`dependence` adds a penalty without an opponent (dependence.py). For a decoder m(y) + r(z, y), `centring` keeps r from saying
what y alone says,

    + c·‖E_z r(z, y)‖²,

so that the sliders act through m, which knows no nuisance.
Shapes: N stars, L pixels, K discriminators, B bins.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config.schema import Config
from ..networks.autoencoder import Decoder, Mlp, Stack
from .dependence import Dependence

HEAD = (64, 32)  # widths of a regression head
KNOWLEDGE_EPOCHS = 63  # passes over the labels when p(bin | kept labels) is learned: 1500 steps on the standard sample


class Batch(NamedTuple):
    """What one step sees. weight: (N, 1) or (N, L) or None; bins and standard labels mark a missing label by −1 and NaN."""

    x: Tensor  # (N, L) scaled flux
    conditions: Tensor  # (N, C) standardised labels that the decoder receives
    standard: Tensor  # (N, P) standardised labels
    bins: Tensor  # (K, N) bin of each watched label, −1 = missing
    target: Tensor  # (K, N, B) what a reader knows without z
    weight: Tensor | None
    error: Tensor | None = None  # (N, 1) noise of each spectrum, scaled; None: the encoder sees the spectra as they are
    nuisances: Tensor | None = None  # (N, Q) standardised, NaN = unknown; None: no head reads them


class Terms(NamedTuple):
    """The auto-encoder's loss and its parts, all scalars but the (K,) cross-entropies."""

    total: Tensor
    reconstruction: Tensor
    adversary: Tensor
    heads: Tensor


class Adversary(nn.Module):
    """The discriminators of the watched labels and the regression heads of the reinforced ones."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, a, labels = config, config.adversary, config.model.labels
        self.by_head = tuple(n for n in config.kept if a.reinforce == "regression")
        self.watched = tuple(n for n in labels if n in a.lambdas and n not in self.by_head)
        self.kept_columns = [labels.index(n) for n in config.kept] if a.sees_kept else []
        self.head_columns = [labels.index(n) for n in self.by_head]
        latent, activation = config.model.latent_size, config.model.activation
        outputs = a.bins ** len(self.watched) if a.joint else a.bins
        count = (1 if a.joint else len(self.watched)) if self.watched else 0
        self.discriminators = Stack(count, (latent + len(self.kept_columns), *a.hidden, outputs), activation)
        self.heads = Stack(len(self.by_head), (latent, *HEAD, 1), activation)
        self.nuisance_heads = Stack(len(a.nuisances), (latent + len(config.model.condition_on), *HEAD, 1), activation)
        self.removed_rows = [k for k, n in enumerate(self.watched) if a.lambdas[n] > 0]
        shape = (len(self.removed_rows), latent, a.bins)
        self.dependence = Dependence(*shape, spread=a.dependence_spread) if a.dependence else None
        lambdas = torch.tensor([a.lambdas[n] for n in self.watched], dtype=torch.float32)
        self.register_buffer("lambdas", lambdas, persistent=False)
        weights = torch.tensor([abs(a.lambdas[n]) for n in self.by_head], dtype=torch.float32)
        self.register_buffer("head_weights", weights, persistent=False)
        self.register_buffer("nuisance_weights", torch.tensor(list(a.nuisances.values())), persistent=False)

    def log_probabilities(self, z: Tensor, standard: Tensor, frozen: bool = False) -> Tensor:
        """(K, N, B) what each discriminator believes; a joint one's belief is summed over the other labels."""
        out = self.discriminators(self._seen(z, standard), frozen)
        if self.config.adversary.joint:
            return self._marginals(torch.log_softmax(out[0], -1))
        # over so few bins the processor's kernel is several times faster along a middle axis than along the last one
        return torch.log_softmax(out.transpose(1, 2).contiguous(), 1).transpose(1, 2)

    def _seen(self, z: Tensor, standard: Tensor) -> Tensor:
        """What the discriminators are shown: z (N, Z) and, where they see them, the true kept labels."""
        return torch.cat([z, torch.nan_to_num(standard[:, self.kept_columns])], 1) if self.kept_columns else z

    def _marginals(self, joint: Tensor) -> Tensor:  # (N, B^K) -> (K, N, B)
        n, labels, bins = len(joint), len(self.watched), self.config.adversary.bins
        cube = joint.view(n, *[bins] * labels)
        axes = range(1, labels + 1)
        return torch.stack([torch.logsumexp(cube, [a for a in axes if a != k]) if labels > 1 else cube for k in axes])

    def discriminator_loss(self, z: Tensor, batch: Batch) -> Tensor:
        """Scalar that the discriminators minimise: Σ_i CE_i, or the cross-entropy over the joint bins.

        The joint one learns of a star with missing labels that it is in one of the combinations its known labels allow.
        """
        if not self.config.adversary.joint:
            return true_cross_entropy(self.log_probabilities(z, batch.standard), batch.bins).sum()
        out, bins = self.discriminators(self._seen(z, batch.standard))[0], self.config.adversary.bins
        powers = bins ** torch.arange(len(self.watched) - 1, -1, -1, device=z.device)
        known = batch.bins >= 0
        if bool(known.all()):
            return F.cross_entropy(out, (batch.bins * powers[:, None]).sum(0))
        digits = torch.arange(out.shape[1], device=z.device) // powers[:, None] % bins  # (K, B^K)
        allowed = ((digits[:, None] == batch.bins[..., None]) | ~known[..., None]).all(0)
        likelihood = torch.logsumexp(torch.log_softmax(out, 1).masked_fill(~allowed, -torch.inf), 1)
        some = known.any(0)
        return -(likelihood * some).sum() / some.sum().clamp(min=1)

    def term(self, z: Tensor, batch: Batch) -> Tensor:
        """Scalar: what λ adds to the auto-encoder's loss through the discriminators, −Σ λ_i·CE_i or its bounded form."""
        log_q = self.log_probabilities(z, batch.standard, frozen=True)
        on_truth = -self.lambdas * true_cross_entropy(log_q, batch.bins)
        if self.config.adversary.target == "maximise":
            return on_truth.sum()
        confusion = -(batch.target * log_q).sum(2)  # (K, N): H(t_i, q_i)
        towards = self.lambdas * confusion.mean(1)
        return torch.where(self.lambdas > 0, towards, on_truth).sum()

    def dependence_term(self, mu: Tensor, batch: Batch) -> Tensor:
        """Scalar: γ·Σ C² over the removed labels (dependence.py)."""
        rows = self.removed_rows
        return self.config.adversary.dependence * self.dependence(mu, batch.bins[rows], batch.target[rows])

    def head_term(self, z: Tensor, batch: Batch) -> Tensor:
        """Scalar: Σ |λ_i|·(h_i(z) − y_i)² over the stars that have the label."""
        return (self.head_weights * known_mse(self.heads(z)[..., 0], batch.standard[:, self.head_columns].T)).sum()

    def nuisance_term(self, z: Tensor, batch: Batch) -> Tensor:
        """Scalar: Σ w_j·(g_j(z, y) − n_j)² over the stars whose nuisance is known, each star counting as in L_rec."""
        guess = self.nuisance_heads(torch.cat([z, batch.conditions], 1))[..., 0]
        star_weight = None if batch.weight is None else batch.weight.mean(1)
        return (self.nuisance_weights * known_mse(guess, batch.nuisances.T, star_weight)).sum()


def known_mse(guess: Tensor, truth: Tensor, star_weight: Tensor | None = None) -> Tensor:
    """(K,) mean of (guess − truth)² where the truth is known. guess, truth: (K, N), NaN = unknown; star_weight: (N,)."""
    counts = (~torch.isnan(truth)).to(guess.dtype)
    counts = counts if star_weight is None else counts * star_weight
    error = (guess - torch.nan_to_num(truth)).square() * counts
    return error.sum(1) / counts.sum(1).clamp(min=1e-9)  # nobody knows: 0


def true_cross_entropy(log_q: Tensor, bins: Tensor) -> Tensor:
    """(K,) mean of −log q(true bin) over the stars whose label is known. log_q: (K, N, B), bins: (K, N)."""
    terms = F.nll_loss(log_q.transpose(1, 2), bins, ignore_index=-1, reduction="none")  # (K, N), 0 where missing
    return terms.sum(1) / (bins >= 0).sum(1).clamp(min=1)


def weighted_mse(guess: Tensor, x: Tensor, weight: Tensor | None) -> Tensor:
    """Scalar L_rec = MSE(x, x̂); with a weight (N, 1 or L) per star or pixel, the mean of weight·(x − x̂)²."""
    return F.mse_loss(guess, x) if weight is None else ((guess - x).square() * weight).mean()


def autoencoder_loss(
    decoder: Decoder, adversary: Adversary, z: Tensor, batch: Batch, ramp: float, exported: tuple[Tensor, Tensor] | None = None
) -> Terms:
    """The formula of this module's head. `ramp` (0-1) scales the adversarial term during the first epochs.

    exported: μ and z of the spectra as they are, which the adversary watches, where `z` is that of spectra with added noise.
    """
    mu, watched = exported or (z, z)
    rec = weighted_mse(decoder(z, batch.conditions), batch.x, batch.weight)
    zero = rec.new_zeros(())
    adversarial = adversary.term(watched, batch) if adversary.watched else zero
    if adversary.dependence is not None:
        adversarial = adversarial + adversary.dependence_term(mu, batch)
    heads = adversary.head_term(z, batch) if adversary.by_head else zero
    if batch.nuisances is not None:
        heads = heads + adversary.nuisance_term(z, batch)
    weight = adversary.config.training.centring
    centring = weight * square_of_mean(decoder, z, batch) if weight and decoder.mean is not None else zero
    return Terms(rec + ramp * adversarial + heads + centring, rec, adversarial, heads)


def square_of_mean(decoder: Decoder, z: Tensor, batch: Batch) -> Tensor:
    """Scalar: ‖E_z r(z, y)‖² as the product of r under the latents of two other stars, which has no bias; weighted as L_rec."""
    others = torch.cat([z.roll(1, 0), z.roll(2, 0)])
    first, second = decoder.rest(torch.cat([others, batch.conditions.repeat(2, 1)], 1)).chunk(2)
    weight = 1.0 if batch.weight is None else batch.weight.mean(1, keepdim=True)
    return (weight * first * second).mean()


class Knowledge:
    """p(bin_i | kept labels): what a reader knows without z, learned once from the labels of the training split.

    bins: (K, N), −1 = missing; kept: (N, number of kept labels seen), standardised. Without kept labels, or with a target
    that does not need them, it is the frequency of the bins; for `target = uniform` it is 1/B.
    """

    def __init__(self, bins: Tensor, kept: Tensor, config: Config, steps: int = 1500) -> None:
        n_bins = config.adversary.bins
        counts = [torch.bincount(b[b >= 0], minlength=n_bins).float() + 1 for b in bins]
        self.frequency = torch.stack(counts) if counts else kept.new_zeros((0, n_bins))
        if config.adversary.target == "uniform":
            self.frequency = torch.ones_like(self.frequency)
        self.frequency /= self.frequency.sum(1, keepdim=True)
        asks = config.adversary.target == "conditional" and kept.shape[1]
        seed = config.training.seed
        self.nets = [_classifier(b, torch.nan_to_num(kept), n_bins, seed, steps) for b in bins] if asks else []

    @torch.no_grad()
    def __call__(self, kept: Tensor) -> Tensor:
        """(K, N, B) for the kept labels of N stars."""
        if self.nets:
            return torch.stack([torch.softmax(net(torch.nan_to_num(kept)), 1) for net in self.nets])
        return self.frequency[:, None].expand(-1, len(kept), -1).contiguous()  # picking rows of an expanded one is slow


def _classifier(bins: Tensor, kept: Tensor, n_bins: int, seed: int, steps: int) -> nn.Module:
    """A small network labels → bin, by cross-entropy with a cosine learning rate.

    A small sample gets small batches and fewer steps: a classifier that has learned its stars by heart would tell the
    encoder to encode what it should remove.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = Mlp((kept.shape[1], 64, 64, n_bins), "silu").to(kept.device)
        optimiser = torch.optim.Adam(net.parameters(), 3e-3)
        known = torch.nonzero(bins >= 0)[:, 0]
        batch = min(2048, max(64, len(known) // 8))
        steps = max(1, min(steps, KNOWLEDGE_EPOCHS * len(known) // batch))
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = 3e-3 * 0.5 * (1 + math.cos(math.pi * step / steps))
            rows = known[torch.randint(len(known), (batch,), device=known.device)]
            optimiser.zero_grad()
            F.cross_entropy(net(kept[rows]), bins[rows]).backward()
            optimiser.step()
    return net.requires_grad_(False)
