"""Every page in the situations that users bring it into, through Streamlit's test runner (no browser)."""

import base64
import json
import re
import shutil
import time
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import app_world
import numpy as np
import pytest
from archive_files import archive_file
from streamlit.testing.v1 import AppTest
from toy import toy_config, toy_stars

from gandalf_core import io
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.io import npz
from gandalf_core.models.cards import EARLIER_NOTE
from gandalf_core.models.files import read_arrays, write_arrays
from gandalf_core.models.packing import packed
from gandalf_core.models.predictions import Predictions
from gandalf_core.models.trained import TrainedModel
from gandalf_core.parameters import LABELS
from gandalf_core.seeds import CHOICE_SEED
from gandalf_core.simulator import simulate
from gandalf_core.simulator.nuisances import OFF
from gandalf_core.sweeps.space import Sweep, parse_axis
from gandalf_core.sweeps.study import results, run_sweep
from pages.ui.cache import stars as stars_cache
from pages.ui.cache.models import load_model, model_folders
from pages.ui.cache.outputs import _predictions as cache_of_predictions
from pages.ui.cache.outputs import labels_of, latents_of, predictions_of
from pages.ui.cache.uploads import load_upload, save_upload

MAIN = Path(__file__).parents[1] / "pages" / "ui" / "main.py"
PAGES = (
    "home",
    "tour",
    "data",
    "maps",
    "latent",
    "decode",
    "parameters",
    "train",
    "sweeps",
    "audit",
    "models",
)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Model folders, a place for runs and one for caches. Do not write to the models."""
    root = tmp_path_factory.mktemp("app")
    app_world.build(root / "pretrained")
    return root


@pytest.fixture
def app(world, tmp_path, monkeypatch):
    """A function that opens a page: app("maps", model="generator", …query parameters)."""
    monkeypatch.setenv("GANDALF_PRETRAINED", str(world / "pretrained"))
    monkeypatch.setenv("GANDALF_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("GANDALF_CACHE", str(world / "cache"))

    def open_page(page: str = "home", **query: str) -> AppTest:
        test = AppTest.from_file(str(MAIN), default_timeout=60)
        for name, value in query.items():
            test.query_params[name] = value
        return show(test.run(), page)

    return open_page


def show(test: AppTest, page: str) -> AppTest:
    if page != "home":
        test.switch_page(f"../{page}.py").run()
    assert not test.exception, [e.message for e in test.exception]
    return test


def archive_star() -> tuple[SpectraSet, bytes]:
    """A simulated star as the Gaia archive would deliver it."""
    star = simulate(1, seed=5, pixels=2401)
    star = SpectraSet(
        star.flux,
        np.round(star.wavelength_nm, 3),
        ["4268620287278693121"],
        np.empty((1, 0)),
        (),
        star.flux_error,
    )
    return star, archive_file("csv", "INDIVIDUAL", star)


def upload(test: AppTest, *files: tuple[str, bytes]) -> AppTest:
    show(test, "data")
    for name, content in files:
        test.file_uploader[0].upload(name, content)
    test.run()
    assert not test.exception, [e.message for e in test.exception]
    return test


def figures(test: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in test.get("plotly_chart")]


def drawn_y(trace: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(trace["y"]["bdata"]), trace["y"]["dtype"])


def texts(test: AppTest) -> str:
    kinds = (test.error, test.info, test.warning, test.success, test.markdown, test.caption, test.title)
    return "\n".join(str(e.value) for kind in kinds for e in kind)


@pytest.mark.parametrize("page", PAGES)
def test_opens_without_any_model(app, page, monkeypatch, tmp_path):
    monkeypatch.setenv("GANDALF_PRETRAINED", str(tmp_path / "nothing"))
    test = app(page)
    assert page in ("train", "sweeps") or "No trained model yet" in texts(test)


@pytest.mark.parametrize("model", ["generator", "autoencoder", "physical-removed"])
@pytest.mark.parametrize("page", PAGES)
def test_opens_with_a_pretrained_model(app, page, model):
    test = app(page, model=model)
    assert not test.error, [e.value for e in test.error]


@pytest.mark.parametrize("page", PAGES)
def test_opens_with_uploaded_stars(app, page):
    star, content = archive_star()
    test = upload(app(model="physical-removed"), ("star.csv", content))
    assert "1 star, 2401 pixels" in texts(test)
    assert test.session_state["star"] == star.ids[0]
    show(test, page)
    assert not test.error, [e.value for e in test.error]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", ["two-labels", "six-labels"])
def test_opens_with_a_model_that_has_other_labels(app, page, name, tmp_path):
    labels = {"two-labels": app_world.TWO, "six-labels": app_world.SIX}[name]
    path = tmp_path / "toy.npz"
    io.write_stars(path, toy_stars(60, seed=3, names=labels))
    test = upload(app(model=name), ("toy.npz", path.read_bytes()))
    test.selectbox(key="stars").select(test.selectbox(key="stars").options[-1]).run()
    show(test, page)
    assert not test.error, [e.value for e in test.error]


@pytest.mark.parametrize("page", PAGES)
def test_a_bad_upload_is_reported_and_loses_nothing(app, page):
    _, content = archive_star()
    test = upload(app(model="generator"), ("good.csv", content))
    star = test.session_state["star"]
    upload(test, ("photo.csv", b"\xff\xd8\xff\xe0 not a table"))
    assert any("photo.csv" in e.value for e in test.error)
    assert test.session_state["star"] == star
    show(test, page)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("columns.csv", b"a,b\n1,2\n"),
        ("cut.fits", b"SIMPLE  =                    T"),
        ("picture.txt", b"\xff\xd8\xff\xe0JFIF"),
    ],
)
def test_a_bad_file_gets_one_line_with_its_name(app, name, content):
    test = upload(app(model="generator"), (name, content))
    [line] = [e.value for e in test.error]
    assert name in line and "\n" not in line.strip()


def test_a_model_folder_with_a_missing_file_is_named(app, world, tmp_path, monkeypatch):
    broken = tmp_path / "pretrained" / "broken"
    broken.mkdir(parents=True)
    (broken / "card.json").write_text((world / "pretrained" / "generator" / "card.json").read_text())
    monkeypatch.setenv("GANDALF_PRETRAINED", str(broken.parent))
    assert any("config.json" in e.value for e in app("decode").error)


def test_a_message_shows_names_without_markup_and_without_the_servers_folders(
    app, world, tmp_path, monkeypatch
):
    broken = tmp_path / "pretrained" / "bro_ken"
    broken.mkdir(parents=True)
    (broken / "card.json").write_text((world / "pretrained" / "generator" / "card.json").read_text())
    monkeypatch.setenv("GANDALF_PRETRAINED", str(broken.parent))
    [message] = [e.value for e in app("decode").main if e.type == "error"]
    assert "pretrained/bro\\_ken" in message and str(tmp_path) not in message
    test = upload(app(), ("a*b*$c$.csv", b"a,b\n1,2\n"))
    assert any("a\\*b\\*\\$c\\$.csv" in e.value for e in test.main if e.type == "error")
    monkeypatch.setenv("GANDALF_PRETRAINED", str(world / "pretrained"))
    [message] = [e.value for e in app("data", stars="simulated:abc:1").main if e.type == "error"]
    assert "simulated\\:abc\\:1" in message


def test_a_flux_that_is_not_normalised_is_refused_and_a_repeated_id_gets_a_warning(app):
    star, content = archive_star()
    test = upload(app(model="generator"), ("star.csv", content))
    assert not test.warning and star.ids[0] in test.success[0].value
    counts = replace(star, flux=star.flux * 20_000, flux_error=star.flux_error * 20_000)
    upload(test, ("counts.csv", archive_file("csv", "INDIVIDUAL", counts)))
    [refused] = [e.value for e in test.error]
    assert "counts.csv" in refused and "divide the flux by its continuum" in refused
    again = replace(star, flux=star.flux * 0.99)
    upload(test, ("again.csv", archive_file("csv", "INDIVIDUAL", again)))
    assert "More than one uploaded star" in test.warning[0].value
    assert test.session_state["star"] == star.ids[0]


def test_one_bad_star_of_an_upload_is_named_and_the_others_are_shown(app):
    stars = simulate(4, seed=11)
    mask = stars.mask.copy()
    mask[1, :500] = True
    path_content = npz_bytes(replace(stars, mask=mask))
    test = upload(app(model="generator"), ("four.npz", path_content))
    [said] = [w.value for w in test.warning]
    assert "3 stars can be used, 1 left out" in said and "sim11-1" in said and "usable samples" in said
    test.get("button_group")[0].set_value("Table").run()
    assert [i for i in test.dataframe[0].value["id"][:4] if i.startswith("sim11-")] == [
        "sim11-0",
        "sim11-2",
        "sim11-3",
    ]


def test_the_page_says_of_a_file_what_validate_says(app, tmp_path, capsys):
    """The same sentences with the same grades, and the same notes."""
    from gandalf_core.cli import main

    star = simulate(1, seed=5)
    rows = zip(star.wavelength_nm, star.flux[0], star.snr.repeat(800), strict=True)
    lines = [f"{wave:.4f},{flux:.6f},{snr:.3f}" for wave, flux, snr in rows]
    (tmp_path / "star.csv").write_text("\n".join(["wavelength,flux,snr", *lines]))
    test = upload(app(model="generator"), ("star.csv", (tmp_path / "star.csv").read_bytes()))
    [verdict] = test.session_state["verdicts"]
    assert verdict.grade == "warn" and "flux errors unknown" in test.warning[0].value.replace("Flux", "flux")
    capsys.readouterr()
    folder = str(model_folders()["generator"])
    assert main(["validate", str(tmp_path / "star.csv"), "--model", folder, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [f._asdict() for f in verdict.findings] == told["verdict"] and list(verdict.notes) == told["notes"]
    shown = test.expander[0].markdown[0].value.splitlines()
    assert len(shown) == len(told["verdict"]) and any("snr" in text for text in shown)


def npz_bytes(stars: SpectraSet) -> bytes:
    """Stars as the content of an npz file."""
    stream = BytesIO()
    npz.write_stars(stream, stars)
    return stream.getvalue()


def text_star(star: SpectraSet, teff: float, shift_nm: float = 0.0, errors: float = 1.0) -> bytes:
    """A star as a text file: the flux of `star`, under other wavelengths, errors and labels."""
    rows = zip(star.wavelength_nm + shift_nm, star.flux[0], star.flux_error[0] * errors, strict=True)
    lines = [f"{wave:.4f} {flux:.7f} {error:.7f}" for wave, flux, error in rows]
    return "\n".join(["# source_id: star-1", f"# teff: {teff}", *lines]).encode()


def test_a_corrected_file_is_another_upload_though_its_flux_is_the_same(app):
    """Wavelengths, errors and labels were wrong: all of them are those of the second file afterwards."""
    star = simulate(1, seed=11)
    test = upload(app(model="generator"), ("star.txt", text_star(star, 4000.0, -0.24, 10.0)))
    wrong, first = parameters_of(test), test.session_state["uploads"]
    upload(test, ("star.txt", text_star(star, 5777.0)))
    keys = test.session_state["uploads"]
    assert len(keys) == 2 and keys[1:] == first
    corrected = load_upload(keys[0])
    assert corrected.wavelength_nm[0] == pytest.approx(star.wavelength_nm[0], abs=1e-4)
    np.testing.assert_allclose(corrected.flux_error, star.flux_error, rtol=1e-4, atol=1e-7)
    assert corrected.label("teff") == [5777.0] and load_upload(first[0]).label("teff") == [4000.0]
    assert test.session_state["star"] == "star-1" and parameters_of(test) != wrong


def parameters_of(test: AppTest) -> str:
    """The table on the Parameters page of what is read from the star in the sidebar."""
    show(test, "parameters")
    return next(m.value for m in test.markdown if "**from the spectrum**" in m.value)


def test_an_upload_comes_back_from_the_disk_as_it_was_read(app):
    """Air was made vacuum, hits were masked and fillers taken out: none of it happens a second time."""
    app()
    star = simulate(1, seed=12)
    flux = star.flux[0].copy()
    flux[[100, 300]], flux[500] = 3.0, -9999
    rows = zip(star.wavelength_nm - 0.236, flux, star.flux_error[0], strict=True)
    lines = ["wave_air [nm],flux,flux_error", *(f"{w:.5f},{f:.6f},{e:.6f}" for w, f, e in rows)]
    read = io.read_bytes("star.csv", "\n".join(lines).encode())
    assert read.mask[0, [100, 300, 500]].all() and abs(read.wavelength_nm - star.wavelength_nm).max() < 0.01
    key = save_upload(read)
    stored = load_upload(key)
    assert stored.identity == key
    np.testing.assert_array_equal(stored.wavelength_nm, read.wavelength_nm)
    np.testing.assert_array_equal(stored.mask, read.mask)


@pytest.mark.parametrize("part", ["wavelength_nm", "flux_error", "labels", "mask"])
def test_results_are_kept_under_the_whole_content_of_the_stars(app, part):
    """Each cached result of stars that differ in one part is that of these stars, not of the others."""
    app()
    model, stars = load_model("generator"), simulate(6, seed=12)
    mask = stars.mask.copy()
    mask[:, 100:130] = True
    changed = {
        "wavelength_nm": stars.wavelength_nm + 0.003,
        "flux_error": stars.flux_error * 3,
        "labels": stars.labels + 1,
        "mask": mask,
    }
    others = replace(stars, **{part: changed[part]})
    for either in (stars, others, stars):
        fresh = model.predict(either)
        np.testing.assert_array_equal(predictions_of(model, either).chi2, fresh.chi2)
        np.testing.assert_array_equal(predictions_of(model, either).values, fresh.values)
        np.testing.assert_array_equal(latents_of(model, either).z, model.encode(either).z)
        np.testing.assert_array_equal(labels_of(model, either), model.labels_of(either)[0])


def test_a_model_that_is_trained_again_under_its_name_is_loaded_again(app, world, tmp_path, monkeypatch):
    """Only its regressor differs: the weights, and so the model's id, are the same."""
    shutil.copytree(world / "pretrained", tmp_path / "models")
    app()
    monkeypatch.setenv("GANDALF_PRETRAINED", str(tmp_path / "models"))
    stars, before = simulate(4, seed=2), load_model("generator")
    told = predictions_of(before, stars).values
    folder = tmp_path / "models" / "generator"
    arrays = read_arrays(folder / "regressor-latent.npz")
    means = {name: array + 1 for name, array in arrays.items() if name.endswith("y_mean")}
    write_arrays(folder / "regressor-latent.npz", arrays | means)
    (folder / "manifest.json").unlink()
    after = load_model("generator")
    assert means and after.model_id == before.model_id and after.identity != before.identity
    np.testing.assert_array_equal(predictions_of(after, stars).values, after.predict(stars).values)
    assert np.abs(predictions_of(after, stars).values - told).max() > 1e-3


