"""Several models in one step: each ends where it would have ended alone, whatever becomes of the others."""

from dataclasses import replace

import pytest
import torch
from test_same_weights import in_double_precision
from toy import toy_config, toy_stars

from gandalf_core.models.fit import bare_model
from gandalf_core.networks.layers import many_of
from gandalf_core.simulator import expected
from gandalf_core.training import grid_nodes, kernel_fit
from gandalf_core.training.together import Together, shapes
from gandalf_core.training.trainer import Trainer

RECIPES = ["autoencoder", "paper-physical-removed", "physical-removed", "generator"]


@pytest.fixture(scope="module")
def noisy_stars():
    """Stars whose errors differ, which the recipe of the bottleneck weighs and draws noise by."""
    stars = toy_stars(300)
    spread = torch.linspace(0.5, 2, 300).numpy()[:, None]
    return replace(stars, flux_error=stars.flux_error * spread)


def some(stars, name: str, changes: list[dict], double: bool = True) -> list[Trainer]:
    trainers = [Trainer(stars, toy_config(name, **c), "cpu") for c in changes]
    return [in_double_precision(t) for t in trainers] if double else trainers


def seeds(count: int, **changes) -> list[dict]:
    return [changes | {"training__seed": k} for k in range(count)]


def state_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in trainer.learner.state_dict().items()}


def assert_equal(ours: Trainer, alone: Trainer, skip: tuple[str, ...] = ()) -> None:
    for key, value in state_of(alone).items():
        if not key.endswith(skip):
            torch.testing.assert_close(state_of(ours)[key], value, rtol=1e-6, atol=1e-8, msg=key)
    assert [r.epoch for r in ours.history] == [r.epoch for r in alone.history]
    for one, other in zip(ours.history, alone.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-6)
        assert one.reconstruction_mse == pytest.approx(other.reconstruction_mse, rel=1e-6)
        assert one.discriminator_accuracy == other.discriminator_accuracy


def without_effect(trainer: Trainer) -> tuple[str, ...]:
    """Batch normalisation takes the last bias away again: its gradient is rounding, which Adam blows up."""
    return ("encoder.net.2.bias", "norm.running_mean") if trainer.config.model.normalise_latent else ("-",)


def run(trainers: list[Trainer]) -> list:
    return list(Together(trainers).epochs())


@pytest.mark.parametrize("name", RECIPES)
def test_seeds_together_end_where_each_ends_alone(noisy_stars, name):
    changes = seeds(3, training__epochs=2, training__mean_epochs=2)
    together, alone = (some(noisy_stars, name, changes) for _ in range(2))
    assert len({shapes(t) for t in together}) == 1
    finished = run(together)
    assert [(f.index, f.record.epoch) for f in finished] == [(k, e) for e in (1, 2) for k in range(3)]
    for ours, other in zip(together, alone, strict=True):
        list(other.epochs())
        assert_equal(ours, other, without_effect(other))
    first, second = (state_of(t)["encoder.net.0.weight"] for t in together[:2])
    assert not torch.allclose(first, second, atol=1e-3)


