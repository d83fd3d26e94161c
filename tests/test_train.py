"""Training: what a step moves, what evaluation leaves alone, resuming to the bit, and what is learned."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from toy import toy_config, toy_stars

from gandalf_core.data.scaling import fit_scaler
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import ConfigError, ModelError
from gandalf_core.models.fit import bare_model
from gandalf_core.parameters import LABELS
from gandalf_core.training.batches import Batch, pixel_weights, scaled_errors, standard_nuisances
from gandalf_core.training.mean_spectrum import prepare_mean, refit_mean
from gandalf_core.training.objective import autoencoder_loss
from gandalf_core.training.schedule import one_cycle
from gandalf_core.training.step import train_discriminators
from gandalf_core.training.trainer import Trainer
from gandalf_core.training.views import two_views


def a_trainer(stars, name: str = "physical-removed", **changes) -> Trainer:
    trainer = Trainer(stars, toy_config(name, **changes), "cpu")
    trainer.random = torch.Generator().manual_seed(0)
    return trainer


def weights(module) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in module.state_dict().items()}


def unchanged(before: dict, after: dict) -> bool:
    return all(torch.equal(before[k], after[k]) for k in before)


def state_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {f"{n}.{k}": v.clone() for n, m in trainer.modules.items() for k, v in m.state_dict().items()}


# --- one step ---


@pytest.mark.parametrize("name", ["paper-physical-removed", "physical-removed", "generator"])
def test_one_step_moves_encoder_decoder_and_each_discriminator(stars, name):
    trainer = a_trainer(stars, name)
    before = state_of(trainer)
    trainer.step(torch.arange(64))
    moved = {k: (v - before[k]).abs() for k, v in state_of(trainer).items() if v.is_floating_point()}
    for part in ("encoder.net", "decoder.rest"):
        assert all(v.sum() > 0 for k, v in moved.items() if k.startswith(part)), part
    for i in range(len(trainer.adversary.discriminators.weights)):
        per_network = moved[f"adversary.discriminators.weights.{i}"].sum((1, 2))
        assert len(per_network) == len(trainer.adversary.watched) and (per_network > 0).all()
    if trainer.adversary.with_heads:
        assert (moved["adversary.heads.weights.0"].sum((1, 2)) > 0).all()


def test_the_mean_spectrum_is_fitted_first_and_then_held(stars):
    trainer = a_trainer(stars, "generator", training__epochs=3, training__mean_epochs=200)
    before = state_of(trainer)
    first = state_of(trainer) if next(trainer.epochs()) else {}
    mean = [k for k in before if k.startswith("decoder.mean")]
    assert mean and all(not torch.equal(before[k], first[k]) for k in mean)
    guess = trainer.decoder.axes(trainer.decoder.mean(trainer.data.conditions))
    assert (guess - trainer.data.x).square().mean() < 0.5 * trainer.data.x.square().mean()
    next(trainer.epochs())
    assert all(torch.equal(first[k], state_of(trainer)[k]) for k in mean)


def test_the_discriminators_step_does_not_move_the_encoder(stars):
    trainer = a_trainer(stars, adversary__steps=2)
    feed = trainer.draw(torch.arange(64), ramp=1.0)
    trainer.encoder.train()
    mu = trainer.call("latents", feed.batch.tensors()).detach()
    encoder, decoder, adversary = map(weights, trainer.modules.values())
    train_discriminators(trainer, feed, mu, updates=2)
    assert unchanged({k: v for k, v in encoder.items() if "norm" not in k}, weights(trainer.encoder))
    assert unchanged(decoder, weights(trainer.decoder))
    assert not unchanged(adversary, weights(trainer.adversary))


def test_the_auto_encoders_step_does_not_move_the_discriminators(stars):
    trainer = a_trainer(stars)
    batch, before = trainer.data.select(torch.arange(64)), weights(trainer.adversary.discriminators)
    z = trainer.with_noise(trainer.encode(batch))
    autoencoder_loss(trainer.decoder, trainer.adversary, z, batch, 1.0).total.backward()
    assert all(p.grad is None for p in trainer.adversary.discriminators.parameters())
    trainer.optimiser.step()
    assert unchanged(before, weights(trainer.adversary.discriminators))


def test_evaluation_moves_nothing(stars):
    trainer = a_trainer(stars)
    next(trainer.epochs())
    before = state_of(trainer)
    trainer.validate()
    model = bare_model(trainer, stars)
    model.reconstruct(stars)
    model.encode_mean(stars)
    assert unchanged(before, state_of(trainer))


# --- stars as tensors ---


def fields_of(batch: Batch) -> dict[str, torch.Tensor]:
    return {f.name: getattr(batch, f.name) for f in fields(batch)}


def test_a_batch_is_some_rows_of_the_training_split(stars):
    stars = with_errors(stars)
    data = a_trainer(stars, "generator", adversary__nuisances={"vbroad": 1.0}).data
    looked_up = {"mean": torch.randn(360, 48), "responses": torch.randn(360, 96)}
    data = replace(data, **looked_up, beyond=torch.randn(360, 1))
    assert len(data) == 360 and all(values is not None for values in fields_of(data).values())
    rows = torch.tensor([5, 0, 359])
    part = fields_of(data.select(rows))
    for name, values in fields_of(data).items():
        expected = values[:, rows] if name in ("bins", "target") else values[rows]
        assert torch.equal(torch.nan_to_num(part[name]), torch.nan_to_num(expected)), name
    for name, values in fields_of(data.part(7, 20)).items():
        expected = fields_of(data.select(torch.arange(7, 27)))[name]
        assert torch.equal(torch.nan_to_num(values), torch.nan_to_num(expected)), name
    assert [len(chunk) for chunk in data.chunks()] == [360]
    assert len(data.select(rows)) == 3


def test_large_samples_come_in_chunks_in_order(stars, monkeypatch):
    monkeypatch.setattr("gandalf_core.training.batches.CHUNK", 100)
    data = a_trainer(stars).data
    chunks = [*data.chunks()]
    assert [len(c) for c in chunks] == [100, 100, 100, 60]
    assert torch.equal(torch.cat([c.x for c in chunks]), data.x)


def with_errors(stars) -> SpectraSet:
    """The stars with errors of .01 to .05, a masked pixel and vbroad, the third one's unknown."""
    error = np.linspace(0.01, 0.05, len(stars))[:, None] * np.ones(stars.flux.shape)
    mask = np.zeros(stars.flux.shape, bool)
    mask[1, 2] = True
    vbroad = np.where(np.arange(len(stars)) == 2, np.nan, np.linspace(0, 20, len(stars)))
    labelled = stars.with_labels(np.column_stack([stars.labels, vbroad]), (*LABELS, "vbroad"))
    return replace(labelled, flux_error=error, mask=mask)


