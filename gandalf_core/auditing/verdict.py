"""The verdict: what an audit's numbers mean, in sentences. Shell, page, card and JSON take them from here.

`report` is the dictionary that `audit` returns, or the same read back from JSON, where a number that could
not be measured is None or missing.
"""

from collections.abc import Mapping
from typing import Any

from ..models.edition import is_first_edition, on_first_edition
from ..parameters import parameter
from .decisions import (
    R2_DIGITS,
    REMOVED_LIMIT,
    SPREAD_BITS,
    does_not_vary,
    ends_of,
    is_found,
    is_known,
    may_be_the_floor,
    removal,
    retention,
    telling_stratum,
    tells_more_together,
)
from .sentence import Sentence, is_number
from .slider_verdict import on_sliders

P_DIGITS = 3  # as printed
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
    if is_first_edition(report):
        sentences = [Sentence("unsure", on_first_edition(removed))]
    else:
        sentences = [on_removed(n, entry, beyond) for n, entry in removed.items()]
    sentences += [on_kept(n, entry) for n, entry in kept.items()]
    return sentences + [on_untouched(n, entry) for n, entry in untouched.items()]


# --- sentences ---


def on_removed(name: str, entry: Mapping[str, Any], beyond: str = "") -> Sentence:
    """The sentence on one removed label, with further ones where more must be known.

    `beyond` says beside what the latent counts.
    """
    words = {"removed": _removed, "readable": _readable, "cannot tell": _cannot_tell}
    decision, plain = removal(entry), parameter(name).in_text
    text = words[decision](plain, entry, beyond) + _on_errors(entry)
    leaks = _on_reader_of_others(entry) + _on_strata(entry)
    removed = "partly" if leaks else "good"
    grade = {"removed": removed, "readable": "bad"}.get(decision, "bad" if leaks else "unsure")
    return Sentence(grade, text + leaks)


def _removed(plain: str, entry: Mapping[str, Any], beyond: str) -> str:
    if does_not_vary(entry):
        return f"{plain} is removed: the latent does not vary, so it tells nothing."
    sure = f"with 95 % confidence less than {size(entry['upper'])} is there"
    if is_found(entry):
        return (
            f"{plain} is removed but for a trace: a test finds it ({chance(entry)}), yet a fresh probe reads "
            f"only {partial_r2(entry)}{beyond}; {sure}{_of_random_sign(entry, 'upper')}."
        )
    return (
        f"{plain} is removed: a test finds nothing of it in the latent{beyond} ({chance(entry)}). A linear "
        f"leak of partial R² = {size(entry['detectable'])} would have been found in 80 % of trials; {sure}"
        f"{_of_random_sign(entry, 'detectable', 'upper')}."
    )


def _of_random_sign(entry: Mapping[str, Any], *keys: str) -> str:
    """The same limits for a leak whose sign is random, in brackets; empty where they are not known."""
    even = entry.get("even") or {}
    numbers = [size(even[key]) if is_number(even.get(key)) else "beyond all sizes" for key in keys]
    return f" (for a leak of random sign: {' and '.join(numbers)})" if even else ""


def _readable(plain: str, entry: Mapping[str, Any], beyond: str) -> str:
    found = f"{beyond} ({chance(entry)})"
    if entry["partial"] >= REMOVED_LIMIT:
        reader = probe_words(entry.get("joint_probe") or "")
        probe = f"a fresh probe ({reader})" if reader else "a fresh probe"
        return f"{plain} is still readable: {probe} reads at least {partial_r2(entry)}{found}."
    if (entry.get("bits") or 0) >= SPREAD_BITS:
        return (
            f"{plain} is still readable in part: the latent tells {entry['bits']:.3f} bits of how far it "
            f"scatters{found}, though of its value a fresh probe reads only {partial_r2(entry)}."
        )
    most = f"up to {size(entry['upper'])}" if is_number(entry.get("upper")) else "any amount"
    return (
        f"{plain} is still in the latent: a test finds it there{found}. Our probes read only "
        f"{partial_r2(entry)}, but {most} may be there."
    )


def _cannot_tell(plain: str, entry: Mapping[str, Any], beyond: str) -> str:
    if is_known(entry):
        return f"The other parameters tell {plain} by themselves, so nothing is left for the latent to tell."
    if is_found(entry) and may_be_the_floor(entry):
        return (
            f"These stars cannot tell whether {plain} is removed: a test finds it ({chance(entry)}), but "
            "stars of nearly equal other parameters still agree in what these leave open (partial R² = "
            f"{size(entry['unlearned'])}), so the find may be no leak; use many more stars."
        )
    return f"These stars cannot tell whether {plain} is removed: {_what_may_be(entry)}."


