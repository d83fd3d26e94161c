"""The matrix products of one training step or one encoded chunk, and the time that they take alone.

Shapes: N stars per batch, K networks of a stack. A product is (stack, m, k, n): `stack` pairs of (m, k) and
(k, n).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch

from gandalf_core.config.schema import Config
from gandalf_core.networks.autoencoder import networks_width
from gandalf_core.training.adversary import Adversary


@dataclass(frozen=True)
class Product:
    """`stack` products of (m, k) by (k, n). The flags say which operand is stored transposed."""

    stack: int
    m: int
    k: int
    n: int
    left_transposed: bool = False
    right_transposed: bool = False

    @property
    def flop(self) -> int:
        return 2 * self.stack * self.m * self.k * self.n


def layers(
    sizes: tuple[int, ...], n: int, *, stack: int = 0, weights: bool = True, inputs: str = "all"
) -> Iterator[Product]:
    """Products of fully connected layers on N stars: forward, then gradients of weights and inputs.

    stack: 0 for a plain network, whose weights are (out, in); K for a stack, whose weights are (in, out).
    inputs: which inputs get gradients: `all`, `inner` (all but the first layer's, which are data) or `none`
    (forward only).
    """
    count, is_stack = max(stack, 1), stack > 0
    for i, (a, b) in enumerate(pairwise(sizes)):
        yield Product(count, n, a, b, right_transposed=not is_stack)
        if weights and inputs != "none":
            yield (
                Product(count, a, n, b, left_transposed=True)
                if is_stack
                else Product(1, b, n, a, left_transposed=True)
            )
        if inputs == "all" or (inputs == "inner" and i):
            yield Product(count, n, b, a, right_transposed=is_stack)


def step_products(config: Config, pixels: int) -> list[Product]:
    """Every product of one update of the discriminators and the auto-encoder.

    Of spectra without masked pixels, which a step sees in components if there are any (training/axes.py).
    """
    m, a, n = config.model, config.adversary, config.training.batch_size
    adversary = Adversary(config)
    labels = len(m.condition_on)
    seen = networks_width(m, pixels)
    encoder = (seen + (labels if m.conditional_encoder else 0), *m.encoder_hidden, m.latent_size)
    rest = (m.latent_size + labels, *m.decoder_hidden, seen)
    views = n * (2 if config.training.input_noise else 1)
    products = [*layers(encoder, views, inputs="inner"), *layers(rest, n)]
    if m.has_mean and config.training.centring:
        products += layers(rest, 2 * n)
    if adversary.watched:
        sizes, count = _stack_sizes(adversary.discriminators)
        products += [*layers(sizes, n, stack=count, inputs="inner")] * a.steps + [
            *layers(sizes, n, stack=count, weights=False)
        ]
        products += layers(encoder, n * (a.steps - 1), inputs="none") if a.steps > 1 else []
    for heads in (adversary.heads, adversary.nuisance_heads):
        sizes, count = _stack_sizes(heads)
        products += layers(sizes, n, stack=count) if count else []
    return products


def _stack_sizes(stack: torch.nn.Module) -> tuple[tuple[int, ...], int]:
    """(D, hidden, B) and K of a stack."""
    return (stack.weights[0].shape[1], *(w.shape[2] for w in stack.weights)), len(stack.weights[0])


def encode_products(config: Config, pixels: int, n: int) -> list[Product]:
    """The products that encode N stars."""
    seen = networks_width(config.model, pixels)
    projected = layers((pixels, seen), n, inputs="none") if config.model.components else ()
    return [
        *projected,
        *layers((seen, *config.model.encoder_hidden, config.model.latent_size), n, inputs="none"),
    ]


def flop(products: list[Product]) -> int:
    return sum(p.flop for p in products)


def runner(products: list[Product]) -> Callable[[], None]:
    """A function that computes these products once, in this order, each with operands of its own."""
    prepared = [_operands(p) for p in products]

    def run() -> None:
        for multiply, left, right, out in prepared:
            multiply(left, right, out=out)

    return run


def _operands(p: Product) -> tuple:
    """The function that multiplies, both operands and the output."""
    stack = (p.stack,) if p.stack > 1 else ()

    def matrix(rows: int, columns: int, transposed: bool) -> torch.Tensor:
        stored = (columns, rows) if transposed else (rows, columns)
        drawn = torch.randn(*stack, *stored)
        return drawn.transpose(-1, -2) if transposed else drawn

    left, right = matrix(p.m, p.k, p.left_transposed), matrix(p.k, p.n, p.right_transposed)
    return (torch.bmm if stack else torch.mm), left, right, torch.empty(*stack, p.m, p.n)


def seconds(call: Callable[[], None], repeats: int = 1) -> float:
    """Seconds of one call: the mean over `repeats` calls in a row."""
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats
