"""docs/tour.md, followed word by word: every sentence is tied to what is done or looked at on its page.

A widget that is renamed, or a sentence that is worded in another way, fails here; so does a sentence that
asks for what cannot be done on the page it names. Slow: run with `-m long`.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from driver import TITLES, choose, drag, go, live, panels, press, settle, until, visit
from playwright.sync_api import expect
from sheet import SHEET, Register, bold, code, italic, parts

sys.path.insert(0, str(Path(__file__).parents[1]))
from archive_files import archive_file

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.rest_frame import moved_to_rest
from gandalf_core.parameters import LABELS, parameter
from gandalf_core.simulator import simulate

pytestmark = pytest.mark.browser
STARS = "stars=simulated:500:3"
STEPS = re.findall(
    r"\]\(http://localhost:8501(/tour[^)]+)\)", SHEET
)  # their addresses, as the sheet has them
REAL, VELOCITY = "4268620287278693121", 40.0  # km/s
PASCHEN, CALCIUM = (860.075, 866.741), (850.036, 854.444, 866.452)
register = Register()
does = register.does


def test_every_sentence_is_tied_to_what_it_asks_for():
    assert register.differences() == []
    named = {name for sentences in parts().values() for s in sentences for name in bold(s)}
    assert set(TITLES.values()) - {"GANDALF Explorer"} <= named | {"Maps"}
    minutes = [int(m) for m in re.findall(r"^## .*\((\d+) minutes\)$", SHEET, re.M)]
    assert sum(minutes[:5]) == 40 and SHEET.count("Forty minutes") == 1


@pytest.mark.long
@pytest.mark.parametrize("heading", parts())
def test_the_sheet_is_followed_word_by_word(open_browser, server, heading):
    page = open_browser(height=1600)
    for sentence in parts()[heading]:
        register.actions[sentence](page, server, sentence)
        expect(page.get_by_test_id("stException")).to_have_count(0)


# --- what several sentences need ---


def think(page, server, sentence):
    """A question or a remark: there is nothing to do."""


def at_step(page, server, number: int, model: str = "generator") -> None:
    """A step of the tour, by the sheet's own address."""
    visit(page, f"{server}{STEPS[number - 1]}&model={model}&{STARS}", "Tour")


def button(page, name: str):
    found = page.get_by_test_id("stMain").get_by_role("button", name=name, exact=True)
    expect(found).to_have_count(1)
    return found


def sidebar_model(page, name: str) -> None:
    choose(page, "Model", name)
    expect(page.get_by_role("combobox", name="Model").first).to_have_value(name)


def number_in(sentence: str, before: str) -> float:
    """The number that follows a word."""
    return float(re.search(rf"{re.escape(before)}\D*?(\d+\.?\d*)", sentence).group(1))


def corners(page, panel: int, *places: tuple[float, float]) -> tuple[dict, list[tuple[float, float]]]:
    """The box of a panel's canvas, and places of its data as fractions of the box."""
    canvas = page.locator(".panels figure canvas").nth(panel)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    pixel = f"([x, y]) => [v.views[{panel}].axes.X(x), v.views[{panel}].axes.Y(y)]"
    pixels = panels(page, f"{[list(place) for place in places]}.map({pixel})")
    return box, [(x / box["width"], y / box["height"]) for x, y in pixels]


def lasso_around(page, panel: int, *places: tuple[float, float]) -> list[str]:
    """The ids of the stars that a lasso through these places of a panel's data selects."""
    box, fractions = corners(page, panel, *places, places[0])
    drag(page, box, *fractions)
    expect(page.get_by_text(re.compile(r"[\d,]+ of [\d,]+ stars selected")).first).to_be_visible()
    settle(page)
    return panels(page, "v.ids.filter((_, k) => v.selected[k])")


