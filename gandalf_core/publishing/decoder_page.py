"""The live decoder as one HTML file: a star, the sliders, the truth where it is known, the model's card.

Shapes: L pixels, P labels, Z latent.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import write_text
from ..data.spectra import SpectraSet
from ..data.traverse import bands
from ..errors import ModelError
from ..models.browser import decoder_spec
from ..models.trained import TrainedModel
from ..simulator import is_simulated, truth
from .arrays import base64_floats
from .card_html import card_html
from .components import LIVE_DECODER
from .decoder_view import Star, Truth, View, packed, sliders
from .population import stored_bands
from .presets import presets
from .single_file import Page, html

# The settings at which the true spectrum is known are in the page; elsewhere the last one is drawn pale.
BEGIN = """
const begin = ({ view, truths }) => {
  const near = (a, b) => Object.keys(a).every(name => Math.abs(a[name] - b[name]) <= 1e-6 * Math.abs(b[name]))
  const take = (_, settings) => {
    view.settings = settings
    view.truth = truths.find(({ labels }) => near(labels, settings.labels)) ?? view.truth
    show()
  }
  const show = () => mount({ data: view, parentElement: root, setStateValue: take })
  show()
}
"""


def decoder_page(
    model: TrainedModel,
    star: SpectraSet,
    changes: Mapping[str, float] | None = None,
    z: np.ndarray | None = None,
) -> str:
    """The page of one star as HTML.

    changes: labels to begin with, in physical units, others than the star's own.  z: (Z,) an edited latent to
    begin with; its dots can be dragged then.

    Raises ModelError for more or fewer stars than one, and for labels that the decoder does not receive.
    """
    if len(star) != 1:
        raise ModelError(f"a page shows one star, not {len(star)}: choose one")
    changed = dict(changes or {})
    model.check_receives(changed)
    star = model.on_grid(star)
    own, given = model.labels_of(star)
    truths = [] if z is not None else _truths(model, star, own[0], changed)
    view = _view(model, star, own[0], changed, z)
    labels = view.settings["labels"]
    view = replace(view, truth=next((t for t in truths if t.labels == labels), None))
    card = card_html(model.name, model.card)
    return html(
        Page(
            title=f"{star.ids[0]} under other parameters, by {model.name}",
            sentences=_sentences(model, bool(given[0]), bool(truths), z is not None),
            component=LIVE_DECODER,
            arrays=packed(decoder_spec(model), model.identity),
            shown={"view": view.as_json(), "truths": [_json(t) for t in truths]},
            begin=BEGIN,
            more='<details open class="small"><summary>The model and its reference</summary>'
            f"<p>Model <code>{model.model_id}</code></p>{card}</details>",
        )
    )


def _view(
    model: TrainedModel,
    star: SpectraSet,
    own: np.ndarray,
    changes: Mapping[str, float],
    z: np.ndarray | None,
) -> View:
    """What the component shows at first. own: (P,) the star's labels.  z: (Z,) an edited latent, if any."""
    latent = model.encode(star).z[0]
    name, named = str(star.ids[0]), dict(zip(model.label_names, own.tolist(), strict=True))
    return View(
        weights=model.identity,
        title=model.name,
        star=Star(name, star.identity, _drawn(star), latent, named),
        settings={
            "token": "page",
            "star": name,
            "labels": named | dict(changes),
            "z": None if z is None else np.asarray(z, float).tolist(),
        },
        sliders=sliders(model.condition_on, model.ranges),
        presets=presets(model.condition_on),
        bands=_bands(model, latent),
        edit=z is not None,
    )


def save_decoder_page(
    path: str | Path,
    model: TrainedModel,
    star: SpectraSet,
    changes: Mapping[str, float] | None = None,
    z: np.ndarray | None = None,
) -> None:
    """Write `decoder_page` to a file. Raises as it does, and SpectraError where it cannot be written."""
    write_text(path, decoder_page(model, star, changes, z))


def _drawn(star: SpectraSet) -> np.ndarray:
    """(L,) the flux with gaps where it is masked."""
    return np.where(star.mask[0], np.nan, star.flux[0])


def _bands(model: TrainedModel, z: np.ndarray) -> np.ndarray:
    """(5, Z) percentiles of the sample's latents; without stored ones, the star's own latent five times."""
    stored = stored_bands(model)
    return bands(z[None]) if stored is None else stored


def _truths(
    model: TrainedModel, star: SpectraSet, own: np.ndarray, changes: Mapping[str, float]
) -> list[Truth]:
    """The true spectra of a simulated star under its own labels (P,), under `changes`, and presets.

    Only those that the simulator's region reaches; none for other stars.
    """
    if not is_simulated(star):
        return []
    names = model.label_names
    wanted = [{}, dict(changes), *(preset["labels"] for preset in presets(model.condition_on))]
    rows = np.array([[change.get(n, own[p]) for p, n in enumerate(names)] for change in wanted], float)
    flux = np.stack([truth(star, row[None]).flux[0] for row in rows])
    before = flux[0]
    if not np.isfinite(before).any():
        return []
    return [
        Truth("truth (simulator)", dict(zip(names, row.tolist(), strict=True)), before, after)
        for row, after in zip(rows, flux, strict=True)
        if np.isfinite(after).any()
    ]


def _json(truth: Truth) -> dict[str, Any]:
    return vars(truth) | {"before": base64_floats(truth.before), "after": base64_floats(truth.after)}


def _sentences(model: TrainedModel, given: bool, known: bool, edited: bool) -> list[str]:
    origin = "come from its file or the simulator" if given else "are estimated from its spectrum"
    told = [
        "Drag a slider: the model's decoder, inside this file, draws the spectrum of the same star with "
        f"other parameters. The star's own parameters {origin}. Drag across the spectrum to zoom in; "
        "double-click to zoom out."
    ]
    if known:
        told.append(
            "Green dashes: the simulator's true spectrum, which this file has for the star's own parameters, "
            "those it opens with, and the buttons above the sliders. With any other the last one stays, pale."
        )
    if edited:
        told.append("Orange dots: an edited latent, to be dragged. Nobody knows the truth for that.")
    if not model.condition_on:
        told[0] = "The decoder receives the latent alone: the star is drawn from its latent, without sliders."
    return told
