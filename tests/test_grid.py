"""Grids of generated spectra: every combination once, honest flags, and how far they are from the truth."""

from dataclasses import replace

import numpy as np
import pytest

from gandalf_core.errors import ConfigError, ModelError, SpectraError
from gandalf_core.io import read_stars
from gandalf_core.parameters import LABELS
from gandalf_core.products.grid import Grid, axis_values, generate_grid, mean_latent, median_star
from gandalf_core.products.grid_files import write_grid
from gandalf_core.products.grid_truth import compare_with_simulator, true_spectra
from gandalf_core.simulator import PIXELS_800, inside, simulate

AXES = {"teff": (5000.0, 6000.0, 500.0), "logg": [4.0, 4.5], "mh": (-0.5, 0.0, 0.25), "alphafe": [0.1]}


def test_every_combination_once_the_first_label_slowest(model):
    grid = generate_grid(model, AXES)
    assert len(grid) == 3 * 2 * 3 and len(np.unique(grid.labels, axis=0)) == len(grid)
    assert grid.labels[0].tolist() == [5000, 4, -0.5, 0.1] and grid.labels[-1].tolist() == [6000, 4.5, 0, 0.1]
    assert (np.diff(grid.labels[:, 0]) >= 0).all()


def test_a_node_is_what_the_model_decodes(model, stars):
    z = model.encode(stars[5:6])
    grid = generate_grid(model, AXES, z)
    for row in (0, 7, 17):
        np.testing.assert_allclose(grid.flux[row], model.decode(z, grid.labels[row : row + 1])[0], atol=1e-6)
    average = generate_grid(model, AXES)
    np.testing.assert_allclose(
        average.flux[3], model.decode(mean_latent(model), average.labels[3:4])[0], atol=1e-6
    )


def test_a_single_step_covers_the_training_range_with_round_numbers():
    values = axis_values("teff", 250.0, (4113.0, 6875.0))
    assert values[0] == 4250 and values[-1] == 6750 and set(np.diff(values)) == {250.0}
    assert axis_values("mh", 0.1, (-0.35, 0.05)).tolist() == [-0.3, -0.2, -0.1, 0.0]
    assert axis_values("mh", (0.0, 0.3, 0.1), (-1, 1)).tolist() == [0.0, 0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    "steps", [0.0, -1.0, (5.0, 4.0, 0.1), (0.0, 1.0, float("nan")), [], [float("inf")], 1e-9]
)
def test_impossible_steps_are_refused(steps):
    with pytest.raises(ConfigError, match="logg"):
        axis_values("logg", steps, (1.5, 5.0))


def test_too_many_nodes_are_refused_before_anything_is_made(model):
    with pytest.raises(ConfigError, match="nodes"):
        generate_grid(model, {"teff": (4000.0, 7000.0, 1.0), "logg": (2.0, 4.0, 0.01)})


def test_labels_without_a_slider(model):
    with pytest.raises(ModelError, match="vsini"):
        generate_grid(model, {"vsini": 5.0})
    plain = replace(
        model,
        config=replace(model.config, model=replace(model.config.model, condition_on=(), mean_hidden=())),
    )
    with pytest.raises(ModelError, match="use a generator"):
        generate_grid(plain, {"teff": 500.0})


def test_labels_without_steps_have_the_training_mean(model):
    grid = generate_grid(model, {"teff": [5500.0]})
    expected = model.scaler.label_mean
    np.testing.assert_allclose(grid.labels[0, 1:], expected[1:], atol=0.006)


def test_nodes_beyond_the_sample_are_flagged(model):
    low, high = model.ranges["teff"]
    grid = generate_grid(
        model,
        {"teff": [low - 50, (low + high) / 2, high + 50], "logg": [4.3], "mh": [-0.3], "alphafe": [0.1]},
    )
    assert grid.extrapolated[0] and grid.extrapolated[2]
    assert grid.extrapolated[1] == (not inside(grid.labels[1:2])[0])


def test_a_combination_that_no_star_has_is_flagged(model):
    """Each label within its own range, but no hot star of low gravity exists."""
    high = model.ranges["teff"][1]
    grid = generate_grid(
        model, {"teff": [high - 10], "logg": [model.ranges["logg"][0] + 0.02], "mh": [-0.3], "alphafe": [0.1]}
    )
    assert not inside(grid.labels).any() and grid.extrapolated.all()


def test_median_star_is_nearest_to_the_middle(model, stars):
    latents = model.encode(stars)
    row = median_star(latents)
    scaled = (latents.z - latents.z.mean(0)) / latents.z.std(0)
    assert (np.square(scaled).sum(1) >= np.square(scaled[row]).sum() - 1e-6).all()


# --- against the simulator ---


@pytest.fixture(scope="module")
def labels():
    return np.array(
        [[5500, 4.4, 0.0, 0.05], [5000, 4.5, -0.5, 0.2], [4800, 2.8, -0.2, 0.1], [7000, 1.5, 0.0, 0.0]]
    )


