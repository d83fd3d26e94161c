"""A toy world for tests: smooth "spectra" whose pixels depend on the labels, and small configurations."""

import numpy as np
import torch

from gandalf_core.config.presets import preset
from gandalf_core.config.schema import Config, with_fields
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.parameters import LABELS
from gandalf_core.training import knowledge, reader_networks

torch.set_num_threads(1)
knowledge.MAX_PASSES = 6  # tests of that classifier set the real number
# those of regressors take the fixture `whole_regressors`
reader_networks.FEWEST_STEPS, reader_networks.FEWEST_PASSES = 200, 8
PIXELS = 48
WAVELENGTH_NM = np.linspace(846.25, 869.75, PIXELS)  # 0.5 nm apart
STELLAR_RANGES = {"teff": (4000, 7000), "logg": (1.5, 5.0), "mh": (-2.0, 0.5), "alphafe": (-0.1, 0.4)}
SMALL = {
    "model.latent_size": 6,
    "model.encoder_hidden": (32,),
    "model.decoder_hidden": (32,),
    "adversary.hidden": (16,),
    "adversary.bins": 5,
    "training.batch_size": 64,
    "training.epochs": 2,
    "training.validation_fraction": 0.1,
}
WITHOUT_GRID = {  # the simulator's grid takes a second, and toy stars are no stars
    "model.mean_hidden": (16,),
    "model.mean_networks": 2,
    "model.mean_start": "none",
    "model.nuisance_responses": False,
}


def toy_stars(
    n: int = 400, seed: int = 0, names: tuple[str, ...] = LABELS, noise: float = 0.01, missing: float = 0.0
) -> SpectraSet:
    """n stars: independent uniform labels, flux a tanh of a fixed mixture of them, and noise.

    missing: the fraction of labels that are NaN.
    """
    rng = np.random.default_rng(seed)
    unit = rng.uniform(-1, 1, (n, len(names)))
    mixture = np.random.default_rng(99).normal(size=(len(names), PIXELS)) * 0.1
    flux = 1 + np.tanh(unit @ mixture) + noise * rng.normal(size=(n, PIXELS))
    low, high = np.array([STELLAR_RANGES.get(n, (0.0, 1.0)) for n in names]).T
    labels = low + (unit + 1) / 2 * (high - low)
    labels[rng.random(labels.shape) < missing] = np.nan
    ids = [f"toy{seed}-{k}" for k in range(n)]
    return SpectraSet(
        flux,
        WAVELENGTH_NM,
        ids,
        labels,
        names,
        np.full(flux.shape, noise),
        provenance={"source": "toy world"},
    )


def toy_config(name: str = "physical-removed", labels: tuple[str, ...] = LABELS, **changes) -> Config:
    """A small version of a preset. Changes are named by path, with __ for the dot: model__noise=0.3."""
    config = preset(name, labels)
    small = SMALL | ({"model.mean_hidden": (16,)} if config.model.mean_hidden else {})
    if config.model.mean_start == "grid":
        small |= WITHOUT_GRID
    return with_fields(config, small | {path.replace("__", "."): value for path, value in changes.items()})


def small_start(monkeypatch, nodes: int) -> None:
    """Let a mean spectrum start from few nodes of the simulator's grid, averaged over few nuisances."""
    from gandalf_core.simulator import expected
    from gandalf_core.training import grid_nodes, kernel_fit

    monkeypatch.setattr(grid_nodes, "NODES", nodes)
    monkeypatch.setattr(grid_nodes, "REGION_POINTS", 300)
    monkeypatch.setattr(kernel_fit, "ITERATIONS", 6)
    monkeypatch.setattr(expected, "STRATA", 2)
    monkeypatch.setattr(expected, "DRAWS_IN_STRATUM", 128)