def _what_may_be(entry: Mapping[str, Any]) -> str:
    """What an audit that cannot tell leaves open, and how many stars would tell."""
    upper, detectable = entry.get("upper"), entry.get("detectable")
    if not is_number(detectable):
        return "with so few of them not even a large leak would be found; use many more stars"
    if is_found(entry):
        what = f"a test finds a trace of it ({chance(entry)}), "
        what += f"but leaks below partial R² = {size(detectable)} are often missed"
    elif detectable > REMOVED_LIMIT:
        what = "nothing was found, but linear leaks below "
        what += f"partial R² = {size(detectable)} are often missed"
    elif is_number(upper) and upper < REMOVED_LIMIT:
        return (
            f"a fresh probe reads {partial_r2(entry)}, which a test does not confirm ({chance(entry)}): "
            "use more stars"
        )
    else:
        most = f"up to partial R² = {size(upper)}" if is_number(upper) else "any amount"
        what = f"nothing was found for sure ({chance(entry)}), but {most} may be there"
    return f"{what}, and the limit is {signed(REMOVED_LIMIT)}; about {stars_needed(entry):,} stars would tell"


def stars_needed(entry: Mapping[str, Any]) -> int:
    """Roughly how many stars would tell: limits shrink as one over their number."""
    sizes = [v for v in (entry.get("upper"), entry["detectable"]) if is_number(v)]
    needed = max(1.2 * max(sizes) / REMOVED_LIMIT, 1.5) * entry["stars"]
    return round(float(f"{needed:.1g}"))


def _on_errors(entry: Mapping[str, Any]) -> str:
    """A further sentence on what errors of the other parameters do to what was found."""
    if free := entry.get("label_errors"):
        given = entry.get("as_given") or {}
        return (
            f" Errors of the other parameters are allowed for: {signed(given['partial'])} is read with them, "
            f"{signed(free['partial'])} ± {signed(free['error'])} without."
        )
    if is_number(made := entry.get("typical_errors")) and is_found(entry):
        amount = f"{signed(made)}" if made >= 0.0005 else "next to nothing"
        return f" Errors of the other parameters as catalogues have them would make {amount} of this."
    return ""


def _on_reader_of_others(entry: Mapping[str, Any]) -> str:
    """A further sentence where a reader who also knows the other removed labels reads much more."""
    if not tells_more_together(entry):
        return ""
    amount = partial_r2(entry["given_removed"])
    return f" A reader who also knows the other removed parameters reads at least {amount}."


def _on_strata(entry: Mapping[str, Any]) -> str:
    """A further sentence where a tail of a kept label tells much more than all stars together."""
    if not (part := telling_stratum(entry)):
        return ""
    return f" Among the {part['stars']:,} stars with {stratum_words(part)}, {partial_r2(part)} is read."


def stratum_words(stratum: Mapping[str, Any]) -> str:
    """The stars at one end of a kept label, in words: `[M/H] up to −1.50 dex`."""
    known, side = parameter(stratum["label"]), "up to" if stratum["side"] == "low" else "from"
    return f"{known.in_text} {side} {known.format(stratum['limit']).replace('-', '−')}"


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


def partial_r2(entry: Mapping[str, Any]) -> str:
    """The partial R² that was read, as a sentence has it."""
    return f"partial R² = {size(entry['partial'])}"


def size(leak: float) -> str:
    """The size of a leak, with as many digits as show on which side of the limit it is."""
    text, digits = signed(leak), R2_DIGITS
    while text == f"{REMOVED_LIMIT:.{digits}f}" and leak != REMOVED_LIMIT and digits < 6:
        digits += 1
        text = f"{leak:.{digits}f}"
    return text


def chance(entry: Mapping[str, Any]) -> str:
    """The p value of the test, as a sentence has it: `p = 0.031` or `p < 0.001`."""
    text = p_text(entry["p"])
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def p_text(p: float) -> str:
    """A p value as a table has it."""
    return f"{p:.{P_DIGITS}f}" if p >= 0.5 / 10**P_DIGITS else f"< {10**-P_DIGITS:g}"


def signed(value: float) -> str:
    """Three digits after the point, a true minus sign, and no minus zero."""
    return f"{value:z.{R2_DIGITS}f}".replace("-", "−")


def beside_plain(loss: float) -> str:
    """A loss of R² against the plain auto-encoder, in words: `0.004 below`."""
    return f"{abs(loss):.{R2_DIGITS}f} {'below' if loss > 0 else 'above'}"
