"""`train --seeds`: models of several seeds in one run, stopped, resumed and reported one by one."""

import json
import os
import signal

import pytest
from toy import toy_config, toy_stars

from gandalf_core import write_stars
from gandalf_core.cli import main
from gandalf_core.config.schema import to_json, with_fields
from gandalf_core.models.store import load_model
from gandalf_core.parameters import MAX_SEED
from gandalf_core.training.trainer import Trainer


@pytest.fixture
def arguments(tmp_path):
    write_stars(tmp_path / "toy.npz", toy_stars())
    (tmp_path / "c.json").write_text(to_json(toy_config("autoencoder", training__epochs=3, training__seed=5)))
    return ["train", tmp_path / "toy.npz", "--config", tmp_path / "c.json", "--device", "cpu"]


def run(capsys, *given) -> tuple[int, dict, str]:
    capsys.readouterr()
    status = main([str(a) for a in (*given, "--json")])
    out, err = capsys.readouterr()
    return status, json.loads(out) if out else {}, err


def test_each_seed_is_the_model_that_it_is_alone(arguments, tmp_path, capsys):
    status, result, err = run(capsys, *arguments, "--seeds", 2, "--out", tmp_path / "m")
    assert status == 0 and list(result["models"]) == ["seed-5", "seed-6"] and result["failed"] == {}
    assert "seed-6  epoch 3/3" in err and result["stopped"] is False
    for name, entry in result["models"].items():
        _, alone, _ = run(capsys, *arguments, "--seed", name[5:], "--out", tmp_path / f"alone-{name}")
        assert entry["model"] == str(tmp_path / "m" / name)
        assert entry.keys() == alone.keys()
        assert entry["reconstruction_mse"] == pytest.approx(alone["reconstruction_mse"], rel=1e-4)
        model = load_model(tmp_path / "m" / name)
        assert model.config.training.seed == int(name[5:]) and model.regressor_latent is not None
    mse = [entry["reconstruction_mse"] for entry in result["models"].values()]
    assert mse[0] != pytest.approx(mse[1], rel=1e-3)


def test_a_stop_leaves_every_checkpoint_and_resuming_ends_in_the_same_weights(
    arguments, tmp_path, capsys, monkeypatch
):
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    assert run(capsys, *arguments, "--seeds", 2, "--out", straight)[0] == 0
    save = Trainer.save_checkpoint

    def interrupted(trainer, folder):
        save(trainer, folder)
        if len(trainer.history) == 2 and folder.name == "seed-5":
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Trainer, "save_checkpoint", interrupted)
    status, result, err = run(capsys, *arguments, "--seeds", 2, "--out", stopped)
    assert status == 0 and result["stopped"] is True and "--resume continues" in err
    assert all((stopped / f"seed-{s}" / "checkpoint.safetensors").is_file() for s in (5, 6))
    monkeypatch.undo()
    status, _, err = run(capsys, *arguments, "--seeds", 2, "--out", stopped, "--resume")
    assert status == 0 and err.count("resuming after epoch 2 of 3") == 2
    for seed in (5, 6):
        ours, theirs = (f / f"seed-{seed}" / "weights.safetensors" for f in (stopped, straight))
        assert ours.read_bytes() == theirs.read_bytes()
    status, result, err = run(capsys, *arguments, "--seeds", 3, "--out", stopped, "--resume")
    assert status == 0 and err.count("nothing left to train") == 2
    assert list(result["models"]) == ["seed-5", "seed-6", "seed-7"]


def test_a_seed_that_diverges_is_a_failure_and_the_others_are_models(
    arguments, tmp_path, capsys, monkeypatch
):
    init = Trainer.__init__

    def hasty(trainer, stars, config, device="auto"):
        too_fast = {"training.learning_rate": 1e12} if config.training.seed == 6 else {}
        init(trainer, stars, with_fields(config, too_fast), device)

    monkeypatch.setattr(Trainer, "__init__", hasty)
    status, result, err = run(capsys, *arguments, "--seeds", 3, "--out", tmp_path / "m")
    assert status == 2 and list(result["models"]) == ["seed-5", "seed-7"]
    assert list(result["failed"]) == ["seed-6"] and "not a number" in result["failed"]["seed-6"]
    assert "not a number" in err.splitlines()[-1]


def test_seeds_beyond_the_largest_are_refused(arguments, tmp_path, capsys):
    status, _, err = run(capsys, *arguments, "--seed", MAX_SEED, "--seeds", 2, "--out", tmp_path / "m")
    assert status == 2 and "seed" in err.splitlines()[-1]
