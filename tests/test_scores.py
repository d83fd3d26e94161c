"""Rank correlations, and walking along one latent dimension."""

import numpy as np
import pytest

from gandalf_core.data.scores import rank_correlations
from gandalf_core.data.traverse import bands, traverse_values, with_dimension

RNG = np.random.default_rng(0)


def test_a_monotonic_dimension_has_rank_correlation_one_and_noise_none():
    label = RNG.uniform(4000, 7000, (300, 1))
    z = np.column_stack([label[:, 0] ** 3, RNG.normal(size=300), -np.log(label[:, 0])])
    [(rises, noise, falls)] = rank_correlations(z, label)
    assert rises == pytest.approx(1) and falls == pytest.approx(-1) and abs(noise) < 0.2


def test_ties_share_their_rank_whatever_the_order_of_the_rows():
    """A label in whole steps, as a classification gives it: 400 stars, five values."""
    z = RNG.normal(size=(400, 1))
    label = np.round(np.clip(-0.12 * z + RNG.normal(size=(400, 1)), -2, 2))
    expected = rank_correlations(z, label)
    for seed in range(5):
        rows = np.random.default_rng(seed).permutation(400)
        assert rank_correlations(z[rows], label[rows]) == pytest.approx(expected, abs=1e-12)
    by_label = np.argsort(label[:, 0], kind="stable")
    assert rank_correlations(z[by_label], label[by_label]) == pytest.approx(expected, abs=1e-12)


def test_ties_have_their_mean_rank():
    # ranks 1.5, 1.5, 3.5, 3.5 against 1, 3, 2, 4: covariance 1 over the root of 1 · 1.25
    [[rho]] = rank_correlations(np.array([[1.0], [3], [2], [4]]), np.array([[0.0], [0], [1], [1]]))
    assert rho == pytest.approx(0.5 / np.sqrt(1.25))


def test_a_gap_in_one_label_costs_that_label_its_star_and_no_other():
    labels = RNG.normal(size=(50, 2))
    z = labels[:, :1].copy()
    labels[:10, 1] = np.nan
    (first,), (second,) = rank_correlations(z, labels)
    assert first == pytest.approx(1)
    assert second == pytest.approx(rank_correlations(z[10:], labels[10:, 1:])[0, 0])


def test_too_few_stars_or_no_spread_give_no_number():
    z, label = np.arange(4.0)[:, None], np.array([[1.0], [2], [np.nan], [np.nan]])
    assert np.isnan(rank_correlations(z, label)).all()
    assert np.isnan(rank_correlations(z, np.ones((4, 1)))).all()
    assert np.isnan(rank_correlations(np.ones((4, 1)), z)).all()
    assert rank_correlations(np.empty((0, 3)), np.empty((0, 2))).shape == (2, 3)


def test_bands_and_traverse_span_the_population():
    z = RNG.normal(size=(4000, 3))
    population = bands(z)
    assert population[[1, 3], 0] == pytest.approx([-1, 1], abs=0.1)
    values = traverse_values(population, 2)
    assert values[[0, -1]] == pytest.approx(population[[0, -1], 1])
    copies = with_dimension(np.zeros(3), 2, values)
    assert copies[:, 1].tolist() == values.tolist() and not copies[:, [0, 2]].any()
    assert not bands(np.empty((0, 3))).any()
