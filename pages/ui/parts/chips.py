"""What was measured of each label of a model, as a chip: removed, still readable, cannot tell, or nothing."""

from collections.abc import Iterable

import streamlit as st

from gandalf_core.auditing.standing import Standing, standings
from gandalf_core.figures import audits
from gandalf_core.models.cards import signs
from gandalf_core.models.trained import TrainedModel
from pages.ui import show
from pages.ui.cache.audits import probe_r2, report_of

LOOKS = {  # grade of a standing -> colour and icon of its chip
    "good": ("green", "check_circle"),
    "bad": ("red", "visibility"),
    "partly": ("orange", "contrast"),
    "unsure": ("orange", "help"),
    "neutral": ("gray", "radio_button_unchecked"),
}
MEASURE, PARTIAL, UNMEASURED = "R²", "partial R² ", "not measured"
NUMBERS = (
    "As the audit found it. Beside a label that was to be removed: its partial R², what a fresh probe reads "
    "of what the kept labels leave open, or up to how much may be there. Beside the others: R²."
)
OWN = "its own regressor, not audited"


def show_chips(model: TrainedModel, place: str = "") -> None:
    """One chip per label, as the newest audit of the model has it.

    place: a name under which main.py knows them, unlike all others on the page.
    """
    report, _ = report_of(model)
    found = standings(signs(model.card), report)
    with st.container(key=f"chips {place}" if place else None):
        st.markdown("  \n".join(chip(name, standing) for name, standing in found.items()), help=NUMBERS)
    if report is None:
        st.caption("Not audited: the page **Audit** measures what is really removed.")


def chip(name: str, standing: Standing) -> str:
    """A label and how it stands, as Streamlit's markdown has it."""
    colour, icon = LOOKS[standing.grade]
    words, _, number = standing.text.rpartition(", ")
    if not (MEASURE in number or UNMEASURED in number):
        words, number = standing.text, ""
    badge = f":{colour}-badge[:material/{icon}: {show.plain(name)}: {show.escaped(words)}]"
    return f"{badge} :small[{show.escaped(number.removeprefix(PARTIAL))}]" if number else badge


def show_probes(models: Iterable[TrainedModel], key: str) -> None:
    """What a fresh probe reads from the latents of some models."""
    rows = {}
    for model in models:
        read, audited = probe_r2(model)
        rows[model.name if audited else f"{model.name} ({OWN})"] = read
    own = (
        f" Rows with “{OWN}” are of the regressor in the model's folder."
        if any(OWN in r for r in rows)
        else ""
    )
    show.figure(
        audits.r2_table(rows, "What a fresh probe reads from each latent"),
        "R² of the best network or trees that an audit trained afterwards on each latent. 1: it reads the "
        f"parameter perfectly. 0: not at all.{own}",
        key,
    )
