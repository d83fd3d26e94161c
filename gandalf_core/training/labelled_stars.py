"""What a regressor is fitted to. Shapes: N stars, D numbers per star, P labels."""

from dataclasses import dataclass

import numpy as np

from ..errors import ModelError
from ..regression.inputs import InputNoise
from ..regression.regressor import check_finite


@dataclass(frozen=True, eq=False)
class LabelledStars:
    """What a regressor is fitted to: x (N, D), y (N, P) in physical units, NaN = missing, snr (N,).

    noise: of x, where fresh draws of it may be shown.  label_errors: (N, P) one standard deviation of y, NaN
    where unknown; None where none is.
    """

    x: np.ndarray
    y: np.ndarray
    names: tuple[str, ...]
    snr: np.ndarray | None = None
    noise: InputNoise | None = None
    label_errors: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", np.asarray(self.x, np.float32))
        object.__setattr__(self, "y", np.asarray(self.y, np.float64))
        if self.snr is not None:
            object.__setattr__(self, "snr", np.asarray(self.snr))
        x, y, names, snr = self.x, self.y, self.names, self.snr
        if x.ndim != 2 or y.shape != (len(x), len(names)) or (snr is not None and np.shape(snr) != (len(x),)):
            raise ModelError(
                f"inputs {x.shape}, labels {y.shape} and {len(names)} names do not belong together"
            )
        check_finite(x)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: np.ndarray) -> "LabelledStars":
        snr = None if self.snr is None else self.snr[rows]
        noise = None if self.noise is None else self.noise[rows]
        errors = None if self.label_errors is None else self.label_errors[rows]
        return LabelledStars(self.x[rows], self.y[rows], self.names, snr, noise, errors)

    @property
    def median_snr(self) -> float:
        """NaN where none is known."""
        return float("nan") if self.snr is None else float(np.nanmedian(self.snr))

    @property
    def filled_snr(self) -> np.ndarray:
        """(N,) the S/N, the median where it is unknown. ModelError when it is unknown for every star."""
        if self.snr is None or not self.median_snr > 0:
            raise ModelError("no S/N is known: it can neither be an input nor be lowered")
        snr = self.snr.astype(np.float64)
        return np.where(snr > 0, snr, self.median_snr)