def test_simulated_stars_of_another_simulator_are_simulated_again(app, monkeypatch):
    app()
    model = load_model("generator")
    before = stars_cache.file_of_ids(model.test_ids[:5])
    monkeypatch.setattr(stars_cache, "simulator_identity", lambda: "another")
    assert stars_cache.file_of_ids(model.test_ids[:5]) != before


def test_the_table_of_stars_names_the_files_of_uploaded_ones(app):
    """As they are called now, whatever this or another visitor called the same content before."""
    star, content = archive_star()
    for name in ("before.csv", "star.csv"):
        test = upload(app(model="generator", stars="simulated:20:3"), (name, content))
        test.get("button_group")[0].set_value("Table").run()
        assert not test.exception
        table = test.dataframe[0].value
        assert table["id"][0] == star.ids[0] and table["file"][0] == name and not table["file"][1:].any()
        assert len(table) == 21


def test_a_spectrum_off_the_grid_is_refused_in_one_sentence_with_its_cause(app):
    star, _ = archive_star()
    rows = (f"{w:.3f} {f:.4f}" for w, f in zip(star.wavelength_nm[:1200], star.flux[0], strict=False))
    test = upload(app(model="generator"), ("half.txt", "\n".join(rows).encode()))
    [message] = [e.value for e in test.error]
    assert message.count("half.txt") == message.count("cannot be used") == 1
    assert "usable samples" in message and "do not cover" not in message


