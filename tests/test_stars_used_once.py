"""Stars are used once: on every path, the sets of stars that are really used are apart, and are as stored.

A ledger notes at the innermost places which stars arrive there: by their ids where these travel along, else
by the numbers themselves (a spectrum or a latent belongs to one star alone).
"""

import ast
import json
import re
from collections import defaultdict
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from toy import toy_config, toy_stars

import gandalf_core.auditing
from gandalf_core import seeds
from gandalf_core.auditing.compare import ComparisonOptions, compare_models, comparison_split
from gandalf_core.cli import main
from gandalf_core.data.scaling import Scaler
from gandalf_core.data.spectra import concatenate
from gandalf_core.data.splits import division
from gandalf_core.errors import AuditError, SpectraError
from gandalf_core.io import write_stars
from gandalf_core.models import calibration, fit, readings
from gandalf_core.models.cards import RESERVED_NOTE
from gandalf_core.models.fit import Extras, train, trainer_for
from gandalf_core.models.store import load_model, save_model
from gandalf_core.models.trained import TrainedModel
from gandalf_core.regression.conformal import FOLDS, MIN_UNSEEN, promise
from gandalf_core.regression.regressor import Regressor
from gandalf_core.simulator import simulate
from gandalf_core.simulator.judging import is_reserved_source, reserved
from gandalf_core.sources import load_stars
from gandalf_core.sweeps.space import Sweep, parse_axis
from gandalf_core.sweeps.study import results, run_sweep
from gandalf_core.training import fitting_regressors as fitting
from gandalf_core.training.batches import StarTensors

ROOT = Path(__file__).resolve().parents[1]
SIZES = {"crossed": 900, "split": 6400}  # too few stars for 500 that calibrate, and enough
JUDGED = f"simulated:40:{seeds.JUDGING_SEED}"


class Ledger:
    """Who was used for what: `networks`, `validation`, `fits` of regressors, `usual`, `reference`, …"""

    def __init__(self):
        self.star = {}  # a spectrum or latent, as bytes -> id
        self.used = defaultdict(set)
        self.fits = []  # of regressors: train, stop, calibrate
        self.rows = []  # of the fits that have begun: ids of the stars

    def knows(self, x: np.ndarray, ids: np.ndarray) -> None:
        self.star |= {row.tobytes(): i for row, i in zip(np.asarray(x, np.float32), ids, strict=True)}

    def ids(self, x: np.ndarray) -> set[str]:
        return {self.star[row.tobytes()] for row in np.asarray(x, np.float32)}

    def of_fits(self, *parts: str) -> set[str]:
        return set().union(*(f[part] for f in self.fits for part in parts))


@pytest.fixture
def ledger(monkeypatch):
    """A ledger of all that happens in a test."""
    book = Ledger()

    def spy(owner, name, note):
        real = getattr(owner, name)

        def noted(*args, **kwargs):
            result = real(*args, **kwargs)
            note(result, *args, **kwargs)
            return result

        monkeypatch.setattr(owner, name, noted)

    def encoded(latents, model, stars, **_):
        book.knows(latents.z, stars.ids)

    def taken(_, tensors, stars, with_nuisances=False):
        book.used["networks" if with_nuisances else "validation"] |= set(stars.ids)

    def tasks(_, tasks, *__):
        for rows, task in zip(book.rows, tasks, strict=True):
            book.fits.append(dict.fromkeys(("train", "stop", "calibrate"), frozenset()))
            for part, chosen in (("train", task.train), ("stop", task.check)):
                book.fits[-1][part] = {rows[row] for row in chosen}
        book.rows.clear()

    def inputs(_, x, *__):
        book.rows.append([book.star[row.tobytes()] for row in x])

    def conformed(_, regressor, x, *__):
        next(fit for fit in book.fits if not fit["calibrate"])["calibrate"] = book.ids(x)

    def calibrated(_, regressor, *told, seed):
        for part, stars in zip(("shape", "level", "scores"), told, strict=True):
            book.used[part] |= book.ids(stars.x)

    def outliers(_, __, ordinary, compared):
        book.used["usual"] |= set(ordinary.ids)
        book.used["reference"] |= set(compared.ids)

    spy(TrainedModel, "encode", encoded)
    spy(StarTensors, "__call__", taken)
    spy(fitting, "network_inputs", inputs)
    spy(fitting, "fit_networks", tasks)
    spy(Regressor, "conformed", conformed)
    spy(calibration, "calibrated", calibrated)
    spy(readings, "fit_outliers", outliers)
    spy(fit, "card_figures", lambda _, model, tested: book.used["test"].update(tested.ids))
    spy(fit, "fit_projection", lambda _, x, method, stars: book.used["map"].update(stars.ids))
    return book


