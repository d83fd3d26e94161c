"""The learning rate over a training."""

import math


def one_cycle(progress: float, warm_up: float = 0.3, start: float = 0.04) -> float:
    """Learning-rate factor at a fraction of the training: up by a cosine to 1, then down to nearly 0 (Smith
    2018).
    """
    if progress < warm_up:
        return start + (1 - start) * 0.5 * (1 - math.cos(math.pi * progress / warm_up))
    return 1e-4 + (1 - 1e-4) * 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))
