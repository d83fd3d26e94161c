"""The views of the Data page: diagrams, histograms, spectra and a table of the chosen stars."""

from typing import Any

import numpy as np
import streamlit as st

from gandalf_core.data.identity import identity
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.figures import panels, population, spectra
from gandalf_core.figures.panels import LinkedPanels
from gandalf_core.models.trained import TrainedModel
from pages.ui import guards, pickers, show, state
from pages.ui.cache.outputs import labels_of, predictions_of
from pages.ui.cache.stars import load_star
from pages.ui.cache.uploads import notes_on, notes_on_mine, uploads_beside, uploads_on_grid
from pages.ui.parts import diagrams, tables, uploads
from pages.ui.parts.star_cards import COMPARED, compare_at_two

MAX_COMPARED = 8  # spectra whose differences can be told apart


def show_diagrams(model: TrainedModel, ids: np.ndarray, labels: np.ndarray) -> None:
    """The Kiel and abundance diagrams; other uploaded stars as marks. ids: (N,), labels: (N, P)."""
    names = model.label_names
    overlay: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    with guards.showing_errors():
        labels, estimated = with_estimates(model, labels)
        stars = uploads_beside(model, ids)
        if stars is not None:
            overlay, notes = _marks(model, stars), notes_on(stars.ids)

    def build() -> LinkedPanels:
        return panels.diagrams(ids, labels, names, **overlay)._replace(notes=own, overlay_notes=notes)

    own = notes_on_mine(ids)
    key = identity("data", ids, labels, names, overlay, notes, own)
    pink = "Pink: your stars, with parameters estimated from their spectra where their files have none."
    about = diagrams.About(
        f"{len(ids):,} stars",
        "Yellow: many stars. Draw a lasso around a sequence: the same stars light up in the other diagram "
        f"and on the Maps page. {_on_estimates(estimated, len(ids))}{pink if overlay else ''}",
    )
    diagrams.show_linked("data diagrams", key, build, names, columns=2, about=about)
    _show_compare()


def _show_compare() -> None:
    """A button that adds the chosen star to those whose spectra are compared."""
    star, noted = str(state.get(state.STAR) or ""), st.session_state.get(COMPARED, [])
    if not star:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Compare the chosen star",
            icon=":material/compare:",
            on_click=compare_at_two,
            args=(star,),
            help="Overlays its spectrum with those of other stars, with their differences: choose "
            "two or more.",
        )
        if noted:
            names = show.escaped(", ".join(noted))
            st.caption(f"To be compared: {names}." + (" Choose another star." if len(noted) == 1 else ""))


def with_estimates(model: TrainedModel, labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Labels (N, P) of the chosen stars, estimates in place of those that their file lacks; for how "
    "many."""
    lacking = ~np.isfinite(labels).all(1)
    if not lacking.any() or model.regressor_spectrum is None:
        return labels, 0
    return labels_of(model, guards.need_stars()), int(lacking.sum())


def _on_estimates(estimated: int, stars: int) -> str:
    """A sentence on diagrams of stars whose file has no parameters; empty where all have them."""
    if not estimated:
        return ""
    which = "All parameters" if estimated == stars else f"Some parameters of {estimated:,} of these stars"
    return f"**{which} are estimates from the spectra**: the file has none. "


def _marks(model: TrainedModel, stars: SpectraSet) -> dict[str, Any]:
    """Uploaded stars as a diagram overlays them: their own parameters, or estimates with errors."""
    labels, errors = labels_of(model, stars), None
    if model.regressor_spectrum is not None:
        own = np.isfinite(stars.labels_for(model.label_names))
        read = predictions_of(model, stars, "spectrum", verdicts=False)
        errors = np.where(own, np.nan, read.errors)
    return {"overlay_ids": stars.ids, "overlay_labels": labels, "overlay_errors": errors}


def show_histograms(model: TrainedModel, ids: np.ndarray, labels: np.ndarray) -> None:
    """The distribution of each label, with the selected stars as an outline."""
    selected = pickers.selected_rows(ids)
    others = {"selected": labels[selected]} if selected.any() else None
    show.figure(
        population.histograms(labels, model.label_names, others=others),
        "How the sample is distributed over each label. Outline: the selected stars.",
        "histograms",
    )


def show_spectra(model: TrainedModel, ids: np.ndarray) -> None:
    """Chosen spectra with their differences; else those of the selected stars, or the sidebar's star."""
    compared = _compared(model)
    if len(compared) > 1:
        with guards.showing_errors():
            stars = [load_star(star, st.session_state[state.STARS], model) for star in compared]
        show.figure(
            spectra.compared(
                stars[0].wavelength_nm,
                np.concatenate([star.flux for star in stars]),
                compared,
                mask=np.concatenate([star.mask for star in stars]),
            ),
            f"Below: what each has more (above zero) or less than {compared[0]}, as a share of the "
            "continuum. Click a name to hide its spectrum.",
            "compared_spectra",
        )
        return
    _show_selected(ids)


def _compared(model: TrainedModel) -> list[str]:
    """Choose stars whose spectra are overlaid."""
    here, _ = guards.need_labels()
    mine = pickers.uploaded_ids()
    noted = st.session_state.get(COMPARED, [])
    chosen = [star for star in noted if star in mine or star in here]
    options = list(dict.fromkeys([*mine, *here[: pickers.MAX_LISTED].tolist(), *chosen]))
    st.session_state[COMPARED] = chosen
    return st.multiselect(
        "Compare the spectra of",
        options,
        key=COMPARED,
        persist_state="session",
        max_selections=MAX_COMPARED,
        placeholder="Two or more stars; yours come first",
    )


def _show_selected(ids: np.ndarray) -> None:
    """The spectra of the selected stars, or of the star in the sidebar; and how the selection differs."""
    selected = pickers.selected_rows(ids)
    style = pickers.choose("Arrangement", ["overlaid", "stacked"], "data_how")
    stars = guards.need_stars() if selected.any() else None
    uploads = uploads_on_grid(guards.need_model())
    sets = [s[pickers.selected_rows(s.ids)] for s in (uploads, stars) if s is not None]
    shown = [s for s in sets if len(s)] or [guards.need_star()]
    flux, mask = (np.concatenate([getattr(s, name) for s in shown]) for name in ("flux", "mask"))
    _, drawn = np.unique(np.concatenate([s.ids for s in shown]), return_index=True)
    drawn = np.sort(drawn)[: spectra.MAX_DRAWN]
    names = np.concatenate([s.ids for s in shown])[drawn].tolist()
    show.figure(
        spectra.spectra(
            shown[0].wavelength_nm, flux[drawn], names, stacked=style == "stacked", mask=mask[drawn]
        ),
        f"The selected stars (at most {spectra.MAX_DRAWN}), or the star in the sidebar. "
        "Dotted: spectral lines. Gaps: masked pixels.",
        "spectra",
    )
    if stars is not None:
        groups = {"selected": stars.flux[selected], "the others": stars.flux[~selected]}
        show.figure(
            spectra.mean_and_spread(stars.wavelength_nm, groups),
            "Median and 16-84 % band of the selected stars and of the others.",
            "spread",
        )


def show_table(model: TrainedModel) -> None:
    """The stars as a table, uploaded ones first."""
    frame = tables.table_of(guards.need_stars(), model.label_names)
    tables.show_table(
        uploads.uploads_first(frame, model),
        model.label_names,
        key=f"table {st.session_state[state.STARS]}",
    )
