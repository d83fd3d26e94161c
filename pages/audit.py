"""Audit: the leakage and counterfactual report of the chosen model, drawn, with a verdict in words."""

import streamlit as st

from gandalf_core.auditing.verdict import FOLLOWS, FOLLOWS_IN_PART
from gandalf_core.figures import audits
from pages.ui import guards, pickers, show
from pages.ui.parts import audit as auditing

VIEWS = ["Leakage", "Probes and references", "Sliders", "Numbers"]

show.page_title(
    "Audit",
    "Fresh probes, trained on stars the encoder never saw, try to read every parameter back. "
    "What they find beyond the floor is leakage, whatever a map suggests.",
)
model = guards.need_model()
report, told = auditing.show_source(model)
if report is None:
    drawn = audits.r2_table(
        show.card_probes((model.name,)), "What the model's own regressor reads from its latent"
    )
    show.figure(
        drawn,
        "From the model's card. The audit adds four fresh probes, the floor, intervals and the sliders' truth.",
        "card",
    )
    guards.stop(told)
st.caption(told)
auditing.show_verdict(report)
view = pickers.choose("View", VIEWS, "audit_view", label_visibility="collapsed")
if view == "Leakage":
    told = "At the grey line a probe knows no more than the kept labels tell; left of the green dashes we call a parameter removed."
    show.figure(audits.excess(report), told, "excess")
elif view == "Probes and references":
    told = "The first row is the model's latent; the others bound it from above (spectrum, plain) and below (shuffled, kept labels)."
    show.figure(audits.references(report), told, "references")
elif view == "Sliders":
    left, right = st.columns(2)
    with left:
        told = (
            "How far the change a slider makes is from the change of the true spectrum. Green, up to "
            f"{FOLLOWS}: it follows; yellow, up to {FOLLOWS_IN_PART}: in part; orange: hardly. At 1 it might "
            "as well do nothing."
        )
        show.figure(audits.counterfactual(report), told, "sliders")
    with right:
        told = "A generator must restore what the sliders do not touch: these are read back from its reconstructions."
        show.figure(audits.restoration(report), told, "restoration")
else:
    auditing.show_numbers(report, model.name)
