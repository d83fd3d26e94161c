"""`python -m pages.ui.cache.make_maps REQUEST.json --job FOLDER`: make the maps that a page asks for.

The request has `maps`, a list of `Entry` as dictionaries, and `settings` of `MapSettings`. Each map is
written as soon as it is made, so that those that are finished stay when the job is cancelled.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.io import read_stars
from gandalf_core.jobs.progress import Progress, part_of
from gandalf_core.maps.fitting import MapSettings, MapStars, fit_projection
from gandalf_core.models.files import write_arrays
from gandalf_core.models.store import load_model
from gandalf_core.models.trained import TrainedModel
from pages.ui.cache.prepare import prepare
from pages.ui.cache.working import run_job

SPECTRA = "spectra"
METHOD_NAMES = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}


@dataclass(frozen=True)
class Entry:
    """One map to make.

    name: of the representation, for messages.  folder: of the model.  of: `spectra` or `latent`.  stars: a
    file of spectra.  ids: a file of ids from which it is simulated where it is missing; "" where it cannot
    be.  out: the file of the map.
    """

    name: str
    folder: str
    of: str
    method: str
    stars: str
    ids: str
    out: str


def make_maps(entries: list[Entry], settings: MapSettings, progress: Progress) -> None:
    """Make the maps that do not exist yet, one after the other; uploaded stars are deleted after that."""
    try:
        _make_missing(entries, settings, progress)
    finally:
        for entry in entries:
            if not entry.ids:
                Path(entry.stars).unlink(missing_ok=True)


def _make_missing(entries: list[Entry], settings: MapSettings, progress: Progress) -> None:
    missing = [entry for entry in entries if not Path(entry.out).is_file()]
    needed = {(e.stars, e.ids) for e in missing if e.ids and not Path(e.stars).is_file()}
    steps = _steps(progress, len(missing) + len(needed))
    for stars, ids in sorted(needed):
        with np.load(ids, allow_pickle=False) as stored:
            prepare(stored["ids"], Path(stars), next(steps))
    for entry in missing:
        _make(entry, settings, next(steps))


def _steps(progress: Progress, count: int) -> Iterator[Progress]:
    yield from (part_of(progress, k, count) for k in range(count))


def _make(entry: Entry, settings: MapSettings, progress: Progress) -> None:
    model, title = load_model(entry.folder), f"{METHOD_NAMES[entry.method]} of {entry.name}"
    progress(0.0, title)
    stars = model.on_grid(read_stars(Path(entry.stars), keep_spikes=True))
    projection = fit_projection(
        representation(model, stars, entry.of),
        entry.method,
        settings,
        stars=MapStars(stars.ids, stars.labels_for(model.label_names), model.label_names),
        n_jobs=1,
        progress=lambda fraction, _: progress(fraction, title),
    )
    write_arrays(Path(entry.out), projection.arrays())
    progress(1.0, title)


def representation(model: TrainedModel, stars: SpectraSet, of: str) -> np.ndarray:
    """(N, D) what is mapped of stars on the model's grid: the scaled spectra, or the exported latents."""
    return model.scaler.flux_in(stars.flux, stars.mask) if of == SPECTRA else model.encode(stars).z


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("request", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--job", type=Path, required=True)
    arguments = parser.parse_args()
    request = json.loads(arguments.request.read_text(encoding="utf-8"))
    entries = [Entry(**values) for values in request["maps"]]
    settings = MapSettings(**request["settings"])
    run_job(arguments.job, "maps", lambda progress: make_maps(entries, settings, progress))


if __name__ == "__main__":
    main()
