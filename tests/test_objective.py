"""The loss: λ's sign, the formula itself, what a discriminator may know, and labels that are missing."""

import numpy as np
import pytest
import torch
from toy import toy_config

from gandalf_core.networks.autoencoder import Decoder
from gandalf_core.training.adversary import Adversary
from gandalf_core.training.batches import Batch
from gandalf_core.training.dependence import Dependence
from gandalf_core.training.knowledge import Knowledge
from gandalf_core.training.losses import square_of_mean, true_cross_entropy, weighted_mse
from gandalf_core.training.objective import autoencoder_loss

N, L, Z, B = 200, 12, 6, 5


def a_batch(config, adversary, seed: int = 0, missing: bool = False) -> Batch:
    torch.manual_seed(seed)
    standard = torch.randn(N, 4)
    bins = torch.bucketize(
        standard[:, [config.model.labels.index(n) for n in adversary.watched]], torch.linspace(-1, 1, B - 1)
    ).T
    bins = bins.contiguous()
    if missing:
        standard[:50], bins[:, :50] = torch.nan, -1
    target = torch.full((*bins.shape, B), 1 / B)
    return Batch(torch.randn(N, L), torch.rand(N, 4), standard, bins, target, None)


def small(**changes):
    """One watched label, teff, with λ = changes['lam']."""
    lam = changes.pop("lam")
    plain = {"adversary__sees_kept": False, "adversary__lambdas": {"teff": lam}, "model__mean_hidden": ()}
    return toy_config("paper", **(plain | changes))