def test_representations_of_unlabelled_stars_are_a_sentence_without_a_switch(app):
    _, content = archive_star()
    test = upload(app(model="physical-removed"), ("star.csv", content))
    test.selectbox(key="stars").select(test.selectbox(key="stars").options[-1]).run()
    show(test, "parameters")
    test.get("button_group")[0].set_value("Representations").run()
    assert not test.exception and not test.dataframe
    assert "no true labels" in figures(test)[0]["layout"]["annotations"][0]["text"]
    assert [group.key for group in test.get("button_group")] == ["parameter_view"]


def test_parameters_are_read_from_the_spectrum_unless_somebody_asks_for_the_latent(app):
    test = app("parameters", model="physical-removed", stars="simulated:20:3")
    assert test.session_state["read_from"] == "spectrum" and not test.warning
    table = next(m.value for m in test.markdown if "**from the latent**" in m.value)
    latent = next(line for line in table.splitlines() if "**from the latent**" in line)
    assert latent.count(":gray[") == 2  # the two that this model removed
    test.get("button_group")[1].set_value("latent").run()
    [said] = test.warning
    assert "removed Teff and log g from its latent" in said.value


def test_the_card_of_an_upload_says_what_predict_says(app, tmp_path, capsys):
    """Numbers and words; and its star is looked at by a button, on another page."""
    from gandalf_core.cli import main

    _, content = archive_star()
    (tmp_path / "star.csv").write_bytes(content)
    test = upload(app(model="physical-removed"), ("star.csv", content))
    capsys.readouterr()
    folder = str(model_folders()["physical-removed"])
    on_grid = load_model("physical-removed").on_grid(io.read_stars(tmp_path / "star.csv"))
    assert main(["predict", folder, str(tmp_path / "star.csv"), "--from", "spectrum", "--json"]) == 0
    [told] = json.loads(capsys.readouterr().out)["stars"]
    shown = next(m.value for m in test.markdown if "velocity" in m.value)
    cells = [c.strip().replace("\N{NO-BREAK SPACE}", " ") for c in shown.splitlines()[2].split("|")[1:-1]]
    assert cells[0] == f"{told['teff']:.0f} ± {told['teff_error']:.0f}"
    assert cells[1:4] == [f"{told[n]:.2f} ± {told[f'{n}_error']:.2f}" for n in LABELS[1:]]
    assert cells[5] == f"{told['velocity_kms']:.1f} ± {told['velocity_kms_error']:.1f}"
    assert cells[6] == f"{told['chi2']:.2f}" and cells[4] == f"{on_grid.snr[0]:.0f}"
    assert f"badge[{told['verdict']}]" in texts(test) and told["reason"][1:30] in texts(test)


def test_uploads_are_removed_one_by_one_and_all_at_once(app):
    _, content = archive_star()
    more = npz_bytes(simulate(5, seed=11))
    test = upload(app(model="generator"), ("star.csv", content), ("five.npz", more))
    assert test.selectbox(key="stars").options[-3:] == ["all my stars", "star.csv", "five.npz (5 stars)"]
    first, second = test.session_state["uploads"]
    test.button(key=f"remove {first}").click().run()
    assert test.session_state["uploads"] == (second,) and not test.exception
    assert "all my stars" not in test.selectbox(key="stars").options
    with pytest.raises(SpectraError, match="no longer on this server"):
        load_upload(first)
    upload(test, ("star.csv", content))
    button(test, "Remove all").click().run()
    assert test.session_state["uploads"] == () and "uploads" not in test.query_params
    assert "Your stars" not in [s.value for s in test.subheader]


def test_a_file_is_called_as_its_visitor_calls_it_whoever_else_has_the_same(app, monkeypatch, tmp_path):
    content = npz_bytes(simulate(5, seed=13))
    upload(app(model="generator"), ("hers.npz", content))
    monkeypatch.setenv("GANDALF_RUNS", str(tmp_path / "another visitor"))
    test = upload(app(model="generator"), ("his.npz", content))
    assert test.selectbox(key="stars").options[-1] == "his.npz (5 stars)"


def test_all_my_stars_are_one_sample_and_what_is_said_of_each_stays(app):
    """A set without flux errors beside one with them changes nothing."""
    _, content = archive_star()
    bare = replace(simulate(4, seed=11), flux_error=None, labels=np.empty((4, 0)), label_names=())
    test = upload(app(model="autoencoder"), ("star.csv", content), ("bare.npz", npz_bytes(bare)))
    test.selectbox(key="stars").select("all my stars").run()
    assert not test.exception and "**All parameters are estimates from the spectra**" in texts(test)
    test.get("button_group")[0].set_value("Table").run()
    assert len(test.dataframe[-1].value) >= 5
    model = load_model("autoencoder")
    alone = model.predict(model.on_grid(bare))
    show(test, "parameters")
    test.get("button_group")[1].set_value("latent").run()
    test.get("button_group")[0].set_value("Table").run()
    table = test.dataframe[0].value.set_index("id")
    np.testing.assert_allclose(table.loc[alone.ids, "teff"].iloc[:4].to_numpy(float), alone.values[:, 0])


def test_the_joint_errors_of_a_star_are_ellipses_of_both_sources(app, monkeypatch):
    test = app("parameters", model="autoencoder")
    test.get("button_group")[0].set_value("Joint errors").run()
    assert not test.exception
    chart = figures(test)[0]
    names = [trace.get("name") for trace in chart["data"] if trace.get("mode") == "lines"]
    assert names == ["from the spectrum", "from the latent"] * 2
    assert "reversed" not in str(chart["layout"]["xaxis2"]) and "68 %" in texts(test)
    real = TrainedModel.predict
    monkeypatch.setattr(TrainedModel, "predict", lambda *given, **options: _outside(real(*given, **options)))
    cache_of_predictions.clear()
    test = app("parameters", model="autoencoder")
    table = next(m.value for m in test.markdown if "**from the latent**" in m.value)
    assert table.count("±\N{NO-BREAK SPACE}at\N{NO-BREAK SPACE}least") == 2 * len(LABELS)
    assert any("too hot by far" in warning.value for warning in test.warning)
    cache_of_predictions.clear()


