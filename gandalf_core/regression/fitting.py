"""Fitting regressors: parameters from spectra or latents, with an uncertainty for every star and label.

The regressor of the paper: scikit-learn's `MLPRegressor` with 200 and 100 hidden units on standardised inputs
and outputs (Manteiga et al. 2025, section 5), stored as arrays and evaluated by numpy alone. Missing labels
are never filled.
Shapes: N stars, D numbers a star, R inputs of a network, P labels.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..data.components import principal
from ..errors import ModelError
from .network import Mlp
from .regressor import Group, Regressor, check_finite
from .uncertainty import ErrorModel, fit_shape

MIN_LABELLED = 40  # stars with a label, below which no network is fitted for it
# of the stars; enough of them for error bars that depend on S/N and labels
HELD_OUT, MANY_HELD_OUT = 0.1, 1000
MIN_UNSEEN = 500  # fewer say too little of how wide an error bar must be
SLOWER = (1.0, 0.3, 0.1)  # learning rate, relative; the next one when the held-out loss has stopped falling
LEARNING_RATE, BATCH, PATIENCE = 1e-3, 200, 8
# of the stars in a pass, where S/N is an input: as at the S/N of another star, if that is lower
SEEN_NOISIER = 0.8
# reads spectra better than the paper's settings; needs S/N
FOR_SPECTRA = {"components": 32, "use_snr": True, "alpha": 0.05}


@dataclass(frozen=True, eq=False)
class _Shown:
    """What networks are trained on: inputs (N, R) float32, and what S/N = 1 would add to each as noise (R,).

    snr: (N,) where the last input is the S/N, else None.  turn: (D, R) from standardised numbers to inputs,
    or None.
    """

    inputs: np.ndarray
    noise: np.ndarray
    snr: np.ndarray | None
    log_snr: tuple[float, float]  # mean and spread, in log10
    turn: np.ndarray | None

    def one_pass(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The inputs of the stars `rows`; where S/N is an input, most with fresh noise added, as if seen at a
        lower S/N.
        """
        if self.snr is None:
            return self.inputs[rows]
        own = 1 / self.snr[rows]
        seen = np.where(rng.random(len(rows)) < SEEN_NOISIER, np.maximum(own, rng.permutation(own)), own)
        added = np.sqrt(seen**2 - own**2).astype(np.float32)[:, None] * self.noise
        shown = self.inputs[rows] + added * rng.standard_normal(
            (len(rows), len(self.noise)), dtype=np.float32
        )
        shown[:, -1] = (-np.log10(seen) - self.log_snr[0]) / self.log_snr[1]
        return shown

    def unturned(self, network: Mlp) -> Mlp:
        """The same network reading standardised numbers."""
        return network if self.turn is None else network.after(self.turn)


