"""The discriminators of the watched labels and the regression heads of the reinforced ones.

Shapes: N stars, Z latent, P labels, K discriminators, B bins.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config.schema import Config
from ..networks.layers import Stack
from .batches import Batch
from .dependence import Dependence
from .losses import known_mse, true_cross_entropy

HEAD = (64, 32)  # widths of a regression head


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
        self.nuisance_heads = Stack(
            len(a.nuisances), (latent + len(config.model.condition_on), *HEAD, 1), activation
        )
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
        # over so few bins the processor's kernel is several times faster along a middle axis than along the
        # last one
        return torch.log_softmax(out.transpose(1, 2).contiguous(), 1).transpose(1, 2)

    def _seen(self, z: Tensor, standard: Tensor) -> Tensor:
        """What the discriminators are shown: z (N, Z) and, where they see them, the true kept labels."""
        return torch.cat([z, torch.nan_to_num(standard[:, self.kept_columns])], 1) if self.kept_columns else z

    def _marginals(self, joint: Tensor) -> Tensor:  # (N, B^K) -> (K, N, B)
        n, labels, bins = len(joint), len(self.watched), self.config.adversary.bins
        cube = joint.view(n, *[bins] * labels)
        axes = range(1, labels + 1)
        return torch.stack(
            [torch.logsumexp(cube, [a for a in axes if a != k]) if labels > 1 else cube for k in axes]
        )

    def discriminator_loss(self, z: Tensor, batch: Batch) -> Tensor:
        """Scalar that the discriminators minimise: Σ_i CE_i, or the cross-entropy over the joint bins.

        The joint one learns of a star with missing labels that it is in one of the combinations its known
        labels allow.
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
        """Scalar: what λ adds to the auto-encoder's loss through the discriminators, −Σ λ_i·CE_i or its
        bounded form.
        """
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
        return (
            self.head_weights * known_mse(self.heads(z)[..., 0], batch.standard[:, self.head_columns].T)
        ).sum()

    def nuisance_term(self, z: Tensor, batch: Batch) -> Tensor:
        """Scalar: Σ w_j·(g_j(z, y) − n_j)² over the stars whose nuisance is known, each star counting as in
        L_rec.
        """
        guess = self.nuisance_heads(torch.cat([z, batch.conditions], 1))[..., 0]
        star_weight = None if batch.weight is None else batch.weight.mean(1)
        return (self.nuisance_weights * known_mse(guess, batch.nuisances.T, star_weight)).sum()
