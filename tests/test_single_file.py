"""Pages of one file: complete, without a network, and safe whatever stars and models are called."""

import re
from dataclasses import replace

import numpy as np
import pytest

from gandalf_core import load_model, simulate
from gandalf_core.cli import main
from gandalf_core.errors import ModelError
from gandalf_core.figures import panels
from gandalf_core.publishing.card_html import card_html, inline
from gandalf_core.publishing.decoder_page import decoder_page
from gandalf_core.publishing.map_page import map_page

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def generator():
    return load_model("generator")


def hosts(page: str) -> set[str]:
    """Addresses that a browser would fetch: of scripts, styles, images and frames."""
    return set(re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"']?([^\"'\s>]+)", page))


def test_a_hostile_star_is_text_and_nothing_is_fetched(generator):
    star = replace(simulate(1, seed=3), ids=np.array([HOSTILE]), provenance={})
    page = decoder_page(generator, star, {"teff": 6500.0})
    assert page.count("</script>") == 3 and HOSTILE not in page and not hosts(page)
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt; under other parameters" in page
    assert len(page.encode()) <= 3_000_000
    assert "no truth" not in page and '"truths": []' in page  # a foreign star has none


def test_a_page_shows_one_star_and_only_sliders_that_there_are(generator):
    with pytest.raises(ModelError, match="a page shows one star, not 2"):
        decoder_page(generator, simulate(2, seed=3))
    with pytest.raises(ModelError):
        decoder_page(generator, simulate(1, seed=3), {"nonsense": 1.0})
    z = np.zeros(generator.latent_size, np.float32)
    edited = decoder_page(generator, simulate(1, seed=3), z=z)
    assert '"edit": true' in edited and "Orange dots: an edited latent" in edited


def test_the_truth_is_there_where_the_simulator_knows_it(generator):
    page = decoder_page(generator, simulate(1, seed=3), {"teff": 5600.0})
    assert page.count('"name": "truth (simulator)"') >= 3 and "Green dashes" in page


def test_a_map_page_escapes_titles_and_ids(generator):
    ids = np.array([HOSTILE, "b"])
    one = panels.Map(f"latent of {HOSTILE}", ids, np.zeros((2, 2)), np.full(4, np.nan))
    names = generator.label_names
    linked = panels.maps([one], ids, np.ones((2, 4)), names)
    page = map_page(linked, names, HOSTILE, (HOSTILE,), {HOSTILE: generator.card})
    assert page.count("</script>") == 3 and HOSTILE not in page and not hosts(page)


def test_cards_become_html(generator):
    html = card_html("generator", generator.card)
    assert "<h2>generator</h2>" in html and "<th>parameter</th>" in html and "A&amp;A 694, A326" in html
    assert inline(r"**a** \[M/H\] `x<y` <b>") == "<b>a</b> [M/H] <code>x&lt;y</code> &lt;b&gt;"


def test_commands_write_pages_and_tables(tmp_path, capsys):
    star, page = str(tmp_path / "star.npz"), tmp_path / "star.html"
    assert (
        main(["decode", "generator", "simulated:2:5", "--set", "teff=6500", "--page", str(page), star]) == 0
    )
    assert "sim5-0 under other parameters" in page.read_text(encoding="utf-8")
    page = tmp_path / "map.html"
    small = ["project", "autoencoder", "simulated:30:5", "--method", "pca", "--page", str(page)]
    assert main([*small, str(tmp_path / "map.csv")]) == 0
    assert "pca map of 30 stars: latent of autoencoder" in page.read_text(encoding="utf-8")
    assert main([*small[:-1], str(tmp_path / "map.txt"), str(tmp_path / "map.csv")]) == 2
    assert "unknown suffix '.txt': choose .html" in capsys.readouterr().err
