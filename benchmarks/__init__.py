"""How fast, as ratios taken in one run: `python -m benchmarks [--only NAME] [--quick] [--json]`."""
