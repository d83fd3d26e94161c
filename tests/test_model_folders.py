"""A model folder is the old one or the new one whatever ends its writer, and a stranger's harms nobody."""

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from gandalf_core.errors import GandalfError, ModelError
from gandalf_core.models import folder as folders
from gandalf_core.models.card_schema import checked_card
from gandalf_core.models.store import (
    install_model,
    list_models,
    listing,
    load_model,
    record_audit,
    save_model,
    stored_audit,
)

ROOT = Path(__file__).parents[1]
REPORT = {
    "stars": 3000,
    "removed": {"teff": {"excess": 0.0123, "partial": 0.0161, "upper": 0.0189}},
    "kept": {"mh": {"r2": 0.95}},
    "untouched": {},
    "counterfactual": {"teff": {"relative_error": 0.2}},
    "verdict": ["Teff is removed: so it seems."],
}
LISTED = (
    *("config.json", "weights.safetensors", "scaling.npz", "split.npz", "card.json", "history.jsonl"),
    *("regressor-latent.npz", "regressor-spectrum.npz", "projections/latent-pca.npz"),
)


class Killed(BaseException):
    """Stands for a signal: nothing of the program runs afterwards."""


@pytest.fixture(scope="session")
def other(stars):
    """A model of other weights, without maps."""
    from toy import toy_config

    from gandalf_core.models.fit import Extras, train

    return train(stars, toy_config("autoencoder"), device="cpu", extras=Extras(regressor_epochs=3))


def contents(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file, hidden ones included."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


# --- the manifest ---


def test_the_manifest_has_the_hash_of_every_file(copy):
    manifest = json.loads((copy / "manifest.json").read_text())
    found = contents(copy)
    assert manifest["files"] == {name: found[name] for name in LISTED}
    assert manifest["format"] == 1 and manifest["gandalf_core"] == "0.1.0"


@pytest.mark.parametrize("name", LISTED)
def test_a_file_that_is_not_as_it_was_written_is_named(copy, name):
    """Also where it would do: a blank at the end of JSON, another file of the same kind."""
    with (copy / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(ModelError) as caught:
        load_model(copy)
    assert str(caught.value).startswith(f"{copy / name}: is not as it was written")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", LISTED)
def test_a_file_that_is_gone_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(ModelError, match=f"{copy / name}: is missing"):
        load_model(copy)


def test_a_file_of_another_model_is_named(copy):
    shutil.copy(copy / "projections" / "latent-pca.npz", copy / "projections" / "latent-tsne.npz")
    with pytest.raises(ModelError, match=r"latent-tsne\.npz: is not in manifest\.json"):
        load_model(copy)


def test_an_audit_that_somebody_put_there_by_hand_is_no_part_of_the_model(copy, model):
    (copy / "audit.json").write_text(json.dumps(REPORT))
    assert load_model(copy).identity == model.identity and stored_audit(copy) == REPORT


def test_what_is_not_a_models_is_left_alone(copy, other):
    (copy / "notes.txt").write_text("mine")
    (copy / "more").mkdir()
    (copy / "more" / "card.json").write_text("mine")
    save_model(other, copy)
    assert (copy / "notes.txt").read_text() == (copy / "more" / "card.json").read_text() == "mine"
    assert not (copy / "projections" / "latent-pca.npz").exists()


def test_folders_of_earlier_versions_load_and_get_a_manifest_with_their_next_audit(earlier, model, stars):
    assert np.array_equal(load_model(earlier).encode_mean(stars), model.encode_mean(stars))
    record_audit(earlier, REPORT, "simulated:3000:7")
    files = json.loads((earlier / "manifest.json").read_text())["files"]
    found = contents(earlier)
    assert files == {name: found[name] for name in (*LISTED, "audit.json")}
    again = load_model(earlier)
    assert again.card["audit"]["stars"] == 3000 and again.identity == model.identity


@pytest.mark.parametrize("change", [{"format": 2}, {"format": 99, "files": {"other.bin": "x"}}])
def test_a_folder_from_the_future_says_so(copy, change):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | change | {"gandalf_core": "3.4.5"}))
    with pytest.raises(ModelError, match=r"a later version \(3\.4\.5\) has written.*update"):
        load_model(copy)


