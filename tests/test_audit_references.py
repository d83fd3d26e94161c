"""LEACE and the ranking by mutual information: references whose behaviour is known in closed form."""

import numpy as np
import pytest

from gandalf_core.auditing.erase import erased, leace
from gandalf_core.auditing.information import ranking
from gandalf_core.auditing.probes import Probing, read


@pytest.fixture(scope="module")
def leaky():
    rng = np.random.default_rng(0)
    y = rng.standard_normal((2000, 2))
    x = rng.standard_normal((2000, 8)) @ rng.standard_normal((8, 8)) + y @ rng.standard_normal((2, 8))
    return np.hstack([x, np.square(y[:, :1])]), y


def test_leace_leaves_a_linear_reader_nothing(leaky):
    x, y = leaky
    clean = leace(x, y)(x)
    covariance = (clean - clean.mean(0)).T @ (y - y.mean(0)) / len(x)
    assert np.abs(covariance).max() < 1e-10
    (before, _), (after, _) = read(x, y, Probing(("ridge",))), read(erased(x, y), y, Probing(("ridge",)))
    assert before.r2 > 0.4 and after.r2 < 0.01


def test_leace_does_not_fool_a_nonlinear_reader(leaky):
    x, y = leaky
    size = np.abs(y[:, :1])
    assert read(erased(x, y), size, Probing(("trees",)))[0].r2 > 0.8


def test_leace_moves_the_representation_the_least_and_only_as_many_directions_as_labels(leaky):
    x, y = leaky
    eraser = leace(x, y)
    assert np.linalg.matrix_rank(eraser.matrix, tol=1e-8) == 2
    again = eraser(eraser(x))
    assert np.allclose(again, eraser(x))  # a projection
    moved = np.square(eraser(x) - x).sum()
    centred, labels = x - x.mean(0), y - y.mean(0)
    directions, _ = np.linalg.qr(np.linalg.pinv(centred.T @ centred) @ centred.T @ labels)
    # orthogonal projections that also leave no covariance, or try to
    for other in (centred.T @ labels, directions):
        basis, _ = np.linalg.qr(other)
        naive = centred @ basis @ basis.T
        left = np.abs((centred - naive).T @ labels).max() / len(x)
        assert left > 1e-6 or np.square(naive).sum() >= moved * (1 - 1e-9)


def test_leace_survives_constant_columns_and_labels():
    rng = np.random.default_rng(1)
    x = np.hstack([rng.standard_normal((500, 3)), np.ones((500, 1))])
    assert np.allclose(leace(x, np.ones((500, 1)))(x), x)
    out = leace(x, x[:, :1])(x)
    assert np.isfinite(out).all() and np.abs(np.corrcoef(out[:, 1], x[:, 0])[0, 1]) < 1e-6


def test_mutual_information_of_a_gaussian_pair_and_the_ranking():
    rng = np.random.default_rng(2)
    y = rng.standard_normal(2000)
    z = np.stack(
        [
            rng.standard_normal(2000),
            0.6 * y + 0.8 * rng.standard_normal(2000),
            0.95 * y + 0.31 * rng.standard_normal(2000),
        ],
        1,
    )
    found = ranking(z, y)
    assert found["order"] == [2, 1, 0]
    assert found["nats"][1] == pytest.approx(-0.5 * np.log(1 - 0.36), abs=0.04)
    assert found["nats"][0] < 0.03 and found["null"] < 0.08
