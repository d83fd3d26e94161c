"""The tour: the idea in four steps, each a live figure with the loaded model and a question to try."""

from itertools import pairwise

import streamlit as st

from gandalf_core.figures import audits, training
from pages.ui import guards, pickers, show, state
from pages.ui.cache.models import load_model, model_folders
from pages.ui.parts import decode as decoding
from pages.ui.parts import maps as mapping

STEPS = ["1 Entangled", "2 The adversary", "3 A fresh probe", "4 Decode"]


def ask(question: str) -> None:
    st.info(f"Try: {question}", icon=":material/quiz:")


def show_next(step: str) -> None:
    """On to the next step; after the last one, to the page that measures."""
    after = dict(pairwise(STEPS)).get(step)
    if after:
        st.button(
            f"Next: {after[2:]}",
            icon=":material/arrow_forward:",
            on_click=state.put,
            args=("tour_step", after),
        )
    else:
        st.page_link(
            "../audit.py", label="On to the **Audit**: what is really removed?", icon=":material/fact_check:"
        )


show.page_title(
    "Tour",
    "Four steps, three minutes, on live figures. The first shows the plain auto-encoder, the others the model of the side bar "
    "(the last one `generator`, where that model has no sliders).",
)
model = guards.need_model()
models = model_folders()
step = pickers.choose("Step", STEPS, "tour_step", label_visibility="collapsed")

if step == STEPS[0]:
    plain = "autoencoder" if "autoencoder" in models else model.name
    st.markdown(
        "An auto-encoder squeezes a spectrum into a few numbers and decodes it again. Nobody told it about temperature, yet "
        f"the map of the latent of **{plain}** sorts the stars by every parameter at once: they are **entangled**."
    )
    mapping.show_one(plain)
    ask("lasso the coolest stars in the first panel. Where do they sit in the others?")
elif step == STEPS[1]:
    removed = ", ".join(show.plain(n) for n in model.removed) or "nothing"
    st.markdown(
        "While the auto-encoder trains, one **discriminator** per parameter tries to read that parameter from the latent, and "
        f"the encoder is rewarded when it fails. **{model.name}** removes {removed}."
    )
    told = training.what_they_read(model.config.adversary.sees_kept and bool(model.kept), model.history)
    show.figure(training.discriminators(model.history), told, "tour_discriminators")
    mapping.show_one(model.name)
    ask(
        "choose `paper-physical-removed` in the side bar. Does its log g discriminator beat guessing? Is log g gone, then?"
    )
elif step == STEPS[2]:
    st.markdown(
        "That discriminator was beaten; another one need not be. A **fresh probe**, trained from nothing on the finished latent, "
        "is the honest question: a parameter is removed only when the probe does no better than the sample itself allows."
    )
    shown = [name for name in dict.fromkeys(("autoencoder", model.name, *models)) if name in models][:6]
    drawn = audits.r2_table(show.card_probes(shown), "What a fresh probe reads from each latent")
    show.figure(
        drawn,
        "R² of a network trained afterwards on each latent: 1 reads the parameter perfectly, 0 not at all.",
        "tour_probes",
    )
    ask(
        "find a parameter that a paper recipe 'removed' and the probe still reads. The Audit page adds the floor and an interval."
    )
else:
    shown = model if model.condition_on or "generator" not in models else load_model("generator")
    star = guards.need_star()
    if not shown.condition_on:
        guards.stop("No model here has sliders; train one with λ, and its decoder receives the labels.")
    st.markdown(
        f"Give the decoder of **{shown.name}** the star's latent and *another* temperature: where the latent no longer holds it, "
        "the slider decides. Green dashes: the truth."
    )
    with guards.told():
        labels, _ = shown.labels_of(star)
    decoding.show_decoder("tour", shown, star, labels[0], edit=False)
    ask(
        "drag Teff to 6500 K and watch the Paschen lines (860.1, 866.7 nm). What happens beyond the sample, where nobody knows?"
    )
show_next(step)
