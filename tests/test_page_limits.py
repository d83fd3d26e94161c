"""What a visitor of the app may ask for: files that refer to others, and samples too large for a page."""

from pathlib import Path

import pytest
from hostile_files import GOOD, npy, npz, references
from streamlit.testing.v1 import AppTest

from gandalf_core import sources
from gandalf_core.simulator import simulate_kind
from pages.ui.cache import stars as stars_cache

MAIN = Path(__file__).parents[1] / "pages" / "ui" / "main.py"


@pytest.fixture
def data_page(tmp_path, monkeypatch):
    """The Data page of a server without models."""
    for name in ("PRETRAINED", "RUNS", "CACHE", "MODELS"):
        monkeypatch.setenv(f"GANDALF_{name}", str(tmp_path / name.lower()))
    test = AppTest.from_file(str(MAIN), default_timeout=60).run()
    return test.switch_page("../data.py").run()


def texts(test: AppTest) -> list[str]:
    shown = (e.value for e in test.main if e.type in ("error", "success", "warning", "info", "markdown"))
    return [str(text).replace("\\", "") for text in shown]


def test_a_votable_that_refers_to_a_file_of_the_server_shows_nothing_of_it(data_page):
    secret = Path("/etc/passwd").read_text(encoding="utf-8").splitlines()[0]
    for name in ("file.vot", "device.vot", "by-default.vot", "entity.vot", "link.zip"):
        data_page.file_uploader[0].upload(name, references()[name][0])
    data_page.file_uploader[0].upload("good.csv", GOOD).run()
    assert not data_page.exception
    shown = texts(data_page)
    refused = [text for text in shown if "nothing else is opened" in text]
    assert len(refused) == 3 and any("XML entities" in text for text in shown)
    assert any(text.startswith("good.csv: 1 star") for text in shown)
    assert not any(secret in text for text in shown)


def test_a_bomb_is_one_sentence_and_the_page_goes_on(data_page):
    zeros = npy((10**9, 0), "<f4")
    data_page.file_uploader[0].upload("bomb.npz", npz(flux=zeros, wavelength_nm=npy((0,), "<f8"))).run()
    assert not data_page.exception
    assert any("would grow to" in text and text.startswith("bomb.npz: ") for text in texts(data_page))


def test_a_visitor_sees_what_they_use_and_may_use(data_page, tmp_path, monkeypatch):
    (tmp_path / "settings.toml").write_text("[local]\njobs = 2\ndisk_mb = 70\nsimulated_stars = 5000\n")
    monkeypatch.setenv("GANDALF_SETTINGS", str(tmp_path / "settings.toml"))
    data_page.run()
    shown = [caption.value for caption in data_page.caption]
    usage = "You use 0 of 2 jobs, 0 of 70 MB, 0 of 5,000 simulated stars in 24 hours."
    assert any(usage in text for text in shown), shown


# --- simulated stars ---


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("simulated:2000000:1", "simulate --stars 2000000 --seed 1 stars.parquet"),
        ("simulated:70000", "simulate --stars 70000 --seed 0 stars.parquet"),
        ("simulated:70000:3:wide", "ingest simulated:70000:3:wide stars.parquet"),
    ],
)
def test_a_link_to_very_many_stars_is_refused_with_the_command_for_them(source, command):
    with pytest.raises(stars_cache.SpectraError, match="at most 64,305 simulated stars") as caught:
        stars_cache.check_simulation(source)
    assert f"python -m gandalf_core {command}" in str(caught.value)


def test_more_stars_than_a_page_can_wait_for_are_a_job(tmp_path, monkeypatch):
    monkeypatch.setenv("GANDALF_CACHE", str(tmp_path))
    stars_cache.check_simulation("simulated:4000:1")
    with pytest.raises(stars_cache.NotSimulated) as waiting:
        stars_cache.check_simulation("simulated:4001:1")
    assert len(waiting.value.ids) == 4001 and waiting.value.ids[-1] == "sim1-4000"
    waiting.value.path.touch()
    stars_cache.check_simulation("simulated:4001:1")


@pytest.mark.parametrize("kind", ["", "b", "uniform", "wide"])
def test_the_ids_of_simulated_stars_are_known_before_they_are_simulated(kind):
    spec = f"simulated:40:3:{kind}" if kind else "simulated:40:3"
    assert sources.simulated_ids(spec).tolist() == simulate_kind(kind, 40, seed=3).ids.tolist()