def test_weights_and_errors_are_those_of_the_stars(stars):
    stars = with_errors(stars)
    config = toy_config("physical-removed", training__input_noise=0.5)
    scaler = fit_scaler(stars, config)
    scale, sigma = float(np.mean(scaler.flux_scale**2)), stars.mean_error[:, None]
    weight = pixel_weights(stars, scaler, config)
    assert weight.shape == stars.flux.shape and weight[1, 2] == 0
    np.testing.assert_allclose(weight[:, :2], np.repeat(scale / (sigma**2 + 0.006**2), 2, 1), rtol=1e-5)
    np.testing.assert_allclose(scaled_errors(stars, scaler, config), sigma / scale**0.5, rtol=1e-5)
    seen = replace(stars, mask=np.zeros(stars.flux.shape, bool))
    assert pixel_weights(seen, scaler, config).shape == (len(stars), 1)
    plain = toy_config("autoencoder", training__weight_by_error=False)
    assert pixel_weights(seen, scaler, plain) is None and scaled_errors(seen, scaler, plain) is None
    assert np.array_equal(pixel_weights(stars, scaler, plain), ~stars.mask)
    unknown = replace(stars, flux_error=None)
    assert np.array_equal(pixel_weights(unknown, scaler, config), ~stars.mask)
    assert scaled_errors(unknown, scaler, config) is None


