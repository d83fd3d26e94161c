"""Models and simulated stars of other instruments: any number of pixels, resolution and part of the range."""

import json
from dataclasses import replace

import numpy as np
import pytest
from toy import toy_config

from gandalf_core import load_model, read_stars, save_model, train
from gandalf_core.cli import main
from gandalf_core.data.instruments import instrument, instrument_of
from gandalf_core.errors import SpectraError
from gandalf_core.models.fit import Extras
from gandalf_core.simulator import PIXELS_2401, is_simulated, simulate
from gandalf_core.simulator.elsewhere import View, simulate_view, view_of

VIEWS = {
    "rave": view_of("rave", None, None),
    "rvs": View("rvs", 11500, PIXELS_2401, instrument("gaia-rvs")),
    "fine": View("fine", 11500, np.linspace(846.5, 869.5, 7214)),
}
PIXELS = {"rave": 400, "rvs": 2401, "fine": 7214}


@pytest.mark.parametrize("name", VIEWS)
def test_a_model_of_any_number_of_pixels_is_trained_and_used(name, tmp_path):
    """It reconstructs stars that it never saw better than the mean spectrum does, and reads their labels."""
    clean = simulate_view(VIEWS[name], 160, 3, clean=True)
    error = np.full(clean.flux.shape, 0.01)
    noise = error * np.random.default_rng(1).normal(size=error.shape)
    stars = replace(clean, flux=clean.flux + noise, flux_error=error)
    config = toy_config(training__epochs=30, training__learning_rate=3e-3)
    model = train(stars, config, device="cpu", extras=Extras(regressor_epochs=4))
    save_model(model, tmp_path / name)
    model = load_model(tmp_path / name)
    tested = stars[model.held_out(stars)]
    mean = stars.flux[~model.held_out(stars)].mean(0)
    assert model.wavelength_nm.shape == (PIXELS[name],) == (stars.flux.shape[1],)
    assert np.mean((model.reconstruct(tested) - tested.flux) ** 2) < 0.8 * np.mean((mean - tested.flux) ** 2)
    found = model.predict(tested, verdicts=False)
    teff, true = found.values[:, 0], tested.label("teff")
    assert np.isfinite(found.values).all() and np.corrcoef(teff, true)[0, 1] > 0.3


# --- the simulator as other instruments see it ---


@pytest.mark.parametrize("power", [5000, 7500, 10000])
def test_lines_are_as_broad_as_the_resolving_power_says(power):
    """In the power spectrum: a Gaussian of σ = 858 nm / 2.3548 R, whose squares differ, damps frequencies."""
    sharp, blurred = (simulate_view(View("x", r, PIXELS_2401), 8, 5, clean=True) for r in (11500, power))
    window = np.hanning(2401)
    waves = [np.abs(np.fft.rfft((1 - s.flux) * window)).mean(0) for s in (sharp, blurred)]
    frequency = np.fft.rfftfreq(2401, 0.01)
    used = (frequency > 1) & (frequency < 5)
    slope = np.polyfit(frequency[used] ** 2, -np.log(waves[1][used] / waves[0][used]), 1)[0]
    variance = (858 / 2.3548) ** 2 * (power**-2 - 11500**-2)
    assert slope == pytest.approx(2 * np.pi**2 * variance, rel=0.02)


def test_the_full_view_is_the_simulator_itself_and_a_part_is_a_part():
    clean = simulate_view(View("x", 11500, PIXELS_2401), 3, 5, clean=True)
    np.testing.assert_array_equal(clean.flux, simulate(3, 5, pixels=2401, clean=True).flux)
    part = simulate_view(view_of("rave", None, (850.0, 860.0)), 3, 5, clean=True)
    whole = simulate_view(VIEWS["rave"], 3, 5, clean=True)
    rows = np.isin(whole.wavelength_nm, part.wavelength_nm)
    assert 150 < rows.sum() == part.flux.shape[1] < 200
    np.testing.assert_allclose(part.flux[:, 1:-1], whole.flux[:, rows][:, 1:-1], rtol=1e-6)
    assert not is_simulated(whole), "nobody can make them under other labels"


@pytest.mark.parametrize("name", VIEWS)
def test_noise_is_as_large_and_as_correlated_as_stated(name):
    view = VIEWS[name]
    noisy, more = simulate_view(view, 40, 7, snr=(50, 50)), simulate_view(view, 41, 7, snr=(50, 50))
    np.testing.assert_array_equal(noisy.flux, more.flux[:40])
    quiet = View(view.name, view.resolving_power, view.wavelength_nm, view.instrument)
    unit = (noisy.flux - simulate_view(quiet, 40, 7, snr=(5e4, 5e4)).flux) / noisy.flux_error
    width = np.median(np.diff(view.wavelength_nm))
    per_pixel = 1 / 0.8705 if name == "rvs" else np.sqrt(0.03 / width)  # samples of RVS correlate
    assert noisy.flux_error[0, 0] == pytest.approx(per_pixel / 50, rel=1e-4)
    assert unit.std() == pytest.approx(1, abs=0.02)
    neighbours = (unit[:, 1:] * unit[:, :-1]).mean()
    assert neighbours == pytest.approx(0.78 if name == "rvs" else 0, abs=0.03)
    assert instrument_of(noisy) is view.instrument


@pytest.mark.parametrize(
    ("power", "grid", "message"),
    [
        (20000, PIXELS_2401, r"R = 20000: .* R = 5,000 to 11,500"),
        (3000, PIXELS_2401, r"R = 3000"),
        (7500, np.linspace(841, 879, 400), r"841-879 nm: the synthetic spectra cover 846-870 nm"),
    ],
)
def test_what_the_synthetic_spectra_cannot_show(power, grid, message):
    with pytest.raises(SpectraError, match=message):
        View("x", power, grid)


def test_the_command(tmp_path, capsys):
    out = tmp_path / "rave.fits"
    assert main(["simulate", "--stars", "3", "--seed", "4", "--instrument", "rave", "--json", str(out)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["pixels"], result["resolving_power"]) == (400, 7500)
    stars = read_stars(out)
    assert (
        stars.ids.tolist() == ["rave-4-0", "rave-4-1", "rave-4-2"]
        and stars.provenance["instrument"] == "rave"
    )
    part = ["--resolution", "9000", "--range", "850", "865", "--stars", "2", str(tmp_path / "part.csv")]
    assert main(["simulate", *part]) == 0 and read_stars(tmp_path / "part.csv").flux.shape == (2, 501)
    assert main(["simulate", "--stars", "2", "--instrument", "gaia-rvs", str(out)]) == 2
    assert main(["simulate", "--stars", "2", "--seed", "990001", "--resolution", "9000", str(out)]) == 2
