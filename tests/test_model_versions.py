"""Model folders of every released version are read, and say what they said (`scripts/model_fixture.py`)."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gandalf_core import __version__
from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import ModelError
from gandalf_core.models.cards import card_text
from gandalf_core.models.files import read_arrays
from gandalf_core.models.packing import add_model, pack_model
from gandalf_core.models.store import listing, load_model, record_audit, save_model, stored_audit
from gandalf_core.parameters import LABELS
from scripts.model_fixture import answers

DATA = Path(__file__).parent / "data"
FOLDERS = sorted(path for path in DATA.glob("model-*") if path.is_dir())
each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)


def said(folder: Path) -> tuple[dict, SpectraSet]:
    """What a model said when its version wrote it, and the stars of which it said that."""
    stored = read_arrays(DATA / f"{folder.name}-values.npz")
    spectra = [stored.pop(name) for name in ("flux", "wavelength_nm", "ids", "labels", "flux_error")]
    flux, wavelength_nm, ids, labels, error = spectra
    return stored, SpectraSet(flux, wavelength_nm, ids, labels, LABELS, error)


def check(model, folder: Path) -> None:
    stored, stars = said(folder)
    model = model.under(NoiseKey.from_seed(0))
    found = answers(model, stars)
    assert set(found) == set(stored)
    for name, array in found.items():
        np.testing.assert_allclose(array, stored[name], rtol=2e-4, atol=2e-5, err_msg=name)


def test_there_is_a_folder_of_this_version():
    assert DATA / f"model-{__version__}" in FOLDERS


@each
def test_a_folder_of_an_earlier_version_says_what_it_said(folder):
    model = load_model(folder)
    check(model, folder)
    assert model.card["versions"]["gandalf_core"] == folder.name.removeprefix("model-")
    assert stored_audit(folder)["verdict"] == model.card["audit"]["verdict"]
    assert set(model.projections) == {"latent-pca", "latent-tsne"} and model.history[-1]["epoch"] == 2
    assert folder in [info.path for info in listing(DATA).models] and not listing(DATA).unusable
    assert card_text(folder.name, model.card).startswith(f"# {folder.name}\n")


@each
def test_its_card_tells_what_it_takes_to_make_it_again(folder):
    """Versions, seed, configuration and hashes."""
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    hashes = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    assert card["seed"] == 0 and {"gandalf_core", "python", "torch", "numpy"} <= set(card["versions"])
    assert card["hashes"] == {
        name: hashes[name]
        for name in (
            *("config.json", "weights.safetensors", "scaling.npz"),
            *("regressor-latent.npz", "regressor-spectrum.npz"),
        )
    }


@each
def test_it_can_be_packed_added_audited_and_saved_by_this_version(folder, tmp_path):
    added = add_model(pack_model(folder, tmp_path / "m.zip"), tmp_path / "models")
    check(load_model(added), folder)
    record_audit(added, {"removed": {}, "kept": {}, "untouched": {}, "counterfactual": {}, "stars": 3}, "s")
    check(load_model(added), folder)
    check(save_model(load_model(folder), tmp_path / "saved"), folder)


@each
def test_a_folder_from_the_future_says_so(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "m")
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    (copy / "manifest.json").write_text(json.dumps(manifest | {"format": 2, "gandalf_core": "7.0.0"}))
    with pytest.raises(ModelError, match=r"a later version \(7\.0\.0\) has written.*update it"):
        load_model(copy)


def test_the_shipped_folders_are_read_whether_they_have_a_manifest_or_not():
    models = listing(Path(__file__).parents[1] / "pretrained")
    assert len(models.models) == 6 and not models.unusable
