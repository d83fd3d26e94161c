"""How well one array of numbers predicts another. Shapes: N stars."""

import numpy as np


def r_squared(truth: np.ndarray, prediction: np.ndarray) -> float:
    """R² = 1 − Σ(truth − prediction)² / Σ(truth − mean)²: 1 is perfect, below 0 is worse than the mean.

    truth, prediction: (N,), all finite. 0 where the truth does not vary, so that nothing can be predicted.
    """
    spread = np.square(truth - truth.mean()).sum()
    return float(1 - np.square(truth - prediction).sum() / spread) if spread > 0 else 0.0
