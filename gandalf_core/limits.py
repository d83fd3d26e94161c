"""Bounds on the numbers that people give, where more than one module refuses by them."""

MAX_STARS = 2_000_000  # simulated at once
MAX_SEED = 2**31 - 1  # numpy's RandomState ends at 2**32 − 1, and the seeds of folds, members and trials are sums