def test_nuisances_are_standardised_over_the_stars_that_have_them(stars):
    stars = with_errors(stars)
    config = toy_config("generator", adversary__nuisances={"vbroad": 1.0, "teff": 1.0})
    values = standard_nuisances(stars, config)
    assert values.dtype == np.float32 and np.isnan(values[:, 0]).nonzero()[0].tolist() == [2]
    np.testing.assert_allclose([np.nanmean(values, 0), np.nanstd(values, 0) - 1], 0, atol=1e-5)
    constant = stars.with_labels(np.ones(stars.labels.shape))
    assert np.isnan(standard_nuisances(constant, config)).all()
    assert standard_nuisances(stars, toy_config("autoencoder")) is None


# --- the loop ---


def test_the_loop_stops_when_its_caller_does(stars):
    trainer = a_trainer(stars, training__epochs=50)
    for record in trainer.epochs():
        if record.epoch == 2:
            break
    assert [r.epoch for r in trainer.history] == [1, 2]
    assert record.epochs == 50 and record.seconds_left > 0 and record.spectra_per_second > 0
    assert set(record.discriminator_accuracy) == set(record.chance) == {"teff", "logg"}


@pytest.mark.parametrize("name", ["paper-physical-removed", "physical-removed", "autoencoder", "generator"])
def test_a_killed_and_resumed_run_ends_in_the_same_weights(stars, tmp_path, name):
    straight = a_trainer(stars, name, training__epochs=4)
    list(straight.epochs())
    killed = a_trainer(stars, name, training__epochs=4)
    for record in killed.epochs():
        killed.save_checkpoint(tmp_path)
        if record.epoch == 2:
            break
    killed.step(torch.arange(64))  # what a kill in mid-epoch leaves unsaved
    resumed = a_trainer(stars, name, training__epochs=4)
    resumed.load_checkpoint(tmp_path)
    assert len(list(resumed.epochs())) == 2
    assert unchanged(state_of(straight), state_of(resumed))
    assert [r.reconstruction_mse for r in straight.history] == [r.reconstruction_mse for r in resumed.history]


def test_a_seed_decides_everything(stars):
    runs = [a_trainer(stars, training__epochs=1, training__seed=seed) for seed in (1, 1, 2)]
    for run in runs:
        torch.manual_seed(np.random.randint(1000))  # whatever the caller did to the global generator
        list(run.epochs())
    assert unchanged(state_of(runs[0]), state_of(runs[1]))
    assert not unchanged(state_of(runs[0]), state_of(runs[2]))


def test_a_checkpoint_refuses_another_configuration_other_stars_and_damage(stars, tmp_path):
    trainer = a_trainer(stars)
    with pytest.raises(ModelError, match=r"checkpoint\.safetensors: no checkpoint"):
        trainer.load_checkpoint(tmp_path)
    trainer.save_checkpoint(tmp_path)
    with pytest.raises(ModelError, match="another configuration"):
        a_trainer(stars, model__noise=0.1).load_checkpoint(tmp_path)
    changed = replace(stars, flux=np.where(np.arange(len(stars))[:, None] == 7, 1, stars.flux))
    noisier = replace(stars, flux_error=2 * stars.flux_error)
    shifted = replace(stars, wavelength_nm=stars.wavelength_nm - 0.24)
    for others in (stars[:300], changed, stars.with_labels(stars.labels[::-1]), noisier, shifted):
        with pytest.raises(ModelError, match="other training stars"):
            a_trainer(others).load_checkpoint(tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"checkpoint\.safetensors: damaged"):
        trainer.load_checkpoint(tmp_path)


def test_one_cycle_rises_then_falls_to_nearly_nothing():
    rates = [one_cycle(p / 100) for p in range(101)]
    assert max(rates) == pytest.approx(1.0) and rates[0] < 0.05 and rates[-1] < 1e-3
    assert rates.index(max(rates)) == 30


