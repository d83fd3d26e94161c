"""The shipped models give the stored values of twenty stars (scripts/shipped_values.py)."""

from pathlib import Path

import numpy as np
import pytest

from gandalf_core import SpectraSet, list_models, load_model
from gandalf_core.parameters import LABELS

STORED = np.load(Path(__file__).parent / "golden" / "shipped_models.npz", allow_pickle=False)
NAMES = [info.name for info in list_models()]
ROUNDING = 2e-5  # float32, whose sums are taken in another order on another processor


@pytest.fixture(scope="module")
def twenty_stars():
    parts = (STORED[name] for name in ("flux", "wavelength_nm", "ids", "labels"))
    return SpectraSet(*parts, LABELS, STORED["flux_error"])


def test_six_models_are_shipped_and_stored():
    assert len(NAMES) == 6 and {key.partition(".")[0] for key in STORED.files if "." in key} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_model_gives_the_stored_values(name, twenty_stars):
    model = load_model(name)
    latents, predictions = model.encode(twenty_stars), model.predict(twenty_stars)
    flux = model.decode(latents, twenty_stars.labels_for(model.label_names))
    for key, value in (
        ("z", latents.z),
        ("flux", flux),
        *((n, getattr(predictions, n)) for n in ("values", "errors", "chi2", "outlier_score")),
    ):
        stored = STORED[f"{name}.{key}"]
        np.testing.assert_allclose(value, stored, rtol=ROUNDING, atol=ROUNDING * np.abs(stored).max())
