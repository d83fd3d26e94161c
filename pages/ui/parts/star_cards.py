"""The uploaded stars on the Data page: a card for each file with what its spectra say, and where to go next.

Its numbers and words are those of `predict --from spectrum`.
"""

from collections import Counter
from collections.abc import Callable

import numpy as np
import streamlit as st

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import GandalfError
from gandalf_core.io.normalised import POORLY_NORMALISED
from gandalf_core.models.predictions import AT_LEAST, Predictions
from gandalf_core.models.reasons import chi2_text
from gandalf_core.models.trained import TrainedModel
from pages.ui import guards, jobs, show, state
from pages.ui.cache.outputs import FEW, predictions_of
from pages.ui.cache.uploads import ALL, UPLOADED, upload_name, upload_on_grid
from pages.ui.parts import tables

FULL = 3  # cards that are open; the others are behind a click
SHOWN = 12  # files in cards at all
COMPARED_AT_ONCE = 5  # stars of one file
COMPARED = "compared"  # session key: the stars whose spectra are overlaid
BUTTONS = (  # label, icon, page
    ("Reconstruct", "stacked_line_chart", "home"),
    ("Decode", "auto_graph", "decode"),
    ("Map", "scatter_plot", "maps"),
)


def show_cards(model: TrainedModel | None, show_file: Callable[[str], object]) -> None:
    """A card for each uploaded file, newest first. show_file: shows what is said of the file of an upload."""
    keys = state.get(state.UPLOADS)
    if not keys:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Your stars", width="stretch")
        if len(keys) > 1:
            st.button("Remove all", icon=":material/delete_sweep:", on_click=remove, args=(keys,))
    for key in keys[:FULL]:
        show_card(model, key, show_file)
    if others := keys[FULL:SHOWN]:
        with st.expander(f"{len(keys) - FULL} more files"):
            for key in others:
                show_card(model, key, show_file)
            if len(keys) > SHOWN:
                st.caption("The others are in the sidebar's list of stars, and in **Table**.")


