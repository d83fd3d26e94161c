"""What an adaptation changed, the pictures of the worst stars, labels of a table in training."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from gandalf_core import io
from gandalf_core.auditing.probes import Probing
from gandalf_core.auditing.report import planned
from gandalf_core.cli import main
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import ModelError
from gandalf_core.explaining.adaptation import adaptation, turned_onto
from gandalf_core.figures import own_stars as figures
from gandalf_core.figures.page import html_page
from gandalf_core.models.listing import card_of, list_models
from gandalf_core.models.store import load_model
from gandalf_core.own.comparing import Compared, compare_labels
from gandalf_core.own.labels import labels_of
from gandalf_core.own.origin import find_original, original_among
from gandalf_core.own.worst import drawn_worst
from gandalf_core.simulator import simulate_kind
from gandalf_core.training.adapter import PARTS, Adapter, Networks, Pace, Prepared


@pytest.fixture(scope="module")
def model():
    return load_model("physical-removed")


@pytest.fixture(scope="module")
def others():
    return simulate_kind("b", 260, 34)


# --- what changed ---


def test_a_turned_latent_is_turned_back_and_what_is_new_is_a_share():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((400, 6)) * [3, 2, 1, 1, 0.5, 0.2]
    turn = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    turned, left = turned_onto(z, 5 + z @ turn)
    assert turned == pytest.approx(z - z.mean(0), abs=1e-9) and left < 1e-12
    mirrored, left = turned_onto(z, -z)
    assert mirrored == pytest.approx(z - z.mean(0), abs=1e-9) and left < 1e-12
    half = np.hstack([z[:, :1], np.zeros((400, 5))])
    share = 1 - z[:, 0].var() / z.var(0).sum()
    assert turned_onto(z, half)[1] == pytest.approx(share, abs=0.02)


def test_a_model_beside_itself_has_not_changed(model, others):
    found = adaptation(model, model, others)
    assert found.turned_away < 1e-6 and found.correction is None
    assert found.places[0] == pytest.approx(found.places[1], abs=1e-4)
    assert set(found.told) == {"teff", "logg"} and all(b == a for b, a in found.told.values())
    assert found.told["logg"][0] > 0.05  # of stars of another physics much is told
    assert set(found.sliders) == set(model.condition_on)
    assert all(s.distance == 0 and np.abs(s.before).max() > 1e-3 for s in found.sliders.values())
    [teff, *_] = found.parameters()
    own = model.predict(others, source="spectrum", verdicts=False).values[:, 0] - others.labels[:, 0]
    assert teff["rmse_before"] == teff["rmse_after"] == pytest.approx(np.sqrt(np.mean(own**2)))
    json.dumps(found.to_dict())


def test_a_slider_that_does_twice_as_much_has_changed_by_all_it_did(model, others):
    twice = replace(model, name="twice")
    decode = model.decode
    object.__setattr__(twice, "decode", lambda z, y: 2 * decode(z, y))
    found = adaptation(model, twice, others[np.arange(30)])
    assert [s.distance for s in found.sliders.values()] == pytest.approx([1.0] * 4, abs=1e-5)
    assert not found.told  # too few stars for that


def test_models_of_other_labels_are_not_compared(model, others, model_folder):
    other = load_model(model_folder)
    with pytest.raises(ModelError, match="has other labels"):
        adaptation(other, model, others)


def test_the_original_is_found_by_its_weights_whatever_it_is_called():
    folders = {info.name: info.path for info in list_models()}
    said = {"adapted": {"from": {"name": "model", "model_id": load_model("generator").model_id}}}
    assert original_among(said, folders) == "generator"
    assert find_original(said).name == "generator"
    gone = {"adapted": {"from": {"model_id": "generator@000000000000"}}}
    assert original_among(gone, folders) is None
    with pytest.raises(ModelError, match="generator@000000000000, which is not among the models here"):
        find_original(gone)
    with pytest.raises(ModelError, match="was not adapted"):
        find_original(card_of(folders["generator"]))


def test_changes_by_command(capsys, tmp_path, others):
    io.write_stars(tmp_path / "s.npz", others[np.arange(40)])
    arguments = ["changes", "physical-removed", str(tmp_path / "s.npz"), "--beside", "physical-removed"]
    assert main([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["stars"] == 40 and result["parameters"][0]["label"] == "teff"
    assert main(arguments[:3]) == 2
    assert "was not adapted from another one" in capsys.readouterr().err


# --- pictures of the worst stars ---


def wrong_labels(model, stars: SpectraSet) -> tuple[SpectraSet, Compared, dict]:
    labels = stars.labels.copy()
    labels[7] += [1500.0, 0, 0, 0]
    stars = stars.with_labels(labels, stars.label_names)
    predictions = model.predict(stars, source="spectrum", verdicts=False)
    compared = Compared(predictions, labels_of(stars, model.label_names), stars.snr)
    return stars, compared, compare_labels(compared)


def test_the_spectrum_under_a_wrong_label_does_not_fit(model):
    stars, compared, found = wrong_labels(model, simulate_kind("", 120, 35))
    drawn = drawn_worst(model, stars, compared.own, found["worst"])
    assert len(drawn) == 10 and drawn[0].title.startswith(f"{stars.ids[7]}: Teff")
    star = drawn[0]
    good = ~star.mask
    by_model, by_labels = (np.square(star.observed - s)[good].mean() for s in (star.by_model, star.by_labels))
    assert by_labels > 2 * by_model
    told = re.search(r"χ² per pixel ([\d.]+) with the model's labels, ([\d.]+) with yours", star.title)
    assert told and float(told[2]) > 1.5 * float(told[1])
    figure = figures.worst_stars(model.wavelength_nm, drawn)
    assert sum(t.name == "drawn with your labels" for t in figure.data) == 10
    assert figures.worst_stars(model.wavelength_nm, []).data == ()


def test_residuals_are_drawn_in_bins(model):
    _, compared, found = wrong_labels(model, simulate_kind("", 120, 35))
    features = {"teff": compared.own.values[:, 0], "snr": compared.snr}
    figure = figures.label_residuals(compared.residual, features, found["bins"])
    bars = [t for t in figure.data if t.name == "bias ± its error"]
    assert list(bars[0].y) == [b["bias"] for b in found["bins"]["teff"]["teff"]]
    assert len(bars) == 4 * 2 and figures.label_residuals(compared.residual, features, {}).data == ()


def test_a_comparison_is_written_as_a_page(capsys, tmp_path):
    stars = simulate_kind("", 60, 36)
    io.write_stars(tmp_path / "s.npz", stars)
    arguments = ["compare-labels", "generator", str(tmp_path / "s.npz"), "--from", "spectrum", "--out"]
    assert main([*arguments, str(tmp_path / "page.pdf")]) == 2 and "HTML" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("Plotly.newPlot") >= 2 and "generator against your labels" in text
    assert all(f"<td>{row}</td>" in text for row in ("Teff [K]", "log g [dex]", "[α/Fe] [dex]"))
    assert "http" not in text.split("<script")[0]


def test_a_page_shows_text_as_it_is():
    page = html_page("<b>", ["a & b", [{"x": "<i>"}]])
    assert "<h1>&lt;b&gt;</h1>" in page and "<p>a &amp; b</p>" in page and "<td>&lt;i&gt;</td>" in page


# --- predictions, labels of a table, limits ---


@pytest.mark.parametrize("suffix", ["fits", "parquet", "ecsv"])
def test_a_limit_beside_spectra_is_no_label_and_is_named(tmp_path, suffix):
    from astropy.table import Table

    few = simulate_kind("", 3, 37)
    columns = {"source_id": [11, 12, 13], "wavelength": [few.wavelength_nm] * 3, "flux": few.flux}
    columns |= {"mh": [-0.1, -2.5, 0.2], "l_mh": ["", "<", ""], "teff": [5000.0, 5100.0, 5200.0]}
    Table(columns).write(tmp_path / f"s.{suffix}")
    read = io.read_stars(tmp_path / f"s.{suffix}")
    assert read.labels_for(("mh",))[:, 0] == pytest.approx([-0.1, np.nan, 0.2], nan_ok=True)
    assert read.label("teff").tolist() == [5000.0, 5100.0, 5200.0]
    notes = str(io.understanding_of(read)) if hasattr(io, "understanding_of") else str(read.provenance)
    assert "mh: 1 limit is no value and is left out (12)" in notes


def test_predictions_of_some_stars(model, others):
    found = model.predict(others[np.arange(40)])
    few = found.of(np.array([3, 1]))
    assert few.ids.tolist() == found.ids[[3, 1]].tolist() and few.label_names == found.label_names
    assert np.array_equal(few.covariance, found.covariance[[3, 1]])
    assert all(np.array_equal(v, found.percentiles[k][[3, 1]]) for k, v in few.percentiles.items())


def test_errors_of_labels_count_in_an_audit(model, others):
    errors = np.tile([50.0, 0.1, 0.05, np.nan], (len(others), 1))
    names = (*others.label_names, *(f"{n}_error" for n in others.label_names))
    told = others.with_labels(np.hstack([others.labels, errors]), names)
    plan = planned(model, told, Probing())
    assert plan.errors_of(("mh", "alphafe"))[0].tolist() == [0.05, 0.0] and not plan.exact
    assert planned(model, others, Probing()).label_errors is None and planned(model, others, Probing()).exact


def test_labels_of_a_table_train_only_with_a_model_to_start_from(tmp_path, capsys):
    (tmp_path / "l.csv").write_text("source_id,teff\n1,5000\n")
    arguments = [
        "train",
        "simulated:50:31:b",
        "--out",
        str(tmp_path / "m"),
        "--labels",
        str(tmp_path / "l.csv"),
    ]
    assert main(arguments) == 2 and "--labels belongs to --from MODEL" in capsys.readouterr().err
    assert main([*arguments, "--from", "generator"]) == 2
    told = capsys.readouterr().err
    assert "50 of 50 stars are not in the table of labels" in told and "only 0 of these 50 stars" in told


# --- the networks go on learning ---


@pytest.fixture
def adapter(model_folder, stars) -> Adapter:
    """The small model's networks with new opponents, on the stars that it was trained on."""
    small = load_model(model_folder)
    networks = Networks(small.encoder, small.decoder)
    prepared = Prepared(networks, small.scaler, small.config, stars)
    return Adapter(networks, prepared, np.arange(len(stars)))


