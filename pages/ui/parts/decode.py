"""The live decoder on a page: sliders, the truth, the error of the change and the downloads."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import streamlit as st

from gandalf_core.auditing.counterfactual import change_error
from gandalf_core.data.identity import identity
from gandalf_core.data.latents import LatentSet
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.trained import TrainedModel
from gandalf_core.publishing import decoder_view
from gandalf_core.publishing.presets import presets
from gandalf_core.simulator import is_simulated
from pages.ui import guards, link, state
from pages.ui.cache.models import decoder_parts
from pages.ui.cache.outputs import latents_of, population_bands
from pages.ui.cache.stars import true_spectrum
from pages.ui.components import live_decoder
from pages.ui.components.delivery import Part
from pages.ui.parts import exports


@dataclass(frozen=True)
class Scene:
    """A star in a model. labels: (P,) its own.  edit: whether the page edits the latent."""

    model: TrainedModel
    star: SpectraSet
    labels: np.ndarray
    edit: bool

    @property
    def star_id(self) -> str:
        return str(self.star.ids[0])

    @property
    def own(self) -> dict[str, float]:
        return self.named(self.labels)

    def named(self, labels: np.ndarray) -> dict[str, float]:
        return dict(zip(self.model.label_names, map(float, labels), strict=True))

    @property
    def latent_of(self) -> str:
        """Identifies the model and the spectrum that a latent belongs to."""
        return identity(self.model.identity, self.star)

    @cached_property
    def latent(self) -> LatentSet:
        return latents_of(self.model, self.star)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The latest settings for this star, or its own values.

        Labels stay when another model is chosen, so that models can be compared. An edited latent belongs to
        the model and the spectrum it was edited in, and is drawn only on the page that edits it.
        """
        latest = state.get(state.SETTINGS)
        if not latest or latest["star"] != self.star_id:
            return {"token": "own", "star": self.star_id, "labels": self.own, "z": None}
        labels = self.own | {name: value for name, value in latest["labels"].items() if name in self.own}
        z = latest["z"] if self.edit and latest["latent_of"] == self.latent_of else None
        return {**latest, "labels": labels, "z": z}

    @property
    def new_labels(self) -> np.ndarray:
        """(P,) the labels of the settings."""
        return np.array([self.settings["labels"][name] for name in self.model.label_names])

    @property
    def changes(self) -> dict[str, float]:
        """The labels that the decoder receives and that are not the star's own."""
        received, new = self.model.condition_on, self.settings["labels"]
        return {name: new[name] for name in received if new[name] != self.own[name]}

    @property
    def new_z(self) -> np.ndarray:
        """(1, Z) the latent of the settings."""
        z = self.settings["z"]
        return np.array(z, np.float32)[None] if z else self.latent.z


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
    """The component, and under it the error and the downloads of the latest settings.

    labels: (P,) the star's own.  edit: edit the latent (there is no truth for that).  other: the latent of a
    star to copy dimensions from.
    """
    scene = Scene(model, star, labels, edit)
    truth = None if edit else _truth(scene)
    parts = decoder_parts(model.identity, model)
    live_decoder.mount(parts, key, _view(scene, truth, other, parts), lambda: _take(key, scene))
    with guards.showing_errors():
        flux = model.decode(scene.new_z, scene.new_labels[None])[0]
        before = model.decode(scene.latent.z, labels[None])[0]
    if truth:
        _show_error(change_error(flux - before, truth.after - truth.before))
    elif not edit and is_simulated(star):
        st.caption("No true spectrum exists for these parameters: they lie outside the simulator's region.")
    latent = scene.new_z[0]
    z = latent if scene.settings["z"] else None
    decoded = exports.Decoded(model, star, scene.new_labels, flux, before, scene.changes, latent, z, truth)
    exports.show_exports(key, decoded)
    link.write(key)


def _view(
    scene: Scene,
    truth: decoder_view.Truth | None,
    other: LatentSet | None,
    parts: tuple[Part, ...],
) -> decoder_view.View:
    model, star = scene.model, scene.star
    flux = np.where(star.mask[0], np.nan, star.flux[0])
    return decoder_view.View(
        weights=model.identity,
        title=model.name,
        star=decoder_view.Star(scene.star_id, star.identity, flux, scene.latent.z[0], scene.own),
        settings=scene.settings,
        sliders=decoder_view.sliders(model.condition_on, model.ranges),
        presets=presets(model.condition_on),
        bands=population_bands(model),
        truth=truth,
        other=None if other is None else decoder_view.OtherStar(str(other.ids[0]), other.z[0]),
        edit=scene.edit,
        parts=tuple(part.address for part in parts),
        wavelength_nm=star.wavelength_nm,
    )


def _take(key: str, scene: Scene) -> None:
    """Keep the settings that the browser sent: the labels that were moved, and the latent if it is edited."""
    settings = st.session_state[key].get("settings")
    if not settings:
        return
    latest, z = state.get(state.SETTINGS), settings["z"]
    if z is None and latest and latest["latent_of"] == scene.latent_of and latest["star"] == settings["star"]:
        z = latest["z"]
    moved = {name: value for name, value in settings["labels"].items() if value != scene.own.get(name)}
    state.put(state.SETTINGS, {**settings, "latent_of": scene.latent_of, "labels": moved, "z": z})


def _truth(scene: Scene) -> decoder_view.Truth | None:
    """The noise-free spectra of a simulated star under its own and the new labels, where both exist."""
    if not is_simulated(scene.star):
        return None
    before, after = (true_spectrum(scene.star, labels) for labels in (scene.labels, scene.new_labels))
    if not np.isfinite(before).any() or not np.isfinite(after).any():
        return None
    return decoder_view.Truth("truth (simulator)", scene.named(scene.new_labels), before, after)


def _show_error(error: float) -> None:
    if np.isfinite(error):
        st.caption(
            f"Relative error of the change, against the simulator's truth: **{error:.2f}** "
            "(0: the change is right; 1: as wrong as no change at all)."
        )
    else:
        st.caption(
            "Drag a slider. Orange: the model's spectrum. Green dashes: the true spectrum of the same star "
            "with the same parameters."
        )