def click_star(page, teff: float, logg: float) -> str:
    """Click the star nearest to a place of the Kiel diagram; its id."""
    nearest = f"Math.hypot((v.columns.teff[k] - {teff}) / 300, (v.columns.logg[k] - {logg}) / 0.4)"
    row = panels(page, f"v.ids.map((_, k) => [{nearest}, k]).sort((a, b) => a[0] - b[0])[0][1]")
    place = panels(page, f"[v.columns.teff[{row}], v.columns.logg[{row}]]")
    box, [(x, y)] = corners(page, 0, place)
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    star = panels(page, f"v.ids[{row}]")
    page.wait_for_url(re.compile(f"star={re.escape(star)}"))
    settle(page)
    return star


def r2_under_panels(page) -> dict[str, float]:
    """The k-NN R² that stands under each panel, by the panel's parameter."""
    notes = panels(page, "v.panels.map(p => [p.colour, p.note])")
    return {
        name: float(re.search(r"k-NN R² = ([−-]?[\d.]+)", note)[1].replace("−", "-")) for name, note in notes
    }


def plotted(page, which: int = 0) -> list[dict]:
    """Name, places and dash of the curves of a figure on the page."""
    settle(page)
    figure = page.locator(".js-plotly-plot").nth(which)
    figure.wait_for()
    return figure.evaluate(
        "el => el.data.map(t => ({name: t.name, n: t.x?.length, dash: t.line?.dash, type: t.type}))"
    )


def titles_of_axes(page) -> list[str]:
    """The titles of the horizontal axes of the first figure."""
    every = "Object.entries(el.layout).filter(([k]) => k.startsWith('xaxis')).map(([, a]) => a.title?.text)"
    return [title or "" for title in page.locator(".js-plotly-plot").first.evaluate(f"el => {every}")]


# --- the head of the sheet ---


@does(
    "Start the app (`streamlit run app.py`) and open **Tour**: its four steps are the four parts of "
    "this sheet, "
    "and a button under each step leads to the next."
)
def walk_the_steps(page, server, sentence):
    visit(page, f"{server}/?{STARS}", TITLES[""])
    go(page, *bold(sentence))
    steps = page.get_by_test_id("stButtonGroup").nth(1).get_by_role("radio")
    titles = steps.all_inner_texts()
    assert titles == [re.sub(r" \(\d+ minutes\)", "", h) for h in parts() if re.match(r"\d ", h)]
    for k, following in enumerate([*titles[1:], None]):
        expect(steps.nth(k)).to_be_checked()
        if following:
            button(page, f"Next: {following[2:]}").click()
            settle(page)
    expect(page.get_by_role("link", name=re.compile("Continue with the Audit"))).to_be_visible()


@does("The stars are simulated Gaia RVS spectra, 846 to 870 nm.")
def look_at_the_ends(page, server, sentence):
    ends = [int(n) for n in re.findall(r"\d{3}", sentence)]
    assert [round(nm) for nm in live(page, "[v.wave[0], v.wave.at(-1)]")] == ends


@does(
    "| Teff | effective temperature | 4000 to 7000 K |",
    "| log g | surface gravity (small: giant, large: dwarf) | 1.5 to 5 dex |",
    "| [M/H] | metals relative to the sun, logarithmic | −2.5 to +0.5 dex |",
    "| [α/Fe] | α elements (Mg, Si, Ca, Ti …) relative to the other metals | −0.2 to +0.5 dex |",
)
def compare_ranges(page, server, sentence):
    symbol, _, written = sentence.strip("| ").split(" | ")
    known = next(parameter(n) for n in LABELS if parameter(n).in_text == symbol)
    low, high, unit = re.fullmatch(r"(\S+) to (\S+) (\w+)", written.replace("−", "-")).groups()
    assert (float(low), float(high), unit) == (known.low, known.high, known.unit)


@does(
    next(s for sentences in parts().values() for s in sentences if s.startswith("Each step has an address"))
)
def open_every_address(page, server, sentence):
    assert len(STEPS) == 4
    for k, name in enumerate(re.findall(r"\[([^\]]+)\]\(", sentence), 1):
        at_step(page, server, k)
        chosen = page.get_by_test_id("stButtonGroup").get_by_role("radio", name=f"{k} {name}")
        expect(chosen).to_be_checked()


# --- before the tour ---


