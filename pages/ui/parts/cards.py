"""Two models compared: what a fresh probe reads from each, and what differs between their cards, in words."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from gandalf_core.figures import audits
from gandalf_core.models.trained import TrainedModel
from gandalf_core.parameters import parameter
from pages.ui.cache.audits import card_of
from pages.ui.parts.chips import show_probes

ABOVE = " · "  # between the names of a path in a card
SKIPPED = ("name", "audit · verdict")  # the verdict says in sentences what other entries say in numbers
HASHES = "hashes"  # begins the paths of those of files, which always differ
FACTS = {
    "reconstruction_mse": "mean squared error of the flux",
    "median_chi2": "median χ² per pixel",
    "latent_size": "latent dimensions",
    "seconds": "seconds of training",
    "r2": "own regressor's R²",
    "mae": "mean |Δ|",
    "rmse": "rms Δ",
    "coverage": "share within 1σ",
    "lambdas": "λ",
    "told": "nuisances known in training",
    "noise": "noise of the latent",
    "source": "training sample",
    "train": "training stars",
    "test": "test stars",
    "left_out": "stars left out",
    "versions": "version",
}
AUDITED = {
    "excess": "excess R² of",
    "partial": "partial R² of",
    "upper": "95 % limit of the partial R² of",
    "sliders": "relative error of the slider of",
    "r2": "fresh probe's R² of",
    "source": "the stars",
    "stars": "number of stars",
}
RECIPE = {
    "name": "recipe",
    "target": "target of the discriminators",
    "encoder": "widths of the encoder",
    "decoder": "widths of the decoder",
    "mean_spectrum": "widths of m(y)",
    "mean_start": "m(y) starts from the",
    "nuisance_responses": "r(z, y) has the grid's responses to",
    "discriminators": "widths of the discriminators",
    "conditional_encoder": "conditional encoder",
    "batch_size": "stars per batch",
}


def show_comparison(first: TrainedModel, second: TrainedModel) -> None:
    """What a fresh probe reads from two models, and every entry in which their cards differ."""
    models = (first, second)
    show_probes(models, "compared")
    cards = {model.name: flattened(card_of(model)) for model in models}
    rows = [
        {"what": in_words(path), **{name: _text(card.get(path)) for name, card in cards.items()}}
        for path in _differences(*cards.values())
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", column_config={"what": "Difference"})
    st.caption(
        "Only what differs between the two cards. Errors, R² and shares of the test split are those of the "
        "model's own regressor on its latent; what the audit says is of fresh probes."
    )


def _differences(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """The paths whose values differ, in the order of the cards."""
    paths = dict.fromkeys((*first, *second))
    told = [p for p in paths if p not in SKIPPED and not p.startswith(HASHES)]
    return [p for p in told if str(first.get(p)) != str(second.get(p))]


def flattened(card: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """A card with one level: `figures · parameters · teff · r2`."""
    flat: dict[str, Any] = {}
    for key, value in card.items():
        path = f"{above}{ABOVE}{key}" if above else key
        flat |= flattened(value, path) if isinstance(value, dict) else {path: value}
    return flat


def in_words(path: str) -> str:
    """A path in a card in words: `figures · parameters · teff · r2` is `R² of Teff`."""
    parts = [part for part in path.split(ABOVE) if part not in ("figures", "parameters", "data")]
    if parts[0] == "recipe":
        return RECIPE.get(parts[1], parts[1])
    if parts[0] == "audit":
        labels = (parameter(part).in_text for part in parts[2:])
        return " ".join(["audit:", AUDITED.get(parts[1], parts[1]), *labels])
    if len(parts) == 2 and (parts[0] == "lambdas" or parts[1] in FACTS):
        label, fact = parts if parts[1] in FACTS else parts[::-1]
        unit = f" [{parameter(label).unit}]" if fact in ("mae", "rmse") and parameter(label).unit else ""
        return f"{FACTS[fact]} of {parameter(label).in_text}{unit}"
    return ABOVE.join(FACTS.get(part, part) for part in parts)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if np.isfinite(value) else "–"
    if isinstance(value, list):
        return ", ".join(map(_item, value)) or "–"
    return "–" if value is None else str(value)


def _item(value: object) -> str:
    return audits.NUISANCES.get(value) or parameter(value).in_text if isinstance(value, str) else str(value)
