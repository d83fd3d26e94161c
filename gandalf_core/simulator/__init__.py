"""Simulated Gaia RVS stars with known truth: `simulate` makes them, `truth` shows them noise-free or under
other labels.
"""

from .derivatives import jacobian
from .emulator import inside
from .grids import PIXELS_800, PIXELS_2401
from .nuisances import NuisanceConfig, model_error_covariance, priors
from .population import components, stages
from .recipe import is_simulated
from .stars import READABLE, nuisance_values, nuisances_for, simulate, true_labels, truth

__all__ = [
    "PIXELS_800",
    "PIXELS_2401",
    "READABLE",
    "NuisanceConfig",
    "components",
    "inside",
    "is_simulated",
    "jacobian",
    "model_error_covariance",
    "nuisance_values",
    "nuisances_for",
    "priors",
    "simulate",
    "stages",
    "true_labels",
    "truth",
]
