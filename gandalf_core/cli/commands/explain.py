"""The command `explain`: why a model says so of one star."""

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import ModelError
from ..arguments import KEEP_SPIKES, MODEL, NOISE_KEY, SHIFT, STARS
from ..console import Console
from ..keys import about, exporting
from ..registry import Report, arg, command
from ..streams import intake_for, stars_for

if TYPE_CHECKING:
    import numpy as np

    from ...data.spectra import SpectraSet
    from ...explaining.species import Shares
    from ...models.trained import TrainedModel

STRONGEST = 5  # latent dimensions that the text names


@command(
    "explain",
    "why a model says so of one star: lines behind estimates, sliders, dimensions",
    MODEL,
    STARS,
    KEEP_SPIKES,
    SHIFT,
    arg("--star", metavar="ID", help="which of the stars (default: the first)"),
    arg(
        "--from",
        dest="source",
        choices=("spectrum", "latent"),
        default="spectrum",
        help="explain the estimates read from the spectrum or from the latent (default: spectrum)",
    ),
    NOISE_KEY,
)
def explain(args: Namespace, console: Console) -> Report:
    """Explain one star: on which lines each estimate rests, what sliders and latent dimensions change.

    Parts are of the sum of squares over the pixels. Sliders are compared with physics: of the star itself
    where it is simulated, else of stars like it; sizes are those of the decoder's change in units of the
    physical one, so that 1 is right.
    """
    from ...explaining.species import physical, shares
    from ...models.store import load_model

    model = exporting(load_model(args.model), args, console)
    intake = intake_for(args, model, decoded=True)
    stars, intake = stars_for(args, console, model.wavelength_nm, intake)
    star = _chosen(stars, args.star)
    labels = model.labels_of(star)[0][0]
    kind = shares(physical(model.label_names, labels), model.wavelength_nm)
    result = {
        "id": str(star.ids[0]),
        "estimates": _estimates(model, star, args.source),
        "sliders": _sliders(model, star, labels, kind),
        "dimensions": _dimensions(model, star, labels, kind),
    }
    return Report(result | intake.result() | about(model), text(result, args.source))


def _chosen(stars: "SpectraSet", name: str | None) -> "SpectraSet":
    if name is None:
        return stars[[0]]
    if name not in stars.ids:
        raise ModelError(f"no star has the id {name}; there are {len(stars):,}, the first is {stars.ids[0]}")
    return stars[[stars.ids.tolist().index(name)]]


def _estimates(model: "TrainedModel", star: "SpectraSet", source: str) -> dict[str, Any]:
    """Label → value, scatter by noise and parts of groups of species."""
    from ...explaining.estimates import estimate_origin

    origin = estimate_origin(model, star, source)
    each = zip(origin.label_names, origin.values.tolist(), origin.noise.tolist(), strict=True)
    return {n: {"value": v, "noise": s, "parts": origin.parts(n)} for n, v, s in each}


def _sliders(
    model: "TrainedModel", star: "SpectraSet", labels: "np.ndarray", kind: "Shares"
) -> dict[str, Any]:
    """Label → step, relative error and sizes; {} for a decoder without sliders."""
    from ...explaining.sliders import slider_effects

    if not model.condition_on:
        return {}
    return {
        e.name: {"step": e.step, "relative_error": e.error, "against": e.against, "sizes": e.sizes(kind)}
        for e in slider_effects(model, star, labels)
    }


def _dimensions(
    model: "TrainedModel", star: "SpectraSet", labels: "np.ndarray", kind: "Shares"
) -> list[dict[str, Any]]:
    """Each latent dimension with its rms effect and where it acts, the strongest first."""
    import numpy as np

    from ...explaining.dimensions import dimension_effects

    effects = dimension_effects(model, star, labels)
    rms = np.sqrt(np.square(effects).mean(1))
    return [
        {"dimension": int(k) + 1, "rms": float(rms[k]), "parts": kind.of(np.square(effects[k]))}
        for k in np.argsort(-rms)
    ]


def text(result: Mapping[str, Any], source: str) -> str:
    """The explanation for people."""
    from ...parameters import parameter

    lines = [f"{result['id']}: estimates from the {source}, and the lines that they rest on"]
    for name, found in result["estimates"].items():
        p = parameter(name)
        lines.append(f"  {p.plain:<11} {p.format(found['value']):>10}   {_largest(found['parts'])}")
    if result["sliders"]:
        lines += [
            "",
            "sliders: relative error of the change per step (0 right), its size in lines (1 right)",
        ]
    for name, found in result["sliders"].items():
        sizes = ", ".join(f"{group} {size:.2f}" for group, size in found["sizes"].items())
        step = f"{found['step']:+g} {parameter(name).unit}"
        lines.append(f"  {parameter(name).plain:<11} {step:>10}   {found['relative_error']:.2f}   {sizes}")
    lines += ["", f"the {STRONGEST} latent dimensions that change the spectrum most"]
    for found in result["dimensions"][:STRONGEST]:
        lines.append(f"  z {found['dimension']:<9} rms {found['rms']:.4f}   {_largest(found['parts'])}")
    return "\n".join(lines)


def _largest(parts: Mapping[str, float], count: int = 4) -> str:
    """The largest parts, in words."""
    order = sorted(parts, key=lambda group: -parts[group])[:count]
    return ", ".join(f"{group} {parts[group]:.0%}" for group in order)
