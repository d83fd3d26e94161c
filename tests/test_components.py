"""Principal components: what is found fast in wide arrays is what an exact decomposition finds."""

import numpy as np
import pytest

from gandalf_core.data import components
from gandalf_core.data.components import principal

STRENGTHS = np.array([9.0, 5.0, 3.0, 2.0, 1.5])


def strong_in_noise(stars: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """x (N, D) with five known axes (5, D) of known strengths, a mean that is not 0, and weak noise."""
    rng = np.random.default_rng(stars)
    axes = np.linalg.qr(rng.normal(size=(columns, 5)))[0].T
    latent = rng.normal(size=(stars, 5)) * STRENGTHS
    noise = 0.01 * rng.standard_normal((stars, columns), dtype=np.float32)
    return (1 + latent @ axes + noise).astype(np.float32), axes


def exact(x: np.ndarray, count: int) -> np.ndarray:
    return np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:count]


@pytest.mark.parametrize(("stars", "columns"), [(300, 80), (60, 400), (300, 400)])
def test_every_way_finds_the_same_axes(monkeypatch, stars, columns):
    """Narrow arrays, few stars, and both many: by products of columns, of rows, and by projections."""
    monkeypatch.setattr(components, "EXACT_UP_TO", 100)
    x, _ = strong_in_noise(stars, columns)
    mean, axes = principal(x, 5)
    assert mean.dtype == axes.dtype == np.float32 and axes.shape == (5, columns)
    np.testing.assert_allclose(mean, x.mean(0, dtype=float), rtol=1e-6)
    np.testing.assert_allclose(axes @ axes.T, np.eye(5), atol=1e-5)
    np.testing.assert_allclose(np.abs((axes * exact(x, 5)).sum(1)), 1, atol=1e-5)
    assert (np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1) > 0).all()
    again = principal(x, 5)[1]
    np.testing.assert_array_equal(axes, again)


def test_more_axes_than_stars_are_orthonormal_behind_those_of_the_stars(monkeypatch):
    monkeypatch.setattr(components, "EXACT_UP_TO", 100)
    x, _ = strong_in_noise(7, 150)
    axes = principal(x, 20)[1]
    np.testing.assert_allclose(axes @ axes.T, np.eye(20), atol=1e-5)
    left = (x - x.mean(0)) - (x - x.mean(0)) @ axes[:6].T @ axes[:6]
    assert np.abs(left).max() < 1e-4
    assert principal(x[:, :30], 50)[1].shape == (30, 30)


def test_wide_spectra_of_many_stars_take_no_square_of_their_pixels(monkeypatch):
    """That of 20,000 would be 1.6 GB, and take an hour: projections find the same axes."""
    monkeypatch.setattr(components, "EXACT_UP_TO", 200)
    x, _ = strong_in_noise(250, 20_000)
    monkeypatch.setattr(components, "_leading", None)
    assert np.abs(np.abs((principal(x, 5)[1] * exact(x, 5)).sum(1)) - 1).max() < 1e-5
