"""The live decoder: a components-v2 component that runs a model's decoder in the browser.

A silent component brings the weights once per model (the browser keeps them), the visible one draws and
edits. When the user lets go of a slider, `{"token", "star", "labels", "z"}` comes back from the browser;
settings from Python go in in the same form.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gandalf_core.parameters import LINES, parameter
from pages.ui.components.packing import base64_floats, pack
from pages.ui.components.registration import register

_component, _weights = register(
    Path(__file__).parent,
    ("start", "decoder", "painting", "controls", "gestures", "saving", "component"),
    "gandalf_weights",
)


@dataclass(frozen=True)
class Star:
    """A star: flux (L,) with NaN where it is masked, latent z (Z,), labels in physical units.

    identity: of its whole content; two files may call different spectra by one id.
    """

    id: str
    identity: str
    flux: np.ndarray
    z: np.ndarray
    labels: dict[str, float]


@dataclass(frozen=True)
class Truth:
    """The star's noise-free spectra (L,) under its own labels (before) and under `labels` (after)."""

    name: str
    labels: dict[str, float]
    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True)
class OtherStar:
    """A star to copy latent dimensions from: z (Z,)."""

    id: str
    z: np.ndarray


@dataclass(frozen=True)
class View:
    """What the component shows of a model.

    weights: identifies the model, whose decoder came to the browser under this key.
    settings: `{"token", "star", "labels", "z"}`. sliders: see `sliders`. presets: `{"name", "labels"}` each.
    bands: (5, Z) percentiles of the population's latents. edit: whether the latent can be edited.
    """

    weights: str
    title: str
    star: Star
    settings: dict[str, Any]
    sliders: list[dict[str, Any]]
    presets: list[dict[str, Any]]
    bands: np.ndarray
    truth: Truth | None = None
    other: OtherStar | None = None
    edit: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same as the browser reads it."""
        star, truth, other = self.star, self.truth, self.other
        return {
            "weights": self.weights,
            "title": self.title,
            "sliders": self.sliders,
            "presets": self.presets,
            "edit": self.edit,
            "settings": self.settings,
            "star": vars(star) | {"flux": base64_floats(star.flux), "z": base64_floats(star.z)},
            "truth": truth
            and vars(truth) | {"before": base64_floats(truth.before), "after": base64_floats(truth.after)},
            "bands": [base64_floats(row) for row in self.bands],
            "other": other and vars(other) | {"z": base64_floats(other.z)},
            "lines": sorted(([line.species, line.wavelength_nm] for line in LINES), key=lambda line: line[1]),
        }


def mount(weights: bytes, key: str, view: View, on_change: Callable[[], None]) -> None:
    """Draw the component. weights: see `packed`; on_change runs when settings come back."""
    _weights(key=f"{key} weights", data=weights, height="content")
    _component(key=key, data=view.as_json(), height="content", on_settings_change=on_change)


def packed(spec: dict[str, Any], key: str) -> bytes:
    """A decoder's `decoder_spec(model)` as bytes for the browser."""
    arrays = {
        name: spec[name] for name in ("label_mean", "label_std", "flux_offset", "flux_scale", "wavelength_nm")
    }
    for part in ("rest", "mean"):
        for k, layer in enumerate(spec[part]):
            arrays |= {f"{part}{k}.weight": layer["weight"], f"{part}{k}.bias": layer["bias"]}
    for part in ("start", "correction", "responses", "shift"):
        arrays |= {f"{part}.{name}": array for name, array in spec[part].items()}
    if spec["correction"] or spec["responses"]:
        arrays |= {"axes": spec["axes"]}
    header = {name: spec[name] for name in ("activation", "output_activation", "latent_size", "labels")}
    layers = {part: [0] * len(spec[part]) for part in ("rest", "mean")}
    return pack({"key": key, **header, **layers}, arrays)


def sliders(names: tuple[str, ...], ranges: dict[str, tuple[float, float]]) -> list[dict[str, Any]]:
    """One slider per label that the decoder receives, with the range of the training sample."""
    return [_slider(name, *ranges[name]) for name in names]


def _slider(name: str, low: float, high: float) -> dict[str, Any]:
    label = parameter(name)
    return {
        "name": name,
        "symbol": label.symbol,
        "plain": label.in_text,
        "unit": label.unit,
        "low": low,
        "high": high,
        "decimals": label.decimals,
        "step": label.step or float(f"{(high - low) / 10:.1g}"),
    }