@does("Open **Data**.")
def open_data(page, server, sentence):
    visit(page, f"{server}/?model=generator&{STARS}", TITLES[""])
    go(page, *bold(sentence))


@does("The left diagram is a Kiel diagram: hot stars on the left, giants at the top.")
def look_at_the_kiel_diagram(page, server, sentence):
    assert panels(page, "v.panels[0].title") == "Kiel diagram"
    _, [hot_dwarf, cool_giant] = corners(page, 0, (6800, 4.5), (4200, 2.0))
    assert hot_dwarf[0] < cool_giant[0] and cool_giant[1] < hot_dwarf[1]


@does("Draw a lasso around the clump of giants near 4800 K, log g 2.4.")
def lasso_the_clump(page, server, sentence):
    teff, logg = number_in(sentence, "near"), number_in(sentence, "log g")
    around = [
        (teff + 250, logg + 0.4),
        (teff + 250, logg - 0.4),
        (teff - 250, logg - 0.4),
        (teff - 250, logg + 0.4),
    ]
    assert lasso_around(page, 0, *around)
    inside = panels(page, "v.ids.map((_, k) => k).filter(k => v.selected[k]).map(k => v.columns.teff[k])")
    assert np.abs(np.array(inside) - teff).max() < 255


@does("Which part of the abundance diagram lights up?")
def look_at_the_other_diagram(page, server, sentence):
    assert panels(page, "v.panels.length") == 2 and panels(page, "[v.panels[1].x, v.panels[1].y]") == [
        "mh",
        "alphafe",
    ]
    mh = panels(page, "v.ids.map((_, k) => k).filter(k => v.selected[k]).map(k => v.columns.mh[k])")
    assert len(mh) == panels(page, "v.selectedCount") > 5


@does("Press **Spectra**.")
def press_spectra(page, server, sentence):
    press(page, *bold(sentence))
    assert len(plotted(page)) > 1


@does("Which of the marked lines are strongest?")
def look_at_the_lines(page, server, sentence):
    names = page.locator(".js-plotly-plot").first.evaluate("el => el.layout.annotations.map(a => a.text)")
    assert {"Ca II", "Paschen"} <= {n.split(" 1")[0] for n in names} or any("Ca II" in n for n in names)


@does(
    "Go back to **Diagrams**, click a dwarf and press *Compare the chosen star*; then the same with a giant."
)
def compare_two(page, server, sentence):
    for number, place in enumerate(((5700, 4.4), (4700, 2.4))):
        press(page, *bold(sentence)) if number == 0 else None
        star = click_star(page, *place)
        button(page, *italic(sentence)).click()
        settle(page)
        if number == 0:
            expect(page.get_by_text(f"To be compared: {star}. Choose another star.")).to_be_visible()


@does("How do their spectra differ?")
def look_at_the_difference(page, server, sentence):
    expect(page.get_by_text("as a share of the continuum")).to_be_visible()
    names = [curve["name"] for curve in plotted(page)]
    assert len(names) == 3 and any(" − " in name for name in names)


# --- 1 entangled ---


@does("An auto-encoder turns 800 pixels into a few numbers, the *latent*, and back.")
def start_with_the_latent(page, server, sentence):
    at_step(page, server, 1)
    expect(page.get_by_text("squeezes a spectrum into a few numbers, its latent")).to_be_visible()


@does("In the map, which parameter changes smoothly from one side to the other?")
def look_at_the_map(page, server, sentence):
    assert panels(page, "v.panels.map(p => p.colour)") == list(LABELS)


