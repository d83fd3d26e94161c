"""Mutual information between each latent number and a label: a ranking of where a label sits, no evidence of
removal.

One number at a time, so what only a combination of numbers tells is not seen here; the probes see it.
Shapes: N stars, Z latent numbers.
"""

import numpy as np

MOST = 4000  # stars: more change the third digit and cost in proportion


def ranking(z: np.ndarray, y: np.ndarray, seed: int = 0, most: int = MOST) -> dict:
    """The estimator of Kraskov, Stögbauer & Grassberger (2004, PRE 69, 066138), k = 3, as scikit-learn has
    it.

    z: (N, Z), y: (N,) without gaps. Returns `nats` (Z values), `order` (latent numbers from the most to the
    least informed) and `null`, the largest value under one shuffling of y: what is below it is
    indistinguishable from nothing.
    """
    from sklearn.feature_selection import mutual_info_regression

    rng = np.random.default_rng([seed, len(y)])
    rows = rng.permutation(len(y))[:most]
    z, y = np.asarray(z, float)[rows], np.asarray(y, float)[rows]
    nats = mutual_info_regression(z, y, random_state=seed)
    null = mutual_info_regression(z, rng.permutation(y), random_state=seed).max()
    return {"nats": nats.tolist(), "order": np.argsort(-nats, kind="stable").tolist(), "null": float(null)}
