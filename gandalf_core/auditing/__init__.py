"""Honest measurement: leakage by fresh probes, sliders against the truth, and the limits of any method."""

from .plan import check_choice
from .report import audit

__all__ = ["audit", "check_choice"]