def know_spectra(monkeypatch, book: Ledger, stars) -> None:
    """Spectra with their gaps filled are known as those of these stars, whatever the scaling."""
    real = Scaler.fill

    def fill(scaler, flux, mask):
        filled = real(scaler, flux, mask)
        ids = {row.tobytes(): i for row, i in zip(stars.flux, stars.ids, strict=True)}
        book.knows(filled, np.array([ids[row.tobytes()] for row in flux]))
        return filled

    monkeypatch.setattr(Scaler, "fill", fill)


def apart(**sets: set[str]) -> None:
    for (one, a), (other, b) in combinations(sets.items(), 2):
        assert a and b, f"{one if not a else other} is empty"
        assert not a & b, f"{len(a & b)} stars are {one} and {other}"


# --- a training ---


@pytest.mark.parametrize("how", SIZES)
def test_no_star_of_a_training_serves_twice_and_the_folder_says_which_served_what(
    how, ledger, monkeypatch, tmp_path
):
    stars = toy_stars(SIZES[how])
    know_spectra(monkeypatch, ledger, stars)
    extras = Extras(maps=("pca",), regressor_epochs=2)
    model = train(stars, toy_config(training__epochs=1), device="cpu", extras=extras)
    model = load_model(save_model(model, tmp_path / "m") and tmp_path / "m")
    stored = {
        "networks": set(model.train_ids) - {*model.check_ids, *model.calibration_ids, *model.reference_ids},
        "validation": set(model.check_ids),
        "reference": set(model.reference_ids),
        "test": set(model.test_ids),
    }
    apart(**stored, calibration=set(model.calibration_ids))
    assert {name: ledger.used[name] for name in stored} == stored
    assert ledger.used["map"] <= stored["test"] and ledger.used["usual"] <= stored["networks"]
    for one in ledger.fits:
        apart(**one)
    assert not ledger.of_fits("train", "stop", "calibrate") & (stored["reference"] | stored["test"])
    latent = ledger.fits[-FOLDS if how == "crossed" else -1 :]
    calibrating = set().union(*(one["calibrate"] for one in latent))
    assert calibrating == set(model.calibration_ids), "the encoder has seen none of them"
    assert all(not one["stop"] - stored["validation"] - stored["networks"] for one in latent)
    assert (len(calibrating) < MIN_UNSEEN) == (how == "crossed")
    if how == "split":  # crossed error bars stay as they were fitted
        told = {"shape": "networks", "level": "validation"}
        assert {part: ledger.used[part] for part in told} == {p: stored[name] for p, name in told.items()}
        assert ledger.used["scores"] == calibrating
    assert model.card["calibration"]["latent"]["stars"] == len(calibrating)
    counts = [model.card["data"][part] for part in ("validation", "calibration", "reference", "test")]
    assert counts == [
        len(stored["validation"]),
        len(calibrating),
        len(stored["reference"]),
        len(stored["test"]),
    ]