# --- what it learns ---


def r2_of_a_fresh_probe(z: np.ndarray, y: np.ndarray) -> float:
    """R² on held-out stars of a k-nearest-neighbour and a quadratic ridge probe, the better one."""
    from sklearn.linear_model import RidgeCV
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    half = len(z) // 2
    probes = KNeighborsRegressor(15), make_pipeline(PolynomialFeatures(2), RidgeCV(np.logspace(-2, 4, 7)))
    return max(p.fit(z[:half], y[:half]).score(z[half:], y[half:]) for p in probes)


@pytest.fixture(scope="module")
def trained_pair():
    """Models at λ = 0 without noise and with teff removed, of the same stars, and fresh stars to probe."""
    stars, fresh = toy_stars(1200), toy_stars(800, seed=5)
    more = {"training__epochs": 40, "training__learning_rate": 3e-3}
    signs = {"adversary__lambdas": {"teff": 1.0, "mh": -1.0}, "adversary__target": "uniform"}
    models = []
    for config in (toy_config("autoencoder", **more), toy_config("bottleneck", **more, **signs)):
        trainer = Trainer(stars, config, "cpu")
        list(trainer.epochs())
        models.append(bare_model(trainer, stars))
    return *models, fresh


def test_reconstruction_beats_the_mean_spectrum(trained_pair):
    for model in trained_pair[:2]:
        fresh = trained_pair[2]
        error = ((model.decode(model.encode(fresh), fresh.labels) - fresh.flux) ** 2).mean()
        assert error < 0.1 * ((model.scaler.flux_mean - fresh.flux) ** 2).mean()


def test_a_fresh_probe_reads_a_removed_label_worse_and_a_kept_one_as_well(trained_pair):
    plain, removed, fresh = trained_pair
    read = {
        name: [r2_of_a_fresh_probe(m.encode(fresh).z, fresh.label(name)) for m in (plain, removed)]
        for name in ("teff", "mh")
    }
    assert read["teff"][0] > 0.9 and read["teff"][1] < 0.3
    assert read["mh"][1] > 0.8


def test_sliders_act_where_the_label_was_removed(trained_pair):
    """The decoder must use the label that it receives, since the latent no longer holds it."""
    _, removed, fresh = trained_pair
    latents, other = removed.encode(fresh), fresh.labels.copy()
    other[:, 0] = np.roll(other[:, 0], 1)
    mixture = np.random.default_rng(99).normal(size=(4, fresh.flux.shape[1])) * 0.1
    low, high = np.array([(4000, 7000), (1.5, 5.0), (-2.0, 0.5), (-0.1, 0.4)]).T
    true = [np.tanh(((labels - low) / (high - low) * 2 - 1) @ mixture) for labels in (fresh.labels, other)]
    change, truth = removed.decode(latents, other) - removed.decode(latents, fresh.labels), true[1] - true[0]
    assert np.sqrt(((change - truth) ** 2).sum() / (truth**2).sum()) < 0.6


# --- stars as they come ---


@pytest.mark.parametrize("recipe", ["paper", "bottleneck"])
def test_trains_on_a_small_non_stellar_set_with_two_labels_some_missing(recipe):
    names = ("grain_size", "moisture")
    soils = toy_stars(300, names=names, missing=0.2)
    soils = SpectraSet(
        soils.flux, np.linspace(400, 2500, soils.flux.shape[1]), soils.ids, soils.labels, names
    )
    config = toy_config(
        recipe, names, adversary__lambdas={"grain_size": 1.0, "moisture": -1.0}, training__epochs=5
    )
    trainer = Trainer(soils, config, "cpu")
    records = list(trainer.epochs())
    assert trainer.left_out == int(np.isnan(soils.labels).any(1).sum()) > 0
    assert all(np.isfinite(r.loss) for r in records)
    assert records[-1].reconstruction_mse < 0.9 * soils.flux.var(0).mean()  # better than one spectrum for all
    model = bare_model(trainer, soils)
    assert model.label_names == names and model.encode(soils).z.shape == (300, 6)


