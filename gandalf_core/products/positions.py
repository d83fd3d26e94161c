"""Columns that results take over from their partition, star by star: where it is, in a HATS catalogue.

Shapes: N stars, R rows.
"""

from pathlib import Path

import numpy as np

from ..errors import SpectraError
from ..io.ids import as_strings
from ..io.parquet import id_column_of, open_parquet

Carried = tuple[tuple[str, str], ...]  # name and numpy type of each column


class Positions:
    """The columns `carried` of the stars of a partition, read when they are first asked for."""

    def __init__(self, path: Path, carried: Carried = ()) -> None:
        self.path, self.carried = path, carried
        self._stars: np.ndarray | None = None
        self._values: dict[str, np.ndarray] = {}

    def of(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """The columns of the stars with these ids, (N,) each; SpectraError for one that is not there."""
        if not self.carried:
            return {}
        if not len(ids):
            return {name: np.empty(0, kind) for name, kind in self.carried}
        if self._stars is None:
            self._stars = self._read()
        rows = np.minimum(np.searchsorted(self._stars, ids), len(self._stars) - 1)
        if not len(self._stars) or (self._stars[rows] != ids).any():
            raise SpectraError(f"{self.path}: some stars have no {' or '.join(dict(self.carried))}")
        return {name: values[rows] for name, values in self._values.items()}

    def _read(self) -> np.ndarray:
        """(R,) ids in their order; the columns are in the same."""
        with open_parquet(self.path) as file:
            column = id_column_of(file.schema_arrow) or "source_id"
            table = file.read(columns=[column, *dict(self.carried)])
        stars = as_strings(table[column].to_numpy())
        order = np.argsort(stars, kind="stable")
        self._values = {name: table[name].to_numpy()[order].astype(kind) for name, kind in self.carried}
        return stars[order]
