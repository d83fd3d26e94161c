"""A mean spectrum that starts from a grid: interpolation, its edges, training, users' own grids."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import SMALL, small_start, toy_config, toy_stars

from gandalf_core.config.presets import preset
from gandalf_core.config.schema import from_dict, with_fields
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import GandalfError, ModelError, SpectraError
from gandalf_core.io import resample, write_stars
from gandalf_core.models.fit import Extras, train
from gandalf_core.models.store import load_model, save_model
from gandalf_core.networks.autoencoder import Decoder
from gandalf_core.networks.start import GridStart
from gandalf_core.simulator import NuisanceConfig, inside, simulate, simulate_kind
from gandalf_core.simulator.expected import expected_spectra
from gandalf_core.simulator.grids import FLUX_UNIT
from gandalf_core.training import grid_file, grid_nodes
from gandalf_core.training.kernel_fit import fit_interpolation
from gandalf_core.training.region import walls
from gandalf_core.training.trainer import Trainer

# --- a world of four lines, whose depths depend on two labels ---

FINE_NM = np.arange(850, 860, 0.01)
PIXELS_NM = FINE_NM[:999].reshape(333, 3).mean(1)
LINES_NM = np.array([851.5, 853.1, 856.4, 858.8])
NAMES = ("age", "size")


def depths(labels):
    """(N, 4) of the lines for labels (N, 2) between 0 and 1."""
    age, size = labels.T
    return np.stack([0.2 + 0.5 * age, 0.6 / (1 + size), 0.4 * age * size, np.full(len(age), 0.3)], 1)


def spectra(labels, width_kms=10.0, wavelength_nm=FINE_NM):
    sigma = width_kms / 299_792.458 * LINES_NM[:, None]
    return 1 - depths(labels) @ np.exp(-0.5 * ((wavelength_nm - LINES_NM[:, None]) / sigma) ** 2) * (
        10 / width_kms
    )


def spectra_set(labels, width_kms=10.0, names=NAMES, **more):
    ids = [f"node-{k}" for k in range(len(labels))]
    return SpectraSet(spectra(labels[:, :2], width_kms), FINE_NM, ids, labels, names, **more)


def observed(labels, width_kms=20.0, noise=0.0):
    """Stars on the model's pixels."""
    stars = resample(spectra_set(labels, width_kms), PIXELS_NM)
    return replace(stars, flux=stars.flux + noise * np.random.default_rng(1).normal(size=stars.flux.shape))


def uniform(n, seed=0, low=0.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, (n, 2))


def line_config(file, **changes):
    own = SMALL | {"model.mean_hidden": (16,), "training.mean_epochs": 20, "model.components": 0}
    started = {"model.mean_start": "grid", "model.mean_grid": str(file)} if file else {}
    return with_fields(preset("generator", NAMES), own | {"adversary.nuisances": {}} | started | changes)


def mean_spectra(trainer, labels):
    """(N, L) m(y) in flux."""
    standard = torch.as_tensor(trainer.scaler.labels_standard(labels))
    with torch.no_grad():
        return trainer.scaler.flux_out(trainer.decoder.mean_spectrum(standard).numpy())


def start_spectra(trainer, labels):
    standard = torch.as_tensor(trainer.scaler.labels_standard(labels))
    return trainer.scaler.flux_out(trainer.decoder.start(standard).numpy())


@pytest.fixture
def quick(monkeypatch):
    """Fewer nodes and nuisances: what is tested here does not depend on them."""
    small_start(monkeypatch, nodes=200)
    monkeypatch.setattr(grid_file, "NODES", 200)


# --- interpolation ---


def a_start(nodes, flux, region=None):
    centre, planes = walls(nodes if region is None else region)
    arrays = fit_interpolation(nodes, flux.astype(np.float32)).arrays()
    own = {"columns": torch.tensor([2, 0]), "held": torch.zeros(0)}
    start = GridStart(flux.shape[1])
    start.set({**arrays, **own, "centre": torch.as_tensor(centre), "walls": torch.as_tensor(planes)})
    return start


def received(own):
    """Labels as the decoder receives them, the two of the grid as third and first of four."""
    y = torch.full((len(own), 4), 7.0)
    y[:, [2, 0]] = torch.as_tensor(own, dtype=torch.float32)
    return y