def fit_regressor(
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    *,
    snr: np.ndarray | None = None,
    hidden: tuple[int, ...] = (200, 100),
    seed: int = 0,
    max_iter: int = 1000,
    early_stopping: bool = True,
    alpha: float = 1e-4,
    joint: bool = True,
    ensemble: int = 1,
    components: int | None = None,
    use_snr: bool = False,
    progress: Callable[[int, float], None] | None = None,
) -> Regressor:
    """Fit on x (N, D) and y (N, P) in physical units, NaN = missing; labels known for the same stars share a
    network.

    snr: (N,) per pixel, for the error bars.  hidden, alpha (L2 penalty): as in scikit-learn.  max_iter:
    passes over the stars at most (the paper: 1000).  early_stopping: slow down, later stop, when the loss of
    the held-out tenth no longer falls, and keep its best weights; else exactly max_iter passes.  joint: False
    for one network per label.  ensemble: networks averaged.  components: let the first layer see that many
    principal components of x only; most of 800 pixels is noise, which a network learns by heart.  use_snr: x
    is flux with white noise of 1/snr; the S/N is an input, and in every pass most stars are shown with fresh
    noise on top.  progress: called with epoch and held-out loss (unit: variance of the labels).

    Raises ModelError for inputs that are not finite, shapes that disagree, or no label known for
    `MIN_LABELLED` stars.
    """
    began = time.perf_counter()
    x, y, names = np.asarray(x, np.float32), np.asarray(y, np.float64), tuple(names)
    if x.ndim != 2 or y.shape != (len(x), len(names)) or (snr is not None and np.shape(snr) != (len(x),)):
        raise ModelError(f"inputs {x.shape}, labels {y.shape} and {len(names)} names do not belong together")
    check_finite(x)
    median_snr = float("nan") if snr is None else float(np.nanmedian(snr))
    if use_snr and not median_snr > 0:
        raise ModelError("no S/N is known: it cannot be an input")
    held = _held_out(len(x), seed)
    shown, x_scales = _show(x, _filled(snr, median_snr) if use_snr else None, held, components)
    y_scales = _moments(y[~held])
    fits = _fit_groups(
        shown,
        ((y - y_scales[0]) / y_scales[1]).astype(np.float32),
        held,
        joint=joint,
        ensemble=ensemble,
        seed=seed,
        hidden=hidden,
        alpha=alpha,
        max_iter=max_iter,
        early_stopping=early_stopping,
        progress=progress,
    )
    if not fits:
        raise ModelError(
            f"no label is known for {MIN_LABELLED} of the {len(x)} stars: a regressor cannot be fitted"
        )
    records = [record for _, group in fits for record in group]
    summary = {"stars": int((~held).sum()), "networks": records, "seconds": time.perf_counter() - began}
    no_errors = ErrorModel(*(np.empty(0),) * 4)
    groups = tuple(group for group, _ in fits)
    regressor = Regressor(names, *x_scales, *y_scales, groups, no_errors, median_snr, summary, use_snr)
    trained, unseen = (
        (x[rows], y[rows], None if snr is None else np.asarray(snr)[rows]) for rows in (~held, held)
    )
    return replace(regressor, errors=fit_shape(*regressor._residuals(*trained), seed)).calibrated(*unseen)


def fit_calibrated(
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    unseen: np.ndarray,
    *,
    snr: np.ndarray | None = None,
    **settings,
) -> Regressor:
    """`fit_regressor` on the stars that made the encoder behind x, with error bars from those it never saw,
    `unseen` (N,).

    An encoder with reinforced labels knows its own training stars better than any other: their error bars
    would be too short.
    """
    own = ~np.asarray(unseen)
    # too few to say how wide; or the encoder is from elsewhere
    if not MIN_UNSEEN <= len(x) - own.sum() <= len(x) / 2:
        return fit_regressor(x, y, names, snr=snr, **settings)
    part = lambda rows: None if snr is None else snr[rows]  # noqa: E731
    return fit_regressor(x[own], y[own], names, snr=part(own), **settings).calibrated(
        x[~own], y[~own], part(~own)
    )


def _filled(snr: np.ndarray, median: float) -> np.ndarray:
    snr = np.asarray(snr, np.float64)
    return np.where(snr > 0, snr, median)


def _show(
    x: np.ndarray, snr: np.ndarray | None, held: np.ndarray, components: int | None
) -> tuple[_Shown, tuple]:
    """What the networks see of x (N, D) and the means and scales of its columns; snr: (N,) to make it an
    input, or None.
    """
    mean, scale = (m.astype(np.float32) for m in _moments(x[~held]))
    turn = None if components is None else scale[:, None] * _soft_components(x[~held], components)
    inputs = (x - mean) / scale if turn is None else ((x - mean) / scale) @ turn
    if snr is None:
        return _Shown(inputs, np.zeros(inputs.shape[1], np.float32), None, (0.0, 1.0), turn), (mean, scale)
    level = np.median(mean)  # of the flux: S/N is level over noise
    noise = level / scale if turn is None else level * np.sqrt(((turn / scale[:, None]) ** 2).sum(0))
    log_snr = np.log10(snr)
    middle, spread = (np.float32(v) for v in (log_snr[~held].mean(), max(log_snr[~held].std(), 1e-3)))
    inputs = np.column_stack([inputs, ((log_snr - middle) / spread).astype(np.float32)])
    if turn is not None:
        turn = np.pad(turn, ((0, 1), (0, 1)))
        turn[-1, -1] = 1
    shown = _Shown(inputs, np.append(noise, 0).astype(np.float32), snr, (middle, spread), turn)
    return shown, (np.append(mean, middle), np.append(scale, spread))


