"""The points of a grid of synthetic spectra: a table's, or a Sobol sequence's that have a photosphere."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gandalf_core.errors import SpectraError
from gandalf_core.parameters import canonical_name
from scripts.rvs_spectrum import LABEL_NAMES, has_photosphere

if TYPE_CHECKING:
    import pandas as pd

RANGES = np.array([[3950.0, 1.3, -2.5, -0.2, -0.5], [7100.0, 5.1, 0.5, 0.6, 1.0]])  # of Sobol points
SOBOL_BLOCK = 1024  # points drawn at once, of which about half lie where photospheres are


def sobol_points(n: int, seed: int) -> np.ndarray:
    """The first n points (n, 5) of a scrambled Sobol sequence over RANGES that have a photosphere.

    Fewer points are the beginning of more of the same seed, so that a grid can grow; any slice is a fair
    sample.
    """
    from scipy.stats import qmc

    sequence = qmc.Sobol(len(LABEL_NAMES), scramble=True, seed=seed)
    kept = np.empty((0, len(LABEL_NAMES)))
    while len(kept) < n:
        drawn = RANGES[0] + sequence.random(SOBOL_BLOCK) * (RANGES[1] - RANGES[0])
        kept = np.concatenate([kept, drawn[has_photosphere(drawn)]])
    return kept[:n]


def table_points(path: Path) -> np.ndarray:
    """(N, 5) labels of a CSV or Parquet table; without a column `cn`, cn is 0.

    Columns may have any name that the project reads ("Teff", "[Fe/H]"). Raises SpectraError.
    """
    table = _table(path)
    table.columns = [canonical_name(str(column)) for column in table.columns]
    if "cn" not in table.columns:
        table["cn"] = 0.0
    for name in LABEL_NAMES:
        count = list(table.columns).count(name)
        if count != 1:
            raise SpectraError(
                f"{path}: {count} columns of {name}: give one of {', '.join(LABEL_NAMES)} each"
            )
    if not len(table):
        raise SpectraError(f"{path}: no points: give a row for each spectrum")
    try:
        return table[list(LABEL_NAMES)].to_numpy(np.float64)
    except (ValueError, TypeError) as error:
        raise SpectraError(f"{path}: labels must be numbers ({error})") from None


def _table(path: Path) -> "pd.DataFrame":
    import pandas as pd

    if path.suffix not in (".csv", ".parquet"):
        raise SpectraError(f"{path}: give the labels as .csv or .parquet")
    try:
        return pd.read_csv(path, comment="#") if path.suffix == ".csv" else pd.read_parquet(path)
    except (OSError, ValueError, ImportError) as error:  # pandas and pyarrow derive theirs from these
        cause = str(error).splitlines()[0]
        raise SpectraError(f"{path}: cannot be read as a table ({cause})") from None
