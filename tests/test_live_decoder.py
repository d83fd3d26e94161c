"""The decoder in the browser computes what Python's does: its JavaScript, run by Node on packed weights."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import toy_config, toy_stars

from gandalf_core.models.browser import decoder_spec
from gandalf_core.models.fit import bare_model
from gandalf_core.simulator import expected
from gandalf_core.training import grid_nodes, kernel_fit
from gandalf_core.training.own_lines import LineFit
from gandalf_core.training.trainer import Trainer
from pages.ui.components import live_decoder

COMPONENTS = Path(live_decoder.__file__).parents[1]
SOURCES = ("canvas.js", "live_decoder/start.js", "live_decoder/decoder.js")
RESPONSES = {"model__mean_start": "grid", "model__nuisance_responses": True, "model__mean_hidden": ()}
SQUASHED = {"model__output_activation": "sigmoid", "model__flux_scaling": "range"}
# unpack() of canvas.js reads the bytes that Python packed; the page's own globals are not there
RUN = """
const fs = require("node:fs")
const [bytes, cases] = [fs.readFileSync(process.argv[2]), JSON.parse(fs.readFileSync(process.argv[3]))]
const decoder = new Decoder(unpack(new Uint8Array(bytes)))
console.log(JSON.stringify(cases.map(({ z, labels }) => Array.from(decoder.run(z, labels)))))
"""
pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node runs the page's JavaScript")


def in_the_browser(model, z, labels, folder):
    """(N, L) flux as the page computes it."""
    sources = [
        COMPONENTS / "canvas.js",
        *(COMPONENTS / "live_decoder" / f for f in ("start.js", "decoder.js")),
    ]
    script = "\n".join(["globalThis.window = {}", *(s.read_text("utf-8") for s in sources), RUN])
    (folder / "run.cjs").write_text(script, "utf-8")
    (folder / "weights").write_bytes(live_decoder.packed(decoder_spec(model), "key"))
    named = [dict(zip(model.condition_on, row.tolist(), strict=True)) for row in labels]
    cases = [{"z": one.tolist(), "labels": own} for one, own in zip(z, named, strict=True)]
    (folder / "cases.json").write_text(json.dumps(cases), "utf-8")
    command = ["node", folder / "run.cjs", folder / "weights", folder / "cases.json"]
    return np.array(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))


def a_shift(labels, scaler):
    """Line strengths that depend on the labels."""
    rng, pixels = np.random.default_rng(0), len(scaler.wavelength_nm)
    low, high, spread = np.full(labels, -1.0), np.full(labels, 1.0), np.full(labels, 0.7)
    strengths, level = 0.1 * rng.standard_normal((1 + labels, pixels)), 0.01 * rng.standard_normal(pixels)
    fit = LineFit(low, high, np.zeros(labels), spread, strengths, level)
    return fit.shift(scaler.flux_offset, scaler.flux_scale)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "generator", "model__mean_start": "grid", "model__mean_hidden": ()},
        {"name": "generator", "model__mean_start": "grid", "model__mean_networks": 2},
        {"name": "generator", **RESPONSES},
        {"name": "generator", **RESPONSES, "model__mean_hidden": (16,), "model__mean_networks": 2},
        {"name": "generator", **RESPONSES, "model__components": 0},
        {"name": "generator", "model__mean_start": "grid", "model__mean_hidden": (), "model__components": 0},
        {"name": "physical-removed", "model__components": 0},
        {
            "name": "paper-physical-removed",
            "model__output_activation": "sigmoid",
            "model__flux_scaling": "range",
        },
    ],
    ids=str,
)
def test_the_page_decodes_as_python_does(changes, tmp_path, monkeypatch):
    monkeypatch.setattr(grid_nodes, "NODES", 300)
    monkeypatch.setattr(kernel_fit, "ITERATIONS", 10)
    monkeypatch.setattr(expected, "STRATA", 2)
    stars = toy_stars(200)
    trainer = Trainer(stars, toy_config(training__epochs=1, training__mean_epochs=2, **changes), "cpu")
    next(trainer.epochs())
    if trainer.decoder.responses is not None:
        with torch.no_grad():
            trainer.decoder.responses.reading.weight.mul_(5)  # they count
    if trainer.decoder.mean is not None:  # stars of another kind have corrected it
        trainer.decoder.shift = a_shift(len(trainer.config.model.condition_on), trainer.scaler)
    model = bare_model(trainer, stars)
    z = model.encode_mean(stars[:6])
    labels = stars.labels[:6] + np.array([2000.0, -1.0, 0.2, 0.3]) * (np.arange(6)[:, None] % 2)
    assert np.abs(in_the_browser(model, z, labels, tmp_path) - model.decode(z, labels)).max() < 1e-5
