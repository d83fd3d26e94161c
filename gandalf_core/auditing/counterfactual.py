"""Sliders against the truth: does the decoder change a spectrum as the star itself would change under another
label?

Got = D(z, y′) − D(z, y); true = the simulator's spectra of the same star, nuisance by nuisance, under y′ and
y. The error is pooled over the stars, √Σ‖got − true‖² / √Σ‖true‖²: 0 for a perfect slider, 1 for one that
does nothing.
Shapes: N stars, M of them under labels that the simulator reaches, L pixels.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..data.scores import r_squared
from ..data.spectra import SpectraSet
from ..errors import AuditError
from ..parameters import LABELS, parameter
from ..simulator import READABLE, inside, is_simulated, nuisance_values, truth
from .excess import DRAWS, interval
from .independent import QUANTITIES, Instrument, instrument, true_values

MOST = 2000  # stars: the pooled error is then known to a few percent of itself
BRIGHT_SNR = 60.0
MIDDLE_SNR = (40.0, 60.0)
# left out of the truth: random from star to star and pixel to pixel, so nobody's to restore
EMULATED = ("model_error",)


@dataclass(frozen=True, eq=False)
class Change:
    """Changes of the spectra of the stars `rows` (M,) out of N: got (M, L) from a decoder, true (M, L) from
    the simulator.
    """

    got: np.ndarray
    true: np.ndarray
    rows: np.ndarray
    stars: int

    def sums(self) -> np.ndarray:
        """(N, 2) each star's ‖got − true‖² and ‖true‖²; 0 for a star left out."""
        out = np.zeros((self.stars, 2))
        out[self.rows] = np.stack([np.square(self.got - self.true).sum(1), np.square(self.true).sum(1)], 1)
        return out


class Case:
    """Simulated stars with their latents, and their spectra as decoded and as true, all under their own
    labels.
    """

    def __init__(self, model, stars: SpectraSet, reader: Instrument):
        self.model, self.stars, self.reader = model, stars, reader
        self.values = true_values(stars)
        self.physical = self.values[:, : len(LABELS)]
        # a simulated star's truth is known where its label is not
        true = {n: self.physical[:, i] for i, n in enumerate(LABELS)}
        given = stars.labels_for(model.label_names)
        self.labels = np.stack([true.get(n, given[:, i]) for i, n in enumerate(model.label_names)], 1)
        self.latents = model.encode(stars)
        self.decoded = model.decode(self.latents, self.labels)

    @cached_property
    def true(self) -> np.ndarray:
        return truth(self.stars, without=EMULATED).flux

    def change(self, name: str, values: np.ndarray) -> Change:
        """What becomes of the spectra when label `name` becomes values (N,)."""
        asked, physical = self.labels.copy(), self.physical.copy()
        asked[:, self.model.label_names.index(name)] = values
        physical[:, LABELS.index(name)] = values
        rows = np.flatnonzero(inside(physical))
        got = self.model.decode(self.latents, asked)[rows] - self.decoded[rows]
        after = truth(self.stars[rows], physical[rows], without=EMULATED).flux
        return Change(got, after - self.true[rows], rows, len(self.stars))

    def drift(self, name: str, changes: list[np.ndarray], starts: list[np.ndarray]) -> dict[str, float]:
        """Per label but `name`: the rms change that the reader sees when `changes` are added to the spectra
        `starts`.
        """
        before, moved = np.concatenate(starts), np.concatenate(changes)
        seen = np.sqrt(np.square(self.reader(before + moved) - self.reader(before)).mean(0))
        return {n: float(s) for n, s in zip(QUANTITIES, seen, strict=True) if n in LABELS and n != name}


def counterfactuals(
    model, stars: SpectraSet, *, seed: int = 0, reader: Instrument | None = None, most: int = MOST
) -> dict:
    """Per label that the decoder receives: relative error of the change and drift of the other labels; {} for
    a plain decoder.

    `relative_error` pools a step up and a step down (`parameter(name).step`); `within` is the same where the
    new value lies in the range of the model's training sample, beyond which the sliders say that they
    extrapolate; `swap` gives each star another star's value of the label. Stars whose new labels lie outside
    the simulator's region are left out and counted. `drift` is, per other label, the rms of its change as
    `reader` measures it on decoded spectra; `drift_of_truth` the same on the true ones, which tells what of
    it is the reader's own confusion.

    Raises AuditError when the stars are not simulated.
    """
    names = tuple(n for n in model.condition_on if n in LABELS)
    if not names:
        return {}
    case = Case(model, few(stars, most, seed), reader or instrument(stars.flux.shape[1]))
    donors = np.random.default_rng([seed, 1]).permutation(len(case.stars))
    return {name: one_label(case, name, donors, seed) for name in names}


