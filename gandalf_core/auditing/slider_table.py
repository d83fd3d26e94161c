"""The numbers of an audit's sliders as a table of texts, for page and shell; words: slider_verdict.py."""

from collections.abc import Callable, Mapping
from typing import Any

from ..parameters import CALCIUM_HALF_WIDTH_NM, parameter
from .breakdown import LEAST_STARS, STRATA, TOWARDS
from .sentence import is_number
from .slider_verdict import slider_entries

WHAT = "Relative error of the change"  # head of the first column
ERROR_DIGITS = 3
SLIDER_READING = (
    "0 is exact; at 1 a slider is as wrong as no change at all. Without the latent (z = 0) every star gets "
    "the change of the mean spectrum under its labels: where that is as good, the latent adds nothing, which "
    "is no fault if the rest of the star hardly matters. To follow anything, a slider must beat one fixed "
    f"change, the best there is, given to all stars. A kind with fewer than {LEAST_STARS} stars is left out."
)
Row = Callable[[Mapping[str, Any]], Any]  # entry of a slider -> what a cell shows


def slider_rows(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row per measure and one column per slider; a row that an earlier report lacks is left out."""
    entries = slider_entries(report)
    rows = [
        {WHAT: name, **{parameter(n).in_text: shown(cell(entry)) for n, entry in entries.items()}}
        for name, cell in measures().items()
    ]
    return [row for row in rows if any(text for head, text in row.items() if head != WHAT)]


def measures() -> dict[str, Row]:
    """Name of a row -> what it takes from the entry of a slider."""
    rows: dict[str, Row] = {"all stars": _error, "95 % interval": _ends}
    rows |= {f"one-sided step ({_steps()})": _part("one_sided")}
    rows |= {"within the sample's range": lambda entry: entry.get("within")}
    rows |= {"without the latent": _part("without_latent"), "one fixed change": _part("fixed_change")}
    rows |= {f"{s.words} ({s.limits})": _stratum(s.key) for s in STRATA}
    cores = f"in the Ca II cores (±{CALCIUM_HALF_WIDTH_NM} nm)"
    return rows | {cores: _part("in_ca_windows"), "outside the cores": _part("outside_ca_windows")}


def _steps() -> str:
    """The one-sided step of each label: `Teff +300 K, log g +0.5, …`."""
    described = ((parameter(name), sign) for name, sign in TOWARDS.items())
    steps = (
        f"{p.in_text} {sign * (p.step or 0):+g} {p.unit if p.unit == 'K' else ''}" for p, sign in described
    )
    return ", ".join(step.rstrip().replace("-", "−") for step in steps)


def _error(part: Any) -> Any:
    return part.get("relative_error") if isinstance(part, Mapping) else None


def _ends(entry: Mapping[str, Any]) -> str:
    ends = entry.get("interval") or []
    return " to ".join(map(shown, ends)) if all(map(is_number, ends)) else ""


def _part(key: str) -> Row:
    return lambda entry: _error(entry.get(key))


def _stratum(key: str) -> Row:
    def cell(entry: Mapping[str, Any]) -> Any:
        part = (entry.get("strata") or {}).get(key)
        return "too few" if part and _error(part) is None else _error(part)

    return cell


def shown(value: Any) -> str:
    """The text of a cell; empty for a number that is not known."""
    return value if isinstance(value, str) else f"{value:z.{ERROR_DIGITS}f}" if is_number(value) else ""
