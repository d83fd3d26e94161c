"""The grid's responses to nuisances in r(z, y): what they are, how they are drawn, trained and looked up."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_mean_start import FINE_NM, PIXELS_NM, line_config, observed, spectra, uniform
from toy import small_start, toy_config

from gandalf_core.config.presets import preset
from gandalf_core.config.schema import from_dict, with_fields
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.networks.autoencoder import Decoder
from gandalf_core.parameters import LABELS
from gandalf_core.simulator import expected, nuisance_values, simulate
from gandalf_core.simulator.effects import apply_nuisances
from gandalf_core.simulator.emulator import emulate
from gandalf_core.simulator.expected import BETWEEN, expected_responses
from gandalf_core.simulator.grids import observe
from gandalf_core.simulator.nuisances import DEFAULT, OFF, nitrogen
from gandalf_core.training import grid_file
from gandalf_core.training.mean_spectrum import rest_spectra
from gandalf_core.training.mean_start import set_start
from gandalf_core.training.trainer import Trainer

FROM_GRID = {"model__mean_start": "grid", "model__nuisance_responses": True, "model__mean_hidden": ()}
NUISANCES = tuple(BETWEEN)


@pytest.fixture
def quick(monkeypatch):
    """Fewer nodes and nuisances: what is tested here does not depend on them."""
    small_start(monkeypatch, nodes=300)


def coarse(flux):
    """(N, 200) means of four of 800 pixels: what is tested here does not depend on their number."""
    return flux.reshape(-1, 200, 4).mean(2)


def coarse_stars(n: int, seed: int, **options) -> SpectraSet:
    stars = simulate(n, seed, **options)
    wavelength_nm = coarse(stars.wavelength_nm[None])[0]
    error = None if stars.flux_error is None else coarse(stars.flux_error) / 2
    return replace(stars, flux=coarse(stars.flux), flux_error=error, mask=None, wavelength_nm=wavelength_nm)


@pytest.fixture(scope="module")
def simulated():
    return coarse_stars(400, 33)


def started(stars, **changes) -> Trainer:
    """A trainer whose start is there and whose network of r is silent."""
    trainer = Trainer(stars, toy_config("generator", **(FROM_GRID | changes)), "cpu")
    set_start(trainer.encoder, trainer.decoder, trainer.data, trainer.scaler, trainer.config)
    with torch.no_grad():
        for weights in trainer.decoder.rest.parameters():
            weights.zero_()
    return trainer


def plant(decoder: Decoder, off_by: int = 0) -> None:
    """The latent's first dimensions are the amplitudes, in their order or off by some."""
    with torch.no_grad():
        count, latent = decoder.responses.reading.weight.shape
        decoder.responses.reading.weight.copy_(torch.eye(count, latent).roll(off_by, 0))


