"""Store values of twenty stars by every shipped model; `tests/test_shipped_models.py` compares with them.

    python scripts/shipped_values.py [--noise | --scores]

Run it only after new models were trained; with --noise after the noise of latents has changed, with --scores
after chi² or the outlier score is defined otherwise: they replace what depends on it, and nothing else. The
spectra are stored too, so that a change of the simulator does not look like a change of the models.
"""

import argparse
from pathlib import Path

import numpy as np

from gandalf_core import list_models, load_model, simulate
from gandalf_core.atomic import atomic
from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.trained import TrainedModel
from gandalf_core.parameters import LABELS
from gandalf_core.seeds import GOLDEN_SEED

FILE = Path(__file__).resolve().parent.parent / "tests" / "golden" / "shipped_models.npz"
STARS, KEY = 20, NoiseKey.from_seed(0)
SCORES = ("chi2", "outlier_score")
SPECTRA = ("flux", "flux_error", "wavelength_nm", "ids", "labels")


def values(model: TrainedModel, stars: SpectraSet) -> dict[str, np.ndarray]:
    """Latents, spectra decoded under the stars' own labels, and predictions: all that a user sees."""
    model = model.under(KEY)
    latents, predictions = model.encode(stars), model.predict(stars)
    return {
        "z": latents.z,
        "flux": model.decode(latents, stars.labels_for(model.label_names)),
        "values": predictions.values,
        "errors": predictions.errors,
        "chi2": predictions.chi2,
        "outlier_score": predictions.outlier_score,
        # error bars know how well the reconstruction fits, which is drawn from the noisy latent
        "spectrum_errors": model.predict_from_spectrum(stars)[1],
    }


def values_without_noise(model: TrainedModel, stars: SpectraSet) -> dict[str, np.ndarray]:
    """The mean latent, spectra decoded from it, and labels read from the spectrum itself."""
    mean = model.encode_mean(stars)
    read, _ = model.predict_from_spectrum(stars)
    flux = model.decode(mean, stars.labels_for(model.label_names))
    return {"mean": mean, "mean_flux": flux, "spectrum_values": read}


def main() -> None:
    parser = argparse.ArgumentParser(description="store values of twenty stars by every shipped model")
    parser.add_argument("--noise", action="store_true", help="only what depends on the noise of the latent")
    parser.add_argument("--scores", action="store_true", help="only chi² and the outlier score")
    args = parser.parse_args()
    replaced = SCORES if args.scores else None
    if args.noise or args.scores:
        stored = dict(np.load(FILE, allow_pickle=False))
        flux, error, wavelength_nm, ids, labels = (stored[name] for name in SPECTRA)
        stars = SpectraSet(flux, wavelength_nm, ids, labels, LABELS, error)
        models = [load_model(info.path) for info in list_models()]
        models = [m for m in models if args.scores or m.config.model.noise]
    else:
        stars = simulate(STARS, seed=GOLDEN_SEED)
        stored = {name: getattr(stars, name) for name in SPECTRA}
        models = [load_model(info.path) for info in list_models()]
        for model in models:
            arrays = values_without_noise(model, stars)
            stored |= {f"{model.name}.{name}": array for name, array in arrays.items()}
    for model in models:
        found = values(model, stars)
        stored |= {
            f"{model.name}.{n}": array for n, array in found.items() if replaced is None or n in replaced
        }
    with atomic(FILE) as stream:
        np.savez_compressed(stream, allow_pickle=False, **stored)


if __name__ == "__main__":
    main()
