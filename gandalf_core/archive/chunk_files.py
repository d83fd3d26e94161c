"""The file of a chunk: delivered spectra on the grid that is asked for, beside the labels of their stars.

Shapes: N stars, L pixels.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..data.instruments import KEY as INSTRUMENT
from ..data.spectra import SpectraSet, concatenate, same_grid
from ..io import ParquetWriter, covering, iter_parquet
from ..io.ids import as_strings
from ..parameters import LABELS
from .epochs import TRANSIT
from .releases import EPOCH
from .requests import Fetch
from .surveys import Labelled

ERROR_NAMES = tuple(f"{name}_error" for name in LABELS)


def on_grid(task: Fetch, sets: list[SpectraSet], stars: Labelled) -> tuple[list[SpectraSet], dict[str, str]]:
    """The spectra that cover the grid, with the stars' labels and errors, and {id: cause} of the others."""
    order = {i: k for k, i in enumerate(as_strings(stars.ids))}
    labelled = sorted({task.surveys[k].name for k in stars.survey})
    spectra = f"{task.release.data_release} RVS{' epochs' if task.product == EPOCH else ''}"
    about = {"spectra": spectra, "labels": labelled, INSTRUMENT: "gaia-rvs"}
    names = (*LABELS, *ERROR_NAMES, *((TRANSIT,) if task.product == EPOCH else ()))
    pieces, refused = [], {}
    for part in _by_grid(sets):
        if part.flux_error is None:
            refused |= dict.fromkeys(part.ids.tolist(), "it has no flux errors")
            continue
        binned, causes = covering(part[np.isin(part.ids, list(order))], task.wavelength_nm)
        refused |= causes
        binned = binned[np.argsort(binned.ids, kind="stable")]
        rows = [order[i] for i in binned.ids]
        if rows:
            known = [stars.labels[rows], stars.errors[rows], binned.labels_for(names[2 * len(LABELS) :])]
            piece = replace(binned, labels=np.concatenate(known, 1), label_names=names, provenance=about)
            pieces.append(piece)
    used = {i for piece in pieces for i in piece.ids.tolist()}  # another epoch of the star
    return pieces, {i: cause for i, cause in refused.items() if i not in used}


def _by_grid(sets: list[SpectraSet]) -> list[SpectraSet]:
    """The sets that are on one grid as one set; those without errors by themselves."""
    groups: list[list[SpectraSet]] = []
    for stars in sets:
        like = next((g for g in groups if _alike(g[0], stars)), None)
        if like is None:
            groups.append([stars])
        else:
            like.append(stars)
    return [concatenate(group) for group in groups]


def _alike(one: SpectraSet, other: SpectraSet) -> bool:
    same_errors = (one.flux_error is None) == (other.flux_error is None)
    return same_errors and same_grid(one.wavelength_nm, other.wavelength_nm)


def append(path: Path, pieces: list[SpectraSet]) -> int:
    """Add spectra to a chunk's file, in place of earlier ones of the same stars; how many it holds then.

    Without any spectrum there is no file.
    """
    new = np.concatenate([p.ids for p in pieces]) if pieces else np.empty(0, str)
    earlier = list(iter_parquet(path, keep_spikes=True)) if path.exists() else []
    kept = [s[~np.isin(s.ids, new)] for s in earlier]
    if pieces:
        with ParquetWriter(path, integer_ids=True) as out:
            for piece in [*(s for s in kept if len(s)), *pieces]:
                out.write(piece)
    return len(new) + sum(map(len, kept))
