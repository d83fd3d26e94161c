"""Simulated Gaia RVS stars with known truth: `simulate` makes them, `truth` shows the same stars noise-free or under other labels."""

from .emulator import inside
from .grids import PIXELS_800, PIXELS_2401
from .nuisances import NuisanceConfig, model_error_covariance, priors
from .population import components, stages
from .stars import is_simulated, jacobian, nuisance_values, simulate, true_labels, truth

__all__ = [
    "PIXELS_800",
    "PIXELS_2401",
    "NuisanceConfig",
    "components",
    "inside",
    "is_simulated",
    "jacobian",
    "model_error_covariance",
    "nuisance_values",
    "priors",
    "simulate",
    "stages",
    "true_labels",
    "truth",
]
