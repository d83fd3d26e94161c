"""The key file: made once, private, one for all processes; commands take a copy and refuse what is none."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from toy import toy_stars

from gandalf_core import write_stars
from gandalf_core.auditing import references
from gandalf_core.auditing.compare import ComparisonOptions, compare_models
from gandalf_core.cli import load_commands, main
from gandalf_core.data.noise_key import NoiseKey, installation_key
from gandalf_core.data.protocols import measured
from gandalf_core.errors import NoiseKeyError
from gandalf_core.io import read_latents

ROOT = Path(__file__).resolve().parent.parent
KEY = NoiseKey.from_seed(4)
TAKING_A_KEY = (
    "encode",
    "predict",
    "decode",
    "project",
    "grid",
    "catalogue",
    "audit",
    "compare",
    "test",
    "train",
    "pretrain",
    "explain",
    "calibrate",
    "compare-labels",
    "changes",
)


@pytest.fixture
def place(monkeypatch, tmp_path):
    """Where an installation without a key would keep it."""
    path = tmp_path / "data" / "gandalf" / "noise-key.txt"
    monkeypatch.setenv("GANDALF_NOISE_KEY", str(path))
    return path


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    path = tmp_path_factory.mktemp("sky") / "stars.npz"
    write_stars(path, toy_stars(40, seed=21))
    return path


# --- the file ---


def test_an_installation_makes_its_key_once_and_for_its_owner_alone(place):
    key = installation_key()
    assert installation_key() == key == NoiseKey.read(place) and len(key.secret) == 32
    assert os.listdir(place.parent) == [place.name]
    if os.name == "posix":
        assert place.stat().st_mode & 0o777 == 0o600
    place.unlink()
    assert installation_key() != key


def test_processes_and_threads_that_race_get_the_same_key(place):
    code = "from gandalf_core.data.noise_key import installation_key; print(installation_key().secret.hex())"
    command = [sys.executable, "-c", code]
    racing = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(4)]
    found = {process.communicate()[0].decode().strip() for process in racing}
    assert found == {installation_key().secret.hex()}
    place.unlink()
    with ThreadPoolExecutor(16) as pool:
        assert len({key.secret for key in pool.map(lambda _: installation_key(), range(64))}) == 1


def test_without_hard_links_the_first_one_stays_too(place, monkeypatch):
    def refused(*_):
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refused)
    key = installation_key()
    assert not KEY.write(place) and installation_key() == key
    assert os.listdir(place.parent) == [place.name]


def test_a_key_file_is_never_replaced(tmp_path):
    assert KEY.write(tmp_path / "k.txt") and not NoiseKey.new().write(tmp_path / "k.txt")
    assert NoiseKey.read(tmp_path / "k.txt") == KEY


def test_a_copy_that_an_editor_or_another_system_touched_is_the_same_key(tmp_path):
    text = (KEY.write(tmp_path / "k.txt"), (tmp_path / "k.txt").read_text())[1].strip()
    (tmp_path / "copy.txt").write_bytes(f"\n{text}\r\n\r\n".encode())
    assert NoiseKey.read(tmp_path / "copy.txt") == KEY


NO_KEYS = {
    "empty": b"",
    "text": b"my secret\n",
    "bytes": bytes(range(256)) * 40,
    "32 bytes": bytes(32),
    "digits alone": b"0" * 64,
    "cut": b"GANDALF Explorer noise key 1: 00ff\n",
    "not digits": b"GANDALF Explorer noise key 1: " + b"xy" * 32,
    "more": b"GANDALF Explorer noise key 1: " + b"00" * 33,
    "a newer format": b"GANDALF Explorer noise key 2: " + b"00" * 32,
}


@pytest.mark.parametrize("content", NO_KEYS.values(), ids=NO_KEYS)
def test_a_file_that_is_no_key_is_refused(tmp_path, content):
    (tmp_path / "k.txt").write_bytes(content)
    with pytest.raises(NoiseKeyError, match=r"k\.txt: not a noise key: give a copy"):
        NoiseKey.read(tmp_path / "k.txt")


def test_a_damaged_installation_key_is_said_not_replaced(place):
    """A new one would make a second, independent export of every star."""
    place.parent.mkdir(parents=True)
    place.write_text("GANDALF Explorer noise key 1: 00")
    with pytest.raises(NoiseKeyError, match="not a noise key"):
        installation_key()


def test_a_missing_file_a_folder_and_a_place_that_cannot_be_written_are_named(tmp_path, monkeypatch):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(NoiseKeyError, match=f"{path.name}: cannot be read as a noise key"):
            NoiseKey.read(path)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANDALF_NOISE_KEY", str(tmp_path / "file" / "key.txt"))
    with pytest.raises(NoiseKeyError, match="let GANDALF_NOISE_KEY name"):
        installation_key()


def test_a_key_does_not_show_its_secret():
    assert KEY.secret.hex() not in f"{KEY!r} {KEY} {KEY.fingerprint}" and len(KEY.fingerprint) == 8
    keys = [NoiseKey.from_seed(seed, draw) for seed in range(20) for draw in range(20)]
    assert len(set(keys)) == len({key.fingerprint for key in keys}) == 400
    assert NoiseKey.new() != NoiseKey.new()
    with pytest.raises(NoiseKeyError, match="32 bytes, not 3"):
        NoiseKey(b"abc")


# --- the command line ---


def test_exactly_the_commands_with_latents_take_a_key():
    taking = [
        n for n, c in load_commands().items() if any("--noise-key" in flags for flags, _ in c.arguments)
    ]
    assert sorted(taking) == sorted(TAKING_A_KEY)


ARGUMENTS = {
    "encode": ["{model}", "{sky}", "{out}.npz"],
    "predict": ["{model}", "{sky}"],
    "decode": ["{model}", "{sky}", "--set", "teff=5000", "{out}.npz"],
    "project": ["{model}", "{sky}", "--method", "pca", "{out}.npz"],
    "grid": ["{model}", "--of", "{sky}", "--step", "teff=1000", "{out}.npz"],
    "catalogue": ["encode", "{model}", "{sky}", "{out}.parquet"],
    "audit": ["{model}", "{sky}"],
    "compare": ["{sky}", "--model", "{model}"],
    "test": ["{model}", "{sky}"],
    "train": ["{sky}", "--preset", "paper", "--out", "{out}"],
    "explain": ["{model}", "{sky}"],
    "calibrate": ["{model}", "{sky}", "--name", "mine"],
    "compare-labels": ["{model}", "{sky}"],
    "changes": ["{model}", "{sky}", "--beside", "{model}"],
    "pretrain": ["--stars", "{sky}", "--out", "{out}", "--work", "{out}"],
}


@pytest.mark.parametrize("command", TAKING_A_KEY)
def test_each_refuses_a_wrong_file_in_one_line(command, model_folder, sky, tmp_path, capsys):
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff" * 99)
    names = {"model": model_folder, "sky": sky, "out": tmp_path / "out"}
    arguments = [a.format(**names) for a in ARGUMENTS[command]]
    assert main([command, *arguments, "--noise-key", str(tmp_path / "photo.jpg")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("gandalf: ") and "photo.jpg: not a noise key" in error
    assert not list(tmp_path.glob("out*"))


def encoded(capsys, model_folder, sky, out, *options):
    """The latents that `encode` writes, its JSON, and what it says."""
    assert main(["encode", str(model_folder), str(sky), str(out), "--json", *map(str, options)]) == 0
    told = capsys.readouterr()
    return read_latents(out).z, json.loads(told.out), told.err


def test_a_copied_key_repeats_an_export_elsewhere(model_folder, sky, place, tmp_path, monkeypatch, capsys):
    here, told, _ = encoded(capsys, model_folder, sky, tmp_path / "a.npz")
    assert told["key_fingerprint"] == installation_key().fingerprint
    monkeypatch.setenv("GANDALF_NOISE_KEY", str(tmp_path / "other" / "key.txt"))
    other, told_there, _ = encoded(capsys, model_folder, sky, tmp_path / "b.npz")
    assert np.abs(other - here).max() > 0.1 and told_there["key_fingerprint"] != told["key_fingerprint"]
    repeated, *_ = encoded(capsys, model_folder, sky, tmp_path / "c.npz", "--noise-key", place)
    assert np.abs(repeated - here).max() < 1e-5


def test_a_seed_gives_no_second_export(model_folder, sky, tmp_path, capsys):
    """Exports under many seeds could be averaged, until nothing hides the mean."""
    first, *_ = encoded(capsys, model_folder, sky, tmp_path / "a.npz")
    again, _, said = encoded(capsys, model_folder, sky, tmp_path / "b.npz", "--seed", 5)
    assert np.array_equal(first, again)
    assert "--seed does not change the noise of a latent" in said


def test_every_process_has_the_installations_key(model_folder, sky, place, tmp_path, capsys):
    """The app's jobs are processes, too; a catalogue is worked through in chunks."""
    z, *_ = encoded(capsys, model_folder, sky, tmp_path / "a.npz")
    paths = [str(path) for path in (model_folder, sky, tmp_path / "b.parquet", "--job", tmp_path / "job")]
    command = [sys.executable, "-m", "gandalf_core", "encode", *paths]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    assert np.abs(read_latents(tmp_path / "b.parquet").z - z).max() < 1e-5
    write_stars(tmp_path / "in.parquet", toy_stars(40, seed=21))
    source, out = str(tmp_path / "in.parquet"), str(tmp_path / "c.parquet")
    assert main(["catalogue", "encode", str(model_folder), source, out, "--chunk", "7"]) == 0
    assert np.abs(read_latents(out).z - z).max() < 1e-5


