"""Reproducible chance: the numbers of star k depend on the seed, the quantity's name and k alone.

Every (seed, name, block of 256 stars) has its own generator, and a whole block is always drawn. So the first
stars of a large sample are those of a small one, rows may be requested in any order, and one quantity more or
less changes no other. Shapes: N stars.
"""

from collections.abc import Callable
from zlib import crc32

import numpy as np

BLOCK = 256


def stream(seed: int, name: str, block: int) -> np.random.Generator:
    """The generator of one quantity for one block of stars."""
    return np.random.Generator(np.random.SFC64([seed, crc32(name.encode()), block]))


def sample(
    seed: int, name: str, k: np.ndarray, draw: Callable[[np.random.Generator], np.ndarray]
) -> np.ndarray:
    """(N, ...) numbers of the stars k (N,). `draw(generator)` makes those of a whole block, (BLOCK, ...)."""
    blocks, row = np.unique(k // BLOCK, return_inverse=True)
    numbers = np.stack([draw(stream(seed, name, int(b))) for b in blocks])
    return numbers[row, k % BLOCK]


def uniform(seed: int, name: str, k: np.ndarray, *shape: int) -> np.ndarray:
    """(N, *shape) numbers between 0 and 1."""
    return sample(seed, name, k, lambda rng: rng.random((BLOCK, *shape)))


def normal(seed: int, name: str, k: np.ndarray, *shape: int) -> np.ndarray:
    """(N, *shape) standard normal numbers, cut at four standard deviations."""
    return sample(seed, name, k, lambda rng: np.clip(rng.standard_normal((BLOCK, *shape)), -4, 4))