def show_card(model: TrainedModel | None, key: str, show_file: Callable[[str], object]) -> None:
    """One file: its name, what was found in it, what its stars are, and buttons."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{show.escaped(upload_name(key))}**", width="stretch")
            st.button(
                "Remove", icon=":material/delete:", key=f"remove {key}", on_click=remove, args=((key,),)
            )
        show_file(key)
        try:
            stars = None if model is None else upload_on_grid(UPLOADED + key, model)
        except GandalfError as error:
            st.warning(guards.error_text(error))
            return
        if stars is None or model is None or model.regressor_spectrum is None:
            st.caption("What a spectrum says needs a model that reads parameters from spectra.")
        elif len(stars) == 1:
            show_star(key, stars, predictions_of(model, stars, "spectrum"))
        else:
            show_several(model, key, stars)


# --- one star ---


def show_star(key: str, star: SpectraSet, read: Predictions) -> None:
    """Parameters with errors, S/N, velocity, χ² and the verdict with its reason; then buttons."""
    st.markdown(_table(star, read))
    st.markdown(f"{tables.badge(read)} {show.escaped(tables.sentence(str(read.reason[0])))}")
    if star.positions is not None:  # below the table, which is wide enough
        ra, dec = star.positions[0]
        st.caption(f"Right ascension {ra:.5f}°, declination {dec:+.5f}°.")
    name = str(star.ids[0])
    if done := state.prepared(name):
        st.caption(f"These numbers are of the spectrum {done}, on every page.")
    if str(read.reason[0]).startswith(POORLY_NORMALISED) and name not in state.divided():
        st.button(
            "Divide by its fitted continuum",
            icon=":material/trending_flat:",
            key=f"divide card {key}",
            on_click=state.divide,
            args=(name, True),
            help="On every page. **One star** below shows what it does, and takes it back.",
        )
    with st.container(horizontal=True):
        for label, icon, page in BUTTONS:
            if st.button(
                label,
                icon=f":material/{icon}:",
                key=f"{label} {key}",
                on_click=state.look_at,
                args=(name,),
            ):
                show.open_page(page)
        st.button(
            "Compare",
            icon=":material/compare:",
            key=f"compare {key}",
            on_click=compare,
            args=([name],),
            help="Adds its spectrum to those under **Spectra**, with the difference.",
        )


def _table(star: SpectraSet, read: Predictions) -> str:
    """One row of numbers with their symbols above."""
    limit = AT_LEAST if read.outside[0] else ""
    cells = {
        f"{show.markdown_symbol(n)} {tables.unit(n)}": tables.cell(
            n, read.values[0, p], read.errors[0, p], limit
        )
        for p, n in enumerate(read.label_names)
    }
    cells |= {
        "S/N per pixel": f"{star.snr[0]:.0f}" if np.isfinite(star.snr[0]) else "unknown",
        "velocity [km/s]": _velocity(read),
        "χ² of the reconstruction": chi2_text(float(read.chi2[0])),
    }
    return "\n".join(
        [f"| {' | '.join(cells)} |", "|---" * len(cells) + "|", f"| {' | '.join(cells.values())} |"]
    )


def _velocity(read: Predictions) -> str:
    value, error = float(read.velocity_kms[0]), float(read.velocity_kms_error[0])
    if not np.isfinite(value):
        return "unknown"
    text = f"{value:.1f} ± {error:.1f}" if np.isfinite(error) else f"{value:.1f}"
    return text.replace(" ", "\N{NO-BREAK SPACE}")


# --- several stars ---


def show_several(model: TrainedModel, key: str, stars: SpectraSet) -> None:
    """How many stars of which kind, a table of all, and buttons."""
    judged = len(stars) <= FEW or bool(st.session_state.get(f"judge {key}"))
    read = predictions_of(model, stars, "spectrum", verdicts=judged)
    if judged:
        counts = Counter(map(str, read.verdict)).most_common()
        st.markdown(", ".join(f"**{number:,}** {word or 'without a verdict'}" for word, number in counts))
    frame = tables.frame_of(read)
    frame.insert(1 + 2 * len(read.label_names), "snr", stars.snr)
    frame = tables.completed(frame)
    tables.choose_from(frame.dropna(axis="columns", how="all"), read.label_names, f"card {key}", height=240)
    with st.container(horizontal=True):
        if not judged:
            st.button(
                f"Judge all {len(stars):,} stars",
                icon=":material/fact_check:",
                key=f"ask {key}",
                on_click=state.put,
                args=(f"judge {key}", True),
                help="A few milliseconds a star: what kind of star each looks like, and why.",
            )
        if st.button(
            "Map",
            icon=":material/scatter_plot:",
            key=f"map {key}",
            on_click=state.put,
            args=(state.STARS, UPLOADED + key),
        ):
            show.open_page("maps")
        st.button(
            "Compare",
            icon=":material/compare:",
            key=f"compare {key}",
            on_click=compare,
            args=(stars.ids[:COMPARED_AT_ONCE].tolist(),),
            help="Overlays the first spectra of the file under **Spectra**.",
        )
        show.download(frame, "predictions", f"card csv {key}")


# --- what buttons do ---


def compare(ids: list[str]) -> None:
    """Overlay the spectra of these stars with those that are overlaid already."""
    state.put(COMPARED, list(dict.fromkeys([*st.session_state.get(COMPARED, []), *ids])))
    state.put("data_view", "Spectra")


def compare_at_two(star: str) -> None:
    """Note a star for the comparison, which is shown as soon as there are two."""
    others = [other for other in st.session_state.get(COMPARED, []) if other != star]
    if others:
        compare([star])
    else:
        state.put(COMPARED, [star])


def remove(keys: tuple[str, ...]) -> None:
    """Remove uploads from the session, the link and the server; other visitors keep their own copies."""
    for key in keys:
        if jobs.may_remove("upload", key):  # else it came by a link, and is only forgotten
            jobs.remove("upload", key)
    state.forget_uploads(keys)
    gone = {UPLOADED + key for key in keys} | ({ALL} if len(state.get(state.UPLOADS)) < 2 else set())
    if st.session_state.get(state.STARS) in gone:
        st.session_state.pop(state.STARS, None)
    st.session_state.pop(COMPARED, None)