def _outside(predictions: Predictions) -> Predictions:
    """The same stars, far outside."""
    n = len(predictions)
    return replace(predictions, outside=np.ones(n, bool), reason=np.full(n, "too hot by far"))


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.996, "more than 99 %"), (1.0, "more than 99 %"), (0.82, "82 %"), (0.0, "less than 1 %")],
)
def test_a_share_of_a_sample_is_never_all_or_none_of_it(share, words):
    from pages.ui.parts import tables

    assert tables.share_text(share).replace("\N{NO-BREAK SPACE}", " ") == words


def test_an_error_that_no_page_has_caught_is_a_sentence(app, monkeypatch):
    from pages.ui.parts import star_cards

    def fail(*_):
        raise SpectraError("/srv/somewhere/uploads/ab.npz: cannot be read")

    monkeypatch.setattr(star_cards, "show_cards", fail)
    test = app("data", model="generator")
    [said] = test.error
    assert "uploads/ab.npz" in said.value and "srv" not in said.value


def test_the_link_carries_model_stars_and_star(app):
    test = app("decode", model="physical-removed", stars="simulated:40:3", star="sim3-7")
    assert test.selectbox(key="model").value == "physical-removed"
    assert test.selectbox(key="stars").value == "simulated:40:3"
    assert test.selectbox(key="star").value == "sim3-7"


@pytest.mark.parametrize(("key", "missing"), [("model", "nobody's"), ("stars", "foo"), ("star", "nobody")])
def test_a_link_to_something_missing_is_reported_and_the_first_option_shown(app, key, missing):
    test = app(**({"model": "generator", "stars": "simulated:40:3", "star": "sim3-7"} | {key: missing}))
    assert missing in texts(test) + " ".join(w.value for w in test.warning)
    assert not test.error and test.selectbox(key=key).value not in (missing, None)


def test_a_star_missing_from_other_stars_is_replaced_by_their_first(app):
    test = app("decode", model="generator", stars="simulated:40:3", star="sim3-7")
    test.selectbox(key="stars").select("simulated:2000:7").run()
    assert test.selectbox(key="star").value == "sim7-0" and not test.error
    assert "sim3-7" in texts(test)


def test_a_latent_edited_in_one_model_is_not_used_in_another(app):
    test = app("latent", model="generator", stars="simulated:40:3", star="sim3-7")
    edited = {
        "token": "1",
        "star": "sim3-7",
        "latent_of": "another model",
        "labels": {"teff": 6500.0},
        "z": [9.0] * 99,
    }
    test.session_state["settings"] = edited
    for page in ("latent", "decode"):
        show(test, page)
        assert not test.error
    assert test.session_state["settings"] == edited  # so it comes back with its own model


def test_choices_hold_on_other_pages(app):
    test = app("data", model="generator")
    test.selectbox(key="model").select("physical-removed").run()
    show(test, "latent")
    assert test.selectbox(key="model").value == "physical-removed"


def test_a_model_without_sliders_says_why(app):
    assert "receives the latent alone" in texts(app("decode", model="autoencoder"))


def test_predictions_of_an_upload_come_with_uncertainties(app):
    _, content = archive_star()
    test = upload(app(model="autoencoder"), ("star.csv", content))
    show(test, "parameters")
    table = next(m.value for m in test.markdown if "**from the spectrum**" in m.value)
    assert table.count("±") == 2 * len(LABELS)


def test_an_uploaded_star_that_moves_is_moved_to_rest_by_a_button(app):
    """Never by itself; then every page shows it at rest, and a second button undoes it."""
    model, (star, _) = "autoencoder", archive_star()
    moved = np.interp(star.wavelength_nm / (1 + 40 / 299_792.458), star.wavelength_nm, star.flux[0])
    shifted = replace(star, flux=moved[None].astype(np.float32))
    test = upload(app(model=model), ("moving.csv", archive_file("csv", "INDIVIDUAL", shifted)))
    show(test, "parameters")

    def latent_row() -> str:
        table = next(m.value for m in test.markdown if "**from the latent**" in m.value)
        row = next(line for line in table.splitlines() if "**from the latent**" in line)
        return row.replace("\N{NO-BREAK SPACE}", " ")

    said, before = texts(test), latent_row()
    assert "shifted by \\+4" in said and "outside the sample" in said and "at least" in before
    test.button(key="move_to_rest").click().run()
    assert not test.exception and "was moved to rest, on every page" in texts(test)
    assert ":green-badge[ordinary]" in texts(test) and "at least" not in latent_row()
    teff = float(re.findall(r"[\d,]+", latent_row())[0].replace(",", ""))
    at_rest = load_model(model).predict(star)  # a spectrum that was interpolated twice is a little smoother
    assert abs(teff - at_rest.values[0, 0]) < at_rest.errors[0, 0]
    show(test, "decode")
    show(test, "parameters")
    test.button(key="move_back").click().run()
    assert latent_row() == before and test.button(key="move_to_rest").label == "Move it to rest"


def test_an_uploaded_star_stands_beside_a_simulated_one(app):
    """On Home and in the last step of the tour; without an upload there is nothing to compare."""
    model, (star, content) = "generator", archive_star()
    test = app(model=model)
    alone = len(figures(test))
    test = upload(test, ("mine.csv", content)).switch_page("../home.py").run()
    assert not test.exception and len(figures(test)) == alone + 1
    drawn = {t["name"]: t for t in figures(test)[-1]["data"]}
    assert {"uploaded", "simulated"} <= set(drawn)
    trained = load_model(model)
    on_grid = trained.on_grid(star)
    labels = trained.predict_from_spectrum(on_grid)[0][:, [trained.label_names.index(n) for n in LABELS]]
    snr = float(on_grid.snr[0])
    twin = simulate(1, CHOICE_SEED, labels=labels, snr=(snr, snr * 1.001), nuisances=OFF)
    np.testing.assert_allclose(drawn_y(drawn["simulated"]), twin.flux[0], atol=3e-3)  # the file is rounded
    np.testing.assert_allclose(drawn_y(drawn["uploaded"]), on_grid.flux[0], atol=1e-4)
    said = re.search(r"read from its spectrum, T\w+ (\d+) ±", texts(test))
    assert abs(float(said.group(1)) - labels[0, 0]) < 30
    steps = next(g for g in show(test, "tour").get("button_group") if "4 Decode" in g.options)
    steps.set_value("4 Decode").run()
    assert not test.exception and "and a simulated one (blue)" in texts(test)


def test_the_audit_gives_its_verdict_in_words(app):
    test = app("audit", model="physical-removed")
    assert "Teff is removed" in texts(test)
    assert "M/H\\] is kept" in texts(test)
    assert "Teff slider follows the simulator in part" in texts(test)
    drawn = {trace["name"]: trace for trace in figures(test)[0]["data"]}
    assert drawn["the exported latent"]["y"] == ["T<sub>eff</sub>", "log g"]
    assert drawn["the exported latent"]["x"] == [0.004, 0.004]
    assert drawn["found from here on"]["x"] == [0.0091, 0.0091]