def test_a_start_follows_the_spectra_of_its_nodes_and_their_slopes():
    nodes, fresh = 4 * uniform(150) - 2, 3 * uniform(100, seed=1) - 1.5
    start = a_start(nodes, spectra((nodes + 2) / 4, wavelength_nm=PIXELS_NM))
    truth = spectra((fresh + 2) / 4, wavelength_nm=PIXELS_NM)
    assert np.abs(start(received(fresh)).numpy() - truth).max() < 5e-4
    step = np.array([0.3, 0.0])
    change = start(received(fresh + step)).numpy() - start(received(fresh)).numpy()
    true_change = spectra((fresh + step + 2) / 4, wavelength_nm=PIXELS_NM) - truth
    assert np.linalg.norm(change - true_change) < 0.01 * np.linalg.norm(true_change)


def test_a_start_can_be_differentiated_by_the_labels():
    nodes, here, step = 4 * uniform(150) - 2, np.array([[0.2, -0.4]]), np.array([[0.01, 0.0]])
    start = a_start(nodes, spectra((nodes + 2) / 4, wavelength_nm=PIXELS_NM))
    y, pixel = received(here).requires_grad_(), int(np.abs(PIXELS_NM - LINES_NM[0]).argmin())
    start(y)[0, pixel].backward()
    up, down = (spectra((here + sign * step + 2) / 4, wavelength_nm=PIXELS_NM)[0, pixel] for sign in (1, -1))
    assert y.grad[0, 2] == pytest.approx((up - down) / 0.02, rel=0.02) and y.grad[0, 1] == y.grad[0, 3] == 0


def test_beyond_its_region_a_start_holds_the_spectrum_of_the_edge():
    points = 4 * uniform(400) - 2
    points = points[points.sum(1) < 1]  # a corner is empty
    centre, planes = walls(points)
    assert ((points - centre) @ planes.T).max() < 1 + 1e-9
    corner = np.array([1.5, 1.5])
    assert ((corner - centre) @ planes.T).max() > 1.2, "a corner without nodes is outside"
    start = a_start(points, spectra((points + 2) / 4, wavelength_nm=PIXELS_NM))
    reach = ((corner - centre) @ planes.T).max()
    edge = centre + (corner - centre) / reach
    far = centre + 50 * (corner - centre)
    seen = start(received(np.stack([edge, corner, far]))).numpy()
    assert np.abs(seen - seen[0]).max() < 1e-5 and seen.min() > 0 and seen.max() < 1.01


def test_labels_that_follow_from_each_other_have_walls_too():
    line = np.linspace(-1, 1, 20)
    centre, planes = walls(np.stack([line, line], 1))
    assert np.allclose(centre, 0) and ((np.array([[1.5, 0.0], [0.0, 0.9]])) @ planes.T).max(
        1
    ) == pytest.approx([1.5, 0.9])


def test_a_start_without_nodes_is_nothing_and_takes_over_any_size():
    empty = GridStart(len(PIXELS_NM))
    assert torch.equal(empty(torch.ones(3, 4)), torch.zeros(3, len(PIXELS_NM)))
    nodes = 4 * uniform(40) - 2
    full = a_start(nodes, spectra((nodes + 2) / 4, wavelength_nm=PIXELS_NM))
    empty.load_state_dict(full.state_dict(), strict=True)
    assert torch.equal(empty(received(nodes)), full(received(nodes))) and not list(empty.parameters())


def test_models_without_a_start_have_the_weights_they_had():
    decoder = Decoder(toy_config("generator").model, 48)
    assert decoder.start is None and not any("start" in name for name in decoder.state_dict())
    old = {"model": {"labels": ["teff"], "condition_on": ["teff"], "mean_hidden": [8]}}
    assert from_dict(old).model.mean_start == "none" and from_dict(old).training.mean_shrinkage == 1e-4


# --- from the simulator ---


def test_the_expected_spectrum_is_the_mean_of_stars_with_these_labels():
    config = NuisanceConfig(noise=False, model_error=0, cn=0)
    labels = np.array([[5000.0, 3.0, -0.3, 0.1], [5800.0, 4.3, 0.1, 0.0]])
    for one in labels:
        stars = simulate(1500, 5, labels=np.tile(one, (1500, 1)), nuisances=config)
        mean = expected_spectra(one[None], config=config)[0]
        scatter = stars.flux.std(0) / np.sqrt(len(stars))
        assert np.abs(mean - stars.flux.mean(0)).max() < 6 * scatter.max()
    with pytest.raises(SpectraError, match="1 of 3 labels are outside"):
        expected_spectra(np.concatenate([labels, [[9000.0, 3.0, 0.0, 0.0]]]))


