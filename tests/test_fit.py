"""From stars to a finished model, whatever the stars; what cannot end well is said before the first epoch."""

import json
from dataclasses import replace

import numpy as np
import pytest
from toy import toy_config, toy_stars

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.data.splits import split
from gandalf_core.errors import ModelError
from gandalf_core.models.fit import Extras, train, trainer_for
from gandalf_core.models.store import save_model

QUICK = Extras(regressor_epochs=3)


def finished(stars: SpectraSet, name: str = "autoencoder", **changes):
    return train(stars, toy_config(name, **changes), device="cpu", extras=QUICK)


def test_stars_with_gaps_train_nothing_and_stop_nothing(stars):
    mask = np.zeros(stars.flux.shape, bool)
    mask[::20, :10] = True
    model = finished(replace(stars, mask=mask))
    assert not set(stars.ids[::20]) & {*model.train_ids, *model.test_ids}
    assert model.card["data"]["left_out"] == mask[split(stars.ids)[0]].any(1).sum() > 0


def test_unlabelled_stars_make_a_model_without_regressors(stars, tmp_path):
    unknown = SpectraSet(
        stars.flux, stars.wavelength_nm, stars.ids, np.empty((len(stars), 0)), (), stars.flux_error
    )
    model = save_model(finished(unknown), tmp_path / "m")
    assert model.regressor_latent is None and model.encode(unknown).z.shape == (400, 6)
    assert np.isfinite(model.reconstruct(unknown)).all()
    assert model.card["figures"]["parameters"] == {} and model.card["figures"]["reconstruction_mse"] > 0
    with pytest.raises(ModelError, match="no regressor"):
        model.predict(unknown)


def test_a_label_that_does_not_vary_leaves_a_card_that_is_json(stars, tmp_path):
    constant = stars.with_labels(np.column_stack([stars.labels[:, :3], np.full(len(stars), 0.1)]))
    save_model(finished(constant), tmp_path / "m")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    card = json.loads((tmp_path / "m" / "card.json").read_text(), parse_constant=refuse)
    assert set(card["figures"]["parameters"]) == {"teff", "logg", "mh"}


def test_a_preset_by_name_takes_the_labels_of_the_stars():
    names = ("grain_size", "moisture")
    soils = toy_stars(700, names=names)
    # training begins, so the labels were there
    with pytest.raises(ModelError, match="is not a number"):
        train(soils, "autoencoder", on_epoch=_stop, device="cpu")


def _stop(record) -> None:
    raise ModelError("is not a number")


def test_what_cannot_be_finished_is_said_before_the_first_epoch(stars):
    few = stars.labels.copy()
    few[30:] = np.nan
    config = toy_config("generator", training__batch_size=8)
    with pytest.raises(ModelError, match=r"of 320 stars have teff, logg, mh, alphafe: at least 40"):
        trainer_for(stars.with_labels(few), config)
    with pytest.raises(ModelError, match="left to test on"):
        trainer_for(replace(stars, ids=["same"] * len(stars)), config)


def test_pixels_never_seen_count_in_no_figure(stars):
    fine = np.linspace(849.9, 851.0, stars.flux.shape[1])  # around the core at 850.036
    near = replace(stars, wavelength_nm=fine)
    model = finished(near, model__mask_calcium=True)
    wild = replace(near, flux=np.where(model.scaler.unseen, 5.0, near.flux))
    assert model.scaler.unseen.any()
    assert np.array_equal(model.predict(wild).chi2, model.predict(near).chi2)


def test_a_sigmoid_output_draws_a_sample_scaled_to_its_range(stars):
    changes = {"model__output_activation": "sigmoid", "model__flux_scaling": "range", "training__epochs": 60}
    model = finished(stars, **changes, training__learning_rate=1e-2)
    error = stars.flux - model.reconstruct(stars)
    assert (error**2).mean() < 0.3 * stars.flux.var(0).mean()