def trained_adversary(config):
    """An adversary that has learned to read teff from the first latent number, and such latents."""
    adversary = Adversary(config)
    batch = a_batch(config, adversary)
    z = torch.randn(N, Z) * 0.1
    z[:, 0] = batch.standard[:, 0]
    optimiser = torch.optim.Adam(adversary.discriminators.parameters(), 1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        adversary.discriminator_loss(z, batch).backward()
        optimiser.step()
    return adversary, batch, z.clone().requires_grad_(True)


def error_after_a_step(config) -> tuple[float, float]:
    """The discriminator's cross-entropy on teff before and after the encoder's z follows −gradient of its
    term.
    """
    adversary, batch, z = trained_adversary(config)
    before = true_cross_entropy(adversary.log_probabilities(z, batch.standard), batch.bins)
    adversary.term(z, batch).backward()
    after = true_cross_entropy(
        adversary.log_probabilities(z - 0.5 * N**0.5 * z.grad, batch.standard), batch.bins
    )
    return float(before.detach()), float(after.detach())


@pytest.mark.parametrize("target", ["maximise", "uniform", "conditional"])
def test_positive_lambda_drives_the_discriminator_into_error(target):
    before, after = error_after_a_step(small(lam=1.0, adversary__target=target))
    assert after > before + 0.01


@pytest.mark.parametrize("target", ["maximise", "uniform", "conditional"])
def test_negative_lambda_helps_the_discriminator(target):
    before, after = error_after_a_step(small(lam=-1.0, adversary__target=target))
    assert after < before - 0.001


def test_lambda_zero_only_watches():
    adversary, batch, z = trained_adversary(small(lam=0.0))
    assert adversary.watched == ("teff",)
    adversary.term(z, batch).backward()
    assert torch.count_nonzero(z.grad) == 0


def test_the_loss_is_the_formula_of_the_paper():
    lambdas = {"teff": 0.7, "mh": -0.3}
    config = toy_config("paper", adversary__lambdas=lambdas)
    adversary, decoder = Adversary(config), Decoder(config.model, L)
    batch, z = a_batch(config, adversary), torch.randn(N, Z)
    terms = autoencoder_loss(decoder, adversary, z, batch, ramp=1.0)
    by_hand = ((decoder(z, batch.conditions) - batch.x) ** 2).mean()
    for k, name in enumerate(adversary.watched):
        probability = torch.softmax(adversary.discriminators(z)[k], 1)[torch.arange(N), batch.bins[k]]
        by_hand = by_hand - lambdas[name] * -torch.log(probability).mean()
    assert terms.total.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_the_ramp_scales_the_adversary_and_nothing_else():
    config = toy_config("physical-removed")
    adversary, decoder = Adversary(config), Decoder(config.model, L)
    batch, z = a_batch(config, adversary), torch.randn(N, Z)
    half, full = (autoencoder_loss(decoder, adversary, z, batch, ramp) for ramp in (0.5, 1.0))
    assert (full.total - half.total).item() == pytest.approx(0.5 * full.adversary.item(), rel=1e-4)


def test_the_term_trains_no_discriminator_and_the_discriminator_loss_does():
    adversary, batch, z = trained_adversary(small(lam=1.0))
    adversary.discriminators.zero_grad(set_to_none=True)
    adversary.term(z, batch).backward()
    assert all(p.grad is None for p in adversary.discriminators.parameters())
    adversary.discriminator_loss(z.detach(), batch).backward()
    assert all(p.grad is not None for p in adversary.discriminators.parameters())


def test_bounded_target_is_best_when_the_discriminator_knows_what_a_reader_without_z_knows():
    """H(t, q) is least at q = t: an adversary's confident wrong answers do not pay."""
    target = torch.tensor([0.5, 0.2, 0.1, 0.1, 0.1])
    belief = torch.log(target).clone().requires_grad_(True)
    (-(target * torch.log_softmax(belief, 0)).sum()).backward()
    assert belief.grad.abs().max() < 1e-6


# --- one joint discriminator ---


def joint():
    lambdas = {"teff": 1.0, "logg": 1.0, "mh": -1.0}
    config = toy_config("paper", adversary__joint=True, adversary__lambdas=lambdas)
    return config, Adversary(config)


def test_marginals_of_the_joint_discriminator_sum_to_one():
    _, adversary = joint()
    belief = adversary.log_probabilities(torch.randn(N, Z), torch.randn(N, 4))
    assert belief.shape == (3, N, B)
    assert torch.allclose(belief.exp().sum(2), torch.ones(3, N), atol=1e-5)


def test_marginals_are_sums_over_the_other_labels():
    _, adversary = joint()
    z = torch.randn(N, Z)
    cube = torch.softmax(adversary.discriminators(z)[0], 1).view(N, B, B, B)
    by_hand = torch.stack([cube.sum((2, 3)), cube.sum((1, 3)), cube.sum((1, 2))])
    assert torch.allclose(adversary.log_probabilities(z, torch.randn(N, 4)).exp(), by_hand, atol=1e-5)


def test_the_joint_loss_is_that_of_the_true_combination_or_of_those_that_a_missing_label_leaves_open():
    config, adversary = joint()
    batch, z = a_batch(config, adversary), torch.randn(N, Z)
    cube = torch.softmax(adversary.discriminators(z)[0], 1).view(N, B, B, B)
    row, (first, second, third) = torch.arange(N), batch.bins
    truth = cube[row, first, second, third]
    assert adversary.discriminator_loss(z, batch).item() == pytest.approx(
        -truth.log().mean().item(), rel=1e-5
    )
    some = batch._replace(bins=batch.bins.clone())
    some.bins[1, :150] = -1
    some.bins[:, 150:160] = -1  # nothing is known of these: they do not count
    expected = torch.cat([cube.sum(2)[row, first, third][:150], truth[160:]]).log().mean()
    assert adversary.discriminator_loss(z, some).item() == pytest.approx(-expected.item(), rel=1e-5)
    some.bins[:] = -1
    assert adversary.discriminator_loss(z, some).item() == 0


# --- missing labels, heads, weights ---


def test_cross_entropy_counts_known_labels_only():
    log_q = torch.log_softmax(torch.randn(1, 4, B), 2)
    bins = torch.tensor([[2, -1, 0, -1]])
    expected = -(log_q[0, 0, 2] + log_q[0, 2, 0]) / 2
    assert true_cross_entropy(log_q, bins).item() == pytest.approx(expected.item())


def test_heads_learn_from_known_labels_and_ignore_missing_ones():
    config = toy_config("physical-removed")
    adversary = Adversary(config)
    assert adversary.by_head == ("mh", "alphafe") and adversary.watched == ("teff", "logg")
    z = torch.randn(N, Z)
    batch = a_batch(config, adversary, missing=True)
    all_known = Batch(*(t[50:] if i in (0, 1, 2) else t[:, 50:] for i, t in enumerate(batch[:5])), None)
    assert adversary.head_term(z, batch).item() == pytest.approx(
        adversary.head_term(z[50:], all_known).item(), rel=1e-5
    )
    assert torch.isfinite(adversary.head_term(z, batch))


def test_a_label_that_nobody_has_makes_no_nan():
    config = toy_config("physical-removed")
    adversary, decoder = Adversary(config), Decoder(config.model, L)
    batch = a_batch(config, adversary)
    nothing = batch._replace(
        standard=torch.full_like(batch.standard, torch.nan), bins=torch.full_like(batch.bins, -1)
    )
    terms = autoencoder_loss(decoder, adversary, torch.randn(N, Z), nothing, ramp=1.0)
    assert all(torch.isfinite(t) for t in terms)


@torch.no_grad()
def test_a_nuisance_counts_as_its_star_does_and_not_where_it_is_unknown():
    config = toy_config("generator", adversary__nuisances={"vbroad": 3.0})
    adversary = Adversary(config)
    z, truth, weight = torch.randn(N, Z), torch.randn(N, 1), torch.rand(N, 1)
    truth[:60] = torch.nan
    batch = a_batch(config, adversary)._replace(nuisances=truth, weight=weight)
    guess = adversary.nuisance_heads(torch.cat([z, batch.conditions], 1))[0, 60:]
    by_hand = 3.0 * (weight[60:] * (guess - truth[60:]) ** 2).sum() / weight[60:].sum()
    assert adversary.nuisance_term(z, batch) == pytest.approx(float(by_hand), rel=1e-5)
    nobody = batch._replace(nuisances=torch.full((N, 1), torch.nan))
    assert adversary.nuisance_term(z, nobody) == 0


def test_reconstruction_passes_over_weightless_pixels():
    config = toy_config("autoencoder")
    batch = a_batch(config, Adversary(config))._replace(
        weight=torch.cat([torch.ones(N, L - 2), torch.zeros(N, 2)], 1)
    )
    guess = batch.x.clone()
    guess[:, -2:] = 1e6
    assert weighted_mse(guess, batch.x, batch.weight) == 0


# --- what is known without z ---


def test_knowledge_is_uniform_or_the_frequency_of_the_bins():
    bins = torch.tensor([[0] * 80 + [1] * 20 + [-1] * 10])
    kept = torch.empty(110, 0)
    uniform = Knowledge(bins, kept, toy_config("paper", adversary__target="uniform"))(kept)
    assert torch.allclose(uniform, torch.full((1, 110, B), 1 / B))
    frequency = Knowledge(bins, kept, toy_config("paper", adversary__target="conditional"))(kept)
    assert frequency[0, 0, 0] == pytest.approx(81 / 105)
    assert torch.allclose(frequency.sum(2), torch.ones(1, 110))


@pytest.fixture
def real_knowledge(monkeypatch):
    monkeypatch.setattr("gandalf_core.training.knowledge.KNOWLEDGE_EPOCHS", 63)


def test_conditional_knowledge_is_what_the_kept_labels_tell(real_knowledge):
    rng = np.random.default_rng(0)
    kept = torch.as_tensor(rng.normal(size=(2000, 1)), dtype=torch.float32)
    told, untold = (kept[:, 0] > 0).long(), torch.as_tensor(rng.integers(0, 2, 2000))
    config = toy_config("physical-removed", adversary__bins=2)
    known = Knowledge(torch.stack([told, untold]), kept, config)(torch.tensor([[-1.5], [1.5]]))
    assert known[0, 0, 0] > 0.95 and known[0, 1, 1] > 0.95
    assert (known[1] - 0.5).abs().max() < 0.15


def test_knowledge_of_a_small_sample_is_not_learned_by_heart(real_knowledge):
    """Bins unrelated to the kept labels: a classifier that knew its stars would push the encoder to tell
    them.
    """
    rng = np.random.default_rng(1)
    kept = torch.as_tensor(rng.normal(size=(300, 2)), dtype=torch.float32)
    bins = torch.as_tensor(rng.integers(0, 5, (1, 300)))
    known = Knowledge(bins, kept, toy_config("physical-removed"))(kept)
    assert -true_cross_entropy(torch.log(known), bins).item() < -0.8 * np.log(5)


# --- the penalty without an opponent ---


def bins_and_frequency(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(1, N) the fifth that a label belongs to, and (1, N, 5) the same chance for each."""
    ranks = y.argsort().argsort()
    return (ranks * 5 // len(y))[None], torch.full((1, len(y), 5), 0.2)


def told(mu: torch.Tensor, bins: torch.Tensor, target: torch.Tensor, spread: float = 1.0) -> float:
    """The penalty after many batches, in units of what one batch adds to the running mean."""
    return float(Dependence(len(bins), mu.shape[1], target.shape[2], spread)(mu, bins, target)) * 100


def test_dependence_sees_means_and_spreads_that_differ_between_bins_and_nothing_else():
    torch.manual_seed(0)
    y, other = torch.randn(20_000), torch.randn(20_000, 3)
    bins, target = bins_and_frequency(y)
    nothing = told(other, bins, target)
    assert 0 <= nothing < 0.01
    assert told(torch.cat([other, 0.3 * y[:, None]], 1), bins, target) > nothing + 0.05
    uneven = other * torch.exp(0.2 * y)[:, None]
    assert told(uneven, bins, target) > nothing + 0.05
    assert (
        told(uneven, bins, target, spread=0.0)
        < told(uneven, bins, target, spread=0.5)
        < told(uneven, bins, target)
    )
    assert told(uneven, bins, target, spread=0.0) < 0.01


def test_dependence_asks_for_what_is_told_beyond_the_kept_labels():
    """The kept label settles the bin half of the time; a latent that holds the kept label tells nothing more."""
    torch.manual_seed(0)
    kept = torch.randint(0, 5, (40_000,))
    bins = torch.where(torch.rand(40_000) < 0.5, kept, torch.randint(0, 5, (40_000,)))[None]
    known = 0.5 * torch.nn.functional.one_hot(kept, 5).float() + 0.1
    mu = (kept.float() - 2)[:, None] / 2**0.5
    assert told(mu, bins, known[None]) < 0.01
    assert told(mu, bins, torch.full((1, 40_000, 5), 0.2)) > 0.1


def test_following_the_dependence_takes_the_label_out_of_the_latent():
    torch.manual_seed(0)
    y = torch.randn(2000)
    bins, target = bins_and_frequency(y)
    mu = (torch.randn(2000, 2) + y[:, None] * torch.tensor([1.0, 0.0])).requires_grad_(True)
    penalty = Dependence(1, 2, 5)
    correlation = lambda: abs(float(torch.corrcoef(torch.stack([mu[:, 0].detach(), y]))[0, 1]))  # noqa: E731
    before = correlation()
    for _ in range(200):
        (gradient,) = torch.autograd.grad(penalty(mu, bins, target), mu)
        mu = (mu - 300 * gradient).detach().requires_grad_(True)
    assert correlation() < 0.5 * before


def test_a_missing_label_adds_nothing_to_the_dependence():
    torch.manual_seed(0)
    mu, (bins, target) = torch.randn(400, 2), bins_and_frequency(torch.randn(400))
    bins[:, 200:] = -1
    known, other = told(mu, bins, target), mu.clone()
    other[200:] = 7.0
    assert told(other, bins, target) == pytest.approx(known)


@pytest.mark.parametrize(("reads", "expected"), [("labels", 1.0), ("latent", 0.0)])
def test_the_square_of_the_mean_is_that_of_what_labels_alone_say(reads, expected):
    """r = one label, or one latent number, in every pixel: ‖E_z r‖² is 1 or 0."""
    config = toy_config("generator", model__decoder_hidden=(), model__components=0)
    torch.manual_seed(0)
    decoder, z, y = Decoder(config.model, L), torch.randn(20_000, Z), torch.randn(20_000, 4)
    with torch.no_grad():
        decoder.rest[0].weight.zero_()
        decoder.rest[0].bias.zero_()
        decoder.rest[0].weight[:, Z if reads == "labels" else 0] = 1.0
    batch = Batch(None, y, None, None, None, torch.ones(20_000, 1))
    assert float(square_of_mean(decoder, z, batch).detach()) == pytest.approx(expected, abs=0.05)
