"""`LatentSet`: latent vectors aligned with labels and ids.

Shapes: N stars, Z latent dimensions, P parameters.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ..errors import SpectraError
from .rows import Rows, as_index


@dataclass(frozen=True, eq=False, init=False)
class LatentSet:
    """N latent vectors as a model exports them (with its noise, where the recipe has one).

    Attributes
    ----------
    z: (N, Z) float32.
    ids: (N,) strings.
    labels: (N, P) float64 in physical units; NaN = missing.
    label_names: the P names.
    model_id: name and content hash of the model that encoded the stars.
    key_fingerprint: fingerprint of the key of their noise; empty without noise, or where it is not known.

    Raises SpectraError when shapes disagree or a latent is not finite.
    """

    z: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    model_id: str
    key_fingerprint: str

    def __init__(
        self,
        z: ArrayLike,
        ids: ArrayLike,
        labels: ArrayLike,
        label_names: Iterable[str],
        model_id: str = "",
        key_fingerprint: str = "",
    ) -> None:
        vars(self).update(  # a frozen class fills itself
            z=np.asarray(z, np.float32),
            ids=np.asarray(ids, dtype=str),
            labels=np.asarray(labels, np.float64),
            label_names=tuple(label_names),
            model_id=model_id,
            key_fingerprint=key_fingerprint,
        )
        self._check()

    def _check(self) -> None:
        n_stars = len(self.z) if self.z.ndim == 2 else -1
        if self.ids.shape != (n_stars,) or self.labels.shape != (n_stars, len(self.label_names)):
            shapes = f"latents {self.z.shape}, ids {self.ids.shape}, labels {self.labels.shape}"
            raise SpectraError(f"{shapes} do not belong together")
        if not np.isfinite(self.z).all():
            raise SpectraError(f"{int((~np.isfinite(self.z)).any(1).sum())} latent vectors are not finite")

    def of_other_networks(self, model_id: str) -> bool:
        """True where this is the id of a model with other weights; one that was never stored has none."""
        weights, own = (i.rpartition("@")[2] for i in (model_id, self.model_id))
        return bool(weights and own) and weights != own

    def __len__(self) -> int:
        return len(self.z)

    def __getitem__(self, rows: Rows) -> "LatentSet":
        """The stars at `rows` (a number, slice, index array or boolean array), everything aligned."""
        index = as_index(rows)
        return replace(self, z=self.z[index], ids=self.ids[index], labels=self.labels[index])
