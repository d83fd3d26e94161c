"""Weights of a network with few bits: each rounding makes up for those before it, on inputs that are usual.

That is GPTQ (Frantar et al. 2022, arXiv:2210.17323). Its errors are a third of those of plain rounding, since
the units that feed a layer rise and fall together. Shapes: n inputs, I and O units of a layer.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

Layer = Mapping[str, np.ndarray]  # weight (O, I), bias (O,)
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "silu": lambda x: x / (1 + np.exp(-np.clip(x, -60, 60))),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-np.clip(x, -60, 60))),
    "linear": lambda x: x,
}
# steps in a standard deviation of the weights; the last layer is the largest, and adds the least error
HIDDEN_STEPS, LAST_STEPS = 220, 80
MOST = 32_000  # of a whole number: it has 16 bits
DAMPING = 0.01  # of the mean square of the inputs: what keeps the weights right for unusual ones
BLOCK = 64  # columns whose errors are passed on together


def rounded_network(
    layers: Sequence[Layer], inputs: np.ndarray, activation: str
) -> tuple[list[dict[str, np.ndarray]], list[float]]:
    """The layers of a network with rounded weights, and the step of each layer's.

    inputs: (n, I) usual inputs of the network. The last layer has no activation.
    """
    done, steps, x = [], [], inputs.astype(float)
    for depth, layer in enumerate(layers):
        last = depth == len(layers) - 1
        weight = layer["weight"].astype(float)
        least = float(np.abs(weight).max(initial=0)) / MOST
        step = float(np.float32(max(weight.std() / (LAST_STEPS if last else HIDDEN_STEPS), least)))
        new = step * rounded_weights(weight, step, x) if step else weight
        x = x @ new.T + layer["bias"]
        x = x if last else ACTIVATIONS[activation](x)
        done.append({"weight": new, "bias": layer["bias"]})
        steps.append(step)
    return done, steps


def rounded_weights(weight: np.ndarray, step: float, inputs: np.ndarray) -> np.ndarray:
    """(O, I) whole numbers near weight/step whose products with inputs (n, I) are nearest to the weights'."""
    gram = inputs.T @ inputs / len(inputs)
    gram += DAMPING * max(float(np.trace(gram)) / len(gram), 1e-12) * np.eye(len(gram))
    order = np.argsort(-np.diag(gram), kind="stable")  # the strongest inputs first, while others can make up
    passed_on = np.linalg.cholesky(np.linalg.inv(gram[np.ix_(order, order)])).T
    left, whole = weight[:, order].astype(float), np.empty_like(weight, float)
    for begin in range(0, len(order), BLOCK):
        end = min(begin + BLOCK, len(order))
        errors = np.empty((len(weight), end - begin))
        for k in range(begin, end):
            whole[:, k] = np.rint(left[:, k] / step)
            errors[:, k - begin] = (left[:, k] - step * whole[:, k]) / passed_on[k, k]
            left[:, k + 1 : end] -= errors[:, k - begin, None] * passed_on[k, k + 1 : end]
        left[:, end:] -= errors @ passed_on[begin:end, end:]
    result = np.empty_like(whole)
    result[:, order] = whole
    return result
