"""The noise of an exported latent, a function of the seed and the star's id: exports are reproducible.

Counter-based (SplitMix64 of a hash of the id, then Box-Muller): a star gets the same numbers in whatever
file, order or chunk it comes, and a million stars take about a second.
"""

from hashlib import blake2b

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def star_noise(ids: np.ndarray, size: int, seed: int) -> np.ndarray:
    """(N, size) float32 standard normal numbers, one row per star."""
    keys = np.array([_key(star, seed) for star in ids.tolist()], np.uint64)
    pairs = (size + 1) // 2
    counters = np.arange(1, 2 * pairs + 1, dtype=np.uint64) * _GOLDEN
    words = _mix(keys[:, None] + counters)  # (N, 2 * pairs)
    uniform = ((words >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-24)
    radius, angle = np.sqrt(-2 * np.log(uniform[:, :pairs])), np.float32(2 * np.pi) * uniform[:, pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], 1)[:, :size]


def _key(star: str, seed: int) -> int:
    return int.from_bytes(blake2b(f"{seed}:{star}".encode(), digest_size=8).digest(), "little")


def _mix(word: np.ndarray) -> np.ndarray:
    """The output function of SplitMix64 (Steele, Lea & Flood 2014)."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