def test_what_a_later_version_of_the_same_format_added_is_said_to_be_of_it(copy):
    """A field of the configuration that this version does not know."""
    config = json.loads((copy / "config.json").read_text())
    config["model"]["warp"] = 9
    (copy / "config.json").write_text(json.dumps(config))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["config.json"] = contents(copy)["config.json"]
    (copy / "manifest.json").write_text(json.dumps(manifest | {"gandalf_core": "0.2.0"}))
    with pytest.raises(ModelError, match=r"model\.warp.*a later version \(0\.2\.0\) has written it"):
        load_model(copy)


def test_a_card_of_another_model_is_refused_where_no_manifest_tells(earlier):
    card = json.loads((earlier / "card.json").read_text())
    (earlier / "card.json").write_text(json.dumps(card | {"removed": ["teff"], "kept": []}))
    with pytest.raises(ModelError, match=r"card\.json: its removed are not those of config\.json"):
        load_model(earlier)


# --- replaced as a whole ---

STEPS = ("replace", "rename", "fsync", "unlink", "rmdir", "mkdir", "open")


def killed_at(step: int, monkeypatch, work) -> bool:
    """Whether `work` was killed before its step of this number; nothing runs after that."""
    count = 0

    def counted(name):
        original = getattr(os, name)

        def call(*arguments, **options):
            nonlocal count
            count += 1
            if count > step:
                raise Killed
            return original(*arguments, **options)

        return call

    with monkeypatch.context() as patched:
        for name in STEPS:
            patched.setattr(os, name, counted(name))
        try:
            work()
        except Killed:
            return True
    return False


def test_a_kill_at_any_step_of_a_save_leaves_the_old_model_or_the_new_one(
    model_folder, other, tmp_path, monkeypatch
):
    """And the next save leaves nothing of it."""
    old = load_model(model_folder)
    old_weights = old.model_id.partition("@")[2]
    new = save_model(other, tmp_path / "new")
    seen, step, killed = set(), 0, True
    while killed:
        copy = shutil.copytree(model_folder, tmp_path / f"m{step}")
        killed = killed_at(step, monkeypatch, lambda copy=copy: save_model(other, copy))
        found = load_model(copy)
        weights = found.model_id.partition("@")[2]
        seen.add(weights)
        expected = old if weights == old_weights else new
        assert found.identity == expected.identity and found.card == expected.card, step
        assert list(found.projections) == list(expected.projections), step
        assert [info.card for info in listing(tmp_path).models if info.path == copy] == [expected.card]
        if step % 4 == 0:
            save_model(other, copy)
            name = {"CARD.md": contents(copy)["CARD.md"]}
            assert contents(copy) == contents(tmp_path / "new") | name, step
        shutil.rmtree(copy)
        step += 1 if step < 8 or step > 44 else 9  # few of the writing of the new files, all that follows
    assert seen == {old_weights, new.model_id.partition("@")[2]} and step > 60


def test_a_kill_at_any_step_of_an_audit_leaves_card_and_report_together(model_folder, tmp_path, monkeypatch):
    seen, step, killed = set(), 0, True
    while killed:
        copy = shutil.copytree(model_folder, tmp_path / f"m{step}")
        killed = killed_at(step, monkeypatch, lambda copy=copy: record_audit(copy, REPORT, "s"))
        recorded = "audit" in load_model(copy).card
        assert (stored_audit(copy) == REPORT) == recorded, step
        seen.add(recorded)
        record_audit(copy, REPORT, "s")
        assert set(contents(copy)) == {*LISTED, "audit.json", "CARD.md", "manifest.json"}
        shutil.rmtree(copy)
        step += 1
    assert seen == {True, False}


