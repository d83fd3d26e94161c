"""The verdict: what an audit's numbers mean, in sentences. Shell, page, card and JSON take them from here.

`report` is the dictionary that `audit` returns, or the same read back from JSON, where a number that could
not be measured is None or missing.
"""

from collections.abc import Mapping
from typing import Any

from ..parameters import parameter
from .sentence import Sentence, is_number
from .slider_verdict import on_sliders

REMOVED_LIMIT = 0.02  # the excess R² up to which a parameter counts as removed
KEPT_LIMIT = 0.02  # the R² below the plain auto-encoder's up to which a parameter counts as kept
R2_DIGITS = 3  # as printed; decisions take the numbers as they are printed
PROBE_WORDS = {
    "ridge": "a linear fit",
    "mlp": "a neural network",
    "trees": "decision trees",
    "neighbours": "nearest neighbours",
    "mean": "the mean",
    "floor": "the other parameters alone",
}


def verdict(report: Mapping[str, Any]) -> list[Sentence]:
    """The whole report in sentences: one for each parameter, and one for each slider."""
    return on_latent(report) + on_sliders(report)


def on_latent(report: Mapping[str, Any]) -> list[Sentence]:
    """What the latent holds of each parameter, the removed ones first."""
    removed, kept, untouched = (report.get(part) or {} for part in ("removed", "kept", "untouched"))
    beyond = " beyond what the other parameters tell" if kept or untouched else ""
    sentences = [on_removed(n, entry, beyond) for n, entry in removed.items()]
    sentences += [on_kept(n, entry) for n, entry in kept.items()]
    return sentences + [on_untouched(n, entry) for n, entry in untouched.items()]


# --- decisions ---


def removal(entry: Mapping[str, Any]) -> str:
    """The decision on one removed label: `removed`, `trace`, `readable` or `cannot tell`.

    The test (`flagged`) decides whether the latent tells anything at all, the interval of the excess whether
    it may be more than REMOVED_LIMIT; the excess alone decides nothing.
    """
    excess, upper = round(entry["excess"], R2_DIGITS), round(ends_of(entry, "excess")[1], R2_DIGITS)
    if entry.get("flagged") and excess > REMOVED_LIMIT:
        return "readable"
    if upper > REMOVED_LIMIT:
        return "cannot tell"
    return "trace" if entry.get("flagged") else "removed"


def retention(entry: Mapping[str, Any]) -> str:
    """The decision on one kept label: `kept`, `lost`, `cannot tell`, or `no reference` to compare with."""
    if not is_number(entry.get("loss")):
        return "no reference"
    low, high = (round(end, R2_DIGITS) for end in ends_of(entry, "loss"))
    return "lost" if low > KEPT_LIMIT else "kept" if high <= KEPT_LIMIT else "cannot tell"


# --- sentences ---


def on_removed(name: str, entry: Mapping[str, Any], beyond: str = "") -> Sentence:
    """The sentence on one removed label; `beyond` says beside what its excess counts."""
    plain = parameter(name).in_text
    low, high = map(signed, ends_of(entry, "excess"))
    amount = f"R² = {signed(entry['excess'])} (95 % interval {low} to {high}) from the latent{beyond}"
    decision = removal(entry)
    if decision == "removed":
        return Sentence("good", f"{plain} is removed: a fresh probe reads only {amount}.")
    if decision == "trace":
        text = (
            f"{plain} is removed but for a trace: a test finds it, though a fresh probe reads only {amount}."
        )
        return Sentence("good", text)
    if decision == "readable":
        probe = probe_words(entry.get("joint_probe") or entry.get("probe") or "")
        reader = f"a fresh probe ({probe})" if probe else "a fresh probe"
        return Sentence("bad", f"{plain} is still readable: {reader} reads {amount}.")
    text = f"These stars cannot tell whether {plain} is removed: a fresh probe reads {amount}"
    return Sentence("unsure", f"{text}, which may be more than the limit of {REMOVED_LIMIT}; use more stars.")


def on_kept(name: str, entry: Mapping[str, Any]) -> Sentence:
    """The sentence on one label that was to be kept."""
    plain, decision = parameter(name).in_text, retention(entry)
    amount = f"a fresh probe reads it with R² = {signed(entry['r2'])}"
    if decision == "no reference":
        text = f"Whether {plain} is kept takes a plain auto-encoder to compare with: {amount}."
        return Sentence("unsure", text)
    low, high = ends_of(entry, "loss")
    amount += f", {beside_plain(entry['loss'])} the plain auto-encoder"
    amount += f" (95 % interval {beside_plain(high)} to {beside_plain(low)})"
    if decision == "kept":
        return Sentence("good", f"{plain} is kept: {amount}.")
    if decision == "lost":
        return Sentence("bad", f"{plain} is partly lost: {amount}.")
    return Sentence("unsure", f"These stars cannot tell whether {plain} is kept: {amount}; use more stars.")


def on_untouched(name: str, entry: Mapping[str, Any]) -> Sentence:
    """The sentence on one label that was neither removed nor kept on purpose."""
    text = (
        f"{parameter(name).in_text} was left alone: a fresh probe reads it with R² = {signed(entry['r2'])}."
    )
    return Sentence("neutral", text)


def probe_words(probe: str) -> str:
    """What kind of reader a probe is, in words: `trees on the rest` is `decision trees`."""
    kind = probe.partition(" ")[0]
    return PROBE_WORDS.get(kind, kind)


# --- numbers ---


def ends_of(entry: Mapping[str, Any], key: str) -> tuple[float, float]:
    """The ends of the entry's interval; the value of `key` itself where there is none."""
    low, high = entry.get("interval") or (None, None)
    return (low, high) if is_number(low) and is_number(high) else (entry[key], entry[key])


def signed(value: float) -> str:
    """Three digits after the point, a true minus sign, and no minus zero."""
    return f"{value:z.{R2_DIGITS}f}".replace("-", "−")


def beside_plain(loss: float) -> str:
    """A loss of R² against the plain auto-encoder, in words: `0.004 below`."""
    return f"{abs(loss):.{R2_DIGITS}f} {'below' if loss > 0 else 'above'}"
