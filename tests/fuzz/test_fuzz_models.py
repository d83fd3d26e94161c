"""Strangers' model folders: whatever is changed in one, it is used, or refused in one line that names a file.

`GANDALF_FUZZ=2000 pytest -n0 tests/fuzz/test_fuzz_models.py` tries more of them; each is known by its seed.
"""

import io
import json
import os
import random
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from safetensors.numpy import load as tensors_in
from safetensors.numpy import save as tensors_out
from toy import toy_stars

from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.errors import GandalfError
from gandalf_core.models.cards import card_text, notes
from gandalf_core.models.store import listing, load_model, stored_audit

SOURCE = Path(__file__).parents[1] / "data" / "model-0.1.0"
CASES, PER_TEST = int(os.environ.get("GANDALF_FUZZ", "120")), 20
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
    name = chance.choice(sorted(arrays))
    changed = arrays | {name: np.ascontiguousarray(chance.choice(CHANGES)(arrays[name]))}
    if chance.random() < 0.1:
        changed.pop(name)
    return changed


def other_value(chance: random.Random, value):
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


def mutant(seed: int, folder: Path) -> Path:
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


def use(folder: Path, stars) -> None:
    """All that is done with a model: listed, shown, loaded, and asked about stars."""
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


@pytest.mark.parametrize("first", range(0, CASES, PER_TEST))
def test_whatever_is_changed_in_a_folder_it_is_used_or_refused_in_one_line(first, tmp_path):
    stars = toy_stars(4, seed=3)
    for seed in range(first, first + PER_TEST):
        folder, started = mutant(seed, tmp_path / str(seed) / "model"), time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numbers that overflow, of weights that are no weights
            try:
                use(folder, stars)
            except GandalfError as error:
                assert "\n" not in str(error) and len(str(error)) < MOST_LETTERS, (seed, str(error))
        assert time.monotonic() - started < MOST_SECONDS, seed
        shutil.rmtree(folder.parent)


def test_a_folder_that_nobody_changed_is_used(tmp_path):
    use(shutil.copytree(SOURCE, tmp_path / "model"), toy_stars(4, seed=3))
