"""Honest measurement: leakage by fresh probes, sliders against the truth, and the limits of any method."""

from .report import audit, check_choice

__all__ = ["audit", "check_choice"]
