"""Models of other instruments: whatever number of pixels, resolution and range the spectra have."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from toy import toy_config

from gandalf_core import SpectraSet, load_model, save_model, train
from gandalf_core.models.fit import Extras
from gandalf_core.simulator import simulate

GRIDS = {  # resolving power, wavelengths [nm]
    "rave": (7500, np.linspace(847.0, 868.9, 400)),
    "rvs": (11500, np.linspace(846.0, 870.0, 2401)),
    "fine": (11500, np.linspace(846.5, 869.5, 7214)),
}


def at(stars: SpectraSet, resolving_power: float, wavelength_nm: np.ndarray) -> SpectraSet:
    """Simulated stars of R = 11,500 as a spectrograph of lower R sees them, on its grid."""
    blur_nm = 858 / 2.3548 * np.sqrt(max(0.0, resolving_power**-2 - 11500**-2))
    step = float(np.diff(stars.wavelength_nm)[0])
    flux = gaussian_filter1d(stars.flux, blur_nm / step, axis=1) if blur_nm else stars.flux
    on_grid = np.array([np.interp(wavelength_nm, stars.wavelength_nm, row) for row in flux])
    error = np.full(on_grid.shape, 0.01)
    noisy = on_grid + error * np.random.default_rng(1).normal(size=on_grid.shape)
    ids = [f"other-{k}" for k in range(len(stars))]
    return SpectraSet(noisy, wavelength_nm, ids, stars.labels, stars.label_names, error)


@pytest.fixture(scope="module")
def simulated():
    return simulate(160, seed=3, pixels=2401, clean=True)


@pytest.mark.parametrize("name", GRIDS)
def test_a_model_of_any_number_of_pixels_is_trained_and_used(simulated, name, tmp_path):
    """It reconstructs stars that it never saw better than the mean spectrum does, and reads their labels."""
    stars = at(simulated, *GRIDS[name])
    config = toy_config(training__epochs=30, training__learning_rate=3e-3)
    model = train(stars, config, device="cpu", extras=Extras(regressor_epochs=4))
    save_model(model, tmp_path / name)
    model = load_model(tmp_path / name)
    tested = stars[model.held_out(stars)]
    mean = stars.flux[~model.held_out(stars)].mean(0)
    assert model.wavelength_nm.shape == GRIDS[name][1].shape == (stars.flux.shape[1],)
    assert np.mean((model.reconstruct(tested) - tested.flux) ** 2) < 0.8 * np.mean((mean - tested.flux) ** 2)
    found = model.predict(tested, verdicts=False)
    teff, true = found.values[:, 0], tested.label("teff")
    assert np.isfinite(found.values).all() and np.corrcoef(teff, true)[0, 1] > 0.3