def test_unlabelled_stars_train_a_plain_auto_encoder(stars):
    nothing = stars.with_labels(np.full(stars.labels.shape, np.nan))
    trainer = a_trainer(nothing, "autoencoder")
    assert trainer.left_out == 0 and len(list(trainer.epochs())) == 2


def test_masked_pixels_do_not_count(stars):
    """The value under a mask, however wild, changes no weight."""
    mask = np.random.default_rng(3).random(stars.flux.shape) < 0.03
    ends = []
    for value in (np.nan, 40.0):
        flux = np.where(mask, value, stars.flux)
        trainer = a_trainer(
            SpectraSet(flux, stars.wavelength_nm, stars.ids, stars.labels, stars.label_names, mask=mask)
        )
        list(trainer.epochs())
        ends.append(state_of(trainer))
    assert unchanged(*ends)


def test_too_few_stars_say_so_and_why(stars):
    with pytest.raises(ModelError, match="fewer than one batch of 64: give more stars or lower"):
        a_trainer(stars[:40])
    unknown = stars.with_labels(np.full(stars.labels.shape, np.nan))
    with pytest.raises(
        ModelError,
        match=r"0 stars to train on \(400 are left out: .*teff, logg, mh, alphafe.* with these labels",
    ):
        a_trainer(unknown)


def test_stars_with_gaps_or_without_errors_are_left_out_and_counted(stars):
    mask, error = np.zeros(stars.flux.shape, bool), stars.flux_error.copy()
    mask[5, :10], error[9] = True, np.nan
    error[20, 3] = np.inf  # the error of one pixel is unknown: those of the others suffice
    trainer = a_trainer(replace(stars, mask=mask, flux_error=error), training__weight_by_error=True)
    assert trainer.left_out == 2
    assert all(np.isfinite(r.loss) for r in trainer.epochs())


def test_a_training_that_diverges_stops_and_names_what_to_lower(stars):
    trainer = a_trainer(stars, "paper-physical-removed", training__learning_rate=1e12)
    with pytest.raises(ModelError, match=r"epoch 1 is not a number: training.learning_rate is 1e\+12"):
        list(trainer.epochs())


def test_scaling_and_bins_never_see_the_test_or_validation_stars(stars):
    """Stars outside the fitting rows may be anything: the scaler stays the same."""
    from gandalf_core.data.splits import split

    trainer = a_trainer(stars)
    _, check = split(stars.ids, 0.1, trainer.config.training.seed)
    flux, labels = stars.flux.copy(), stars.labels.copy()
    flux[check], labels[check] = 77.0, 1e5
    other = a_trainer(SpectraSet(flux, stars.wavelength_nm, stars.ids, labels, stars.label_names))
    for name, array in trainer.scaler.arrays().items():
        assert np.array_equal(array, other.scaler.arrays()[name]), name


def test_the_joint_discriminator_and_the_conditional_encoder_train(stars):
    for changes in ({"adversary__joint": True}, {"model__conditional_encoder": True}):
        trainer = a_trainer(stars, "paper-physical-removed", **changes)
        records = list(trainer.epochs())
        assert np.isfinite(records[-1].loss)
        assert set(records[-1].discriminator_accuracy) == {"teff", "logg", "mh", "alphafe"}


def test_two_views_of_a_spectrum_have_noises_that_know_nothing_of_each_other(stars):
    trainer = a_trainer(stars, "physical-removed", training__input_noise=0.5)
    batch = trainer.data.select(torch.arange(64))
    own = batch.error * torch.randn(batch.x.shape, generator=torch.Generator().manual_seed(5))
    noise = batch.error * torch.randn(batch.x.shape, generator=torch.Generator().manual_seed(0))
    views = two_views(batch.x + own, noise, 0.5)
    first, second = ((x - batch.x) / batch.error for x in views)  # the noises of the views
    assert abs(float((first * second).mean())) < 0.15 < 0.9 < float((first * own / batch.error).mean())
    assert float(first.std()) == pytest.approx(1.25**0.5, rel=0.05)
    assert float(second.std()) == pytest.approx(5**0.5, rel=0.05)