def change(trainer: Trainer, labels: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """(N, L) flux that latents (Z,) and −(Z,) differ by, at labels (N, P)."""
    y = torch.as_tensor(trainer.scaler.labels_standard(labels))
    z = torch.zeros(len(y), trainer.config.model.latent_size)
    z[:, : len(amplitudes)] = torch.as_tensor(amplitudes, dtype=torch.float32)
    with torch.no_grad():
        drawn = trainer.decoder(z, y) - trainer.decoder(-z, y)
    return drawn.numpy() * trainer.scaler.flux_scale


def seen_with(labels: np.ndarray, nuisance: str, value: float) -> np.ndarray:
    """(N, 200) spectra whose nuisance has this value, the others what they have on average."""
    cn = nitrogen(labels, DEFAULT)[0] + (value if nuisance == "cn" else 0)
    means = {n: v.mean(0) for n, v in expected.typical_values(DEFAULT).items()} | {nuisance: value}
    values = {n: np.tile(v, (len(labels), *([1] * np.ndim(v)))) for n, v in means.items()}
    values = {n: v if n == "continuum" else v.ravel() for n, v in values.items()}
    return coarse(observe(apply_nuisances(emulate(labels, cn), values), 800))


def drawable(trainer: Trainer, difference: np.ndarray) -> np.ndarray:
    """The part of a difference in flux (N, L) that the decoder's components can draw."""
    scaled = torch.as_tensor((difference / trainer.scaler.flux_scale).astype(np.float32))
    with torch.no_grad():
        return trainer.decoder.axes(trainer.encoder.axes(scaled)).numpy() * trainer.scaler.flux_scale


def relative_error(got: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(got - truth) / np.linalg.norm(truth))


# --- what the responses are ---


@pytest.mark.parametrize(
    ("nuisance", "size", "within"),
    [
        ("cn", 0.2, 0.1),
        ("broadening_kms", 6.0, 0.25),
        ("shift_kms", 1.5, 0.05),
        ("calcium_depth", 0.08, 0.02),
    ],
)
def test_a_response_is_how_stars_of_the_simulator_differ(nuisance, size, within):
    """Stars with equal labels of which only this nuisance differs, by the slope of their flux."""
    amplitude = {"cn": "cn", "calcium_depth": "calcium"}.get(nuisance, nuisance)
    config = replace(OFF, **{amplitude: getattr(DEFAULT, amplitude)})
    labels = np.array([[4600.0, 2.3, -0.2, 0.1]])
    stars = simulate(600, 5, labels=np.repeat(labels, 600, 0), nuisances=config)
    value = nuisance_values(stars)[nuisance]
    slope = np.polynomial.polynomial.polyfit(value, stars.flux, 1)[1]
    assert relative_error(expected_responses(labels, nuisance, config=config)[0], size * slope) < within


def test_a_planted_reading_draws_stars_whose_nuisances_differ(simulated, quick):
    trainer, labels = started(simulated), simulated.labels[:40]
    plant(trainer.decoder)
    for k, (nuisance, (low, high)) in enumerate(BETWEEN.items()):
        truth = seen_with(labels, nuisance, high) - seen_with(labels, nuisance, low)
        drawn = change(trainer, labels, np.eye(4)[k])
        assert relative_error(drawn, drawable(trainer, truth)) < 0.05, nuisance


def test_a_reading_that_is_off_by_one_is_another_nuisance(simulated, quick):
    trainer, labels = started(simulated), simulated.labels[:40]
    plant(trainer.decoder, off_by=1)
    low, high = BETWEEN["broadening_kms"]
    truth = seen_with(labels, "broadening_kms", high) - seen_with(labels, "broadening_kms", low)
    truth = drawable(trainer, truth)
    errors = [relative_error(change(trainer, labels, np.eye(4)[k]), truth) for k in range(4)]
    assert errors[1] > 0.5 and errors[0] < 0.05, "the first latent is the amplitude of the second response"


@pytest.mark.parametrize("components", [0, 30])
@pytest.mark.parametrize("scaling", ["pixel", "global", "none"])
def test_responses_are_right_under_every_scaling_and_in_components(simulated, quick, scaling, components):
    changes = {"model__flux_scaling": scaling, "model__components": components}
    trainer, labels = started(simulated, **changes), simulated.labels[:20]
    plant(trainer.decoder)
    truth = seen_with(labels, "calcium_depth", 0.08) - seen_with(labels, "calcium_depth", -0.08)
    drawn = change(trainer, labels, np.eye(4)[3])
    assert relative_error(drawn, drawable(trainer, truth)) < 0.05
    assert relative_error(drawn, truth) < (0.3 if components else 0.05)


def test_beyond_the_grid_a_response_is_that_of_its_edge(simulated, quick):
    trainer = started(simulated)
    plant(trainer.decoder)
    centre = simulated.labels.mean(0)
    far = centre + np.array([[1e6, 0, 0, 0], [2e6, 0, 0, 0]])
    drawn = change(trainer, far, np.ones(4))
    assert relative_error(drawn[0], drawn[1]) < 1e-3 and np.abs(drawn).max() < 0.3


# --- in training ---


def test_what_is_looked_up_is_what_the_decoder_draws(simulated, quick):
    """L_rec of a step in components is the error in pixels of the whole decoder."""
    trainer = Trainer(simulated, toy_config("generator", **FROM_GRID, model__components=20), "cpu")
    trainer.start_epoch()
    with torch.no_grad():
        trainer.decoder.responses.reading.weight.mul_(20)  # it counts
    rows = torch.arange(50)
    seen, z = trainer.seen.select(rows), torch.randn(50, 6, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        in_step = trainer.learner.terms(z, (z, z), seen.tensors(), 1.0)[1]
        pixels = trainer.data.select(rows)
        error = (trainer.decoder(z, pixels.conditions) - pixels.x).square() * pixels.weight
    noise = (1 - 20 / 200) * (pixels.error.square() * pixels.weight).mean()
    assert seen.responses.shape == (50, 4 * 20) and trainer.learner.in_components
    assert float(in_step) == pytest.approx(float(error.mean() + noise), rel=1e-4)


def test_masked_stars_see_the_responses_in_pixels(simulated, quick):
    mask = np.zeros(simulated.flux.shape, bool)
    mask[::3, 100:110] = True
    trainer = Trainer(replace(simulated, mask=mask), toy_config("generator", **FROM_GRID), "cpu")
    trainer.start_epoch()
    seen, z = trainer.seen.part(0, 30), torch.randn(30, 6, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        drawn = trainer.learner._redrawn(z, seen)
        assert not trainer.learner.in_components
        torch.testing.assert_close(drawn, trainer.decoder(z, seen.conditions), rtol=0, atol=1e-4)


def test_the_spectrum_is_m_plus_r_and_m_is_fitted_to_what_r_leaves(simulated, quick):
    trainer = Trainer(simulated, toy_config("generator", **FROM_GRID), "cpu")
    trainer.start_epoch()
    encoder, decoder, some = trainer.encoder.eval(), trainer.decoder, trainer.data.part(0, 60)
    with torch.no_grad():
        mu, y = encoder(some.encoder_input(trainer.config.model)), some.conditions
        r = decoder(mu, y) - decoder.mean_spectrum(y)
        bare = decoder.axes(decoder.rest(torch.cat([mu, y], 1)))
    assert (r - bare).abs().max() > 0.01, "the responses count"
    found = rest_spectra(encoder, decoder, some, trainer.config)
    torch.testing.assert_close(found, r, rtol=0, atol=1e-4)


def test_amplitudes_learn_what_stars_differ_by(quick):
    stars = coarse_stars(600, 35, nuisances=replace(OFF, calcium=0.08))
    changes = {"training__epochs": 20, "training__learning_rate": 5e-3, "adversary__nuisances": {}}
    changes |= {"adversary__dependence_spread": 0.0}  # 600 stars are too few to tell 500 products from chance
    trainer = Trainer(stars, toy_config("generator", **FROM_GRID, **changes), "cpu")
    list(trainer.epochs())
    with torch.no_grad():
        mu = trainer.encoder(trainer.data.encoder_input(trainer.config.model))
        amplitude = trainer.decoder.responses.reading(mu)[:, 3].numpy()
    rows = {star: k for k, star in enumerate(stars.ids)}
    value = nuisance_values(stars)["calcium_depth"][[rows[star] for star in trainer.training_ids]]
    assert np.corrcoef(amplitude, value)[0, 1] > 0.8


# --- a user's own grid ---


def test_any_grid_responds_to_broadening_and_shift(quick, tmp_path, monkeypatch):
    from test_mean_start import spectra_set

    from gandalf_core.io import write_stars

    monkeypatch.setattr(grid_file, "NODES", 200)
    write_stars(tmp_path / "grid.npz", spectra_set(uniform(160)))
    stars = observed(uniform(300, seed=3), width_kms=25.0)
    config = line_config(tmp_path / "grid.npz", **{"model.nuisance_responses": True, "model.mean_hidden": ()})
    trainer = Trainer(stars, config, "cpu")
    set_start(trainer.encoder, trainer.decoder, trainer.data, trainer.scaler, trainer.config)
    with torch.no_grad():
        for weights in trainer.decoder.rest.parameters():
            weights.zero_()
    plant(trainer.decoder)
    labels = uniform(20, seed=4, low=0.2, high=0.8)
    broader = observed(labels, np.hypot(25.0, grid_file.BROADER_KMS)).flux - observed(labels, 25.0).flux
    assert relative_error(change(trainer, labels, np.eye(2)[0]), broader) < 0.1
    moved = [
        np.interp(PIXELS_NM / (1 + v / 299_792.458), FINE_NM, row)
        for v in (1.5, -1.5)
        for row in spectra(labels, 25.0)
    ]
    truth = np.array(moved[:20]) - np.array(moved[20:])
    assert relative_error(change(trainer, labels, np.eye(2)[1]), truth) < 0.1


# --- the recipe ---


def test_the_generator_starts_from_the_grid_where_the_grid_has_its_labels():
    model = preset("generator").model
    assert (model.mean_start, model.mean_hidden, model.responses) == ("grid", (), NUISANCES)
    more = preset("generator", (*LABELS, "age")).model
    assert (more.mean_start, more.nuisance_responses) == ("grid", True)
    fewer = preset("generator", ("teff", "logg", "mh")).model
    assert (fewer.mean_start, fewer.responses) == ("none", ())
    assert (fewer.mean_hidden, fewer.mean_networks) == ((512, 256, 48, 256), 2)


def test_models_without_responses_have_the_weights_they_had():
    with_them, without = (
        Decoder(with_fields(preset("generator"), {"model.nuisance_responses": on}).model, 48)
        for on in (True, False)
    )
    assert {k for k in with_them.state_dict() if k not in without.state_dict()} == {
        f"responses.{name}" for name in ("weights", "polynomial", "components", "offset", "reading.weight")
    }
    old = {"model": {"labels": list(LABELS), "condition_on": list(LABELS), "mean_start": "grid"}}
    assert from_dict(old).model.responses == ()


def test_without_nodes_responses_are_nothing():
    decoder = Decoder(preset("generator").model, 48)
    z, y = torch.randn(3, 32), torch.randn(3, 4)
    torch.testing.assert_close(decoder.differences(z, y), decoder.rest(torch.cat([z, y], 1)))
