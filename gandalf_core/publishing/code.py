"""The code for a view: Python and shell that give the very numbers that a page draws.

Stars are named so that anybody can have them: simulated ones by their ids, others by their file.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

STAR_FILE = "star.npz"
STARS_FILE = "stars.npz"
NOISE_NOTE = "its noise depends on the key of the installation that exported it"


@dataclass(frozen=True)
class Code:
    """A view as Python, and as a command; empty where the command line cannot do it, and then why."""

    python: str
    command: str
    why_not: str = ""


@dataclass(frozen=True)
class Model:
    """How code names a model: what `load_model` takes.  noisy: whether its latents have noise."""

    name: str
    noisy: bool = False

    @property
    def line(self) -> str:
        return f"model = load_model({self.name!r})"


@dataclass(frozen=True)
class Stars:
    """How code names stars: by their ids, a source such as `simulated:50:SEED`, a file, or a model's own.

    One of these, the others are empty. ids: of simulated stars, in whatever sample.  stored: an expression of
    the ids of stars that a model carries, of `model`.
    """

    ids: Sequence[str] = ()
    source: str = ""
    file: str = ""
    stored: str = ""

    @property
    def imports(self) -> list[str]:
        if self.source:
            return ["from gandalf_core import load_model, load_stars"]
        if self.file:
            return ["from gandalf_core import load_model, read_stars"]
        more = ["from gandalf_core import load_model", "from gandalf_core.simulator import simulate_by_id"]
        return more if self.stored else ["import numpy as np", *more]

    @property
    def expression(self) -> str:
        """An expression of the stars."""
        if self.source:
            return f"load_stars({self.source!r})"
        if self.file:
            return f"read_stars({self.file!r})"
        if self.stored:
            return f"simulate_by_id({self.stored})"
        return f"simulate_by_id(np.array({list(self.ids)!r}))"

    def shell(self, model: Model, file: str) -> tuple[list[str], str]:
        """Commands that come first, and what the command line calls the stars."""
        if self.source or self.file:
            return [], shlex.quote(self.source or self.file)
        load = f"; {model.line}" if self.stored else ""
        lines = [*self.imports, "from gandalf_core import write_stars"]
        script = f"{'; '.join(lines)}{load}; write_stars({file!r}, {self.expression})"
        return [f"python -c {shlex.quote(script)}"], file


def decoding(model: Model, star: Stars, changes: Mapping[str, float], z: np.ndarray, *, edited: bool) -> Code:
    """A star decoded under other labels. z: (Z,) the latent that is drawn; edited: whether by hand."""
    spelled = edited or model.noisy
    lines = _joined(["import numpy as np"] if spelled else [], star.imports)
    lines += ["", model.line, f"star = model.on_grid({star.expression})"]
    lines += ["labels = model.labels_of(star)[0].copy()  # its own, in physical units"]
    lines += [f"labels[:, model.label_names.index({n!r})] = {v!r}" for n, v in changes.items()]
    if spelled:
        why = "edited by hand" if edited else NOISE_NOTE
        numbers = np.array2string(z.astype(np.float32), separator=", ", max_line_width=100, threshold=10**6)
        lines += [f"z = np.array(  # {why}", f"    [{_indented(numbers)}], np.float32", ")"]
    else:
        lines += ["z = model.encode(star).z"]
    lines += ["flux = model.decode(z, labels)[0]  # at model.wavelength_nm", ""]
    if edited:
        return Code("\n".join(lines), "", "the command line cannot set a latent")
    first, named = star.shell(model, STAR_FILE)
    settings = " ".join(f"--set {name}={value!r}" for name, value in changes.items())
    parts = ["gandalf decode", shlex.quote(model.name), named, settings, "spectrum.npz"]
    note = ["# the latent's noise follows from your key: see `gandalf decode --help`, --noise-key"]
    command = [*(note if model.noisy else []), *first, " ".join(filter(None, parts)), ""]
    return Code("\n".join(lines), "\n".join(command))


def predicting(model: Model, stars: Stars, source: str) -> Code:
    """Parameters of stars, read from the `latent` or the `spectrum`."""
    lines = [*stars.imports, "", model.line, f"stars = model.on_grid({stars.expression})"]
    lines += [f"predictions = model.predict(stars, source={source!r})"]
    lines += ["table = predictions.columns()  # id, each label and its error, chi2 …", ""]
    first, named = stars.shell(model, STARS_FILE)
    command = f"gandalf predict {shlex.quote(model.name)} {named} --from {source} --out predictions.csv"
    return Code("\n".join(lines), "\n".join([*first, command, ""]))


def mapping(model: Model, of: str, method: str, stars: Stars | None) -> Code:
    """The map `of` a model's latent or of spectra that it carries; stars: placed in it, None: its own."""
    lines = ["from gandalf_core import load_model"] if stars is None else list(stars.imports)
    lines += ["from gandalf_core.maps.neighbours import neighbour_r2", "", model.line]
    lines += [f'projection = model.projections["{of}-{method}"]']
    if stars is None:
        lines += ["xy, ids, labels = projection.xy, projection.ids, projection.labels"]
    else:
        x = "model.encode(stars).z" if of == "latent" else "model.scaler.flux_in(stars.flux, stars.mask)"
        lines += [f"stars = model.on_grid({stars.expression})", f"xy, ids = projection.place({x}), stars.ids"]
        lines += ["labels = stars.labels_for(projection.label_names)"]
    lines += ["r2 = dict(zip(projection.label_names, neighbour_r2(xy, labels)))", ""]
    first, named = (stars or Stars(stored=f'model.projections["{of}-{method}"].ids')).shell(model, STARS_FILE)
    place = f"--of {of} --method {method} --place map.csv"
    command = f"gandalf project {shlex.quote(model.name)} {named} {place}"
    return Code("\n".join(lines), "\n".join([*first, command, ""]))


def _joined(first: list[str], then: list[str]) -> list[str]:
    """Lines without repetition."""
    return list(dict.fromkeys([*first, *then]))


def _indented(text: str) -> str:
    return text.replace("\n", "\n     ")
