"""Small texts of the pages: what they hide of the server, and the names of files that they offer."""

import re

import pytest

from gandalf_core.config.presets import PRESETS
from gandalf_core.jobs.sayings import without_folders
from pages.ui import show
from pages.ui.parts import sweep_form, train_words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/srv/gandalf/runs/0123/model/card.json: damaged", "model/card.json: damaged"),
        (r"C:\Users\me\runs\0123\model\card.json: damaged", r"model\card.json: damaged"),
        ("D:/runs/0123/model/card.json: damaged", "model/card.json: damaged"),
        ("S/N above 100/200 in http://a.b/c/d", "S/N above 100/200 in http://a.b/c/d"),
    ],
)
def test_the_servers_folders_are_hidden_on_every_system(text, shown):
    assert without_folders(text, keep_parent=True) == shown


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gandalf-generator-4268620287278693121", "gandalf-generator-4268620287278693121"),
        ("gandalf-a-HD 1/2: 'b'?", "gandalf-a-HD 1_2_ 'b'_"),
        ("étoile α", "étoile α"),
        ('a\\b<c>|"*\n', "a_b_c_"),
        ("x" * 500, "x" * 80),
        ("... ", "unnamed"),
    ],
)
def test_a_downloaded_file_has_a_name_that_every_system_takes(text, name):
    assert show.file_name(text) == name


@pytest.mark.parametrize("address", ["http://127.0.0.1:8501/", "HTTPS://a.b", "www.a.b"])
def test_an_address_in_a_strangers_text_is_no_link(address):
    """Markdown makes a link of one however it is escaped, but not of one with a mark of no width in it."""
    shown = show.escaped(f"its data are elsewhere ({address})").replace("\\", "")
    assert not re.search(r"(?i)https?://|www\.", shown)
    assert shown.replace("\N{WORD JOINER}", "") == f"its data are elsewhere ({address})"


def test_a_preset_says_what_it_does_and_how_long_that_takes(monkeypatch):
    monkeypatch.setattr(train_words, "_epoch_seconds", lambda: 1e-4)
    words = train_words.preset_words("physical-removed", "simulated:20000:1", 40)
    assert words.startswith("Removes Teff and log g") and "about 3 minutes on this machine" in words
    assert "machine" not in train_words.preset_words("generator", "uploaded:abc", 40)
    assert set(train_words.PRESET_WORDS) == set(PRESETS)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("model.noise=0.1,0.2,0.4", "noise of the latent 0.1, 0.2 or 0.4"),
        ("training.learning_rate=3e-4:3e-3:log", "learning rate from 3e-4 to 3e-3, evenly in its logarithm"),
        (
            "model.latent_size=5\nadversary.steps=1,2",
            "latent dimensions 5 with discriminator steps per batch 1 or 2",
        ),
    ],
)
def test_a_search_is_told_in_words(lines, words):
    assert sweep_form.search_words(lines) == words
