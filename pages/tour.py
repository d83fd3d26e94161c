"""The tour: the idea in four steps, each a live figure and a question; or from a file to a verdict."""

from itertools import pairwise

import streamlit as st

from gandalf_core.figures import training
from gandalf_core.models.trained import TrainedModel
from pages.ui import guards, pickers, show, state
from pages.ui.cache.models import load_model, model_folders
from pages.ui.parts import captions, one_map, tour_parts
from pages.ui.parts import decode as decoding
from pages.ui.parts.chips import show_probes
from pages.ui.parts.twins import show_beside_simulated

TOURS = ["The idea in four steps", "For astronomers: from a file to a verdict"]
STEPS = ["1 Entangled", "2 The adversary", "3 A fresh probe", "4 Decode"]
PLAIN = "autoencoder"
GENERATOR = "generator"
MAX_COMPARED = 6


def ask(question: str) -> None:
    st.info(f"Try: {question}", icon=":material/quiz:")


def show_entangled(model: TrainedModel) -> None:
    plain = PLAIN if PLAIN in model_folders() else model.name
    st.markdown(
        "An auto-encoder squeezes a spectrum into a few numbers, its latent, and decodes it again. Nobody "
        f"told it about temperature, yet the map of the latent of **{plain}** sorts the stars by every "
        "parameter at once: they are **entangled**."
    )
    one_map.show_one(plain)
    ask("draw a lasso around the coolest stars in the first panel. Where do they lie in the others?")


def show_adversary(model: TrainedModel) -> None:
    removed = " and ".join(map(show.plain, model.removed)) or "nothing"
    st.markdown(
        "While the auto-encoder trains, one **discriminator** per parameter tries to read that parameter "
        f"from the latent, and the encoder is rewarded when it fails. **{model.name}** removes {removed}."
    )
    show.figure(
        training.discriminators(model.history),
        captions.discriminators(model.config.adversary.sees_kept and bool(model.kept), model.history),
        "tour_discriminators",
    )
    one_map.show_one(model.name)
    st.markdown(
        "**A discriminator above guessing may still mean removed, and one that guesses may not.** It may "
        "read what the kept parameters tell about a removed one, which stays with them; "
        "and one that guesses may only have stopped learning, since the encoder evades it at every step."
    )
    ask(
        "choose `paper-physical-removed` in the sidebar. Does its log g discriminator beat guessing? "
        "Is log g gone, then?"
    )


def show_probe(model: TrainedModel) -> None:
    st.markdown(
        "That discriminator was beaten; another one need not be. A **fresh probe**, trained from scratch on "
        "the finished latent, asks the honest question: a parameter is removed only when the probe does no "
        "better than the sample itself allows."
    )
    models = model_folders()
    names = [name for name in dict.fromkeys((PLAIN, model.name, *models)) if name in models][:MAX_COMPARED]
    with guards.showing_errors():
        show_probes([load_model(name) for name in names], "tour_probes")
    ask(
        "find a parameter that a paper recipe 'removed' and the probe still reads. "
        "The Audit page adds the floor and a confidence interval."
    )


def show_decode(model: TrainedModel) -> None:
    if not model.condition_on and GENERATOR in model_folders():
        model = load_model(GENERATOR)
    star = guards.need_star()
    if not model.condition_on:
        guards.stop("No model here has sliders: train one with a λ, and its decoder receives the labels.")
    st.markdown(
        f"Give the decoder of **{model.name}** the star's latent and *another* temperature: where the latent "
        "no longer holds the temperature, the slider decides. Green dashes: the truth."
    )
    tour_parts.show_kiel(model)
    with guards.showing_errors():
        labels, _ = model.labels_of(star)
    decoding.show_decoder("tour", model, star, labels[0], edit=False)
    ask(
        "drag Teff to 6500 K and watch the Paschen lines (860.1, 866.7 nm). What happens outside the sample, "
        "where nobody knows the truth?"
    )
    with guards.showing_errors():
        show_beside_simulated(model, "tour_twin")


def show_next(step: str) -> None:
    """A button to the next step; after the last one, a link to the page that measures."""
    following = dict(pairwise(STEPS)).get(step)
    if following is None:
        label = "Continue with the **Audit**: what is really removed?"
        st.page_link("../audit.py", label=label, icon=":material/fact_check:")
        return
    st.button(
        f"Next: {following[2:]}",
        icon=":material/arrow_forward:",
        on_click=state.put,
        args=("tour_step", following),
    )


show.page_title(
    "Tour",
    "Four steps, three minutes, with live figures. The first step shows the plain auto-encoder, the others "
    "the model in the sidebar (the last one `generator`, where that model has no sliders).",
)
if pickers.choose("Tour", TOURS, "tour_for", label_visibility="collapsed") == TOURS[1]:
    tour_parts.show_from_a_file()
    st.stop()
model = guards.need_model()
step = pickers.choose("Step", STEPS, "tour_step", label_visibility="collapsed")
shows = (show_entangled, show_adversary, show_probe, show_decode)
dict(zip(STEPS, shows, strict=True))[step](model)
show_next(step)
