"""`GandalfEncoder`: scikit-learn's own checks, and what pipelines and searches do with it."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from toy import SMALL, toy_stars

from gandalf_core import GandalfEncoder, load_model, save_model
from gandalf_core.errors import ConfigError, ModelError, SpectraError

TINY = {k: v for k, v in SMALL.items() if k != "model.latent_size"}
TINY |= {"training.epochs": 1, "training.learning_rate": 0.005}
EXCEPTIONS = {  # GandalfEncoder's docstring lists them, too
    "check_estimators_pickle": "a third of the pixels are NaN there, and such a spectrum is refused"
}
NAMES = ("teff", "logg", "mh", "alphafe")


@parametrize_with_checks(
    [GandalfEncoder(changes=TINY, latent_size=2)], expected_failed_checks=lambda _: EXCEPTIONS
)
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


def test_the_docstring_lists_the_exceptions():
    assert all(f"`{name}`" in (GandalfEncoder.__doc__ or "") for name in EXCEPTIONS)


@pytest.fixture(scope="module")
def sample():
    """Flux (N, L) and labels (N, P) of toy stars, with a few unusable pixels."""
    stars = toy_stars(300)
    flux = stars.flux.copy()
    flux[::10, 5] = np.nan
    return flux, stars.labels, stars.wavelength_nm


@pytest.fixture(scope="module")
def encoder(sample):
    """Trained long enough to beat the mean spectrum."""
    flux, labels, _ = sample
    encoder = GandalfEncoder(label_names=NAMES, latent_size=6, changes={**TINY, "training.epochs": 40})
    return encoder.fit(flux, labels)


def test_a_reconstruction_beats_the_mean_spectrum(sample, encoder):
    flux, _, _ = sample
    spread = np.nanmean((flux - np.nanmean(flux, 0)) ** 2)
    assert -encoder.score(flux) < spread / 4
    guess = encoder.inverse_transform(encoder.transform(flux))
    assert np.nanmean((guess - flux) ** 2) == pytest.approx(-encoder.score(flux), rel=1e-6)


def test_a_pickled_encoder_encodes_alike(sample, encoder):
    flux, _, _ = sample
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(again.transform(flux), encoder.transform(flux))


def test_its_model_is_an_ordinary_one(sample, encoder, tmp_path):
    flux, _, _ = sample
    save_model(encoder.model_, tmp_path / "own")
    stars = replace(toy_stars(20), wavelength_nm=encoder.model_.wavelength_nm)
    assert load_model(tmp_path / "own").encode_mean(stars).shape == (20, 6)
    parts = [encoder.model_.train_ids, encoder.model_.test_ids]
    assert len(np.concatenate(parts)) == len(flux) and not set(parts[0]) & set(parts[1])


def test_ids_say_which_stars_train(sample):
    flux, labels, _ = sample
    stars = toy_stars(300)
    encoder = GandalfEncoder(changes=TINY).fit(flux, labels, ids=stars.ids, flux_error=stars.flux_error)
    assert set(encoder.model_.train_ids) | set(encoder.model_.test_ids) == set(stars.ids)
    assert encoder.model_.label_names == ("y_0", "y_1", "y_2", "y_3")


def test_a_removed_label_has_noise_and_a_slider(sample):
    """The latent is noisy, the same for the same stars; decoding needs the labels and follows them."""
    flux, labels, wavelength_nm = sample
    encoder = GandalfEncoder(("Teff",), ("mh",), NAMES, wavelength_nm=wavelength_nm, changes=TINY)
    z = encoder.fit_transform(flux, labels)
    model = encoder.model_
    assert (model.removed, model.kept) == (("teff",), ("mh",)) and model.config.model.noise == 0.4
    np.testing.assert_array_equal(model.wavelength_nm, wavelength_nm)
    np.testing.assert_array_equal(z, encoder.transform(flux))
    with pytest.raises(ModelError, match="the decoder receives teff, logg, mh, alphafe: give y"):
        encoder.inverse_transform(z)
    hotter = labels + np.array([500, 0, 0, 0])
    assert np.abs(encoder.inverse_transform(z, hotter) - encoder.inverse_transform(z, labels)).max() > 1e-4


def test_a_frames_columns_name_labels_and_pixels(sample):
    pandas = pytest.importorskip("pandas")  # a dependency: never missing
    flux, labels, wavelength_nm = sample
    table = pandas.DataFrame(flux, columns=[f"{nm:.2f}" for nm in wavelength_nm])
    frame = pandas.DataFrame(labels, columns=["TEFF", "LOGG", "FE_H", "v_sin_i"])
    encoder = GandalfEncoder(changes=TINY).set_output(transform="pandas").fit(table, frame)
    assert encoder.model_.label_names == ("teff", "logg", "mh", "v_sin_i")
    assert list(encoder.transform(table).columns[:2]) == ["z_0", "z_1"]
    with pytest.raises(ValueError, match="feature names"):
        encoder.transform(table.iloc[:, ::-1])


def test_a_pipeline_is_searched(sample):
    """A latent of four dimensions holds the four labels, one of one dimension does not."""
    flux, labels, _ = sample
    unit = (labels - labels.mean(0)) / labels.std(0)
    some, others, y, truth = train_test_split(np.nan_to_num(flux, nan=1.0), unit, random_state=0)
    pipeline = make_pipeline(GandalfEncoder(changes={**TINY, "training.epochs": 30}), Ridge())
    search = GridSearchCV(pipeline, {"gandalfencoder__latent_size": [1, 6]}, cv=2, error_score="raise")
    search.fit(some, y)
    assert search.best_params_ == {"gandalfencoder__latent_size": 6}
    assert search.score(others, truth) > 0.5


def test_parameters_are_set_and_cloned():
    encoder = clone(GandalfEncoder(removed=("teff",)).set_params(latent_size=3, random_state=7))
    assert encoder.get_params()["latent_size"] == 3 and encoder.removed == ("teff",)
    with pytest.raises(ValueError, match="Invalid parameter"):
        encoder.set_params(latent=3)


def test_what_cannot_be_is_refused(sample):
    flux, labels, _ = sample
    with pytest.raises(ConfigError, match="vsini"):
        GandalfEncoder(("vsini",), changes=TINY).fit(flux)
    with pytest.raises(ConfigError, match="both removed and kept"):
        GandalfEncoder(("teff",), ("teff",), NAMES).fit(flux, labels)
    with pytest.raises(SpectraError, match="labels have shape"):
        GandalfEncoder(label_names=("teff",), changes=TINY).fit(flux, labels)
    with pytest.raises(ModelError, match="conditional encoder"):
        conditional = {**TINY, "model.conditional_encoder": True, "model.condition_on": NAMES}
        GandalfEncoder(label_names=NAMES, changes=conditional).fit(flux, labels)
    with pytest.raises(ValueError, match="minimum of 10 is required"):
        GandalfEncoder().fit(flux[:9])
    with pytest.raises(ValueError, match="infinity"):
        GandalfEncoder().fit(np.where(np.isnan(flux), np.inf, flux))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        GandalfEncoder().fit(flux, labels[1:])
    with pytest.raises(SpectraError, match="wavelengths"):
        GandalfEncoder(wavelength_nm=[1, 2, 3]).fit(flux)
