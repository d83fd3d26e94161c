"""One report on a model: its audit, and the comparison of its latent with the spectra.

Shapes: N stars, P labels.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..auditing import audit
from ..auditing.bounds import star_bounds
from ..auditing.compare import PAPERS_TABLE, ComparisonOptions, compare_models, comparison_split
from ..auditing.probes import PROBES
from ..data.protocols import StarModel
from ..data.spectra import SpectraSet
from ..jobs.progress import Progress, silent
from ..parameters import LABELS
from ..simulator import is_simulated


def model_report(
    model: StarModel,
    stars: SpectraSet,
    *,
    plain: StarModel | None = None,
    probes: tuple[str, ...] = PROBES,
    comparison: ComparisonOptions = PAPERS_TABLE,
    progress: Progress = silent,
) -> dict[str, Any]:
    """The report of `auditing.audit` under `audit`, and that of `compare_with_bounds` under `compare`.

    plain: the plain auto-encoder to compare with in the audit.  comparison: its seed is also that of the
    audit. Raises AuditError as both do.
    """
    return {
        "audit": audit(model, stars, plain=plain, probes=probes, seed=comparison.seed, progress=progress),
        "compare": compare_with_bounds(stars, {model.name: model}, comparison, progress=progress),
    }


def compare_with_bounds(
    stars: SpectraSet,
    models: Mapping[str, StarModel],
    options: ComparisonOptions = PAPERS_TABLE,
    *,
    progress: Progress = silent,
) -> dict[str, Any]:
    """The report of `auditing.compare.compare_models`.

    Errors on simulated stars are also given in units of the Cramér-Rao bound, where that is known.
    """
    bounds = attainable_errors(stars, models, options.seed, progress)
    return compare_models(stars, models, options, bounds=bounds, progress=progress)


def attainable_errors(
    stars: SpectraSet, models: Mapping[str, StarModel], split_seed: int, progress: Progress = silent
) -> np.ndarray | None:
    """(N, P) Cramér-Rao bounds, 1σ, of the stars that test; NaN for those that train.

    None where they are not known: the stars are not simulated, or a model has labels of its own.
    """
    if not is_simulated(stars) or any(m.label_names != LABELS for m in models.values()):
        return None
    test = comparison_split(stars, models, split_seed)[1]
    sigma = np.full((len(stars), len(LABELS)), np.nan)
    sigma[test] = star_bounds(stars[test], progress).sigma
    return sigma
