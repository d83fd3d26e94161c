"""Train the emulator, labels -> spectrum at R = 11,500, on nine tenths of the grid; measure it on the rest.

    PYTHONPATH=. python scripts/train_emulator.py

Reads data/rvs_grid.npz; writes data/emulator.npz (the network) and data/emulator.json (its errors). Takes
about a minute on one core.
"""

import argparse
import json
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from gandalf_core.atomic import atomic, write_text
from gandalf_core.simulator.emulator import EMULATOR_FILE, features
from gandalf_core.simulator.grids import grid_flux, grid_labels

COMPONENTS = 120
WIDTH = 300
# Nodes of the photosphere grid, which was interpolated linearly between them: (column of the labels, node).
NODES = (
    [(0, t) for t in range(4500, 7000, 500)]
    + [(1, 0.5 * g) for g in range(4, 10)]
    + [(2, m) for m in (-2, -1, -0.5, 0)]
)


def split(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on, and those of the held-out tenth; always the same."""
    order = np.random.default_rng(0).permutation(n)
    return order[n // 10 :], order[: n // 10]


def input_arrays(labels: np.ndarray) -> dict[str, np.ndarray]:
    """The hinges and the standardisation that `features` applies."""
    arrays = {
        "hinge_label": np.array([c for c, _ in NODES]),
        "hinge_at": np.array([a for _, a in NODES], float),
    }
    raw = features(labels, arrays | {"input_mean": 0.0, "input_scale": 1.0}).astype(np.float64)
    return arrays | {"input_mean": raw.mean(0), "input_scale": raw.std(0)}


def train_network(
    x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor, epochs: int, batch: int = 64
) -> nn.Sequential:
    """A network x (N, D) -> y (N, K), trained by Adam with a one-cycle learning rate.

    weight: (K,) what an error in each output costs in flux.
    """
    sizes = [x.shape[1], WIDTH, WIDTH, WIDTH]
    hidden = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.SiLU())]
    network = nn.Sequential(*hidden, nn.Linear(WIDTH, y.shape[1]))
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 3e-3, total_steps=epochs * (len(x) // batch), pct_start=0.1
    )
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for i in range(0, len(x) - batch + 1, batch):
            rows = order[i : i + batch]
            loss = (weight * (network(x[rows]) - y[rows]) ** 2).sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network


def fit_emulator(labels: np.ndarray, flux: np.ndarray, epochs: int) -> dict[str, np.ndarray]:
    """The emulator's arrays from training labels (N, 4) and spectra (N, L)."""
    mean = flux.mean(0)
    components = np.linalg.svd(flux - mean, full_matrices=False)[2][:COMPONENTS]
    amplitude = (flux - mean) @ components.T
    # a compromise between equal scales and equal weights: it trains fastest
    scale = np.sqrt(amplitude.std(0) * amplitude.std(0).max())
    arrays = input_arrays(labels)
    weight = torch.tensor((scale / scale.max()) ** 2)
    network = train_network(
        torch.tensor(features(labels, arrays)), torch.tensor(amplitude / scale), weight, epochs
    )
    linear = [m for m in network if isinstance(m, nn.Linear)]
    for i, layer in enumerate(linear):
        arrays |= {f"weight{i}": layer.weight.detach().numpy().T, f"bias{i}": layer.bias.detach().numpy()}
    arrays[f"weight{len(linear) - 1}"] = arrays[f"weight{len(linear) - 1}"] * scale
    arrays[f"bias{len(linear) - 1}"] = arrays[f"bias{len(linear) - 1}"] * scale
    return arrays | {"layers": np.array(len(linear)), "components": components, "mean": mean}


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the simulator's emulator.")
    parser.add_argument("--epochs", type=int, default=250)
    epochs = parser.parse_args().epochs
    torch.set_flush_denormal(True)  # vanishing moments of the last components would slow every step tenfold
    torch.manual_seed(0)
    labels, flux = grid_labels(), grid_flux()
    train, held_out = split(len(labels))
    arrays = fit_emulator(labels[train], flux[train], epochs)
    with atomic(EMULATOR_FILE) as stream:
        np.savez(stream, held_out=held_out, **arrays)

    from gandalf_core.simulator.emulator import emulate  # reads what was just written

    error = np.abs(emulate(labels[held_out]) - flux[held_out])
    figures = {
        "trained_on": len(train),
        "held_out": len(held_out),
        "epochs": epochs,
        "rms": float(np.sqrt((error**2).mean())),
        "percentile_99": float(np.percentile(error, 99)),
        "median_star_rms": float(np.median(np.sqrt((error**2).mean(1)))),
        "largest": float(error.max()),
    }
    report = json.dumps(figures, indent=1)
    write_text(EMULATOR_FILE.with_suffix(".json"), report + "\n")
    print(report)


if __name__ == "__main__":
    main()
