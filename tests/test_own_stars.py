"""A user's own labelled stars: offsets, widths, surveys, line strengths, and a model that adapts."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from gandalf_core.cli import main
from gandalf_core.data.scaling import Scaler
from gandalf_core.errors import ModelError, SpectraError
from gandalf_core.io.survey_table import read_survey_table
from gandalf_core.models.adapted_card import plain_lines
from gandalf_core.models.predictions import Predictions
from gandalf_core.models.store import load_model, save_model
from gandalf_core.own import adapting, mixture
from gandalf_core.own.calibration import Labelled, NamedCalibration, calibrate, promise, warnings_of
from gandalf_core.own.comparing import Compared, compare_labels
from gandalf_core.own.labels import OwnLabels, labels_of
from gandalf_core.own.robust import BAD, CORE, fit_offsets
from gandalf_core.own.stored import calibrations_in, load_calibration, remove_calibration, store_calibration
from gandalf_core.seeds import JUDGING_SEED
from gandalf_core.simulator import simulate_kind
from gandalf_core.training.own_lines import Residuals, fit_lines

PRETRAINED = Path(__file__).parent.parent / "pretrained"
NAMES = ("teff", "logg")


def a_world(n: int, seed: int, label_error: float = 0.0) -> tuple[Predictions, np.ndarray, np.ndarray]:
    """Predictions that are 60 K too hot and whose errors are half as large as they should be; truth, labels.

    Of Teff; log g is right in both.
    """
    rng = np.random.default_rng(seed)
    truth = np.column_stack([rng.uniform(4500, 6500, n), rng.uniform(1.5, 4.8, n)])
    claimed = np.column_stack([rng.uniform(40, 80, n), rng.uniform(0.1, 0.2, n)])
    values = truth + [60.0, 0.0] + rng.standard_normal((n, 2)) * claimed * [2.0, 1.0]
    labels = truth + rng.standard_normal((n, 2)) * label_error
    ones = np.ones(n)
    ids = np.array([f"s{k}" for k in range(n)])
    return Predictions(ids, NAMES, values, claimed, ones, ones * np.nan, {}), truth, labels


def calibrated(n: int, seed: int, label_error: float = 0.0) -> NamedCalibration:
    predictions, _, labels = a_world(n, seed, label_error)
    errors = np.full((n, 2), label_error or np.nan)
    return calibrate("x", predictions, Labelled(labels, errors, np.full(n, 50.0)))


# --- robust offsets ---


def test_offset_and_scatter_are_found_and_bad_labels_named():
    rng = np.random.default_rng(1)
    features = np.column_stack([np.ones(500), rng.standard_normal(500)])
    residual = 40 + 15 * features[:, 1] + 90 * rng.standard_normal(500)
    clean = fit_offsets(residual, np.full(500, 60.0), np.zeros(500), features)
    assert clean.offset == pytest.approx([40, 15], abs=3 * np.sqrt(clean.covariance[0, 0]))
    assert 60 * np.exp(clean.scale[0]) == pytest.approx(90 * np.sqrt(CORE), abs=8)
    wrong = rng.permutation(500)[:50]
    residual[wrong] -= 5 * 90
    fit = fit_offsets(residual, np.full(500, 60.0), np.zeros(500), features)
    assert (fit.bad[wrong] > BAD).mean() >= 0.9
    assert (np.delete(fit.bad, wrong) > BAD).mean() < 0.02
    assert np.abs(fit.offset - clean.offset) == pytest.approx(0, abs=np.sqrt(clean.covariance[0, 0]))


def test_errors_of_labels_are_no_errors_of_the_model():
    rng = np.random.default_rng(2)
    residual = np.hypot(50, 100) * rng.standard_normal(2000)
    fit = fit_offsets(residual, np.full(2000, 50.0), np.full(2000, 100.0), np.ones((2000, 1)))
    # of normal errors, Student's t is narrower in its middle
    assert 50 * np.exp(fit.scale[0]) == pytest.approx(50 * np.sqrt(CORE), rel=0.25)


# --- calibrations ---


@pytest.mark.parametrize("count", [90, 400])
def test_calibrated_intervals_hold_what_they_promise(count):
    shares, offsets = [], []
    for seed in range(12):
        found = calibrated(count, seed)
        predictions, truth, _ = a_world(1500, 1000 + seed)
        after = found.apply(predictions, np.full(1500, 50.0), np.array([[0, 9e9], [0, 9e9]]))
        shares.append((np.abs(after.values - truth) < after.errors).mean(0))
        offsets.append(found.labels["teff"].offset[0])
        assert after.calibration == "x"
    assert np.mean(shares, 0) == pytest.approx([0.683, 0.683], abs=0.03)
    assert np.mean(offsets) == pytest.approx(60, abs=8)


def test_widths_are_those_of_the_truth_where_errors_of_labels_are_known():
    shares = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        n = 400
        claimed = np.full((n, 1), 50.0)
        truth = rng.uniform(4500, 6500, (n, 1))
        values = truth + 50 * rng.standard_normal((n, 1))
        labels = truth + 100 * rng.standard_normal((n, 1))
        ones = np.ones(n)
        ids = np.arange(n).astype(str)
        own = Predictions(ids, ("teff",), values, claimed, ones, ones * np.nan, {})
        found = calibrate("x", own, Labelled(labels, np.full((n, 1), 100.0), np.full(n, 50.0)))
        after = found.apply(own, np.full(n, 50.0), np.array([[0, 9e9]]))
        shares.append((np.abs(after.values - truth) < after.errors).mean())
    assert np.mean(shares) == pytest.approx(0.683, abs=0.06)


def test_what_a_calibration_promises_is_said():
    few, many = calibrated(90, 0), calibrated(400, 0)
    assert "2p − 1" in promise(few.about) and "split conformal, on half of 400 stars" in promise(many.about)
    assert warnings_of(few.about) and not warnings_of(many.about)
    with pytest.raises(ModelError, match="fewer than 20"):
        calibrated(12, 0)


def test_a_calibration_is_kept_beside_its_model_and_belongs_to_it(tmp_path):
    shutil.copytree(PRETRAINED / "autoencoder", tmp_path / "m")
    model = load_model(tmp_path / "m")
    predictions, _, labels = a_world(60, 0)
    known = Labelled(labels, np.full((60, 2), np.nan), np.full(60, 50.0))
    found = calibrate("field", predictions, known, {"identity": model.identity})
    store_calibration(tmp_path / "m", found)
    again = load_model(tmp_path / "m")
    assert again.identity == model.identity and calibrations_in(tmp_path / "m") == ["field"]
    assert "calibrations/field.npz" in json.loads((tmp_path / "m/manifest.json").read_text())["files"]
    loaded = load_calibration(again, tmp_path / "m", "field")
    for label, own in found.labels.items():
        for part, values in vars(own).items():
            assert np.array_equal(getattr(loaded.labels[label], part), values)
    with pytest.raises(ModelError, match="no calibration other; there are: field"):
        load_calibration(again, tmp_path / "m", "other")
    store_calibration(tmp_path / "m", calibrate("old", predictions, known, {"identity": "of another"}))
    with pytest.raises(ModelError, match="another state"):
        load_calibration(again, tmp_path / "m", "old")
    card = (tmp_path / "m/CARD.md").read_bytes()
    remove_calibration(tmp_path / "m", "field")
    assert (
        calibrations_in(tmp_path / "m") == ["old"] and load_model(tmp_path / "m").identity == model.identity
    )
    assert not (tmp_path / "m/calibrations/field.npz").exists()
    assert (tmp_path / "m/CARD.md").read_bytes() == card
    with pytest.raises(ModelError, match="m: no calibration field; there are: old"):
        remove_calibration(tmp_path / "m", "field")


# --- labels of several surveys ---

TABLE = """source_id,survey,teff,teff_error,mh,l_mh
1,a,5000,50,-0.1,
2,a,5200,50,-0.2,
3,a,5400,50,-2.5,<
4,a,5600,50,0.1,
5,a,5800,50,0.2,
6,a,6000,50,0.3,
1,b,5100,100,-0.1,
2,b,5300,100,-2.0,<
3,b,5500,100,-0.5,
4,b,5700,100,0.1,
5,b,5900,100,0.2,
7,b,4600,100,0.0,
8,c,4444,100,0.0,
"""


def test_surveys_are_put_on_one_scale_and_limits_left_out(tmp_path):
    (tmp_path / "labels.csv").write_text(TABLE)
    table = read_survey_table(tmp_path / "labels.csv")
    assert (
        any("mh: 2 limits are no values and are left out (3, 2)" in note for note in table.notes)
        and table.columns["mh"][2] != -2.5
    )
    stars = simulate_kind("", 4, 5)
    stars = type(stars)(stars.flux, stars.wavelength_nm, ["1", "3", "7", "9"], np.empty((4, 0)), ())
    own = labels_of(stars, ("teff", "mh"), table)
    assert own.surveys["b"]["offset"]["teff"] == pytest.approx(100)
    assert own.values[:, 0] == pytest.approx([5000, 5400, 4500, np.nan], nan_ok=True)
    assert own.errors[0, 0] == pytest.approx(1 / np.sqrt(1 / 50**2 + 1 / 100**2))
    assert own.values[1, 1] == -0.5  # of b alone: a knows a limit
    assert any("teff of c: fewer than 5 stars in common" in note for note in own.notes)


def test_a_table_without_ids_is_refused(tmp_path):
    (tmp_path / "labels.csv").write_text("teff,mh\n5000,0\n")
    with pytest.raises(SpectraError, match=r"labels.csv: no column of ids"):
        read_survey_table(tmp_path / "labels.csv")


# --- comparison ---


def test_a_comparison_counts_errors_of_both_and_names_the_worst():
    predictions, _, labels = a_world(300, 3)
    labels[7, 0] += 3000
    own = OwnLabels(labels, np.full((300, 2), np.nan))
    found = compare_labels(Compared(predictions, own, np.full(300, 60.0)))
    assert found["labels"]["teff"]["bias"] == pytest.approx(60, abs=25)
    assert found["labels"]["logg"]["coverage_1"] == pytest.approx(0.68, abs=0.09)
    assert found["labels"]["teff"]["coverage_1"] < 0.45  # claimed errors are half of the true ones
    assert found["worst"][0]["id"] == "s7" and "s7" in found["outliers"]
    assert "only Teff disagrees" in found["worst"][0]["reasons"][0]
    assert len(found["bins"]["teff"]["teff"]) == 4 and not found["repeats"]


def test_repeats_tell_how_well_errors_are_known():
    truth = np.repeat(np.arange(200), 2)
    rng = np.random.default_rng(0)
    values = np.column_stack([truth + 100 * rng.standard_normal(400), truth * 0.0])
    errors = np.column_stack([np.full(400, 50.0), np.full(400, np.nan)])
    twice = Predictions(truth.astype(str), NAMES, values, errors, truth, truth, {})
    found = compare_labels(Compared(twice, OwnLabels(values, errors), np.full(400, 50.0)))["repeats"]
    assert found["teff"]["pairs"] == 200 and found["teff"]["ratio"] == pytest.approx(2, abs=0.2)


# --- line strengths, and a model that adapts ---


def test_line_strengths_are_found_and_the_decoder_draws_them():
    rng = np.random.default_rng(0)
    labels = rng.standard_normal((300, 2))
    mean = 1 - np.outer(np.exp(0.2 * labels[:, 0]), np.r_[np.zeros(20), np.full(20, 0.3), np.zeros(20)])
    share = 0.2 + 0.1 * labels[:, :1]
    flux = mean + (1 - mean) * share + 0.01 * rng.standard_normal(mean.shape)
    error, unused = np.full(mean.shape, 0.01), np.zeros(mean.shape, bool)
    fit, choice = fit_lines(Residuals.of(labels, mean, flux, error, unused))
    assert choice.order >= 1 and min(choice.after) < choice.before
    assert fit.strengths[0, 20:40].mean() == pytest.approx(0.2, abs=0.02)
    assert np.abs(fit.at(labels, mean) - (1 - mean) * share).mean() < 0.004
    offset, scale = np.full(60, 0.9), np.full(60, 0.05)
    drawn = fit.shift(offset, scale)(
        torch.tensor(labels).float(), torch.tensor((mean - offset) / scale).float()
    )
    assert drawn.numpy() * scale == pytest.approx(fit.at(labels, mean), abs=1e-4)


def test_an_adapted_model_reads_stars_of_other_physics_better(tmp_path, monkeypatch):
    monkeypatch.setattr(mixture, "STARS", 900)
    monkeypatch.setattr(adapting, "AGAINST_OPPONENTS", 30)
    monkeypatch.setattr(adapting, "READING_STEPS", 150)
    model = load_model("physical-removed")
    own, others = simulate_kind("b", 150, 31), simulate_kind("b", 300, 32)
    options = adapting.AdaptOptions(part="last layer", source="simulated:150:31:b")
    saved = save_model(adapting.adapt(model, own, options), tmp_path / "m")

    def errors(one) -> np.ndarray:
        return np.sqrt(np.mean((one.predict_from_spectrum(others)[0] - others.labels) ** 2, axis=0))

    assert (errors(saved) < 0.95 * errors(model)).sum() >= 3
    true = others.labels
    z = np.zeros((len(others), model.latent_size), np.float32)
    clean = np.nan_to_num(others.flux)
    before, after = (np.mean((one.decode(z, true) - clean) ** 2) for one in (model, saved))
    assert after < before and saved.decoder.shift is not None and model.decoder.shift is None
    assert not saved.held_out(own[saved.card["data"]["test"] and np.isin(own.ids, saved.train_ids)]).any()
    assert saved.card["adapted"]["from"]["name"] == "physical-removed"
    assert saved.config.model.noise == saved.card["noise"] == 0.4
    assert isinstance(saved.scaler, Scaler) and "adapted from" in (tmp_path / "m/CARD.md").read_text()
    assert "latent: what was removed may be readable in part" in (tmp_path / "m/CARD.md").read_text()


def test_a_model_is_adapted_to_another_noise_if_asked(monkeypatch):
    monkeypatch.setattr(mixture, "STARS", 300)
    monkeypatch.setattr(adapting, "AGAINST_OPPONENTS", 30)
    monkeypatch.setattr(adapting, "READING_STEPS", 30)
    model, own = load_model("physical-removed"), simulate_kind("b", 120, 33)
    options = adapting.AdaptOptions(part="last layer", noise=2.5)
    noisy = adapting.adapt(model, own, options)
    assert noisy.config.model.noise == noisy.card["noise"] == 2.5 and model.config.model.noise == 0.4
    z, mean = noisy.encode(own).z, noisy.encode_mean(own)
    assert (z - mean).std() == pytest.approx(2.5, rel=0.05)
    assert mean.std(0) == pytest.approx(np.ones(model.latent_size), abs=0.5)  # the same unit as before
    assert any("noise σ = 2.5 instead of 0.4, so it tells less" in line for line in plain_lines(noisy.card))


@pytest.mark.parametrize(
    "options",
    [
        ["--mix", "0.5", "--preset", "generator"],
        ["--from", "generator", "--remove", "teff"],
        ["--from", "generator", "--mix", "1"],
        ["--from", "generator", "--resume"],
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, capsys, options):
    assert main(["train", "simulated:50:31:b", "--out", str(tmp_path / "m"), *options]) == 2
    assert "--" in capsys.readouterr().err


def test_reserved_stars_adapt_and_calibrate_nothing(tmp_path, capsys):
    reserved = f"simulated:50:{JUDGING_SEED}:b"
    assert main(["train", reserved, "--from", "autoencoder", "--out", str(tmp_path / "m")]) == 2
    assert main(["calibrate", "autoencoder", reserved]) == 2
    assert "reserved for judging" in capsys.readouterr().err
