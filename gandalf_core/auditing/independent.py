"""An independent measuring instrument: labels and nuisances read from spectra without noise.

It knows the simulator and nothing of the audited model: a network trained on the true spectra of its own
simulated stars. Shapes: N stars, L pixels, Q quantities (labels, then nuisances).
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ..data.spectra import SpectraSet
from ..parameters import LABELS
from ..seeds import INSTRUMENT_SEED
from ..simulator import READABLE_NUISANCES, nuisance_values, simulate, true_labels, truth

QUANTITIES = (*LABELS, *READABLE_NUISANCES)
STARS = 6000
# rms of the noise it is trained under, about what a reconstruction misses: otherwise it would read trifles
ROUGHNESS = 0.003
COMPONENTS = 60  # in their natural scale: whitened, the weak components would drown the strong
Instrument = Callable[[np.ndarray], np.ndarray]


def true_values(stars: SpectraSet) -> np.ndarray:
    """(N, Q) labels and nuisances of simulated stars, in the order of QUANTITIES."""
    values = nuisance_values(stars)
    return np.column_stack([true_labels(stars), *(values[n] for n in READABLE_NUISANCES)])


@lru_cache(maxsize=2)
def instrument(pixels: int = 800, stars: int = STARS) -> Instrument:
    """A reader: (N, L) spectra without noise on the simulator's grid → (N, Q) quantities.

    It reads true spectra with R² above .99 (.97 for alphafe). Trained once per process, in about 20 s on one
    core.
    """
    from sklearn.decomposition import PCA
    from sklearn.neural_network import MLPRegressor

    sample = simulate(stars, INSTRUMENT_SEED, pixels=pixels)
    clean = truth(sample, without=("model_error",)).flux
    rough = clean + ROUGHNESS * np.random.default_rng(INSTRUMENT_SEED).standard_normal(clean.shape).astype(
        np.float32
    )
    components = PCA(COMPONENTS, random_state=0).fit(clean)
    unit = components.transform(clean)[:, 0].std()
    values = true_values(sample)
    centre, spread = values.mean(0), values.std(0)
    network = MLPRegressor(
        hidden_layer_sizes=(256, 128),
        alpha=1e-4,
        max_iter=150,
        early_stopping=True,
        n_iter_no_change=12,
        random_state=0,
    ).fit(components.transform(rough) / unit, (values - centre) / spread)

    def reader(flux: np.ndarray) -> np.ndarray:
        return network.predict(components.transform(flux) / unit) * spread + centre

    return reader
