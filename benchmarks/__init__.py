"""Measures speed, as ratios within one run: `python -m benchmarks [--only NAME] [--quick] [--json]`."""