def few(stars: SpectraSet, most: int, seed: int) -> SpectraSet:
    """At most `most` of the stars, drawn by seed. AuditError when their truth is unknown."""
    if not is_simulated(stars):
        raise AuditError(
            "counterfactuals need the truth under other labels: give simulated stars, simulated:N[:SEED]"
        )
    return stars[np.sort(np.random.default_rng(seed).permutation(len(stars))[:most])]


def one_label(case: Case, name: str, donors: np.ndarray, seed: int) -> dict:
    """The report of one label; `donors` (N,) says whose value a star gets in the swap."""
    own, step = case.physical[:, LABELS.index(name)], parameter(name).step
    moves = {"up": own + step, "down": own - step, "swap": own[donors]}
    done = {how: case.change(name, values) for how, values in moves.items()}
    sums = {how: change.sums() for how, change in done.items()}
    steps = [done["up"], done["down"]]
    low, high = case.model.label_ranges[case.model.label_names.index(name)]
    known = [sums[how] * ((moves[how] >= low) & (moves[how] <= high))[:, None] for how in ("up", "down")]
    return {
        "relative_error": pooled(sums["up"] + sums["down"]),
        "interval": list(pooled_interval(sums["up"] + sums["down"], seed)),
        "within": pooled(sum(known)),
        **{how: pooled(part) for how, part in sums.items()},
        "step": step,
        "stars": len(case.stars),
        "left_out": {how: len(case.stars) - len(c.rows) for how, c in done.items()},
        "drift": case.drift(name, [c.got for c in steps], [case.decoded[c.rows] for c in steps]),
        "drift_of_truth": case.drift(name, [c.true for c in steps], [case.true[c.rows] for c in steps]),
    }


def pooled(sums: np.ndarray) -> float:
    """√Σ‖got − true‖² / √Σ‖true‖² from `Change.sums` (N, 2); NaN when no star is reached."""
    missed, size = sums.sum(0)
    return float(np.sqrt(missed / size)) if size > 0 else float("nan")


def pooled_interval(sums: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95 % interval of `pooled` over resampled stars."""
    rng = np.random.default_rng([seed, 2])
    return interval(np.array([pooled(sums[rng.integers(0, len(sums), len(sums))]) for _ in range(DRAWS)]))


def restoration(
    model, stars: SpectraSet, *, seed: int = 0, reader: Instrument | None = None, most: int = 2 * MOST
) -> dict:
    """What the generator restores of each star beyond its labels, decoded under the true ones.

    `nuisances`: R² of shift, Ca II core depth, broadening and band depth read back from the reconstructions
    of stars of S/N > 60, and `of_truth`, what the reader gets from the true spectra. `rms`: the median over
    stars of 40 < S/N < 60 of the rms difference to the noise-free truth with all nuisances but the model
    error (which a reconstruction should not follow); `rms_all` with it.
    """
    stars = few(stars, most, seed)
    case = Case(model, stars, reader or instrument(stars.flux.shape[1]))
    snr = nuisance_values(stars)["snr"]
    bright, middle = snr > BRIGHT_SNR, (snr > MIDDLE_SNR[0]) & (snr < MIDDLE_SNR[1])
    everything = truth(stars[middle]).flux
    return {
        "nuisances": readings_r2(case.reader(case.decoded[bright]), case.values[bright]),
        "of_truth": readings_r2(case.reader(case.true[bright]), case.values[bright]),
        "stars_bright": int(bright.sum()),
        "stars_middle": int(middle.sum()),
        "rms": median_rms(case.decoded[middle] - case.true[middle]),
        "rms_all": median_rms(case.decoded[middle] - everything),
    }


def readings_r2(readings: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """R² of each nuisance from readings and true values (N, Q); NaN for one that does not vary in this
    sample.
    """
    columns = {n: QUANTITIES.index(n) for n in READABLE}
    varied = {n: len(values) > 1 and values[:, i].std() > 0 for n, i in columns.items()}
    return {
        n: r_squared(values[:, i], readings[:, i]) if varied[n] else float("nan") for n, i in columns.items()
    }


def median_rms(difference: np.ndarray) -> float:
    """Median over N stars of the rms over pixels of `difference` (N, L); NaN without stars."""
    return float(np.median(np.sqrt(np.square(difference).mean(1)))) if len(difference) else float("nan")