def guessed(adapter: Adapter) -> float:
    """The loss of the opponents on all stars."""
    batch = adapter.seen
    with torch.no_grad():
        mu = adapter.learner.eval().latents(batch.tensors())
        return float(adapter.learner.adversary.discriminator_loss(mu, batch))


def weights(encoder) -> list[np.ndarray]:
    return [p.detach().numpy().copy() for p in encoder.net.parameters()]


def test_opponents_know_the_latent_before_the_encoder_moves(adapter):
    before, loss = weights(adapter.networks.encoder), guessed(adapter)
    assert adapter.learner.adversary.watched == ("teff", "logg") and adapter.updates
    adapter.warm_up(Pace(0, warm_up=60))
    assert guessed(adapter) < loss - 0.3
    assert all(map(np.array_equal, before, weights(adapter.networks.encoder)))


def test_only_the_chosen_part_of_the_encoder_moves(adapter):
    before = weights(adapter.networks.encoder)
    moved = {}
    for part in PARTS:
        after = weights(adapter.copied().run(part, Pace(3, warm_up=0)).encoder)
        moved[part] = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert not any(moved["nothing"]) and all(moved["everything"])
    assert moved["last layer"] == [False] * (len(before) - 2) + [True] * 2
    assert moved["low rank"] == [k % 2 == 0 for k in range(len(before))]  # weights, not biases
