"""From stars to a finished model, whatever the stars; what cannot end well is said before the first epoch."""

import json
from dataclasses import replace

import numpy as np
import pytest
from toy import toy_config, toy_stars

from gandalf_core.data.identity import identity
from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.data.splits import division, split
from gandalf_core.errors import ModelError
from gandalf_core.models.fit import Extras, train, trainer_for
from gandalf_core.models.store import load_model, save_model

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


# --- what cannot end well is refused before the first epoch ---


def with_known(stars, label: int, rows) -> SpectraSet:
    """The stars, of which only these rows have a label."""
    labels = stars.labels.copy()
    values = labels[rows, label]
    labels[:, label] = np.nan
    labels[rows, label] = values
    return replace(stars, labels=labels)


def conditional(**changes):
    return toy_config("autoencoder", model__condition_on=["teff"], model__conditional_encoder=True, **changes)


REFUSED = {
    "flux of 0": (
        lambda s: replace(s, flux=np.zeros_like(s.flux)),
        toy_config(),
        (),
        r"272 stars to train on is 0 at every wavelength",
    ),
    "one flux": (
        lambda s: replace(s, flux=np.tile(s.flux[:1], (len(s), 1))),
        toy_config("autoencoder"),
        (),
        r"272 stars to train on is the same for all of them",
    ),
    "tiny flux": (
        lambda s: replace(s, flux=s.flux * 1e-30, flux_error=s.flux_error * 1e-30),
        toy_config(),
        (),
        r"varies by 8\.1e-31, which numbers of 32 bits",
    ),
    "huge flux": (
        lambda s: replace(s, flux=s.flux * 1e30, flux_error=s.flux_error * 1e30),
        toy_config("autoencoder"),
        (),
        r"varies by 8\.1e\+29, which numbers of 32 bits",
    ),
    "huge errors": (
        lambda s: replace(s, flux_error=s.flux_error * 1e30),
        toy_config(),
        (),
        r"none of the \d+ stars that train counts: .*or their errors too large",
    ),
    "few stars for a map": (
        lambda s: s[:45],
        toy_config("autoencoder", training__batch_size=8),
        ("tsne", "pca"),
        r"a map \(tsne, pca\) shows at least 10 test stars, and there are 9",
    ),
    "no label for a conditional encoder": (
        lambda s: with_known(s, 0, np.arange(1, len(s))),
        conditional(),
        (),
        r"1 of 400 stars lack teff, and a conditional encoder",
    ),
    "no label of a test star": (
        lambda s: with_known(s, 0, np.setdiff1d(np.arange(len(s)), division(s.ids).test)),
        conditional(),
        (),
        r"80 of 400 stars lack teff",
    ),
}
for _name, _rows in {
    "training": lambda s: division(s.ids).fitting[:1],
    "calibration": lambda s: division(s.ids).calibration[:1],
    "test": lambda s: division(s.ids).test[:1],
}.items():
    for _sign in ("physical-removed", "chemical-removed", "paper-physical-removed"):
        REFUSED[f"a label that one star has, {_name}, {_sign}"] = (
            lambda s, rows=_rows: with_known(s, 0, rows(s)),
            toy_config(_sign, model__condition_on=["mh"]),
            (),
            rf"too few of the 272 stars to train on have teff \({int(_name == 'training')}\): at least 40",
        )


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_end_well_is_refused_before_the_first_epoch(stars, case):
    change, config, maps, said = REFUSED[case]
    epochs: list = []
    with pytest.raises(ModelError, match=said) as caught:
        train(change(stars), config, device="cpu", on_epoch=epochs.append, extras=Extras(maps=maps))
    assert not epochs and "\n" not in str(caught.value)


def test_a_map_of_few_test_stars_that_are_asked_for_is_refused_too(stars):
    config = toy_config("autoencoder")
    with pytest.raises(ModelError, match="there are 5"):
        trainer_for(stars, config, "cpu", Extras(spectra_maps=("pca",), map_stars=5))
    trainer_for(stars, config, "cpu", Extras(map_stars=5))


def test_the_same_seed_gives_the_same_files(stars, tmp_path):
    """Weights, splits, regressors and maps, to the bit; only what tells of seconds differs."""
    extras = Extras(maps=("pca", "tsne"), regressor_epochs=3, key=NoiseKey.from_seed(0))
    hashes = []
    for name in ("first", "second"):
        save_model(train(stars, toy_config(), device="cpu", extras=extras), tmp_path / name)
        hashes.append(json.loads((tmp_path / name / "manifest.json").read_text())["files"])
    timed = {"card.json", "history.jsonl", "regressor-latent.npz", "regressor-spectrum.npz"}
    assert {k: v for k, v in hashes[0].items() if k not in timed} == {
        k: v for k, v in hashes[1].items() if k not in timed
    }
    first, second = (load_model(tmp_path / name) for name in ("first", "second"))
    for name in ("regressor_latent", "regressor_spectrum"):
        mine, other = (getattr(model, name).arrays() for model in (first, second))
        for key in mine:
            assert "summary" in key or identity(mine[key]) == identity(other[key]), key
