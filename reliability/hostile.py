"""Model folders of strangers: whatever is changed in one, it is used, or refused in one line with its name.

Each folder is known by its seed. The model that is changed is the one of an earlier version in tests/data.
"""

import io
import json
import os
import random
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as tensors_in
from safetensors.numpy import save as tensors_out

from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import GandalfError
from gandalf_core.models.cards import card_text, notes
from gandalf_core.models.store import listing, load_model, stored_audit

from .options import Options
from .records import ROOT

SOURCE = ROOT / "tests" / "data" / "model-0.1.0"
SHORT, LONG, SHORT_APP, LONG_APP = 40, 1000, 6, 60
MOST_SECONDS, MOST_LETTERS = 20, 700
VALUES = (
    *(None, True, -1, 0, 1e308, -1e308, 10**30, "", "x" * 1000, [], {}, [[]], {"a": {"b": 1}}),
    *("<script>", "NaN", float("nan"), 0.5, 3, "teff", ["teff", "teff"]),
)
CHANGES: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda a: a[:-1] if a.ndim else np.zeros(3),
    lambda a: np.concatenate([a, a]) if a.ndim else a[None],
    lambda a: a.T if a.ndim > 1 else a[None],
    lambda a: a.astype(str),
    lambda a: np.full_like(a, np.nan) if a.dtype.kind == "f" else a,
    lambda a: a * 1e30 if a.dtype.kind == "f" else a,
    lambda a: np.zeros(0),
    lambda a: -a if a.dtype.kind in "fi" else a,
    lambda a: np.full_like(a, np.inf) if a.dtype.kind == "f" else np.array(["x" * 50]),
    lambda a: a + 10**6 if a.dtype.kind == "i" else a,
    lambda a: a.astype(complex) if a.dtype.kind == "f" else a,
    lambda a: np.zeros((2,) * 5),
    lambda a: np.zeros_like(a) if a.dtype.kind == "f" else a,
    lambda a: a[::-1] if a.ndim else a,
)