def test_with_few_stars_the_calibration_is_crossed_and_everybody_is_told(tmp_path, capsys):
    write_stars(tmp_path / "stars.npz", simulate(700, 5))
    arguments = ["train", str(tmp_path / "stars.npz"), "--preset", "autoencoder", "--epochs", "1"]
    assert main([*arguments, "--out", str(tmp_path / "m"), "--json"]) == 0
    out, err = capsys.readouterr()
    told, card = json.loads(out)["calibration"], (tmp_path / "m" / "CARD.md").read_text()
    for source in ("latent", "spectrum"):
        assert told[source]["method"] == "cross" and told[source]["folds"] == FOLDS
        assert not told[source]["seen"]
        said = f"error bars from the {source}: {promise(told[source])}"
        assert said in err and said in card
    assert "2p − 1" in promise(told["latent"]), "what CV+ is sure to hold"


def test_calibrating_on_stars_that_the_encoder_has_seen_is_said():
    rng = np.random.default_rng(0)
    x, unseen = rng.standard_normal((200, 3)), np.arange(200) < 10
    parts = fitting.Parts.of_unseen(unseen)
    settings = fitting.RegressorSettings(hidden=(4,), max_iter=2)
    summary = fitting.fit_regressor(x, x[:, :1], ("teff",), settings, parts=parts).summary
    assert summary["calibration"] == {"method": "cross", "stars": 200, "folds": FOLDS, "seen": True}
    assert "trained the encoder" in promise(summary["calibration"])


@pytest.mark.parametrize("level", [0.6827, 0.95])
@pytest.mark.parametrize(("how", "count"), [("cross", 240), ("split", 2000)])
def test_intervals_hold_what_they_promise_on_average_over_draws(how, count, level):
    """Split ones their level, crossed ones that or a little more: CV+ is on the safe side."""
    settings, shares = fitting.RegressorSettings(hidden=(8,), max_iter=12), []
    for draw in range(8):
        rng = np.random.default_rng([draw, count])
        x = rng.standard_normal((count + 2000, 3))
        noise = np.exp(0.5 * x[:, :1]) * rng.standard_t(4, (len(x), 1))
        y = np.sin(x[:, :1]) + 0.3 * noise
        fitted = fitting.fit_regressor(x[:count], y[:count], ("teff",), settings)
        assert fitted.summary["calibration"]["method"] == how
        values, errors = fitted.predict(x[count:], level=level)
        shares.append((np.abs(values - y[count:]) <= errors).mean())
    low, high = (-0.02, 0.02) if how == "split" else (-0.02, 0.06)
    assert low < np.mean(shares) - level < high, shares


# --- the other paths ---


@pytest.fixture(scope="module")
def world():
    """Stars and a model of them."""
    stars = toy_stars(1100)
    return stars, train(
        stars, toy_config(training__epochs=1), device="cpu", extras=Extras(regressor_epochs=2)
    )


def test_a_comparison_tests_on_stars_that_took_no_part_in_any_model(world, ledger, monkeypatch):
    stars, model = world
    know_spectra(monkeypatch, ledger, stars)
    options = ComparisonOptions(max_iter=2, seed=3)  # another seed than that of the model's split
    report = compare_models(stars, {"toy": model}, options)
    assert report["stars"] == {"train": 880, "test": 220}
    assert not ledger.of_fits("train", "stop", "calibrate") & set(model.test_ids)
    for one in ledger.fits:
        apart(**one)
    calibrating = set().union(*(one["calibrate"] for one in ledger.fits[-FOLDS:]))
    unseen = {*model.check_ids, *model.calibration_ids, *model.reference_ids}
    assert calibrating == unseen, "of the latent: those that trained no network"
    assert report["network"]["toy"]["calibration"]["method"] == "cross"
    assert set(stars.ids[comparison_split(stars, {"toy": model}, 3)[1]]) == set(model.test_ids)
    with pytest.raises(AuditError, match="took part in making these models"):
        compare_models(stars[model.unseen(stars) ^ True], {"toy": model}, options)


def test_an_audit_looks_at_stars_that_took_no_part(world, monkeypatch):
    from gandalf_core.auditing import references

    stars, model = world
    seen = []

    def stop(model, stars, *_):
        seen.extend(stars.ids)
        raise AuditError("enough")

    monkeypatch.setattr(references, "representations", stop)
    with pytest.raises(AuditError, match="enough"):
        gandalf_core.auditing.audit(model, stars, workers=1)
    assert set(seen) == set(model.test_ids)
    assert set(stars.ids[model.held_out(stars)]) == set(model.test_ids)


