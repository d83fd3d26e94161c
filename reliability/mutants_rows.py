"""Files whose rows, columns or text are laid out in another way, and files that cannot be meant.

A mutation takes a file and returns another; None where it does not apply to that kind of file.
"""

from dataclasses import replace

import numpy as np

from .mutants import MUTATIONS, Chance, changed_truth, is_of, mutation, some_samples, untouched
from .tables import SAMPLES, File

DECOYS = (
    *("ra", "snr", "phot_g_mean_flux", "teff_upper"),
    *("continuum", "weight", "flux_model", "quality_note"),
)


# --- rows ---


def _take(file: File, rows: np.ndarray) -> File:
    return replace(file, columns={n: v[rows] for n, v in file.columns.items()})


@mutation
def shuffled(file: File, chance: Chance) -> File | None:
    return (
        None
        if file.kind == "text"
        else _take(file, chance.permutation(len(next(iter(file.columns.values())))))
    )


@mutation
def descending(file: File, chance: Chance) -> File | None:
    """Wavelengths from red to blue."""
    if not untouched(file):
        return None
    if not file.per_star:
        return (
            _take(file, np.arange(len(file.columns["source_id"]))[::-1])
            if "source_id" in file.columns
            else None
        )
    columns = {n: v[:, ::-1] if v.ndim == 2 else v for n, v in file.columns.items()}
    return replace(file, columns=columns)


@mutation
def dropped(file: File, chance: Chance) -> File | None:
    if not untouched(file) or file.kind not in SAMPLES or file.kind == "text":
        return None
    marked = some_samples(file, chance, 0.03)
    marked[:, [0, -1]] = False  # so that the grid keeps its ends
    marked[1:] &= ~marked[:1]  # a sample that no star has is on no grid
    return changed_truth(_take(file, np.flatnonzero(~marked.ravel())), mask=file.truth.mask | marked)


@mutation
def repeated_sample(file: File, chance: Chance) -> File | None:
    if not untouched(file) or file.per_star or not is_of(file, "flux", "f"):
        return None
    row = int(chance.integers(len(file.columns["flux"])))
    changed = _take(file, np.append(np.arange(len(file.columns["flux"])), row))
    flux = changed.columns["flux"].copy()
    flux[-1] += 0.05
    return changed_truth(changed.with_columns(flux=flux), readable=False)


@mutation
def repeated_star(file: File, chance: Chance) -> File | None:
    if not file.per_star or not untouched(file) or not is_of(file, "flux", "f"):
        return None
    changed = _take(file, np.append(np.arange(len(file.columns["flux"])), 0))
    flux = changed.columns["flux"].copy()
    flux[-1] = 2 - flux[-1]
    return changed_truth(changed.with_columns(flux=flux), readable=False)


@mutation
def padded(file: File, chance: Chance) -> File | None:
    """Samples without a wavelength behind the last one."""
    if not untouched(file) or not file.per_star or file.kind == "npz":
        return None
    columns = {}
    for name, values in file.columns.items():
        filled = np.ma.getdata(values)
        tail = np.full((len(filled), 4), np.nan if filled.dtype.kind == "f" else 0)
        columns[name] = np.hstack([filled, tail.astype(filled.dtype)]) if values.ndim == 2 else values
    if any(np.ma.is_masked(values) for values in file.columns.values()):
        return None
    return replace(file, columns=columns)


# --- types and the order of columns ---


@mutation
def single_precision(file: File, chance: Chance) -> File | None:
    narrow = ("flux", "flux_error")
    return file.with_columns(
        **{
            n: file.columns[n].astype(np.float32)
            for n in narrow
            if n in file.columns and file.columns[n].dtype.kind == "f"
        }
    )


@mutation
def big_endian(file: File, chance: Chance) -> File | None:
    return replace(
        file,
        columns={
            n: v.astype(v.dtype.newbyteorder(">")) if v.dtype.kind in "fi" else v
            for n, v in file.columns.items()
        },
    )


@mutation
def ids_as_text(file: File, chance: Chance) -> File | None:
    if not is_of(file, "source_id", "i"):
        return None
    text = file.columns["source_id"].astype(str)
    return file.with_columns(source_id=np.char.add("Gaia DR3 ", text) if chance.random() < 0.3 else text)


@mutation
def ids_as_floats(file: File, chance: Chance) -> File | None:
    if not is_of(file, "source_id", "i"):
        return None
    return changed_truth(file.with_columns(source_id=file.columns["source_id"].astype(float)), readable=False)


@mutation
def whole_labels(file: File, chance: Chance) -> File | None:
    if not is_of(file, "teff", "f"):
        return None
    values = file.columns["teff"]
    if not np.isfinite(values).all() or np.abs(values).max(initial=0) > 1e6 or (values % 1).any():
        return None
    return file.with_columns(teff=values.astype(np.int32))


@mutation
def other_order(file: File, chance: Chance) -> File | None:
    if file.kind == "text":
        return None
    names = list(file.columns)
    return replace(file, columns={names[k]: file.columns[names[k]] for k in chance.permutation(len(names))})


@mutation
def decoys(file: File, chance: Chance) -> File | None:
    if file.kind in ("text", "npz"):
        return None
    length = len(next(iter(file.columns.values())))
    more = {n: chance.normal(size=length) for n in DECOYS if chance.random() < 0.4}
    first = chance.random() < 0.5
    return replace(file, columns=more | file.columns if first else file.columns | more)


# --- what cannot be meant ---


@mutation
def not_normalised(file: File, chance: Chance) -> File | None:
    if not is_of(file, "flux", "f"):
        return None
    factor = (1000.0, 1e-4, 1e-17, 37.0)[chance.integers(4)]
    return changed_truth(file.with_columns(flux=file.columns["flux"] * factor), readable=False)


@mutation
def another_grid(file: File, chance: Chance) -> File | None:
    """One star's wavelengths are shifted by a third of a sample."""
    if (
        not untouched(file)
        or file.kind in ("npz", "text")
        or "wavelength" not in file.columns
        or file.units["wavelength"] != "nm"
    ):
        return None
    wave, pixels = file.columns["wavelength"].copy(), file.truth.flux.shape[1]
    wave[slice(0, 1) if file.per_star else slice(0, pixels)] += 0.037
    return changed_truth(file.with_columns(wavelength=wave), readable=False)


# --- text ---


@mutation
def other_text(file: File, chance: Chance) -> File | None:
    if file.kind not in ("csv", "text"):
        return None
    separator = str(chance.choice([",", ";", "\t", "|"] if file.kind == "csv" else [" ", ",", "\t", "  "]))
    encoding = str(chance.choice(["utf-8", "utf-8-sig", "utf-16"]))
    above = str(chance.choice(["", "# made by hand", "#", "# a long story: with, commas; and 850.1 numbers"]))
    blank = str(chance.choice(["", "nan", "NaN", "null", "N/A", "--"]))
    blank = blank or ("nan" if separator.isspace() else "")
    return replace(
        file,
        separator=separator,
        encoding=encoding,
        above=above,
        blank=blank,
        newline=str(chance.choice(["\n", "\r\n"])),
    )


def mutant(file: File, chance: Chance) -> File:
    """A file with one to three changes, by whose names it is known."""
    wanted = int(chance.choice([1, 1, 2, 2, 3]))
    for name in chance.permutation(sorted(MUTATIONS)):
        if len(file.changes) == wanted:
            break
        changed = MUTATIONS[name](file, chance)
        if changed is not None:
            file = replace(changed, changes=(*file.changes, str(name)))
    return file
