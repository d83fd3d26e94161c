"""The test for leaks at its level, planted leaks of every kind, and what is decided about each."""

import numpy as np
import pytest

from gandalf_core.auditing.entries import leak_entry
from gandalf_core.auditing.floor import fit_floor
from gandalf_core.auditing.leak import Examination, conditional_leaks, leak_test
from gandalf_core.auditing.probes import Probing
from gandalf_core.auditing.verdict import on_removed
from reports import plants

RIDGE = Probing(("ridge",))  # the readers in closed form carry the test; the others only read


def p_values(sample: plants.Sample) -> list[float]:
    """p of each removed label."""
    floor = fit_floor(sample.kept, sample.y, RIDGE, trees=False, nested=False)
    examination = Examination(*sample, RIDGE, floor)
    return [leak_test(examination, label)[0] for label in range(sample.y.shape[1])]


def entries(sample: plants.Sample) -> list[dict]:
    """What a report says of each removed label."""
    kept = ("logg", "mh")[: sample.kept.shape[1]]
    found = []
    for leak in conditional_leaks(Examination(*sample, RIDGE)):
        given = leak.given_removed and leak_entry(leak.given_removed, (*kept, "alphafe"))
        found.append(leak_entry(leak, kept) | {"given_removed": given})
    return found


# --- the level ---


@pytest.mark.parametrize("null", [plants.gaussian, plants.smooth])
def test_innocent_labels_get_every_p_value_equally_often(null):
    p = np.array([p_values(null(300, seed))[0] for seed in range(40)])
    assert (p <= 0.025).sum() <= 4, "1 in 40 on average; 5 or more have a chance of 0.3 %"
    assert 0.3 < np.median(p) < 0.7
    assert 3 <= (p <= 0.25).sum() <= 18 and (p > 0.75).sum() >= 3


def test_a_latent_that_does_not_vary_tells_nothing():
    assert p_values(plants.constant(250, 0)) == [1.0]
    (entry,) = entries(plants.constant(250, 0))
    assert entry["verdict"] == "removed" and "does not vary" in on_removed("teff", entry).text


# --- planted leaks ---


@pytest.mark.parametrize(
    ("kind", "size", "n"),
    [
        ("linear", 0.1, 600),
        ("even", 0.9, 600),
        ("exclusive or", 0.9, 600),
        ("spread only", 0.6, 600),
        ("tiny direction", 0.1, 600),
        ("subpopulation", 1.0, 3000),
        ("sign of a product", 0.6, 600),
        ("linear beside 200", 0.4, 800),
        ("clusters", 0.7, 600),
    ],
)
def test_a_planted_leak_is_found(kind, size, n):
    found = [min(p_values(plants.LEAKS[kind](n, seed, size))) for seed in range(2)]
    assert max(found) <= 0.01
    assert min(p_values(plants.LEAKS[kind](n, 7, 0.0))) > 0.01, "without the leak there is none"


def test_what_would_have_been_found_is_found():
    (entry,) = entries(plants.gaussian(500, 3))
    assert 0.03 < entry["detectable"] < 0.1
    found = [p_values(plants.linear(500, 100 + s, entry["detectable"]))[0] <= 0.025 for s in range(20)]
    assert 0.6 <= np.mean(found) <= 0.98, "80 % are promised"


# --- verdicts ---


def test_noise_is_removed_with_many_stars_and_undecided_with_few():
    (many,), (few,) = entries(plants.gaussian(3000, 0)), entries(plants.gaussian(200, 0))
    assert many["verdict"] == "removed" and few["verdict"] == "cannot tell"
    assert many["upper"] < 0.02 and 0.005 < many["detectable"] < 0.02 < 0.08 < few["detectable"]
    assert many["partial"] < 0.003 and many["bits"] < 0.003
    needed = on_removed("teff", few).text
    assert (
        "would tell" in needed and int(needed.split("about ")[1].split(" stars")[0].replace(",", "")) >= 1000
    )


def test_a_latent_that_is_the_label_is_readable_however_high_the_floor():
    rng = np.random.default_rng(2)
    kept = rng.standard_normal((500, 1))
    y = kept + 0.12 * rng.standard_normal((500, 1))
    (entry,) = entries(plants.Sample(np.hstack([y, rng.standard_normal((500, 5))]), kept, y))
    assert entry["floor"] > 0.97 and entry["excess"] < 0.03, "an excess of R² says little here"
    assert entry["verdict"] == "readable" and entry["partial"] > 0.9
    assert entry["upper"] is None, "all of it may be there"


@pytest.mark.parametrize("curve", [lambda k: np.sin(2 * k[:, :1]), lambda k: 2 * np.sign(k[:, :1])])
def test_a_latent_that_tells_the_kept_labels_alone_is_not_accused(curve):
    """It tells them exactly, while the floor has few stars to learn from: that is no leak."""
    readable = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        kept = rng.standard_normal((500, 2))
        y = curve(kept) + np.abs(kept[:, 1:]) + 0.5 * rng.standard_normal((500, 1))
        (entry,) = entries(plants.Sample(np.hstack([kept, rng.standard_normal((500, 4))]), kept, y))
        readable += entry["verdict"] == "readable"
    assert readable == 0


def test_a_label_in_a_direction_ten_thousand_times_smaller_is_read_exactly():
    (entry,) = entries(plants.tiny(500, 1, 1.0))
    assert entry["verdict"] == "readable" and entry["partial"] > 0.9


def test_a_latent_that_tells_the_spread_alone_is_readable_in_bits():
    g = plants.ground(800, 0)
    g.z[:, 0] = np.abs(g.rest)
    (entry,) = entries(g.sample(g.z))
    assert entry["verdict"] == "readable" and entry["partial"] < 0.02 < 0.5 < entry["bits"]
    assert "bits of how far it scatters" in on_removed("teff", entry).text


def test_the_sign_of_a_product_is_readable_for_who_knows_the_other_factor():
    for entry in entries(plants.sign_of_product(600, 0, 0.9)):
        assert entry["verdict"] == "readable" and entry["partial"] < 0.02
        assert entry["given_removed"]["verdict"] == "readable"
        assert 0.2 < entry["given_removed"]["partial"] < 0.6  # E[y | z, other]: 2/π of y's variance at most
        assert "who also knows the other removed parameters" in on_removed("teff", entry).text


def test_a_leak_among_the_metal_poor_alone_is_named():
    (entry,) = entries(plants.subpopulation(3000, 0, 1.0))
    assert entry["verdict"] == "readable"
    poor = next(s for s in entry["strata"] if (s["label"], s["side"]) == ("mh", "low"))
    assert poor["partial"] > 0.3 > 0.1 > entry["partial"] and poor["p"] < 0.01
    assert "stars with [M/H] up to −1.5" in on_removed("teff", entry).text
