"""A whole grid of generated spectra from a decoder with sliders: the paper's use of a generator for new
synthetic grids.

Whose latent? It carries what labels do not say (line widths, shifts, interstellar absorption). `mean`: the
mean latent of the model's reference stars, an average star in all of that. `median`: of given stars, the one
nearest to their mean. Or the latent of one given star, for a grid of spectra as that star would show them.
Shapes: N nodes, L pixels, P labels, Z latent.
"""

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import atomic
from ..data.latents import LatentSet
from ..data.spectra import SpectraSet, same_grid
from ..errors import ConfigError, ModelError, SpectraError
from ..io import check_output
from ..parameters import LABELS, parameter
from ..simulator import inside, simulate, truth

MAX_NODES = 200_000
DECIMALS = 9  # of a node's value: 4000 + 3·0.1 is 4000.3
REFERENCE_STARS = 16  # simulated stars whose mean stands for an average star's spectrum
REFERENCE_SEED = 0
SUFFIXES = (".fits", ".npz")  # a grid is written as

Steps = float | tuple[float, float, float] | list[float]


@dataclass(frozen=True, eq=False)
class Grid:
    """Generated spectra on a grid of labels.

    flux: (N, L).  labels: (N, P) in physical units, NaN for a label that the decoder does not receive.  axes:
    the values of each label, the first label of `axes` varying slowest.  extrapolated: (N,) true where a
    label lies beyond the range that holds 98 % of the training sample, or where no such star exists (the
    simulator's region).  comparison: see `compared`.
    """

    flux: np.ndarray
    wavelength_nm: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    axes: dict[str, np.ndarray]
    extrapolated: np.ndarray
    about: dict[str, Any] = field(default_factory=dict)
    rms: np.ndarray | None = None
    comparison: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.flux)

    def stars(self) -> SpectraSet:
        """The nodes as stars, with ids `node-0` …"""
        ids = np.char.add("node-", np.arange(len(self)).astype(str))
        return SpectraSet(
            self.flux, self.wavelength_nm, ids, self.labels, self.label_names, provenance={"grid": self.about}
        )


# --- generate ---


def generate_grid(model, steps: dict[str, Steps], latent: np.ndarray | LatentSet | str = "mean") -> Grid:
    """Decode one latent under every combination of labels.

    steps: label → a step (over the range of the training sample), (low, high, step), or a list of values. A
    label of the decoder that is not named stands at the training sample's mean.  latent: `mean`, or (Z,) or
    (1, Z) of one star. Raises ModelError for a label that the decoder does not receive, ConfigError for
    impossible steps or too many nodes.
    """
    model.check_receives(steps)
    axes = {n: axis(n, steps.get(n, [_mean(model, n)]), model.ranges[n]) for n in model.condition_on}
    labels = nodes(model.label_names, axes)
    z = (
        mean_latent(model)
        if isinstance(latent, str)
        else np.asarray(getattr(latent, "z", latent), np.float32).reshape(1, -1)
    )
    flux = model.decode(np.repeat(z, len(labels), 0), labels)
    about = {"model": model.model_id or model.name, "latent": latent if isinstance(latent, str) else "given"}
    return Grid(flux, model.wavelength_nm, labels, model.label_names, axes, beyond(model, labels), about)


def axis(name: str, steps: Steps, sample: tuple[float, float]) -> np.ndarray:
    """The values of one label; `sample` is the training sample's range. ConfigError for steps that lead
    nowhere.
    """
    if isinstance(steps, list):
        values = np.unique(np.asarray(steps, np.float64))
    else:
        low, high, step = steps if isinstance(steps, tuple) else (*sample, steps)
        if not (np.isfinite([low, high, step]).all() and step > 0 and low <= high):
            raise ConfigError(f"{name}: from {low:g} to {high:g} in steps of {step:g} is no axis")
        if (high - low) / step > MAX_NODES:
            raise ConfigError(f"{name}: more than {MAX_NODES:,} values: use larger steps")
        # round numbers inside the range
        first = low if isinstance(steps, tuple) else np.ceil(low / step) * step
        values = np.round(first + step * np.arange(np.floor((high - first) / step + 1e-6) + 1), DECIMALS)
    if not len(values) or not np.isfinite(values).all():
        raise ConfigError(f"{name}: no finite values to put on the axis")
    return values


def nodes(label_names: tuple[str, ...], axes: dict[str, np.ndarray]) -> np.ndarray:
    """(N, P) every combination of the axes' values; NaN for a label without an axis. ConfigError for too
    many.
    """
    count = int(np.prod([len(v) for v in axes.values()], dtype=np.float64))
    if count > MAX_NODES:
        sizes = " × ".join(f"{n} {len(v)}" for n, v in axes.items())
        raise ConfigError(f"{sizes} makes {count:,} nodes, more than {MAX_NODES:,}: use larger steps")
    labels = np.full((count, len(label_names)), np.nan)
    for name, values in zip(axes, np.array(list(itertools.product(*axes.values()))).T, strict=True):
        labels[:, label_names.index(name)] = values
    return labels


def beyond(model, labels: np.ndarray) -> np.ndarray:
    """(N,) true for labels (N, P) outside the training sample: beyond the range of one label, or where no
    such star exists.
    """
    out = np.zeros(len(labels), bool)
    for name in model.condition_on:
        low, high = model.ranges[name]
        column = labels[:, model.label_names.index(name)]
        out |= (column < low) | (column > high)
    return out | ~inside(_physical(model.label_names, labels)) if _stellar(model) else out