def test_an_installed_model_is_the_whole_other_one(model_folder, copy, other, tmp_path, monkeypatch):
    """`pretrain` puts its finished models in the place of the shipped ones in this way."""
    source = tmp_path / "source"
    save_model(other, source)
    record_audit(source, REPORT, "s")
    with pytest.raises(OSError, match="full"), monkeypatch.context() as patched:
        patched.setattr(folders, "_make_last", lambda new: (_ for _ in ()).throw(OSError("full")))
        try:
            install_model(source, copy)
        except GandalfError as error:
            assert "cannot be written (full)" in str(error)
            raise OSError("full") from error
    assert contents(copy) == contents(model_folder)
    install_model(source, copy)
    name = {"CARD.md": contents(copy)["CARD.md"]}
    assert contents(copy) == contents(source) | name
    assert (copy / "CARD.md").read_text().startswith("# copy\n")


@pytest.mark.parametrize("kind", ["projections", "calibrations"])
def test_nothing_is_written_that_nobody_could_read_again(copy, kind, monkeypatch):
    """Once a model with 50 calibrations took one more, and could not be opened any more."""

    def write(name: str, content: bytes) -> None:
        with folders.replacing(copy, lambda other: other != name) as new:
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_bytes(content)

    monkeypatch.setattr(folders.files, "MOST_OF_A_KIND", 3)
    there = len(list((copy / kind).glob("*.npz")))
    for k in range(there, 3):
        write(f"{kind}/own-{k}.npz", b"1")
    before = contents(copy)
    with pytest.raises(ModelError, match=f"copy/{kind}: 4 {kind}, at most 3 are possible; remove one, or"):
        write(f"{kind}/own-3.npz", b"1")
    size = sum(map(len, folders.read_folder(copy).files.values()))
    monkeypatch.setattr(folders.files, "MOST_BYTES", size + 1000)
    with pytest.raises(ModelError, match=r"at most \d+ MB are possible; it is not kept"):
        write(f"{kind}/own-2.npz", bytes(2000))
    assert contents(copy) == before and folders.read_folder(copy)[f"{kind}/own-2.npz"] == b"1"
    write(f"{kind}/own-2.npz", b"2")  # in place of one that is there
    assert folders.read_folder(copy)[f"{kind}/own-2.npz"] == b"2"


def test_readers_never_see_a_mixture_while_others_write(model_folder, other, tmp_path):
    copy = shutil.copytree(model_folder, tmp_path / "copy")
    first, second = load_model(copy), save_model(other, tmp_path / "other")
    known = {first.identity: first.card, second.identity: second.card}
    writers = [
        Thread(target=lambda m=m: [save_model(m, copy) for _ in range(6)]) for m in (first, other, first)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        found = load_model(copy)
        assert known[found.identity] == found.card
    assert not list(copy.glob(".*"))


FULL = """
import resource, sys
from gandalf_core.errors import GandalfError
from gandalf_core.models.store import load_model, save_model
model = load_model(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
for folder in sys.argv[2:]:
    try:
        save_model(model, folder)
    except GandalfError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_a_model_that_does_not_fit_is_one_line_and_the_old_one_stays(model_folder, other, tmp_path):
    save_model(other, tmp_path / "old")
    before = contents(tmp_path / "old")
    places = [str(tmp_path / place) for place in ("old", "new")]
    command = [sys.executable, "-c", FULL, str(model_folder), *places]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    for place, line in zip(places, ended.stdout.splitlines(), strict=True):
        assert line.startswith(place) and line.endswith("cannot be written (File too large)")
        assert ".new" not in line
    assert contents(tmp_path / "old") == before and not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_one_line(model, tmp_path):
    (tmp_path / "file").touch()
    for name in ("file", "file/model", "x" * 300):
        with pytest.raises(GandalfError, match="cannot be made"):
            save_model(model, tmp_path / name)


# --- strangers' folders ---


def unpacked(folder: Path, name: str, content: bytes) -> None:
    """Put a file into a folder and its hash into the manifest, as a stranger would."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@pytest.mark.parametrize(
    "card",
    [
        deep(100_000),
        "[" * 100_000,
        "null",
        "[]",
        "{}",
        '{"removed": 1}',
        "{" + "x" * 2_000_000,
        b"\xff\xfe\x00",
    ],
)
def test_a_bad_card_is_one_line_of_the_list_and_harms_no_other(model_folder, tmp_path, card):
    shutil.copytree(model_folder, tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "card.json").write_bytes(card if isinstance(card, bytes) else card.encode())
    found = listing(tmp_path)
    assert [info.name for info in found.models] == [m.name for m in list_models(tmp_path)] == ["good"]
    ((folder, line),) = found.unusable.items()
    assert folder == tmp_path / "bad" and line.startswith(f"{folder / 'card.json'}: ")
    assert "\n" not in line and len(line) < 400


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("latent_size", "6"),
        ("latent_size", 6.5),
        ("latent_size", True),
        ("noise", float("nan")),
        ("noise", 10**400),
        ("removed", "teff"),
        ("removed", [["teff"]]),
        ("lambdas", {"teff": "1"}),
        ("data.train", -1),
        ("data.seconds", None),
        ("figures.parameters", {"teff": {"r2": 1}}),
        ("figures.reconstruction_mse", "small"),
        ("caveats", ["x" * 30_000]),
        ("versions", {"torch": 2}),
        ("recipe.encoder", 512),
        ("added_later", json.loads(deep(50))),
    ],
)
def test_every_entry_of_a_card_is_of_its_kind(model_folder, path, value):
    card = json.loads((model_folder / "card.json").read_text())
    assert checked_card(card) is card
    *above, last = path.split(".")
    place = card
    for name in above:
        place = place[name]
    place[last] = value
    with pytest.raises(ModelError, match=path.split(".")[0]) as caught:
        checked_card(card)
    assert len(str(caught.value)) < 200


