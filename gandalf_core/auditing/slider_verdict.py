"""The verdict on sliders: whether each changes a spectrum as its parameter would change the star's.

Words follow from distances between errors: the slider's own, the one without the latent (z := 0), the one of
a fixed change for all stars, and those of some kinds of stars (see breakdown.py). A distance counts by its
95 % interval, in which all stars were resampled together.
"""

from collections.abc import Mapping
from typing import Any

from ..parameters import parameter
from .breakdown import STRATA
from .sentence import Sentence, is_number

FOLLOWS, FOLLOWS_IN_PART = 0.2, 0.5  # relative errors of a slider up to which it does so
LITTLE, LEAST_LITTLE = 0.1, 0.01  # a difference up to this share of the error, or up to this size, is little
# A part of the error is named where even the low end of its interval is this much larger than elsewhere: by
# this share of it, and at least by so much.
MUCH_LARGER, LEAST_LARGER = 0.5, 0.02
ERROR_DIGITS = 2  # as printed; the grades take the numbers as they are printed
WORDS = {
    "good": "follows the simulator",
    "partly": "follows the simulator in part",
    "bad": "hardly follows the simulator",
}
FIXED = "one fixed change for all stars"


def on_sliders(report: Mapping[str, Any]) -> list[Sentence]:
    """Whether each slider changes a spectrum as its parameter would change the star's."""
    return [on_slider(n, entry) for n, entry in slider_entries(report).items()]


def slider_entries(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Label -> the entry of its slider, where its error was measured."""
    entries = report.get("counterfactual") or {}
    return {
        n: entry
        for n, entry in entries.items()
        if isinstance(entry, Mapping) and is_number(entry.get("relative_error"))
    }


# --- decisions ---


def slider_grade(error: float) -> str:
    """`good`, `partly` or `bad` for the relative error of a slider."""
    error = round(error, ERROR_DIGITS)
    return "good" if error <= FOLLOWS else "partly" if error <= FOLLOWS_IN_PART else "bad"


def against_fixed(entry: Mapping[str, Any]) -> str:
    """How the slider compares with one fixed change for all stars, by the interval of the difference.

    `better`, `hardly better`, `no better` or `worse`; `cannot tell` where better and no better are both in
    the interval; empty in a report that does not know.
    """
    if not (ends := difference_ends(entry.get("fixed_change"))):
        return ""
    low, high = ends
    if high < -LEAST_LITTLE:
        return "worse"
    if high <= little(entry["fixed_change"]["relative_error"]):
        return "hardly better" if low > 0 else "no better"
    return "better" if low > 0 else "cannot tell"


def latent_part(entry: Mapping[str, Any]) -> str:
    """What the latent adds to the slider: `nothing`, `next to nothing`, `something` or `harm`.

    Empty where the interval of the difference leaves it open, or the report does not know.
    """
    if not (ends := difference_ends(entry.get("without_latent"))):
        return ""
    low, high = ends
    if max(-low, high) <= little(entry["relative_error"]):
        return "next to nothing" if low > 0 else "nothing"
    return "something" if low > 0 else "harm" if high < 0 else ""


def much_larger(part: Any) -> bool:
    """Whether the error of a part of stars or pixels is surely much larger than that of the others."""
    if not (ends := difference_ends(part)):
        return False
    return ends[0] > max(MUCH_LARGER * error_elsewhere(part), LEAST_LARGER)


def error_elsewhere(part: Mapping[str, Any]) -> float:
    """The error of what a part is compared with."""
    return part["relative_error"] - part["difference"]


def little(error: float) -> float:
    """The size up to which a difference from this error is little."""
    return max(LITTLE * error, LEAST_LITTLE)


def difference_ends(part: Any) -> tuple[float, float] | None:
    """The ends of the interval of a part's `difference`, None where it was not measured."""
    low, high = (part.get("difference_interval") if isinstance(part, Mapping) else None) or (None, None)
    # without the rounding of single precision
    return (round(low, 4), round(high, 4)) if is_number(low) and is_number(high) else None


# --- sentences ---


def on_slider(name: str, entry: Mapping[str, Any]) -> Sentence:
    """What one slider does, and in a second sentence, where that was measured, what it owes to whom."""
    grade, compared = slider_grade(entry["relative_error"]), against_fixed(entry)
    slider = f"{parameter(name).in_text} slider"
    error, parts = f"relative error {digits(entry['relative_error'])}", larger_parts(entry)
    latent, fixed = without_latent(entry), fixed_error(entry)
    if compared in ("hardly better", "no better", "worse"):
        words = "comes close to the simulator" if grade == "good" else "does not follow the simulator"
        text = f"The {slider} {words}: {error}, {compared} than {FIXED} ({fixed}){parts}.{facts(latent)}"
        return Sentence("partly" if grade == "good" else "bad", text)
    if compared == "cannot tell" and grade != "bad":
        text = f"These stars cannot tell whether the {slider} follows the simulator: {error}, and perhaps"
        text = f"{text} no better than {FIXED} ({fixed}){parts}; use more stars.{facts(latent)}"
        return Sentence("unsure", text)
    more = facts(latent, f"{FIXED} would give {fixed}" if fixed else "")
    return Sentence(grade, f"The {slider} {WORDS[grade]}: {error}{parts}.{more}")


def fixed_error(entry: Mapping[str, Any]) -> str:
    """The error of one fixed change for all stars; empty where the report does not know."""
    known = difference_ends(entry.get("fixed_change"))
    return digits(entry["fixed_change"]["relative_error"]) if known else ""


def without_latent(entry: Mapping[str, Any]) -> str:
    """What the error would be without the latent; empty where the report does not know."""
    if not difference_ends(entry.get("without_latent")):
        return ""
    part, error = latent_part(entry), digits(entry["without_latent"]["relative_error"])
    if part in ("nothing", "next to nothing"):
        return f"the latent adds {part}: {error} without it"
    if part == "harm":
        return f"the latent does harm: {error} without it"
    return f"without the latent it would be {error}"


def larger_parts(entry: Mapping[str, Any]) -> str:
    """The kinds of stars, and the Ca II lines, where the error is much larger than elsewhere."""
    strata, cores = entry.get("strata") or {}, entry.get("in_ca_windows") or {}
    stars = [
        f"{s.words} ({s.limits}: {beside(strata[s.key])})" for s in STRATA if much_larger(strata.get(s.key))
    ]
    places = [f"for {listed(stars)}"] if stars else []
    if much_larger(cores):
        places += [f"in the cores of the Ca II lines ({beside(cores)})"]
    return f", much larger {', and '.join(places)}" if places else ""


def beside(part: Mapping[str, Any]) -> str:
    """The error of a part beside that of the others: `0.32 against 0.15`."""
    return f"{digits(part['relative_error'])} against {digits(error_elsewhere(part))}"


def facts(*texts: str) -> str:
    """The texts as one more sentence, with the blank before it; empty without any."""
    text = "; ".join(filter(None, texts))
    return f" {text[0].upper()}{text[1:]}." if text else ""


def listed(things: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, [", ".join(things[:-1]), things[-1]]))


def digits(error: float) -> str:
    """A relative error as printed, without a minus zero."""
    return f"{error:z.{ERROR_DIGITS}f}"
