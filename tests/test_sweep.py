"""Sweeps: what is searched, every node once, stopped sweeps resume, scores that mean something."""

import json
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy import toy_config, toy_stars

from gandalf_core.config.presets import LAMBDA
from gandalf_core.config.schema import from_json, to_json
from gandalf_core.errors import (
    ClaimError,
    ConfigError,
    GandalfError,
    ModelError,
    SpectraError,
    UnknownFieldError,
)
from gandalf_core.io import write_stars
from gandalf_core.sweeps import stars as sweep_stars
from gandalf_core.sweeps import study as runner
from gandalf_core.sweeps import trial as trial_module
from gandalf_core.sweeps.space import LAMBDA_SCALE, Axis, Sweep, parse_axis, with_values
from gandalf_core.sweeps.stars import identity_of_stars
from gandalf_core.sweeps.study import best_config, curves, load_sweep, open_study, results, run_sweep
from gandalf_core.sweeps.trial import probe_measures, training_stars

STARS = 1700  # so that 200 and more score by probes


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("stars") / "toy.npz"
    write_stars(path, toy_stars(STARS))
    return str(path)


def small(source, name="autoencoder", score="reconstruction", sampler="grid", trials=3, **axes) -> Sweep:
    axes = axes or {"model__latent_size": "1,3,6"}
    parsed = tuple(parse_axis(path.replace("__", "."), text) for path, text in axes.items())
    return Sweep(toy_config(name, training__epochs=1), parsed, (source,), score, sampler, trials)


# --- what is searched ---


def test_axes_from_text():
    assert parse_axis("model.noise", "0.1,0.4") == Axis("model.noise", (0.1, 0.4))
    assert parse_axis("model.activation", '"relu","silu"').choices == ("relu", "silu")
    assert parse_axis("model.encoder_hidden", "[64],[64,32]").choices == ("[64]", "[64, 32]")
    assert parse_axis("model.latent_size", "2:25") == Axis("model.latent_size", (), 2, 25)
    assert parse_axis("training.learning_rate", "1e-4:1e-2:log") == Axis(
        "training.learning_rate", (), 1e-4, 1e-2, True
    )


NONSENSE = ["", "relu", "1:", "5:1", "0:1:log", "1:2:lin", "a:b", "1:2:3:4", "0:1e999", "0:1" + "0" * 400]


@pytest.mark.parametrize("text", [*NONSENSE, "[" * 100_000])
def test_axes_that_make_no_sense_are_refused(text):
    with pytest.raises(ConfigError, match=r"model\.noise"):
        parse_axis("model.noise", text)


def test_a_grid_is_counted_before_any_of_it_is_made(source):
    """Three kilobytes of text are 10¹⁵⁰ combinations here."""
    fields = {f"adversary.lambdas.l{k}": "1,2" for k in range(500)}
    axes = tuple(parse_axis(path, text) for path, text in fields.items())
    with pytest.raises(ConfigError, match="more than a million million trials"):
        Sweep(toy_config(), axes, (source,), sampler="grid")
    ten = tuple(Axis(f"adversary.lambdas.l{k}", tuple(range(1, 11))) for k in range(5))
    with pytest.raises(ConfigError, match="100,000 trials: 1 to 10,000"):
        Sweep(toy_config(), ten, (source,), sampler="grid")
    plan = small(source, model__latent_size="1,2,3", model__noise="0.1,0.2")
    assert plan.count == len(plan.nodes) == 6


def test_a_damaged_database_is_one_line_that_names_it(source, tmp_path):
    run_sweep(tmp_path / "s", small(source, model__latent_size="1"))
    (tmp_path / "s" / "study.db").write_bytes(b"no database at all" * 100)
    sweep = load_sweep(tmp_path / "s")
    for ask in (lambda: results(tmp_path / "s"), lambda: run_sweep(tmp_path / "s", sweep)):
        with pytest.raises(GandalfError, match=r"study\.db: cannot be used \(.*not a database") as caught:
            ask()
        assert "\n" not in str(caught.value)


