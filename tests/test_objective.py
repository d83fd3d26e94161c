"""The loss: λ's sign, the formula itself, what a discriminator may know, and labels that are missing."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toy import toy_config

from gandalf_core.networks.autoencoder import Decoder
from gandalf_core.training.adversary import Adversary
from gandalf_core.training.batches import Batch
from gandalf_core.training.dependence import Dependence
from gandalf_core.training.knowledge import Knowledge
from gandalf_core.training.losses import known_mse, square_of_mean, true_cross_entropy, weighted_mse
from gandalf_core.training.objective import autoencoder_loss

N, L, Z, B = 200, 12, 6, 5
EVERYTHING = {  # every term of the loss at once
    "adversary__lambdas": {"teff": 0.7, "logg": 0.2, "mh": -3.0, "alphafe": -5.0},
    "adversary__nuisances": {"vbroad": 3.0, "dib": 0.5},
    "adversary__dependence": 0.3,
    "training__centring": 2.0,
    "model__components": 0,
}


@pytest.fixture(autouse=True)
def _fixed_seed():
    torch.manual_seed(0)


def a_batch(config, adversary, missing: bool = False) -> Batch:
    standard = torch.randn(N, 4)
    columns = config.columns(adversary.watched)
    bins = torch.bucketize(standard[:, columns], torch.linspace(-1, 1, B - 1)).T.contiguous()
    if missing:
        standard[:50], bins[:, :50] = torch.nan, -1
    target = torch.softmax(torch.randn(*bins.shape, B), 2)
    return Batch(
        x=torch.randn(N, L), conditions=torch.rand(N, 4), standard=standard, bins=bins, target=target
    )


def small(strength: float, **changes):
    """One watched label, teff, with this λ."""
    plain = {"adversary__sees_kept": False, "model__mean_hidden": ()}
    return toy_config("paper", **(plain | {"adversary__lambdas": {"teff": strength}} | changes))


def trained_adversary(config):
    """An adversary that has learned to read teff from the first latent dimension, and such latents."""
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
    """Cross-entropy on teff before and after z follows −gradient of its term."""
    adversary, batch, z = trained_adversary(config)
    before = true_cross_entropy(adversary.log_probabilities(z, batch.standard), batch.bins)
    adversary.term(z, batch).backward()
    moved = z - 0.5 * N**0.5 * z.grad
    after = true_cross_entropy(adversary.log_probabilities(moved, batch.standard), batch.bins)
    return float(before.detach()), float(after.detach())


# --- the sign of λ ---


@pytest.mark.parametrize("target", ["maximise", "uniform", "conditional"])
def test_positive_lambda_drives_the_discriminator_into_error(target):
    before, after = error_after_a_step(small(1.0, adversary__target=target))
    assert after > before + 0.01


@pytest.mark.parametrize("target", ["maximise", "uniform", "conditional"])
def test_negative_lambda_helps_the_discriminator(target):
    before, after = error_after_a_step(small(-1.0, adversary__target=target))
    assert after < before - 0.001


@pytest.mark.parametrize("target", ["maximise", "conditional"])
def test_lambda_zero_only_watches(target):
    adversary, batch, z = trained_adversary(small(0.0, adversary__target=target))
    assert adversary.watched == ("teff",)
    adversary.term(z, batch).backward()
    assert torch.count_nonzero(z.grad) == 0


# --- the formula ---


def cross_entropies(adversary, z, batch) -> list[torch.Tensor]:
    """CE_i by hand; the discriminators see z and, if so configured, the true kept labels."""
    inputs = torch.cat([z, batch.standard[:, adversary.seen_columns]], 1)
    beliefs = torch.softmax(adversary.discriminators(inputs), 2)
    rows = torch.arange(len(z))
    return [-torch.log(q[rows, b]).mean() for q, b in zip(beliefs, batch.bins, strict=True)]


def test_the_loss_is_the_formula_of_the_paper():
    config = toy_config("paper", adversary__lambdas={"teff": 0.7, "mh": -0.3})
    adversary, decoder = Adversary(config), Decoder(config.model, L)
    batch, z = a_batch(config, adversary), torch.randn(N, Z)
    terms = autoencoder_loss(decoder, adversary, z, batch, ramp=1.0)
    teff, mh = cross_entropies(adversary, z, batch)
    reconstruction = ((decoder(z, batch.conditions) - batch.x) ** 2).mean()
    assert terms.reconstruction.item() == pytest.approx(reconstruction.item(), rel=1e-5)
    assert terms.adversary.item() == pytest.approx((-0.7 * teff + 0.3 * mh).item(), rel=1e-5)
    assert terms.heads.item() == 0
    assert terms.total.item() == pytest.approx((reconstruction - 0.7 * teff + 0.3 * mh).item(), rel=1e-5)


def test_a_bounded_target_replaces_the_error_of_removed_labels_only():
    config = toy_config(
        "paper", adversary__lambdas={"teff": 0.7, "mh": -0.3}, adversary__target="conditional"
    )
    adversary = Adversary(config)
    batch, z = a_batch(config, adversary), torch.randn(N, Z)
    log_q = torch.log_softmax(adversary.discriminators(z)[0], 1)
    towards_target = -(batch.target[0] * log_q).sum(1).mean()
    expected = 0.7 * towards_target + 0.3 * cross_entropies(adversary, z, batch)[1]
    assert adversary.term(z, batch).item() == pytest.approx(expected.item(), rel=1e-5)


def with_beliefs_as_latents(target: str) -> tuple[Adversary, Batch]:
    """A discriminator whose logits are the first latent dimensions, and stars of one target and bin 0."""
    config = small(1.5, adversary__target=target, adversary__hidden=())
    adversary = Adversary(config)
    with torch.no_grad():
        adversary.discriminators.weights[0].copy_(torch.eye(Z, B)[None])
        adversary.discriminators.biases[0].zero_()
    batch = a_batch(config, adversary)
    share = torch.tensor([0.5, 0.2, 0.1, 0.1, 0.1])
    return adversary, replace(batch, target=share.expand(1, N, B), bins=torch.zeros(1, N, dtype=torch.int64))


def latents_of(belief: torch.Tensor) -> torch.Tensor:
    """(N, Z) latents under which that discriminator gives these probabilities (B,)."""
    return torch.cat([torch.log(belief), torch.zeros(Z - B)]).repeat(N, 1).requires_grad_(True)


@pytest.mark.parametrize("target", ["uniform", "conditional"])
def test_a_bounded_term_is_least_where_the_discriminator_knows_what_a_reader_without_z_knows(target):
    """H(t, q) is least at q = t: confident wrong answers do not pay, as they do with `maximise`."""
    adversary, batch = with_beliefs_as_latents(target)
    share = batch.target[0, 0]
    z = latents_of(share)
    least = adversary.term(z, batch)
    assert least.item() == pytest.approx(1.5 * -(share * share.log()).sum().item(), rel=1e-5)
    least.backward()
    assert z.grad.abs().max() < 1e-7
    wrong = torch.tensor([0.001, 0.001, 0.001, 0.001, 0.996])
    even = torch.full((B,), 1 / B)
    for other in (wrong, even, wrong.flip(0)):
        assert adversary.term(latents_of(other), batch).item() > least.item() + 0.05
    greedy, batch = with_beliefs_as_latents("maximise")
    assert greedy.term(latents_of(wrong), batch) < greedy.term(latents_of(share), batch) - 1


@pytest.fixture
def everything():
    """Adversary, decoder, batch and the three latents of a step, with every term of the loss at work."""
    config = toy_config("generator", **EVERYTHING)
    adversary, decoder = Adversary(config), Decoder(config.model, L)
    nuisances, weight = torch.randn(N, 2), torch.rand(N, 1)
    batch = replace(a_batch(config, adversary), nuisances=nuisances, weight=weight)
    return adversary, decoder, batch, torch.randn(3, N, Z)


def forgetting(adversary: Adversary) -> Adversary:
    """The same adversary, with nothing in the running mean of its dependence penalty."""
    adversary.dependence.running.zero_()
    return adversary


@torch.no_grad()
def test_every_term_reads_its_own_latent(everything):
    """The decoder and the heads read z, the discriminators the exported z, the dependence penalty μ."""
    adversary, decoder, batch, (z, mu, exported) = everything
    terms = autoencoder_loss(decoder, adversary, z, batch, 1.0, (mu, exported))
    adversarial = adversary.term(exported, batch) + forgetting(adversary).dependence_term(mu, batch)
    heads = adversary.head_term(z, batch) + adversary.nuisance_term(z, batch)
    centring = 2.0 * square_of_mean(decoder, z, batch)
    reconstruction = ((decoder(z, batch.conditions) - batch.x) ** 2 * batch.weight).mean()
    parts = (adversarial, heads, centring, reconstruction)
    assert all(abs(part.item()) > 1e-4 for part in parts)
    assert terms.adversary.item() == pytest.approx(adversarial.item(), rel=1e-5)
    assert terms.heads.item() == pytest.approx(heads.item(), rel=1e-5)
    assert terms.reconstruction.item() == pytest.approx(reconstruction.item(), rel=1e-5)
    assert terms.total.item() == pytest.approx(sum(part.item() for part in parts), rel=1e-5)


@torch.no_grad()
def test_without_noise_one_latent_serves_all(everything):
    adversary, decoder, batch, (z, _, _) = everything
    alone = autoencoder_loss(decoder, adversary, z, batch, 1.0)
    same = autoencoder_loss(decoder, forgetting(adversary), z, batch, 1.0, (z, z))
    assert torch.equal(torch.stack(alone), torch.stack(same))


@torch.no_grad()
def test_the_ramp_scales_the_adversary_and_nothing_else(everything):
    adversary, decoder, batch, (z, _, _) = everything
    none, half, full = (
        autoencoder_loss(decoder, forgetting(adversary), z, batch, ramp) for ramp in (0.0, 0.5, 1.0)
    )
    assert none.adversary == half.adversary == full.adversary and none.heads == full.heads
    assert (full.total - none.total).item() == pytest.approx(full.adversary.item(), rel=1e-4)
    assert (full.total - half.total).item() == pytest.approx(0.5 * full.adversary.item(), rel=1e-4)


def test_a_plain_autoencoder_has_its_reconstruction_alone():
    config = toy_config("autoencoder")
    adversary, decoder = Adversary(config), Decoder(config.model, L)
    batch = replace(a_batch(config, adversary), conditions=torch.empty(N, 0))
    terms = autoencoder_loss(decoder, adversary, torch.randn(N, Z), batch, ramp=1.0)
    assert terms.total == terms.reconstruction > 0 and terms.adversary == terms.heads == 0


def test_centring_needs_a_mean_part():
    config = small(1.0, training__centring=2.0)
    adversary, decoder = Adversary(config), Decoder(config.model, L)
    batch, z = a_batch(config, adversary), torch.randn(N, Z)
    terms = autoencoder_loss(decoder, adversary, z, batch, ramp=1.0)
    assert terms.total.item() == pytest.approx((terms.reconstruction + terms.adversary).item())


# --- who is trained by what ---


def test_the_term_trains_no_discriminator_and_the_discriminator_loss_does():
    adversary, batch, z = trained_adversary(small(1.0))
    adversary.discriminators.zero_grad(set_to_none=True)
    adversary.term(z, batch).backward()
    assert all(p.grad is None for p in adversary.discriminators.parameters())
    adversary.discriminator_loss(z.detach(), batch).backward()
    assert all(p.grad is not None for p in adversary.discriminators.parameters())


def test_the_discriminators_minimise_the_sum_of_their_errors():
    config = toy_config("physical-removed")
    adversary = Adversary(config)
    batch, z = a_batch(config, adversary), torch.randn(N, Z)
    expected = sum(cross_entropies(adversary, z, batch))
    assert adversary.discriminator_loss(z, batch).item() == pytest.approx(expected.item(), rel=1e-5)


def test_each_label_has_its_reader_and_each_reader_its_inputs():
    adversary = Adversary(toy_config("generator", **EVERYTHING))
    assert adversary.watched == ("teff", "logg") and adversary.with_heads == ("mh", "alphafe")
    assert adversary.removed_rows == [0, 1] and adversary.head_columns == adversary.seen_columns == [2, 3]
    assert [tuple(w.shape) for w in adversary.discriminators.weights] == [(2, Z + 2, 16), (2, 16, B)]
    assert [tuple(w.shape) for w in adversary.heads.weights] == [(2, Z, 64), (2, 64, 32), (2, 32, 1)]
    assert tuple(adversary.nuisance_heads.weights[0].shape) == (2, Z + 4, 64)
    assert adversary.lambdas.tolist() == pytest.approx([0.7, 0.2])
    assert adversary.head_weights.tolist() == [3, 5] and adversary.nuisance_weights.tolist() == [3, 0.5]
    assert adversary.dependence.running.shape == (2, Z * (Z + 1), B)
    held = {k.split(".")[0] for k in adversary.state_dict()}
    assert held == {"discriminators", "heads", "nuisance_heads", "dependence"}


def test_without_heads_all_labels_of_lambda_are_watched_and_z_alone_is_seen():
    lambdas = {"mh": -1.0, "teff": 1.0, "logg": 0.0}
    adversary = Adversary(toy_config("paper", adversary__lambdas=lambdas))
    assert adversary.watched == ("teff", "logg", "mh") and adversary.with_heads == ()
    assert adversary.removed_rows == [0] and adversary.seen_columns == [] and adversary.dependence is None
    assert [tuple(w.shape) for w in adversary.discriminators.weights] == [(3, Z, 16), (3, 16, B)]
    nobody = Adversary(toy_config("autoencoder"))
    assert nobody.watched == () and len(nobody.discriminators.weights[0]) == 0


def test_log_probabilities_are_normalised_and_take_a_missing_kept_label_as_the_mean():
    config = toy_config("physical-removed")
    adversary, z = Adversary(config), torch.randn(N, Z)
    standard = torch.zeros(N, 4)
    log_q = adversary.log_probabilities(z, standard)
    assert log_q.shape == (2, N, B) and torch.allclose(log_q.exp().sum(2), torch.ones(2, N), atol=1e-5)
    expected = torch.log_softmax(adversary.discriminators(torch.cat([z, torch.zeros(N, 2)], 1)), 2)
    assert torch.allclose(log_q, expected, atol=1e-6)
    assert torch.equal(adversary.log_probabilities(z, torch.full((N, 4), torch.nan)), log_q)
    assert not torch.equal(adversary.log_probabilities(z, standard + 1), log_q)


# --- one joint discriminator ---


def joint(*labels: str):
    lambdas = {n: s for n, s in {"teff": 1.0, "logg": 1.0, "mh": -1.0}.items() if n in labels or not labels}
    config = toy_config("paper", adversary__joint=True, adversary__lambdas=lambdas)
    return config, Adversary(config)


def test_there_is_one_joint_discriminator_over_all_combinations():
    assert [tuple(w.shape) for w in joint()[1].discriminators.weights] == [(1, Z, 16), (1, 16, B**3)]


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


def test_a_joint_discriminator_of_one_label_is_an_ordinary_one():
    _, adversary = joint("teff")
    z = torch.randn(N, Z)
    expected = torch.log_softmax(adversary.discriminators(z), 2)
    assert torch.allclose(adversary.log_probabilities(z, torch.randn(N, 4)), expected, atol=1e-6)


def test_the_joint_loss_is_that_of_the_true_combination_or_of_those_that_a_missing_label_leaves_open():
    config, adversary = joint()
    batch, z = a_batch(config, adversary), torch.randn(N, Z)
    cube = torch.softmax(adversary.discriminators(z)[0], 1).view(N, B, B, B)
    row, (first, second, third) = torch.arange(N), batch.bins
    truth = cube[row, first, second, third]
    assert adversary.discriminator_loss(z, batch).item() == pytest.approx(
        -truth.log().mean().item(), rel=1e-5
    )
    bins = batch.bins.clone()
    some = replace(batch, bins=bins)
    bins[1, :150] = -1
    bins[:, 150:160] = -1  # nothing is known of these: they do not count
    expected = torch.cat([cube.sum(2)[row, first, third][:150], truth[160:]]).log().mean()
    assert adversary.discriminator_loss(z, some).item() == pytest.approx(-expected.item(), rel=1e-5)
    bins[:, 1:] = -1  # of one star one label is known
    only = cube.sum((2, 3))[0, first[0]]
    bins[1:, 0] = -1
    assert adversary.discriminator_loss(z, some).item() == pytest.approx(-only.log().item(), rel=1e-5)
    bins[:] = -1
    assert adversary.discriminator_loss(z, some).item() == 0


def test_a_joint_discriminator_may_see_the_kept_labels_too():
    config = toy_config("physical-removed", adversary__joint=True)
    adversary, z = Adversary(config), torch.randn(N, Z)
    batch = a_batch(config, adversary)
    cube = torch.softmax(adversary.discriminators(torch.cat([z, batch.standard[:, 2:]], 1))[0], 1)
    cube = cube.view(N, B, B)
    expected = -cube[torch.arange(N), *batch.bins].log().mean().item()
    assert adversary.discriminator_loss(z, batch).item() == pytest.approx(expected, rel=1e-5)
    belief = adversary.log_probabilities(z, batch.standard).exp()
    assert torch.allclose(belief, torch.stack([cube.sum(2), cube.sum(1)]), atol=1e-5)


# --- missing labels, heads, weights ---


def test_cross_entropy_counts_known_labels_only():
    log_q = torch.log_softmax(torch.randn(3, 4, B), 2)
    bins = torch.tensor([[2, -1, 0, -1], [-1, -1, 1, -1], [-1, -1, -1, -1]])
    expected = [-(log_q[0, 0, 2] + log_q[0, 2, 0]) / 2, -log_q[1, 2, 1], 0]
    assert true_cross_entropy(log_q, bins).tolist() == pytest.approx([float(e) for e in expected])


def test_squared_errors_count_known_values_as_their_stars_do():
    guess, truth = torch.tensor([[1.0, 2.0, 7.0], [1.0, 1.0, 1.0]]), torch.tensor([[0.0, 4.0, torch.nan]] * 2)
    truth[1] = torch.nan
    assert known_mse(guess, truth).tolist() == [2.5, 0.0]
    assert known_mse(guess, truth, torch.tensor([3.0, 1.0, 9.0])).tolist() == [1.75, 0.0]
    assert known_mse(guess, truth, torch.tensor([1e-6, 1e-6, 1.0]))[0].item() == pytest.approx(2.5)


def test_heads_learn_from_known_labels_and_ignore_missing_ones():
    config = toy_config("physical-removed", adversary__lambdas={"teff": 1.0, "mh": -3.0, "alphafe": -5.0})
    adversary, z = Adversary(config), torch.randn(N, Z)
    batch = a_batch(config, adversary, missing=True)
    guesses = adversary.heads(z)[:, 50:, 0]
    errors = [((g - batch.standard[50:, c]) ** 2).mean() for g, c in zip(guesses, (2, 3), strict=True)]
    expected = 3.0 * errors[0] + 5.0 * errors[1]
    assert adversary.head_term(z, batch).item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_label_that_every_star_lacks_makes_no_nan():
    config = toy_config("physical-removed")
    adversary, decoder = Adversary(config), Decoder(config.model, L)
    batch = a_batch(config, adversary)
    standard, bins = torch.full_like(batch.standard, torch.nan), torch.full_like(batch.bins, -1)
    nothing = replace(batch, standard=standard, bins=bins)
    terms = autoencoder_loss(decoder, adversary, torch.randn(N, Z), nothing, ramp=1.0)
    assert all(torch.isfinite(t) for t in terms)


@torch.no_grad()
def test_a_nuisance_counts_as_its_star_does_and_not_where_it_is_unknown():
    config = toy_config("generator", adversary__nuisances={"vbroad": 3.0})
    adversary = Adversary(config)
    z, truth, weight = torch.randn(N, Z), torch.randn(N, 1), torch.rand(N, 1)
    truth[:60] = torch.nan
    batch = replace(a_batch(config, adversary), nuisances=truth, weight=weight)
    guess = adversary.nuisance_heads(torch.cat([z, batch.conditions], 1))[0, 60:]
    by_hand = 3.0 * (weight[60:] * (guess - truth[60:]) ** 2).sum() / weight[60:].sum()
    assert adversary.nuisance_term(z, batch) == pytest.approx(float(by_hand), rel=1e-5)
    pixels = replace(batch, weight=torch.cat([2 * weight, torch.zeros(N, 1)], 1))
    assert adversary.nuisance_term(z, pixels) == pytest.approx(float(by_hand), rel=1e-5)
    alike = 3.0 * ((guess - truth[60:]) ** 2).mean()
    assert adversary.nuisance_term(z, replace(batch, weight=None)) == pytest.approx(float(alike), rel=1e-5)
    unknown = replace(batch, nuisances=torch.full((N, 1), torch.nan))
    assert adversary.nuisance_term(z, unknown) == 0


def test_reconstruction_passes_over_weightless_pixels():
    x, guess = torch.randn(N, L), torch.randn(N, L)
    weight = torch.rand(N, 1)
    assert weighted_mse(guess, x, None).item() == pytest.approx(((guess - x) ** 2).mean().item())
    assert weighted_mse(guess, x, weight).item() == pytest.approx(((guess - x) ** 2 * weight).mean().item())
    guess[:, :-2], guess[:, -2:] = x[:, :-2], 1e6
    assert weighted_mse(guess, x, torch.cat([torch.ones(N, L - 2), torch.zeros(N, 2)], 1)) == 0


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
def many_passes(monkeypatch):
    """As many passes over the labels as in a real training; the toy world has fewer."""
    monkeypatch.setattr("gandalf_core.training.knowledge.MAX_PASSES", 63)


def test_conditional_knowledge_is_what_the_kept_labels_say(many_passes):
    rng = np.random.default_rng(0)
    kept = torch.as_tensor(rng.normal(size=(2000, 1)), dtype=torch.float32)
    determined, random = (kept[:, 0] > 0).long(), torch.as_tensor(rng.integers(0, 2, 2000))
    config = toy_config("physical-removed", adversary__bins=2)
    belief = Knowledge(torch.stack([determined, random]), kept, config)(torch.tensor([[-1.5], [1.5]]))
    assert belief[0, 0, 0] > 0.95 and belief[0, 1, 1] > 0.95
    assert (belief[1] - 0.5).abs().max() < 0.15


def test_knowledge_of_a_small_sample_is_not_learned_by_heart(many_passes):
    """Bins unrelated to the kept labels: a classifier that knew its stars would push the encoder to encode
    them.
    """
    rng = np.random.default_rng(1)
    kept = torch.as_tensor(rng.normal(size=(300, 2)), dtype=torch.float32)
    bins = torch.as_tensor(rng.integers(0, 5, (1, 300)))
    belief = Knowledge(bins, kept, toy_config("physical-removed"))(kept)
    assert -true_cross_entropy(torch.log(belief), bins).item() < -0.8 * np.log(5)


# --- the penalty without an opponent ---


def bins_and_frequency(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(1, N) the fifth that a label belongs to, and (1, N, 5) the same chance for each."""
    ranks = y.argsort().argsort()
    return (ranks * 5 // len(y))[None], torch.full((1, len(y), 5), 0.2)


def penalty(mu: torch.Tensor, bins: torch.Tensor, target: torch.Tensor, spread: float = 1.0) -> float:
    """The penalty after many batches, in units of what one batch adds to the running mean."""
    return float(Dependence(len(bins), mu.shape[1], target.shape[2], spread)(mu, bins, target)) * 100


def test_dependence_sees_means_and_spreads_that_differ_between_bins_and_nothing_else():
    y, other = torch.randn(20_000), torch.randn(20_000, 3)
    bins, target = bins_and_frequency(y)
    nothing = penalty(other, bins, target)
    assert 0 <= nothing < 0.01
    assert penalty(torch.cat([other, 0.3 * y[:, None]], 1), bins, target) > nothing + 0.05
    uneven = other * torch.exp(0.2 * y)[:, None]
    without, half, full = (penalty(uneven, bins, target, spread) for spread in (0.0, 0.5, 1.0))
    assert full > nothing + 0.05
    assert without < half < full and without < 0.01


def test_dependence_sees_a_spread_along_any_direction():
    """Two dimensions whose correlation tells the label, though neither alone does."""
    y, (a, b) = torch.randn(20_000), torch.randn(2, 20_000)
    bins, target = bins_and_frequency(y)
    turned = torch.stack([a + b * torch.exp(0.3 * y), a - b * torch.exp(0.3 * y)], 1) / 2**0.5
    only_products = turned / (0.5 + 0.5 * torch.exp(0.6 * y))[:, None] ** 0.5
    assert penalty(only_products, bins, target) > 0.05 > 0.01 > penalty(only_products, bins, target, 0.0)


def test_dependence_counts_what_is_said_beyond_the_kept_labels():
    """The kept label settles the bin half of the time; a latent of the kept label says nothing more."""
    kept = torch.randint(0, 5, (40_000,))
    bins = torch.where(torch.rand(40_000) < 0.5, kept, torch.randint(0, 5, (40_000,)))[None]
    known = 0.5 * torch.nn.functional.one_hot(kept, 5).float() + 0.1
    mu = (kept.float() - 2)[:, None] / 2**0.5
    assert penalty(mu, bins, known[None]) < 0.01
    assert penalty(mu, bins, torch.full((1, 40_000, 5), 0.2)) > 0.1


def test_dependence_is_the_running_covariance_times_the_present_one():
    mu, bins = torch.randn(50, 2), torch.randint(0, 3, (1, 50))
    share = torch.tensor([0.5, 0.3, 0.2])
    residual = (torch.nn.functional.one_hot(bins[0], 3) - share) * 3**0.5
    module, running = Dependence(1, 2, 3, spread=0.5), torch.zeros(6, 3)
    for batch in (mu, 2 * mu):
        product = batch[:, :1] * batch[:, 1:]
        spread = torch.cat([batch[:, :1] ** 2 - 1, product, product, batch[:, 1:] ** 2 - 1], 1)
        features = torch.cat([batch, 0.5 * spread], 1)
        present = features.T @ residual / 50
        running = 0.99 * running + 0.01 * present
        expected = float((running * present).sum())
        assert float(module(batch, bins, share.expand(1, 50, 3))) == pytest.approx(expected, rel=1e-4)


def test_the_dependence_term_is_the_weighted_penalty_of_the_removed_labels():
    changes = {"adversary__dependence": 0.3, "adversary__dependence_spread": 0.5}
    changes |= {"adversary__lambdas": {"teff": 0, "logg": 1}}
    config = toy_config("physical-removed", **changes)
    adversary = Adversary(config)
    batch, mu = a_batch(config, adversary), torch.randn(N, Z)
    assert adversary.removed_rows == [1]
    alone = Dependence(1, Z, B, spread=0.5)(mu, batch.bins[1:], batch.target[1:])
    assert adversary.dependence_term(mu, batch).item() == pytest.approx(0.3 * alone.item(), rel=1e-5)


def test_following_the_dependence_takes_the_label_out_of_the_latent():
    y = torch.randn(2000)
    bins, target = bins_and_frequency(y)
    mu = (torch.randn(2000, 2) + y[:, None] * torch.tensor([1.0, 0.0])).requires_grad_(True)
    module = Dependence(1, 2, 5)

    def correlation() -> float:
        return abs(float(torch.corrcoef(torch.stack([mu[:, 0].detach(), y]))[0, 1]))

    before = correlation()
    for _ in range(200):
        (gradient,) = torch.autograd.grad(module(mu, bins, target), mu)
        mu = (mu - 300 * gradient).detach().requires_grad_(True)
    assert correlation() < 0.5 * before


def test_a_missing_label_adds_nothing_to_the_dependence():
    mu, (bins, target) = torch.randn(400, 2), bins_and_frequency(torch.randn(400))
    bins[:, 200:] = -1
    before, other = penalty(mu, bins, target), mu.clone()
    other[200:] = 7.0
    assert penalty(other, bins, target) == pytest.approx(before)


@pytest.mark.parametrize("weight", [1.0, 3.0, None])
@pytest.mark.parametrize(("reads", "expected"), [("labels", 1.0), ("latent", 0.0)])
def test_the_square_of_the_mean_is_that_of_what_labels_alone_say(reads, expected, weight):
    """r = one label, or one latent dimension, in every pixel: ‖E_z r‖² is 1 or 0."""
    config = toy_config("generator", model__decoder_hidden=(), model__components=0)
    decoder, z, y = Decoder(config.model, L), torch.randn(20_000, Z), torch.randn(20_000, 4)
    with torch.no_grad():
        decoder.rest[0].weight.zero_()
        decoder.rest[0].bias.zero_()
        decoder.rest[0].weight[:, Z if reads == "labels" else 0] = 1.0
    weights = None if weight is None else torch.full((20_000, 1), weight)
    empty = torch.empty(0)
    batch = Batch(x=empty, conditions=y, standard=empty, bins=empty, target=empty, weight=weights)
    found = float(square_of_mean(decoder, z, batch).detach())
    assert found == pytest.approx(expected * (weight or 1.0), abs=0.05 * (weight or 1.0))


@pytest.mark.parametrize("weight", [None, torch.tensor([[1.0, 3.0], [4.0, 6.0], [0.0, 0.0], [1.0, 1.0]])])
def test_the_square_of_the_mean_multiplies_the_latents_of_the_two_stars_before(weight):
    z = torch.tensor([[1.0, 10.0], [2.0, -20.0], [3.0, 30.0], [4.0, 50.0]])
    decoder = SimpleNamespace(rest=lambda inputs: inputs[:, :2])  # r(z, y) = z
    empty = torch.empty(0)
    batch = Batch(
        x=empty, conditions=torch.zeros(4, 1), standard=empty, bins=empty, target=empty, weight=weight
    )
    star_weight = [1.0] * 4 if weight is None else [2.0, 5.0, 0.0, 1.0]
    products = [star_weight[i] * (z[i - 1] * z[i - 2]).mean().item() for i in range(4)]
    assert square_of_mean(decoder, z, batch).item() == pytest.approx(sum(products) / 4, rel=1e-6)
