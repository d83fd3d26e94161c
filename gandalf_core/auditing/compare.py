"""The paper's comparison of representations (Manteiga et al. 2025, section 5 and Table 1).

One regressor on each representation, all fitted to the same stars and tested on the same other stars.
Shapes: N training stars, M test stars, D numbers per star, P labels.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..data.protocols import StarModel, measured
from ..data.spectra import SpectraSet
from ..data.splits import TEST_FRACTION, split
from ..errors import AuditError
from ..jobs.progress import Progress, silent
from ..regression.classes import class_scores
from ..regression.crossed import AnyRegressor
from ..regression.inputs import InputNoise
from ..regression.parts import Parts
from ..regression.residuals import interval_coverage, residual_statistics
from ..regression.settings import FOR_SPECTRA, PAPER, RegressorSettings
from ..simulator.judging import reserved
from ..training.fitting_regressors import fit_regressor

MIN_STARS = 100
TUNED = "spectra, best regressor"
PARTS = ("representations", "per_parameter", "seconds", "classes", "coverage", "network")


@dataclass(frozen=True, eq=False)
class Representation:
    """One representation of the training stars (N, D) and of the test stars (M, D).

    unseen: (N,) true for training stars that took no part in making the representation; error bars are
    calibrated on them. None: no training star did.  settings: of its regressor, penalty included, but for
    passes and seed, which are those of the comparison; None for the paper's, with the best penalty.  noise:
    of the training stars, of which every pass may show fresh draws.
    """

    train: np.ndarray
    test: np.ndarray
    unseen: np.ndarray | None = None
    settings: RegressorSettings | None = None
    noise: InputNoise | None = None

    def fit(
        self, train: "Truth", names: tuple[str, ...], settings: RegressorSettings, seed: int
    ) -> AnyRegressor:
        """A regressor from the training stars to their labels."""
        parts = None if self.unseen is None else Parts.of_unseen(self.unseen, seed)
        return fit_regressor(
            self.train, train.labels, names, settings, snr=train.snr, parts=parts, noise=self.noise
        )


@dataclass(frozen=True, eq=False)
class Truth:
    """What is to be read from some stars.

    labels: (N, P) in physical units, NaN = missing.  snr: (N,) per pixel, for the error bars.  bounds: (N, P)
    smallest attainable 1σ of each star; their rms is the unit of `rmse_over_bound`.
    """

    labels: np.ndarray
    snr: np.ndarray | None = None
    bounds: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: np.ndarray) -> "Truth":
        snr = None if self.snr is None else self.snr[rows]
        return Truth(self.labels[rows], snr, None if self.bounds is None else self.bounds[rows])


@dataclass(frozen=True)
class ComparisonOptions:
    """How regressors are fitted and compared; the defaults are the paper's.

    alphas: penalties to choose from by the held-out training stars.  per_parameter: also fit one network per
    label.  max_iter: passes of a regressor at most.  seed: of the regressors and of the split of the stars.
    """

    alphas: tuple[float, ...] = (PAPER.alpha,)
    per_parameter: bool = False
    max_iter: int = PAPER.max_iter
    seed: int = 0

    def settings(self, representation: Representation) -> list[RegressorSettings]:
        """Of the regressors to choose from, one per penalty."""
        own = representation.settings
        base = replace(own or PAPER, max_iter=self.max_iter, seed=self.seed)
        return [replace(base, alpha=alpha) for alpha in ((own.alpha,) if own else self.alphas)]


PAPERS_TABLE = ComparisonOptions()


def compare(
    representations: Mapping[str, Representation],
    train: Truth,
    test: Truth,
    names: Sequence[str],
    options: ComparisonOptions = PAPERS_TABLE,
    *,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Table 1 for each representation, by name; all are of the same N training and M test stars.

    Keys: `stars`; `representations`: name → label → `residual_statistics`; `per_parameter`: the same for one
    network per label; and, by name of the representation, `seconds` (training, inference of all test stars),
    `classes`, `coverage`, `network`.

    Raises AuditError for fewer than `MIN_STARS` stars on either side.
    """
    if min(len(train), len(test)) < MIN_STARS:
        raise AuditError(
            f"{len(train)} stars to train and {len(test)} to test: a comparison needs {MIN_STARS} of each"
        )
    report: dict[str, Any] = {"stars": {"train": len(train), "test": len(test)}, **{p: {} for p in PARTS}}
    for k, (name, representation) in enumerate(representations.items()):
        inputs = representation.train.shape[1]
        progress(k / len(representations), f"regressor on {name}: {inputs} numbers per star")
        measured = _measured(representation, train, test, tuple(names), options)
        for part, values in measured.items():
            report[part][name] = values
    return report


