"""What is ordinary: a score is a percentile at every S/N, and goes on beyond the reference as a tail."""

import numpy as np
import pytest
from scipy.stats import kstest

from gandalf_core.models.ordinary import Ordinary, Sample, fit_ordinary

WEIGHTS = {"one": 0.5, "two": 0.3, "three": 0.2, "aside": 0.0}


def world(n: int, seed: int, scale: float = 1.0) -> Sample:
    """Stars whose measures grow with S/N, `scale` times as fast in another world, and differ by class."""
    rng = np.random.default_rng(seed)
    snr, giant = 10 ** rng.uniform(1, 3, n), rng.random(n) < 0.5
    base = scale * np.log10(snr) + giant
    measures = {name: base + rng.normal(size=n) for name in WEIGHTS}
    return Sample(measures, snr, np.stack([~giant, giant], 1).astype(float))


def scores(ordinary: Ordinary, stars: Sample) -> np.ndarray:
    return ordinary.score(ordinary.rareness(*stars), stars.snr, stars.classes)


@pytest.fixture(scope="module")
def ordinary() -> Ordinary:
    return fit_ordinary([world(8000, 1)], WEIGHTS)


def test_the_score_of_ordinary_stars_is_uniform_at_every_signal_to_noise_and_in_each_class(ordinary):
    fresh = world(6000, 2)
    score = scores(ordinary, fresh)
    for low in (1.0, 1.5, 2.0, 2.5):
        for c in (0, 1):
            here = (np.abs(np.log10(fresh.snr) - low - 0.25) < 0.25) & (fresh.classes[:, c] > 0.5)
            assert kstest(score[here], "uniform").statistic < 0.08
            assert 0.02 < (score[here] > 0.95).mean() < 0.09


def test_beyond_the_reference_the_score_grows_on_and_never_is_one(ordinary):
    star = world(1, 3)
    beyond = []
    for extra in np.linspace(0, 12, 60):
        measures = star.measures | {"one": star.measures["one"] + extra}
        beyond.append(scores(ordinary, star._replace(measures=measures))[0])
    assert (np.diff(beyond) >= 0).all() and beyond[-1] < 1 and beyond[-1] > 0.9999
    assert sum(0.99 < score < 0.9999 for score in beyond) > 3  # a tail, not a step


def test_a_tail_is_about_right_far_beyond_the_reference():
    few, many = world(600, 4), world(40_000, 5)
    score = scores(fit_ordinary([few], WEIGHTS), many)
    assert 0.001 < (score > 0.995).mean() < 0.02


def test_a_star_is_as_rare_as_in_the_world_that_suits_it_best():
    usual, other = world(6000, 6), world(6000, 7, scale=2.0)
    alone, both = fit_ordinary([usual], WEIGHTS), fit_ordinary([usual, other], WEIGHTS)
    fresh, elsewhere = world(3000, 8), world(3000, 9, scale=2.0)
    assert (scores(alone, elsewhere) > 0.95).mean() > 0.3
    assert (scores(both, elsewhere) > 0.95).mean() < 0.07
    assert np.median(scores(both, fresh)) == pytest.approx(
        0.5, abs=0.04
    )  # the lower half is the first world's


def test_a_measure_without_weight_or_value_does_not_count(ordinary):
    stars = world(500, 10)
    wild = stars._replace(measures=stars.measures | {"aside": np.full(500, 99.0)})
    assert np.array_equal(scores(ordinary, stars), scores(ordinary, wild))
    unknown = stars._replace(measures=stars.measures | {"one": np.full(500, np.nan)})
    assert np.isnan(ordinary.rareness(*unknown)["one"]).all() and np.isfinite(scores(ordinary, unknown)).all()
    nothing = stars._replace(measures={name: np.full(500, np.nan) for name in WEIGHTS})
    assert np.isnan(scores(ordinary, nothing)).all()


def test_sixty_reference_stars_do_not_make_every_star_strange():
    score = scores(fit_ordinary([world(60, 11)], WEIGHTS), world(4000, 12))
    assert (score > 0.95).mean() < 0.15 and (score > 0.999).mean() < 0.02


def test_its_arrays_make_it_again(ordinary):
    again, stars = Ordinary(**ordinary.arrays()), world(50, 13)
    assert np.array_equal(scores(again, stars), scores(ordinary, stars))
    level = again.quantile("one", stars.snr, stars.classes, 0.5)
    expected = np.log10(stars.snr) + stars.classes[:, 1]
    assert np.abs(level - expected).max() < 0.25
    assert (again.quantile("one", stars.snr, stars.classes, 0.999) > level + 2).all()
