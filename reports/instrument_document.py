"""docs/audit.md: what the audit says, how it comes to it, and its certificate, from stored draws alone."""

from statistics import mean, median
from typing import Any

import numpy as np

from gandalf_core.atomic import write_text
from gandalf_core.auditing.decisions import FALSE_ALARMS
from gandalf_core.figures.certificate import WANTED, null_histograms, power_curves

from . import plants
from .instrument import FOLDER, LEAK, NULL, SEEN, STATED, WHOLE, cells
from .markdown import table
from .pictures import Picture, draw
from .stored import ROOT, STORED, load

DOCUMENT = ROOT / "docs" / "audit.md"
WORDS = STORED / "audit-words.md"  # the method in words; the numbers below are measured
IMAGES = ROOT / "docs" / "images" / "audit"
CLEAR = {"partial": 0.1, "bits": 0.1}  # from here on a reader sees a leak, so that the test has to find it
CLEAR_WIDE = 0.3  # partial R², beside 200 dimensions of noise


def write() -> None:
    """docs/audit.md with its pictures."""
    draw(_pictures(), IMAGES)
    write_text(DOCUMENT, text())


def text() -> str:
    """The text of docs/audit.md."""
    shown = [f"![{p.caption}](images/audit/{name}.png)\n\n*{p.caption}*\n" for name, p in _pictures().items()]
    return "\n".join(
        [
            WORDS.read_text(encoding="utf-8"),
            _progress(),
            "## False alarms\n",
            _null_table(),
            "## Planted leaks\n",
            _leak_tables(),
            "## Stated limits\n",
            _limit_table(),
            "## In pictures\n",
            *shown,
        ]
    )


def _progress() -> str:
    """How many of the draws are done, as long as some are missing."""
    wanted = sum(cell.draws for cell in cells())
    done = sum(
        min(cell.draws, len(load(cell.path).get(cell.key, {"values": []})["values"])) for cell in cells()
    )
    if done == wanted:
        return f"All {wanted:,} draws of the certificate are done.\n"
    return f"**The certificate is not complete: {done:,} of its {wanted:,} draws are done.**\n"


def stored(what: str, stars: int) -> dict[str, Any]:
    """The cells of one file: kind and size -> draws."""
    return load(FOLDER / f"{what}-{stars}.json")


def _null_table() -> str:
    """Share of alarms and median p of every innocent kind and number of stars."""
    rows = []
    for n in WHOLE.nulls:
        for kind, entry in stored(NULL, n).items():
            p = entry["values"]
            share = mean(x <= FALSE_ALARMS for x in p)
            promised = "" if kind in plants.NULLS else "none: shown without a promise"
            error = np.sqrt(share * (1 - share) / len(p))
            flagged = f"{100 * share:.1f} ± {100 * error:.1f} %"
            rows.append([f"{n:,}", kind, f"{len(p):,}", flagged, f"{median(p):.2f}", promised])
    head = ["stars", "innocent latent", "draws", f"flagged (nominal {100 * FALSE_ALARMS:g} %)"]
    return table([*head, "median p (should be 0.5)", "remark"], rows)


def found(stars: int) -> dict[str, dict[float, float]]:
    """Kind -> size -> share of draws in which the test finds the planted leak."""
    shares: dict[str, dict[float, float]] = {}
    for key, entry in stored(LEAK, stars).items():
        kind, _, size = key.rpartition(" ")
        shares.setdefault(kind, {})[float(size)] = mean(p <= FALSE_ALARMS for p in entry["values"])
    return shares


def _leak_tables() -> str:
    """Every kind and size: how often found, what readers see."""
    parts = []
    for n in WHOLE.leaks:
        seen, draws, rows = stored(SEEN, n), stored(LEAK, n), []
        for kind, shares in found(n).items():
            for size, share in sorted(shares.items()):
                key = f"{kind} {size:g}"
                value = (seen.get(key) or {"values": [None]})["values"][0]
                rows.append([kind, f"{size:g}", str(len(draws[key]["values"])), f"{100 * share:.0f} %"])
                rows[-1] += ["-", "-", ""] if value is None else _seen(kind, share, value)
        head = ["kind", "size", "draws", "found", "readers see partial R²", "bits", "remark"]
        parts.append(f"### {n:,} stars\n\n" + table(head, rows))
    return "\n".join(parts)


def _seen(kind: str, share: float, value: dict[str, float]) -> list[str]:
    clear = value["partial"] >= CLEAR_WIDE or (
        "beside" not in kind and any(value[key] >= CLEAR[key] for key in CLEAR)
    )
    remark = "" if not clear else "found" if share >= WANTED else "**seen by a reader, missed by the test**"
    return [f"{value['partial']:.3f}", f"{value['bits']:.3f}", remark]


def _limit_table() -> str:
    """Detection limits as stated for innocent latents, beside what planting afterwards finds."""
    rows = []
    for n in WHOLE.stated:
        values = [v["detectable"] for v in (stored(STATED, n).get("noise") or {"values": []})["values"]]
        shares = found(n).get("linear", {})
        if not values or not shares:
            continue
        sizes = sorted(shares)
        actual = size_found(np.array(sizes), np.array([shares[s] for s in sizes]))
        upper = [v["upper"] for v in stored(STATED, n)["noise"]["values"]]
        shown = (
            ["-", "-"] if actual is None else [f"{actual:.4f}", f"{100 * (mean(values) / actual - 1):+.0f} %"]
        )
        rows.append([f"{n:,}", f"{mean(values):.4f}", *shown, f"{median(upper):.4f}"])
    head = ["stars", "stated detection limit (mean)", "found in 80 % when planted afterwards", "difference"]
    return table([*head, "stated upper limit (median)"], rows)


def size_found(sizes: np.ndarray, shares: np.ndarray) -> float | None:
    """The size found in 80 % of draws, by a probit curve through the shares; None outside the sizes."""
    from scipy.optimize import curve_fit
    from scipy.stats import norm

    if not shares.min() < WANTED <= shares.max():
        return None

    def curve(x, middle, width):
        return norm.cdf((x - middle) / width)

    (middle, width), _ = curve_fit(curve, np.log(sizes), shares, p0=(np.log(sizes).mean(), 0.5))
    size = float(np.exp(middle + width * norm.ppf(WANTED)))
    return size if sizes[0] <= size <= sizes[-1] else None


def _pictures() -> dict[str, Picture]:
    drawn = {}
    for n in WHOLE.leaks:
        caption = f"Share of draws in which the test finds a planted leak of {n:,} stars; dotted: 80 %."
        drawn[f"power-{n}"] = Picture(power_curves(found(n), n), caption)
    for n in WHOLE.nulls:
        values = {kind: entry["values"] for kind, entry in stored(NULL, n).items()}
        caption = f"p of innocent latents of {n:,} stars; flat (dotted) where the test holds its level."
        drawn[f"nulls-{n}"] = Picture(null_histograms(values, n), caption)
    return drawn