def test_seeds_with_responses_to_nuisances_end_where_each_ends_alone(noisy_stars, monkeypatch):
    """Each model has nodes and responses of its own, looked up; only their reading is stacked."""
    monkeypatch.setattr(grid_nodes, "NODES", 200)
    monkeypatch.setattr(kernel_fit, "ITERATIONS", 4)
    monkeypatch.setattr(expected, "STRATA", 2)
    from_grid = {"model__mean_start": "grid", "model__mean_hidden": (), "model__nuisance_responses": True}
    changes = seeds(2, training__epochs=2, model__components=20, **from_grid)
    together, alone = (some(noisy_stars, "generator", changes) for _ in range(2))
    assert len({shapes(t) for t in together}) == 1
    before = [t.decoder.responses.reading.weight.clone() for t in together]
    run(together)
    for ours, other, start in zip(together, alone, before, strict=True):
        list(other.epochs())
        assert_equal(ours, other, without_effect(other))
        assert (ours.decoder.responses.reading.weight - start).abs().max() > 1e-3, "it is learned"
        assert len(ours.decoder.start.nodes) == 200 and ours.learner.in_components


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("bias", [True, False])
def test_layers_of_several_models_are_those_of_each(threads, bias):
    """Values and gradients, however the models are dealt to the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        layers = [torch.nn.Linear(5, 4, bias=bias).double() for _ in range(3)]
        stacked = {
            n: torch.stack([dict(m.named_parameters())[n].detach() for m in layers])
            for n in ("weight", "bias")
            if n in dict(layers[0].named_parameters())
        }
        many = many_of(layers[0], {n: torch.nn.Parameter(v) for n, v in stacked.items()})
        x, weight = torch.randn(3, 7, 5, dtype=torch.float64).requires_grad_(), torch.randn(3, 7, 4)
        ours, theirs = many(x), torch.stack([layer(own) for layer, own in zip(layers, x, strict=True)])
        torch.testing.assert_close(ours, theirs)
        (of_ours,), (of_theirs,) = (
            torch.autograd.grad((y * weight).sum(), x, retain_graph=True) for y in (ours, theirs)
        )
        torch.testing.assert_close(of_ours, of_theirs)
        (ours * weight).sum().backward()
        (theirs * weight).sum().backward()
        for name, values in many.named_parameters():
            expected = torch.stack([dict(m.named_parameters())[name].grad for m in layers])
            torch.testing.assert_close(values.grad, expected)
    finally:
        torch.set_num_threads(before)


def test_trials_with_other_strengths_rates_noises_and_lengths_share_their_steps(noisy_stars):
    lambdas = [{"teff": v, "logg": 0.5, "mh": -w, "alphafe": -2.0} for v, w in ((0.1, 1.0), (3.0, 9.0))]
    changes = [
        {"adversary__lambdas": lambdas[0], "training__learning_rate": 1e-3, "model__noise": 0.1},
        {"adversary__lambdas": lambdas[1], "training__learning_rate": 5e-3, "adversary__ramp_epochs": 1.0},
        {"adversary__lambdas": lambdas[0], "training__epochs": 4, "adversary__learning_rate": 3e-3},
    ]
    together, alone = (some(noisy_stars, "physical-removed", changes) for _ in range(2))
    assert len({shapes(t) for t in together}) == 1
    run(together)
    for ours, other in zip(together, alone, strict=True):
        list(other.epochs())
        assert_equal(ours, other, without_effect(other))


@pytest.mark.parametrize("recipe", ["paper-", ""])
def test_what_one_removes_another_may_keep(noisy_stars, recipe):
    """The discriminators and heads of each read columns of their own."""
    names = f"{recipe}physical-removed", f"{recipe}chemical-removed"
    together, alone = ([some(noisy_stars, n, [{}])[0] for n in names] for _ in range(2))
    assert len({shapes(t) for t in together}) == 1
    run(together)
    for ours, other in zip(together, alone, strict=True):
        list(other.epochs())
        assert_equal(ours, other, without_effect(other))


@pytest.mark.parametrize(
    "changes",
    [
        {"model__latent_size": 5},
        {"adversary__lambdas": {"teff": 1.0}},
        {"adversary__lambdas": {"teff": -1.0, "logg": 1.0, "mh": 1.0, "alphafe": 1.0}},
        {"adversary__lambdas": {"teff": 0.0, "logg": 1.0, "mh": -1.0, "alphafe": -1.0}},
        {"training__batch_size": 32},
        {"model__noise": 0.0},
        {"adversary__dependence": 0.7},
        {"training__validation_fraction": 0.5},
    ],
)
def test_other_shapes_or_formulas_are_trained_apart(noisy_stars, changes):
    together, alone = (some(noisy_stars, "physical-removed", [{}, changes]) for _ in range(2))
    assert len({shapes(t) for t in together}) == 2
    run(together)
    for ours, other in zip(together, alone, strict=True):
        list(other.epochs())
        assert_equal(ours, other)


def test_a_training_that_diverges_leaves_the_others_alone(noisy_stars):
    rates = [{"training__learning_rate": r, "training__epochs": 3} for r in (1e-3, 1e12, 2e-3)]
    together, alone = (some(noisy_stars, "paper-physical-removed", rates) for _ in range(2))
    finished = run(together)
    (failure,) = [f for f in finished if f.error]
    assert failure.index == 1 and failure.record is None and "epoch 1 is not a number" in str(failure.error)
    assert [len(t.history) for t in together] == [3, 1, 3]
    for k in (0, 2):
        list(alone[k].epochs())
        assert_equal(together[k], alone[k])


def test_a_training_that_leaves_frees_its_place(noisy_stars):
    changes = seeds(3, training__epochs=3)
    together, alone = (some(noisy_stars, "physical-removed", changes) for _ in range(2))
    several = Together(together)
    for finished in several.epochs():
        if finished.index == 1:
            several.leave(1)
    assert [len(t.history) for t in together] == [3, 1, 3]
    for k in (0, 2):
        list(alone[k].epochs())
        assert_equal(together[k], alone[k], without_effect(alone[k]))


def test_each_is_stopped_stored_and_resumed_as_if_it_were_alone(noisy_stars, tmp_path):
    """Stopped in a stack, resumed in a stack or alone: the weights of an uninterrupted stack, to the bit."""
    changes = seeds(2, training__epochs=3)
    straight = some(noisy_stars, "physical-removed", changes, double=False)
    run(straight)
    stopped = some(noisy_stars, "physical-removed", changes, double=False)
    for finished in Together(stopped).epochs():
        stopped[finished.index].save_checkpoint(tmp_path / str(finished.index))
        if finished.record.epoch == 2 and finished.index == 1:
            break
    resumed = some(noisy_stars, "physical-removed", changes, double=False)
    for k, trainer in enumerate(resumed):
        trainer.load_checkpoint(tmp_path / str(k))
        assert len(trainer.history) == 2
    assert len(run(resumed)) == 2
    for ours, other in zip(resumed, straight, strict=True):
        assert all(torch.equal(v, state_of(other)[key]) for key, v in state_of(ours).items())


def test_afterwards_every_model_has_weights_of_its_own(noisy_stars):
    trainers = some(noisy_stars, "autoencoder", seeds(2), double=False)
    run(trainers)
    for trainer in trainers:
        for values in (*trainer.learner.parameters(), *trainer.learner.buffers()):
            assert values.untyped_storage().nbytes() == values.numel() * values.element_size()
    assert bare_model(trainers[0], noisy_stars).encode(noisy_stars).z.shape == (300, 6)


def test_spectra_that_trials_have_in_common_are_held_once(noisy_stars):
    same, other = [{"training__learning_rate": r} for r in (1e-3, 2e-3)], {"training__seed": 1}
    trainers = some(noisy_stars, "autoencoder", [*same, other], double=False)
    Together(trainers)
    assert trainers[0].data.x is trainers[1].data.x
    assert trainers[2].data.x is not trainers[0].data.x
