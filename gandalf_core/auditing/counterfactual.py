"""Sliders against the truth: does the decoder change a spectrum as another label would change the star?

decoded = D(z, y′) − D(z, y); true = the same difference of the simulator's spectra of the same star, nuisance
by nuisance. The error is pooled over the stars, √Σ‖decoded − true‖² / √Σ‖true‖²: 0 for a perfect slider, 1
for one that does nothing. Shapes: N stars, M of them with labels that the simulator reaches, L pixels.
"""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ..data.latents import LatentSet
from ..data.protocols import StarModel
from ..data.scores import r_squared
from ..data.spectra import SpectraSet
from ..errors import AuditError
from ..parameters import LABELS, in_calcium_cores, parameter
from ..simulator import READABLE_NUISANCES, inside, is_simulated, nuisance_values, truth
from .breakdown import TOWARDS, Change, breakdown, one_sided, pooled
from .independent import QUANTITIES, Instrument, instrument, true_values

MAX_STARS = 2000  # the pooled error is then known to a few percent of itself
BRIGHT_SNR = 60.0
MIDDLE_SNR = (40.0, 60.0)
# left out of the truth: random from star to star and pixel to pixel, so nothing can restore it
EMULATED = ("model_error",)


class Case:
    """Simulated stars with their latents and their spectra, decoded and true, all under their own labels."""

    def __init__(self, model: StarModel, stars: SpectraSet, reader: Instrument):
        self.model, self.stars, self.reader = model, stars, reader
        self.values = true_values(stars)
        self.physical = self.values[:, : len(LABELS)]
        # a simulated star's truth is known where its label is not
        true = {n: self.physical[:, i] for i, n in enumerate(LABELS)}
        own = stars.labels_for(model.label_names)
        self.labels = np.stack([true.get(n, own[:, i]) for i, n in enumerate(model.label_names)], 1)
        self.latents = model.encode(stars)
        self.decoded = model.decode(self.latents, self.labels)

    @cached_property
    def no_latents(self) -> LatentSet:
        return replace(self.latents, z=np.zeros_like(self.latents.z))

    @cached_property
    def decoded_without(self) -> np.ndarray:
        """(N, L) decoded with z := 0."""
        return self.model.decode(self.no_latents, self.labels)

    @cached_property
    def true(self) -> np.ndarray:
        return truth(self.stars, without=EMULATED).flux

    def change(self, name: str, values: np.ndarray) -> Change:
        """How the spectra change when label `name` takes the values (N,)."""
        labels, physical = self.labels.copy(), self.physical.copy()
        labels[:, self.model.label_names.index(name)] = values
        physical[:, LABELS.index(name)] = values
        rows = np.flatnonzero(inside(physical))
        after = truth(self.stars[rows], physical[rows], without=EMULATED).flux
        return Change(
            decoded=self.model.decode(self.latents, labels)[rows] - self.decoded[rows],
            without_latent=self.model.decode(self.no_latents, labels)[rows] - self.decoded_without[rows],
            true=after - self.true[rows],
            moves=(values - self.physical[:, LABELS.index(name)])[rows],
            rows=rows,
            stars=len(self.stars),
        )

    def drift(self, name: str, changes: list[np.ndarray], starts: list[np.ndarray]) -> dict[str, float]:
        """Per label but `name`: the rms change that the reader sees from `starts` to `starts` + `changes`."""
        before, change = np.concatenate(starts), np.concatenate(changes)
        rms = np.sqrt(np.square(self.reader(before + change) - self.reader(before)).mean(0))
        return {n: float(s) for n, s in zip(QUANTITIES, rms, strict=True) if n in LABELS and n != name}


def counterfactuals(
    model: StarModel,
    stars: SpectraSet,
    *,
    seed: int = 0,
    reader: Instrument | None = None,
    most: int = MAX_STARS,
) -> dict[str, dict]:
    """Per label that the decoder receives: relative error of the change, and drift of the other labels.

    `relative_error` pools a step up and a step down (`parameter(name).step`); `one_sided` is that of one of
    them, in which stars get hotter, denser, poorer in metals or richer in α elements; `within` pools both
    where the new value lies in the range of the model's training sample, beyond which the sliders say that
    they extrapolate; `swap` gives each star another star's value of the label. Stars whose new labels lie
    outside the simulator's region are left out and counted. `drift` is, per other label, the rms of its
    change as `reader` measures it on decoded spectra; `drift_of_truth` is the same on the true ones, which
    shows how much of it is the reader's own confusion. What `breakdown` adds says what the error is due to.
    {} for a decoder that receives no labels.

    Raises AuditError when the stars are not simulated.
    """
    names = tuple(n for n in model.condition_on if n in LABELS)
    if not names:
        return {}
    case = Case(model, few(stars, most, seed), reader or instrument(stars.flux.shape[1]))
    donors = np.random.default_rng([seed, 1]).permutation(len(case.stars))
    return {name: one_label(case, name, donors, seed) for name in names}


