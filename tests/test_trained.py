"""A trained model: what it exports, what it refuses; a star's result does not depend on its company."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import toy_config, toy_stars

from gandalf_core.data.protocols import StarMap, StarModel
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import ModelError, SpectraError
from gandalf_core.models.browser import decoder_spec
from gandalf_core.models.fit import Extras, bare_model, train
from gandalf_core.training.trainer import Trainer


def unlabelled(stars: SpectraSet) -> SpectraSet:
    return stars.with_labels(np.empty((len(stars), 0)), ())


def bare(stars, name="physical-removed", **changes):
    trainer = Trainer(stars, toy_config(name, **changes), "cpu")
    list(trainer.epochs())
    return bare_model(trainer, stars)


def test_a_trained_model_is_a_star_model(model):
    """The type checker compares the signatures; here, that every part of the interface exists."""
    for interface, thing in ((StarModel, model), (StarMap, model.projections["latent-pca"])):
        parts = [name for name in vars(interface) if not name.startswith("_")]
        assert parts and [name for name in parts if not hasattr(thing, name)] == []


def test_labels_that_the_decoder_does_not_receive_are_named(model, stars):
    model.check_receives(("teff", "mh"))
    with pytest.raises(ModelError, match="cannot set vsini, age: its decoder receives only teff, logg"):
        model.check_receives(("vsini", "teff", "age"))
    with pytest.raises(ModelError, match="receives no labels"):
        bare(stars, "autoencoder").modify(stars, {"teff": 5000.0})


# --- noise ---


def test_the_exported_latent_of_a_star_does_not_depend_on_order_or_company(model, stars):
    whole = model.encode(stars)
    backwards = model.encode(stars[::-1])
    assert np.allclose(backwards.z[::-1], whole.z, atol=1e-6)
    assert np.allclose(model.encode(stars[17]).z[0], whole.z[17], atol=1e-5)
    assert np.array_equal(model.encode(stars).z, whole.z)


def test_the_exported_latent_is_the_mean_plus_noise_of_the_configured_size(model, stars):
    noise = model.encode(stars).z - model.encode_mean(stars)
    assert abs(noise.std() - model.config.model.noise) < 0.02


def test_latents_carry_ids_labels_and_the_models_identity(model, stars):
    latents = model.encode(stars[:5])
    assert latents.ids.tolist() == stars.ids[:5].tolist() and latents.label_names == model.label_names
    assert np.array_equal(latents.labels, stars.labels[:5])
    assert latents.model_id == model.model_id and model.model_id.startswith("toy-removed@")


# --- masks and grids ---


def test_five_percent_of_masked_pixels_bound_the_change_of_the_latent(model, stars):
    mask = np.zeros(stars.flux.shape, bool)
    pixels = (
        np.random.default_rng(0).random(stars.flux.shape).argsort(1)[:, : int(0.05 * stars.flux.shape[1])]
    )
    np.put_along_axis(mask, pixels, True, 1)
    holes = SpectraSet(
        np.where(mask, np.nan, stars.flux),
        stars.wavelength_nm,
        stars.ids,
        stars.labels,
        stars.label_names,
        mask=mask,
    )
    change = model.encode_mean(holes) - model.encode_mean(stars)
    scale = model.encode_mean(stars).std(0)
    assert np.sqrt((change**2).mean(0) / scale**2).max() < 0.5
    assert np.isfinite(model.reconstruct(holes)).all()


def test_a_star_with_too_little_of_the_grid_is_refused_by_name(model, stars):
    mask = np.zeros((3, stars.flux.shape[1]), bool)
    mask[1, :10] = True
    three = SpectraSet(
        stars.flux[:3],
        stars.wavelength_nm,
        ["a", "thin", "c"],
        stars.labels[:3],
        stars.label_names,
        mask=mask,
    )
    with pytest.raises(SpectraError, match="thin"):
        model.encode(three)


def test_another_grid_is_resampled_and_one_elsewhere_refused(model, stars):
    fine = np.linspace(846.0, 870.0, 2401)
    nearest = np.abs(fine[:, None] - stars.wavelength_nm).argmin(1)
    finer = SpectraSet(stars.flux[:5, nearest], fine, stars.ids[:5], stars.labels[:5], stars.label_names)
    assert np.abs(model.encode_mean(finer) - model.encode_mean(stars[:5])).max() < 0.3
    with pytest.raises(SpectraError, match=stars.ids[0]):
        model.encode(
            SpectraSet(
                stars.flux[:2], stars.wavelength_nm - 300, stars.ids[:2], stars.labels[:2], stars.label_names
            )
        )


# --- decode ---


def test_decode_checks_what_it_gets(model, stars):
    latents = model.encode(stars[:4])
    assert model.decode(latents, stars.labels[:4]).shape == (4, stars.flux.shape[1])
    assert np.array_equal(model.decode(latents.z, stars.labels[:4]), model.decode(latents, stars.labels[:4]))
    with pytest.raises(ModelError, match="6 latent dimensions and 4 labels"):
        model.decode(latents, stars.labels[:4, :2])
    with pytest.raises(ModelError, match="6 latent dimensions"):
        model.decode(latents.z[:, :3], stars.labels[:4])
    labels = stars.labels[:4].copy()
    labels[1, 2] = np.nan
    with pytest.raises(ModelError, match="1 stars lack"):
        model.decode(latents, labels)
    with pytest.raises(ModelError, match="2 of 4 latents are not finite"):
        model.decode(np.where([[True]] * 2 + [[False]] * 2, np.nan, latents.z), stars.labels[:4])
    with pytest.raises(ModelError, match="of other@0123, not of"):
        model.decode(replace(latents, model_id="other@0123"), stars.labels[:4])
    renamed = replace(latents, model_id=f"copy@{model.model_id.rpartition('@')[2]}")
    assert np.array_equal(model.decode(renamed, stars.labels[:4]), model.decode(latents, stars.labels[:4]))


def test_labels_are_the_stars_own_or_estimated_and_it_says_which(model, stars):
    mixed = stars[:4].with_labels(np.where([[False]] * 2 + [[True]] * 2, np.nan, stars.labels[:4]))
    labels, own = model.labels_of(mixed)
    assert own.tolist() == [True, True, False, False]
    assert np.array_equal(labels[:2], stars.labels[:2])
    estimates = model.predict_from_spectrum(stars[2:4])[0]
    assert np.allclose(labels[2:], estimates)
    one = stars[2:4].with_labels(np.column_stack([stars.labels[2:4, :3], [np.nan] * 2]))
    labels, own = model.labels_of(one)  # what a star has stays, what it lacks is estimated
    assert (
        not own.any()
        and np.array_equal(labels[:, :3], one.labels[:, :3])
        and np.allclose(labels[:, 3], estimates[:, 3])
    )
    assert np.isfinite(model.reconstruct(unlabelled(stars[:4]))).all()


def test_a_blind_encoder_needs_no_labels(model, stars):
    assert np.array_equal(model.encode(unlabelled(stars)).z, model.encode(stars).z)


def test_a_conditional_encoder_refuses_stars_without_labels(stars):
    model = bare(stars, "paper-physical-removed", model__conditional_encoder=True)
    assert model.encode(stars).z.shape == (400, 6)
    assert not np.allclose(model.encode(stars).z, model.encode(stars.with_labels(stars.labels[::-1])).z)
    with pytest.raises(ModelError, match="needs teff, logg, mh, alphafe"):
        model.encode(unlabelled(stars))


def test_without_a_regressor_the_refusal_says_what_is_missing(stars):
    model = bare(stars)
    with pytest.raises(ModelError, match="regressor"):
        model.reconstruct(unlabelled(stars))
    with pytest.raises(ModelError, match="regressor"):
        model.predict(stars)


@pytest.mark.parametrize("networks", [1, 2])
def test_the_decoder_in_numpy_is_the_decoder(stars, networks):
    """`decoder_spec` holds everything the browser needs."""
    model = bare(stars, model__mean_networks=networks)
    spec, z = decoder_spec(model), model.encode(stars[:6]).z
    unit = (stars.labels[:6] - spec["label_mean"]) / spec["label_std"]

    def run(layers, x):
        for i, layer in enumerate(layers):
            x = x @ layer["weight"].T + layer["bias"]
            x = x if i == len(layers) - 1 else x / (1 + np.exp(-x))  # silu
        return x

    assert spec["activation"] == "silu" and spec["output_activation"] == "linear"
    scaled = run(spec["mean"], unit) + run(spec["rest"], np.concatenate([z, unit], 1))
    scaled = scaled @ spec["axes"] if spec["axes"].size else scaled
    by_hand = scaled * spec["flux_scale"] + spec["flux_offset"]
    assert np.abs(by_hand - model.decode(z, stars.labels[:6])).max() < 1e-5


# --- predict ---


@pytest.fixture(scope="module")
def plain(stars):
    """A plain auto-encoder with regressors, trained long enough to read labels."""
    return train(
        toy_stars(2000),
        toy_config("autoencoder", training__epochs=12),
        device="cpu",
        extras=Extras(regressor_epochs=60),
    )


def test_predictions_read_the_labels_with_honest_errors(plain):
    fresh = toy_stars(600, seed=8)
    predictions = plain.predict(fresh)
    error = predictions.values - fresh.labels
    assert (1 - (error**2).mean(0) / fresh.labels.var(0)).min() > 0.9
    assert (predictions.errors > 0).all()
    inside = (np.abs(error) < predictions.errors).mean(0)
    assert ((inside > 0.5) & (inside < 0.85)).all(), inside
    assert len(predictions) == 600 and np.median(predictions.chi2) < 10


def test_an_outlier_scores_high_and_ordinary_stars_are_spread_evenly(plain):
    fresh = toy_stars(300, seed=9)
    scores = plain.predict(fresh).outlier_score
    assert 0.35 < scores.mean() < 0.65
    strange = replace(fresh[:5], flux=2 - fresh.flux[:5] + 0.3 * np.sin(fresh.wavelength_nm * 9))
    assert (plain.predict(strange).outlier_score > 0.98).all()


def test_without_errors_a_star_is_not_strange_for_its_chi2(plain):
    fresh = toy_stars(200, seed=8)
    predictions = plain.predict(replace(fresh, flux_error=None))
    assert np.isnan(predictions.percentiles["misfit"]).all()
    assert (predictions.outlier_score > 0.99).mean() < 0.1


def test_rows_are_plain_dictionaries_with_the_promised_keys(plain, stars):
    row = plain.predict(stars[:2]).rows()[1]
    assert list(row) == [
        "id",
        "teff",
        "teff_error",
        "logg",
        "logg_error",
        "mh",
        "mh_error",
        "alphafe",
        "alphafe_error",
        "chi2",
        "outlier_score",
        "verdict",
        "reason",
        "outside",
        "velocity_kms",
        "velocity_kms_error",
        "error_is_lower_limit",
        "covariance",
    ]
    assert row["id"] == stars.ids[1] and type(row["outside"]) is type(row["error_is_lower_limit"]) is bool
    assert type(row["verdict"]) is str and type(row["reason"]) is str
    others = {"id", "outside", "verdict", "reason", "error_is_lower_limit", "covariance"}
    assert all(type(v) is float for k, v in row.items() if k not in others)


def test_a_stars_prediction_does_not_depend_on_its_company(plain):
    """Least of all on a companion whose errors are unknown."""
    stars = toy_stars(3, seed=11)
    alone, together = plain.predict(stars[0]), plain.predict(stars)
    assert np.allclose(alone.values[0], together.values[0], rtol=1e-4)
    assert np.allclose(alone.errors[0], together.errors[0], rtol=1e-3)
    error = stars.flux_error.copy()
    error[2] = np.nan
    beside_unknown = plain.predict(replace(stars, flux_error=error))
    assert np.allclose(beside_unknown.errors[:2], together.errors[:2], rtol=1e-6)
    assert np.isfinite(beside_unknown.errors).all() and np.isfinite(beside_unknown.chi2).all()


def test_using_a_model_moves_nothing_in_it(model, stars):
    before = {k: v.clone() for net in (model.encoder, model.decoder) for k, v in net.state_dict().items()}
    model.predict(stars)
    model.reconstruct(stars)
    after = {k: v for net in (model.encoder, model.decoder) for k, v in net.state_dict().items()}
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert not model.encoder.training and not any(p.requires_grad for p in model.decoder.parameters())


def test_who_trained_and_who_was_held_out(model, stars):
    assert len(model.train_ids) == 320 and len(model.test_ids) == 80
    assert not set(model.train_ids) & set(model.test_ids)
    assert model.held_out(stars).sum() == 80 and model.held_out(toy_stars(5, seed=3)).all()


def test_a_finished_model_of_another_world_predicts_too():
    """Two labels, wavelengths far from the Ca II lines, a label missing here and there."""
    names = ("grain_size", "moisture")
    soils = toy_stars(300, names=names, missing=0.15)
    soils = SpectraSet(
        soils.flux, np.linspace(400, 2500, soils.flux.shape[1]), soils.ids, soils.labels, names
    )
    config = toy_config("bottleneck", names, adversary__lambdas={"grain_size": 1.0, "moisture": -1.0})
    model = train(soils, config, device="cpu", extras=Extras(regressor_epochs=20))
    predictions = model.predict(soils)
    assert predictions.label_names == names and np.isfinite(predictions.values).all()
    assert np.isfinite(predictions.outlier_score).all()
    assert set(model.card["figures"]["parameters"]) == set(names)
