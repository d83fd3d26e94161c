"""Where folders are looked up, in a checkout and beside a wheel's package."""

import os
from pathlib import Path

import pytest

from gandalf_core import places

ROOT = Path(__file__).resolve().parent.parent
VARIABLES = (
    "GANDALF_PRETRAINED",
    "GANDALF_MODELS",
    "GANDALF_RUNS",
    "GANDALF_CACHE",
    "GANDALF_NOISE_KEY",
)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    for name in (*VARIABLES, "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def wheel(tmp_path, monkeypatch) -> Path:
    """A package folder that carries the explorer, as an installed one does."""
    package = tmp_path / "site-packages" / "gandalf_core"
    (package / "explorer").mkdir(parents=True)
    monkeypatch.setattr(places, "PACKAGE", package)
    return package


def test_a_checkout_has_everything_beside_the_package():
    assert places.explorer_folder() == ROOT
    assert (places.explorer_folder() / "app.py").is_file()
    assert (places.data_folder() / "emulator.npz").is_file()
    assert (places.pretrained_folder() / "autoencoder" / "card.json").is_file()
    assert (places.runs_folder(), places.cache_folder()) == (ROOT / "runs", ROOT / "cache")


def test_the_secret_key_is_never_in_a_checkout(tmp_path):
    assert places.noise_key_file().is_relative_to(tmp_path / "home")
    assert "gandalf-explorer" in places.noise_key_file().parts


def test_a_wheel_reads_below_the_package_and_writes_into_the_users_folders(wheel, tmp_path):
    explorer = wheel / "explorer"
    assert places.explorer_folder() == explorer
    assert places.data_folder() == explorer / "data"
    assert places.pretrained_folder() == explorer / "pretrained"
    for folder in (places.runs_folder(), places.cache_folder()):
        assert folder.is_relative_to(tmp_path / "home") and "gandalf-explorer" in folder.parts


def test_a_checkout_that_cannot_be_written_uses_the_users_folders(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert places.runs_folder().is_relative_to(tmp_path / "home")
    assert places.cache_folder().is_relative_to(tmp_path / "home")


def test_environment_variables_move_folders(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANDALF_PRETRAINED", "elsewhere")
    monkeypatch.setenv("GANDALF_MODELS", os.pathsep.join(["mine", "", "theirs"]))
    monkeypatch.setenv("GANDALF_RUNS", "r")
    monkeypatch.setenv("GANDALF_CACHE", "c")
    monkeypatch.setenv("GANDALF_NOISE_KEY", "k.txt")
    assert places.model_roots() == (tmp_path / "elsewhere", tmp_path / "mine", tmp_path / "theirs")
    assert (places.runs_folder(), places.cache_folder()) == (tmp_path / "r", tmp_path / "c")
    assert places.noise_key_file() == tmp_path / "k.txt"


def test_a_process_in_another_folder_finds_the_same_places(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANDALF_MODELS", os.pathsep.join(["mine", "theirs"]))
    monkeypatch.setenv("GANDALF_RUNS", "r")
    monkeypatch.setenv("GANDALF_NOISE_KEY", "k.txt")

    def found() -> tuple:
        return places.model_roots(), places.runs_folder(), places.cache_folder(), places.noise_key_file()

    here = found()
    for name, value in places.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir("/")
    assert found() == here
