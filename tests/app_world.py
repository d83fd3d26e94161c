"""Small trained models for the tests of the app: of simulated stars with four labels, and of toy stars.

Whoever imports this gets a Streamlit that looks at the installed packages, and compiles a script, once for
all tests.
"""

import json
from functools import cache
from pathlib import Path

from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import local_script_runner
from toy import toy_config, toy_stars

from gandalf_core.config.schema import with_fields
from gandalf_core.models.fit import Extras, train
from gandalf_core.models.store import save_model
from gandalf_core.parameters import LABELS
from gandalf_core.simulator import simulate

manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
local_script_runner.ScriptCache = cache(ScriptCache)
TWO, SIX = ("width", "depth"), (*LABELS, "vsini", "<b>odd</b>")
MAPS = ("pca", "tsne", "umap")
AUDIT = {
    "removed": {
        n: {
            "r2": 0.3,
            "probe": "mlp",
            "floor": 0.29,
            "excess": 0.003,
            "partial": 0.004,
            "p": 0.4,
            "detectable": 0.0091,
            "upper": 0.0123,
            "bits": 0.0,
            "strata": [
                {"label": "mh", "side": "low", "limit": -1.5, "stars": 30, "partial": 0.01, "p": 0.3},
            ],
            "removal_fraction": 0.97,
            "stars": 500,
        }
        for n in ("teff", "logg")
    },
    "kept": {n: {"r2": 0.9, "probe": "ridge", "loss": 0.004} for n in ("mh", "alphafe")},
    "references": {"spectrum": {n: {"r2": 0.95} for n in LABELS}},
    "counterfactual": {"teff": {"relative_error": 0.21, "drift": {}}},
}
FIRST = {"r2": 0.3, "floor": 0.29, "excess": 0.01, "interval": [-0.001, 0.015], "flagged": False}
FIRST_EDITION = AUDIT | {"removed": {n: FIRST | {"probe": "mlp"} for n in ("teff", "logg")}}


def build(folder: Path) -> Path:
    """Models of 260 simulated stars (three presets) and of toy stars with two and six labels; the folder."""
    stars = simulate(260, seed=0)
    spectrum = None
    for name in ("autoencoder", "physical-removed", "generator"):
        extras = Extras(MAPS, MAPS if name == "autoencoder" else (), 52, spectrum, 8, "simulated:260:0")
        model = train(stars, with_fields(toy_config(name), {"name": name}), device="cpu", extras=extras)
        spectrum = spectrum or model.regressor_spectrum
        save_model(model, folder / name)
    (folder / "physical-removed" / "audit.json").write_text(json.dumps(AUDIT))
    for name, labels in (("two-labels", TWO), ("six-labels", SIX)):
        config = toy_config("bottleneck", labels, adversary__lambdas={labels[0]: 1.0, labels[1]: -1.0})
        save_model(
            train(
                toy_stars(200, names=labels),
                config,
                device="cpu",
                extras=Extras(("pca",), (), 40, None, 8, "toy"),
            ),
            folder / name,
        )
    return folder
