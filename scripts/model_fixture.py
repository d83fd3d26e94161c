"""Write a small model folder as this version does; `tests/test_model_versions.py` reads it for ever after.

    python scripts/model_fixture.py

Run it when a version is released, or when the format of model folders has changed: it writes
tests/data/model-VERSION and, beside it, what that model says of twenty stars. Folders of earlier versions
stay as they are. The model is of a toy world, with every kind of file; its regressors are linear, so that it
is small.
"""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gandalf_core import __version__
from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.files import write_arrays
from gandalf_core.models.fit import Extras, train
from gandalf_core.models.store import record_audit, save_model
from gandalf_core.models.trained import TrainedModel
from gandalf_core.regression.crossed import CrossedRegressor
from gandalf_core.regression.network import ArrayNetwork
from gandalf_core.regression.regressor import LabelGroup, Regressor

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "data"
SPECTRA = ("flux", "flux_error", "wavelength_nm", "ids", "labels")
STARS, SHOWN, KEY = 200, 20, NoiseKey.from_seed(0)
REPORT = {
    "stars": 40,
    "removed": {"teff": {"r2": 0.1, "excess": 0.01, "partial": 0.01, "upper": 0.02, "p": 0.5}},
    "kept": {"mh": {"r2": 0.9, "probe": "ridge", "loss": 0.01}},
    "untouched": {},
    "counterfactual": {"teff": {"relative_error": None}},
    "verdict": ["Teff is removed."],
}


def main() -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    from toy import toy_config, toy_stars

    stars = toy_stars(STARS)
    config = toy_config(model__encoder_hidden=[12], model__decoder_hidden=[12], model__latent_size=4)
    extras = Extras(maps=("pca", "tsne"), map_stars=30, regressor_epochs=3, source="toy world", key=KEY)
    model = train(stars, config, device="cpu", extras=extras)
    model = replace(
        model,
        regressor_latent=_small(model.regressor_latent, model.encode_mean(stars), stars, folds=2),
        regressor_spectrum=_small(
            model.regressor_spectrum, model.scaler.flux_in(stars.flux, stars.mask), stars, folds=0
        ),
    )
    place = FOLDER / f"model-{__version__}"
    shutil.rmtree(place, ignore_errors=True)
    save_model(model, place)
    record_audit(place, REPORT, "toy world")
    shown = toy_stars(SHOWN, seed=1)
    spectra = {name: getattr(shown, name) for name in SPECTRA}
    write_arrays(place.with_name(f"{place.name}-values.npz"), spectra | answers(model.under(KEY), shown))


def _small(regressor: Any, x: np.ndarray, stars: SpectraSet, folds: int) -> Regressor | CrossedRegressor:
    """A linear regressor with the scales of a fitted one and error bars of its own, in so many folds."""
    part = regressor.parts[0]
    columns = np.arange(len(part.names))
    inputs = np.hstack([x, np.log10(stars.snr)[:, None]]) if part.reads_snr else x
    standard = np.hstack([(inputs - part.x_mean) / part.x_scale, np.ones((len(x), 1))])
    target = (stars.labels - part.y_mean) / part.y_scale
    weights = np.linalg.lstsq(standard, target, rcond=None)[0].astype(np.float32)
    network = ArrayNetwork((weights[:-1],), (weights[-1],))
    linear = replace(part, groups=(LabelGroup(columns, (network,)),), summary=regressor.summary)
    linear = linear.conformed(x, stars.labels, stars.snr)
    return CrossedRegressor((linear,) * folds, regressor.summary) if folds else linear


def answers(model: TrainedModel, stars: SpectraSet) -> dict[str, np.ndarray]:
    """What the model makes of the stars."""
    latents, predictions = model.encode(stars), model.predict(stars)
    return {
        "z": latents.z,
        "decoded": model.decode(latents, stars.labels),
        "values": predictions.values,
        "errors": predictions.errors,
        "chi2": predictions.chi2,
        "from_spectrum": model.predict_from_spectrum(stars)[0],
        "map": model.projections["latent-pca"].place(latents.z),
    }


if __name__ == "__main__":
    main()
