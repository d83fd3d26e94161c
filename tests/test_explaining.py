"""Why a model says so: effects of pixels, sliders beside physics, shares of species."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gandalf_core.cli import main
from gandalf_core.data.latents import LatentSet
from gandalf_core.errors import ModelError
from gandalf_core.explaining.dimensions import dimension_effects
from gandalf_core.explaining.estimates import estimate_origin
from gandalf_core.explaining.sliders import AVERAGE, STAR, slider_effects
from gandalf_core.explaining.species import CONTINUUM, physical, shares
from gandalf_core.models.store import load_model
from gandalf_core.parameters import CALCIUM_CORES_NM, LABELS
from gandalf_core.simulator import simulate, truth
from gandalf_core.simulator.grids import PIXELS_800

SUN = np.array([5770.0, 4.44, 0.0, 0.0])
GIANT = np.array([4400.0, 2.0, 0.0, 0.0])
HOT_DWARF = np.array([6470.0, 4.2, 0.0, 0.0])


def nearest(nm: float) -> int:
    return int(np.abs(PIXELS_800 - nm).argmin())


# --- species ---


def test_shares_are_parts_of_the_light_that_is_missing():
    of_sun = shares(SUN, PIXELS_800)
    assert np.allclose(of_sun.parts.sum(0), 1) and (of_sun.parts >= 0).all()
    for nm in CALCIUM_CORES_NM:
        assert of_sun.groups[of_sun.parts[:, nearest(nm)].argmax()] == "Ca II"
    assert of_sun.groups[of_sun.parts[:, nearest(861.416)].argmax()] == "Fe"
    assert of_sun.groups[of_sun.parts[:, nearest(855.913)].argmax()] == "Si"
    assert sum(of_sun.of(np.ones(800)).values()) == pytest.approx(1)
    assert set(of_sun.of(np.zeros(800)).values()) == {0.0}


def test_cool_giants_have_cn_and_hot_dwarfs_have_paschen_lines():
    giant, hot = (shares(labels, PIXELS_800).of(np.ones(800)) for labels in (GIANT, HOT_DWARF))
    assert giant["CN"] > 5 * hot["CN"] and hot["Paschen"] > 5 * giant["Paschen"]
    assert hot[CONTINUUM] > giant[CONTINUUM]


def test_outside_the_computed_range_everything_is_continuum():
    parts = shares(SUN, np.array([830.0, 866.45]))
    assert parts.parts[-1].tolist() == pytest.approx([1, 0], abs=0.02)


# --- estimates ---


@pytest.fixture(scope="module")
def autoencoder():
    return load_model("autoencoder")


@pytest.mark.parametrize("source", ["spectrum", "latent"])
def test_an_effect_is_how_the_estimate_moves(autoencoder, source):
    """The sum of the pixels' effects foretells what a small change of the whole spectrum does."""
    star = simulate(1, 11, snr=(200, 200))
    origin = estimate_origin(autoencoder, star, source)
    change = 0.2 * np.random.default_rng(0).standard_normal(800) * origin.error
    moved = replace(star, flux=(star.flux + change).astype(np.float32))
    if source == "spectrum":
        after = autoencoder.regressor_spectrum.values(moved.flux, star.snr)[0]
    else:
        z = autoencoder.encode_mean(moved)
        after = autoencoder.regressor_latent.values(z, star.snr)[0]
    foretold = origin.effect @ (change / origin.error)
    assert np.allclose(after - origin.values, foretold, atol=0.2 * np.abs(foretold).max())
    assert np.all(np.abs(after - origin.values - foretold) < 0.3 * origin.noise)


def test_estimates_rest_on_lines_and_not_on_hidden_pixels(autoencoder):
    star = simulate(1, 11)
    hidden = star.mask.copy()
    hidden[0, 300:320] = True
    origin = estimate_origin(autoencoder, replace(star, mask=hidden), "spectrum")
    assert not origin.effect[:, 300:320].any() and origin.effect[:, 320:].any()
    parts = origin.parts("mh")
    assert sum(parts.values()) == pytest.approx(1) and parts["Fe"] > 0.05
    assert not origin.assumed
    bare = estimate_origin(autoencoder, replace(star, flux_error=None), "spectrum")
    assert bare.assumed and np.allclose(bare.error, 0.01)