def test_predicting_and_placing_fit_nothing(world, ledger):
    stars, model = world
    model.predict(stars[:20])
    assert not ledger.fits and not ledger.used


@pytest.mark.parametrize("score", ["reconstruction", "excess"])
def test_a_sweep_chooses_by_stars_that_judge_and_calibrate_nothing(score, ledger, monkeypatch, tmp_path):
    stars, scored = toy_stars(2000), set()
    write_stars(tmp_path / "toy.npz", stars)

    def measures(model, stars, sweep):
        scored.update(stars.ids)
        return {"score": 1.0}

    monkeypatch.setattr("gandalf_core.sweeps.trial.probe_measures", measures)
    axes = (parse_axis("model.latent_size", "2,3"),)
    source = (str(tmp_path / "toy.npz"),)
    run_sweep(tmp_path / "sweep", Sweep(toy_config(training__epochs=1), axes, source, score, "grid"))
    assert set(results(tmp_path / "sweep")["state"]) == {"complete"}
    rows = division(stars.ids)
    never = set(stars.ids[np.concatenate([rows.test, rows.calibration, rows.reference])])
    used = ledger.used["networks"] | ledger.used["validation"] | scored
    assert used and not used & never
    assert not scored & (ledger.used["networks"] | ledger.used["validation"])


def test_a_score_on_the_stars_that_train_is_refused(tmp_path):
    write_stars(tmp_path / "toy.npz", toy_stars(400))
    config = toy_config("autoencoder", training__validation_fraction=0, training__epochs=1)
    axes = (parse_axis("model.latent_size", "2"),)
    run_sweep(tmp_path / "sweep", Sweep(config, axes, (str(tmp_path / "toy.npz"),), "reconstruction", "grid"))
    frame = results(tmp_path / "sweep")
    assert frame["state"].tolist() == ["fail"] and "no star is left to score" in frame["cause"][0]