def test_the_encoder_sees_a_noisy_view_beside_the_spectra_as_they_are(stars):
    changes = {"training__input_noise": 0.5, "model__normalise_latent": False, "model__components": 0}
    trainer = a_trainer(stars, "physical-removed", **changes)
    batch, unit = trainer.data.select(torch.arange(64)), torch.randn(64, stars.flux.shape[1])
    encoded, expected = two_views(batch.x, batch.error * unit, 0.5)
    compared, mu_noisy, mu = trainer.call("latents_of_views", batch.tensors(), unit)
    assert torch.equal(compared, expected)
    assert torch.allclose(mu_noisy, trainer.encode(replace(batch, x=encoded)), atol=1e-6)
    assert torch.allclose(mu, trainer.encode(batch), atol=1e-6)
    assert not torch.allclose(mu, mu_noisy, atol=1e-3)
    assert torch.allclose(trainer.call("latents", batch.tensors()), mu, atol=1e-6)


@pytest.mark.parametrize("by_error", [True, False])
def test_a_step_in_components_has_the_loss_and_the_gradient_of_one_in_pixels(stars, by_error):
    """The same noise in both; noise beyond the components, which no weight changes, counts as expected."""
    changes = {"training__input_noise": 0.5, "training__weight_by_error": by_error, "model__components": 6}
    stars = with_errors(stars)
    trainer = a_trainer(replace(stars, mask=np.zeros_like(stars.mask)), "generator", **changes)
    encoder, decoder, share, rows = trainer.encoder.eval(), trainer.decoder, 6 / 48, torch.arange(64)
    unit = torch.randn(64, 6)
    pixels, inside = trainer.data.select(rows), trainer.seen.select(rows)
    assert inside.x.shape == inside.mean.shape == (64, 6) and (inside.weight is not None) == by_error
    weight = pixels.weight if by_error else torch.ones(64, 1)

    encoded, compared = two_views(pixels.x, pixels.error * unit @ encoder.axes.weight / share**0.5, 0.5)
    mu = encoder(encoded)
    in_pixels = ((decoder(mu, pixels.conditions) - compared).square() * weight).mean()
    beyond = (weight * (pixels.error / 0.5).square()).mean() * (1 - share)

    compared, mu_noisy, mu = trainer.call("latents_of_views", inside.tensors(), unit)
    terms = trainer.call("terms", mu_noisy, (mu, mu), inside.tensors() | {"x": compared}, 0.0)
    assert terms[1].item() == pytest.approx((in_pixels + beyond).item(), rel=1e-5)
    for weights_of in (encoder.net[0].weight, decoder.rest[0].weight):
        ours, theirs = (
            torch.autograd.grad(t, weights_of, retain_graph=True)[0] for t in (terms[1], in_pixels)
        )
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6 * float(theirs.abs().max()) + 1e-7)


@pytest.mark.parametrize("mask", [True, False])
def test_masked_pixels_and_squashed_outputs_are_compared_pixel_by_pixel(stars, mask):
    changes = {} if mask else {"model__output_activation": "sigmoid", "model__flux_scaling": "range"}
    stars = with_errors(stars) if mask else stars
    trainer = a_trainer(stars, "bottleneck", **changes, model__components=6, model__mean_hidden=())
    assert not trainer.learner.in_components and trainer.seen.x is trainer.data.x


def test_networks_work_in_the_principal_components_of_the_training_spectra(stars):
    trainer = a_trainer(stars, "generator", model__components=6)
    axes, x = trainer.encoder.axes.weight, trainer.data.x
    assert axes.shape == (6, x.shape[1]) and trainer.encoder.net[0].in_features == 6
    # inputs of the size of pixels
    assert torch.allclose((trainer.encoder.axes(x) ** 2).mean(), (x**2).mean(), rtol=0.1)
    back = trainer.decoder.axes(trainer.encoder.axes(x))
    best = torch.linalg.svd(x, full_matrices=False)[1]
    # no six directions hold much more
    assert float((back - x).square().sum()) < 1.1 * float(best[6:].square().sum())
    held = axes.clone()
    trainer.step(torch.arange(64))
    assert torch.equal(held, trainer.encoder.axes.weight)


