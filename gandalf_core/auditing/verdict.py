"""The verdict: what an audit's numbers mean, in sentences. Shell, page, card and JSON take them from here.

`report` is the dictionary that `audit` returns, or the same read back from JSON, where a number that could
not be measured is None or missing.
"""

from collections.abc import Mapping
from typing import Any

from ..parameters import parameter
from .sentence import Sentence, is_number
from .slider_verdict import on_sliders

REMOVED_LIMIT = 0.02  # the partial R² below which a parameter counts as removed
SPREAD_BITS = 0.015  # from here on it counts as readable where only its spread is told
FALSE_ALARMS = 0.025  # the share of innocent labels that the test may flag: one in forty
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
    """The decision on one removed label: `removed`, `readable` or `cannot tell`.

    Removed: the upper limit is below REMOVED_LIMIT, a leak of that size would have been found, and no more
    is told of the label's spread than SPREAD_BITS. Readable: the test rejects and it is not removed. A value
    that was read decides nothing by itself, but more than REMOVED_LIMIT read is never called removed.
    """
    found = is_number(entry.get("p")) and entry["p"] <= FALSE_ALARMS
    upper, detectable = entry.get("upper"), entry.get("detectable")
    small = is_number(upper) and max(upper, entry.get("partial") or 0.0) < REMOVED_LIMIT
    sensitive = is_number(detectable) and detectable <= REMOVED_LIMIT
    spread = found and not entry.get("label_errors") and (entry.get("bits") or 0.0) >= SPREAD_BITS
    if small and sensitive and not spread:
        return "removed"
    return "readable" if found and (spread or not small) else "cannot tell"


def retention(entry: Mapping[str, Any]) -> str:
    """The decision on one kept label: `kept`, `lost`, `cannot tell`, or `no reference` to compare with."""
    if not is_number(entry.get("loss")):
        return "no reference"
    low, high = (round(end, R2_DIGITS) for end in ends_of(entry, "loss"))
    return "lost" if low > KEPT_LIMIT else "kept" if high <= KEPT_LIMIT else "cannot tell"


# --- sentences ---


def on_removed(name: str, entry: Mapping[str, Any], beyond: str = "") -> Sentence:
    """The sentence on one removed label, with what a reader gets who knows the other removed ones too.

    `beyond` says beside what the latent counts.
    """
    plain = parameter(name).in_text
    grade, text = _on_leak(plain, entry, beyond)
    together = entry.get("given_removed")
    if together and removal(together) == "readable" and removal(entry) != "readable":
        grade = "bad"
        amount = signed(together["partial"])
        text += f" A reader who also knows the other removed parameters reads partial R² = {amount} or more."
    return Sentence(grade, text + _on_strata(entry) + _on_label_errors(entry))


def _on_leak(plain: str, entry: Mapping[str, Any], beyond: str) -> tuple[str, str]:
    decision, partial = removal(entry), f"partial R² = {signed(entry['partial'])}"
    found = entry["p"] <= FALSE_ALARMS
    if decision == "removed" and not found:
        return "good", (
            f"{plain} is removed: nothing of it was found in the latent{beyond}. A leak of partial R² = "
            f"{signed(entry['detectable'])} would have been found; "
            f"more than {signed(entry['upper'])} cannot be there."
        )
    if decision == "removed":
        return "good", (
            f"{plain} is removed but for a trace: a test finds it (p = {entry['p']:.3f}), a fresh probe "
            f"reads {partial}{beyond}, and more than {signed(entry['upper'])} cannot be there."
        )
    if decision == "readable":
        only_spread = entry["partial"] < REMOVED_LIMIT and (entry.get("bits") or 0) >= SPREAD_BITS
        bits = f" and {entry['bits']:.3f} bits, of its spread" if only_spread else ""
        reader = probe_words(entry.get("joint_probe") or "")
        return "bad", (
            f"{plain} is still readable: a fresh probe ({reader}) reads {partial}{bits} or more{beyond} "
            f"(p = {entry['p']:.3f})."
        )
    return "unsure", f"These stars cannot tell whether {plain} is removed: {_what_may_be(entry)}."


def _what_may_be(entry: Mapping[str, Any]) -> str:
    """What an audit that cannot tell leaves open, and how many stars would tell."""
    upper, detectable = entry.get("upper"), entry.get("detectable")
    if not is_number(upper) or not is_number(detectable):
        return "with so few of them not even a large leak would be found; use many more stars"
    needed = max(upper, detectable) / REMOVED_LIMIT * entry["stars"] * 1.2
    return (
        f"a leak of partial R² = {signed(upper)} may be there, one of {signed(detectable)} would have been "
        f"found, and the limit is {REMOVED_LIMIT}; about {float(f'{needed:.1g}'):,.0f} stars would tell"
    )


def _on_label_errors(entry: Mapping[str, Any]) -> str:
    """What errors of the other labels do to the answer; nothing where the labels are exact or nothing is found."""
    if entry.get("label_errors"):
        return f" The errors of the other parameters are allowed for: as given, p = {entry['as_given']['p']:.3f}."
    made = entry.get("typical_errors")
    if not is_number(made) or entry["p"] > FALSE_ALARMS:
        return ""
    return f" Errors of the other parameters as large as a catalogue's could make R² = {signed(made)} of it."


def _on_strata(entry: Mapping[str, Any]) -> str:
    """A further sentence where a tail of a kept label tells much more than all stars together."""
    parts = entry.get("strata") or []
    worst = max(parts, key=lambda s: s["partial"], default=None)
    if worst is None or worst["p"] > FALSE_ALARMS / len(parts) or worst["partial"] < 2 * REMOVED_LIMIT:
        return ""
    if worst["partial"] < 2 * entry["partial"]:
        return ""
    known = parameter(worst["label"])
    side = "up to" if worst["side"] == "low" else "from"
    where = f"{known.in_text} {side} {known.format(worst['limit'])}"
    return (
        f" Among the {worst['stars']:,} stars with {where}, partial R² = {signed(worst['partial'])} is read."
    )


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
