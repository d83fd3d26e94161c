"""Plain numbers beside the figures of a change: how wrong it is, and the changes worth a button."""

import numpy as np

from ..parameters import CALCIUM_CORES_NM, parameter


def change_error(got: np.ndarray, true: np.ndarray) -> float:
    """‖got − true‖ / ‖true‖ over the pixels where both are known; NaN when nothing changes."""
    good = np.isfinite(got) & np.isfinite(true)
    size = np.linalg.norm(true[good])
    return float(np.linalg.norm((got - true)[good]) / size) if size > 1e-6 else float("nan")


STRIKING = 6.0  # σ: what noise does in none of 800 pixels
CORE_NM = 0.3  # on either side of a Ca II line's centre


def striking(wavelength_nm: np.ndarray, residual: np.ndarray) -> str:
    """A sentence on the largest residual [σ] of a star (L,), or nothing where noise explains it."""
    if not np.isfinite(residual).any():
        return ""
    at = int(np.nanargmax(np.abs(residual)))
    if abs(residual[at]) < STRIKING:
        return ""
    nm = float(wavelength_nm[at])
    core = np.abs(nm - np.array(CALCIUM_CORES_NM)).min() <= CORE_NM
    where = ", in the core of a Ca II line, where real stars differ from the simulator's" if core else ""
    return f"The largest: {abs(residual[at]):.0f} σ at {nm:.1f} nm{where}."


# the paper's Figure 2; no model atmosphere of the sample is that hot
PAPER = {"teff": 7500.0, "alphafe": 0.0}
OTHERS = ({"teff": 6500.0}, {"mh": -1.0}, {"logg": 2.0})


def presets(names: tuple[str, ...]) -> list[dict]:
    """Changes to offer, those whose labels are all among `names`: {name, labels}."""
    return [
        {"name": _words(change), "labels": change} for change in (PAPER, *OTHERS) if set(change) <= set(names)
    ]


def _words(change: dict[str, float]) -> str:
    return ", ".join(f"{parameter(n).symbol} = {parameter(n).format(v)}" for n, v in change.items())
