"""How well one array of numbers predicts another. Shapes: N stars, Z latent, P labels."""

import numpy as np


def r_squared(truth: np.ndarray, prediction: np.ndarray) -> float:
    """R² = 1 − Σ(truth − prediction)² / Σ(truth − mean)²: 1 is perfect, below 0 is worse than the mean.

    truth, prediction: (N,), all finite. 0 where the truth does not vary, so that nothing can be predicted.
    """
    spread = np.square(truth - truth.mean()).sum()
    return float(1 - np.square(truth - prediction).sum() / spread) if spread > 0 else 0.0


def rank_correlations(latents: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(P, Z) Spearman's rank correlation of every label (N, P) with every latent dimension (N, Z).

    Over the stars that have the label; NaN for fewer than three of them, or where one side does not vary.
    """
    from scipy.stats import spearmanr

    rho = np.full((labels.shape[1], latents.shape[1]), np.nan)
    for p, y in enumerate(labels.T):
        for k, z in enumerate(latents.T):
            known = np.isfinite(y) & np.isfinite(z)
            if known.sum() >= 3 and np.ptp(y[known]) > 0 and np.ptp(z[known]) > 0:
                rho[p, k], _ = spearmanr(z[known], y[known])
    return rho
