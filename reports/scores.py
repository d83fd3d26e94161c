"""How the outlier score grades: of ordinary stars in both natures, of binaries, of active stars.

No model takes part in it. The stars are those reserved for judging.
"""

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.reasons import UNUSUAL
from gandalf_core.models.verdicts import Verdicts, physical_verdicts
from gandalf_core.seeds import JUDGING_SEED
from gandalf_core.simulator import simulate_kind
from gandalf_core.simulator.oddities import simulate_active, simulate_binaries

from .markdown import number, table
from .stored import STORED, store

FILE = STORED / "scores.json"
STARS, ODD = 6000, 500
SNR_EDGES = (12, 30, 60, 120, 450)
ODD_SNR = (60.0, 200.0)
NATURES = {"a": "right", "b": "wrong"}
SEPARATIONS_KMS = (10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 60.0, 100.0, 150.0)
FLUX_RATIOS = (0.1, 0.3, 0.6, 1.0)
FILLINGS = (0.05, 0.10, 0.15, 0.20, 0.30)


def measure_scores() -> None:
    """All of it, in some minutes; stored in docs/results/scores.json."""
    measured = {name: _of_nature(nature) for nature, name in NATURES.items()}
    uniform = physical_verdicts(simulate_kind("uniform", STARS, JUDGING_SEED))
    store(FILE, measured | {"uniform": _shares(uniform), "separations": _separations()})


def _of_nature(nature: str) -> dict[str, Any]:
    """Ordinary stars, binaries and active stars of one nature."""
    stars = simulate_kind("b" if nature == "b" else "", STARS, JUDGING_SEED)
    odd = {"snr": ODD_SNR, "nature": nature}
    return {
        "ordinary": _ordinary(stars, physical_verdicts(stars)),
        "binaries": _shares(physical_verdicts(simulate_binaries(2 * ODD, JUDGING_SEED, **odd))),
        "active": _shares(physical_verdicts(simulate_active(2 * ODD, JUDGING_SEED, **odd))),
        "fillings": [
            {"filling": f, "unusual": _unusual(simulate_active(ODD, JUDGING_SEED, filling=f, **odd))}
            for f in FILLINGS
        ],
    }


def _separations() -> list[dict[str, float]]:
    """The share of binaries that are unusual, by separation and flux ratio."""
    return [
        {"separation_kms": v}
        | {
            str(r): _unusual(
                simulate_binaries(ODD, JUDGING_SEED, separation_kms=v, flux_ratio=r, snr=ODD_SNR)
            )
            for r in FLUX_RATIOS
        }
        for v in SEPARATIONS_KMS
    ]


def _ordinary(stars: SpectraSet, found: Verdicts) -> dict[str, Any]:
    """Median score and share above .95 at each S/N, beside the shares of all."""
    bins = [(low, high, (stars.snr >= low) & (stars.snr < high)) for low, high in pairwise(SNR_EDGES)]
    rows = [
        {
            "snr": [low, high],
            "stars": int(here.sum()),
            "median": float(np.median(found.score[here])),
            "unusual": float((found.score[here] > UNUSUAL).mean()),
        }
        for low, high, here in bins
    ]
    return _shares(found) | {"snr": rows}


def _shares(found: Verdicts) -> dict[str, Any]:
    words = Counter(found.word.tolist())
    return {
        "unusual": float((found.score > UNUSUAL).mean()),
        "outside": float(found.outside.mean()),
        "words": {word: count / len(found.word) for word, count in words.most_common()},
    }


def _unusual(stars: SpectraSet) -> float:
    return float((physical_verdicts(stars).score > UNUSUAL).mean())


# --- the section ---


def scores_section(measured: dict[str, Any]) -> str:
    """The section of docs/results.md; empty before it was measured."""
    if not measured:
        return ""
    tables = (
        _ordinary_table(measured),
        _kinds_table(measured),
        _binary_table(measured),
        _active_table(measured),
    )
    return "\n".join([_head(), *tables])


def _head() -> str:
    low, high = ODD_SNR
    return f"""# Scores and verdicts

Written from `python -m reports scores`, of simulated stars by which nothing was chosen (seed {JUDGING_SEED});
no model takes part. docs/verdict.md says how a star gets its score. Binaries and active stars have S/N
{low:.0f}-{high:.0f}. *Wrong physics* is another nature, on which no model was trained.
"""


def _ordinary_table(measured: dict[str, Any]) -> str:
    """Median score and share above .95 of ordinary stars at each S/N."""
    natures = [measured[name]["ordinary"]["snr"] for name in NATURES.values()]
    rows = [
        [f"{pair[0]['snr'][0]}-{pair[0]['snr'][1]}"]
        + [text for row in pair for text in (number(row["median"], 2), number(row["unusual"], 3))]
        for pair in zip(*natures, strict=True)
    ]
    words = [f"{what}, {name}" for name in NATURES.values() for what in ("median score", "above .95")]
    return table(["S/N", *(f"{text} physics" for text in words)], rows)


def _kinds_table(measured: dict[str, Any]) -> str:
    """Each kind of star in each nature: unusual, outside, and what they are called."""
    kinds = {
        "ordinary": "ordinary stars",
        "binaries": "binaries (flux ratio .3-1, 40-150 km/s apart)",
        "active": "active stars (Ca II cores filled by .15-.40)",
    }
    found = [(words, n, measured[n][kind]) for kind, words in kinds.items() for n in NATURES.values()]
    found.append(("dealt uniformly over the grid", "right", measured["uniform"]))
    rows = []
    for words, name, shares in found:
        called = ", ".join(f"{word} {number(part, 2)}" for word, part in list(shares["words"].items())[:3])
        rows.append([words, name, number(shares["unusual"], 3), number(shares["outside"], 3), called])
    return table(["stars", "physics", "score above .95", "outside", "called"], rows)


def _binary_table(measured: dict[str, Any]) -> str:
    """The share of binaries with a score above .95, under right physics."""
    rows = [
        [f"{row['separation_kms']:.0f}", *(number(row[str(r)], 2) for r in FLUX_RATIOS)]
        for row in measured["separations"]
    ]
    return table(["binaries: km/s apart", *(f"flux ratio {r:g}" for r in FLUX_RATIOS)], rows)


def _active_table(measured: dict[str, Any]) -> str:
    """The share of active stars with a score above .95."""
    natures = [measured[name]["fillings"] for name in NATURES.values()]
    rows = [
        [f"{pair[0]['filling']:.2f}", *(number(row["unusual"], 2) for row in pair)]
        for pair in zip(*natures, strict=True)
    ]
    return table(["Ca II cores filled by", *(f"{name} physics" for name in NATURES.values())], rows)
