"""Maps: they show structure, place new stars where they belong, and survive storage and caching."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from gandalf_core.errors import ConfigError, ModelError, SpectraError
from gandalf_core.maps import stored
from gandalf_core.maps.fitting import REDUCE_TO, MapSettings, MapStars, fit_projection
from gandalf_core.maps.neighbours import neighbour_r2
from gandalf_core.maps.projection import Projection
from gandalf_core.maps.stored import cached_projection


def islands(n=300, width=12, seed=0):
    """Stars on a bent sheet of three islands in `width` dimensions: (x, (N, 2) labels)."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(-1, 1, (n, 2))
    which = rng.integers(0, 3, n)
    frame = np.random.default_rng(9).standard_normal((5, width))
    x = np.column_stack([t, np.sin(3 * t[:, 0]), np.eye(3)[which][:, :2] * 4]) @ frame
    return (x + 0.02 * rng.standard_normal(x.shape)).astype(np.float32), t


@pytest.fixture(scope="module")
def maps():
    x, t = islands()
    stars = MapStars(np.array([f"s{i}" for i in range(len(x))]), t, ("teff", "logg"))
    return {m: fit_projection(x, m, stars=stars, n_jobs=1) for m in ("pca", "tsne", "umap")}


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_map_shows_the_labels_that_order_the_stars(maps, method):
    assert min(maps[method].neighbour_r2().values()) > 0.6


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
def test_copies_land_on_their_originals_and_near_copies_nearby(maps, method):
    x, _ = islands()
    projection = maps[method]
    assert np.allclose(projection.place(x[:40]), projection.xy[:40], atol=1e-3)
    near = projection.place(x[:40] + np.float32(0.005))
    spread = np.ptp(projection.xy, 0).max()
    assert np.median(np.linalg.norm(near - projection.xy[:40], axis=1)) < 0.02 * spread


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_new_stars_land_among_stars_with_their_labels(maps, method):
    _, t = islands()
    new, truth = islands(200, seed=5)
    xy = maps[method].place(new)
    distance = np.linalg.norm(xy[:, None] - maps[method].xy[None], axis=2)
    read = t[np.argsort(distance, 1)[:, :8]].mean(1)
    assert (1 - ((read - truth) ** 2).mean(0) / truth.var(0) > 0.6).all()


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_a_star_without_any_like_has_no_place_and_spoils_no_other(maps, method):
    """Beyond all bounds openTSNE would take the process with it."""
    x = maps[method].x
    lost = np.stack([x[0], np.full_like(x[0], 1e30), np.where(np.arange(x.shape[1]) == 0, 1e9, x[1]), x[3]])
    xy = maps[method].place(lost)
    assert np.isnan(xy).all(1).tolist() == [False, True, True, False]
    assert np.allclose(xy[[0, 3]], maps[method].xy[[0, 3]])


def test_a_star_is_placed_alike_alone_and_in_company(maps):
    new, _ = islands(30, seed=6)
    assert np.allclose(maps["tsne"].place(new)[:3], maps["tsne"].place(new[:3]), atol=1e-3)
    assert maps["tsne"].place(new[:0]).shape == (0, 2)


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
def test_stored_maps_are_equal_to_the_bit(maps, method, tmp_path):
    np.savez(tmp_path / "map.npz", **maps[method].arrays())
    with np.load(tmp_path / "map.npz", allow_pickle=False) as file:
        again = Projection.from_arrays(dict(file))
    new, _ = islands(20, seed=7)
    assert np.array_equal(again.xy, maps[method].xy) and np.array_equal(
        again.place(new), maps[method].place(new)
    )
    assert (again.method, again.settings, again.label_names) == (
        method,
        maps[method].settings,
        ("teff", "logg"),
    )
    assert again.ids[3] == "s3"
    with pytest.raises(ModelError, match="components"):
        Projection.from_arrays({k: v for k, v in maps[method].arrays().items() if k != "components"})