def test_an_audit_that_was_just_run_reaches_the_chips_and_the_comparison(app, monkeypatch):
    from pages.ui import jobs

    monkeypatch.setattr(jobs.JobManager, "launch", lambda self, job: Sleeper())
    test = app("audit", model="generator")
    chips = test.sidebar.markdown[0].value
    assert chips.count("not measured") == 4 and "Not audited" in test.sidebar.caption[0].value
    button(test, "Run the audit").click().run()
    [job] = jobs.manager().list("audit")
    removed = {n: app_world.AUDIT["removed"]["teff"] | {"partial": 0.31, "p": 0.001} for n in LABELS}
    report = app_world.AUDIT | {"removed": removed, "kept": {}, "untouched": {}, "stars": 3000}
    (job.folder / "result.json").write_text(json.dumps(report))
    (job.folder / "status.json").write_text('{"state": "done"}')
    show(test, "models")
    chips = test.sidebar.markdown[0].value
    assert chips.count("still readable") == 4 and chips.count(":small[0.310]") == 4
    test.selectbox(key="card_left").select("generator").run()
    test.selectbox(key="card_right").select("physical-removed").run()
    rows = test.dataframe[0].value.set_index("what")
    assert rows.loc["audit: partial R² of Teff", "generator"] == "0.31"
    assert figures(test)[0]["data"][0]["y"][0] == "generator"


def test_the_numbers_of_the_audit_are_tables_and_a_file(app):
    test = app("audit", model="physical-removed")
    test.get("button_group")[0].set_value("Numbers").run()
    assert not test.exception
    table, strata = (frame.value for frame in test.dataframe)
    assert table["Parameter"].tolist() == ["Teff", "log g", "[M/H]", "[α/Fe]"]
    expected = {
        "Partial R²": "0.004",
        "p": "0.400",
        "Found from": "0.009",
        "At most": "0.012",
        "Bits": "0.000",
    }
    for column, text in expected.items():
        assert table[column].tolist()[:2] == [text, text]
    assert strata["Among the stars with"].tolist() == ["[M/H] up to −1.50 dex"] * 2
    assert "one innocent label in forty" in texts(test)
    assert any(b.label == "Download the whole report" for b in test.get("download_button"))


def test_an_audit_of_the_first_edition_is_not_believed(app, world, tmp_path, monkeypatch):
    shutil.copytree(world / "pretrained" / "physical-removed", tmp_path / "models" / "physical-removed")
    (tmp_path / "models" / "physical-removed" / "audit.json").write_text(json.dumps(app_world.FIRST_EDITION))
    monkeypatch.setenv("GANDALF_PRETRAINED", str(tmp_path / "models"))
    test = app("audit", model="physical-removed")
    sentence = "Teff and log g were audited by the first edition\\: run the audit again"
    assert sentence in texts(test) and "Teff is removed" not in texts(test)
    assert "M/H\\] is kept" in texts(test), "what it said of kept labels stands"
    assert "run the audit again" in figures(test)[0]["layout"]["annotations"][0]["text"]
    for view in ("Probes and references", "Sliders", "Numbers"):
        test.get("button_group")[0].set_value(view).run()
        assert not test.exception and not test.error


def own_latent(rows: int) -> bytes:
    """An npz of latents, the first dimension of which tells Teff."""
    rng = np.random.default_rng(0)
    labels = rng.standard_normal((rows, 3))
    z = rng.standard_normal((rows, 3)) + labels[:, :1] * [1, 0, 0]
    file = BytesIO()
    np.savez(file, z=z, labels=labels, label_names=["teff", "mh", "vsini"])
    return file.getvalue()


def ask_for(test: AppTest, rows: int) -> AppTest:
    test.file_uploader[0].upload("mine.npz", own_latent(rows))
    test.run()
    assert f"{rows:,} stars, 3 dimensions, 3 columns" in texts(test)
    assert test.button(key="own_audit").disabled, "nothing was removed"
    test.multiselect(key="own_removed").select("teff").run()
    assert "teff" not in test.multiselect(key="own_kept").options
    test.multiselect(key="own_kept").select("mh").run()
    test.button(key="own_audit").click().run()
    assert not test.exception and not test.error, [e.value for e in test.error]
    return test


def test_a_latent_of_ones_own_is_audited_on_the_page(app, monkeypatch, tmp_path):
    from pages.ui.cache import latents

    quick = partial(latents.audit_table, probes=("ridge",), workers=1)
    monkeypatch.setattr(latents, "audit_table", quick)
    monkeypatch.setenv("GANDALF_PRETRAINED", str(tmp_path / "nothing"))  # it needs no model
    test = ask_for(app("audit"), 300)
    assert "Teff is still readable" in texts(test) and "vsini was left alone" in texts(test)
    table = test.dataframe[0].value
    assert table["Parameter"].tolist() == ["Teff", "[M/H]", "vsini"]
    assert float(table["Partial R²"][0]) == pytest.approx(0.5, abs=0.12)
    test.multiselect(key="own_kept").unselect("mh").run()
    assert "still readable" not in texts(test), "other choices, another audit"
    test.file_uploader[0].upload("broken.npz", b"PK\x03\x04 nothing")
    test.run()
    assert not test.exception and "broken.npz" in test.error[0].value


def test_many_rows_are_audited_in_the_background(app, monkeypatch):
    from pages.ui.parts import own_latent as own

    monkeypatch.setattr(own, "AT_ONCE", 100)
    asked, accounts = [], own.jobs.manager().accounts

    class Manager:
        def list(self, kind):
            return [job for job in asked if job.kind == kind]

        def submit(self, kind, title, arguments, owner):
            done = own.JobState.DONE
            asked.append(SimpleNamespace(kind=kind, arguments=tuple(arguments), active=False, state=done))
            asked[-1].folder = Path(arguments[2]).parent
            (asked[-1].folder / "result.json").write_text(json.dumps(app_world.AUDIT | {"notes": ["a note"]}))
            return "0"

        def job(self, name):
            return asked[int(name)]

    Manager.accounts = accounts
    monkeypatch.setattr(own.jobs, "manager", Manager)
    test = ask_for(app("audit", model="autoencoder"), 120)
    ((_, latent, path, *signs),) = (job.arguments for job in asked)
    assert latent == "--latent" and Path(path).read_bytes() == own_latent(120)
    assert signs == ["--removed", "teff", "--kept", "mh"]
    assert "a note" in texts(test) and "log g is removed" in texts(test)


def test_the_tour_leads_on_step_by_step(app):
    test = app("tour", model="physical-removed")
    for expected in ("discriminator", "fresh probe"):
        next(b for b in test.button if b.label.startswith("Next")).click().run()
        assert not test.exception and f"**{expected}**" in texts(test)


def test_the_position_of_an_uploaded_star_is_on_its_card_and_in_the_tables(app):
    _, content = archive_star()
    content = content.replace(b",285.29,2.48,", b",83.63321,-22.01447,")
    test = upload(app(model="generator"), ("mine.csv", content))
    assert "Right ascension 83.63321°, declination -22.01447°." in texts(test)
    assert "positions from ra, dec" in texts(test)
    next(g for g in test.get("button_group") if "Table" in g.options).set_value("Table").run()
    assert not test.exception
    table = test.dataframe[-1].value
    assert table[["ra", "dec"]].iloc[0].tolist() == [83.63321, -22.01447] and table["ra"].count() == 1
    next(g for g in show(test, "parameters").get("button_group") if "Table" in g.options).set_value(
        "Table"
    ).run()
    assert test.dataframe[-1].value["dec"].iloc[0] == -22.01447


