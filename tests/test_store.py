"""Model folders: save → load to the bit, no pickles, and one line for whatever is wrong with one."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from gandalf_core import __version__
from gandalf_core.config.presets import preset
from gandalf_core.errors import GandalfError, ModelError
from gandalf_core.models.cards import EARLIER_NOTE, FIRST_GRID_NOTE, PROTECTION, card_text, describe, notes
from gandalf_core.models.store import find_model, list_models, load_model, record_audit, save_model
from gandalf_core.seeds import STANDARD_SAMPLE
from gandalf_core.simulator import EDITION

REGRESSORS = ("regressor-latent.npz", "regressor-spectrum.npz")
FILES = (
    "config.json",
    "weights.safetensors",
    "scaling.npz",
    "split.npz",
    "card.json",
    "history.jsonl",
    *REGRESSORS,
)


def test_save_and_load_is_bit_equal(model, stars, tmp_path):
    again = save_model(model, tmp_path / "toy-removed")
    assert (
        again.config == model.config and again.model_id == model.model_id and again.history == model.history
    )
    assert np.array_equal(again.encode(stars).z, model.encode(stars).z)
    assert np.array_equal(
        again.decode(model.encode(stars), stars.labels), model.decode(model.encode(stars), stars.labels)
    )
    for name in ("values", "errors", "chi2", "outlier_score"):
        assert np.array_equal(getattr(again.predict(stars), name), getattr(model.predict(stars), name)), name
    assert np.array_equal(again.projections["latent-pca"].xy, model.projections["latent-pca"].xy)
    assert again.ranges == model.ranges and again.card == model.card


def test_a_freshly_trained_model_equals_its_folder(stars, tmp_path):
    from toy import toy_config

    from gandalf_core.models.fit import Extras, train

    fresh = train(stars, toy_config("autoencoder"), device="cpu", extras=Extras(regressor_epochs=5))
    loaded = save_model(fresh, tmp_path / "m")
    assert np.array_equal(fresh.encode(stars).z, loaded.encode(stars).z)
    assert np.array_equal(fresh.predict(stars).values, loaded.predict(stars).values)


def test_a_folder_describes_itself_without_pickles(model_folder):
    there = {p.name for p in model_folder.rglob("*") if p.is_file()}
    assert there == {*FILES, "CARD.md", "manifest.json", "latent-pca.npz"}
    for path in model_folder.rglob("*.npz"):
        with np.load(path, allow_pickle=False) as file:
            assert all(file[k].dtype.kind != "O" for k in file.files)
    card = json.loads((model_folder / "card.json").read_text())
    assert (
        card["removed"] == ["teff", "logg"]
        and card["data"]["train"] == 320
        and card["data"]["source"] == "toy world"
    )
    text = (model_folder / "CARD.md").read_text()
    signs = [line for line in text.splitlines() if "λ =" in line]
    assert ["removed" in s for s in signs] == [True, True, False, False] and ["kept" in s for s in signs] == [
        False,
        False,
        True,
        True,
    ]


def test_another_model_in_the_same_folder_leaves_nothing_of_the_first(copy, stars):
    from toy import toy_config

    from gandalf_core.models.fit import Extras, train

    record_audit(copy, REPORT, "simulated:3000:7")
    again = save_model(load_model(copy), copy)
    # the same model: all of it stays
    assert (copy / "audit.json").is_file() and "latent-pca" in again.projections
    other = save_model(
        train(stars, toy_config("autoencoder"), device="cpu", extras=Extras(regressor_epochs=3)), copy
    )
    assert not other.projections and not (copy / "audit.json").exists()


def test_a_save_that_is_cut_short_leaves_every_file_whole(copy, monkeypatch):
    model, before = load_model(copy), {path: path.read_bytes() for path in copy.rglob("*.*")}
    loaded = model.model_id

    def full_disk(stream, **arrays) -> None:
        stream.write(b"PK half of a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full_disk)
    with pytest.raises(GandalfError, match=r"npz: cannot be written \(No space left on device\)"):
        save_model(model, copy)
    assert {path: path.read_bytes() for path in copy.rglob("*.*")} == before
    monkeypatch.undo()
    assert load_model(copy).model_id == loaded


def test_a_card_tells_how_the_model_was_trained(model_folder):
    card = json.loads((model_folder / "card.json").read_text())
    config = load_model(model_folder).config
    assert card["recipe"]["name"] == "bottleneck" and card["recipe"]["epochs"] == config.training.epochs
    assert card["versions"]["gandalf_core"] == __version__
    text = (model_folder / "CARD.md").read_text()
    assert (
        "recipe `bottleneck`" in text
        and "encoder 32-6" in text
        and f"{config.training.epochs} epochs" in text
    )


def test_a_card_names_the_nuisances_known_in_training():
    data = {"source": "simulated:9", "train": 7, "test": 2, "seconds": 1.0}
    line = "nuisances known in training, so that z holds them: `broadening_kms`, `dib_depth`"
    for names, expected in ((("broadening_kms", "dib_depth"), True), ((), False)):
        text = card_text("generator", describe(preset("generator"), data, {}, True, names))
        assert (line in text) == expected == ("known in training" in text)


def test_a_card_says_whom_the_noise_protects_against_where_there_is_noise():
    data = {"source": "simulated:9", "train": 7, "test": 2, "seconds": 1.0}
    for name, noisy in (("generator", True), ("paper-physical-removed", False), ("autoencoder", False)):
        text = card_text(name, describe(preset(name), data, {}, True))
        assert all((sentence in text) == noisy for sentence in PROTECTION)


@pytest.mark.parametrize(
    ("simulated", "edition", "expected"),
    [
        (True, {}, [FIRST_GRID_NOTE, EARLIER_NOTE]),
        (True, {"edition": EDITION - 0.5}, [EARLIER_NOTE]),
        (True, {"edition": EDITION}, []),
        (False, {}, []),
    ],
)
def test_a_model_warns_of_what_an_earlier_simulator_got_wrong(simulated, edition, expected):
    data = {"source": "stars.parquet", "train": 7, "test": 2, "seconds": 1.0} | edition
    card = describe(preset("generator"), data, {}, simulated)
    assert notes(card) == expected
    assert all(sentence in card_text("generator", card) for sentence in expected)


@pytest.mark.parametrize("info", list_models(), ids=lambda info: info.name)
def test_shipped_cards_are_up_to_date_and_of_todays_simulator(info):
    assert (info.path / "CARD.md").read_text() == card_text(info.name, info.card)
    assert not notes(info.card) and info.card["data"]["source"] == STANDARD_SAMPLE


REPORT = {
    "stars": 3000,
    "removed": {"teff": {"excess": 0.0123, "partial": 0.0161, "upper": 0.0189}},
    "kept": {"mh": {"r2": 0.95}},
    "untouched": {},
    "counterfactual": {"teff": {"relative_error": 0.2}, "mh": {"relative_error": None}},
    "verdict": ["Teff is removed: so it seems.", "[M/H] is kept."],
}


def test_an_audit_is_kept_with_the_model_and_on_its_card(copy):
    record_audit(copy, REPORT, "simulated:3000:7")
    assert json.loads((copy / "audit.json").read_text()) == REPORT
    audit = load_model(copy).card["audit"]
    assert [audit[part]["teff"] for part in ("excess", "partial", "upper")] == [0.0123, 0.0161, 0.0189]
    text = (copy / "CARD.md").read_text()
    assert "simulated:3000:7" in text and "- Teff is removed: so it seems.\n" in text
    assert "| Teff | 0.016 | 0.019 | - | 0.200 |" in text
    assert "| \\[M/H\\] | - | - | 0.950 | - |" in text


def test_the_card_does_not_repeat_what_the_first_edition_said_of_removed_labels(copy):
    first = {"teff": {"excess": 0.0123, "interval": [0.0, 0.02], "flagged": False}}
    record_audit(copy, REPORT | {"removed": first}, "simulated:3000:7")
    text = (copy / "CARD.md").read_text()
    assert "- Teff was audited by the first edition: run the audit again.\n" in text
    assert "so it seems" not in text and "- \\[M/H\\] is kept.\n" in text and "0.012" not in text
    assert "| Teff | - | 0.200 |" in text, "sliders and kept labels are as they were"


@pytest.mark.parametrize(
    "name", ["config.json", "weights.safetensors", "scaling.npz", "split.npz", "card.json"]
)
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(ModelError) as caught:
        load_model(copy)
    assert name in str(caught.value) and str(copy) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("manifest", [True, False])
@pytest.mark.parametrize("damage", ["empty", "cut", "noise"])
@pytest.mark.parametrize("name", [*FILES, "projections/latent-pca.npz"])
def test_a_damaged_file_is_named(copy, name, damage, manifest):
    path = copy / name
    if not manifest:
        (copy / "manifest.json").unlink()
    content = path.read_bytes()
    path.write_bytes(
        {"empty": b"", "cut": content[: len(content) // 2], "noise": b"\x93\x01{nothing" * 50}[damage]
    )
    if name == "history.jsonl" and damage == "empty" and not manifest:
        assert load_model(copy).history == []
        return
    with pytest.raises(ModelError) as caught:
        load_model(copy)
    assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_arrays_that_do_not_fit_each_other_are_refused(earlier):
    copy = earlier
    with np.load(copy / "scaling.npz") as file:
        arrays = dict(file)
    arrays["scaler.flux_scale"] = arrays["scaler.flux_scale"][:-3]
    np.savez(copy / "scaling.npz", **arrays)
    with pytest.raises(ModelError, match=r"scaling\.npz"):
        load_model(copy)


def test_a_regressor_whose_arrays_do_not_fit_is_named(earlier):
    copy, path = earlier, earlier / "regressor-latent.npz"
    with np.load(path) as file:
        arrays = {k: v for k, v in file.items() if not k.endswith("y_scale")}
    np.savez(path, **arrays)
    with pytest.raises(
        ModelError, match=r"regressor-latent\.npz: a stored regressor lacks the array 'y_scale'"
    ):
        load_model(copy)


def test_a_pickle_in_disguise_is_refused(earlier):
    copy = earlier
    np.savez(copy / "split.npz", train_ids=np.array([{"a": 1}], dtype=object), test_ids=np.array(["b"]))
    with pytest.raises(ModelError, match=r"split\.npz"):
        load_model(copy)


def test_the_weights_of_another_configuration_are_refused(earlier):
    copy = earlier
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps(card | {"latent_size": 7}))
    config = json.loads((copy / "config.json").read_text())
    config["model"]["latent_size"] = 7
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"weights\.safetensors"):
        load_model(copy)


def test_optional_parts_may_be_left_out(earlier, stars):
    copy = earlier
    for name in REGRESSORS:
        (copy / name).unlink()
    shutil.rmtree(copy / "projections")
    model = load_model(copy)
    assert model.projections == {} and model.regressor_latent is None and model.regressor_spectrum is None
    assert model.encode(stars).z.shape == (400, 6)


def test_what_two_maps_share_is_stored_once(model, tmp_path):
    """UMAP and t-SNE place new stars by the same latents; a folder without the file that has them says so."""
    first = model.projections["latent-pca"]
    second = replace(first, method="tsne", xy=first.xy[::-1].copy())
    maps = {"latent-pca": first, "latent-tsne": second}
    again = save_model(replace(model, projections=maps), tmp_path / "two").projections
    for name, projection in maps.items():
        for key, array in projection.arrays().items():
            assert np.array_equal(again[name].arrays()[key], array), (name, key)
    pca, tsne = (tmp_path / "two" / "projections" / f"{name}.npz" for name in maps)
    with np.load(tsne) as file:
        assert "xy" in file.files and "x" not in file.files
    pca.unlink()
    (tmp_path / "two" / "manifest.json").unlink()
    with pytest.raises(ModelError, match=r"latent-tsne\.npz.*latent-pca\.npz"):
        load_model(tmp_path / "two")


def test_models_are_found_by_folder_or_by_their_name_in_pretrained(model_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("GANDALF_PRETRAINED", str(model_folder.parent))
    assert load_model("toy-removed").name == "toy-removed"
    assert find_model(str(model_folder)) == model_folder.resolve()
    with pytest.raises(ModelError, match=r"nothing-here.*toy-removed"):
        load_model("nothing-here")
    with pytest.raises(ModelError, match="runs"):  # a path is a path: it never falls back to a shipped model
        load_model(tmp_path / "runs" / "toy-removed")


def test_names_are_looked_up_in_further_folders_and_the_shipped_one_comes_first(
    model_folder, tmp_path, monkeypatch
):
    for name in ("mine", "toy-removed"):
        shutil.copytree(model_folder, tmp_path / "further" / name)
    monkeypatch.setenv("GANDALF_PRETRAINED", str(model_folder.parent))
    monkeypatch.setenv("GANDALF_MODELS", os.pathsep.join([str(tmp_path / "gone"), str(tmp_path / "further")]))
    paths = {info.name: info.path for info in list_models()}
    assert paths == {"toy-removed": model_folder, "mine": tmp_path / "further" / "mine"}
    for name, path in paths.items():
        assert find_model(name) == path.resolve()
    with pytest.raises(ModelError, match=r"toy-removed.*mine"):
        find_model("nothing-here")


def test_listing_passes_over_folders_that_are_no_models(model_folder, tmp_path):
    shutil.copytree(model_folder, tmp_path / "b-model")
    (tmp_path / "a-broken").mkdir()
    (tmp_path / "a-broken" / "card.json").write_text("{")
    (tmp_path / "other").mkdir()
    shutil.copytree(model_folder, tmp_path / ".b-model.new")  # as `pretrain` copies it, under another name
    infos = list_models(tmp_path)
    assert [m.name for m in infos] == ["b-model"] and infos[0].card["latent_size"] == 6
