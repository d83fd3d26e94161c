"""Fit the emulator, labels -> spectrum at R = 11,500, to nine tenths of the grid; measure it on the rest.

    PYTHONPATH=. python scripts/train_emulator.py
    PYTHONPATH=. python scripts/train_emulator.py --nature b

Reads data/rvs_grid.npz (or _b) and the photospheres of data/synthesis; writes data/emulator.npz and
data/emulator.json (its errors). About five minutes on one core; nature b, which is fitted as its difference
from a, a minute. Shapes: M nodes, L samples, K components.
"""

import argparse
import json
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from gandalf_core.atomic import atomic, write_text
from gandalf_core.places import data_folder
from gandalf_core.simulator import emulator
from gandalf_core.simulator.emulator import EMULATOR_FILES, coordinates, emulate, polynomial
from gandalf_core.simulator.grids import grid_flux, grid_labels

PHOTOSPHERES = data_folder() / "synthesis" / "photospheres.npz"
COMPONENTS = {"a": 80, "b": 40}
EDGES = (4, 12, 30)  # of the groups of components that share a kernel: the later, the more they wiggle
BROAD = 100.0  # prior variance of the polynomial's coefficients, in units of a component's spread
JITTER = 1e-9
ITERATIONS = 25
TEFF_EDGES = (3900, 4500, 5500, 6300, 7100)


def split(n: int, held_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to fit, and those of the held-out tenth of the first `held_out` nodes; always the same."""
    order = np.random.default_rng(0).permutation(held_out)
    test = order[: held_out // 10]
    return np.setdiff1d(np.arange(n), test), test


@dataclass
class Hyperparameters:
    """Logarithms of a kernel's lengths (5,), of its amplitude and of the noise of the nodes."""

    lengths: Tensor
    amplitude: Tensor
    noise: Tensor

    @classmethod
    def start(cls) -> "Hyperparameters":
        lengths = torch.log(torch.tensor([0.7, 1.3, 0.8, 0.6, 1.5], dtype=torch.float64))
        amplitude, noise = torch.tensor(0.5, dtype=torch.float64), torch.tensor(-7.0, dtype=torch.float64)
        return cls(*(value.requires_grad_() for value in (lengths, amplitude, noise)))

    def kernel(self, x: Tensor, nodes: Tensor) -> Tensor:
        """`emulator.kernel`, with a gradient, times the squared amplitude."""
        x, nodes = x / self.lengths.exp(), nodes / self.lengths.exp()
        squares = (x**2).sum(1)[:, None] + (nodes**2).sum(1) - 2 * x @ nodes.T
        return torch.exp(2 * self.amplitude) * (1 + squares.clamp_min(1e-12) / 4) ** -2

    def covariance(self, x: Tensor, powers: Tensor) -> Tensor:
        """(M, M) of the values at the nodes x, the broad polynomial included."""
        noise = torch.exp(2 * self.noise) + JITTER
        return self.kernel(x, x) + noise * torch.eye(len(x), dtype=x.dtype) + BROAD * powers @ powers.T


def fit_group(x: Tensor, powers: Tensor, y: Tensor) -> Hyperparameters:
    """The hyperparameters under which values y (M, K) at nodes x are most likely (R&W 2006, eq. 5.8)."""
    found = Hyperparameters.start()
    optimiser = torch.optim.LBFGS(
        [found.lengths, found.amplitude, found.noise], max_iter=ITERATIONS, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        root = torch.linalg.cholesky(found.covariance(x, powers))
        z = torch.linalg.solve_triangular(root, y, upper=False)
        loss = 0.5 * (z**2).sum() / y.shape[1] + torch.log(torch.diag(root)).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return found


def fit_emulator(labels: np.ndarray, flux: np.ndarray, components: int) -> dict[str, np.ndarray]:
    """The emulator's arrays from labels (M, 5) of nodes and their spectra (M, L)."""
    mean = flux.mean(0)
    axes = np.linalg.svd(flux - mean, full_matrices=False)[2][:components]
    amplitudes = (flux - mean) @ axes.T
    spread = amplitudes.std(0)
    nodes = coordinates(labels[:, :4], labels[:, 4])
    x, powers = torch.tensor(nodes), torch.tensor(polynomial(nodes))
    edges = [0, *(edge for edge in EDGES if edge < components), components]
    arrays = {"nodes": nodes, "components": axes, "mean": mean, "groups": np.array(len(edges) - 1)}
    for g in range(len(edges) - 1):
        columns = slice(edges[g], edges[g + 1])
        y = torch.tensor(amplitudes[:, columns] / spread[columns], dtype=torch.float64)
        found = fit_group(x, powers, y)
        with torch.no_grad():
            solved = torch.cholesky_solve(y, torch.linalg.cholesky(found.covariance(x, powers)))
            weights = torch.exp(2 * found.amplitude) * solved
            coefficients = BROAD * powers.T @ solved
        arrays |= {
            f"lengths{g}": found.lengths.exp().detach().numpy(),
            f"weights{g}": weights.numpy() * spread[columns],
            f"polynomial{g}": coefficients.numpy() * spread[columns],
        }
        print(f"components {edges[g]}-{edges[g + 1]}: lengths {arrays[f'lengths{g}'].round(2)}", flush=True)
    return arrays


def figures_of(labels: np.ndarray, error: np.ndarray) -> dict[str, object]:
    """What the errors (N, L) on held-out nodes of labels (N, 5) amount to."""
    size, by_star = np.abs(error), np.sqrt((error**2).mean(1))
    worst = np.argsort(by_star)[::-1][:5]
    by_teff = {}
    for low, high in pairwise(TEFF_EDGES):
        here = (labels[:, 0] >= low) & (labels[:, 0] < high)
        by_teff[f"{low}-{high} K"] = {
            "nodes": int(here.sum()),
            "rms": float(np.sqrt((error[here] ** 2).mean())),
        }
    return {
        "rms": float(np.sqrt((error**2).mean())),
        "percentile_99": float(np.percentile(size, 99)),
        "median_star_rms": float(np.median(by_star)),
        "largest": float(size.max()),
        "by_teff": by_teff,
        "worst": [{"labels": labels[i].round(2).tolist(), "rms": float(by_star[i])} for i in worst],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the simulator's emulator.")
    parser.add_argument("--nature", choices=EMULATOR_FILES, default="a")
    parser.add_argument(
        "--first", type=int, help="hold out a tenth of this many first nodes (default: of all)"
    )
    args = parser.parse_args()
    labels, flux = grid_labels(args.nature), grid_flux(args.nature)
    train, held_out = split(len(labels), args.first or len(labels))
    base = emulate(labels[:, :4], labels[:, 4]) if args.nature != "a" else np.zeros((1, 1), np.float32)
    arrays = fit_emulator(labels[train], (flux - base)[train].astype(np.float64), COMPONENTS[args.nature])
    with np.load(PHOTOSPHERES) as stored:
        arrays["photospheres"] = stored["labels"]
    single = {name: arrays[name].astype(np.float32) for name in ("components", "mean")}
    path = EMULATOR_FILES[args.nature]
    with atomic(path) as stream:
        np.savez_compressed(stream, **(arrays | single), held_out=held_out)

    emulator.stored.cache_clear()  # what was just written is what is measured
    guess = emulate(labels[held_out, :4], labels[held_out, 4], args.nature)
    figures = {"trained_on": len(train), "held_out": len(held_out)}
    report = json.dumps(figures | figures_of(labels[held_out], guess - flux[held_out]), indent=1)
    write_text(path.with_suffix(".json"), report + "\n")
    print(report)


if __name__ == "__main__":
    main()
