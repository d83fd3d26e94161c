"""Epoch spectra: the tables that DataLink delivers, taken apart into one for each transit of each star."""

from typing import Any

import numpy as np

from ..errors import ArchiveError

TRANSIT = "transit"  # the label that numbers a star's transits: 1, 2, …
_IDS = ("transit_id", "transitid")
Epochs = dict[str, list[tuple[str, Any]]]  # star → (transit, its table)


def transits_of(tables: list[Any], stem: str) -> Epochs:
    """The tables of each star's transits, in the order of their ids. stem: the star of a file without ids.

    Raises ArchiveError for a table without transits.
    """
    found: Epochs = {}
    for table in tables:
        names = {c.lower(): c for c in table.colnames}
        column = next((names[c] for c in _IDS if c in names), None)
        transit = str(table.meta.get("transit_id", "")) if column is None else ""
        if column is None and not transit:
            raise ArchiveError(f"Gaia archive, {stem}: epoch spectra without a column transit_id")
        transits = np.full(len(table), transit) if column is None else _texts(table[column])
        own = names.get("source_id")
        stars = _texts(table[own]) if own else np.full(len(table), str(table.meta.get("source_id", stem)))
        for star in np.unique(stars).tolist():
            for name in sorted(np.unique(transits[stars == star]).tolist(), key=lambda t: (len(t), t)):
                found.setdefault(star, []).append((name, table[(stars == star) & (transits == name)]))
    return {star: sorted(epochs, key=lambda e: (len(e[0]), e[0])) for star, epochs in found.items()}


def _texts(column: Any) -> np.ndarray:
    values = np.asarray(column)
    if values.dtype.kind == "f":
        raise ArchiveError("Gaia archive: ids came as floating-point numbers, their last digits are lost")
    return values.astype(str)