def test_what_a_later_version_adds_to_a_card_is_kept(model_folder):
    card = json.loads((model_folder / "card.json").read_text()) | {"added": {"later": [1, "two", None]}}
    assert checked_card(card)["added"] == {"later": [1, "two", None]}


def test_the_sizes_that_a_configuration_asks_for_are_never_made(copy):
    """Eight layers of 8,192 with eight means would be 19 GB: they are compared with the file's header."""
    config = json.loads((copy / "config.json").read_text())
    config["model"] |= {"mean_hidden": [8192] * 8, "mean_networks": 8}
    unpacked(copy, "config.json", json.dumps(config).encode())
    with pytest.raises(ModelError, match=r"config\.json: .*million weights"):
        load_model(copy)
    config["model"] |= {"mean_hidden": [8192] * 2, "mean_networks": 1}
    unpacked(copy, "config.json", json.dumps(config).encode())
    with pytest.raises(ModelError, match=r"weights\.safetensors: .*not those of the configuration"):
        load_model(copy)


@pytest.mark.parametrize("damage", ["shape", "type", "offsets", "length", "deep"])
def test_a_header_of_weights_that_lies_is_refused(copy, damage):
    content = (copy / "weights.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    name = "encoder.net.0.weight"
    if damage == "shape":
        header[name]["shape"] = header[name]["shape"][::-1]
    elif damage == "type":
        header[name]["dtype"] = "I32"
    elif damage == "offsets":
        header[name]["data_offsets"] = [0, 10**12]
    text = deep(100_000).encode() if damage == "deep" else json.dumps(header).encode()
    claimed = 2**62 if damage == "length" else len(text)
    unpacked(copy, "weights.safetensors", struct.pack("<Q", claimed) + text + content[8 + length :])
    with pytest.raises(ModelError, match=r"weights\.safetensors: ") as caught:
        load_model(copy)
    assert "\n" not in str(caught.value)


def npz(**arrays) -> bytes:
    from io import BytesIO

    stream = BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def test_arrays_of_zeros_that_fill_the_memory_are_refused_before(copy):
    import zipfile
    from io import BytesIO

    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        header = BytesIO()
        shape = {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
        np.lib.format.write_array_header_1_0(header, shape)
        archive.writestr("train_ids.npy", header.getvalue())
    unpacked(copy, "split.npz", stream.getvalue())
    with pytest.raises(ModelError, match=r"split\.npz: .*not 1,000,000,000,000 numbers"):
        load_model(copy)
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("z", "w") as member:
        for _ in range(60):
            member.write(bytes(10_000_000))
    unpacked(copy, "split.npz", stream.getvalue())
    with pytest.raises(ModelError, match=r"split\.npz: .*600 MB: more than any model has"):
        load_model(copy)


def changed(folder: Path, name: str, **arrays) -> None:
    with np.load(folder / name) as file:
        unpacked(folder, name, npz(**dict(file) | arrays))


@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("scaling.npz", {"label_ranges": np.zeros((9, 2))}),
        ("scaling.npz", {"scaler.wavelength_nm": np.zeros(48)}),
        ("scaling.npz", {"scaler.flux_scale": np.full(48, "x")}),
        ("scaling.npz", {"outliers.latent_whiten": np.zeros((5, 5))}),
        ("scaling.npz", {"outliers.known.values": np.zeros((3, 2))}),
        ("regressor-latent.npz", {"folds": np.array(10**9)}),
        ("split.npz", {"train_ids": np.zeros(5)}),
        ("split.npz", {"test_ids": np.array([["a"]])}),
        ("regressor-latent.npz", {"fold0_x_mean": np.zeros(5, np.float32)}),
        ("regressor-latent.npz", {"fold0_names": np.array(["a", "b", "c", "d"])}),
        ("regressor-latent.npz", {"fold0_group0_columns": np.array([77])}),
        ("regressor-latent.npz", {"fold0_group0_member0_weight0": np.zeros((2, 2), np.float32)}),
        ("regressor-latent.npz", {"fold0_errors_coefficients": np.zeros((2, 2))}),
        ("regressor-spectrum.npz", {"fold0_y_scale": np.array(["a", "b", "c", "d"])}),
        ("regressor-spectrum.npz", {"summary": np.array(deep(100_000))}),
        ("projections/latent-pca.npz", {"xy": np.zeros((3, 2))}),
        ("projections/latent-pca.npz", {"mean": np.zeros(7)}),
        ("projections/latent-pca.npz", {"x": np.full((80, 6), 1e30)}),  # would end openTSNE's process
        ("projections/latent-pca.npz", {"ids.in": np.zeros((2, 2, 2, 2))}),
        ("scaling.npz", {"outliers.known.apart": np.zeros((2, 2))}),
        ("regressor-latent.npz", {"fold0_quality_names": np.zeros((2, 2, 2))}),
        ("projections/latent-pca.npz", {"settings": np.array("[]")}),
    ],
)
def test_arrays_that_do_not_fit_the_configuration_are_named(copy, name, arrays):
    changed(copy, name, **arrays)
    with pytest.raises(ModelError) as caught:
        load_model(copy)
    assert str(caught.value).startswith(f"{copy / name}: ") and "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_neither_a_pipe_nor_a_link_out_of_the_folder_is_read(copy, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text('"secret"')
    for name in ("config.json", "card.json", "manifest.json"):
        folder = shutil.copytree(copy, tmp_path / name)
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(ModelError, match=rf"{name}: is no file"):
            load_model(folder)
        (folder / name).unlink()
        (folder / name).symlink_to(secret)
        with pytest.raises(ModelError, match=rf"{name}: is a link out of its folder") as caught:
            load_model(folder)
        assert "secret" not in str(caught.value).replace(str(folder), "")
        shutil.rmtree(folder)


def test_a_staged_folder_of_a_stranger_is_checked_like_any(copy):
    """What a killed writer leaves may come with a folder that is copied; a link in its place is refused."""
    (copy / ".new").symlink_to(copy.parent)
    shutil.copy(copy / "manifest.json", copy.parent)
    with pytest.raises(ModelError, match="is a link out of its folder"):
        load_model(copy)


def test_the_report_of_an_audit_that_is_none_is_named(copy, model):
    for content in ("[]", deep(100_000), '{"stars": "many"}'):
        unpacked(copy, "audit.json", content.encode())
        with pytest.raises(ModelError, match=r"audit\.json: "):
            stored_audit(copy)


def test_a_copy_by_hand_keeps_its_manifest_true(model, tmp_path):
    """Saving again what was loaded changes no file but those that say when."""
    first = save_model(model, tmp_path / "m")
    before = contents(tmp_path / "m")
    save_model(replace(first, name="m"), tmp_path / "m")
    assert contents(tmp_path / "m") == before
