"""Honest measurement: leakage by fresh probes, sliders against the truth, and the limits of any method."""

from .latent_report import LatentAudit, audit_latent, audit_table
from .plan import check_choice
from .report import audit

__all__ = ["LatentAudit", "audit", "audit_latent", "audit_table", "check_choice"]
