"""`calibrate`, `compare-labels`, `changes` and `train --from` in the shell: what they print is right.

Labels are the model's own estimates, moved by a known offset, so that every number is known beforehand.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandalf_core import io
from gandalf_core.cli import main
from gandalf_core.models.store import load_model
from gandalf_core.own.adapting import AdaptOptions
from gandalf_core.places import pretrained_folder
from gandalf_core.simulator import simulate_kind
from pages.ui.parts import adapting as form

OFFSET = {"teff": 120.0, "logg": -0.2}  # model − label
STARS = simulate_kind("", 240, 77)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A model's folder in which a calibration may be kept, stars, and their labels with a known offset."""
    place = tmp_path_factory.mktemp("own")
    shutil.copytree(pretrained_folder() / "autoencoder", place / "model")
    bare = STARS.with_labels(np.empty((len(STARS), 0)), ())
    io.write_stars(place / "stars.npz", bare)
    predicted = load_model(place / "model").predict(bare, verdicts=False)
    noise = np.random.default_rng(3)
    columns = {"source_id": STARS.ids, "survey": np.full(len(STARS), "mine")}
    for k, name in enumerate(predicted.label_names[:2]):
        scatter = predicted.errors[:, k] * noise.standard_normal(len(STARS))
        columns[name] = predicted.values[:, k] - OFFSET[name] - scatter
    columns["teff"][5] -= 3000  # the label of another star
    rows = np.random.default_rng(0).permutation(len(STARS))  # in another order than the spectra
    io.write_table(place / "labels.csv", {name: np.asarray(v)[rows] for name, v in columns.items()})
    return place


def run(capsys, *arguments: object) -> tuple[int, dict | str, str]:
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, json.loads(out) if "--json" in arguments else out, err


# --- calibrate, and predictions under it ---


def test_a_known_offset_is_found_applied_and_said(capsys, folder):
    arguments = (folder / "model", folder / "stars.npz", "--labels", folder / "labels.csv")
    status, result, err = run(capsys, "calibrate", *arguments, "--name", "mine", "--json")
    assert status == 0 and result["file"] == str(folder / "model/calibrations/mine.npz")
    assert set(result["labels"]) == {"teff", "logg"} and result["stars"] == len(STARS)
    for name, offset in OFFSET.items():
        own = result["labels"][name]
        assert abs(own["offset"] - offset) < 4 * own["offset_error"]
        assert own["stars"] == len(STARS) and own["error_factor"] == pytest.approx(1, abs=0.25)
    assert result["bad"] == {STARS.ids[5]: ["teff"]}
    assert f"written to {folder / 'model/calibrations/mine.npz'}" in err

    _, before, _ = run(capsys, "compare-labels", *arguments, "--json")
    _, after, err = run(capsys, "compare-labels", *arguments, "--calibration", "mine", "--json")
    for name, offset in OFFSET.items():
        old, new = before["labels"][name], after["labels"][name]
        assert abs(old["bias"] - offset) < 4 * old["bias_error"] and abs(new["bias"]) < 4 * new["bias_error"]
        assert new["coverage_1"] == pytest.approx(0.68, abs=0.1)
    assert before["calibration"] is None and after["calibration"] == "mine" and after["from"] == "latent"
    assert before["worst"][0]["id"] == after["worst"][0]["id"] == STARS.ids[5]
    (said,) = (note for note in after["notes"] if "under the calibration mine (SHA-256" in note)
    assert f"note: {said}" in err

    status, _, err = run(capsys, "compare-labels", *arguments, "--calibration", "mine", "--from", "spectrum")
    assert status == 2 and "mine calibrates what is read from the latent, not from the spectrum" in err


def test_a_calibration_in_words_names_the_bad_labels(capsys, folder):
    arguments = (folder / "model", folder / "stars.npz", "--labels", folder / "labels.csv")
    status, text, _ = run(capsys, "calibrate", *arguments, "--name", "words")
    header, *rows = text.splitlines()
    assert status == 0 and header.split("  ")[0] == "model − label, at a typical star"
    assert rows[0].startswith("Teff [K]") and rows[0].split()[-1] == "1"  # bad labels
    assert rows[1].startswith("log g [dex]") and rows[1].split()[-1] == "0"
    assert rows[-1] == f"labels that are probably bad: {STARS.ids[5]} (--json lists all)"


