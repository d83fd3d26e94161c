"""Where a label sits: latent dimensions ranked by their mutual information with it. No evidence of removal.

One dimension at a time, so what only a combination of them tells is not seen here; the probes see it.
Shapes: N stars, Z latent.
"""

import numpy as np

MAX_STARS = 4000  # more change the third digit and cost in proportion


def ranking(z: np.ndarray, y: np.ndarray, seed: int = 0, most: int = MAX_STARS) -> dict:
    """The estimator of Kraskov, Stögbauer & Grassberger (2004, PRE 69, 066138), k = 3, as in scikit-learn.

    z: (N, Z), y: (N,) without gaps. Returns `nats` (Z values), `order` (latent dimensions, the most informed
    first) and `null`, the largest value under one shuffling of y: below it nothing can be told from noise.
    """
    from sklearn.feature_selection import mutual_info_regression

    rng = np.random.default_rng([seed, len(y)])
    rows = rng.permutation(len(y))[:most]
    z, y = np.asarray(z, float)[rows], np.asarray(y, float)[rows]
    nats = mutual_info_regression(z, y, random_state=seed)
    null = mutual_info_regression(z, rng.permutation(y), random_state=seed).max()
    return {"nats": nats.tolist(), "order": np.argsort(-nats, kind="stable").tolist(), "null": float(null)}
