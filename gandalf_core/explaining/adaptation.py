"""What own stars have taught a model: it beside the one that it was adapted from, on the same stars.

Shapes: N stars, L pixels, P labels, Z latent.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..auditing.leak import Examination, conditional_leaks
from ..auditing.probes import MIN_LABELLED, Probing
from ..data.spectra import SpectraSet, same_grid
from ..errors import ModelError
from ..models.mean_shift import mean_correction
from ..models.trained import TrainedModel
from ..parameters import in_calcium_cores, parameter

MOST = 2000  # stars that are compared; more change nothing that can be seen
FOR_SLIDERS = 100  # stars over which the change by a slider is averaged


@dataclass(frozen=True, eq=False)
class SliderPair:
    """The change of flux (L,) per step of a label, mean over stars, by both decoders.

    distance: ‖after − before‖ / ‖before‖ over all stars and pixels.
    """

    step: float
    before: np.ndarray
    after: np.ndarray
    distance: float


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A model beside its original, on N stars; every pair is (before, after).

    places: two (N, 2) on the first two principal axes of the original latent, the adapted one turned onto
    it.  turned_away: the share of the original latent's variance that no turn of the adapted one explains.
    values: two (N, P), read from `read_from`, the spectrum where both can.  true: (N, P) the stars' own
    labels, NaN = missing.
    told: removed label → two partial R² that a linear fit reads, a lower bound; empty with too few labels.
    residual: two (L,), mean of observed − reconstructed flux.  rms: two of the residual in the cores of the
    Ca II lines and outside.  correction: (L,) added to the mean spectrum, mean over the stars, or None.
    """

    ids: np.ndarray
    label_names: tuple[str, ...]
    wavelength_nm: np.ndarray
    places: tuple[np.ndarray, np.ndarray]
    turned_away: float
    read_from: str
    values: tuple[np.ndarray, np.ndarray]
    true: np.ndarray
    told: dict[str, tuple[float, float]]
    residual: tuple[np.ndarray, np.ndarray]
    rms: dict[str, tuple[float, float]]
    sliders: dict[str, SliderPair]
    correction: np.ndarray | None

    def parameters(self) -> list[dict[str, Any]]:
        """For each label that stars bring along: bias and scatter of model − label, before and after."""
        rows = []
        for j, name in enumerate(self.label_names):
            known = np.isfinite(self.true[:, j])
            if not known.any():
                continue
            row: dict[str, Any] = {"label": name, "stars": int(known.sum())}
            for when, values in zip(("before", "after"), self.values, strict=True):
                residual = values[known, j] - self.true[known, j]
                middle = float(np.median(residual))
                spread = 1.4826 * float(np.median(np.abs(residual - middle)))
                rms = float(np.sqrt(np.mean(residual**2)))
                row |= {f"bias_{when}": middle, f"scatter_{when}": spread, f"rmse_{when}": rms}
            rows.append(row)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Everything but arrays, for JSON."""
        return {
            "stars": len(self.ids),
            "read_from": self.read_from,
            "turned_away": self.turned_away,
            "parameters": self.parameters(),
            "told": {n: {"before": b, "after": a} for n, (b, a) in self.told.items()},
            "rms_residual": {where: {"before": b, "after": a} for where, (b, a) in self.rms.items()},
            "sliders": {n: {"step": s.step, "distance": s.distance} for n, s in self.sliders.items()},
            "correction_rms": None if self.correction is None else float(np.std(self.correction)),
        }


def adaptation(before: TrainedModel, after: TrainedModel, stars: SpectraSet) -> Adaptation:
    """A model and the one it was adapted from, on stars that should have trained neither.

    Raises ModelError for models of other labels or other wavelengths than each other's.
    """
    if before.label_names != after.label_names or not same_grid(before.wavelength_nm, after.wavelength_nm):
        raise ModelError(f"{after.name}: {before.name} has other labels or wavelengths; compare with its own")
    stars = after.on_grid(stars[np.arange(min(len(stars), MOST))])
    both = (before, after)
    latents = [model.encode_mean(stars) for model in both]
    turned, left = turned_onto(*latents)
    axes = principal(latents[0])
    source = "latent" if any(model.regressor_spectrum is None for model in both) else "spectrum"
    read = [model.predict(stars, source=source, verdicts=False) for model in both]
    true = stars.labels_for(after.label_names)
    residual = [_residual(model, stars) for model in both]
    mean = [np.nanmean(r, axis=0) for r in residual]
    core = in_calcium_cores(after.wavelength_nm)
    labels = after.labels_of(stars)[0]
    added = mean_correction(after, labels)
    return Adaptation(
        ids=stars.ids,
        label_names=after.label_names,
        wavelength_nm=after.wavelength_nm,
        places=((latents[0] - latents[0].mean(0)) @ axes, turned @ axes),
        turned_away=left,
        read_from=source,
        values=(read[0].values, read[1].values),
        true=true,
        told=_told(both, stars),
        residual=(mean[0], mean[1]),
        rms={"in the Ca II cores": _rms(residual, core), "elsewhere": _rms(residual, ~core)},
        sliders=_sliders(both, stars[np.arange(min(len(stars), FOR_SLIDERS))]),
        correction=None if added is None else added.mean(0),
    )


def turned_onto(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, float]:
    """`after` (N, Z) turned (and mirrored) onto `before` (N, Z), and the share of its variance that is left.

    Orthogonal Procrustes (Schönemann 1966, Psychometrika 31, 1): R = U Vᵀ of afterᵀ before = U S Vᵀ.
    """
    one, other = before - before.mean(0), after - after.mean(0)
    left, _, right = np.linalg.svd(other.T @ one, full_matrices=False)
    turned = other @ (left @ right)
    return turned, float(np.square(one - turned).sum() / max(np.square(one).sum(), 1e-300))


def principal(z: np.ndarray) -> np.ndarray:
    """(Z, 2) the first two principal axes of z (N, Z)."""
    return np.linalg.svd(z - z.mean(0), full_matrices=False)[2][:2].T


def _residual(model: TrainedModel, stars: SpectraSet) -> np.ndarray:
    """(N, L) observed − reconstructed, under the labels that the model reads itself; NaN where masked."""
    return np.where(stars.mask, np.nan, stars.flux) - model.reconstruct(stars)


def _rms(residual: list[np.ndarray], pixels: np.ndarray) -> tuple[float, float]:
    one, other = (float(np.sqrt(np.nanmean(np.square(r[:, pixels])))) for r in residual)
    return one, other


def _told(both: tuple[TrainedModel, TrainedModel], stars: SpectraSet) -> dict[str, tuple[float, float]]:
    """Partial R² of each removed label, as a linear fit reads it; empty where too few have all labels."""
    names = both[1].removed
    labels = stars.labels_for(both[1].label_names)
    known = np.asarray(np.isfinite(labels).all(1))
    if not names or known.sum() < MIN_LABELLED:
        return {}
    place = [both[1].label_names.index(n) for n in names]
    kept = np.delete(labels[known], place, 1)
    found = []
    for model in both:
        examined = Examination(
            model.encode(stars[known]).z, kept, labels[known][:, place], Probing(("ridge",))
        )
        found.append([leak.partial for leak in conditional_leaks(examined, thorough=False)])
    return {n: (found[0][k], found[1][k]) for k, n in enumerate(names)}


def _sliders(both: tuple[TrainedModel, TrainedModel], stars: SpectraSet) -> dict[str, SliderPair]:
    """The change by one step of each label that the decoders receive."""
    names = [n for n in both[1].condition_on if n in both[0].condition_on]
    labels = both[1].labels_of(stars)[0] if names else np.empty((0, 0))
    latents, found = [model.encode_mean(stars) for model in both], {}
    for name in names:
        step, column = parameter(name).step or 1.0, both[1].label_names.index(name)
        low, high = labels.copy(), labels.copy()
        low[:, column] -= step / 2
        high[:, column] += step / 2
        before, after = (m.decode(z, high) - m.decode(z, low) for m, z in zip(both, latents, strict=True))
        size = max(float(np.linalg.norm(before)), 1e-300)
        distance = float(np.linalg.norm(after - before)) / size
        found[name] = SliderPair(step, before.mean(0), after.mean(0), distance)
    return found