@does("Draw a lasso around the coolest stars in the first panel.")
def lasso_the_coolest(page, server, sentence):
    assert panels(page, "v.panels[0].colour") == "teff"
    named = ("v.panels[0].x", "v.panels[0].y", "'teff'")
    x, y, teff = (np.array(panels(page, f"[...v.columns[{name}]]")) for name in named)
    coolest = np.argsort(teff)[: len(teff) // 20]
    cx, cy = float(np.median(x[coolest])), float(np.median(y[coolest]))
    half = 0.12 * float(np.nanmax(x) - np.nanmin(x))
    square = [(cx - half, cy - half), (cx + half, cy - half), (cx + half, cy + half), (cx - half, cy + half)]
    chosen = lasso_around(page, 0, *square)
    ids = panels(page, "v.ids")
    rows = [ids.index(star) for star in chosen]
    assert np.median(teff[rows]) < np.median(teff)


@does(
    "Look at them in the other panels: can you change the temperature in this latent without "
    "changing anything "
    "else?"
)
def look_at_the_other_panels(page, server, sentence):
    assert panels(page, "v.selectedCount") > 0 and panels(page, "v.panels.length") == 4


@does(
    "*Write down* the k-NN R² under each panel: how well a star's neighbours in the map predict the "
    "parameter "
    "(1: perfectly, 0: not at all)."
)
def write_down(page, server, sentence):
    noted = r2_under_panels(page)
    assert list(noted) == list(LABELS) and all(value <= 1 for value in noted.values())
    NOTED.update(noted)


NOTED: dict[str, float] = {}  # what the student has written down


# --- 2 the adversary ---


@does("Choose the model `physical-removed` in the sidebar.")
def choose_the_removed(page, server, sentence):
    at_step(page, server, 1)
    NOTED.update(r2_under_panels(page))
    press(page, "2 The adversary")
    sidebar_model(page, *code(sentence))


@does(
    "While it trained, discriminators tried to read Teff and log g from the latent, and the encoder "
    "was rewarded "
    "when they failed."
)
def read_what_it_removes(page, server, sentence):
    expect(page.get_by_text("removes Teff and log g")).to_be_visible()


@does("Where do their curves end compared with the dashed lines (guessing)?")
def look_at_the_curves(page, server, sentence):
    curves = plotted(page)
    assert sum(c["dash"] == "dash" for c in curves) == len(curves) / 2 >= 2
    expect(
        page.get_by_text(re.compile(r"Accuracy in the last epoch: Teff \S+ \(guessing \S+\)"))
    ).to_be_visible()


@does("Compare the map with that of step 1.", "Which panels look mixed now, which still show a gradient?")
def compare_the_maps(page, server, sentence):
    now = r2_under_panels(page)
    assert all(now[n] < NOTED[n] - 0.2 for n in ("teff", "logg")) and now["mh"] > 0.5


@does("Choose `paper-physical-removed`.")
def choose_the_papers(page, server, sentence):
    sidebar_model(page, *code(sentence))


@does("From the curves alone: would you say that log g is gone?", "And Teff?")
def look_again(page, server, sentence):
    expect(page.get_by_text(re.compile(r"log g \S+ \(guessing \S+\)"))).to_be_visible()
    assert any(c["dash"] == "dash" for c in plotted(page))


# --- 3 a fresh probe ---


@does("The discriminator that was beaten is only one reader.")
def go_to_the_probe(page, server, sentence):
    at_step(page, server, 3, "paper-physical-removed")


@does("The table shows what a *new* one reads, trained on the finished latent.")
def read_the_table(page, server, sentence):
    assert [c["type"] for c in plotted(page)] == ["heatmap"]
    expect(page.get_by_text("a fresh probe, trained from scratch on the finished latent")).to_be_visible()


@does("Which numbers in the table surprise you after step 2?")
def be_surprised(page, server, sentence):
    rows, values = page.locator(".js-plotly-plot").first.evaluate("el => [el.data[0].y, el.data[0].text]")
    read = dict(zip(rows, values, strict=True))
    teff, logg, *_ = map(float, read["paper-physical-removed"])
    assert teff > 0.1 and logg > 0.1, "the curves said that they were gone"
    assert max(map(float, read["physical-removed"][:2])) < 0.05


@does("Open **Audit**: it subtracts what the other parameters tell anyway (the *floor*).")
def open_the_audit(page, server, sentence):
    go(page, *bold(sentence))
    (floor,) = italic(sentence)
    expect(page.get_by_text(f"What they read beyond the {floor} is leakage")).to_be_visible()
    press(page, "Numbers")
    expect(page.get_by_test_id("stMain").get_by_text(re.compile(floor)).first).to_be_visible()


@does("On **Models**, the card of `physical-removed` has a section *Whom the noise protects against*.")
def read_the_card(page, server, sentence):
    go(page, *bold(sentence))
    main = page.get_by_test_id("stMain")
    box = main.get_by_test_id("stSelectbox").first.get_by_role("combobox")
    box.click()
    page.get_by_role("option", name=code(sentence)[0], exact=True).click()
    settle(page)
    expect(main.get_by_role("heading", name=italic(sentence)[0])).to_be_visible()


# --- 4 decode ---


@does("Choose the model `generator`.")
def choose_the_generator(page, server, sentence):
    at_step(page, server, 4, "paper-physical-removed")
    sidebar_model(page, *code(sentence))
    until(page, "v.ready && v.data.title", *code(sentence))


@does(
    "Press *A dwarf near 5700 K* beside the Kiel diagram, or click one there; *Dwarf and giant side "
    "by side* "
    "shows what gravity does."
)
def choose_a_dwarf(page, server, sentence):
    dwarf, together = italic(sentence)
    button(page, dwarf).click()
    settle(page)
    until(
        page,
        f"Math.abs(v.star.labels.teff - {number_in(dwarf, 'near')}) < 400 && v.star.labels.logg > 3.8",
        True,
    )
    assert panels(page, "v.panels[0].title") == "Kiel diagram"
    page.get_by_text(together, exact=True).click()
    expect(page.get_by_text("what the giant has more or less than the dwarf")).to_be_visible()
    assert len(plotted(page)) == 3
    star = click_star(page, 5800, 4.4)
    until(page, "v.star.id", star)


@does("Drag Teff to 6500 K.")
def drag_teff(page, server, sentence):
    wanted = number_in(sentence, "to")
    BEFORE["flux"] = np.array(live(page, "[...v.flux]"))
    track = page.locator(".slider[data-label=teff] input[type=range]")
    track.scroll_into_view_if_needed()
    low, high, value = (float(track.evaluate(f"e => e.{name}")) for name in ("min", "max", "value"))
    box = track.bounding_box()
    drag(page, box, ((value - low) / (high - low), 0.5), ((wanted - low) / (high - low), 0.5))
    settle(page)
    assert abs(live(page, "v.labels.teff") - wanted) < 60


BEFORE: dict[str, np.ndarray] = {}  # the spectrum before anything was moved


@does("The lower panel shows the change.")
def look_below(page, server, sentence):
    expect(page.locator(".difference")).to_be_visible()


@does("Orange: the model.", "Green dashes: the simulator's truth for the same star.")
def look_at_the_legend(page, server, sentence):
    name = "generated" if "model" in sentence else "truth (simulator)"
    chip = page.locator(".legend .chip").filter(has_text=name)
    red, green, blue = chip.locator(".swatch").evaluate(
        "e => getComputedStyle(e).borderTopColor.match(/\\d+/g).map(Number)"
    )
    assert (red > green > blue) if "Orange" in sentence else (green > red and green > blue)
    assert chip.locator(".dashed").count() == ("dashes" in sentence)


@does("Read the relative error under the figure.")
def read_the_error(page, server, sentence):
    expect(page.get_by_text(re.compile(r"Relative error of the change.*0\.\d\d"))).to_be_visible()


@does("Press *Teff = 7500 K, [α/Fe] = 0.00 dex*.")
def press_the_papers(page, server, sentence):
    page.locator(".presets").get_by_role("button", name=italic(sentence)[0], exact=True).click()
    until(page, "v.labels.teff", number_in(sentence, "Teff ="))
    assert live(page, "v.labels.alphafe") == 0


@does("The slider turns orange.")
def look_at_the_slider(page, server, sentence):
    slider = page.locator(".slider[data-label=teff]")
    expect(slider).to_have_class(re.compile("outside"))
    red, green, blue = slider.locator(".note").evaluate(
        "e => getComputedStyle(e).color.match(/\\d+/g).map(Number)"
    )
    assert red > green > blue


@does("What does the model draw where its sample had no star, and who could check it?")
def read_the_warning(page, server, sentence):
    expect(page.locator(".slider[data-label=teff] .note")).to_contain_text("extrapolation")
    expect(page.get_by_text("No true spectrum exists for these parameters")).to_be_visible()


@does("Go to **Latent** and drag one of the dots.")
def drag_a_dot(page, server, sentence):
    go(page, *bold(sentence))
    z = live(page, "[...v.z]")
    bars = page.locator(".bars")
    bars.scroll_into_view_if_needed()
    box = bars.bounding_box()
    column = (58 + (box["width"] - 70) * 2.5 / len(z)) / box["width"]
    drag(page, box, (column, 0.45), (column, 0.15))
    settle(page)
    assert [k for k, v in enumerate(live(page, "[...v.z]")) if v != z[k]] == [2]


# --- for astronomers ---


@does("On **Tour**, choose *For astronomers: from a file to a verdict*.")
def choose_the_other_tour(page, server, sentence):
    visit(page, f"{server}/?{STARS}", TITLES[""])
    go(page, *bold(sentence))
    press(page, *italic(sentence))


@does("It leads to **Data**, **Parameters**, **Decode** and **Maps**, in this order, with your own file.")
def follow_the_links(page, server, sentence):
    main = page.get_by_test_id("stMain")
    cards = main.get_by_role("link", name=re.compile(r"\d [A-Z]"))
    expect(cards).to_have_count(4)
    words = main.get_by_test_id("stCaptionContainer").all_inner_texts()
    for k, name in enumerate(bold(sentence)):
        cards.nth(k).click()
        expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
        settle(page)
        if k == 0:
            upload_the_real_star(page)
        if name == "Parameters":
            assert "Origin" in words[k] and "Move it to rest" in words[k]
            button(page, "Move it to rest")
            press(page, "Joint errors")
            press(page, "Origin")
        if name == "Decode":
            assert live(page, "v.star.id") == REAL
        if name == "Maps":
            assert panels(page, "v.overlay_ids") == [REAL]
        go(page, "Tour")
        expect(cards.nth(k)).to_be_visible()


# --- if there is time ---


def upload_the_real_star(page) -> None:
    """A star as the archive delivers it, which moves."""
    star = simulate(1, seed=11, labels=np.array([[5700.0, 4.4, -0.1, 0.05]]), snr=(150, 150), pixels=2401)
    star = moved_to_rest(star, np.array([-VELOCITY]))
    kept = (np.round(star.wavelength_nm, 3), [REAL], np.empty((1, 0)), (), star.flux_error)
    content = archive_file("csv", "INDIVIDUAL", SpectraSet(np.where(star.mask, 1, star.flux), *kept))
    file = {"name": "star.csv", "mimeType": "text/csv", "buffer": content}
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    expect(page.get_by_text("star.csv: 1 star, 2401 pixels")).to_be_visible()
    settle(page)


@does(
    "**Train** a model that removes only [M/H]: set its λ to 1 and the others to 0 (4,000 stars, a "
    "few minutes)."
)
def train_one(page, server, sentence):
    visit(page, f"{server}/?{STARS}", TITLES[""])
    go(page, *bold(sentence))
    sliders = page.get_by_test_id("stSlider").get_by_role("slider")
    expect(sliders).to_have_count(len(LABELS))
    for k, name in enumerate(LABELS):
        set_strength(sliders.nth(k), "+1" if name == "mh" else "0")
    settle(page)
    expect(page.get_by_text("removed", exact=True)).to_have_count(1)
    stars = (
        page.get_by_test_id("stMain")
        .get_by_test_id("stSelectbox")
        .filter(has_text="Stars")
        .get_by_role("combobox")
    )
    expect(stars).to_have_value(re.compile(r"^simulated:4000:"))
    button(page, "Start training").click()
    stop = page.get_by_role("button", name="Stop after this epoch")
    stop.wait_for()
    stop.click()
    expect(page.get_by_text("cancelled").first).to_be_visible()


def set_strength(slider, wanted: str) -> None:
    """Move a slider of λ by the keyboard until it says a value."""
    for key in ("ArrowLeft", "ArrowRight"):
        for _ in range(30):
            said = slider.get_attribute("aria-valuetext")
            if said == wanted:
                return
            slider.press(key)
    raise AssertionError(f"no λ of {wanted}")


@does("Does a fresh probe agree (**Audit**, *Run the audit*)?")
def look_for_the_audit(page, server, sentence):
    go(page, *bold(sentence))
    expect(button(page, *italic(sentence))).to_be_enabled()


@does("**Sweeps**: start *Strength of λ* on 4,000 stars (four trainings, some minutes).")
def start_a_sweep(page, server, sentence):
    go(page, *bold(sentence))
    page.get_by_text("New sweep").click()
    press(page, *italic(sentence))
    main = page.get_by_test_id("stMain")
    expect(main.get_by_text("4 trials")).to_be_visible()
    expect(main.get_by_test_id("stSelectbox").filter(has_text="Stars").get_by_role("combobox")).to_have_value(
        re.compile(r"^simulated:4000:")
    )
    button(page, "Start the sweep").click()
    cancel = page.get_by_role("button", name="Cancel")
    cancel.wait_for()
    cancel.click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


@does("Then *Latent size*: from how many dimensions on does a further one add nothing?")
def look_at_the_latent_size(page, server, sentence):
    press(page, *italic(sentence))
    expect(page.get_by_text(re.compile("dimensions.* 5, 10, 15"))).to_be_visible()


@does("**Parameters**, *Error bars*: does a 68 % error bar contain 68 % of the true values at every S/N?")
def look_at_error_bars(page, server, sentence):
    visit(page, f"{server}/?model=physical-removed&stars=simulated:2000:3", TITLES[""])
    go(page, *bold(sentence))
    press(page, *italic(sentence))
    axes = titles_of_axes(page)
    assert any("S/N" in title for title in axes)


@does("And why not at every temperature, when Teff has been removed?")
def look_at_temperatures(page, server, sentence):
    press(page, "latent")
    expect(page.get_by_text("honest on average, but not at each temperature")).to_be_visible()
    axes = titles_of_axes(page)
    assert any("T<sub>eff" in title for title in axes)


@does(
    "Drop the file of a real star on **Data** (for example from the Gaia archive's DataLink) and follow it "
    "through every page."
)
def drop_a_star(page, server, sentence):
    visit(page, f"{server}/?model=generator&{STARS}", TITLES[""])
    go(page, *bold(sentence))
    upload_the_real_star(page)
    for name in ("Latent", "Decode"):
        go(page, name)
        assert live(page, "v.star.id") == REAL


@does("Which verdict does it get, and why?")
def read_the_verdict(page, server, sentence):
    go(page, "Data")
    expect(
        page.get_by_text(re.compile(r"shifted by \S?40|radial velocity|not at rest")).first
    ).to_be_visible()


@does(
    "Where its lines are shifted, **Parameters** offers *Move it to rest*: what happens to its "
    "temperature then?"
)
def move_it(page, server, sentence):
    go(page, *bold(sentence))
    row = page.get_by_role("row", name=re.compile("from the spectrum"))
    before = row.inner_text()
    button(page, *italic(sentence)).click()
    expect(page.get_by_text("it was moved to rest, on every page")).to_be_visible()
    assert row.inner_text() != before
    moved = float(re.search(r"shifted by ([+−-][\d.]+)", page.content())[1].replace("−", "-"))
    assert abs(moved - VELOCITY) < 3


@does(
    "**Home** and step 4 of the tour now show it beside a simulated star of the same parameters: "
    "which lines "
    "differ by more than the noise, and what could your star have that the simulated one has not?"
)
def look_at_the_twin(page, server, sentence):
    go(page, *bold(sentence), TITLES[""])
    beside = page.get_by_text("Your star (grey) and a simulated one (blue)")
    expect(beside).to_be_visible()
    go(page, "Tour")
    press(page, "4 Decode")
    expect(beside).to_be_visible()


# --- for the teacher ---


@does(
    "The link in the address bar brings back model, stars, star and step: prepare a link per task and share "
    "it."
)
def read_the_address(page, server, sentence):
    at_step(page, server, 4, "physical-removed")
    button(page, "A giant near 4700 K").click()
    until(page, "v.star.labels.logg < 3", True)
    settle(page)
    view = live(page, "[v.data.title, v.star.id]")
    expect(page).to_have_url(re.compile(re.escape(view[1])))
    url = page.url
    visit(page, server, TITLES[""])
    visit(page, url, "Tour")
    assert live(page, "[v.data.title, v.star.id]") == view and view[0] == "physical-removed"
    assert panels(page, "v.count") == 500


@does("One server is enough for a class: `gandalf app --public` (SECURITY.md).")
def look_for_the_command(page, server, sentence):
    _, command, option = code(sentence)[0].split()
    said = subprocess.run(
        [sys.executable, "-m", "gandalf_core", command, "--help"], capture_output=True, text=True
    )
    assert option in said.stdout
    assert option in (Path(__file__).parents[2] / "SECURITY.md").read_text(encoding="utf-8")


@does(
    "A discriminator above guessing may still mean *removed* (it reads what the kept parameters "
    "tell), and one "
    "that guesses may not (it has stopped learning): the page says so in step 2."
)
def read_step_two(page, server, sentence):
    at_step(page, server, 2, "physical-removed")
    expect(page.get_by_text("A discriminator above guessing may still mean removed")).to_be_visible()


@does("Step 1.1: all four, Teff most, [α/Fe] least.")
def check_the_first_answer(page, server, sentence):
    at_step(page, server, 1)
    found = r2_under_panels(page)
    assert min(found.values()) > 0.3
    assert [max(found, key=found.get), min(found, key=found.get)] == ["teff", "alphafe"]


@does(
    "Step 2.3: a discriminator that only guesses looks like success, yet a fresh probe still reads "
    "part of the "
    "parameter."
)
def check_the_second_answer(page, server, sentence):
    go_to_the_probe(page, server, sentence)
    be_surprised(page, server, sentence)


@does("Step 4.1: the Paschen lines grow, Ca II shrinks.")
def check_the_third_answer(page, server, sentence):
    choose_the_generator(page, server, "`generator`")
    button(page, "A dwarf near 5700 K").click()
    settle(page)
    until(page, "v.star.labels.logg > 3.8", True)
    drag_teff(page, server, "Drag Teff to 6500 K.")
    wave, change = np.array(live(page, "[...v.wave]")), np.array(live(page, "[...v.flux]")) - BEFORE["flux"]
    for line in CALCIUM[:2]:
        assert change[np.abs(wave - line) < 0.15].mean() > 0
    assert change[np.abs(wave - PASCHEN[0]) < 0.6].mean() < 0


@does(
    "Step 4.3: nobody can check it; there is no truth beyond the grid of model atmospheres, and the "
    "app says so."
)
def check_the_last_answer(page, server, sentence):
    press_the_papers(page, server, "Press *Teff = 7500 K, [α/Fe] = 0.00 dex*.")
    read_the_warning(page, server, sentence)


does(
    "Forty minutes, one computer per pair of students.",
    "Nothing needs a network connection.",  # `open_browser` fails at a request to another machine
    "| symbol | what it is | range here |",
    "|---|---|---|",
    "Nobody told it what temperature is.",
    "More than one?",
    "That is what *entangled* means.",
    "Even a latent without any temperature could be read a little, because in this sample hot stars "
    "have other "
    "metallicities than cool ones.",
    'Why is "R² = 0" therefore the wrong goal?',
    "Somebody publishes the latents *and* the encoder.",
    "Does the removal still protect anything?",
    "Now the other direction: the same latent, another temperature.",
    "Before you move anything: in a hotter star more hydrogen is in its second excited state, and "
    "less calcium is "
    "singly ionised.",
    "What should happen to the Paschen lines (860.1, 866.7 nm) and to the Ca II triplet (850.0, "
    "854.4, 866.5 nm)?",
    "Can you make a star that cannot exist?",
    "At which λ do the discriminators only guess, and what does that cost the reconstruction?",
    "Sliders run in each student's browser; trainings wait in one queue, and nobody stops another's.",
    "Answers.",
)(think)
