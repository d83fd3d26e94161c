"""A model as one file: what comes out is what went in, and a stranger's file is read like any folder."""

import hashlib
import json
import shutil
import stat
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from gandalf_core.cli import main
from gandalf_core.errors import ModelError
from gandalf_core.models.packing import add_model, pack_model, packed
from gandalf_core.models.store import listing, load_model

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def file(model_folder, tmp_path_factory):
    return pack_model(model_folder, tmp_path_factory.mktemp("packed") / "toy.zip")


def changed(file: Path, target: Path, change: dict[str, bytes | None], top: str = "toy-removed/") -> Path:
    """A copy of a packed model with other files in it, None: without that one; the manifest knows them."""
    with zipfile.ZipFile(file) as archive:
        own = {name.removeprefix("toy-removed/"): archive.read(name) for name in archive.namelist()}
    own |= change
    own = {name: content for name, content in own.items() if content is not None}
    if "manifest.json" not in change:
        manifest = json.loads(own["manifest.json"])
        manifest["files"] |= {
            name: hashlib.sha256(content).hexdigest() for name, content in change.items() if content
        }
        own["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in own.items():
            archive.writestr(f"{top}{name}", content)
    return target


def test_what_comes_out_is_what_went_in(model, model_folder, stars, file, tmp_path):
    folder = add_model(file, tmp_path / "models")
    again = load_model(folder)
    assert folder == tmp_path / "models" / "toy-removed" and again.model_id == model.model_id
    assert again.card == model.card and again.identity == model.identity
    for name in ("values", "errors", "chi2", "outlier_score"):
        assert np.array_equal(getattr(again.predict(stars), name), getattr(model.predict(stars), name)), name
    for path in model_folder.rglob("*.*"):
        assert (folder / path.relative_to(model_folder)).read_bytes() == path.read_bytes(), path
    assert not list(folder.glob(".*"))


def test_one_model_is_always_the_same_file(model_folder, file, tmp_path):
    assert packed(model_folder) == file.read_bytes()
    shutil.copytree(model_folder, tmp_path / "toy-removed")
    assert packed(tmp_path / "toy-removed") == file.read_bytes()


def test_a_model_of_an_earlier_version_gets_its_hashes_in_the_file(model_folder, file, tmp_path):
    old = shutil.copytree(model_folder, tmp_path / "toy-removed")
    (old / "manifest.json").unlink()
    assert packed(old) == file.read_bytes()
    bare = changed(file, tmp_path / "bare.zip", {"manifest.json": None})
    assert load_model(add_model(bare, tmp_path / "models", "bare")).card["labels"]


def test_a_name_that_is_taken_or_none_is_refused(model_folder, file, tmp_path, monkeypatch):
    monkeypatch.setenv("GANDALF_PRETRAINED", str(model_folder.parent))
    monkeypatch.setenv("GANDALF_MODELS", str(tmp_path / "models"))
    with pytest.raises(ModelError, match="there is a model of this name"):
        add_model(file)
    for name in ("..", "a/b", ".hidden", "x" * 65, "", " "):
        if name:
            with pytest.raises(ModelError, match="cannot be a model's name"):
                add_model(file, name=name)
    assert add_model(file, name="mine") == tmp_path / "models" / "mine"
    assert load_model("mine").name == "mine"
    assert (tmp_path / "models" / "mine" / "CARD.md").read_text().startswith("# mine\n")


HOSTILE = {
    "a file of another name": ({"evil.sh": b"rm"}, "toy-removed/", "holds 'toy-removed/evil.sh'"),
    "a path out": ({"../../evil.json": b"{}"}, "toy-removed/", "which no model has"),
    "an absolute path": ({}, "/tmp/", "which no model has"),
    "a path of Windows": ({"..\\..\\evil.json": b"{}"}, "toy-removed/", "which no model has"),
    "a deep card": ({"card.json": b"[" * 100_000}, "toy-removed/", r"card\.json: .*nested too deeply"),
    "a large card": ({"card.json": b" " * 2_000_000}, "toy-removed/", "card.json is larger"),
    "no weights": ({"weights.safetensors": None}, "toy-removed/", "weights.safetensors: is missing"),
    "other weights": ({"weights.safetensors": b"x" * 100}, "toy-removed/", r"weights\.safetensors: "),
    "of the future": (
        {"manifest.json": b'{"format": 9, "gandalf_core": "9.0.0", "files": {}}'},
        "toy-removed/",
        r"a later version \(9\.0\.0\)",
    ),
    "another hash": (
        {"manifest.json": json.dumps({"format": 1, "files": {"card.json": "0" * 64}}).encode()},
        "toy-removed/",
        "is not as it was written|is not in manifest",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_strangers_file_is_one_line_and_leaves_nothing(file, tmp_path, case):
    change, top, said = HOSTILE[case]
    bad = changed(file, tmp_path / "bad.zip", change, top)
    with pytest.raises(ModelError, match=said) as caught:
        add_model(bad, tmp_path / "models", "bad")
    line = str(caught.value)
    assert line.startswith(f"{bad}: ") and "\n" not in line and ".new" not in line
    assert not list((tmp_path / "models").iterdir()) if (tmp_path / "models").exists() else True
    assert {p.name for p in tmp_path.iterdir()} <= {"bad.zip", "models"}


def test_links_bombs_and_what_is_no_archive_are_refused(file, tmp_path):
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        member = zipfile.ZipInfo("m/config.json")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    bomb = zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED)
    with bomb as archive, archive.open("m/weights.safetensors", "w", force_zip64=True) as member:
        for _ in range(60):
            member.write(bytes(10_000_000))
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for k in range(300):
            archive.writestr(f"m/projections/m{k}.npz", b"")
    (tmp_path / "text.zip").write_text("no archive")
    (tmp_path / "cut.zip").write_bytes(file.read_bytes()[:5000])
    for name, said in {
        "link": "is encrypted, or a link",
        "bomb": "more than the 512 MB",
        "many": "300 files",
        "text": "not a zip file",
        "cut": "not a zip file",
        "none": "cannot be read",
    }.items():
        with pytest.raises(ModelError, match=said) as caught:
            add_model(tmp_path / f"{name}.zip", tmp_path / "models")
        assert str(caught.value).startswith(str(tmp_path / f"{name}.zip"))
    assert not (tmp_path / "models").exists()


def test_an_archive_that_was_made_by_hand_is_taken_too(model_folder, tmp_path):
    """Of the folder itself or of its files, on a Mac for example."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in model_folder.rglob("*.*"):
            archive.write(path, path.relative_to(model_folder).as_posix())
        archive.writestr("__MACOSX/._config.json", b"x")
        archive.writestr(".DS_Store", b"x")
    (tmp_path / "by-hand.zip").write_bytes(stream.getvalue())
    assert add_model(tmp_path / "by-hand.zip", tmp_path / "models").name == "by-hand"


def test_the_command_packs_and_adds(model_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GANDALF_MODELS", str(tmp_path / "models"))
    out = tmp_path / "m.zip"
    assert main(["models", "--pack", str(model_folder), str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["models"][0]["name"] == "toy-removed" and result["bytes"] == out.stat().st_size
    assert main(["models", "--add", str(out), "--as", "from-a-colleague", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["models"][0]["card"]["removed"] == ["teff", "logg"]
    assert result["models"][0]["path"] == str(tmp_path / "models" / "from-a-colleague")
    assert main(["models", "--json"]) == 0
    assert "from-a-colleague" in {m["name"] for m in json.loads(capsys.readouterr().out)["models"]}
    assert main(["models", "--add", str(out), "--as", "from-a-colleague"]) == 2
    assert "there is a model of this name" in capsys.readouterr().err
    for wrong in (["x", "--add", "y"], ["--pack", "generator"], ["--as", "x"]):
        assert main(["models", *wrong]) == 2


def test_a_bad_model_is_one_line_of_the_commands_list(model_folder, tmp_path, capsys):
    shutil.copytree(model_folder, tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "card.json").write_text("[" * 100_000)
    assert main(["models", "--root", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith(f"{tmp_path / 'bad' / 'card.json'}: ") and any("good" in li for li in lines)
    assert main(["models", "--root", str(tmp_path), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [m["name"] for m in result["models"]] == ["good"] and list(result["unusable"]) == [
        str(tmp_path / "bad")
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_a_file_that_does_not_fit_is_one_line_and_status_two(model_folder, tmp_path):
    program = (
        "import resource, sys; from gandalf_core.cli import main;"
        "size = resource.RLIMIT_FSIZE; before = resource.getrlimit(size);"
        "resource.setrlimit(size, (4000, before[1])); status = main(sys.argv[1:]);"
        "resource.setrlimit(size, before); sys.exit(status)"
    )
    command = [sys.executable, "-c", program, "models", "--pack", str(model_folder), str(tmp_path / "m.zip")]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 2 and not list(tmp_path.iterdir())
    assert ended.stderr == f"gandalf: {tmp_path / 'm.zip'}: cannot be written (File too large)\n"


def test_an_added_model_is_listed_beside_the_others(file, tmp_path):
    add_model(file, tmp_path, "one")
    add_model(file, tmp_path, "two")
    assert [info.name for info in listing(tmp_path).models] == ["one", "two"]
