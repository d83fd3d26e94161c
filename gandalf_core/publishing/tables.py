"""Tables of results as files of every kind: the shell, Python and the pages write them here.

What a table says of itself (`about`) and how many digits it has is decided here, how a format is written in
gandalf_core/io/write.py.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..io import RESULT_SUFFIXES, write_table

DIGITS = 7  # significant ones: what the networks' single precision has
ASCII = str.maketrans(
    {"−": "-", "–": "-", "±": "+-", "²": "2", "×": "x", "α": "alpha", "σ": "sigma", "χ": "chi", "≥": ">="}
)  # FITS holds ASCII alone
KINDS = {  # suffix -> media type, of what the pages offer
    "csv": "text/csv",
    "ecsv": "text/plain",
    "tex": "text/plain",
    "vot": "application/x-votable+xml",
    "fits": "application/fits",
    "parquet": "application/octet-stream",
}


def about(model: str = "", stars: str = "", **more: str) -> dict[str, str]:
    """What a table says of its origin: the model's id, where the stars are from, `more`, and the software."""
    known = {"model": model, "stars": stars, **more, "software": f"gandalf_core {__version__}"}
    return {key: " ".join(value.split()) for key, value in known.items() if value}


def write_results(
    path: str | Path,
    columns: Mapping[str, Any],
    origin: Mapping[str, str] | None = None,
    *,
    digits: int | None = DIGITS,
) -> None:
    """Columns by name as a file of the kind that its suffix says: csv, ecsv, tex, vot, xml, fits or parquet.

    digits: significant ones of a number, None for all; LaTeX has as many as errors leave. Text that FITS
    cannot hold is written in ASCII, ids excepted. Raises SpectraError as `io.write_table` does.
    """
    import numpy as np

    arrays = {name: np.asarray(values) for name, values in columns.items()}
    if str(path).lower().endswith(".fits"):
        arrays = {name: _ascii(a) if name not in ("id", "source_id") else a for name, a in arrays.items()}
    write_table(path, arrays, about=origin, digits=digits)


def results_bytes(columns: Mapping[str, Any], kind: str, origin: Mapping[str, str] | None = None) -> bytes:
    """The bytes of the file that `write_results` would write. kind: one of KINDS."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"table.{kind}"
        write_results(path, columns, origin)
        return path.read_bytes()


def _ascii(values: Any) -> Any:
    """Text in ASCII; other columns as they are."""
    import numpy as np

    if values.dtype.kind not in "UO":
        return values
    texts = [str(text).translate(ASCII).encode("ascii", "replace").decode() for text in values.tolist()]
    return np.array(texts, str)


__all__ = ["DIGITS", "KINDS", "RESULT_SUFFIXES", "about", "results_bytes", "write_results"]