def test_an_uploaded_star_is_divided_by_its_continuum_on_every_page(app):
    star, _ = archive_star()
    slope = 0.9 * (1 + 0.15 * np.linspace(-1, 1, 2401)).astype(np.float32)
    tilted = replace(star, flux=star.flux * slope, flux_error=star.flux_error * slope)
    model, name = load_model("generator"), str(star.ids[0])
    test = upload(app(model="generator"), ("mine.csv", archive_file("csv", "INDIVIDUAL", tilted)))
    switch = lambda: next(t for t in test.toggle if t.label == "Divide by its fitted continuum")  # noqa: E731
    card = next(b for b in test.button if b.label == "Divide by its fitted continuum").click().run()
    assert card.session_state["divided"] == [name] and ":green-badge[ordinary]" in texts(card)
    show(test, "decode")
    assert switch().value
    switch().set_value(False).run()
    assert abs(int(re.search(r"rises by (\d+)% from edge to edge", texts(test))[1]) - 30) <= 2
    assert not switch().value and "**divided**" not in texts(test)
    switch().set_value(True).run()
    assert not test.exception
    found = re.findall(r"\*\*(as in the file|divided)\*\* \| ([\d,]+)", texts(test).replace("≥ ", ""))
    read = {way: float(teff.replace(",", "")) for way, teff in found}
    expected = model.predict(star, source="spectrum").values[0, 0]
    assert abs(read["divided"] - expected) < 60 < abs(read["as in the file"] - expected)
    assert test.session_state["divided"] == [name]
    show(test, "data")
    assert "These numbers are of the spectrum divided by its fitted continuum" in texts(test)
    show(test, "parameters")
    assert "divided by its fitted continuum, on every page" in texts(test)
    next(g for g in test.get("button_group") if "Table" in g.options).set_value("Table").run()
    assert test.dataframe[-1].value["reason"].iloc[0].endswith("(divided by its fitted continuum)")
    show(test, "data")
    next(g for g in test.get("button_group") if "One star" in g.options).set_value("One star").run()
    assert switch().value and not test.exception
    drawn = [trace["name"] for trace in figures(test)[0]["data"]]
    assert drawn == ["as in the file", "divided", "divided − as in the file"]
    link = {"uploads": test.session_state["uploads"][0], "divided": name, "star": name, "view": "1"}
    switch().set_value(False).run()
    assert "divided" not in test.session_state and not test.exception
    test = app("decode", model="generator", **link)
    assert switch().value and "**divided**" in texts(test)


def test_two_stars_of_a_diagram_are_compared_wherever_they_stand_in_the_list(app):
    test = app("data", model="generator", stars="simulated:300:3", star="sim3-299")
    press = lambda: next(b for b in test.button if b.label == "Compare the chosen star").click().run()  # noqa: E731
    press()
    assert not test.exception and "To be compared: sim3-299. Choose another star." in texts(test)
    test.session_state["star"] = "sim3-1"
    test.run()
    press()
    assert not test.exception
    drawn = [trace["name"] for trace in figures(test)[0]["data"]]
    assert drawn == ["sim3-299", "sim3-1", "sim3-1 − sim3-299"]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("figures · parameters · teff · mae", "mean |Δ| of Teff [K]"),
        ("figures · parameters · mh · r2", "own regressor's R² of [M/H]"),
        ("lambdas · logg", "λ of log g"),
        ("data · seconds", "seconds of training"),
        ("versions · torch", "version · torch"),
        ("audit · excess · teff", "audit: excess R² of Teff"),
        ("audit · partial · mh", "audit: partial R² of [M/H]"),
        ("audit · upper · mh", "audit: 95 % limit of the partial R² of [M/H]"),
        ("audit · sliders · alphafe", "audit: relative error of the slider of [α/Fe]"),
        ("audit · stars", "audit: number of stars"),
        ("recipe · encoder", "widths of the encoder"),
        ("recipe · epochs", "epochs"),
    ],
)
def test_differences_between_two_cards_are_in_words(key, words):
    from pages.ui.parts import cards

    assert cards.in_words(key) == words


def test_a_comparison_shows_everything_that_differs_between_two_cards(app):
    test = app("models", model="generator")
    test.selectbox(key="card_right").select("autoencoder").run()
    assert not test.exception
    table = test.dataframe[0].value.set_index("what")
    assert table.loc["recipe"].tolist() == ["bottleneck", "autoencoder"]
    assert table.loc["widths of m(y)"].tolist() == ["16", "–"]
    assert table.loc["λ of Teff", "autoencoder"] == "–"


def test_the_page_models_warns_once_of_an_earlier_simulator(app, monkeypatch):
    assert not app("models", model="generator").warning
    monkeypatch.setattr("gandalf_core.models.cards.EDITION", 3)  # the simulator has moved on
    test = app("models", model="generator")
    assert [w.value for w in test.warning] == [EARLIER_NOTE]
    test.selectbox(key="card_right").select("autoencoder").run()
    assert [w.value for w in test.warning] == [EARLIER_NOTE]
    test = app("models", model="two-labels")  # of toy stars
    assert not test.warning


def test_a_training_is_queued_as_the_form_says(app, monkeypatch):
    from pages.ui import jobs

    started = []
    monkeypatch.setattr(jobs.JobManager, "launch", lambda self, job: started.append(job) or Sleeper())
    test = app("train")
    test.selectbox(key="train_preset").select("physical-removed").run()
    test.select_slider(key="lambda physical-removed teff").set_value(2.0).run()
    next(b for b in test.button if b.label == "Start training").click().run()
    assert not test.exception and not test.error
    config = json.loads((started[0].folder / "config.json").read_text())
    assert config["adversary"]["lambdas"]["teff"] == 2.0
    assert started[0].arguments[:2] == ("train", "simulated:4000:1")
    assert test.query_params["job"] == started[0].id


@pytest.mark.parametrize(("strength", "receives"), [(1.0, list(LABELS)), (-1.0, list(LABELS)), (0.0, [])])
def test_a_lambda_in_the_train_form_gives_the_labels_to_the_decoder(app, monkeypatch, strength, receives):
    from pages.ui import jobs

    started = []
    monkeypatch.setattr(jobs.JobManager, "launch", lambda self, job: started.append(job) or Sleeper())
    test = app("train")
    test.selectbox(key="train_preset").select("autoencoder").run()  # whose decoder receives no labels
    test.select_slider(key="lambda autoencoder teff").set_value(strength).run()
    next(b for b in test.button if b.label == "Start training").click().run()
    assert not test.exception and not test.error
    config = json.loads((started[0].folder / "config.json").read_text())
    assert config["model"]["condition_on"] == receives


def test_the_papers_lambda_is_shown_and_can_be_set(app):
    test = app("train")
    test.selectbox(key="train_preset").select("paper-physical-removed").run()
    slider = test.select_slider(key="lambda paper-physical-removed teff")
    assert slider.value == 0.03 and "+0.03" in slider.options
    assert {"−0.02", "0", "+5"} <= set(slider.options)


