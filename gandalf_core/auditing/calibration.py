"""The audit of the audit: how often does it flag a latent that leaks, and how often one of pure noise?

    python -m gandalf_core.auditing.calibration --draws 100 --stars 2000 rates.json

Each finished draw is a line of `rates.jsonl` beside OUT, so an interrupted run resumes where it stopped.
Labels are those of the mock sample; teff is the removed one, mh and alphafe are kept. Shapes: N stars, Z
latent.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from ..atomic import write_text
from ..parameters import LABELS
from ..simulator import population
from .excess import conditional_excess
from .probes import PROBES, Probing, standardised

LATENT_SIZE = 25
REMOVED, KEPT = [LABELS.index("teff")], [LABELS.index("mh"), LABELS.index("alphafe")]


def mixed_latent(
    value: np.ndarray, attainable_r2: float, rng: np.random.Generator, size: int = LATENT_SIZE
) -> np.ndarray:
    """(N, Z) unit noise into which a value (N,) is mixed along one random direction.

    The best linear reader of it reaches R² = s²/(1 + s²) with s the amplitude of the standardised value.
    """
    direction = rng.standard_normal(size)
    amplitude = np.sqrt(attainable_r2 / (1 - attainable_r2))
    mixed = standardised(value[:, None]) * direction / np.linalg.norm(direction)
    return rng.standard_normal((len(value), size)) + amplitude * mixed


def one_draw(
    seed: int, n: int, attainable_r2: float, probes: tuple[str, ...] = PROBES, workers: int = 1
) -> dict:
    """What the audit says of teff in one draw of n stars of the mock sample.

    attainable_r2: what the best reader of the latent would reach; 0 makes a latent of pure noise.
    """
    labels = population.labels(10_000 + seed, np.arange(n))
    z = mixed_latent(labels[:, REMOVED[0]], attainable_r2, np.random.default_rng([seed, 4]))
    probing = Probing(probes, seed, workers)
    leak = conditional_excess(z, labels[:, KEPT], labels[:, REMOVED], probing)[0]
    return {
        "draw": seed,
        "stars": n,
        "attainable_r2": attainable_r2,
        "flagged": leak.flagged,
        "p_value": leak.p_value,
        "excess": leak.value,
        "interval": list(leak.interval),
        "probe": leak.joint.probe,
        "floor": leak.floor.r2,
    }


def rates(done: list[dict]) -> list[dict]:
    """One row per number of stars and attainable R²: draws, share flagged, mean and spread of the excess."""
    rows = []
    for n, r2 in sorted({(d["stars"], d["attainable_r2"]) for d in done}):
        here = [d for d in done if (d["stars"], d["attainable_r2"]) == (n, r2)]
        excess = np.array([d["excess"] for d in here])
        rows.append(
            {
                "stars": n,
                "attainable_r2": r2,
                "draws": len(here),
                "flagged": float(np.mean([d["flagged"] for d in here])),
                "excess_mean": float(excess.mean()),
                "excess_std": float(excess.std()),
            }
        )
    return rows


def run(out: Path, draws: int, n: int, workers: int = 1) -> list[dict]:
    """Both rates of `draws` draws, resumed from the lines beside `out` and stored in it."""
    lines = out.with_suffix(".jsonl")
    done = (
        [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
        if lines.exists()
        else []
    )
    finished = {(d["draw"], d["stars"], d["attainable_r2"]) for d in done}
    todo = [(seed, n, r2) for seed in range(draws) for r2 in (0.0, 0.1) if (seed, n, r2) not in finished]
    for i, (seed, stars, r2) in enumerate(todo, 1):
        done.append(one_draw(seed, stars, r2, workers=workers))
        with lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(done[-1]) + "\n")
        print(f"{i}/{len(todo)}: R² {r2}, flagged {done[-1]['flagged']}", file=sys.stderr)
    table = rates(done)
    write_text(out, json.dumps(table, indent=1))
    return table


def main() -> None:
    """Read the command line, measure the rates and print them."""
    about = "how often the audit flags a latent that leaks, and one of pure noise"
    parser = argparse.ArgumentParser(prog="python -m gandalf_core.auditing.calibration", description=about)
    parser.add_argument("out", type=Path, metavar="OUT", help="JSON file for the rates")
    parser.add_argument("--draws", type=int, default=100, help="draws of each kind of latent (default: 100)")
    parser.add_argument("--stars", type=int, default=2000, help="stars in a draw (default: 2000)")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the probes (default: 1)")
    args = parser.parse_args()
    print(json.dumps(run(args.out, args.draws, args.stars, args.workers)))


if __name__ == "__main__":
    main()