STAYS = """
import multiprocessing, os, threading, time
from gandalf_core.sweeps.study import end_with_parent

def stay(path):
    threading.Thread(target=end_with_parent, daemon=True).start()
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(120)

if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=stay, args=("pid",)).start()
    while not (os.path.exists("pid") and os.path.getsize("pid")):
        time.sleep(0.05)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_workers_of_a_killed_sweep_end_with_it(tmp_path):
    (tmp_path / "stays.py").write_text(STAYS)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    ended = subprocess.run([sys.executable, "stays.py"], cwd=tmp_path, env=environment, check=False)
    assert ended.returncode == -9
    worker, deadline = int((tmp_path / "pid").read_text()), time.monotonic() + 20
    while _runs(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(worker)


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    except OSError:
        return False


def test_a_value_reaches_the_configuration():
    config = toy_config()
    assert with_values(config, {"model.noise": 0.7}).model.noise == 0.7
    assert with_values(config, {"model.encoder_hidden": "[8, 4]"}).model.encoder_hidden == (8, 4)
    assert with_values(config, {LAMBDA_SCALE: 0.5}).lambdas == {n: v / 2 for n, v in config.lambdas.items()}
    with pytest.raises(ConfigError, match="no λ"):
        with_values(toy_config("autoencoder"), {LAMBDA_SCALE: 2.0})


def test_a_sweep_that_cannot_run_is_refused_at_once(source):
    with pytest.raises(UnknownFieldError, match=r"model\.nonsense"):
        small(source, model__nonsense="1,2")
    with pytest.raises(ConfigError, match="no λ"):
        small(source, lambda_scale="1,2")
    with pytest.raises(ConfigError, match="grid needs a list"):
        small(source, model__noise="0.1:0.2")
    with pytest.raises(ConfigError, match="score is 'best'"):
        small(source, score="best")
    with pytest.raises(ConfigError, match="trials"):
        small(source, sampler="tpe", trials=0)


def test_a_value_that_is_impossible_alone_may_be_searched_with_others(source):
    fields = {"model__mean_hidden": "[8]", "model__condition_on": '["mh"],[]'}
    assert small(source, **fields).count == 2


def test_a_sweep_survives_its_file(source, tmp_path):
    sweep = small(source, name="physical-removed", model__encoder_hidden="[8],[8,4]", model__noise="0.1,0.2")
    assert Sweep.from_json(sweep.to_json()) == sweep and sweep.count == 4
    with pytest.raises(ConfigError, match="no sweep here"):
        load_sweep(tmp_path)


# --- running ---


def test_every_node_of_a_grid_once_and_the_best_first(source, tmp_path):
    fractions = []
    sweep = replace(small(source), config=toy_config("autoencoder", training__epochs=10))
    run_sweep(tmp_path, sweep, progress=lambda fraction, text: fractions.append(fraction))
    frame = results(tmp_path)
    assert sorted(frame["model.latent_size"]) == [1, 3, 6] and set(frame["state"]) == {"complete"}
    assert fractions[-1] == 1 and (np.diff(frame["score"]) >= 0).all()
    assert frame.iloc[-1]["model.latent_size"] == 1, "one latent dimension says least about a spectrum"
    assert best_config(tmp_path).model.latent_size == frame.iloc[0]["model.latent_size"]
    assert from_json(to_json(best_config(tmp_path))) == best_config(tmp_path)


def test_trials_that_train_together_score_as_they_do_one_by_one(source, tmp_path, monkeypatch, one_probe):
    """Two trials share their steps, two are impossible."""
    axes = {"lambda_scale": "0.5,2.0", "training__batch_size": "64,100000"}
    sweep = small(source, name="physical-removed", score="excess", **axes)
    run_sweep(tmp_path / "together", sweep)
    monkeypatch.setattr(runner, "TOGETHER", 1)
    run_sweep(tmp_path / "alone", sweep)
    frames = [
        results(tmp_path / f).set_index(["lambda_scale", "training.batch_size"])
        for f in ("together", "alone")
    ]
    together, alone = (frame.sort_index() for frame in frames)
    assert together["state"].tolist() == alone["state"].tolist() == ["complete", "fail"] * 2
    mse, score = ([f[c].to_numpy(float) for f in (together, alone)] for c in ("reconstruction_mse", "score"))
    np.testing.assert_allclose(*mse, rtol=1e-4)
    np.testing.assert_allclose(*score, atol=0.15)  # rounding of a weight draws other noise of the latent
    assert alone["reconstruction_mse"].nunique() == 2


def test_a_finished_sweep_does_nothing_and_another_is_refused(source, tmp_path):
    run_sweep(tmp_path, small(source, model__latent_size="1,3"))
    before = results(tmp_path)
    run_sweep(tmp_path, small(source, model__latent_size="1,3"))
    assert results(tmp_path).equals(before)
    with pytest.raises(ClaimError, match="another choice of"):
        run_sweep(tmp_path, small(source, model__latent_size="1,4"))


def test_a_sweep_belongs_to_its_stars_whatever_their_file_is_called(tmp_path, monkeypatch):
    """The labels differ, the errors, or the flux; a file that was moved is still the same."""
    path, moved = tmp_path / "toy.npz", tmp_path / "moved.parquet"
    stars = toy_stars(1400)
    write_stars(path, stars)
    run_sweep(tmp_path / "s", small(str(path), trials=1, model__latent_size="3"))
    others = (
        stars.with_labels(stars.labels + 1),
        replace(stars, flux_error=stars.flux_error * 2),
        toy_stars(1400, seed=1),
    )
    for changed in others:
        write_stars(path, changed)
        with pytest.raises(ClaimError, match=r"another choice of stars \(sweep\.json\)"):
            run_sweep(tmp_path / "s", small(str(path), trials=1, model__latent_size="3"))
    write_stars(moved, stars)
    run_sweep(tmp_path / "s", small(str(moved), trials=1, model__latent_size="3"))
    assert load_sweep(tmp_path / "s").stars == (str(moved),) and len(results(tmp_path / "s")) == 1
    monkeypatch.setattr(runner, "identity_of_stars", lambda *_: "unknown")
    with pytest.raises(SpectraError, match=r"moved\.parquet: holds other stars than when the sweep began"):
        run_sweep(tmp_path / "t", small(str(moved), trials=1, model__latent_size="3"))


def test_hits_are_masked_for_every_trial_unless_they_are_to_be_kept(tmp_path):
    stars = toy_stars(STARS)
    flux = stars.flux.copy()
    flux[:, len(stars.wavelength_nm) // 2] = 9.0
    path = tmp_path / "hit.npz"
    write_stars(path, replace(stars, flux=flux, mask=np.zeros_like(stars.mask)))
    plan = small(str(path), model__latent_size="3")
    kept = replace(plan, keep_spikes=True)
    masked = training_stars(plan)
    assert masked.mask.sum() == len(masked) and not training_stars(kept).mask.any()
    assert identity_of_stars(plan.stars) != identity_of_stars(plan.stars, True)
    assert "keep_spikes" not in plan.to_json() and Sweep.from_json(kept.to_json()) == kept


def test_simulated_stars_are_told_apart_by_number_seed_and_simulator(monkeypatch):
    same = identity_of_stars(("simulated:400",))
    assert same == identity_of_stars(("simulated:400:0",)) != identity_of_stars(("simulated:400:1",))
    monkeypatch.setattr(sweep_stars, "simulator_identity", lambda: "another")
    assert identity_of_stars(("simulated:400",)) != same


def test_a_folder_with_any_name_holds_a_sweep(source, tmp_path):
    """The study's address is a link, in which ? and # and % have a meaning."""
    folder = tmp_path / "50 % of #1? %3F é"
    run_sweep(folder, small(source, trials=1, model__latent_size="3"))
    assert len(results(folder)) == 1 and (folder / "study.db").is_file()
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]


