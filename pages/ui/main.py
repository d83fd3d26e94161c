"""The frame of the app: page settings, navigation, the shared pickers in the side bar; then the page."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402

from gandalf_core.parameters import LINES  # noqa: E402
from pages.ui import pickers, state  # noqa: E402

VIEWS = {
    "": (
        ("home", "Home", "home", "What is loaded, and where to start"),
        ("tour", "Tour", "school", "The idea in three minutes, on live figures"),
    ),
    "Look": (
        ("data", "Data", "query_stats", "Labels, spectra and upload"),
        ("maps", "Maps", "scatter_plot", "Spectra and latents as maps, linked"),
        ("latent", "Latent", "tune", "A star's latent numbers, edited by hand"),
        ("decode", "Decode", "auto_graph", "The spectrum under other parameters"),
        ("parameters", "Parameters", "straighten", "What the latents predict"),
    ),
    "Make and measure": (
        ("train", "Train", "model_training", "Train a model and watch it"),
        ("sweeps", "Sweeps", "grid_view", "Search settings, and compare what they give"),
        ("audit", "Audit", "fact_check", "What is really removed"),
        ("models", "Models", "folder_open", "Cards, and two models compared"),
    ),
}


def pages() -> dict[str, list]:
    made = {}
    for section, views in VIEWS.items():
        made[section] = [
            st.Page(
                f"../{name}.py",
                title=title,
                icon=f":material/{icon}:",
                url_path="" if name == "home" else name,
                default=name == "home",
                help=told,
            )
            for name, title, icon, told in views
        ]
    return made


NAMELESS = ", ".join(
    f"[data-unformatted='{name}']" for name in sorted({line.species for line in LINES} - {"Ca II", "DIB"})
)
STYLE = f"""<style>
[data-testid='stMainBlockContainer'] {{padding-left: 2.2rem; padding-right: 2.2rem; max-width: 1720px}}
@media (max-width: 640px) {{
[data-testid='stMarkdownContainer'] table {{display: block; max-width: 100%; overflow-x: auto}}
[data-testid='stButtonGroup'] [role='radiogroup'] {{flex-wrap: wrap}}
.annotation-text:is({NAMELESS}) {{display: none}}
}}
</style>"""

st.set_page_config("GANDALF Explorer", str(Path(__file__).parent / "icon.svg"), layout="wide")
# a laptop's width belongs to the figures; a phone scrolls a table, breaks a switch, and has room for few
# lines' names
st.html(STYLE)
state.start()
page = st.navigation(pages())
with st.sidebar:
    model = pickers.show_model()
    source = pickers.show_stars()
    pickers.show_star(model, source)
state.mirror()
page.run()
