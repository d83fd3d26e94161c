"""The shipped models give the stored values of twenty stars (scripts/shipped_values.py)."""

from pathlib import Path

import numpy as np
import pytest

from gandalf_core import SpectraSet, list_models, load_model
from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.parameters import LABELS

STORED = np.load(Path(__file__).parent / "golden" / "shipped_models.npz", allow_pickle=False)
NAMES = [info.name for info in list_models()]
KEY = NoiseKey.from_seed(0)  # of the stored latents
ROUNDING = 2e-5  # float32, whose sums are taken in another order on another processor


@pytest.fixture(scope="module")
def twenty_stars():
    parts = (STORED[name] for name in ("flux", "wavelength_nm", "ids", "labels"))
    return SpectraSet(*parts, LABELS, STORED["flux_error"])


def test_six_models_are_shipped_and_stored():
    assert len(NAMES) == 6 and {key.partition(".")[0] for key in STORED.files if "." in key} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_model_gives_the_stored_values(name, twenty_stars):
    model = load_model(name).under(KEY)
    latents, predictions = model.encode(twenty_stars), model.predict(twenty_stars)
    flux = model.decode(latents, twenty_stars.labels_for(model.label_names))
    for key, value in (
        ("z", latents.z),
        ("flux", flux),
        ("spectrum_errors", model.predict_from_spectrum(twenty_stars)[1]),
        *((n, getattr(predictions, n)) for n in ("values", "errors", "chi2", "outlier_score")),
    ):
        assert_stored(f"{name}.{key}", value)


@pytest.mark.parametrize("name", NAMES)
def test_what_has_no_noise_is_as_stored_under_any_key(name, twenty_stars):
    model = load_model(name)
    mean, (values, _) = model.encode_mean(twenty_stars), model.predict_from_spectrum(twenty_stars)
    assert_stored(f"{name}.mean", mean)
    assert_stored(f"{name}.mean_flux", model.decode(mean, twenty_stars.labels_for(model.label_names)))
    assert_stored(f"{name}.spectrum_values", values)


def assert_stored(key: str, value: np.ndarray) -> None:
    stored = STORED[key]
    np.testing.assert_allclose(value, stored, rtol=ROUNDING, atol=ROUNDING * np.abs(stored).max())
