"""The verdict on sliders: whether each changes a spectrum as its parameter would change the star's."""

from collections.abc import Mapping
from typing import Any

from ..parameters import parameter
from .sentence import Sentence, is_number

FOLLOWS, FOLLOWS_IN_PART = 0.2, 0.5  # relative errors of a slider up to which it does so
ERROR_DIGITS = 2  # as printed; decisions take the numbers as they are printed


def on_sliders(report: Mapping[str, Any]) -> list[Sentence]:
    """Whether each slider changes a spectrum as its parameter would change the star's."""
    return [on_slider(n, error) for n, error in slider_errors(report).items()]


def slider_grade(error: float) -> str:
    """`good`, `partly` or `bad` for the relative error of a slider."""
    error = round(error, ERROR_DIGITS)
    return "good" if error <= FOLLOWS else "partly" if error <= FOLLOWS_IN_PART else "bad"


def on_slider(name: str, error: float) -> Sentence:
    """The sentence on one slider."""
    grade = slider_grade(error)
    words = {
        "good": "follows the simulator",
        "partly": "follows the simulator in part",
        "bad": "hardly follows the simulator",
    }[grade]
    return Sentence(
        grade, f"The {parameter(name).in_text} slider {words}: relative error {error:.{ERROR_DIGITS}f}."
    )


def slider_errors(report: Mapping[str, Any]) -> dict[str, float]:
    """Label -> relative error of its slider, where it was measured."""
    entries = report.get("counterfactual") or {}
    errors = {n: v.get("relative_error") for n, v in entries.items() if isinstance(v, Mapping)}
    return {n: error for n, error in errors.items() if is_number(error)}
