"""The frame of the app: page settings, navigation, the pickers in the sidebar; then the page."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from pages.ui import warm  # noqa: E402

warm.import_all()

import streamlit as st  # noqa: E402
from streamlit.navigation.page import StreamlitPage  # noqa: E402

from gandalf_core.parameters import LINES  # noqa: E402
from pages.ui import guards, link, pickers, state, turns  # noqa: E402

PAGES = {  # section -> file, title, icon, help
    "": (
        ("home", "Home", "home", "What is loaded, and where to start"),
        ("tour", "Tour", "school", "The idea in three minutes, with live figures"),
    ),
    "Explore": (
        ("data", "Data", "query_stats", "Labels and spectra of the stars; upload your own"),
        ("maps", "Maps", "scatter_plot", "Spectra and latents as linked maps"),
        ("latent", "Latent", "tune", "Edit a star's latent by hand"),
        ("decode", "Decode", "auto_graph", "A star's spectrum under other parameters"),
        ("parameters", "Parameters", "straighten", "What the latents predict"),
    ),
    "Train and measure": (
        ("train", "Train", "model_training", "Train a model and watch it"),
        ("sweeps", "Sweeps", "grid_view", "Try many settings and compare the results"),
        ("audit", "Audit", "fact_check", "What has really been removed"),
        ("models", "Models", "folder_open", "Model cards, and two models compared"),
    ),
}


def navigation() -> dict[str, list[StreamlitPage]]:
    """Section -> its pages; the address of a page is the name of its file."""
    return {section: [page(*entry) for entry in entries] for section, entries in PAGES.items()}


def page(name: str, title: str, icon: str, help_text: str) -> StreamlitPage:
    home = name == "home"
    return st.Page(
        f"../{name}.py",
        title=title,
        icon=f":material/{icon}:",
        url_path="" if home else name,
        default=home,
        help=help_text,
    )


# a laptop's width belongs to the figures; a phone scrolls tables, wraps switches, and has no room for long
# titles and the names of most lines; a legend of many rows reaches where the title was, which moves up
UNNAMED = sorted({line.species for line in LINES} - {"Ca II", "DIB"})
UNNAMED_LINES = ", ".join(f"[data-unformatted='{name}']" for name in UNNAMED)
STYLE = f"""<style>
[class*='st-key-chips'] p {{white-space: nowrap; font-size: 0.84rem; letter-spacing: -0.01em}}
[data-testid='stCaptionContainer'], [data-testid='stMetricDelta'] {{color: inherit; opacity: 0.85}}
.js-plotly-plot :is([class$='tick'], .cbaxis) text,
.js-plotly-plot :is([class^='x'], [class^='y'])[class$='title'],
.js-plotly-plot :is(.legendtext, .annotation-text) {{fill: currentColor !important; fill-opacity: 0.85}}
[data-testid='stBaseButton-primary'], [data-testid='stBaseButton-primary'] p,
[data-testid='stMultiSelect'] [data-tag] {{color: light-dark(#ffffff, #0b1117) !important}}
[class*='st-key-lambda'] [data-baseweb='slider'] > div:first-child {{background: linear-gradient(currentColor,
currentColor) center / 2px 18px no-repeat}}
[class*='st-key-card_'] {{position: relative}}
[class*='st-key-card_'] * {{position: static !important}}
[class*='st-key-card_'] a::after {{content: ''; position: absolute; inset: 0; position: absolute !important}}
[class*='st-key-card_']:hover {{border-color: currentColor}}
@media (pointer: coarse) {{
[data-testid='stSlider'] [data-baseweb='slider'] * {{pointer-events: none}}
[data-testid='stSlider'] [role='slider'] {{pointer-events: auto !important; touch-action: pan-y}}
}}
[data-testid='stMainBlockContainer'] {{padding-left: 2.2rem; padding-right: 2.2rem; max-width: 1720px}}
@media (max-width: 640px) {{
[data-testid='stMarkdownContainer'] table {{display: block; max-width: 100%; overflow-x: auto}}
[data-testid='stButtonGroup'] [role='radiogroup'] {{flex-wrap: wrap}}
.annotation-text:is({UNNAMED_LINES}) {{display: none}}
.js-plotly-plot .gtitle {{font-size: 12px !important; translate: 0 -1.4rem}}
.js-plotly-plot, .js-plotly-plot .main-svg {{overflow: visible !important}}
[data-testid='stElementContainer']:has(.js-plotly-plot) {{margin-top: 1.4rem; overflow: visible}}
}}
</style>"""

# Streamlit's navigation with sections is no valid list: to screen readers it is links, without a broken one
MENDING = """<script>
if (!window.gandalfMending) {
  const mend = () => {
    for (const node of document.querySelectorAll("[data-testid=stSidebarNavItems]:not([role]), "
      + "[data-testid=stSidebarNavItems] li:not([role])")) node.setAttribute("role", "none")
  }
  window.gandalfMending = new MutationObserver(mend)
  window.gandalfMending.observe(document.body, { childList: true, subtree: true })
  mend()
}
</script>"""

st.set_page_config("GANDALF Explorer", str(Path(__file__).parent / "icon.svg"), layout="wide")
st.html(STYLE)
# what no page has caught is a sentence, too
with turns.turn(), guards.showing_errors():
    state.start()
    link.start()
    view = st.navigation(navigation())
    with st.sidebar:
        model = pickers.show_model()
        source = pickers.show_stars()
        pickers.show_star(model, source)
        st.html(MENDING, unsafe_allow_javascript=True)
        link.show(view.url_path)
    state.mirror()
    view.run()