def test_a_stopped_sweep_resumes_with_the_interrupted_trial(source, tmp_path, monkeypatch):
    real, seen = runner.score_trials, []

    def stopped_in_the_second(trials, sweep, stars):
        for trial, outcome in real(trials, sweep, stars):
            seen.append(trial.number)
            if len(seen) == 2:
                raise KeyboardInterrupt
            yield trial, outcome

    monkeypatch.setattr(runner, "score_trials", stopped_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(tmp_path, small(source))
    assert len(results(tmp_path)) == 1
    run_sweep(tmp_path, small(source))
    frame = results(tmp_path)
    assert sorted(frame["model.latent_size"]) == [1, 3, 6] and set(frame["state"]) == {"complete"}
    assert len(seen) == 4


def test_a_tpe_sweep_can_be_continued_with_more_trials(source, tmp_path):
    axes = {"model__latent_size": "2:8", "training__learning_rate": "1e-4:1e-2:log"}
    run_sweep(tmp_path, small(source, sampler="tpe", trials=1, **axes))
    run_sweep(tmp_path, small(source, sampler="tpe", trials=3, **axes))
    frame = results(tmp_path)
    assert len(frame) == 3 and frame["model.latent_size"].between(2, 8).all()
    assert (
        frame["training.learning_rate"].between(1e-4, 1e-2).all()
        and frame["training.learning_rate"].nunique() == 3
    )


def test_an_impossible_combination_is_recorded_with_its_cause(source, tmp_path):
    run_sweep(tmp_path, small(source, training__batch_size="64,100000"))
    frame = results(tmp_path).set_index("training.batch_size")
    assert frame["state"].to_dict() == {64: "complete", 100000: "fail"}
    assert "fewer than one batch" in frame["cause"][100000]


def test_a_diverged_training_is_a_failure_not_a_result(source, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "gandalf_core.sweeps.trial.training_measures", lambda *_: {"reconstruction_mse": float("inf")}
    )
    run_sweep(tmp_path, small(source, model__latent_size="2"))
    assert "diverged" in results(tmp_path)["cause"][0]
    with pytest.raises(ConfigError, match="no trial is finished"):
        best_config(tmp_path)


def test_the_study_is_an_optuna_study_in_sqlite(source, tmp_path):
    run_sweep(tmp_path, small(source, model__latent_size="2"))
    with sqlite3.connect(tmp_path / "study.db") as database:
        assert database.execute("select count(*) from trials").fetchone() == (1,)
    assert open_study(tmp_path, load_sweep(tmp_path)).best_trial.params == {"model.latent_size": 2}


def test_several_processes_share_the_work(source, tmp_path):
    run_sweep(tmp_path, small(source, model__latent_size="1,2,3"), workers=2)
    assert sorted(results(tmp_path)["model.latent_size"]) == [1, 2, 3]
    left = [child for child in multiprocessing.active_children() if type(child).__name__ != "LokyProcess"]
    assert not left  # joblib keeps its own for the next call


def test_a_node_that_another_worker_has_finished_meanwhile_is_left_to_it(source, tmp_path, monkeypatch):
    def overtaken(trials, sweep, stars):
        for trial in trials:
            trial.study.tell(trial.number, 1.0)
            yield trial, 2.0

    monkeypatch.setattr("gandalf_core.sweeps.study.score_trials", overtaken)
    run_sweep(tmp_path, small(source, model__latent_size="1,2,3"), workers=1)
    study = open_study(tmp_path, load_sweep(tmp_path))
    assert [t.value for t in study.get_trials()] == [1.0, 1.0, 1.0]


# --- scores ---


@pytest.fixture
def one_probe(monkeypatch):
    """A linear probe is enough for linear toys; the test for leaks does not enter the score."""
    monkeypatch.setattr("gandalf_core.sweeps.trial.QUICK_PROBES", ("ridge",))
    monkeypatch.setattr("gandalf_core.auditing.leak.leak_test", lambda e, label: (1.0, None))


class FixedLatent:
    """A model whose latent is set by the test."""

    label_names, removed, kept = ("teff", "logg"), ("teff",), ("logg",)

    def __init__(self, z):
        self.z = z

    def encode(self, stars):
        return self


def test_the_score_falls_when_the_removed_label_goes_and_the_kept_one_stays(source, one_probe):
    stars, rng = toy_stars(400, names=("teff", "logg")), np.random.default_rng(0)
    teff, logg = ((stars.labels - stars.labels.mean(0)) / stars.labels.std(0)).T
    noise, sweep = rng.normal(size=400), small(source, score="excess")
    cases = {
        "good": (logg, noise),
        "leaks": (logg, teff),
        "empty": (noise, rng.normal(size=400)),
        "wrong": (teff, noise),
    }
    scores = {
        name: probe_measures(FixedLatent(np.stack(z, 1)), stars, sweep)["score"] for name, z in cases.items()
    }
    assert (
        scores["good"] < 0.1
        and 0.8 < scores["leaks"] < 1.2
        and 0.8 < scores["empty"] < 1.2
        and scores["wrong"] > 1.8
    )


def test_a_trial_without_an_adversary_is_measured_like_the_others(source, tmp_path, one_probe):
    """With λ = 0 nothing is removed, and such a trial must not win because nothing is looked for."""
    run_sweep(tmp_path, small(source, name="physical-removed", score="excess", lambda_scale="0,1"))
    frame = results(tmp_path).set_index("lambda_scale")
    assert np.isfinite(frame[["excess teff", "excess logg", "leakage"]].to_numpy(float)).all()
    assert frame.loc[0, "leakage"] > 0.1


def test_excess_of_each_removed_label_is_in_the_table(source, tmp_path, one_probe):
    run_sweep(tmp_path, small(source, name="physical-removed", score="excess", model__noise="0.1,2.0"))
    frame = results(tmp_path)
    assert {"excess teff", "excess logg", "r2 mh", "r2 alphafe", "seconds"} <= set(frame.columns)
    by_noise = frame.set_index("model.noise")["r2 mh"]
    assert by_noise[0.1] > by_noise[2.0], "a latent full of noise says less"


def test_the_papers_two_curves(source, tmp_path):
    run_sweep(tmp_path, small(source, name="paper-physical-removed", lambda_scale="0.0,1.0,3.0"))
    points = curves(tmp_path)
    assert [p["mean_lambda"] for p in points["adversary"]] == pytest.approx(
        [0.0, LAMBDA["maximise"], 3 * LAMBDA["maximise"]]
    )
    assert all(
        0 <= p["discriminator_error"] <= 1 and 0 <= p["chance_error"] <= 1 for p in points["adversary"]
    )
    assert json.dumps(points) and len(points["latent_size"]) == 3


def test_a_trial_from_two_seeds_has_the_mean_of_both_and_their_scatter(source, tmp_path):
    """Each seed alone is a trial of a sweep over seeds."""
    both = replace(small(source, model__latent_size="3"), seeds=2)
    run_sweep(tmp_path / "both", both)
    run_sweep(tmp_path / "each", small(source, model__latent_size="3", training__seed="0,1"))
    [row], each = results(tmp_path / "both").to_dict("records"), results(tmp_path / "each")["score"]
    assert each.nunique() == 2
    assert row["score"] == pytest.approx(each.mean(), rel=1e-4)
    assert row["spread score"] == pytest.approx(each.std(ddof=1), rel=1e-2)
    assert row["model.latent_size"] == 3 and best_config(tmp_path / "both").training.seed == 0


def test_a_trial_fails_once_when_one_of_its_seeds_does(source, tmp_path, monkeypatch):
    real, done = trial_module.measures_of, []

    def second_diverges(*arguments):
        done.append(None)
        if len(done) == 2:
            raise ModelError("the training diverged")
        return real(*arguments)

    monkeypatch.setattr(trial_module, "measures_of", second_diverges)
    run_sweep(tmp_path, replace(small(source, model__latent_size="3"), seeds=3))
    [row] = results(tmp_path).to_dict("records")
    assert row["state"] == "fail" and row["cause"] == "the training diverged" and len(done) == 2


def test_seeds_are_searched_or_averaged_not_both(source):
    with pytest.raises(ConfigError, match=r"training\.seed is searched"):
        replace(small(source, training__seed="0,1"), seeds=2)
    with pytest.raises(ConfigError, match="21 seeds: 1 to 20"):
        replace(small(source), seeds=21)


def test_a_sweep_of_an_earlier_version_goes_on(source, tmp_path):
    """Its sweep.json does not know of seeds."""
    sweep = small(source, model__latent_size="1,3")
    assert "seeds" not in json.loads(sweep.to_json())
    run_sweep(tmp_path, sweep)
    assert load_sweep(tmp_path).seeds == 1
    run_sweep(tmp_path, sweep)
    several = replace(sweep, seeds=3)
    assert Sweep.from_json(several.to_json()) == several
    with pytest.raises(ClaimError, match="another choice of seeds"):
        run_sweep(tmp_path, several)


def test_balance_adds_the_share_of_the_flux_that_is_lost(source, tmp_path, one_probe):
    """1 where the decoder draws every star alike, so that a latent of noise cannot win by hiding well."""
    sweep = small(source, name="physical-removed", score="balance", model__noise="0.1,3.0")
    run_sweep(tmp_path, sweep)
    for row in results(tmp_path).to_dict("records"):
        assert row["score"] == pytest.approx(row["leakage"] + row["loss"] + row["lost_flux"])
        assert row["leakage"] == pytest.approx(
            np.mean([max(0, row[f"excess {n}"]) for n in ("teff", "logg")])
        )
        assert row["loss"] == pytest.approx(np.mean([1 - row[f"r2 {n}"] for n in ("mh", "alphafe")]))
    stars = toy_stars(50)
    by_hand = np.mean([stars.flux[:, k].var() for k in range(stars.flux.shape[1])])
    assert trial_module.flux_variance(stars) == pytest.approx(by_hand, rel=1e-4)
    assert trial_module.flux_variance(stars[[0, 0, 0]]) < 1e-12


def test_test_stars_take_no_part(source):
    from gandalf_core.data.splits import split
    from gandalf_core.sweeps.trial import training_stars

    stars = toy_stars(STARS)
    used = training_stars(small(source)).ids
    assert not np.isin(stars.ids[split(stars.ids)[1]], used).any() and len(used) == 0.8 * STARS
