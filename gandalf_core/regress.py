"""Parameters from spectra or latents, with an uncertainty for every star and label.

The regressor of the paper: scikit-learn's `MLPRegressor` with 200 and 100 hidden units on standardised inputs and outputs
(Manteiga et al. 2025, section 5), stored as arrays and evaluated by numpy alone. Missing labels are never filled.
Shapes: N stars, D inputs, P labels.
"""

import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .components import principal
from .errors import ModelError
from .mlp import Mlp, counted
from .uncertainty import ErrorModel, fit_shape

MIN_LABELLED = 40  # stars with a label, below which no network is fitted for it
HELD_OUT, MANY_HELD_OUT = 0.1, 1000  # of the stars; enough of them for error bars that depend on S/N and labels
CHUNK = 8192  # stars evaluated at once: the activations stay in the cache
SLOWER = (1.0, 0.3, 0.1)  # learning rate, relative; the next one when the held-out loss has stopped falling
LEARNING_RATE, BATCH, PATIENCE = 1e-3, 200, 8


@dataclass(frozen=True, eq=False)
class Group:
    """Labels fitted together (columns of the P outputs) and the networks whose outputs are averaged."""

    columns: np.ndarray
    members: tuple[Mlp, ...]


@dataclass(frozen=True, eq=False)
class Regressor:
    """Labels from D numbers a star.

    names: P labels.  x_mean, x_scale: (D,).  y_mean, y_scale: (P,) in physical units.  groups: networks on standardised
    inputs.  errors: 68 % half-widths from the standardised predictions and log10 S/N.  snr: median S/N of the fit, which
    stands for an unknown one; NaN when the fit knew none.  summary: seconds, epochs, held-out loss; JSON-serialisable.
    """

    names: tuple[str, ...]
    x_mean: np.ndarray
    x_scale: np.ndarray
    y_mean: np.ndarray
    y_scale: np.ndarray
    groups: tuple[Group, ...]
    errors: ErrorModel
    snr: float
    summary: dict = field(default_factory=dict)

    def predict(self, x: np.ndarray, snr: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Values (N, P) and 1σ errors (N, P) in physical units for x (N, D); the errors are 68 % half-widths.

        snr: (N,) per pixel, as in the fit; where None or NaN the fit's median is used.  A label that the fit knew for too
        few stars is NaN.  Raises ModelError when x has another width than in the fit or is not finite.
        """
        standard = self._standard(x)
        return standard * self.y_scale + self.y_mean, self.errors.half_width(self._features(standard, snr)) * self.y_scale

    def calibrated(self, x: np.ndarray, y: np.ndarray, snr: np.ndarray | None = None) -> "Regressor":
        """The same networks with error bars fitted to other stars: those that trained neither them nor what made x."""
        return replace(self, errors=self.errors.levelled(*self._residuals(x, y, snr)))

    def _residuals(self, x: np.ndarray, y: np.ndarray, snr: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """(N, F) features of the error model and (N, P) residuals in units of the labels' spread."""
        standard = self._standard(x)
        return self._features(standard, snr), (np.asarray(y, np.float64) - self.y_mean) / self.y_scale - standard

    def _standard(self, x: np.ndarray) -> np.ndarray:
        """(N, P) float64 predictions in units of the labels' spread."""
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != len(self.x_mean):
            raise ModelError(f"this regressor reads {len(self.x_mean)} numbers a star, not an array of shape {x.shape}")
        out = np.full((len(x), len(self.names)), np.nan)
        for start in range(0, len(x), CHUNK):
            rows = slice(start, start + CHUNK)
            part = (x[rows].astype(np.float32) - self.x_mean) / self.x_scale
            if not np.isfinite(part).all():
                raise ModelError("some inputs of the regressor are not finite: fill masked pixels before")
            for group in self.groups:
                out[rows, group.columns] = sum(member(part) for member in group.members) / len(group.members)
        return out

    def _features(self, standard: np.ndarray, snr: np.ndarray | None) -> np.ndarray:
        """(N, F) what the width of an error bar depends on."""
        fitted = np.nan_to_num(standard)
        if not np.isfinite(self.snr):
            return fitted
        snr = np.full(len(fitted), self.snr) if snr is None else np.asarray(snr, np.float64)
        snr = np.where(snr > 0, snr, self.snr)
        return np.column_stack([fitted, np.log10(snr)])

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays for `np.savez`: the inverse of `from_arrays`, to the bit."""
        stored = {name: getattr(self, name) for name in ("x_mean", "x_scale", "y_mean", "y_scale")}
        stored |= {"names": np.array(self.names, dtype=str), "snr": np.array(self.snr)}
        stored |= {"summary": np.array(json.dumps(self.summary))}
        stored |= self.errors.arrays("errors_")
        for g, group in enumerate(self.groups):
            stored[f"group{g}_columns"] = group.columns
            for m, member in enumerate(group.members):
                stored |= member.arrays(f"group{g}_member{m}_")
        return stored

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Regressor":
        """From what `arrays` gave. Raises ModelError naming the array that is missing."""
        try:
            return cls(
                tuple(arrays["names"].tolist()), *(np.asarray(arrays[n]) for n in ("x_mean", "x_scale", "y_mean", "y_scale")),
                tuple(_stored_groups(arrays)),
                ErrorModel.from_arrays(arrays, "errors_"), float(arrays["snr"]), json.loads(str(arrays["summary"])),
            )  # fmt: skip
        except KeyError as missing:
            raise ModelError(f"a stored regressor lacks the array {missing}: fit it again") from None


def _stored_groups(arrays: dict[str, np.ndarray]):
    for g in counted(arrays, "group{}_columns"):
        members = [Mlp.from_arrays(arrays, f"group{g}_member{m}_") for m in counted(arrays, f"group{g}_member{{}}_weight0")]
        yield Group(np.asarray(arrays[f"group{g}_columns"]), tuple(members))


def fit_regressor(
    x: np.ndarray, y: np.ndarray, names: Sequence[str], *, snr: np.ndarray | None = None, hidden: tuple[int, ...] = (200, 100),
    seed: int = 0, max_iter: int = 1000, early_stopping: bool = True, alpha: float = 1e-4, joint: bool = True, ensemble: int = 1,
    components: int | None = None, progress: Callable[[int, float], None] | None = None,
) -> Regressor:  # fmt: skip
    """Fit on x (N, D) and y (N, P) in physical units, NaN = missing; labels known for the same stars share a network.

    snr: (N,) per pixel, for the error bars.  hidden, alpha (L2 penalty): as in scikit-learn.  max_iter: passes over the
    stars at most (the paper: 1000).  early_stopping: slow down, later stop, when the loss of the held-out tenth no longer
    falls, and keep its best weights; else exactly max_iter passes.  joint: False for one network per label.  ensemble:
    networks averaged.  components: let the first layer see that many principal components of x only; most of 800 pixels is
    noise, which a network learns by heart.  progress: called with epoch and held-out loss (unit: variance of the labels).

    Raises ModelError for inputs that are not finite, shapes that disagree, or no label known for `MIN_LABELLED` stars.
    """
    began = time.perf_counter()
    x, y, names = np.asarray(x, np.float32), np.asarray(y, np.float64), tuple(names)
    if x.ndim != 2 or y.shape != (len(x), len(names)):
        raise ModelError(f"inputs {x.shape}, labels {y.shape} and {len(names)} names do not belong together")
    held = _held_out(len(x), seed)
    scales = [*(m.astype(np.float32) for m in _moments(x[~held])), *_moments(y[~held])]
    turn = None if components is None else _whitening(x[~held], components) * scales[1][:, None]
    standard_x, standard_y = (x - scales[0]) / scales[1], ((y - scales[2]) / scales[3]).astype(np.float32)
    inputs = standard_x if turn is None else standard_x @ turn
    if not np.isfinite(standard_x).all():
        raise ModelError("some inputs of the regressor are not finite: fill masked pixels before")
    settings = {"hidden": hidden, "alpha": alpha, "max_iter": max_iter, "early_stopping": early_stopping, "progress": progress}
    groups, records = [], []
    for columns in _label_groups(y, joint):
        known = np.isfinite(y[:, columns[0]])
        parts = [(inputs[rows], standard_y[np.ix_(rows, columns)]) for rows in (known & ~held, known & held)]
        fits = [_fit_member(*parts, seed=seed + m, **settings) for m in range(ensemble)]
        groups.append(Group(columns, tuple(mlp if turn is None else mlp.after(turn) for mlp, _ in fits)))
        records += [record for _, record in fits]
    if not groups:
        raise ModelError(f"no label is known for {MIN_LABELLED} of the {len(x)} stars: a regressor cannot be fitted")
    summary = {"stars": int((~held).sum()), "networks": records, "seconds": time.perf_counter() - began}
    median_snr = float("nan") if snr is None else float(np.nanmedian(snr))
    regressor = Regressor(names, *scales, tuple(groups), ErrorModel(*(np.empty(0),) * 4), median_snr, summary)
    trained, unseen = ((x[rows], y[rows], None if snr is None else np.asarray(snr)[rows]) for rows in (~held, held))
    return replace(regressor, errors=fit_shape(*regressor._residuals(*trained), seed)).calibrated(*unseen)


def _held_out(n_stars: int, seed: int) -> np.ndarray:
    """(N,) true for the stars that decide when to stop and set the error bars: a tenth, more where there are few."""
    count = round(max(HELD_OUT * n_stars, min(MANY_HELD_OUT, n_stars / 4)))
    held = np.zeros(n_stars, bool)
    held[np.random.default_rng(seed).permutation(n_stars)[:count]] = True
    return held


def _whitening(x: np.ndarray, count: int) -> np.ndarray:
    """(D, R) from centred x to its leading principal components, each of unit variance."""
    mean, axes = principal(x, count)
    return axes.T / np.maximum(((x - mean) @ axes.T).std(0), 1e-12)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each column over its known values; 0 and 1 where there is nothing to know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns without any value
        mean, scale = np.nanmean(values, 0, dtype=np.float64), np.nanstd(values, 0, dtype=np.float64)
    return np.nan_to_num(mean), np.where(scale > 1e-12, scale, 1.0)


def _label_groups(y: np.ndarray, joint: bool) -> list[np.ndarray]:
    """Columns that share a network: those known for exactly the same stars. Columns known for too few are left out."""
    known = np.isfinite(y)
    usable = [p for p in range(y.shape[1]) if known[:, p].sum() >= MIN_LABELLED]
    by_pattern: dict[object, list[int]] = {}
    for p in usable:
        by_pattern.setdefault(known[:, p].tobytes() if joint else p, []).append(p)
    return [np.array(columns) for columns in by_pattern.values()]


def _fit_member(train, held, *, seed, hidden, alpha, max_iter, early_stopping, progress) -> tuple[Mlp, dict]:
    """One network on (x, y) standardised; the weights of the epoch that predicts the held-out stars best."""
    from sklearn.neural_network import MLPRegressor

    settings = {"learning_rate_init": LEARNING_RATE, "batch_size": min(BATCH, len(train[0])), "random_state": seed}
    net = MLPRegressor(hidden_layer_sizes=hidden, alpha=alpha, **settings)
    target = train[1].ravel() if train[1].shape[1] == 1 else train[1]
    best, best_loss, speed, waited, epoch = None, np.inf, 0, 0, 0
    for epoch in range(1, max_iter + 1):
        net.partial_fit(train[0], target)
        loss = float(np.mean((Mlp.of(net)(held[0]) - held[1]) ** 2)) if len(held[0]) else net.loss_
        if progress:
            progress(epoch, loss)
        improved = loss < best_loss
        waited = 0 if improved else waited + 1
        if improved or not early_stopping:
            best, best_loss = Mlp.of(net), loss
        if early_stopping and waited >= PATIENCE:
            speed, waited = speed + 1, 0
            if speed == len(SLOWER):
                break
            net.coefs_, net.intercepts_ = ([p.copy() for p in params] for params in (best.weights, best.biases))
            net._optimizer.learning_rate_init = LEARNING_RATE * SLOWER[speed]  # scikit-learn has no schedule for Adam
    return best, {"epochs": epoch, "held_out_loss": best_loss}