def other_array(chance: random.Random, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a file, of which one is another or is gone."""
    name = chance.choice(sorted(arrays))
    changed = arrays | {name: np.ascontiguousarray(chance.choice(CHANGES)(arrays[name]))}
    if chance.random() < 0.1:
        changed.pop(name)
    return changed


def other_value(chance: random.Random, value: Any) -> Any:
    """A JSON value in which one part is another, is gone, or has a long name."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name, what = chance.choice(sorted(value)), chance.random()
        if what < 0.1:
            value.pop(name)
        elif what < 0.2:
            value["x" * chance.randrange(1, 300)] = value[name]
        else:
            value[name] = other_value(chance, value[name])
        return value
    if isinstance(value, list) and value and chance.random() < 0.6:
        place = chance.randrange(len(value))
        value[place] = other_value(chance, value[place])
        return value
    return chance.choice(VALUES)


def other_content(chance: random.Random, name: str, content: bytes) -> bytes:
    """Another content of a file: a few bytes, or one array or value in it."""
    if chance.random() < 0.15:
        damaged = bytearray(content)
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        return bytes(damaged)
    if name.endswith(".npz"):
        stream = io.BytesIO()
        with np.load(io.BytesIO(content)) as stored:
            np.savez_compressed(stream, **other_array(chance, dict(stored)))
        return stream.getvalue()
    if name.endswith(".safetensors"):
        return tensors_out(other_array(chance, tensors_in(content)))
    lines = content.decode().splitlines() if name.endswith(".jsonl") else [content.decode()]
    return "\n".join(json.dumps(other_value(chance, json.loads(line))) for line in lines).encode()


def hostile_folder(seed: int, folder: Path) -> Path:
    """A copy of the model in which one to three files are others; most come without the manifest."""
    chance = random.Random(seed)
    shutil.copytree(SOURCE, folder)
    names = sorted(p.relative_to(SOURCE).as_posix() for p in SOURCE.rglob("*.*") if p.name != "CARD.md")
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        path = folder / chance.choice(names)
        with suppress(Exception):  # damaged before, or an array that its format does not hold
            path.write_bytes(other_content(chance, path.name, path.read_bytes()))
    if chance.random() < 0.9:
        (folder / "manifest.json").unlink()
    return folder


def use(folder: Path, stars: SpectraSet) -> None:
    """All that is done with a model: listed, shown, loaded, asked about stars. GandalfError refuses it."""
    found = listing(folder.parent)
    for info in found.models:
        assert card_text(info.name, info.card) and notes(info.card) is not None
    for line in found.unusable.values():
        assert "\n" not in line and len(line) < MOST_LETTERS
    with suppress(GandalfError):
        stored_audit(folder)
    model = load_model(folder).under(NoiseKey.from_seed(0))
    latents = model.encode(stars)
    assert model.decode(latents, stars.labels).shape == stars.flux.shape
    assert len(model.predict(stars).rows()) == len(stars)
    model.predict_from_spectrum(stars)
    for projection in model.projections.values():
        assert projection.place(latents.z).shape == (len(stars), 2)


def ordinary_stars(count: int = 4) -> SpectraSet:
    """Stars that the model which is changed knows."""
    model = load_model(SOURCE)
    chance = np.random.default_rng(3)
    low, high = model.label_ranges.T
    labels = chance.uniform(low, high, (count, len(low)))
    flux = model.scaler.flux_mean + chance.normal(0, 0.01, (count, len(model.wavelength_nm)))
    ids = [f"star-{k}" for k in range(count)]
    names = model.config.model.labels
    return SpectraSet(flux, model.wavelength_nm, ids, labels, names, np.full(flux.shape, 0.01))


def outcome(seed: int, root: Path, stars: SpectraSet) -> tuple[str, str]:
    """(used, refused, or a fault; and the message) of one folder."""
    folder, started = hostile_folder(seed, root / str(seed) / "model"), time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numbers that overflow, of weights that are no weights
            use(folder, stars)
    except GandalfError as error:
        if "\n" in str(error) or len(str(error)) >= MOST_LETTERS:
            return "no one line", str(error)[:200]
        result = ("refused", str(error))
    except Exception as error:  # that is what is looked for
        return "traceback", f"{type(error).__name__}: {error}"[:200]
    else:
        result = ("used", "")
    finally:
        seconds = time.monotonic() - started
        shutil.rmtree(folder.parent)
    return result if seconds < MOST_SECONDS else ("above 20 s", "")


def run(options: Options) -> dict[str, Any]:
    """What became of very many folders, and of the explorer's page of models beside some of them."""
    count, stars = options.number(SHORT, LONG), ordinary_stars()
    outcomes, faults = Counter[str](), []
    with tempfile.TemporaryDirectory() as name:
        for seed in range(options.seed, options.seed + count):
            what, said = outcome(seed, Path(name), stars)
            outcomes[what] += 1
            if what not in ("used", "refused"):
                faults.append(f"seed {seed}, {what}: {said}")
        app = page_of_models(Path(name), options.seed, SHORT_APP if options.quick else LONG_APP)
    faults += app.pop("faults")
    named = ("used", "refused", "traceback", "no one line", "above 20 s")
    return {
        "held": not faults,
        "folders": count,
        "outcomes": {what: outcomes[what] for what in named},
        "app": app,
        "faults": faults[:25],
    }


# --- the explorer ---


def page_of_models(root: Path, seed: int, count: int) -> dict[str, Any]:
    """The page Models with one good folder beside hostile ones: it opens, and offers the good one."""
    from streamlit.testing.v1 import AppTest

    models = root / "models"
    for number in range(count):
        hostile_folder(seed + number, models / f"hostile-{number}")
    shutil.copytree(SOURCE, models / "good")
    places = {"GANDALF_PRETRAINED": models, "GANDALF_MODELS": root / "none", "GANDALF_RUNS": root / "runs"}
    with _environment(places | {"GANDALF_CACHE": root / "cache", "GANDALF_NOISE_KEY": root / "key.txt"}):
        started = time.monotonic()
        test = AppTest.from_file(str(ROOT / "pages" / "ui" / "main.py"), default_timeout=120).run()
        test.switch_page("../models.py").run()
        seconds = time.monotonic() - started
    faults = [f"the page of models: {e.message}" for e in test.exception]
    offered = test.selectbox[0].options if test.selectbox else []
    faults += [] if "good" in offered else ["the page of models does not offer the good one"]
    lines = [w.value for w in test.warning if "hostile-" in w.value]
    return {
        "folders": count,
        "offered": len(offered),
        "lines": len(lines),
        "seconds": seconds,
        "faults": faults,
    }


@contextmanager
def _environment(values: dict[str, Path]) -> Any:
    saved = {name: os.environ.get(name) for name in values}
    os.environ.update({name: str(value) for name, value in values.items()})
    try:
        yield
    finally:
        for name, value in saved.items():
            os.environ.pop(name)
            os.environ.update({} if value is None else {name: value})
