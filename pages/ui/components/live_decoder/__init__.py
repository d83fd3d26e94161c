"""The live decoder: a components-v2 component that runs a model's decoder in the browser.

Two mounts: `weights` brings the network once per model (the browser keeps it), `mount` draws and edits. What
the user settles on comes back as `{"token", "star", "labels", "z"}`; what Python wants to set goes in as the
same thing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from gandalf_core.figures import style
from gandalf_core.parameters import LINES, parameter
from pages.ui.components.packing import pack, text_of

HERE = Path(__file__).parent
PARTS = (
    HERE.parent / "canvas.js",
    *(HERE / f"{name}.js" for name in ("decoder", "painting", "hands", "saving", "component")),
)
SCRIPT = "\n".join(part.read_text() for part in PARTS)
_component = st.components.v2.component(
    "gandalf_live_decoder",
    html=(HERE / "component.html").read_text(),
    css=(HERE / "component.css").read_text(),
    js=SCRIPT,
)
_weights = st.components.v2.component("gandalf_weights", html="<span hidden></span>", js=SCRIPT)


def packed(spec: dict[str, Any], key: str) -> bytes:
    """A decoder's `decoder_spec(model)` as bytes for the browser."""
    arrays = {
        name: spec[name] for name in ("label_mean", "label_std", "flux_offset", "flux_scale", "wavelength_nm")
    }
    for part in ("rest", "mean"):
        for k, layer in enumerate(spec[part]):
            arrays |= {f"{part}{k}.weight": layer["weight"], f"{part}{k}.bias": layer["bias"]}
    plain = {name: spec[name] for name in ("activation", "output_activation", "latent_size", "labels")}
    return pack(
        {"key": key, **plain, "rest": [0] * len(spec["rest"]), "mean": [0] * len(spec["mean"])}, arrays
    )


def sliders(names: tuple[str, ...], ranges: dict[str, tuple[float, float]]) -> list[dict[str, Any]]:
    """One slider per label the decoder receives, with the training sample's range."""
    made = []
    for name in names:
        p, (low, high) = parameter(name), ranges[name]
        step = p.step or float(f"{(high - low) / 10:.1g}")
        made.append(
            {
                "name": name,
                "symbol": p.symbol,
                "plain": style.words(name),
                "unit": p.unit,
                "low": low,
                "high": high,
                "decimals": p.decimals,
                "step": step,
            }
        )
    return made


def mount(
    weights: bytes,
    key: str,
    model_id: str,
    *,
    title: str,
    star: dict[str, Any],
    sliders: list[dict],
    presets: list[dict],
    settings: dict | None,
    truth: dict | None = None,
    bands: np.ndarray | None = None,
    other: dict | None = None,
    edit: bool = False,
    on_change: Callable[[], None],
) -> dict[str, Any] | None:
    """Draw the component; returns the settings the user last settled on.

    star: {id, flux (L,) NaN = masked, z (Z,), labels {name: value}}.  truth: {name, labels, before (L,),
    after (L,)}.
    other: {id, z (Z,)}, a star to take latent numbers from.  bands: (5, Z) percentiles of the population.
    """
    _weights(key=f"{key} weights", data=weights, height="content")
    data = {
        "weights": model_id,
        "title": title,
        "sliders": sliders,
        "presets": presets,
        "edit": edit,
        "settings": settings,
        "star": {**star, "flux": text_of(star["flux"]), "z": text_of(star["z"])},
        "truth": truth and {**truth, "before": text_of(truth["before"]), "after": text_of(truth["after"])},
        "bands": None if bands is None else [text_of(row) for row in bands],
        "other": other and {**other, "z": text_of(other["z"])},
        "lines": [
            [line.species, line.wavelength_nm] for line in sorted(LINES, key=lambda line: line.wavelength_nm)
        ],
    }
    return _component(key=key, data=data, height="content", on_settings_change=on_change).settings
