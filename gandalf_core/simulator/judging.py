"""Stars that are reserved for judging: nothing is trained, tuned, calibrated or chosen on them.

Shapes: N stars.
"""

import re
from collections.abc import Sequence

import numpy as np

from ..errors import SpectraError
from ..seeds import JUDGING_BLOCK

_SEED = re.compile(r"sim(\d{1,18})\D")
_SOURCE = re.compile(r"simulated:\d+:(\d+)(?::.*)?")
_REASON = (
    f"seeds {JUDGING_BLOCK[0]} to {JUDGING_BLOCK[-1]} are reserved for judging; take stars of another seed"
)


def reserved(ids: np.ndarray) -> np.ndarray:
    """(N,) true for the simulated stars of a seed that is reserved for judging, whatever file they are in."""
    ids = np.asarray(ids, str)
    out = np.zeros(len(ids), bool)
    rows = np.flatnonzero(np.char.startswith(ids, "sim"))
    matches = [_SEED.match(i) for i in ids[rows].tolist()]
    out[rows] = [match is not None and int(match[1]) in JUDGING_BLOCK for match in matches]
    return out


def is_reserved_source(source: str) -> bool:
    """True where stars are all of one simulation, `simulated:N:SEED`, whose seed is reserved for judging."""
    match = _SOURCE.fullmatch(source)
    return match is not None and int(match[1]) in JUDGING_BLOCK


def refuse_reserved_sources(sources: Sequence[str], purpose: str) -> None:
    """SpectraError for a source whose seed is reserved for judging, before its stars are simulated."""
    for source in filter(is_reserved_source, sources):
        raise SpectraError(f"cannot {purpose} {source}: {_REASON}")


def refuse_reserved(ids: np.ndarray, purpose: str) -> None:
    """SpectraError when some of the stars (N,) are reserved for judging. purpose: `train on`, for example."""
    rows = reserved(ids)
    if rows.any():
        raise SpectraError(
            f"cannot {purpose} {rows.sum():,} of these stars (first: {ids[rows.argmax()]}): {_REASON}"
        )