def mean_latent(model) -> np.ndarray:
    """(1, Z) the mean latent of the model's reference stars. ModelError when the folder does not hold it."""
    if model.outlier_reference is not None:
        return np.asarray(model.outlier_reference.latent_mean, np.float32)[None]
    if model.config.model.normalise_latent:  # by construction
        return np.zeros((1, model.latent_size), np.float32)
    raise ModelError(f"{model.name}: this folder does not hold a mean latent: give a star")


def median_star(latents: LatentSet) -> int:
    """Row of the star nearest to the mean latent, in units of each number's spread."""
    spread = latents.z.std(0) + 1e-9
    return int(np.square((latents.z - latents.z.mean(0)) / spread).sum(1).argmin())


def _mean(model, name: str) -> float:
    return round(float(model.scaler.label_mean[model.label_names.index(name)]), parameter(name).decimals)


# --- against the simulator ---


def compared(grid: Grid, star: SpectraSet | None = None) -> Grid:
    """The grid with its difference from the simulator's own spectra, where those reach.

    star: one simulated star, whose nuisances the true spectra share (give it when its latent made the grid);
    without, they are means over simulated stars, as the mean latent is. `rms` (N,) is that of flux; NaN where
    the simulator does not reach. comparison: `nodes` compared, their `rms`, `relative` (rms of the difference
    over the flux) and `relative_to_change`, √Σ‖generated − true‖² / √Σ‖true − mean of the true‖², which a
    constant spectrum makes 1. Raises SpectraError for labels or a wavelength grid that the simulator does not
    have.
    """
    if (
        not set(LABELS) <= set(grid.label_names)
        or not np.isfinite(_physical(grid.label_names, grid.labels)).all()
    ):
        raise SpectraError(f"the simulator needs {', '.join(LABELS)} of every node")
    stars = simulate(REFERENCE_STARS, seed=REFERENCE_SEED) if star is None else star
    true = true_spectra(grid, stars)
    known = np.isfinite(true).all(1)
    difference = np.where(known[:, None], grid.flux - true, np.nan)
    rms = np.sqrt(np.square(difference).mean(1))
    return replace(grid, rms=rms, comparison=_summary(difference[known], true[known], rms[known]))


def true_spectra(grid: Grid, stars: SpectraSet) -> np.ndarray:
    """(N, L) noise-free spectra of the nodes, the mean over the simulated stars' nuisances; NaN where there
    are none.
    """
    if not same_grid(stars.wavelength_nm, grid.wavelength_nm):
        raise SpectraError("the simulated star is not on the model's wavelength grid")
    labels, total = _physical(grid.label_names, grid.labels), np.zeros(grid.flux.shape)
    for row in range(len(stars)):
        same = stars[np.full(len(grid), row)]
        total += truth(same, labels, without=("model_error",)).flux
    return total / len(stars)


def _summary(difference: np.ndarray, true: np.ndarray, rms: np.ndarray) -> dict[str, Any]:
    if not len(true):
        return {"nodes": 0, "rms": None, "median_rms": None, "relative": None, "relative_to_change": None}
    change = np.sqrt(np.square(true - true.mean(0)).sum())
    return {
        "nodes": len(true),
        "rms": float(np.sqrt(np.square(difference).mean())),
        "median_rms": float(np.median(rms)),
        "relative": float(np.sqrt(np.square(difference / true).mean())),
        "relative_to_change": float(np.sqrt(np.square(difference).sum()) / change) if change else None,
    }


def _stellar(model) -> bool:
    return set(LABELS) <= set(model.condition_on)


def _physical(names: tuple[str, ...], labels: np.ndarray) -> np.ndarray:
    """(N, 4) the simulator's labels."""
    return labels[:, [names.index(n) for n in LABELS]]


# --- files ---


def write_grid(path: str | Path, grid: Grid) -> None:
    """`.fits` or `.npz`: the nodes as stars (`io.read_stars` reads them) with `extrapolated` and, if
    compared, `rms`.

    SpectraError for another suffix.
    """
    (path, suffix), stars = check_output(path, SUFFIXES), grid.stars()
    extra = {"extrapolated": grid.extrapolated} | ({} if grid.rms is None else {"rms": grid.rms})
    if suffix == ".npz":
        with atomic(path) as stream:
            np.savez(
                stream,
                flux=stars.flux,
                mask=stars.mask,
                flux_error=np.full_like(stars.flux, np.nan),
                ids=stars.ids,
                wavelength_nm=stars.wavelength_nm,
                labels=stars.labels,
                label_names=np.array(stars.label_names, str),
                **extra,
            )
    else:
        _write_fits(path, stars, extra, grid.about)


def _write_fits(path: Path, stars: SpectraSet, extra: dict[str, np.ndarray], about: dict[str, Any]) -> None:
    """A table GRID with a row a node, and a table WAVELENGTH."""
    from astropy.io import fits
    from astropy.table import Table

    units = {n: parameter(n).unit for n in stars.label_names if parameter(n).unit not in ("", "dex")}
    columns = {"source_id": stars.ids} | dict(zip(stars.label_names, stars.labels.T, strict=True))
    rows = fits.table_to_hdu(Table(columns | extra | {"flux": stars.flux}, units=units))
    waves = fits.table_to_hdu(Table({"wavelength": stars.wavelength_nm}, units={"wavelength": "nm"}))
    rows.name, waves.name = "GRID", "WAVELENGTH"
    rows.header.update({key[:8].upper(): str(value) for key, value in about.items()})
    with atomic(path) as stream:
        fits.HDUList([fits.PrimaryHDU(), rows, waves]).writeto(stream)
