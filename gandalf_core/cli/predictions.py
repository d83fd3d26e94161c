"""What `predict` writes and prints, and how it tells its output file from its input files."""

import os
from pathlib import Path

from ..atomic import write_text
from ..io.plain import to_json
from .console import heading, table
from .registry import UsageError

SUFFIXES = (".csv", ".ecsv", ".fits", ".vot", ".xml", ".parquet", ".json")


def split_output(names: list[str], out: str | None) -> tuple[list[str], str | None]:
    """(STARS, OUT) of `STARS… [OUT]`: the last of several names is OUT when no such file exists, or when
    `predict` wrote it.

    A hopeless OUT is said before the work is done: SpectraError as from `io.check_output`.
    """
    from ..io import check_output

    if out is None and len(names) > 1 and _is_output(names[-1]):
        names, out = names[:-1], names[-1]
    if out is not None:
        check_output(out, SUFFIXES, names)
    return names, out


def _is_output(name: str) -> bool:
    """True for a name to write to. UsageError for one that is neither there nor a name for predictions."""
    path = Path(name)
    known = path.suffix.lower() in SUFFIXES
    if name.startswith("simulated:"):
        return False
    if os.path.exists(name):
        return known and _is_ours(path)
    if not known:
        raise UsageError(
            f"{name}: no such file of spectra, and predictions are written as {', '.join(SUFFIXES)}"
        )
    return True


def _is_ours(path: Path) -> bool:
    """True for a table that `predict` wrote: it may be replaced."""
    with path.open("rb") as file:
        head = file.read(65536)
    return b"outlier_score" in head and b"chi2" in head


def write_predictions(out: str, found) -> None:
    """A table, or JSON, in one row a star."""
    if out.lower().endswith(".json"):
        write_text(out, to_json({"stars": found.rows()}))
        return
    from ..io import write_table

    write_table(out, found.columns())


def predictions_table(found) -> str:
    """For people: value ± error of each parameter, chi² and outlier score."""
    header = ["id", *map(heading, found.label_names), "chi2", "outlier score"]
    return table(header, [_row(found, i) for i in range(len(found))])


def _row(found, i: int) -> list[str]:
    from ..parameters import parameter

    pairs = zip(found.label_names, found.values[i], found.errors[i], strict=True)
    cells = [f"{v:.{parameter(n).decimals}f} ± {e:.{parameter(n).decimals}f}" for n, v, e in pairs]
    return [str(found.ids[i]), *cells, f"{found.chi2[i]:.2f}", f"{found.outlier_score[i]:.2f}"]