def test_cn_is_what_it_is_on_average_for_the_star():
    giant = np.array([[4700.0, 2.4, 0.0, 0.0]])
    with_cn, without = (expected_spectra(giant, config=NuisanceConfig(cn=cn)) for cn in (0.1, 0.0))
    assert np.abs(with_cn - without).max() > 0.01, "nitrogen of giants"


@pytest.fixture(scope="module")
def simulated():
    return simulate(300, 33)


@pytest.mark.parametrize("scaling", ["pixel", "global", "range", "none"])
def test_the_start_is_the_simulators_spectrum_under_every_scaling(simulated, quick, scaling):
    changes = {"training__epochs": 1, "training__mean_epochs": 1, "model__flux_scaling": scaling}
    trainer = Trainer(simulated, toy_config("generator", model__mean_start="grid", **changes), "cpu")
    next(trainer.epochs())
    error = start_spectra(trainer, simulated.labels) - expected_spectra(simulated.labels)
    assert np.sqrt((error**2).mean()) < 1e-3


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "generator", "model__mean_networks": 2},
        {"name": "generator", "model__mean_hidden": ()},
        {"name": "generator", "model__mean_hidden": (), "model__nuisance_responses": True},
        {"name": "physical-removed", "model__conditional_encoder": True},
    ],
    ids=str,
)
def test_training_with_a_start_resumes_to_the_bit(simulated, quick, changes, tmp_path):
    changes = {"model__mean_start": "grid", "training__mean_epochs": 2, **changes}

    def a_trainer():
        return Trainer(simulated, toy_config(**changes), "cpu")

    straight, killed, resumed = a_trainer(), a_trainer(), a_trainer()
    list(straight.epochs())
    next(killed.epochs())
    killed.save_checkpoint(tmp_path / "run")
    resumed.load_checkpoint(tmp_path / "run")
    assert len(list(resumed.epochs())) == 1
    states = [t.decoder.state_dict() for t in (straight, resumed)]
    assert set(states[0]) == set(states[1]) and len(states[0]["start.nodes"]) == 200
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])


@pytest.mark.parametrize("responses", [False, True])
def test_a_stored_model_needs_no_simulator(simulated, quick, tmp_path, monkeypatch, responses):
    changes = {"model__mean_start": "grid", "model__nuisance_responses": responses}
    config = toy_config("generator", training__mean_epochs=2, training__epochs=1, **changes)
    model = train(simulated, config, device="cpu", extras=Extras(regressor_epochs=2))
    save_model(model, tmp_path / "started")
    monkeypatch.setattr(grid_nodes, "expected_spectra", None)
    monkeypatch.setattr(grid_nodes, "expected_responses", None)
    loaded, z = load_model(tmp_path / "started"), model.encode_mean(simulated[:20])
    labels = simulated.labels[:20] + np.array([500, 0.5, -0.5, 0.2])
    assert np.array_equal(loaded.decode(z, labels), model.decode(z, labels))
    assert loaded.card["recipe"]["mean_start"] == "grid of the simulator"
    told = "r(z, y) with its responses to cn, broadening_kms, shift_kms, calcium_depth"
    assert (told in (tmp_path / "started" / "CARD.md").read_text(encoding="utf-8")) == responses


def test_the_networks_learn_what_the_start_leaves_over(quick):
    """A twentieth of the continuum, which no synthetic spectrum knows of."""
    stars = simulate(300, 34, nuisances=NuisanceConfig(noise=False, model_error=0))
    dimmed = replace(stars, flux=0.95 * stars.flux)
    config = toy_config("generator", model__mean_start="grid", training__mean_epochs=300)
    trainer = Trainer(dimmed, config, "cpu")
    list(trainer.epochs())
    by_start, by_mean = (
        np.abs(f(trainer, dimmed.labels) - dimmed.flux) for f in (start_spectra, mean_spectra)
    )
    assert by_mean.mean() < 0.5 * by_start.mean()


