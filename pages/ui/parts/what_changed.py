"""An adapted model beside its original: latents, leakage, parameters, sliders, Ca II lines."""

import streamlit as st

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.explaining.adaptation import MOST, Adaptation, adaptation
from gandalf_core.figures import own_stars as figures
from gandalf_core.models.trained import TrainedModel
from gandalf_core.own.origin import original_among, was_adapted
from pages.ui import guards, pickers, show, state
from pages.ui.cache.models import load_model, model_folders
from pages.ui.cache.stars import is_mine, load_stars
from pages.ui.cache.uploads import uploads_on_grid
from pages.ui.parts.chips import show_chips

VIEW = "models_view"  # session key of the page Models' view
CARDS, CHANGED = "Cards", "What changed"
PARTS = ["Latents", "Leakage", "Parameters", "Sliders", "Ca II and the mean spectrum"]


def open_view() -> None:
    """Let the page Models show what changed."""
    st.session_state[VIEW] = CHANGED


def show_view(model: TrainedModel) -> bool:
    """Choose between the cards and what changed, for an adapted model; whether it is the latter."""
    if not was_adapted(model.card):
        return False
    return pickers.choose("View", [CARDS, CHANGED], VIEW, label_visibility="collapsed") == CHANGED


def show_changes(model: TrainedModel) -> None:
    """An adapted model beside its original, on uploaded stars or those of the sidebar."""
    folders = model_folders()
    name = original_among(model.card, folders)
    if name is None:
        before = model.card["adapted"].get("from", {})
        told = show.escaped(
            str(before.get("model_id") or before.get("name") or "a model that was not stored")
        )
        guards.stop(f"Its original, {told}, is not among the models of this server: add it above.")
    with guards.showing_errors():
        original = load_model(name)
        stars, whose = _stars(model)
        found = _adaptation(original.identity, model.identity, stars.identity, original, model, stars)
    st.markdown(
        f"**{show.escaped(model.name)}** beside **{show.escaped(name)}**, on {len(found.ids):,} {whose}"
        f"{'' if len(stars) <= MOST else f' (the first of {len(stars):,})'}."
    )
    seen = int((~model.held_out(stars)).sum())
    if seen:
        st.caption(f"{seen:,} of these stars took part in making the adapted model: it does better on them.")
    part = pickers.choose("Show", PARTS, "changes_part", label_visibility="collapsed")
    shown = {
        PARTS[0]: _show_latents,
        PARTS[2]: _show_parameters,
        PARTS[3]: _show_sliders,
        PARTS[4]: _show_lines,
    }
    if part == PARTS[1]:
        _show_leakage(found, original, model)
    else:
        shown[part](found)


def _stars(model: TrainedModel) -> tuple[SpectraSet, str]:
    """Uploaded stars, where there are any and the sidebar has no others chosen; else those of the sidebar."""
    source = st.session_state[state.STARS]
    mine = uploads_on_grid(model)
    if mine is not None and not source.startswith("simulated:"):
        return mine, "stars of yours"
    return load_stars(source, model), "stars of yours" if is_mine(source) else "of the stars in the sidebar"


@st.cache_resource(max_entries=4, show_spinner="Comparing both models …")
def _adaptation(
    before: str, after: str, stars: str, _original: TrainedModel, _model: TrainedModel, _stars: SpectraSet
) -> Adaptation:
    return adaptation(_original, _model, _stars)


def _show_latents(found: Adaptation) -> None:
    names = list(found.label_names)
    name = st.selectbox("Colour", names, format_func=show.plain, key="changes_colour", width=220)
    show.figure(
        figures.latent_places(found.ids, found.places, found.values[1][:, names.index(name)], name),
        f"The adapted latent is turned (and mirrored) onto the original as closely as can be; "
        f"{found.turned_away:.0%} of the original's variance is then still elsewhere. Grey lines join the "
        "two places of a star. Colour: what the adapted model reads.",
        "changes_latents",
    )


def _show_leakage(found: Adaptation, original: TrainedModel, model: TrainedModel) -> None:
    left, right = st.columns(2)
    for column, one in ((left, original), (right, model)):
        with column:
            st.markdown(f"**{show.escaped(one.name)}**")
            show_chips(one)
    if not model.removed:
        st.caption("Nothing was removed from this latent.")
        return
    rows = [
        {
            "removed": show.header(name),
            "a linear fit reads, original": f"{before:.3f}",
            "adapted": f"{after:.3f}",
        }
        for name, (before, after) in found.told.items()
    ]
    if rows:
        st.dataframe(rows, hide_index=True)
        st.caption(
            "Partial R² beyond the other parameters, on these stars with their own labels. It is a lower "
            "bound: the page **Audit** has fresh probes of every kind, limits, and a verdict."
        )
    else:
        st.caption("Too few of these stars have every label to say what leaks: the page **Audit** says more.")


def _show_parameters(found: Adaptation) -> None:
    rows = [
        {
            f"model − label, from the {found.read_from}": show.header(row["label"]),
            "stars": f"{row['stars']:,}",
            "bias": f"{row['bias_before']:+.3g} → {row['bias_after']:+.3g}",
            "scatter": f"{row['scatter_before']:.3g} → {row['scatter_after']:.3g}",
            "rms": f"{row['rmse_before']:.3g} → {row['rmse_after']:.3g}",
        }
        for row in found.parameters()
    ]
    if not rows:
        st.info("These stars have no labels of their own to compare with.")
        return
    st.dataframe(rows, hide_index=True)
    st.caption("Original → adapted. Bias is the median of model − label, scatter its robust width.")


def _show_sliders(found: Adaptation) -> None:
    sliders = {n: (s.step, s.before, s.after) for n, s in found.sliders.items()}
    told = ", ".join(f"{show.plain(n)} {s.distance:.0%}" for n, s in found.sliders.items())
    sentence = "Mean over the stars. " + (f"Changed by, of what it did: {told}." if told else "")
    show.figure(figures.slider_changes(found.wavelength_nm, sliders), sentence, "changes_sliders")


def _show_lines(found: Adaptation) -> None:
    told = "; ".join(f"{where}: {b:.4f} before, {a:.4f} after" for where, (b, a) in found.rms.items())
    show.figure(
        figures.before_and_after(
            found.wavelength_nm, found.residual, "What the models do not draw", "Observed − reconstructed"
        ),
        f"Mean over the stars, each under the parameters that it has. Rms of single pixels, {told}.",
        "changes_residual",
    )
    if found.correction is None:
        st.caption(
            "The mean spectrum was not corrected: this decoder has none, or too few stars have labels."
        )
        return
    show.figure(
        figures.added_flux(found.wavelength_nm, found.correction, "What was added to the mean spectrum"),
        "Mean over the stars: below 0 lines were too weak before, above 0 too strong. The page **Decode** "
        "has it for one star.",
        "changes_mean",
    )
