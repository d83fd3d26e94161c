"""The discriminators of the watched labels and the regression heads of the reinforced ones.

Shapes: N stars, Z latent, P labels, C conditioned labels, K discriminators, B bins, Q nuisances; a leading
axis of models, where several train together, stays.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config.schema import Config
from ..config.sizes import HEAD_WIDTHS
from ..networks.layers import Stack
from .batches import Batch
from .dependence import Dependence
from .losses import known_mse, true_cross_entropy


class Adversary(nn.Module):
    """The networks that read the latent, and what each adds to the auto-encoder's loss."""

    lambdas: Tensor  # (K,)
    head_weights: Tensor  # (number of heads,)
    nuisance_weights: Tensor  # (Q,)
    seen: (
        Tensor  # the columns of `seen_columns`; a tensor, since models of other labels may train beside this
    )
    head_truth: Tensor  # those of `head_columns`

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, a, m = config, config.adversary, config.model
        self.watched, self.with_heads = config.watched, config.with_heads
        self.seen_columns = config.columns(config.labels_seen)
        self.head_columns = config.columns(self.with_heads)
        outputs = a.bins ** len(self.watched) if a.joint else a.bins
        count = min(len(self.watched), 1) if a.joint else len(self.watched)
        inputs = m.latent_size + len(self.seen_columns)
        self.discriminators = Stack(count, (inputs, *a.hidden, outputs), m.activation)
        self.heads = Stack(len(self.with_heads), (m.latent_size, *HEAD_WIDTHS, 1), m.activation)
        inputs = m.latent_size + len(m.condition_on)
        self.nuisance_heads = Stack(len(a.nuisances), (inputs, *HEAD_WIDTHS, 1), m.activation)
        self.removed_rows = [k for k, n in enumerate(self.watched) if a.lambdas[n] > 0]
        self.dependence = (
            Dependence(len(self.removed_rows), m.latent_size, a.bins, a.dependence_spread)
            if a.dependence
            else None
        )
        self._hold("lambdas", [a.lambdas[n] for n in self.watched])
        self._hold("head_weights", [abs(a.lambdas[n]) for n in self.with_heads])
        self._hold("nuisance_weights", [*a.nuisances.values()])
        self._hold("seen", self.seen_columns, torch.int64)
        self._hold("head_truth", self.head_columns, torch.int64)

    def _hold(self, name: str, values: list[float] | list[int], dtype: torch.dtype = torch.float32) -> None:
        """Keep constants on the device of the networks, outside checkpoints."""
        self.register_buffer(name, torch.tensor(values, dtype=dtype), persistent=False)

    def log_probabilities(self, z: Tensor, standard: Tensor, frozen: bool = False) -> Tensor:
        """(K, N, B) log-probability that each discriminator gives each bin.

        Those of a joint discriminator are sums over the other labels. `frozen`: without a gradient to the
        discriminators' weights.
        """
        out = self.discriminators(self._inputs(z, standard), frozen)
        if self.config.adversary.joint:
            return self._marginals(torch.log_softmax(out[0], -1))
        # over so few bins the processor's kernel is several times faster along a middle axis
        return torch.log_softmax(out.transpose(-2, -1).contiguous(), -2).transpose(-2, -1)

    def _inputs(self, z: Tensor, standard: Tensor) -> Tensor:
        """What the discriminators see: z (N, Z) and, if so configured, the true kept labels."""
        if not self.seen_columns:
            return z
        return torch.cat([z, torch.nan_to_num(_columns(standard, self.seen))], -1)

    def _marginals(self, joint: Tensor) -> Tensor:  # (N, B^K) -> (K, N, B)
        n, labels, bins = len(joint), len(self.watched), self.config.adversary.bins
        cube = joint.view(n, *[bins] * labels)
        axes = range(1, labels + 1)
        return torch.stack(
            [torch.logsumexp(cube, [a for a in axes if a != k]) if labels > 1 else cube for k in axes]
        )

    def discriminator_loss(self, z: Tensor, batch: Batch) -> Tensor:
        """Scalar that the discriminators minimise: Σ_i CE_i, or the cross-entropy over the joint bins."""
        if self.config.adversary.joint:
            return self._joint_loss(z, batch)
        return true_cross_entropy(self.log_probabilities(z, batch.standard), batch.bins).sum(-1)

    def _joint_loss(self, z: Tensor, batch: Batch) -> Tensor:
        """Scalar: mean of −log q over the combinations of bins that a star's known labels leave open."""
        out, bins = self.discriminators(self._inputs(z, batch.standard))[0], self.config.adversary.bins
        powers = bins ** torch.arange(len(self.watched) - 1, -1, -1, device=z.device)
        known = batch.bins >= 0  # (K, N)
        if bool(known.all()):
            return F.cross_entropy(out, (batch.bins * powers[:, None]).sum(0))
        digits = torch.arange(out.shape[1], device=z.device) // powers[:, None] % bins  # (K, B^K)
        allowed = ((digits[:, None] == batch.bins[..., None]) | ~known[..., None]).all(0)  # (N, B^K)
        likelihood = torch.logsumexp(torch.log_softmax(out, 1).masked_fill(~allowed, -torch.inf), 1)
        some = known.any(0)
        return -(likelihood * some).sum() / some.sum().clamp(min=1)

    # --- what the readers add to the auto-encoder's loss; 0 where the configuration has no such term ---

    def term(self, z: Tensor, batch: Batch) -> Tensor:
        """Scalar of the discriminators: −Σ λ_i·CE_i, or its bounded form (objective.py)."""
        if not self.watched:
            return _nothing(z)
        log_q = self.log_probabilities(z, batch.standard, frozen=True)
        on_truth = -self.lambdas * true_cross_entropy(log_q, batch.bins)
        if self.config.adversary.target == "maximise":
            return on_truth.sum(-1)
        confusion = -(batch.target * log_q).sum(-1)  # (K, N): H(t_i, q_i)
        towards = self.lambdas * confusion.mean(-1)
        return torch.where(self.lambdas > 0, towards, on_truth).sum(-1)

    def dependence_term(self, mu: Tensor, batch: Batch) -> Tensor:
        """Scalar: γ·Σ C² over the removed labels (dependence.py)."""
        if self.dependence is None:
            return _nothing(mu)
        bins, target = batch.bins[..., self.removed_rows, :], batch.target[..., self.removed_rows, :, :]
        return self.config.adversary.dependence * self.dependence(mu, bins, target)

    def head_term(self, z: Tensor, batch: Batch) -> Tensor:
        """Scalar: Σ |λ_i|·(h_i(z) − y_i)² over the stars that have the label."""
        if not self.with_heads:
            return _nothing(z)
        truth = _columns(batch.standard, self.head_truth).mT
        return (self.head_weights * known_mse(self.heads(z)[..., 0], truth)).sum(-1)

    def nuisance_term(self, z: Tensor, batch: Batch) -> Tensor:
        """Scalar: Σ w_j·(g_j(z, y) − n_j)² over the stars whose nuisance is known, weighted as in L_rec."""
        if batch.nuisances is None:
            return _nothing(z)
        guess = self.nuisance_heads(torch.cat([z, batch.conditions], -1))[..., 0]
        star_weight = None if batch.weight is None else batch.weight.mean(-1)
        return (self.nuisance_weights * known_mse(guess, batch.nuisances.mT, star_weight)).sum(-1)


def _nothing(z: Tensor) -> Tensor:
    """0 as a scalar; (models,) where several train together."""
    return z.new_zeros(z.shape[:-2])


def _columns(values: Tensor, columns: Tensor) -> Tensor:
    """(N, number of columns) some columns of (N, P); each of several models has its own."""
    if columns.ndim == 1:
        return values.index_select(1, columns)
    return values.gather(2, columns[:, None].expand(-1, values.shape[1], -1))
