"""Audit: what leaks from the chosen model and whether its sliders tell the truth, with a verdict in words."""

import streamlit as st

from gandalf_core.auditing.slider_verdict import FOLLOWS, FOLLOWS_IN_PART
from gandalf_core.figures import audits
from pages.ui import guards, pickers, show
from pages.ui.parts import audit as auditing
from pages.ui.parts.own_latent import show_own_latent

VIEWS = ["Leakage", "Probes and references", "Sliders", "Numbers"]

show.page_title(
    "Audit",
    "Fresh probes, trained on stars that the encoder has never seen, try to read every parameter back. "
    "What they read beyond the floor is leakage, whatever a map suggests.",
)
show_own_latent()
model = guards.need_model()
report, origin = auditing.show_source(model)
if report is None:
    show.figure(
        audits.r2_table(show.card_r2([model.name]), "What the model's own regressor reads from its latent"),
        "From the model's card. The audit adds fresh probes, the floor, a test for leaks with its limits, "
        "and the true effect of the sliders.",
        "card",
    )
    guards.stop(origin)
st.caption(origin)
auditing.show_verdict(report)
view = pickers.choose("View", VIEWS, "audit_view", label_visibility="collapsed")
if view == "Leakage":
    show.figure(
        audits.leaks(report),
        "Dots: what a fresh probe reads of what the kept parameters leave open. The line ends where "
        "more is ruled out at 95 %; from the grey tick on, a leak would have been found. A parameter is "
        "removed when both are left of the green dashes.",
        "leaks",
    )
elif view == "Probes and references":
    show.figure(
        audits.references(report),
        "First row: the model's latent. The other rows are its upper limits (spectrum, plain) "
        "and lower limits (shuffled, kept labels).",
        "references",
    )
elif view == "Sliders":
    left, right = st.columns(2)
    with left:
        show.figure(
            audits.counterfactual(report),
            "The error of the change that a slider makes, relative to the change of the true spectrum. "
            f"Green, up to {FOLLOWS}: it follows the truth. Yellow, up to {FOLLOWS_IN_PART}: in part. "
            "Orange: hardly, or no better than one fixed change for all stars. Purple: these stars cannot "
            "tell. At 1 it is as wrong as no change at all.",
            "sliders",
        )
    with right:
        show.figure(
            audits.restoration(report),
            "A generator must restore what the sliders do not touch. These quantities are read back from its "
            "reconstructions.",
            "restoration",
        )
    auditing.show_sliders(report)
else:
    auditing.show_numbers(report, model.name)