def test_wide_inputs_are_kept_as_components_and_place_from_pixels():
    x, _ = islands(width=120)
    projection = fit_projection(x, "tsne", n_jobs=1)
    assert projection.x.shape == (300, REDUCE_TO) and projection.components.shape == (REDUCE_TO, 120)
    assert np.allclose(projection.place(x[:10]), projection.xy[:10], atol=1e-2)


def test_pca_is_the_plane_of_largest_variance(maps):
    x, _ = islands()
    expected = np.linalg.svd(x - x.mean(0), full_matrices=False)[1][:2] / np.sqrt(len(x))
    assert np.allclose(maps["pca"].xy.std(0), expected, rtol=1e-3)


def test_same_seed_same_map(maps):
    x, _ = islands()
    assert np.array_equal(fit_projection(x, "tsne", n_jobs=1).xy, maps["tsne"].xy)


def test_neighbour_r2_is_high_for_position_and_nil_for_shuffled_labels():
    rng = np.random.default_rng(0)
    xy = rng.uniform(size=(1000, 2))
    smooth = np.sin(3 * xy[:, 0]) + xy[:, 1]
    holed = np.where(rng.random(1000) < 0.5, np.nan, smooth)
    values = np.column_stack([smooth, rng.permutation(smooth), holed, np.full(1000, np.nan), np.ones(1000)])
    r2 = neighbour_r2(xy, values)
    assert r2[0] > 0.98 and r2[2] > 0.95 and -0.2 < r2[1] < 0.05
    assert np.isnan(r2[3:]).all()


def test_cache_answers_without_fitting_again(tmp_path, monkeypatch):
    x, t = islands()
    stars = MapStars(labels=t, label_names=("a", "b"))
    first = cached_projection(x, "pca", tmp_path, stars=stars)
    (file,) = tmp_path.iterdir()
    monkeypatch.setattr(stored, "fit_projection", lambda *a, **k: pytest.fail("fitted again"))
    again = cached_projection(x.copy(), "pca", tmp_path, stars=stars)
    assert np.array_equal(first.xy, again.xy) and again.label_names == ("a", "b")
    monkeypatch.undo()
    cached_projection(x + 1, "pca", tmp_path, stars=stars)
    cached_projection(x, "pca", tmp_path, stars=replace(stars, labels=t + 1))
    cached_projection(x, "pca", tmp_path, MapSettings(seed=1), stars=stars)
    assert len(list(tmp_path.iterdir())) == 4
    file.write_bytes(file.read_bytes()[:100])  # cut short, as by a full disk
    assert np.array_equal(cached_projection(x, "pca", tmp_path, stars=stars).xy, first.xy)


def test_progress_tells_how_far_a_map_is_and_can_cancel():
    x, _ = islands(60)
    seen = []
    fit_projection(x, "tsne", n_jobs=1, progress=lambda fraction, text: seen.append(fraction))
    assert seen == sorted(seen) and seen[-1] == 1.0

    def cancel(fraction, text):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fit_projection(x, "tsne", n_jobs=1, progress=cancel)


def test_a_few_stars_still_make_a_map():
    x, _ = islands(12)
    assert np.isfinite(fit_projection(x, "tsne", n_jobs=1).place(x[:2] + 0.1)).all()


def test_wrong_inputs_are_refused(maps):
    x, _ = islands(20)
    with pytest.raises(ConfigError, match="tsne"):
        fit_projection(x, "isomap")
    with pytest.raises(SpectraError, match="at least"):
        fit_projection(x[:3])
    with pytest.raises(SpectraError, match="20 of 20"):
        fit_projection(x * np.nan)
    with pytest.raises(ModelError, match="12 numbers"):
        maps["tsne"].place(x[:, :4])


def test_importing_the_module_loads_no_compiler():
    heavy = "('numba', 'umap', 'openTSNE', 'sklearn')"
    code = f"import sys, gandalf_core.maps.projection; print([m for m in {heavy} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_umap_leaves_the_number_of_threads_as_it_was():
    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        fit_projection(islands(60)[0], "umap")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
