"""The live decoder on a page: what it starts from, the truth beside it, the effect in numbers, the export."""

import numpy as np
import streamlit as st

from gandalf_core.data.latents import LatentSet
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.figures.effects import change_error, presets
from gandalf_core.models.trained import TrainedModel
from gandalf_core.simulator import is_simulated
from pages.ui import guards, state
from pages.ui.cache.models import decoder_bytes
from pages.ui.cache.outputs import latents_of, population_bands
from pages.ui.cache.stars import true_spectrum
from pages.ui.components import live_decoder
from pages.ui.parts import exports


@st.fragment
def show_decoder(
    key: str,
    model: TrainedModel,
    star: SpectraSet,
    labels: np.ndarray,
    *,
    edit: bool,
    other: LatentSet | None = None,
) -> None:
    """The component, then the truth's verdict and the downloads for what was settled on. labels: (P,) the
    star's own.
    """
    names, latent = model.label_names, latents_of(model, star)
    own = dict(zip(names, map(float, labels), strict=True))
    settings = _settings(model, star, own, edit)
    wanted = np.array([settings["labels"].get(n, own[n]) for n in names])
    known = _truth(star, labels, wanted) if not edit else None
    live_decoder.mount(
        decoder_bytes(model.model_id, model),
        key,
        model.model_id,
        title=model.name,
        star={
            "id": str(star.ids[0]),
            "flux": np.where(star.mask[0], np.nan, star.flux[0]),
            "z": latent.z[0],
            "labels": own,
        },
        sliders=live_decoder.sliders(model.condition_on, model.ranges),
        presets=presets(model.condition_on),
        settings=settings,
        truth=known
        and {"name": "truth (simulator)", "labels": dict(zip(names, wanted.tolist(), strict=True)), **known},
        bands=population_bands(model),
        edit=edit,
        other=None if other is None else {"id": str(other.ids[0]), "z": other.z[0]},
        on_change=lambda: _take(key, model, own),
    )
    z = np.array(settings["z"], np.float32)[None] if settings.get("z") else latent.z
    with guards.told():
        generated, before = model.decode(z, wanted[None])[0], model.decode(latent.z, labels[None])[0]
    if known:
        _verdict(change_error(generated - before, known["after"] - known["before"]))
    elif not edit and is_simulated(star):
        st.caption(
            "No true spectrum exists there: these parameters lie outside the region the simulator covers."
        )
    exports.show_exports(key, model, star, wanted, generated, known)


def _settings(model: TrainedModel, star: SpectraSet, own: dict[str, float], edit: bool) -> dict:
    """What was last settled on for this star, or its own values.

    Labels stay when another model is chosen, so that models can be compared; an edited latent is of the model
    it was edited in, and only the page where it can be seen edited draws it.
    """
    kept = state.get(state.SETTINGS)
    if not kept or kept["star"] != star.ids[0]:
        return {"token": "own", "star": str(star.ids[0]), "labels": own, "z": None}
    labels = own | {name: value for name, value in kept["labels"].items() if name in own}
    return {**kept, "labels": labels, "z": kept["z"] if edit and kept["model"] == model.model_id else None}


def _take(key: str, model: TrainedModel, own: dict[str, float]) -> None:
    """Keep what came from the browser: the labels that were moved, and the latent where the page edits one."""
    value = st.session_state[key].get("settings")
    if value:
        kept = state.get(state.SETTINGS)
        same = kept and (kept["star"], kept["model"]) == (value["star"], model.model_id)
        z = value["z"] if value["z"] is not None else kept["z"] if same else None
        moved = {name: number for name, number in value["labels"].items() if number != own.get(name)}
        state.put(state.SETTINGS, {**value, "model": model.model_id, "labels": moved, "z": z})


def _truth(star: SpectraSet, labels: np.ndarray, wanted: np.ndarray) -> dict[str, np.ndarray] | None:
    """The noise-free spectra of a simulated star before and after; None when there is no truth."""
    if not is_simulated(star):
        return None
    before, after = (
        true_spectrum(str(star.ids[0]), tuple(values.tolist()), str(len(star.wavelength_nm)), star)
        for values in (labels, wanted)
    )
    return (
        {"before": before, "after": after} if np.isfinite(after).any() and np.isfinite(before).any() else None
    )


def _verdict(error: float) -> None:
    if np.isfinite(error):
        st.caption(
            f"Relative error of the change against the simulator's truth: **{error:.2f}** "
            "(0: the sliders tell the truth; 1: they might as well do nothing)."
        )
    else:
        st.caption(
            "Drag a slider: orange is the model's spectrum, green dashes the truth for the same star under the same parameters."
        )