def test_a_sweep_is_queued_as_the_form_says(app, monkeypatch):
    from pages.ui import jobs

    started = []
    monkeypatch.setattr(jobs.JobManager, "launch", lambda self, job: started.append(job) or Sleeper())
    test = app("sweeps")
    next(t for t in test.text_area).set_value("model.noise=0.2, 0.4\nadversary.steps=1,2\n").run()
    assert "4 trials" in texts(test)
    next(b for b in test.button if b.label == "Start the sweep").click().run()
    assert not test.exception and not test.error
    [job] = started
    assert {"--space=model.noise=0.2, 0.4", "--space=adversary.steps=1,2"} <= set(job.arguments)
    assert json.loads((job.folder / "config.json").read_text())["training"]["epochs"] == 10
    assert test.query_params["sweep"] == job.id
    assert any(b.label == "Cancel" for b in test.button)


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ("noise", "field=values"),
        ("model.nonsense=1,2", "model.nonsense"),
        ("model.noise=a,b", "model.noise"),
        ("", "at least one field"),
        ("model.noise=1\nmodel.noise=2", "twice"),
    ],
)
def test_an_impossible_search_is_one_sentence(app, lines, word):
    test = app("sweeps")
    next(t for t in test.text_area).set_value(lines).run()
    [error] = test.error
    assert word in error.value and "\n" not in error.value
    assert not any(b.label == "Start the sweep" for b in test.button)


def test_a_finished_sweep_is_drawn_and_a_trial_of_it_is_trained(app, monkeypatch, tmp_path):
    from pages.ui import jobs
    from pages.ui.parts import sweeps as sweeping

    monkeypatch.setattr(jobs.JobManager, "launch", lambda self, job: Sleeper())
    monkeypatch.setattr(sweeping, "STORED", tmp_path)  # not those that came with the project
    stars = tmp_path / "toy.npz"
    io.write_stars(stars, toy_stars(400))
    config = toy_config("paper-physical-removed", training__epochs=1)
    axes = (parse_axis("model.latent_size", "1,6"), parse_axis("lambda_scale", "1.0"))
    test = app("sweeps")
    name = jobs.manager().submit("sweep", "toy", ["sweep"], "me")
    folder = jobs.manager().job(name).folder
    run_sweep(folder / "sweep", Sweep(config, axes, (str(stars),), "reconstruction", "grid"))
    (folder / "status.json").write_text(
        json.dumps({"state": "done", "message": f"2 trials in {folder / 'sweep'}", "fraction": 1.0})
    )
    test.run()
    assert not test.exception and not test.error
    best, other = results(folder / "sweep")["model.latent_size"]
    assert f"latent dimensions = {best}" in texts(test) and "Mean squared error of the flux" in texts(test)
    assert str(tmp_path) not in next(p.proto.text for p in test.get("progress"))
    compared, trials = (table.value for table in test.dataframe)
    assert trials["model.latent_size"].tolist() == [best, other]
    assert compared.columns[1:].tolist() == [f"Trial {results(folder / 'sweep')['trial'][0]}"]
    drawn = {figure["layout"]["title"]["text"]: figure["data"] for figure in figures(test)}
    assert drawn["Score against latent dimensions"][1]["x"] == [best]
    assert "Reconstruction error against latent size" in drawn and len(drawn) == 2, "only one λ was tried"
    second = str(results(folder / "sweep")["trial"][1])
    test.multiselect(key="opened_trials").unselect(test.multiselect(key="opened_trials").value[0])
    test.multiselect(key="opened_trials").select(second).run()
    next(n for n in test.number_input if n.key.startswith("best epochs")).set_value(3).run()
    next(b for b in test.button if b.label == f"Train trial {second}").click().run()
    assert not test.exception and not test.error
    [job] = jobs.manager().list("train")
    config = json.loads((job.folder / "config.json").read_text())
    assert config["model"]["latent_size"] == other and config["training"]["epochs"] == 3
    assert job.arguments[:2] == ("train", str(stars))
    assert test.title[0].value == "Train"


class Sleeper:
    """A process that never ends."""

    returncode = None

    def poll(self):
        return None

    def terminate(self):
        pass

    def wait(self, timeout=None):
        pass


def test_all_maps_that_are_asked_for_are_one_job_and_the_old_ones_stay(app, monkeypatch):
    from pages.ui import jobs

    monkeypatch.setattr(jobs.JobManager, "launch", lambda self, job: Sleeper())
    test = app("maps", model="generator")
    rows = ["spectra", "generator", "autoencoder", "physical-removed"]
    test.multiselect(key="map_rows").set_value(rows).run()
    drawn = packed_maps(test)
    button(test, "Show maps with these settings").click().run()
    assert not test.exception and not test.error
    [job] = jobs.manager().list("maps")
    request = json.loads((job.folder / "config.json").read_text())
    assert [entry["of"] for entry in request["maps"]] == ["spectra", *["latent"] * 3]
    assert [Path(entry["folder"]).name for entry in request["maps"]][1:] == rows[1:]
    assert packed_maps(test) == drawn and test.query_params["map_settings"] == "30:15:0"
    assert "physical-removed, 52 stars" in next(p.proto.text for p in test.get("progress"))
    button(test, "Cancel").click().run()
    assert (job.folder / "cancel").is_file() and packed_maps(test) == drawn


def packed_maps(test: AppTest) -> list[str]:
    """The titles of the maps that the page draws."""
    [data] = [c.proto.bytes for c in test.get("bidi_component") if c.proto.WhichOneof("data") == "bytes"]
    size = int.from_bytes(data[:4], "little")
    return [panel["title"] for panel in json.loads(data[4 : 4 + size])["panels"]]


def button(test: AppTest, label: str):
    return next(b for b in test.button if b.label == label)


def test_a_map_with_other_settings_is_computed_by_a_job_and_then_shown(app):
    from pages.ui import jobs

    test = app("maps", model="generator")
    test.multiselect(key="map_rows").set_value(["generator"]).run()
    next(s for s in test.slider if s.key == "map_perplexity").set_value(10).run()
    button(test, "Show maps with these settings").click().run()
    [job] = jobs.manager().list("maps")
    deadline = time.monotonic() + 240
    while jobs.manager().job(job.id).active and time.monotonic() < deadline:
        time.sleep(0.1)
    assert jobs.manager().job(job.id).state == "done", (job.folder / "log.txt").read_text()
    test.run()
    assert not test.exception and not any("No t-SNE map" in c.value for c in test.caption)
    [entry] = json.loads((job.folder / "config.json").read_text())["maps"]
    assert json.loads(str(read_arrays(Path(entry["out"]))["settings"]))["perplexity"] == 10


# --- a model as one file ---


def test_a_model_is_downloaded_and_added_as_one_file(app, tmp_path, monkeypatch):
    monkeypatch.setenv("GANDALF_MODELS", str(tmp_path / "models"))
    test = app("models", model="generator")
    assert "Download as one file" in {b.label for b in test.get("download_button")}
    content = packed(model_folders()["generator"], "from-a-colleague")
    test.file_uploader[0].upload("m.zip", content)
    test.run()
    assert not test.exception and test.session_state["model"] == "from-a-colleague"
    assert "from-a-colleague is added" in texts(test)
    added, before = load_model("from-a-colleague"), load_model("generator")
    assert added.identity == before.identity and added.card == before.card
    test.file_uploader[0].upload("bad.zip", content[:1000])
    test.run()
    assert not test.exception and r"bad.zip\: cannot be used" in texts(test)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["from-a-colleague"]