def _measured(
    representation: Representation,
    train: Truth,
    test: Truth,
    names: tuple[str, ...],
    options: ComparisonOptions,
) -> dict[str, Any]:
    """The parts of the report for one representation."""
    regressor, settings = _best_regressor(representation, train, names, options)
    values, errors = regressor.predict(representation.test, test.snr)
    seconds = {
        "training": regressor.summary["seconds"],
        "inference": _inference_seconds(regressor, representation.test, test.snr),
    }
    measured = {
        "representations": residual_statistics(values, test.labels, names, errors, test.bounds),
        "seconds": seconds,
        "classes": class_scores(values, test.labels, names),
        "coverage": interval_coverage(values, test.labels, names, errors, test.snr),
        "network": regressor.summary | {"alpha": settings.alpha},
    }
    if options.per_parameter:
        regressor = representation.fit(train, names, replace(settings, joint=False), options.seed)
        values, errors = regressor.predict(representation.test, test.snr)
        measured["per_parameter"] = residual_statistics(values, test.labels, names, errors, test.bounds)
        seconds["training_per_parameter"] = regressor.summary["seconds"]
    return measured


def _best_regressor(
    representation: Representation, train: Truth, names: tuple[str, ...], options: ComparisonOptions
) -> tuple[AnyRegressor, RegressorSettings]:
    """The regressor whose penalty the stars that stop the fit prefer, and its settings."""
    fits = [
        (representation.fit(train, names, settings, options.seed), settings)
        for settings in options.settings(representation)
    ]
    return min(fits, key=lambda fit: _held_out_loss(fit[0]))


def _held_out_loss(regressor: AnyRegressor) -> float:
    """Mean over its networks."""
    return float(np.mean([network["held_out_loss"] for network in regressor.summary["networks"]]))


def _inference_seconds(
    regressor: AnyRegressor, x: np.ndarray, snr: np.ndarray | None, repeats: int = 3
) -> float:
    """Wall time of one prediction of all rows of x, the fastest of a few."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        regressor.predict(x, snr)
        times.append(time.perf_counter() - began)
    return min(times)


def compare_models(
    stars: SpectraSet,
    models: Mapping[str, StarModel],
    options: ComparisonOptions = PAPERS_TABLE,
    *,
    bounds: np.ndarray | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """`compare` of the spectra and of the exported latents of `models` (by name), by `comparison_split`.

    Where the S/N is known, the spectra come once more, with the regressor that reads them best. bounds:
    (N, P) of all the stars, in the order of the models' labels. Adds to `seconds` the `encoding` of the test
    stars: reading labels from a spectrum by way of its latent costs both.

    Raises AuditError without models or when their labels differ, SpectraError for stars not on their grid.
    """
    first = _first_of_one_kind(models)
    stars = first.on_grid(stars)
    train, test = comparison_split(stars, models, options.seed)
    representations = _spectra(first, stars, train, test)
    encoding = {}
    for name, model in models.items():
        representations[name], encoding[name] = _latents(
            measured(model, options.seed), stars[train], stars[test]
        )
    truth = Truth(stars.labels_for(first.label_names), stars.known_snr, bounds)
    report = compare(
        representations, truth[train], truth[test], first.label_names, options, progress=progress
    )
    for name, seconds in encoding.items():
        report["seconds"][name]["encoding"] = seconds
    return report


def comparison_split(
    stars: SpectraSet, models: Mapping[str, StarModel], seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the stars that train the regressors, and of those that test them: a fifth, by id.

    No star tests that took part in making one of the models. Stars that are reserved for judging train
    nothing: where there are some, they alone test, and the models' own test stars sit out. Raises AuditError
    when none is left on one of the sides.
    """
    fresh = np.logical_and.reduce([model.held_out(stars) for model in models.values()])
    judging = reserved(stars.ids)
    if judging.all():
        raise AuditError("all of these stars are reserved for judging: add others to train the regressors on")
    if judging.any():
        others = ~judging if fresh.all() else ~fresh
        return np.flatnonzero(others), np.flatnonzero(judging)
    if not fresh.any():
        raise AuditError(f"all {len(stars)} stars took part in making these models: give others to test on")
    share = len(np.unique(stars.ids)) / len(np.unique(stars.ids[fresh]))
    tested = split(stars.ids[fresh], min(1.0, TEST_FRACTION * share), seed)[1]
    test = np.flatnonzero(fresh)[tested]
    return np.delete(np.arange(len(stars)), test), test


def _first_of_one_kind(models: Mapping[str, StarModel]) -> StarModel:
    """The first model. AuditError when there is none, or their labels differ."""
    if not models:
        raise AuditError("nothing to compare: give at least one model")
    first = next(iter(models.values()))
    if any(model.label_names != first.label_names for model in models.values()):
        raise AuditError("the models know different labels: compare models of one sample")
    return first


def _spectra(
    model: StarModel, stars: SpectraSet, train: np.ndarray, test: np.ndarray
) -> dict[str, Representation]:
    """The spectra themselves, with the paper's regressor and, where the S/N is known, with the best one."""
    flux = model.scaler.fill(stars.flux, stars.mask)
    plain = Representation(flux[train], flux[test])
    if stars.known_snr is None:
        return {"spectra": plain}
    best = replace(plain, settings=FOR_SPECTRA, noise=InputNoise.of_flux(stars))
    return {"spectra": plain, TUNED: best}


def _latents(model: StarModel, train: SpectraSet, test: SpectraSet) -> tuple[Representation, float]:
    """The exported latents, and the seconds that encoding the test stars takes."""
    began = time.perf_counter()
    z_test = model.encode(test).z
    seconds = time.perf_counter() - began
    return Representation(model.encode(train).z, z_test, model.unseen(train)), seconds
