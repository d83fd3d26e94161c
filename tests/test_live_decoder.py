"""The decoder in the browser computes what Python's does: its JavaScript, run by Node on packed weights."""

import gzip
import json
import shutil
import subprocess

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from toy import toy_config, toy_stars

from gandalf_core import load_model
from gandalf_core.models.browser import decoder_spec, usual_inputs
from gandalf_core.models.fit import bare_model
from gandalf_core.places import explorer_folder
from gandalf_core.publishing.arrays import pack
from gandalf_core.publishing.decoder_view import packed, parts
from gandalf_core.publishing.rounding import rounded_weights
from gandalf_core.publishing.whitened import whitened
from gandalf_core.simulator import expected, simulate
from gandalf_core.training import grid_nodes, kernel_fit
from gandalf_core.training.own_lines import LineFit
from gandalf_core.training.trainer import Trainer
from pages.ui.components.delivery import NUMBERS, compressed

COMPONENTS = explorer_folder() / "pages" / "ui" / "components"
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


def in_the_browser(model, z, labels, folder, content=None):
    """(N, L) flux as the page computes it. content: of the decoder; by default all of it in full."""
    sources = [
        COMPONENTS / "canvas.js",
        *(COMPONENTS / "live_decoder" / f for f in ("start.js", "decoder.js")),
    ]
    script = "\n".join(["globalThis.window = {}", *(s.read_text("utf-8") for s in sources), RUN])
    (folder / "run.cjs").write_text(script, "utf-8")
    (folder / "weights").write_bytes(packed(decoder_spec(model), "key") if content is None else content)
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


@pytest.mark.parametrize("name", ["paper-physical-removed", "autoencoder"])
def test_a_network_without_a_grid_comes_in_few_bits_and_draws_the_same(name, tmp_path):
    model, rng = load_model(name), np.random.default_rng(3)
    (content,) = parts(decoder_spec(model), "key", usual_inputs(model))
    assert (
        len(compressed(content, NUMBERS))
        < 640_000
        < 0.63 * len(compressed(packed(decoder_spec(model), "key"), NUMBERS))
    )
    assert gzip.decompress(compressed(content, NUMBERS)) == content
    stars = simulate(20, seed=5)
    z, labels = model.encode_mean(stars), stars.labels_for(model.label_names)
    labels = labels + np.array([500.0, 0.5, 0.3, 0.1]) * rng.standard_normal((20, 4))
    z[::2, 3] = rng.uniform(*np.percentile(z[:, 3], [0, 100]), 10)
    given = labels[:, [model.label_names.index(n) for n in model.condition_on]]
    wrong = in_the_browser(model, z, given, tmp_path, content) - model.decode(z, labels)
    assert np.sqrt(np.square(wrong).mean()) < 4e-5 and np.abs(wrong).max() < 6e-4


@pytest.mark.parametrize("most", [0, 3, 127, 128, 1000, 32767])
def test_integers_of_any_size_come_out_as_they_went_in(most, tmp_path):
    whole = np.random.default_rng(most).integers(-most, most, (7, 13), endpoint=True).astype(float)
    whole[:, 0] = most
    content = pack({"key": "key"}, {}, {"whole": whole}, {"whole": 1.0})
    (tmp_path / "bytes").write_bytes(content)
    read = "console.log(JSON.stringify(Array.from(p.array(p.header.arrays.whole))))"
    script = f"const p = unpack(new Uint8Array(require('node:fs').readFileSync(process.argv[2])))\n{read}"
    source = (COMPONENTS / "canvas.js").read_text("utf-8")
    (tmp_path / "run.cjs").write_text(f"globalThis.window = {{}}\n{source}\n{script}", "utf-8")
    done = subprocess.run(["node", tmp_path / "run.cjs", tmp_path / "bytes"], capture_output=True, check=True)
    np.testing.assert_array_equal(np.reshape(json.loads(done.stdout), whole.shape), whole)


def test_roundings_make_up_for_each_other_where_inputs_go_together():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((500, 6)) @ rng.standard_normal((6, 80)) + 0.05 * rng.standard_normal(
        (500, 80)
    )
    weight, step = rng.standard_normal((30, 80)), 0.02
    whole = rounded_weights(weight, step, inputs)
    assert np.array_equal(whole, np.rint(whole)) and np.abs(step * whole - weight).max() < 5 * step
    wrong, plain = (inputs @ (step * w - weight).T for w in (whole, np.rint(weight / step)))
    assert np.square(wrong).mean() < 0.1 * np.square(plain).mean()


WEIGHTS = """
const fs = require("node:fs")
const { nodes, lengths, whitened } = JSON.parse(fs.readFileSync(process.argv[2]))
const as = list => Float32Array.from(list)
console.log(JSON.stringify(Array.from(unwhitened(as(nodes), as(lengths), as(whitened)))))
"""


def test_weights_of_a_kernel_survive_the_rounding_of_their_whitened_form(tmp_path):
    """Rounded themselves, they would be wrong by more than the function is large."""
    rng = np.random.default_rng(0)
    nodes = rng.random((600, 2), np.float32)
    lengths = np.array([0.4, 0.6], np.float32)
    x = rng.random((300, 2)) / lengths

    def kernel(points):
        return (1 + cdist(points, nodes / lengths.astype(float), "sqeuclidean") / 4) ** -2

    wanted = np.stack([np.sin(6 * nodes[:, 0]), nodes[:, 0] * nodes[:, 1] ** 2], 1)
    near = kernel(nodes / lengths.astype(float))
    weights = np.linalg.solve(near + 1e-7 * np.eye(600), wanted).astype(np.float32)
    step = 5e-5
    rounded = np.rint(whitened(nodes, lengths, weights) / step) * step
    sources = [COMPONENTS / "canvas.js", COMPONENTS / "live_decoder" / "start.js"]
    script = "\n".join(["globalThis.window = {}", *(s.read_text("utf-8") for s in sources), WEIGHTS])
    (tmp_path / "run.cjs").write_text(script, "utf-8")
    given = {"nodes": nodes, "lengths": lengths, "whitened": rounded}
    (tmp_path / "given.json").write_text(
        json.dumps({k: v.ravel().tolist() for k, v in given.items()}), "utf-8"
    )
    command = ["node", tmp_path / "run.cjs", tmp_path / "given.json"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    true = kernel(x) @ weights.astype(float)
    assert np.abs(kernel(x) @ np.reshape(found, (600, 2)) - true).max() < 5 * step
    scale = np.abs(weights).max() / 32767
    assert np.abs(kernel(x) @ (np.rint(weights / scale) * scale) - true).max() > 20 * step
