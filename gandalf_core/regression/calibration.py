"""Error bars from stars of several kinds: of the physics that trained the regressor, and of another.

No network is fitted here. Of the stars of each kind some tell *where* error bars are wider, others correct
that, and others tell *by how much* (`uncertainty`). The last are drawn star by star from either kind by
chance, so that what is promised (`conformal`) holds for a star whose kind is drawn likewise.
Shapes: N stars, D numbers per star, P labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import ModelError
from .conformal import MIN_SCORES
from .crossed import AnyRegressor, CrossedRegressor
from .quality import Measures, Quality
from .regressor import Regressor
from .uncertainty import fit_shape

MIN_FOR_LEVEL = 200  # labelled stars, of which half tell the level; with fewer it stays as it was


@dataclass(frozen=True, eq=False)
class Evidence:
    """Stars with known labels: x (N, D), y (N, P) in physical units, NaN = missing.

    snr: (N,) per pixel, NaN where unknown.  quality: how well the model fits each, (N,) by name.
    """

    x: np.ndarray
    y: np.ndarray
    snr: np.ndarray
    quality: Measures = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: np.ndarray | slice) -> "Evidence":
        quality = {name: values[rows] for name, values in self.quality.items()}
        return Evidence(self.x[rows], self.y[rows], self.snr[rows], quality)

    @property
    def labelled(self) -> int:
        """How many stars have a label."""
        return int(np.isfinite(self.y).any(1).sum())


def together(parts: Sequence[Evidence]) -> Evidence:
    """The stars of all parts, with the measures of quality that each of them has."""
    names = [n for n in parts[0].quality if all(n in part.quality for part in parts)]
    return Evidence(
        x=np.concatenate([part.x for part in parts]),
        y=np.concatenate([part.y for part in parts]),
        snr=np.concatenate([part.snr for part in parts]),
        quality={n: np.concatenate([part.quality[n] for part in parts]) for n in names},
    )


def mixed(first: Evidence, second: Evidence, share: float = 0.5, seed: int = 0) -> tuple[Evidence, int]:
    """Stars of either kind, each drawn by chance, and how many are of the second.

    share: probability of the second. As many as there is room for, even where one kind is drawn too often by
    four standard deviations.
    """
    count = min(_draws(len(first), 1 - share), _draws(len(second), share))
    tossed = int((np.random.default_rng([seed, count]).random(count) < share).sum())
    of_second = int(np.clip(tossed, count - len(first), len(second)))
    return together([first[: count - of_second], second[:of_second]]), of_second


def _draws(available: int, share: float) -> int:
    """How many draws can be made until this share of them and four standard deviations are all there are."""
    spread = 2 * np.sqrt(share * (1 - share))
    return int(((np.sqrt(spread**2 + share * available) - spread) / share) ** 2)


def calibrated(
    regressor: Regressor, shape: Evidence, level: Evidence, scores: Evidence, seed: int = 0
) -> Regressor:
    """The same networks with error bars that know the quality of a fit, from three sets of stars.

    shape: tell where error bars are wider; they may have trained the networks.  level, scores: must not have.
    """
    knowing = replace(regressor, quality=Quality.of(shape.quality))
    errors = fit_shape(*_residuals(knowing, shape), seed)
    errors = errors.levelled(*_residuals(knowing, level)).conformed(*_residuals(knowing, scores))
    return replace(knowing, errors=errors)


def recalibrated(regressor: AnyRegressor, stars: Evidence, seed: int = 0) -> Regressor:
    """The same networks with error bars as wide as other labelled stars, real ones for example, ask for.

    Where error bars are wider stays as it is. Of `MIN_FOR_LEVEL` stars or more half tell the level anew and
    half the scores; fewer tell the scores alone. Raises ModelError for fewer than `MIN_SCORES`.
    """
    if stars.labelled < MIN_SCORES:
        raise ModelError(
            f"{stars.labelled} stars with labels: at least {MIN_SCORES} tell how wide errors are"
        )
    stars = stars[np.random.default_rng(seed).permutation(np.flatnonzero(np.isfinite(stars.y).any(1)))]
    if isinstance(regressor, CrossedRegressor):
        joined, shape = regressor.joined(), regressor.parts[0].errors
        regressor = replace(joined, errors=replace(shape, scores=None, correlation=None))
    errors, told = regressor.errors, 0
    if len(stars) >= MIN_FOR_LEVEL:
        told = len(stars) // 2
        errors = errors.levelled(*_residuals(regressor, stars[:told]))
    errors = errors.conformed(*_residuals(regressor, stars[told:]))
    about = {"method": "split", "stars": len(stars) - told, "folds": 0, "seen": False}
    return replace(regressor, errors=errors, summary=regressor.summary | {"calibration": about})


def _residuals(regressor: Regressor, stars: Evidence) -> tuple[np.ndarray, np.ndarray]:
    return regressor.residuals(stars.x, stars.y, stars.snr, stars.quality)