def test_a_calibration_is_removed_by_its_name(capsys, folder):
    arguments = (folder / "model", folder / "stars.npz", "--labels", folder / "labels.csv")
    assert run(capsys, "calibrate", *arguments, "--name", "passing")[0] == 0
    status, result, _ = run(capsys, "calibrate", folder / "model", "--remove", "passing", "--json")
    assert (status, result["removed"]) == (0, "passing") and "passing" not in result["calibrations"]
    status, _, err = run(capsys, "predict", *arguments[:2], "--calibration", "passing")
    assert status == 2 and "no calibration passing; there are: " in err
    for wrong in ((), (folder / "stars.npz", "--remove", "passing")):
        status, _, err = run(capsys, "calibrate", folder / "model", *wrong)
        assert status == 2 and "give STARS to calibrate on, or --remove NAME" in err


def test_what_was_understood_of_a_table_of_labels_stands_in_the_notes(capsys, folder):
    text = (folder / "labels.csv").read_text(encoding="utf-8").splitlines()
    rows = [text[0] + ",quality", *(line + ",9" for line in text[1:])]
    cells = rows[1].split(",")
    cells[rows[0].split(",").index("teff")] = "-9999"
    rows = [rows[0], ",".join(cells), *rows[2:201]]
    (folder / "more.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    arguments = (folder / "model", folder / "stars.npz", "--labels", folder / "more.csv", "--json")
    for command in (("calibrate", "--name", "noted"), ("compare-labels",)):
        status, result, err = run(capsys, *command, *arguments)
        assert status == 0
        for note in (
            "more.csv: teff = -9999 once: taken as missing",
            "more.csv: columns not used: quality",
            "40 of 240 stars are not in the table of labels",
        ):
            assert note in result["notes"] and err.count(f"note: {note}\n") == 1


def test_without_labels_or_with_those_of_others_there_is_one_line(capsys, folder):
    for labels, cause in (
        ((), "none of the 240 stars that it was not made with has a label it reads"),
        (("--labels", folder / "no.csv"), f"{folder / 'no.csv'}: no such file"),
        (("--labels", folder / "stars.npz"), "give a table of labels, with a row for each star, alone"),
    ):
        for command in ("calibrate", "compare-labels"):
            status, out, err = run(capsys, command, folder / "model", folder / "stars.npz", *labels)
            assert (status, out) == (2, "") and cause in err.splitlines()[-1]


def test_stars_that_trained_the_model_are_counted_and_calibrate_nothing(capsys, folder, tmp_path):
    known = load_model("autoencoder").train_ids[:30]
    io.write_stars(tmp_path / "s.npz", replace(STARS[np.arange(60)], ids=np.r_[known, STARS.ids[:30]]))
    status, result, _ = run(capsys, "compare-labels", folder / "model", tmp_path / "s.npz", "--json")
    told = "30 stars took part in making the model: on them it does better than on others"
    assert status == 0 and told in result["notes"] and result["labels"]["teff"]["stars"] == 60
    status, result, _ = run(capsys, "calibrate", folder / "model", tmp_path / "s.npz", "--json")
    assert "30 stars took part in making the model: are left out" in result["notes"]
    assert status == 0 and result["labels"]["teff"]["stars"] == 30


# --- adapting ---


def adaptation(monkeypatch, **told: object) -> dict:
    """In place of an adaptation: what it was asked for is kept, and the model gets a card that says so."""
    seen = {}

    def adapt(model, stars, options, progress):
        seen.update(model=model, stars=stars, options=options)
        adapted = {"from": {"name": model.name, "model_id": model.model_id}, "mix": options.mix, **told}
        return replace(model, card=model.card | {"adapted": adapted})

    monkeypatch.setattr("gandalf_core.own.adapting.adapt", adapt)
    return seen


def test_train_from_hands_on_the_labels_of_the_table_and_every_option(capsys, folder, monkeypatch, tmp_path):
    told = {"resolving_power": 9000.0, "encoder": {"part": "low rank", "losses": {}}}
    seen = adaptation(monkeypatch, **told)
    files = (folder / "stars.npz", "--from", folder / "model", "--labels", folder / "labels.csv")
    options = ("--mix", "0.5", "--encoder", "low-rank", "--resolution", "9000", "--seed", "4")
    options = (*options, "--noise", "0.7", "--out", tmp_path / "m", "--json")
    status, result, err = run(capsys, "train", *files, *options)
    assert status == 0 and result["model"] == str(tmp_path / "m") and not result["stopped"]
    source = f"{folder / 'stars.npz'} with labels of {folder / 'labels.csv'}"
    assert seen["options"] == AdaptOptions(0.5, 9000.0, "low rank", source, 4, 0.7)
    expected = pd.read_csv(folder / "labels.csv", index_col="source_id")["teff"][seen["stars"].ids]
    np.testing.assert_allclose(seen["stars"].label("teff"), expected, rtol=1e-6)
    assert np.isnan(seen["stars"].label("mh")).all() and np.isnan(seen["stars"].label("teff_error")).all()
    assert result["from"]["name"] == "model" and result["adapted"]["mix"] == 0.5
    assert result["surveys"] == {
        "mine": {"stars": 240, "offset": {"teff": 0, "logg": 0, "mh": 0, "alphafe": 0}}
    }
    assert "encoder: low rank moved, as was asked for" in err
    assert "at their resolution (R = 9,000) as 50% of what was shown" in err
    assert load_model(tmp_path / "m").card["adapted"]["encoder"]["part"] == "low rank"


def test_train_from_without_options_says_what_was_done_in_words(capsys, folder, monkeypatch, tmp_path):
    seen = adaptation(
        monkeypatch, encoder={"part": "nothing", "losses": {"nothing": 0.5, "last layer": 0.625}}
    )
    io.write_stars(tmp_path / "s.csv", STARS[:3])
    half = replace(STARS[3:5], mask=np.arange(800)[None] % 2 == np.zeros((2, 1)))
    io.write_stars(tmp_path / "half.npz", half)
    files = (tmp_path / "s.csv", tmp_path / "half.npz", tmp_path / "s.csv")
    status, text, err = run(capsys, "train", *files, "--from", folder / "model", "--out", tmp_path / "m")
    assert status == 0 and seen["options"] == AdaptOptions(source=" ".join(map(str, files)))
    assert seen["stars"].ids.tolist() == STARS.ids[:3].tolist()  # each once, and those that cover the grid
    np.testing.assert_allclose(seen["stars"].labels, STARS.labels[:3], rtol=1e-6)
    assert f"star {STARS.ids[0]} was given more than once: the first is used" in err
    assert f"star {STARS.ids[3]}:" in err
    head, *lines = text.splitlines()
    assert head.startswith(f"{tmp_path / 'm'}: 57,289 own stars")
    trials = "loss of own stars left out: nothing 0.5000, last layer 0.6250"
    assert f"encoder: nothing moved, as cross-validation chose ({trials})" in lines


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (("--mix", "0.5"), "--mix belongs to --from MODEL"),
        (("--encoder", "everything"), "--encoder belongs to --from MODEL"),
        (("--noise", "0.4"), "--noise belongs to --from MODEL"),
        (("--from", "autoencoder", "--noise", "-1"), "--noise: '-1' is not from 0 to 10"),
        (("--from", "autoencoder", "--noise", "1e9"), "--noise: '1e9' is not from 0 to 10"),
        (("--resolution", "11500"), "--resolution belongs to --from MODEL"),
        (("--from", "autoencoder", "--lambda", "teff=1"), "--lambda does not go with --from"),
        (("--from", "autoencoder", "--seeds", "2"), "--seeds does not go with --from"),
        (("--from", "autoencoder", "--map", "tsne"), "--map does not go with --from"),
        (("--from", "autoencoder", "--mix", "-1"), "--mix"),
        (("--from", "nobody"), "nobody: no such model folder"),
    ],
)
def test_options_of_training_and_of_adapting_are_not_mixed(capsys, tmp_path, options, cause):
    status, out, err = run(capsys, "train", "simulated:50:7", "--out", tmp_path / "m", *options)
    assert (status, out) == (2, "") and cause in err.splitlines()[-1] and not (tmp_path / "m").exists()


