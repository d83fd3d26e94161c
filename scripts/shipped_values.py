"""Store values of twenty stars by every shipped model; `tests/test_shipped_models.py` compares with them.

    python scripts/shipped_values.py

Run it only after new models were trained. The spectra are stored too, so that a change of the simulator does
not look like a change of the models.
"""

from pathlib import Path

import numpy as np

from gandalf_core import list_models, load_model, simulate
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.trained import TrainedModel

FILE = Path(__file__).resolve().parent.parent / "tests" / "golden" / "shipped_models.npz"
STARS, SEED = 20, 4711


def values(model: TrainedModel, stars: SpectraSet) -> dict[str, np.ndarray]:
    """Latents, spectra decoded under the stars' own labels, and predictions: all that a user sees."""
    latents, predictions = model.encode(stars), model.predict(stars)
    return {
        "z": latents.z,
        "flux": model.decode(latents, stars.labels_for(model.label_names)),
        "values": predictions.values,
        "errors": predictions.errors,
        "chi2": predictions.chi2,
        "outlier_score": predictions.outlier_score,
    }


def main() -> None:
    stars = simulate(STARS, seed=SEED)
    stored = {name: getattr(stars, name) for name in ("flux", "flux_error", "wavelength_nm", "ids", "labels")}
    for info in list_models():
        results = values(load_model(info.path), stars)
        stored |= {f"{info.name}.{name}": array for name, array in results.items()}
    np.savez_compressed(FILE, **stored)


if __name__ == "__main__":
    main()
