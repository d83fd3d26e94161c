"""The code that a page offers gives the numbers that the page draws."""

import shlex

import numpy as np
import pytest

from gandalf_core import load_model, read_stars, simulate, write_stars
from gandalf_core.cli import main
from gandalf_core.publishing.code import Model, Stars, decoding, mapping, predicting


@pytest.fixture(scope="module")
def generator():
    return load_model("generator")


def run(code: str) -> dict:
    """The names that the code has defined."""
    names: dict = {}
    exec(code, names)
    return names


def run_shell(command: str, folder, monkeypatch) -> None:
    """The lines of a command, without a shell: Python code is run here, and `gandalf` is called."""
    monkeypatch.chdir(folder)
    for line in filter(None, command.splitlines()):
        program, *arguments = shlex.split(line, comments=True) or ["#"]
        if program == "python":
            exec(arguments[1], {})
        elif program == "gandalf":
            assert main(arguments) == 0


def test_a_decoded_star_under_other_labels(generator, tmp_path, monkeypatch):
    star = generator.on_grid(simulate(5, seed=3)[4])
    z = generator.encode(star).z[0]
    labels = star.labels.copy()
    labels[0, generator.label_names.index("teff")] = 6500.0
    drawn = generator.decode(z[None], labels)[0]
    code = decoding(Model("generator", True), Stars(ids=["sim3-4"]), {"teff": 6500.0}, z, edited=False)
    np.testing.assert_allclose(run(code.python)["flux"], drawn, atol=1e-6)
    run_shell(code.command, tmp_path, monkeypatch)
    np.testing.assert_allclose(read_stars(tmp_path / "spectrum.npz").flux[0], drawn, atol=1e-6)


def test_an_edited_latent_has_python_alone(generator):
    star = generator.on_grid(simulate(1, seed=3))
    z = generator.encode(star).z[0] + np.float32(0.3)
    code = decoding(Model("generator", True), Stars(ids=["sim3-0"]), {}, z, edited=True)
    drawn = generator.decode(z[None], star.labels)[0]
    np.testing.assert_allclose(run(code.python)["flux"], drawn, atol=1e-6)
    assert not code.command and code.why_not == "the command line cannot set a latent"


@pytest.mark.parametrize("kind", ["source", "file"])
def test_predictions(generator, kind, tmp_path, monkeypatch):
    stars = simulate(6, seed=8)
    write_stars(tmp_path / "my stars.npz", stars)
    named = Stars(source="simulated:6:8") if kind == "source" else Stars(file="my stars.npz")
    monkeypatch.chdir(tmp_path)
    code = predicting(Model("generator", True), named, "spectrum")
    drawn = generator.predict(generator.on_grid(stars), source="spectrum", verdicts=False)
    np.testing.assert_allclose(run(code.python)["predictions"].values, drawn.values, rtol=1e-6)
    run_shell(code.command, tmp_path, monkeypatch)
    written = np.genfromtxt(tmp_path / "predictions.csv", delimiter=",", names=True, usecols=[1, 2])
    np.testing.assert_allclose(written["teff"], drawn.values[:, 0], rtol=1e-5)


def test_a_stored_map_and_stars_placed_in_it():
    model = load_model("autoencoder")
    method = "pca"
    projection = model.projections[f"latent-{method}"]
    found = run(mapping(Model("autoencoder"), "latent", method, None).python)
    np.testing.assert_array_equal(found["xy"], projection.xy)
    code = mapping(Model("autoencoder"), "latent", method, Stars(source="simulated:4:8"))
    placed = run(code.python)
    expected = projection.place(model.encode(model.on_grid(simulate(4, seed=8))).z)
    np.testing.assert_allclose(placed["xy"], expected, atol=1e-4)
    assert placed["ids"].tolist() == [f"sim8-{k}" for k in range(4)]
    assert code.command == (
        f"gandalf project autoencoder simulated:4:8 --of latent --method {method} --place map.csv\n"
    )