# --- what changed ---


def test_changes_in_words(capsys, folder, tmp_path):
    io.write_stars(tmp_path / "s.npz", STARS[:40])
    arguments = ("changes", folder / "model", tmp_path / "s.npz", "--beside", "autoencoder")
    status, text, _ = run(capsys, *arguments)
    _, result, _ = run(capsys, *arguments, "--json")
    lines = text.splitlines()
    assert status == 0 and lines[0].endswith("40 stars") and " beside autoencoder@" in lines[0]
    row = result["parameters"][0]
    assert row["bias_before"] == row["bias_after"] and row["stars"] == 40
    shown = f"{row['bias_before']:.3g} → {row['bias_after']:.3g}"
    assert any(line.startswith("Teff [K]") and shown in line for line in lines)
    assert "latents: 0% of the original's variance is not in the adapted one" in lines
    assert any(line.startswith("rms of observed − reconstructed, ") for line in lines)


def test_what_the_page_asks_for_is_what_the_command_line_understands(folder, monkeypatch):
    monkeypatch.setattr(form, "model_folders", lambda: {"m": folder / "model"})
    asked = form.Settings("m", "simulated:50:31:b", 0.5, "low rank", 9000.0, 1.5).command()
    assert asked[asked.index("--noise") + 1] == "1.5" and asked[asked.index("--encoder") + 1] == "low-rank"
    unasked = form.Settings("m", "simulated:50:31:b", 0.5, None, None, None).command()
    assert not {"--noise", "--encoder", "--resolution"} & set(unasked)