def test_pretrain_judges_on_reserved_stars_before_a_model_is_installed(monkeypatch, tmp_path):
    judged = {}

    def audit(model, stars, *, plain, progress):
        judged[model.name] = (set(stars.ids), None if plain is None else plain.name)
        assert not (tmp_path / "out" / model.name / "card.json").exists()
        return {
            "stars": len(stars),
            "removed": {},
            "kept": {},
            "untouched": {},
            "counterfactual": {},
            "verdict": ["judged"],
        }

    monkeypatch.setattr(gandalf_core.auditing, "audit", audit)
    command = ["pretrain", "--only", "autoencoder", "--only", "physical-removed", "--map", "pca"]
    command += ["--stars", "simulated:400:1", "--epochs", "1", "--map-stars", "40", "--judge", JUDGED]
    places = ["--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    assert main([*command, *places]) == 0
    assert {name: plain for name, (_, plain) in judged.items()} == {
        "autoencoder": None,
        "physical-removed": "autoencoder",
    }
    for name, (ids, _) in judged.items():
        model = load_model(tmp_path / "out" / name)
        assert len(ids) == 40 and reserved(np.array(sorted(ids))).all()
        assert not ids & {*model.train_ids, *model.test_ids}
        assert model.card["audit"]["source"] == JUDGED
        assert RESERVED_NOTE in (tmp_path / "out" / name / "CARD.md").read_text()
    first = dict(judged)
    (tmp_path / "out" / "autoencoder" / "card.json").unlink()
    judged.clear()
    assert main([*command, *places]) == 0 and not judged and first, "once: it was judged before"


# --- stars that are reserved for judging ---


def test_reserved_stars_are_known_by_their_ids():
    ids = np.array(["sim990001-0", "sim990999-12", "sim0-990001", "sim99000-1", "sim991000-5", "HD 990001"])
    assert reserved(ids).tolist() == [True, True, False, False, False, False]
    assert reserved(simulate(2, seeds.JUDGING_SEED).ids).all() and reserved(np.array([], str)).size == 0
    assert is_reserved_source(JUDGED) and is_reserved_source(f"{JUDGED}:b")
    assert not is_reserved_source("simulated:990001:3") and not is_reserved_source("stars.npz")


def test_nothing_is_trained_tuned_or_chosen_on_them(tmp_path, capsys):
    config = toy_config("autoencoder", training__epochs=1)
    mixed = load_stars(["simulated:300:2", JUDGED])
    for some in (mixed, mixed[300:]):
        with pytest.raises(SpectraError, match=r"reserved for judging; take stars of another seed"):
            trainer_for(some, config)
    with pytest.raises(SpectraError, match=f"cannot choose by {JUDGED}"):
        Sweep(config, (parse_axis("model.latent_size", "2"),), (JUDGED,))
    write_stars(tmp_path / "judged.npz", mixed)
    for arguments in (
        ["train", JUDGED, "--preset", "autoencoder", "--out", str(tmp_path / "m")],
        ["train", str(tmp_path / "judged.npz"), "--preset", "autoencoder", "--out", str(tmp_path / "m")],
        ["pretrain", "--stars", JUDGED, "--out", str(tmp_path / "o"), "--work", str(tmp_path / "w")],
        [
            *("sweep", str(tmp_path / "judged.npz"), "--preset", "autoencoder"),
            *("--space", "model.latent_size=2", "--out", str(tmp_path / "s")),
        ],
    ):
        capsys.readouterr()
        assert main(arguments) == 2
        assert capsys.readouterr().err.strip().splitlines()[-1].endswith("take stars of another seed")


def test_a_comparison_with_reserved_stars_tests_on_them_alone(world):
    own, model = world
    judged = replace(toy_stars(50, seed=1), ids=[f"sim{seeds.JUDGING_SEED}-{k}" for k in range(50)])
    both = concatenate([own, judged])
    train_rows, test_rows = comparison_split(both, {"toy": model})
    assert set(both.ids[test_rows]) == set(judged.ids)
    assert set(both.ids[train_rows]) == set(model.train_ids), "its own test stars sit out"
    with pytest.raises(AuditError, match="reserved for judging: add others"):
        comparison_split(judged, {"toy": model})


# --- seeds ---


def named_seeds() -> dict[str, int]:
    return {name: value for name, value in vars(seeds).items() if name.endswith("_SEED")}


def test_no_other_seed_is_in_the_block_for_judging():
    of_stars = {n: s for n, s in named_seeds().items() if n not in ("SPLIT_SEED", "HELD_BACK_SEED")}
    assert len(set(of_stars.values())) == len(of_stars)
    assert [n for n, s in of_stars.items() if s in seeds.JUDGING_BLOCK] == ["JUDGING_SEED"]


FILES = [
    path
    for folder in ("gandalf_core", "pages", "reports", "scripts", "benchmarks", "tests")
    for path in (ROOT / folder).rglob("*.py")
]


def literal_seeds(text: str) -> set[int]:
    """Seeds of stars that a file names as a number: in `simulated:N:SEED` and in calls of `simulate`."""
    found = {int(s) for s in re.findall(r"simulated:\d+:(\d+)", text)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "simulate":
            values = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "seed")]
            found |= {v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, int)}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_seed_has_a_name_or_is_a_test(path):
    found = literal_seeds(path.read_text(encoding="utf-8"))
    if path.is_relative_to(ROOT / "tests"):
        assert all(seed < seeds.TESTS_BELOW for seed in found) or path == Path(__file__)
    else:
        assert not found, "write the constant of gandalf_core/seeds.py"


def test_a_number_for_a_seed_is_noticed():
    text = 'a = "simulated:9:12"\nsimulate(4, 3)\nsimulate(2, seed=5)\nsimulate(2, seed=SEED)\nsimulate(7)\n'
    assert literal_seeds(text) == {12, 3, 5}
