"""A slider's error taken apart: what is due to the latent, to the kind of star, to the Ca II lines.

Every error is relative and pooled over the stars, √Σ‖got − true‖² / √Σ‖true‖², as in counterfactual.py. All
that are compared are resampled together, star by star, so that their differences have intervals of their own.
Shapes: N stars, M of them with labels that the simulator reaches, L pixels, P labels.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..parameters import LABELS, parameter
from .bootstrap import DRAWS, interval, resampled_sums

LEAST_STARS = 50  # of a kind whose error is worth printing: with fewer its interval is as wide as the error


@dataclass(frozen=True)
class Stratum:
    """A kind of star: those whose true label lies between two limits, the lower one included."""

    key: str
    words: str
    label: str
    low: float = -np.inf
    high: float = np.inf

    @property
    def limits(self) -> str:
        """As people write it: `log g < 3.5`."""
        p = parameter(self.label)
        bounds = [("≥", self.low), ("<", self.high)]
        return ", ".join(
            f"{p.in_text} {sign} {value:g} {p.unit if p.unit == 'K' else ''}".rstrip().replace("-", "−")
            for sign, value in bounds
            if np.isfinite(value)
        )

    def holds(self, physical: np.ndarray) -> np.ndarray:
        """(N,) true for the stars of this kind, from the labels (N, 4) that they were made with."""
        values = physical[:, LABELS.index(self.label)]
        return (values >= self.low) & (values < self.high)


# Where a spectrum reacts otherwise to a label than that of most stars does. Below [M/H] = −1 few metal lines
# are left (a twentieth of the sample, where the pooled error hides them); below 4800 K lines crowd and
# saturate; above 6000 K the Paschen lines grow; log g = 3.5 is the foot of the giant branch.
STRATA = (
    Stratum("metal_poor", "metal-poor stars", "mh", high=-1.0),
    Stratum("cool", "cool stars", "teff", high=4800.0),
    Stratum("hot", "hot stars", "teff", low=6000.0),
    Stratum("giants", "giants", "logg", high=3.5),
    Stratum("dwarfs", "dwarfs and subgiants", "logg", low=3.5),
)

# The direction of the one-sided step of a label: hotter, denser, poorer in metals, richer in α elements.
TOWARDS = {"teff": 1, "logg": 1, "mh": -1, "alphafe": 1}


@dataclass(frozen=True, eq=False)
class Change:
    """Changes (M, L) of the spectra of the stars `rows` (M,) out of N: the decoder's and the simulator's.

    without_latent: the decoder's with z := 0.  moves: (M,) how far the label moves.
    """

    decoded: np.ndarray
    without_latent: np.ndarray
    true: np.ndarray
    moves: np.ndarray
    rows: np.ndarray
    stars: int

    def sums(self, got: np.ndarray | None = None, pixels: np.ndarray | None = None) -> np.ndarray:
        """(N, 2) each star's ‖got − true‖² and ‖true‖² over pixels (L,) bool; 0 for a star left out.

        got: (M, L), by default the decoder's change.
        """
        got = self.decoded if got is None else got
        here = np.ones(self.true.shape[1], self.true.dtype) if pixels is None else pixels.astype(got.dtype)
        out = np.zeros((self.stars, 2))
        out[self.rows] = np.stack([np.square(got - self.true) @ here, np.square(self.true) @ here], 1)
        return out


def pooled(sums: np.ndarray) -> float:
    """√Σ‖decoded − true‖² / √Σ‖true‖² from `Change.sums` (N, 2); NaN when no star is reached."""
    error, size = sums.sum(0)
    return float(np.sqrt(error / size)) if size > 0 else float("nan")


def fixed_change(changes: Iterable[Change]) -> np.ndarray:
    """(L,) float32, the change per unit of the label that fits all true changes best: their mean.

    It is chosen with the truth at hand, so no slider that ignores both star and latent can do better.
    Resamplings keep it: where an error is least, another fit changes it little.
    """
    moved = np.sum([c.moves @ c.true for c in changes], axis=0)
    square = sum(float(c.moves @ c.moves) for c in changes)
    return (moved / max(square, 1e-12)).astype(np.float32)


def breakdown(changes: list[Change], physical: np.ndarray, cores: np.ndarray, seed: int) -> dict[str, Any]:
    """What the pooled error of a slider's changes is made of; its entries are as `compared` makes them.

    `without_latent` (z := 0) and `fixed_change` (see there), compared with the slider's own error; of that
    error the parts `in_ca_windows` and `outside_ca_windows`, each compared with the other, and `strata`: key
    of a `Stratum` -> its stars, compared with all others. `interval` is that of the slider's own error.
    physical: (N, 4) true labels.  cores: (L,) true in the Ca II windows.
    """
    fixed = fixed_change(changes)
    own = total(changes, Change.sums)
    errors = resampled_errors(
        {
            "own": own,
            "without_latent": total(changes, lambda c: c.sums(c.without_latent)),
            "fixed_change": total(changes, lambda c: c.sums(np.outer(c.moves.astype(np.float32), fixed))),
            "in_ca_windows": total(changes, lambda c: c.sums(pixels=cores)),
            "outside_ca_windows": total(changes, lambda c: c.sums(pixels=~cores)),
            **{s.key: own * s.holds(physical)[:, None] for s in STRATA},
            **{_others(s): own * ~s.holds(physical)[:, None] for s in STRATA},
        },
        seed,
    )
    pairs = {"without_latent": "own", "fixed_change": "own"}
    pairs |= {"in_ca_windows": "outside_ca_windows", "outside_ca_windows": "in_ca_windows"}
    return {
        "interval": ends(errors["own"]),
        **{name: compared(errors[name], errors[other]) for name, other in pairs.items()},
        "strata": {s.key: _stratum(s, errors, own[:, 1] > 0, s.holds(physical)) for s in STRATA},
    }


def one_sided(step: Change, opposite: Change, seed: int) -> dict[str, Any]:
    """The error of a step in one direction, compared with the step in the opposite one (`compared`)."""
    errors = resampled_errors({"own": step.sums(), "opposite": opposite.sums()}, seed)
    return compared(errors["own"], errors["opposite"])


def _others(stratum: Stratum) -> str:
    return f"not {stratum.key}"


def _stratum(
    stratum: Stratum, errors: dict[str, np.ndarray], reached: np.ndarray, here: np.ndarray
) -> dict[str, Any]:
    """The entry of one stratum; reached: (N,) stars with a true change.  here: (N,) those of the stratum."""
    stars, others = int((here & reached).sum()), int((~here & reached).sum())
    unknown = np.full(1 + DRAWS, np.nan)
    own = errors[stratum.key] if stars >= LEAST_STARS else unknown
    rest = errors[_others(stratum)] if others >= LEAST_STARS else unknown
    return {"limits": stratum.limits, "stars": stars, **compared(own, rest)}


def total(changes: list[Change], sums: Callable[[Change], np.ndarray]) -> np.ndarray:
    """(N, 2) each star's sums (`Change.sums`) over all changes."""
    return np.sum([sums(change) for change in changes], axis=0)


