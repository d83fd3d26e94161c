"""Simulated Gaia RVS stars whose true parameters are known.

`simulate` makes them; `truth` shows them without noise or under other labels.
"""

from .derivatives import jacobian, nuisance_priors
from .emulator import inside
from .grids import PIXELS_800, PIXELS_2401
from .noise import ErrorModel
from .nuisances import NuisanceConfig
from .oddities import simulate_active, simulate_binaries
from .population import components, stages
from .recipe import EDITION, is_simulated
from .stars import (
    KINDS,
    READABLE_NUISANCES,
    nuisance_values,
    nuisances_for,
    simulate,
    simulate_by_id,
    simulate_kind,
    true_labels,
    truth,
)
from .version import simulator_identity

__all__ = [
    "EDITION",
    "KINDS",
    "PIXELS_800",
    "PIXELS_2401",
    "READABLE_NUISANCES",
    "ErrorModel",
    "NuisanceConfig",
    "components",
    "inside",
    "is_simulated",
    "jacobian",
    "nuisance_priors",
    "nuisance_values",
    "nuisances_for",
    "simulate",
    "simulate_active",
    "simulate_binaries",
    "simulate_by_id",
    "simulate_kind",
    "simulator_identity",
    "stages",
    "true_labels",
    "truth",
]
