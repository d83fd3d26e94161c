"""The learning rate over a training."""

import math


def one_cycle(progress: float, warm_up: float = 0.3, start: float = 0.04) -> float:
    """Learning-rate factor at a fraction (0-1) of the training (Smith 2018).

    It rises from `start` to 1 along a cosine until `warm_up`, then falls to nearly 0.
    """
    if progress < warm_up:
        return start + (1 - start) * 0.5 * (1 - math.cos(math.pi * progress / warm_up))
    return 1e-4 + (1 - 1e-4) * 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))
