"""Plain numbers beside the figures of a change: how wrong it is, and the changes worth a button."""

import numpy as np

from ..parameters import parameter


def change_error(got: np.ndarray, true: np.ndarray) -> float:
    """‖got − true‖ / ‖true‖ over the pixels where both are known; NaN when nothing changes."""
    good = np.isfinite(got) & np.isfinite(true)
    size = np.linalg.norm(true[good])
    return float(np.linalg.norm((got - true)[good]) / size) if size > 1e-6 else float("nan")


PAPER = {"teff": 7500.0, "alphafe": 0.0}  # the paper's Figure 2; no model atmosphere of the sample is that hot
OTHERS = ({"teff": 6500.0}, {"mh": -1.0}, {"logg": 2.0})


def presets(names: tuple[str, ...]) -> list[dict]:
    """Changes to offer, those whose labels are all among `names`: {name, labels}."""
    return [{"name": _words(change), "labels": change} for change in (PAPER, *OTHERS) if set(change) <= set(names)]


def _words(change: dict[str, float]) -> str:
    return ", ".join(f"{parameter(n).symbol} = {parameter(n).format(v)}" for n, v in change.items())
