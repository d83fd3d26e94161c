"""How fast long work goes, and how long it will take."""

import time

LEAST_SECONDS = 0.5  # before a rate means anything


def duration(seconds: float) -> str:
    """Seconds as people say them: 45 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Pace:
    """The pace of work on `total` stars, from the first that are done on: no start is counted as work."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._first: tuple[float, int] | None = None  # when how many were done

    def fraction(self, done: int) -> float:
        """The share of the stars that is done, 0 to 1."""
        return min(1.0, done / self.total) if self.total else 1.0

    def text(self, done: int) -> str:
        """How many of the stars are done, how many are in a second, and what time that leaves."""
        said, now = f"{done:,} of {self.total:,} stars", time.perf_counter()
        begun, before = self._first = self._first or (now, done)
        rate = (done - before) / (now - begun) if now - begun > LEAST_SECONDS else 0.0
        if rate <= 0:
            return said
        left = max(0, self.total - done) / rate
        return f"{said}, {rate:,.0f} per second" + (f", {duration(left)} left" if left else "")
