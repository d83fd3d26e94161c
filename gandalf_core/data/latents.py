"""`LatentSet`: latent vectors aligned with labels and ids. Shapes: N stars, Z latent numbers, P parameters."""

from dataclasses import dataclass, replace

import numpy as np

from ..errors import SpectraError


@dataclass(frozen=True, eq=False)
class LatentSet:
    """N latent vectors as a model exports them (with its noise, where the recipe has one).

    Attributes
    ----------
    z: (N, Z) float32.  ids: (N,) strings.  labels: (N, P) float64, physical units, NaN = missing.
    label_names: P names.  model_id: name and content hash of the model that made them.

    Raises SpectraError when shapes disagree or a latent is not finite.
    """

    z: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    model_id: str = ""

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        put("z", np.asarray(self.z, np.float32))
        put("ids", np.asarray(self.ids, dtype=str))
        put("label_names", tuple(self.label_names))
        put("labels", np.asarray(self.labels, np.float64))
        if (
            self.z.ndim != 2
            or self.ids.shape != (len(self.z),)
            or self.labels.shape != (len(self.z), len(self.label_names))
        ):
            raise SpectraError(
                f"latents {self.z.shape}, ids {self.ids.shape}, labels {self.labels.shape} do not belong together"
            )
        if not np.isfinite(self.z).all():
            raise SpectraError(f"{int((~np.isfinite(self.z)).any(1).sum())} latent vectors are not finite")

    def __len__(self) -> int:
        return len(self.z)

    def __getitem__(self, rows) -> "LatentSet":
        if np.isscalar(rows):
            rows = [rows]
        return replace(self, z=self.z[rows], ids=self.ids[rows], labels=self.labels[rows])
