"""The researcher: a file of 500 labelled stars is compared, adapted to, looked at, and calibrated on."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from driver import PATIENCE_MS, choose, go, press, settle, touching, visit
from playwright.sync_api import expect

from gandalf_core import io
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.simulator import simulate_kind

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def own_stars(tmp_path_factory) -> Path:
    """500 stars of another physics on the archive's names, labels with errors, one of them far off."""
    stars = simulate_kind("b", 500, 33)
    labels = stars.labels.copy()
    labels[7, 0] += 2500
    errors = np.tile([40.0, 0.08, 0.05, 0.03], (500, 1))
    names = (*stars.label_names, *(f"{n}_error" for n in stars.label_names))
    ids = [str(4268620287278690000 + k) for k in range(500)]
    own = SpectraSet(
        stars.flux, stars.wavelength_nm, ids, np.hstack([labels, errors]), names, stars.flux_error
    )
    path = tmp_path_factory.mktemp("own") / "survey.npz"
    io.write_stars(path, own)
    return path


@pytest.mark.long
def test_a_researcher_adapts_and_calibrates_with_500_stars(open_browser, server, own_stars, tmp_path):
    page = open_browser(height=1400)
    visit(page, f"{server}/data?model=autoencoder", "Data")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(str(own_stars))
    expect(page.get_by_text("survey.npz: 500 stars, 800 pixels")).to_be_visible(timeout=PATIENCE_MS)
    settle(page)

    go(page, "Parameters")
    press(page, "Own labels")
    press(page, "The ten worst stars")
    drawn = page.locator(".js-plotly-plot").first
    drawn.wait_for()
    assert len(drawn.evaluate("el => el.data.filter(t => t.name === 'observed')")) == 10
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the comparison as a page").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert "only Teff disagrees" in text and "4268620287278690007" in text and "Plotly.newPlot" in text

    go(page, "Train")
    press(page, "From a model, with my stars")
    expect(page.get_by_text("500 stars with")).to_contain_text("500 with errors")
    page.get_by_text("More settings").click()
    choose(page, "How much of the encoder may move", "nothing")
    slider = page.get_by_role("slider", name="Share of simulated stars in what is learned")
    for _ in range(15):  # to 0, which is the quickest
        slider.press("ArrowLeft")
    settle(page)
    page.get_by_role("button", name="Start adapting").click()
    expect(page.get_by_text("adapted from")).to_be_visible(timeout=2 * PATIENCE_MS)
    expect(page.get_by_text("line strengths corrected by")).to_have_count(0)  # it has no mean spectrum
    expect(page.get_by_text("encoder: nothing moved, as was asked for", exact=True)).to_be_visible()

    page.get_by_role("button", name="See what changed").click()
    expect(page.get_by_role("heading", level=1, name="Models")).to_be_visible()
    expect(
        page.get_by_text(re.compile(r"autoencoder adapted \w{6} beside autoencoder, on 500"))
    ).to_be_visible()
    settle(page)
    wide = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 1400})
    page.locator(".js-plotly-plot .legend").first.wait_for()
    page.wait_for_timeout(500)
    assert touching(page) == []
    page.set_viewport_size(wide)
    for part in ("Leakage", "Parameters", "Sliders", "Ca II and the mean spectrum"):
        press(page, part)
        expect(page.get_by_test_id("stException")).to_have_count(0)

    go(page, "Parameters")
    press(page, "Own labels")
    page.get_by_text("Calibrate the model on these stars").click()
    expect(page.get_by_text("Also the 400 stars that the model was made with")).to_be_visible()
    page.get_by_role("textbox", name="Its name").fill("survey")
    page.get_by_role("button", name="Calibrate", exact=True).click()
    expect(page.get_by_text("Kept as survey")).to_be_visible()
    expect(page.get_by_text("Under the calibration")).to_have_count(0)  # never silently
    choose(page, "Calibration", "survey")
    expect(page.get_by_text("Under the calibration survey")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("under survey"))).to_be_visible()
    press(page, "Table")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download predictions").click()
    table = pd.read_csv(download.value.path(), dtype=str)
    assert len(table) == 500 and set(table["calibration"]) == {"survey"}

    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_test_id("stSelectbox").filter(has_text="Calibration")).to_have_count(0)
    press(page, "Table")
    expect(page.get_by_role("button", name="Download predictions")).to_be_visible()