def few(stars: SpectraSet, most: int, seed: int) -> SpectraSet:
    """At most `most` of the stars, drawn by the seed. AuditError when their truth is unknown."""
    if not is_simulated(stars):
        raise AuditError(
            "counterfactuals need the truth under other labels: give simulated stars, simulated:N[:SEED]"
        )
    return stars[np.sort(np.random.default_rng(seed).permutation(len(stars))[:most])]


def one_label(case: Case, name: str, donors: np.ndarray, seed: int) -> dict:
    """The report on one label; `donors` (N,) says whose value a star gets in the swap."""
    own, step = case.physical[:, LABELS.index(name)], parameter(name).step or 0.0
    values = {"up": own + step, "down": own - step, "swap": own[donors]}
    changes = {how: case.change(name, v) for how, v in values.items()}
    sums = {how: change.sums() for how, change in changes.items()}
    steps = [changes["up"], changes["down"]]
    first, second = steps if TOWARDS[name] > 0 else reversed(steps)
    low, high = case.model.label_ranges[case.model.label_names.index(name)]
    in_range = {how: ((v >= low) & (v <= high))[:, None] for how, v in values.items()}
    return {
        "relative_error": pooled(sums["up"] + sums["down"]),
        "within": pooled(sums["up"] * in_range["up"] + sums["down"] * in_range["down"]),
        **{how: pooled(part) for how, part in sums.items()},
        **breakdown(steps, case.physical, in_calcium_cores(case.stars.wavelength_nm), seed),
        "one_sided": {"step": TOWARDS[name] * step, **one_sided(first, second, seed)},
        "step": step,
        "stars": len(case.stars),
        "left_out": {how: len(case.stars) - len(c.rows) for how, c in changes.items()},
        "drift": case.drift(name, [c.decoded for c in steps], [case.decoded[c.rows] for c in steps]),
        "drift_of_truth": case.drift(name, [c.true for c in steps], [case.true[c.rows] for c in steps]),
    }


def change_error(decoded: np.ndarray, true: np.ndarray) -> float:
    """‖decoded − true‖ / ‖true‖ of one star's change (L,), over the pixels where both are known.

    NaN when the true spectrum does not change.
    """
    good = np.isfinite(decoded) & np.isfinite(true)
    size = np.linalg.norm(true[good])
    return float(np.linalg.norm((decoded - true)[good]) / size) if size > 1e-6 else float("nan")


def restoration(
    model: StarModel,
    stars: SpectraSet,
    *,
    seed: int = 0,
    reader: Instrument | None = None,
    most: int = 2 * MAX_STARS,
) -> dict[str, Any]:
    """What the generator restores of each star beyond its labels, decoded under the true ones.

    `nuisances`: R² of shift, Ca II core depth, broadening and band depth read back from the reconstructions
    of stars of S/N > 60, and `of_truth`, what the reader gets from the true spectra. `rms`: the median over
    stars of 40 < S/N < 60 of the rms difference to the noise-free truth with all nuisances except the model
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
    """R² of each nuisance from readings and true values (N, Q); NaN for one that does not vary here."""
    columns = {n: QUANTITIES.index(n) for n in READABLE_NUISANCES}
    varies = {n: len(values) > 1 and values[:, i].std() > 0 for n, i in columns.items()}
    return {
        n: r_squared(values[:, i], readings[:, i]) if varies[n] else float("nan") for n, i in columns.items()
    }


def median_rms(difference: np.ndarray) -> float:
    """Median over N stars of the rms over pixels of `difference` (N, L); NaN without stars."""
    return float(np.median(np.sqrt(np.square(difference).mean(1)))) if len(difference) else float("nan")
