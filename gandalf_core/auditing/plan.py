"""What an audit looks at: the labels, their signs, and the probes that read them.

Shapes: N stars, P labels.
"""

from dataclasses import dataclass

import numpy as np

from ..errors import AuditError
from ..parameters import parameter
from .label_errors import TYPICAL_ERROR
from .probes import ALL_PROBES, PROBES, Probing, check_enough, refuse_unknown
from .references import ROWS

Groups = list[tuple[tuple[str, ...], np.ndarray]]  # labels, and the stars (N,) that have them


@dataclass(frozen=True)
class Plan:
    """Labels (N, P) in the columns `names`, NaN where unknown, and which of them are removed and kept.

    label_errors: (N, P) 1σ errors of the labels, 0 where a label has none; None where nobody gave any.
    exact: whether the labels are known to be without error, as those of simulated stars are.
    """

    names: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    labels: np.ndarray
    probing: Probing = ALL_PROBES
    label_errors: np.ndarray | None = None
    exact: bool = False

    @property
    def others(self) -> tuple[str, ...]:
        """Every label that is not removed, whether kept or left alone: a reader may know these anyway."""
        return tuple(n for n in self.names if n not in self.removed)

    def columns(self, names: tuple[str, ...]) -> np.ndarray:
        """(N, len(names)) the labels of these names."""
        return self.labels[:, [self.names.index(n) for n in names]]

    def errors_of(self, names: tuple[str, ...]) -> np.ndarray:
        """(N, len(names)) the errors of the labels of these names; 0 where none are known."""
        if self.label_errors is None:
            return np.zeros((len(self.labels), len(names)))
        return self.label_errors[:, [self.names.index(n) for n in names]]

    def typical_errors(self, names: tuple[str, ...]) -> np.ndarray:
        """(len(names),) the errors that such labels have in catalogues, or a part of their spread."""
        spreads = np.nanstd(self.columns(names), axis=0)
        known = [parameter(n).catalogue_error for n in names]
        return np.array([TYPICAL_ERROR * s if k is None else k for k, s in zip(known, spreads, strict=True)])

    def complete(self, names: tuple[str, ...]) -> np.ndarray:
        """(N,) true for the stars that have all of these labels."""
        return np.all(np.isfinite(self.columns(names)), axis=1)

    def groups(self, names: tuple[str, ...]) -> Groups:
        """These labels, grouped by the stars that have them: one probe reads a whole group."""
        return same_stars({n: self.complete((n,)) for n in names})

    def removed_groups(self) -> Groups:
        """The removed labels, grouped by the stars that have them and every other label."""
        return same_stars({n: self.complete((n, *self.others)) for n in self.removed})

    def checked(self) -> "Plan":
        """Itself. AuditError names the first label that too few stars have, or probes that cannot test."""
        if self.removed and set(self.probing.probes) == {"neighbours"}:
            raise AuditError("nearest neighbours alone cannot test for a leak: choose one more probe")
        for name in self.others:
            check_enough(self.columns((name,)), name)
        for name in self.removed:
            check_enough(self.columns((name, *self.others)), f"{name} with the kept labels")
        return self


def same_stars(masks: dict[str, np.ndarray]) -> Groups:
    """Labels grouped by the stars (N,) that have them."""
    groups: dict[bytes, list[str]] = {}
    for name, mask in masks.items():
        groups.setdefault(mask.tobytes(), []).append(name)
    return [(tuple(names), masks[names[0]]) for names in groups.values()]


def check_choice(probes: tuple[str, ...] = PROBES, rows: tuple[str, ...] = tuple(ROWS)) -> None:
    """AuditError for a probe or a reference row that does not exist, before hours of work end in it."""
    refuse_unknown("probe", probes, PROBES)
    refuse_unknown("reference row", rows, ROWS)
