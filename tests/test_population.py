"""The mock reference sample looks like the survey: its sequences, classes and ranges."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from gandalf_core.parameters import LABELS, STELLAR
from gandalf_core.simulator import components, inside, population, simulate, stages
from scripts.mock_figures import HALF_WIDTH, NEAR_MH, VALLEY, sequences

N = 12_000


@pytest.fixture(scope="module")
def labels():
    return population.labels(0, np.arange(N))


def test_labels_are_inside_the_sample_and_the_emulator(labels):
    for name, column in zip(LABELS, labels.T, strict=True):
        assert STELLAR[name].low <= column.min() and column.max() <= STELLAR[name].high
    assert inside(labels).all()


def test_a_star_keeps_its_labels_whoever_else_is_drawn(labels):
    rows = np.array([9000, 2, 511, 256])
    assert np.array_equal(population.labels(0, rows), labels[rows])
    assert not np.isclose(population.labels(1, rows), labels[rows]).any()


def test_alphafe_is_bimodal_near_mh_of_minus_half(labels):
    assert (np.abs(labels[:, 2] - NEAR_MH) < HALF_WIDTH).sum() > 500
    low, high, valley = sequences(labels)
    assert high - low > 0.1 and valley < VALLEY
    merged = labels.copy()
    merged[:, 3] = np.random.default_rng(0).normal(labels[:, 3].mean(), labels[:, 3].std(), N)
    assert sequences(merged)[2] > VALLEY  # one broad sequence does not pass for two


def test_alphafe_is_single_near_solar_metallicity(labels):
    alphafe = labels[np.abs(labels[:, 2] - 0.2) < 0.1, 3]
    assert alphafe.std() < 0.06 and abs(np.median(alphafe)) < 0.05


def test_every_class_has_about_the_share_it_has_in_the_survey():
    names, counts = np.unique(stages(N), return_counts=True)
    share = dict(zip(names, counts / N, strict=True))
    assert 0.5 < share["red-giant branch"] + share["red clump"] < 0.7
    assert 0.2 < share["main sequence"] < 0.35 and 0.07 < share["subgiant"] < 0.2
    names, counts = np.unique(components(N), return_counts=True)
    share = dict(zip(names, counts / N, strict=True))
    assert 0.6 < share["thin disc"] < 0.8 and 0.15 < share["thick disc"] < 0.3 and 0.02 < share["halo"] < 0.06


def test_the_kiel_diagram_has_its_branches(labels):
    teff, logg, mh, _ = labels.T
    stage = stages(N)
    giant = (stage == "red-giant branch") & (np.abs(logg - 2.5) < 0.2)
    assert np.corrcoef(teff[giant], mh[giant])[0, 1] < -0.7  # metal-rich giants are cooler
    clump = stage == "red clump"
    assert np.median(logg[clump]) == pytest.approx(2.45, abs=0.05)
    assert np.median(teff[clump]) > np.median(teff[giant])  # hotter than the branch at the same gravity
    dwarf = stage == "main sequence"
    assert logg[dwarf & (teff < 5200)].min() > 4.3 and np.median(logg[dwarf & (teff > 6200)]) < 4.35
    empty = (logg > 3.2) & (logg < 3.8) & (teff > 6300)
    assert empty.mean() < 0.005


def test_components_differ_as_named(labels):
    component = components(N)
    mh = {name: np.median(labels[component == name, 2]) for name in population.COMPONENTS}
    assert mh["thin disc"] > mh["thick disc"] > mh["halo"]
    assert (
        np.median(labels[component == "thick disc", 3])
        > 0.15
        > np.median(labels[component == "thin disc", 3])
    )


def test_teff_and_logg_explain_about_half_of_mh_in_this_sample(labels):
    half = N // 2
    model = HistGradientBoostingRegressor(random_state=0).fit(labels[:half, :2], labels[:half, 2])
    # the audit's floor of mh, about one half
    assert 0.3 < model.score(labels[half:, :2], labels[half:, 2]) < 0.65


def test_simulated_stars_carry_these_labels(labels):
    assert np.array_equal(simulate(50, 0, clean=True).labels, labels[:50])