def test_a_bad_model_folder_is_one_line_on_the_page_and_breaks_none(app, tmp_path, monkeypatch):
    """A card nested deeply broke every page."""
    monkeypatch.setenv("GANDALF_MODELS", str(tmp_path))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "card.json").write_text('{"a":' * 100_000)
    (line,) = [w.value for w in app("models").warning if "bad" in w.value]
    assert "card.json" in line and "nested too deeply" in line and str(tmp_path) not in line
    assert not app("home").exception


def test_a_sample_of_the_archive_is_fetched_and_used(app, monkeypatch):
    """The form queues the command; what has arrived becomes an upload; offline is one sentence."""
    from pages.ui import jobs

    monkeypatch.setattr(jobs.JobManager, "launch", lambda self, job: Sleeper())
    test = app("data", model="generator")
    next(n for n in test.number_input if n.key == "archive_most").set_value(300).run()
    next(b for b in test.button if b.label == "Fetch").click().run()
    [job] = jobs.manager().list("fetch")
    words = "--release DR3 --spectra mean --magnitudes 8:14 --most 300 --survey apogee-dr17"
    assert list(job.arguments[3:-3]) == words.split() and job.arguments[-2] == "galah-dr3"
    assert job.arguments[2] == str(job.folder / "kept")
    failed = {"state": "failed", "message": "no connection; is this machine online?"}
    (job.folder / "status.json").write_text(json.dumps(failed))
    test.run()
    assert [e.value for e in test.error] == [failed["message"]]
    io.write_stars(job.folder / "sample.parquet", simulate(3, seed=5))
    result = {"stars": 3, "chosen": 4, "notes": ["one is missing"], "surveys": {"APOGEE DR17": 4}}
    (job.folder / "result.json").write_text(json.dumps(result))
    (job.folder / "status.json").write_text(json.dumps({"state": "done"}))
    test.run()
    assert "3 of 4 stars have arrived" in test.success[0].value and "one is missing" in texts(test)
    next(b for b in test.button if b.label == "Use these stars").click().run()
    assert not test.exception and len(load_upload(test.session_state["uploads"][0])) == 3


def test_a_public_server_asks_no_archive(app, monkeypatch):
    monkeypatch.setenv("GANDALF_PUBLIC", "1")
    test = app("data", model="generator")
    assert "This server does not fetch from the archives" in texts(test)
    assert not [b for b in test.button if b.label == "Fetch"]


def test_tables_go_to_topcat_only_from_the_servers_own_machine(app, monkeypatch, tmp_path):
    """With a hub: the table is sent, the rows that come back are selected, a table becomes an upload."""
    from gandalf_core.exchange.samp import Received, library, own_hub
    from pages.ui import visitor
    from pages.ui.parts import samp

    test = app("data", model="generator")
    next(c for c in test.segmented_control if c.key == "data_view").set_value("Table").run()
    assert samp.ELSEWHERE in texts(test) and not [b for b in test.button if b.key == "samp_table"]
    monkeypatch.setattr(visitor, "current", lambda: visitor.Visitor("me", here=True))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SAMP_HUB", raising=False)
    test.run()
    next(b for b in test.button if b.key == "samp_table").click().run()
    assert "no SAMP hub is running on this machine" in test.error[0].value
    with own_hub():
        other = library().SAMPIntegratedClient(metadata={"samp.name": "topcat"}, addr="127.0.0.1")
        other.connect()
        other.bind_receive_notification("table.load.votable", lambda *_: None)
        next(b for b in test.button if b.key == "samp_table").click().run()
        assert not test.exception and not test.error
        ((table, ids),) = samp.sent_tables.items()
        io.write_stars(tmp_path / "theirs.vot", simulate(2, seed=8))
        theirs = Received("topcat", tmp_path / "theirs.vot", "t")
        arrived = [Received("topcat", table=table, rows=(1, 3)), theirs]
        monkeypatch.setattr(samp.connections[0], "received", lambda: [arrived.pop()] if arrived else [])
        test.run(), test.run(), test.run()
        assert test.session_state["selection"]["ids"].tolist() == ids[[1, 3]].tolist()
        assert len(load_upload(test.session_state["uploads"][0])) == 2
        other.disconnect()
        samp.connections.pop().close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("set", "teff:nan,logg:1e400,nobody:3,:,teff"),
        ("set", "teff:" + "9" * 300),
        ("z", "!!!not base64"),
        ("z", "AAAA"),
        ("selected", "key-../../../etc/passwd"),
        ("selected", "key-0123456789abcdef"),
        ("traverse", "99999"),
        ("latent_view", "<b>nothing</b>"),
        ("other_star", "nobody"),
        ("map_rows", "nothing,spectra,nothing"),
        ("compared", "a,b,c"),
        ("divided", "nobody,a"),
    ],
)
def test_a_link_with_nonsense_opens_what_makes_sense(app, name, value):
    query = {"model": "generator", "stars": "simulated:20:3", "view": "1", name: value}
    query |= {"latent_view": "Traverse"} if name == "traverse" else {}
    for page in ("latent", "data") if name != "map_rows" else ("maps",):
        test = app(page, **query)
        assert not test.exception


def test_a_link_opens_its_view_and_undo_goes_back(app):
    query = {"model": "generator", "stars": "simulated:20:3", "star": "sim3-4", "view": "1"}
    test = app("data", **query, data_view="Histograms", selected="sim3-1,sim3-2")
    assert test.session_state["data_view"] == "Histograms"
    assert test.session_state["selection"]["ids"].tolist() == ["sim3-1", "sim3-2"]
    next(c for c in test.segmented_control if c.key == "data_view").set_value("Table").run()
    assert len(test.dataframe) == 1
    history = test.session_state["history"]
    assert history["past"][-1]["params"]["data_view"] == "Histograms"
    assert history["now"]["params"] == {"data_view": "Table", "selected": "sim3-1,sim3-2"}


def test_a_large_sample_is_judged_on_demand_and_the_table_says_so(app):
    test = app("parameters", model="generator", stars="simulated:320:4")
    next(g for g in test.get("button_group") if "Table" in g.options).set_value("Table").run()
    assert "Not all stars are judged yet" in texts(test)
    assert not {"outside", "verdict"} & set(test.dataframe[-1].value)
    next(t for t in test.toggle if t.label == "Verdicts of all 320 stars").set_value(True).run()
    assert not test.exception and "are judged yet" not in texts(test)
    table, model = test.dataframe[-1].value, load_model("generator")
    stars = model.on_grid(simulate(320, seed=4))
    assert table["verdict"].tolist() == model.predict(stars, source="spectrum").verdict.tolist()


def test_many_stars_of_ones_own_are_not_called_inside_before_they_are_judged(app):
    many = replace(simulate(310, seed=21), labels=np.empty((310, 0)), label_names=())
    test = upload(app(model="generator", stars="simulated:20:3"), ("many.npz", npz_bytes(many)))
    next(g for g in show(test, "parameters").get("button_group") if "Table" in g.options).set_value(
        "Table"
    ).run()
    assert not test.exception
    table = test.dataframe[-1].value.set_index("id")
    assert table.loc[many.ids, ["outside", "verdict"]].isna().all(axis=None)
    assert table["verdict"].notna().sum() == 20
    next(t for t in test.toggle if t.label == "Verdicts of all 330 stars").set_value(True).run()
    assert test.dataframe[-1].value["verdict"].notna().all()
