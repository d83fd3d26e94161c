"""Simulated stars as if two surveys had labelled them: with errors, and with an offset between the two.

What is put in is known, so that what a whole reproduction makes of labels can be checked. Shapes: N stars,
P labels.
"""

from dataclasses import dataclass

import numpy as np

from ..data.spectra import SpectraSet
from ..parameters import LABELS

SURVEYS = ("survey A", "survey B")
ERRORS = {"teff": 50.0, "logg": 0.08, "mh": 0.04, "alphafe": 0.03}  # 1σ, of both surveys
OFFSETS = {"teff": 80.0, "logg": -0.10, "mh": 0.06, "alphafe": -0.04}  # of B from A
ONLY_B, BOTH = 0.15, 0.10  # shares of the stars; the paper's sample has 15 % from its second survey


@dataclass(frozen=True, eq=False)
class Labelled:
    """stars: under ids that name no simulator, with the labels of A, else of B.  table: all labels of both.

    columns of `table`: source_id, survey, and each label with its error.
    """

    stars: SpectraSet
    table: dict[str, np.ndarray]


def as_surveyed(stars: SpectraSet, seed: int) -> Labelled:
    """Stars (N,) with true labels as two surveys would have measured them."""
    rng = np.random.default_rng([seed, 20])
    count, truth = len(stars), stars.labels_for(LABELS)
    share = rng.random(count)
    in_b = np.asarray(share < ONLY_B + BOTH)
    in_a = np.asarray(share >= ONLY_B)
    sigma = np.array([ERRORS[name] for name in LABELS])
    a = truth + sigma * rng.standard_normal(truth.shape)
    b = truth + np.array([OFFSETS[n] for n in LABELS]) + sigma * rng.standard_normal(truth.shape)
    ids = np.array([f"mock-{k}" for k in range(count)])
    first = np.where(in_a[:, None], a, b)
    names = (*LABELS, *(f"{name}_error" for name in LABELS))
    columns = np.concatenate([first, np.tile(sigma, (count, 1))], 1)
    about = {"spectra": "simulated", "labels": list(SURVEYS), "instrument": "gaia-rvs"}
    mock = SpectraSet(
        stars.flux, stars.wavelength_nm, ids, columns, names, stars.flux_error, stars.mask, about
    )
    table = {"source_id": np.concatenate([ids[in_a], ids[in_b]])}
    for p, name in enumerate(LABELS):
        table[name] = np.concatenate([a[in_a, p], b[in_b, p]])
        table[f"{name}_error"] = np.full(len(table[name]), sigma[p])
    table["survey"] = np.repeat(SURVEYS, [int(in_a.sum()), int(in_b.sum())])
    return Labelled(mock, table)