def test_a_survey_is_not_continued_under_another_key(model_folder, place, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    write_stars(tmp_path / "in" / "a.parquet", toy_stars(40, seed=21))
    survey = ["catalogue", "encode", str(model_folder), str(tmp_path / "in"), str(tmp_path / "out")]
    assert main(survey) == main(survey) == 0
    place.unlink()
    assert main(survey) == 2 and "choose another folder" in capsys.readouterr().err


# --- measurements: the same numbers on every installation ---


def test_what_is_measured_does_not_depend_on_the_installation(model, place):
    stars, found = toy_stars(600, seed=3), []
    for _ in range(2):
        rows = references.representations(measured(model, 2), stars, seed=2, rows=("reencoded_16",))
        report = compare_models(stars, {"toy": model}, ComparisonOptions(max_iter=3))
        found.append((rows, report["representations"]["toy"]))
        place.unlink(missing_ok=True)
    (rows, errors), (rows_again, errors_again) = found
    assert all(np.array_equal(rows[name], rows_again[name]) for name in rows) and errors == errors_again
    assert not place.exists()  # nobody asked for it


def test_sixteen_exports_average_as_sixteen_keys_do(model):
    """The noise left in the mean of 16 is a quarter of σ; with the installation's key alone it would be σ."""
    stars = toy_stars(400, seed=3)
    rest = references.reencoded(model, stars, 0) - model.encode_mean(stars)
    assert abs(rest.std() / model.config.model.noise - 0.25) < 0.02


def test_a_measurement_has_a_key_of_its_seed_unless_one_is_given():
    asked = []
    fake = SimpleNamespace(key=None, under=lambda key: asked.append(key) or "measured")
    assert measured(fake, 7) == "measured" and asked == [NoiseKey.from_seed(7)]
    own = SimpleNamespace(key=KEY)
    assert measured(own, 7) is own