def resampled_errors(parts: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Name -> (1 + DRAWS,) pooled errors of parts (N, 2): of the stars, then of each resampling of them.

    Every part sees the same resamplings. NaN where nothing changes.
    """
    columns = np.concatenate(list(parts.values()), 1)
    draws = resampled_sums(columns, np.random.default_rng([seed, 2]))
    error, size = np.concatenate([columns.sum(0, keepdims=True), draws]).reshape(1 + DRAWS, -1, 2).T
    ratio = np.divide(error, size, out=np.full(error.shape, np.nan), where=size > 0)
    return dict(zip(parts, np.sqrt(ratio), strict=True))


def compared(error: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """An error (1 + DRAWS,) and how much larger it is than another one, each with its 95 % interval.

    `relative_error` and `interval`; `difference`, this error minus the other, and `difference_interval`.
    None where a number is unknown.
    """
    known, both = bool(np.isfinite(error[0])), bool(np.isfinite(error[0] + other[0]))
    difference = error - other
    return {
        "relative_error": float(error[0]) if known else None,
        "interval": ends(error) if known else None,
        "difference": float(difference[0]) if both else None,
        "difference_interval": ends(difference) if both else None,
    }


def ends(error: np.ndarray) -> list[float] | None:
    """The 95 % interval of an error (1 + DRAWS,), without the resamplings that held none of its stars."""
    draws = error[1:][np.isfinite(error[1:])]
    return list(interval(draws)) if len(draws) else None
