"""The noise of an exported latent: a secret function of the star, its spectrum and the encoder.

Its bits are keyed hashes (BLAKE2b, RFC 7693), so that nobody without the key computes them. The same input
under the same id has the same noise in whatever file, order or chunk it comes: repeated exports cannot be
averaged. Another spectrum, id, encoder or σ has noise of its own, so that no two latents share a noise that
their difference would be free of. docs/privacy.md says what this protects against whom.
Shapes: N stars, I inputs of the encoder, Z latent.
"""

from hashlib import blake2b, sha256
from typing import TYPE_CHECKING

import numpy as np

from ..data.noise_key import NoiseKey

if TYPE_CHECKING:
    from torch import nn

WORDS = 16  # of 32 bits in one hash


def noise_domain(encoder: "nn.Module", sigma: float) -> bytes:
    """32 bytes that name an encoder, by its weights, and the size of its noise.

    Name, decoder and card take no part: a copy of a model, or one with another decoder, has the same mean
    latents, and a second noise on them could be averaged with the first.
    """
    digest = sha256(np.array(sigma, "<f8").tobytes())
    for name, tensor in sorted(encoder.state_dict().items()):
        array = tensor.cpu().numpy()
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name}:{array.dtype.str}:{array.shape}:".encode())
        digest.update(array.tobytes())
    return digest.digest()


def star_noise(key: NoiseKey, domain: bytes, ids: np.ndarray, inputs: np.ndarray, size: int) -> np.ndarray:
    """(N, size) float32 standard normal numbers, one row per star.

    domain: of `noise_domain`.  ids: (N,).  inputs: (N, I) float32 as they enter the encoder, where masked
    pixels are filled: what the encoder does not see does not change the noise.
    """
    pairs = (size + 1) // 2
    canonical = np.ascontiguousarray(inputs + np.float32(0), "<f4")  # -0 becomes 0
    spectra = (sha256(row).digest() for row in canonical)
    names = (star.encode(errors="surrogatepass") for star in ids.tolist())  # an id may be a file's odd name
    stars = [star + spectrum for star, spectrum in zip(names, spectra, strict=True)]
    blocks = [_words(key, domain, number, stars) for number in range(-(-2 * pairs // WORDS))]
    return _normal(np.concatenate(blocks, 1)[:, : 2 * pairs])[:, :size]


def _words(key: NoiseKey, domain: bytes, number: int, stars: list[bytes]) -> np.ndarray:
    """(N, 16) random words of 32 bits, one hash per star; those of another number are independent."""
    base = blake2b(domain + number.to_bytes(4, "little"), key=key.secret, person=b"gandalf noise")
    hashes = []
    for star in stars:
        own = base.copy()
        own.update(star)
        hashes.append(own.digest())
    return np.frombuffer(b"".join(hashes), "<u4").reshape(-1, WORDS)


def _normal(words: np.ndarray) -> np.ndarray:
    """(N, 2 K) normal numbers from 32-bit words (N, 2 K), by Box & Muller (1958)."""
    half = words.shape[1] // 2
    uniform = words.astype(np.float32) * np.float32(2.0**-32) + np.float32(2.0**-33)  # never 0
    radius, angle = np.sqrt(-2 * np.log(uniform[:, :half])), np.float32(2 * np.pi) * uniform[:, half:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], 1)