def test_a_head_holds_a_nuisance_in_a_latent_too_small_for_everything():
    """Two noisy dimensions for five equally strong influences: with a head, the nuisance gets its place."""
    stars, held = toy_stars(800, names=(*LABELS, "vbroad")), {}
    for weight in (0.0, 100.0):
        changes = {
            "model__latent_size": 2,
            "model__noise": 0.4,
            "model__normalise_latent": True,
            "training__epochs": 30,
        }
        changes |= {"training__learning_rate": 5e-3, "adversary__nuisances": {"vbroad": weight}}
        trainer = a_trainer(stars, "autoencoder", **changes)
        assert trainer.known_nuisances == ("vbroad",)
        list(trainer.epochs())
        z, truth = bare_model(trainer, stars).encode(stars).z, stars.label("vbroad")
        linear = np.column_stack([z, np.ones(len(z))])
        held[weight] = 1 - np.var(truth - linear @ np.linalg.lstsq(linear, truth)[0]) / np.var(truth)
    assert held[0.0] < 0.6 and held[100.0] > 0.75


def test_an_unknown_nuisance_is_no_obstacle_and_an_unheard_of_one_is_refused(stars):
    # of simulated stars only
    trainer = a_trainer(stars, "generator", adversary__nuisances={"broadening_kms": 1.0})
    assert torch.isnan(trainer.data.nuisances).all() and trainer.known_nuisances == ()
    terms = trainer.step(torch.arange(64))
    assert all(torch.isfinite(t) for t in terms)
    with pytest.raises(ConfigError, match="nuisances names mood"):
        a_trainer(stars, "generator", adversary__nuisances={"mood": 1.0})


def test_more_components_than_pixels_are_all_pixels(stars):
    trainer = a_trainer(stars, "generator", model__components=5000)
    assert trainer.encoder.axes.weight.shape == (len(stars.wavelength_nm),) * 2


def test_the_mean_is_fitted_again_to_what_the_rest_leaves(stars):
    trainer = a_trainer(stars, "generator", training__epochs=1)
    parts = trainer.encoder, trainer.decoder, trainer.data, trainer.config
    prepare_mean(*parts)
    before = trainer.decoder.mean(trainer.data.conditions).detach()
    with torch.no_grad():
        # a rest that says the same of every star: the mean takes it back
        trainer.decoder.rest[-1].bias.add_(3.0)
    refit_mean(*parts)
    shift = trainer.decoder.axes(trainer.decoder.mean(trainer.data.conditions) - before).mean()
    expected = trainer.decoder.axes(torch.full_like(before, -3.0)).mean()
    assert float(shift) == pytest.approx(float(expected), rel=0.25)


def test_the_networks_of_the_mean_are_fitted_apart(stars):
    trainer = a_trainer(stars, "physical-removed", model__mean_networks=2)
    prepare_mean(trainer.encoder, trainer.decoder, trainer.data, trainer.config)
    first, second = (trainer.decoder.axes(net(trainer.data.conditions)) for net in trainer.decoder.means)
    alone, half = trainer.data.x.square().mean(), 0.5 * (first + second)
    assert all((guess - trainer.data.x).square().mean() < 0.5 * alone for guess in (first, second, half))
    assert (first - second).abs().max() > 1e-3


def test_a_training_leaves_the_arithmetic_of_the_process_as_it_was(stars):
    trainer = Trainer(stars, toy_config(), "cpu")
    for _ in trainer.epochs():
        assert torch.tensor(1e-39) / 2 > 0, "a caller between two epochs"
    assert torch.tensor(1e-39) / 2 > 0