def grid_of(flux: np.ndarray, labels: np.ndarray) -> Grid:
    return Grid(flux, PIXELS_800, labels, LABELS, {}, np.zeros(len(flux), bool))


def test_perfect_spectra_have_no_error_and_unreachable_nodes_are_left_out(labels):
    star = simulate(3, seed=4)[1:2]
    blank = grid_of(np.ones((4, 800), np.float32), labels)
    true = true_spectra(blank, star)
    result = compare_with_simulator(grid_of(np.nan_to_num(true, nan=1.0), labels), star)
    assert inside(labels).tolist() == [True, True, True, False]
    assert (
        result.comparison["nodes"] == 3
        and result.comparison["rms"] < 1e-6
        and result.comparison["relative"] < 1e-6
    )
    assert np.isnan(result.rms[3]) and (result.rms[:3] < 1e-6).all()


def test_errors_are_measured_in_flux_and_relative_to_the_change(labels):
    star = simulate(3, seed=4)[1:2]
    true = true_spectra(grid_of(np.ones((4, 800), np.float32), labels), star)
    shifted = compare_with_simulator(grid_of(np.nan_to_num(true, nan=1.0) + 0.01, labels), star)
    assert (
        shifted.comparison["rms"] == pytest.approx(0.01, rel=1e-3)
        and 0.01 < shifted.comparison["relative"] < 0.02
    )
    constant = np.broadcast_to(true[:3].mean(0), (4, 800)).astype(np.float32)
    assert compare_with_simulator(grid_of(constant, labels), star).comparison[
        "relative_to_change"
    ] == pytest.approx(1, rel=1e-3)


def test_without_a_star_the_truth_is_that_of_an_average_one(labels):
    grid = grid_of(np.ones((4, 800), np.float32), labels)
    mean = true_spectra(grid, simulate(16, seed=0))
    single = true_spectra(grid, simulate(16, seed=0)[2:3])
    result = compare_with_simulator(grid_of(np.nan_to_num(mean, nan=1.0), labels)).comparison["rms"]
    assert (
        result
        < 1e-6
        < compare_with_simulator(grid_of(np.nan_to_num(single, nan=1.0), labels)).comparison["rms"]
    )


def test_the_simulator_needs_its_own_pixels_and_labels(labels, model):
    with pytest.raises(SpectraError, match="wavelength grid"):
        compare_with_simulator(generate_grid(model, AXES))
    with pytest.raises(SpectraError, match="simulator needs"):
        compare_with_simulator(
            replace(grid_of(np.ones((4, 800)), labels), labels=np.where(labels == labels, np.nan, labels))
        )


# --- files ---


@pytest.mark.parametrize("suffix", [".npz", ".fits"])
def test_a_written_grid_reads_back_as_stars(model, tmp_path, suffix):
    grid = generate_grid(model, AXES)
    write_grid(tmp_path / f"grid{suffix}", grid)
    back = read_stars(tmp_path / f"grid{suffix}")
    np.testing.assert_allclose(back.flux, grid.flux, rtol=1e-6)
    np.testing.assert_allclose(back.wavelength_nm, grid.wavelength_nm)
    np.testing.assert_allclose(back.labels_for(LABELS), grid.labels)
    assert back.ids[0] == "node-0"


def test_the_flags_are_in_the_files(model, tmp_path):
    from astropy.io import fits

    grid = replace(generate_grid(model, {"teff": [1000.0, 5500.0]}), rms=np.array([np.nan, 0.002]))
    write_grid(tmp_path / "g.npz", grid)
    write_grid(tmp_path / "g.fits", grid)
    with np.load(tmp_path / "g.npz") as file:
        assert np.array_equal(file["extrapolated"], grid.extrapolated) and file["rms"][1] == 0.002
    with fits.open(tmp_path / "g.fits") as file:
        assert file["GRID"].data["extrapolated"].tolist() == grid.extrapolated.tolist()
        assert file["GRID"].columns["teff"].unit == "K" and file["WAVELENGTH"].columns[0].unit == "nm"


def test_a_model_may_be_called_by_any_letters(model, tmp_path):
    """A FITS header holds ASCII alone."""
    from astropy.io import fits

    grid = replace(generate_grid(model, {"teff": [5500.0]}), about={"model": "étoile-λ@0123"})
    for name in ("g.fits", "g.npz"):
        write_grid(tmp_path / name, grid)
        assert len(read_stars(tmp_path / name)) == 1
    assert fits.getheader(tmp_path / "g.fits", "GRID")["MODEL"] == r"\xe9toile-\u03bb@0123"


def test_another_suffix_is_refused(model, tmp_path):
    with pytest.raises(SpectraError, match=r"grid\.csv: unknown suffix '\.csv': choose \.fits, \.npz"):
        write_grid(tmp_path / "grid.csv", generate_grid(model, {"teff": [5500.0]}))
    assert not list(tmp_path.iterdir())