# --- sliders ---


class Decoder:
    """A model whose decoder changes spectra `size` times as much as physics does."""

    name, condition_on, label_names, wavelength_nm = "stub", LABELS, LABELS, PIXELS_800
    latent_size = 3

    def __init__(self, star, size):
        self.star, self.size = star, size

    def encode(self, stars):
        return LatentSet(np.zeros((len(stars), 3), np.float32), stars.ids, stars.labels, LABELS, "")

    def decode(self, z, labels):
        spectra = [truth(self.star, row[None], without=("model_error",)).flux[0] for row in labels]
        return self.size * np.array(spectra) + np.asarray(z)[:, :1]


@pytest.mark.parametrize("size", [0.0, 1.0, 2.0])
def test_a_slider_is_measured_against_physics(size):
    star = simulate(1, 3)
    of_star = shares(star.labels[0], PIXELS_800)
    for effect in slider_effects(Decoder(star, size), star, star.labels[0]):
        assert effect.against == STAR
        assert effect.error == pytest.approx(abs(size - 1), abs=1e-4)
        assert effect.sizes(of_star) and np.allclose(list(effect.sizes(of_star).values()), size, atol=1e-4)


def test_a_real_star_is_compared_with_stars_like_it(autoencoder):
    star = simulate(1, 3)
    real = replace(star, ids=np.array(["Gaia DR3 1"]), provenance={})
    (teff, *_) = slider_effects(Decoder(star, 1.0), real, star.labels[0])
    assert teff.against == AVERAGE and 0 < teff.error < 0.6


def test_beyond_the_grid_physics_is_not_known():
    star = simulate(1, 3)
    effects = slider_effects(SimpleNamespace(**members(Decoder(star, 1.0)), decode=flat), star, HOT)
    assert np.isnan(effects[0].physics).all() and np.isnan(effects[0].error)


HOT = np.array([9500.0, 4.0, 0.0, 0.0])


def flat(z, labels):
    return np.ones((len(labels), 800), np.float32)


def members(model):
    names = ("name", "condition_on", "label_names", "wavelength_nm", "latent_size", "encode")
    return {name: getattr(model, name) for name in names}


def test_what_cannot_be_explained_is_said(autoencoder):
    star = simulate(2, 3)
    with pytest.raises(ModelError, match="receives no stellar parameter"):
        slider_effects(autoencoder, star[[0]], star.labels[0])
    for explain in (estimate_origin, dimension_effects):
        with pytest.raises(ModelError, match="one star, not of 2"):
            explain(autoencoder, star, "spectrum" if explain is estimate_origin else star.labels[0])


# --- dimensions ---


def test_a_dimension_does_what_its_column_of_the_decoder_says():
    star = simulate(1, 3)
    effects = dimension_effects(Decoder(star, 1.0), star, star.labels[0])
    assert np.allclose(effects[0], 1, atol=1e-5) and np.allclose(effects[1:], 0, atol=1e-6)


# --- the command ---


def test_the_command_says_the_same_as_python(capsys):
    assert main(["explain", "generator", "simulated:2:5", "--star", "sim5-1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    star, model = simulate(2, 5)[[1]], load_model("generator")
    origin = estimate_origin(model, star, "spectrum")
    assert said["id"] == "sim5-1"
    assert said["estimates"]["teff"]["parts"] == pytest.approx(origin.parts("teff"))
    effects = {e.name: e for e in slider_effects(model, star, star.labels[0])}
    assert {n: s["relative_error"] for n, s in said["sliders"].items()} == pytest.approx(
        {n: e.error for n, e in effects.items()}
    )
    rms = [d["rms"] for d in said["dimensions"]]
    assert rms == sorted(rms, reverse=True) and len(rms) == model.latent_size
    assert physical(("logg", "teff"), np.array([4.0, 5000.0]))[:2].tolist() == [5000.0, 4.0]


def test_an_unknown_star_is_one_line(capsys):
    assert main(["explain", "generator", "simulated:2:5", "--star", "HD 1"]) == 2
    assert "no star has the id HD 1; there are 2, the first is sim5-0" in capsys.readouterr().err
