"""A sentence of the verdict, and whether there is a number to put into it.

verdict.py and slider_verdict.py make the sentences.
"""

from typing import Any, NamedTuple, TypeGuard

import numpy as np


class Sentence(NamedTuple):
    """One sentence of the verdict, and how good the news is."""

    grade: str  # good, partly, bad or unsure; neutral for a fact that is neither
    text: str


def is_number(value: Any) -> TypeGuard[float]:
    """True for a finite number; None and NaN stand for what could not be measured."""
    return isinstance(value, (int, float)) and bool(np.isfinite(value))
