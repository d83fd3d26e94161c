"""What stars add to a start from a grid: a smooth function, as large as they justify."""

import pytest
import torch

from gandalf_core.networks.start import Correction
from gandalf_core.training.correction import fit_correction


def ridge_data(size, n=2000, noise=0.5):
    """Labels, values whose smooth part is `size` times a known function, weights, and fresh labels."""
    random = torch.Generator().manual_seed(3)
    y, fresh = torch.randn(n, 2, generator=random), torch.randn(300, 2, generator=random)
    x = size * smooth(y) + 0.2 + noise * torch.randn(n, 3, generator=random)
    return y, x, torch.ones(n), fresh


def smooth(y):
    return torch.stack([torch.sin(y[:, 0]), y[:, 0] * torch.exp(-y[:, 1].square()), torch.tanh(y[:, 1])], 1)


def correction(y, x, weight, lengths=(2.0, 2.0)):
    module = Correction(y.shape[1], x.shape[1])
    module.set(fit_correction(y, x, weight, torch.tensor(lengths), seed=0))
    return module


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_a_correction_is_as_large_as_the_stars_justify(size):
    y, x, weight, fresh = ridge_data(size)
    error = correction(y, x, weight)(fresh) - size * smooth(fresh) - 0.2
    # without any shrinkage, 1000 nodes for 2000 stars err by .5·√(1000/2000) or more
    assert error.square().mean().sqrt() < (0.1 if size else 0.03)


def test_far_from_all_stars_a_correction_is_constant():
    y, x, weight, _ = ridge_data(1.0)
    far = correction(y, x, weight)(torch.tensor([[60.0, 0.0], [90.0, 0.0]]))
    assert (far[0] - far[1]).abs().max() < 0.05 and far.abs().max() < 3


def test_a_noisy_star_counts_less_in_a_correction():
    y, x, weight, fresh = ridge_data(1.0, noise=0.1)
    spoilt = torch.arange(len(y)) % 4 == 0
    wrong = x + 5 * spoilt[:, None]
    weight = torch.where(spoilt, 1e-4, 1.0)
    assert (correction(y, wrong, weight)(fresh) - smooth(fresh) - 0.2).abs().mean() < 0.05


def test_the_ridge_goes_with_the_one_of_least_cross_validation(monkeypatch):
    """By brute force: the squared error of each star predicted from all others, for several ridges."""
    monkeypatch.setattr("gandalf_core.training.correction.SMOOTHER", 1.0)
    y, x, weight, _ = ridge_data(1.0, n=120)
    found = fit_correction(y, x, weight, torch.tensor([2.0, 2.0]), seed=0)
    centred = (kernel_of(y, y) - kernel_of(y, y).mean(0)).double()
    prior = kernel_of(y, y).double() + 1e-6 * torch.eye(len(y))

    ridges, values = torch.logspace(-3, 3, 25), x.double()

    def left_out(ridge):
        hat = centred @ torch.linalg.solve(centred.T @ centred + ridge * prior, centred.T) + 1 / len(y)
        residual = values - hat @ values
        return (residual / (1 - hat.diagonal())[:, None]).square().mean()

    own = kernel_of(y, found["nodes"].float()).double() @ found["weights"] + found["offset"]
    ridges = torch.logspace(-3, 3, 25)
    fits = [
        centred @ torch.linalg.solve(centred.T @ centred + r * prior, centred.T @ x.double())
        + x.double().mean(0)
        for r in ridges
    ]
    used = min(range(len(ridges)), key=lambda i: (fits[i] - own).square().mean())
    best = min(range(len(ridges)), key=lambda i: left_out(ridges[i]))
    assert left_out(ridges[used]) < 1.02 * left_out(ridges[best])


def kernel_of(a, b):
    return (1 + torch.cdist(a, b).square() / 4 / 4) ** -2