def test_nodes_lie_where_the_stars_are_near_them_and_everywhere(simulated):
    near = grid_nodes.near_stars(np.repeat(simulated.labels, 4, 0))
    assert inside(near).all() and len(near) == 700
    stars = {tuple(row) for row in simulated.labels}
    assert sum(tuple(row) in stars for row in near) == 350
    assert len(grid_nodes.near_stars(np.full((50, 4), 1e4))) == 0


def test_stars_of_another_wavelength_range_are_refused_by_name():
    far = toy_stars(200)
    far = replace(far, wavelength_nm=far.wavelength_nm + 40)
    trainer = Trainer(far, toy_config("generator", model__mean_start="grid"), "cpu")
    with pytest.raises(
        ModelError, match=r"model\.mean_start is grid.*name another in model\.mean_grid"
    ) as said:
        next(trainer.epochs())
    assert "\n" not in str(said.value)


# --- a user's own grid ---


@pytest.fixture
def grid(tmp_path):
    """A file of 160 spectra, sharper than the stars, with a label that the stars lack."""
    labels = np.concatenate([uniform(160), np.random.default_rng(2).uniform(3, 9, (160, 1))], 1)
    write_stars(tmp_path / "grid.npz", spectra_set(labels, names=(*NAMES, "colour")))
    return tmp_path / "grid.npz"


@pytest.mark.parametrize("suffix", ["npz", "fits"])
def test_a_grid_of_sharper_spectra_is_broadened_as_the_stars_are(quick, grid, tmp_path, suffix):
    from gandalf_core import read_stars

    file = tmp_path / f"other.{suffix}"
    write_stars(file, read_stars(grid))
    stars = observed(uniform(300, seed=3), width_kms=25.0, noise=0.002)
    trainer = Trainer(stars, line_config(file), "cpu")
    next(trainer.epochs())
    error = start_spectra(trainer, stars.labels) - observed(stars.labels, 25.0).flux
    assert np.abs(error).max() < 0.03, "the lines of the file are 2.5 times as deep"
    assert trainer.decoder.start.nodes.shape == (160, 3) and trainer.decoder.start.held.tolist() == [0]


@pytest.mark.parametrize("width_kms", [10.0, 15.0, 40.0])
def test_the_width_is_found_whatever_the_level_of_the_continuum(width_kms):
    stars = observed(uniform(50), width_kms=width_kms)
    tilted = stars.flux.mean(0) * (1.02 + 0.003 * (PIXELS_NM - 855))
    sample = grid_nodes.Sample(NAMES, stars.labels, tilted, Pixels(PIXELS_NM), [0, 1])
    found = grid_file.matching_width(spectra(stars.labels).mean(0), FINE_NM, sample)
    assert found == pytest.approx(np.sqrt(width_kms**2 - 10**2), abs=0.7)


class Pixels:
    """Of a scaler, the wavelengths alone."""

    def __init__(self, wavelength_nm):
        self.wavelength_nm = wavelength_nm


def test_a_slider_beyond_the_sample_follows_the_grid(quick, grid):
    """Stars of the younger half; the grid knows the older ones."""
    young = uniform(400, seed=4) * [0.5, 1]
    stars, old = observed(young, noise=0.01), np.array([[0.9, 0.2], [0.9, 0.5], [0.9, 0.8]])
    truth = observed(old).flux - observed(old - [0.5, 0]).flux
    errors = {}
    for name, file in (("grid", grid), ("none", None)):
        trainer = Trainer(stars, line_config(file, **{"training.mean_shrinkage": 1e-2}), "cpu")
        list(trainer.epochs())
        change = mean_spectra(trainer, old) - mean_spectra(trainer, old - [0.5, 0])
        errors[name] = np.linalg.norm(change - truth) / np.linalg.norm(truth)
    assert errors["grid"] < 0.25 and errors["grid"] < 0.35 * errors["none"], errors


def test_of_a_large_grid_the_nodes_near_the_stars_serve_first():
    nodes = np.random.default_rng(5).normal(size=(5000, 3))
    stars = 0.1 * np.random.default_rng(6).normal(size=(100, 3)) + 1
    rows = grid_file._serving(nodes, stars)
    near = np.sort(np.linalg.norm(nodes[:, None] - stars, axis=2).min(1))[499]
    assert len(rows) == len(set(rows)) == 1000
    assert (np.linalg.norm(nodes[rows][:, None] - stars, axis=2).min(1) <= near).sum() >= 500


