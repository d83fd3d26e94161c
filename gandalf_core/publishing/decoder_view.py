"""What the live decoder shows of a model and a star, and the decoder itself, as its JavaScript reads them.

Settings are `{"token", "star", "labels", "z"}`, in both directions. Shapes: L pixels, Z latent.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..parameters import LINES, parameter
from .arrays import base64_floats, pack
from .rounding import rounded_network
from .whitened import FINEST, NODES, whitened

SHARED = ("axes", "start", "correction", "responses")
OWN = "responses.reading"  # is learned by each model
LARGE = 100_000  # weights of a layer that is sent with fewer bits
MOST_HIDDEN = 8191  # the largest of 14 bits
KERNELS = {"start": "start", "correction": "correction", "responses": "start"}  # part -> whose nodes it has


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

    weights: identifies the model, whose decoder comes to the browser under this key.
    parts: addresses of the decoder's parts below that of the app; none where it is in the page already.
    wavelength_nm: (L,) of the star, which is drawn until the decoder has come.
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
    parts: tuple[str, ...] = ()
    wavelength_nm: np.ndarray | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as the browser reads it."""
        star, truth, other = self.star, self.truth, self.other
        return {
            "weights": self.weights,
            "parts": list(self.parts),
            "wavelength": _grid_json(self.wavelength_nm),
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
            "lines": sorted(
                ([line.species, line.wavelength_nm, line.described] for line in LINES),
                key=lambda line: line[1],
            ),
        }


def _grid_json(wavelength_nm: np.ndarray | None) -> list[float] | str | None:
    """The two ends of even wavelengths, others in full."""
    if wavelength_nm is None or not len(wavelength_nm):
        return None
    ends = [float(wavelength_nm[0]), float(wavelength_nm[-1])]
    even = np.allclose(wavelength_nm, np.linspace(ends[0], ends[1], len(wavelength_nm)), rtol=0, atol=1e-4)
    return ends if even else base64_floats(wavelength_nm)


def packed(spec: dict[str, Any], key: str) -> bytes:
    """A decoder's `decoder_spec(model)` as bytes for the browser, with 16 bits for most numbers."""
    return _pack(_header(spec, key), _arrays(spec), _finest(spec))


def parts(spec: dict[str, Any], key: str, inputs: np.ndarray | None = None) -> list[bytes]:
    """The same in parts, those last that several models may share: the grid, and what draws from it.

    inputs: (n, Z + C) usual inputs of the decoder; with them a network that draws all by itself has weights
    of about 9 bits, rounded together: that moves the flux by 2e-5 (rms; far from any star by up to 5e-4).
    """
    steps = {}
    if inputs is not None and not spec["start"] and not spec["mean"]:
        layers, own_steps = rounded_network(spec["rest"], inputs, spec["activation"])
        spec, steps = spec | {"rest": layers}, {f"rest{k}.weight": s for k, s in enumerate(own_steps)}
    arrays, finest = _arrays(spec), _finest(spec) | steps
    shared = [{n: a for n, a in arrays.items() if n.split(".")[0] == part and n != OWN} for part in SHARED]
    own = {n: a for n, a in arrays.items() if not any(n in part for part in shared)}
    return [_pack(_header(spec, key), own, finest), *(_pack({}, part, finest) for part in shared if part)]


def _header(spec: dict[str, Any], key: str) -> dict[str, Any]:
    header = {name: spec[name] for name in ("activation", "output_activation", "latent_size", "labels")}
    layers = {part: [0] * len(spec[part]) for part in ("rest", "mean")}
    return {"key": key, **header, **layers}


def _arrays(spec: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a decoder by name; the weights of many nodes of a kernel are whitened."""
    arrays = {
        name: spec[name] for name in ("label_mean", "label_std", "flux_offset", "flux_scale", "wavelength_nm")
    }
    for part in ("rest", "mean"):
        for k, layer in enumerate(spec[part]):
            arrays |= {f"{part}{k}.weight": layer["weight"], f"{part}{k}.bias": layer["bias"]}
    for part in ("start", "correction", "responses", "shift"):
        arrays |= {f"{part}.{name}": array for name, array in spec[part].items()}
    for part, nodes in KERNELS.items():
        own = spec[nodes]
        if len(own.get("nodes", ())) in NODES and f"{part}.weights" in arrays and spec["axes"].size:
            arrays[f"{part}.whitened"] = whitened(own["nodes"], own["lengths"], arrays.pop(f"{part}.weights"))
    return arrays | ({"axes": spec["axes"]} if spec["axes"].size else {})


def _pack(header: dict[str, Any], arrays: dict[str, np.ndarray], finest: dict[str, float]) -> bytes:
    coarse = {name: array for name, array in arrays.items() if _is_coarse(name)}
    exact = {name: array for name, array in arrays.items() if name not in coarse}
    return pack(header, exact, coarse, finest)


def _finest(spec: dict[str, Any]) -> dict[str, float]:
    """For some arrays the smallest difference worth sending.

    Where most of a spectrum comes from the grid, the large hidden layers of what is added do with 14 bits.
    """
    finest = {f"{part}.whitened": FINEST for part in KERNELS}
    if spec["start"]:
        for k, layer in enumerate(spec["rest"][:-1]):
            if layer["weight"].size >= LARGE:
                finest[f"rest{k}.weight"] = float(np.abs(layer["weight"]).max()) / MOST_HIDDEN
    return finest


def _is_coarse(name: str) -> bool:
    """True for the large arrays that 16 bits are enough for."""
    network = name.startswith(("rest", "mean")) and name.endswith(".weight")
    return network or name == "axes" or name.endswith((".whitened", ".components"))


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