def _soft_components(x: np.ndarray, count: int) -> np.ndarray:
    """(D, R) from centred x to its leading principal components, each divided by the root of its standard
    deviation.

    Half way between whitening, which makes noise as loud as signal, and their own size, in which only the
    first is heard.
    """
    mean, axes = principal(x, count)
    spread = np.maximum(((x - mean) @ axes.T).std(0), 1e-12)
    return axes.T / np.sqrt(spread * spread.max())


def _fit_groups(
    shown: _Shown, y: np.ndarray, held: np.ndarray, *, joint, ensemble, seed, **settings
) -> list[tuple]:
    """(group, records of its members) for each set of labels known for the same stars; y (N, P) standardised,
    NaN = missing.
    """
    fits = []
    for columns in _label_groups(y, joint):
        known = np.isfinite(y[:, columns[0]])
        train, check = np.flatnonzero(known & ~held), np.flatnonzero(known & held)
        members = [
            _fit_member(shown, y[:, columns], train, check, seed=seed + m, **settings)
            for m in range(ensemble)
        ]
        fits.append(
            (
                Group(columns, tuple(shown.unturned(mlp) for mlp, _ in members)),
                [record for _, record in members],
            )
        )
    return fits


def _held_out(n_stars: int, seed: int) -> np.ndarray:
    """(N,) true for the stars that decide when to stop and set the error bars: a tenth, more where there are
    few.
    """
    count = round(max(HELD_OUT * n_stars, min(MANY_HELD_OUT, n_stars / 4)))
    held = np.zeros(n_stars, bool)
    held[np.random.default_rng(seed).permutation(n_stars)[:count]] = True
    return held


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each column over its known values; 0 and 1 where there is nothing to know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns without any value
        mean, scale = np.nanmean(values, 0, dtype=np.float64), np.nanstd(values, 0, dtype=np.float64)
    return np.nan_to_num(mean), np.where(scale > 1e-12, scale, 1.0)


def _label_groups(y: np.ndarray, joint: bool) -> list[np.ndarray]:
    """Columns that share a network: those known for exactly the same stars. Columns known for too few are
    left out.
    """
    known = np.isfinite(y)
    usable = [p for p in range(y.shape[1]) if known[:, p].sum() >= MIN_LABELLED]
    by_pattern: dict[object, list[int]] = {}
    for p in usable:
        by_pattern.setdefault(known[:, p].tobytes() if joint else p, []).append(p)
    return [np.array(columns) for columns in by_pattern.values()]


def _fit_member(
    shown: _Shown,
    y: np.ndarray,
    train: np.ndarray,
    check: np.ndarray,
    *,
    seed,
    hidden,
    alpha,
    max_iter,
    early_stopping,
    progress,
) -> tuple[Mlp, dict]:
    """One network on the rows `train`; the weights of the pass that predicts the rows `check` best."""
    from sklearn.neural_network import MLPRegressor

    settings = {
        "learning_rate_init": LEARNING_RATE,
        "batch_size": min(BATCH, len(train)),
        "random_state": seed,
    }
    net, rng = (
        MLPRegressor(hidden_layer_sizes=hidden, alpha=alpha, **settings),
        np.random.default_rng([seed, len(train)]),
    )
    target = y[train, 0] if y.shape[1] == 1 else y[train]
    best, best_loss, speed, waited, epoch = None, np.inf, 0, 0, 0
    for epoch in range(1, max_iter + 1):
        net.partial_fit(shown.one_pass(train, rng), target)
        loss = float(np.mean((Mlp.of(net)(shown.inputs[check]) - y[check]) ** 2)) if len(check) else net.loss_
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
            net.coefs_, net.intercepts_ = (
                [p.copy() for p in params] for params in (best.weights, best.biases)
            )
            # scikit-learn has no schedule for Adam
            net._optimizer.learning_rate_init = LEARNING_RATE * SLOWER[speed]
    return best, {"epochs": epoch, "held_out_loss": best_loss}