def test_a_raw_grid_that_counts_flux_is_read(quick, tmp_path):
    labels, stars = uniform(100), observed(uniform(200, seed=7))
    counts = np.round(spectra(labels) * FLUX_UNIT).astype(np.uint16)
    np.savez(tmp_path / "raw.npz", flux=counts, labels=labels, label_names=NAMES, wavelength_nm=FINE_NM)
    trainer = Trainer(stars, line_config(tmp_path / "raw.npz"), "cpu")
    next(trainer.epochs())
    assert np.abs(start_spectra(trainer, stars.labels) - stars.flux).max() < 0.02


def bad_grid(what, folder):
    labels = uniform(60)
    file = folder / "grid.npz"
    if what == "names":
        write_stars(file, spectra_set(labels, names=("mass", "colour")))
    elif what == "few":
        write_stars(file, spectra_set(labels[:9]))
    elif what == "unlabelled":
        known = np.arange(60)[:, None] < 5
        write_stars(file, spectra_set(labels).with_labels(np.where(known, labels, np.nan)))
    elif what == "constant":
        write_stars(file, spectra_set(np.full((60, 2), 0.5)))
    elif what == "wavelengths":
        blue, whole = FINE_NM < 855, spectra_set(labels)
        part = SpectraSet(whole.flux[:, blue], FINE_NM[blue], whole.ids, labels, NAMES)
        write_stars(file, part)
    return file


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("absent", "no such file"),
        ("names", r"its labels \(mass, colour\) are none that the decoder receives \(age, size\)"),
        ("constant", r"its labels \(none that varies\)"),
        ("few", "9 spectra with age, size are too few for a grid: give at least 12"),
        ("unlabelled", "5 spectra with age, size are too few"),
        ("wavelengths", r"cover \d+\.\d% .* give spectra of the stars' wavelengths"),
    ],
)
def test_a_grid_that_does_not_serve_is_refused_in_one_line(quick, tmp_path, what, said):
    file = bad_grid(what, tmp_path)
    trainer = Trainer(observed(uniform(200)), line_config(file), "cpu")
    with pytest.raises(GandalfError, match=said) as error:
        next(trainer.epochs())
    line = str(error.value)
    assert line.startswith(str(file)) and "\n" not in line
    assert what == "absent" or "mean_start to none" in line


def test_masked_pixels_add_nothing(quick):
    stars = simulate(300, 35, nuisances=NuisanceConfig(noise=False, model_error=0))
    masked = np.zeros(stars.flux.shape, bool)
    masked[::2, 100:140] = True
    wild = replace(stars, flux=np.where(masked, 5, stars.flux), mask=masked)
    config = toy_config("generator", model__mean_start="grid", model__mean_hidden=())
    means = []
    for sample in (stars, wild):
        trainer = Trainer(sample, config, "cpu")
        prepared = next(trainer.epochs())
        assert prepared.epoch == 1
        means.append(mean_spectra(trainer, stars.labels))
    assert np.abs(means[1] - means[0])[:, 100:140].max() < 0.03


def test_a_mean_spectrum_is_that_of_the_population():
    """Stars dealt uniformly lie alone off the usual sequences; whatever is odd about them is none of m's."""
    stars = simulate_kind("wide", 600, 3)
    dealt = np.array([i.startswith("sim3u-") for i in stars.ids.tolist()])
    odd = replace(stars, flux=np.where(dealt[:, None], stars.flux - 0.3, stars.flux))
    config = with_fields(
        toy_config("generator"), {"model.mean_start": "grid", "model.mean_hidden": (), "model.components": 8}
    )
    trainer = Trainer(odd, config, "cpu")
    next(trainer.epochs())
    with torch.no_grad():
        m = trainer.scaler.flux_out(trainer.decoder.mean_spectrum(trainer.data.conditions).numpy())
    off = np.isin(trainer.training_ids, stars.ids[dealt])
    true = expected_spectra(stars[np.isin(stars.ids, trainer.training_ids[off])].labels)
    assert off.sum() > 20 and abs(m[off].mean() - true.mean()) < 0.03
