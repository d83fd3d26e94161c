"""What files hold and what looks wrong in them, before anybody computes with them.

`validate` looks at files, folders and catalogues for the shell, the upload page at what it has read itself;
both give the verdict of a `Validation`, in the same words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..data.protocols import StarModel
from ..data.spectra import SpectraSet
from ..errors import SpectraError
from ..io.read import none_left, reject, usable_of
from ..io.understanding import Understanding, notes_of, understandings
from .census import Census
from .findings import BAD, GOOD, WARN, Finding, count, findings
from .walking import Walk


@dataclass
class Validation:
    """What was found.

    rejected: {id or file: cause} of what cannot be used. read: how each file was understood. model: the one
    that the stars are meant for, if any.
    """

    model: StarModel | None = None
    census: Census = field(default_factory=Census)
    walk: Walk = field(default_factory=Walk)
    rejected: dict[str, str] = field(default_factory=dict)
    read: list[Understanding] = field(default_factory=list)

    def look_at(self, name: str, stars: SpectraSet) -> None:
        """Add stars of the file `name` to what was found."""
        self.census.add(stars)
        self.read += understandings(stars)
        grid = stars.wavelength_nm if self.model is None else self.model.wavelength_nm
        usable = usable_of(stars, grid, name, self.rejected)
        self.census.add_usable(usable, None if self.model is None else self.model.scaler.flux_mean)

    def reject(self, name: str, cause: str) -> None:
        """Note why a file cannot be used."""
        reject(self.rejected, name, cause)

    @property
    def notes(self) -> list[str]:
        """Sentences on how the files were read; who is left out stands in `rejected`."""
        return [*self.walk.notes, *notes_of(replace(read, rejected={}) for read in self.read)]

    @property
    def usable(self) -> bool:
        """Whether any star can be used."""
        return self.census.usable > 0

    @property
    def verdict(self) -> list[Finding]:
        """The verdict in sentences, the most important one first."""
        first, *others = findings(self.census, self.read, self.rejected, self.model)
        return [first, *on_partitions(self.walk), *others]

    @property
    def grade(self) -> str:
        """The worst grade of its sentences, except that usable stars are never `bad` as a whole."""
        grades = [sentence.grade for sentence in self.verdict]
        if not self.usable:
            return BAD
        return WARN if WARN in grades or BAD in grades else GOOD

    @property
    def error(self) -> SpectraError:
        """Why no star can be used."""
        return none_left(self.rejected)

    def result(self) -> dict[str, Any]:
        """What was found, JSON-able."""
        census = self.census
        grids = census.grids.most_common(1)
        unlooked = self.walk.rows - self.walk.looked
        return {
            "stars": census.usable + unlooked,
            "checked": census.stars,
            "pixels": grids[0][0][0] if grids else 0,
            "wavelength_nm": list(grids[0][0][1:]) if grids else [],
            "medium": _one_or_all(u.medium for u in self.read),
            "errors": _one_or_all(u.errors_from or None for u in self.read),
            "mask": _all(name for u in self.read for name in u.mask_from),
            "ids": _all(name for u in self.read for name in u.ids_from),
            "labels": {name: self._label(name) for name in census.labels},
            "ignored": _all(name for u in self.read for name in u.ignored),
            "missing": _added(u.missing for u in self.read),
            "masked_fraction": census.masked / census.samples if census.samples else None,
            "spikes": sum(u.spikes for u in self.read),
            "snr": _spread(census.known_snr),
            "shift_kms": census.median_shift,
            "partitions": {"all": self.walk.partitions, "opened": self.walk.opened},
            "rejected": self.rejected,
            "verdict": [sentence._asdict() for sentence in self.verdict],
            "notes": self.notes,
        }

    def _label(self, name: str) -> dict[str, Any]:
        values = self.census.label_values(name)
        columns = _all(u.labels_from[name] for u in self.read if name in u.labels_from)
        span = [float(values.min()), float(values.max())] if len(values) else []
        return {"from": columns, "known": len(values), "range": span}


def validate(specs: Sequence[str], model: StarModel | None = None, walk: Walk | None = None) -> Validation:
    """Look at files, folders of files and catalogues of Parquet files, and at simulated stars.

    walk: how to go through them, by default with a sample of catalogues. What cannot be read is `rejected`.
    """
    found = Validation(model, walk=walk or Walk())
    for spec in specs:
        for name, stars in found.walk.sets(spec, among=specs):
            if isinstance(stars, SpectraError):
                found.reject(name, str(stars))
            else:
                found.look_at(name, stars)
    return found


def on_partitions(walk: Walk) -> Iterable[Finding]:
    """How much of a catalogue was looked at, and whether its partitions are alike."""
    if walk.partitions < 2 and walk.looked == walk.rows:
        return
    parts = count(walk.partitions, "partition")
    seen = f"{count(walk.rows)} in {parts}"
    if walk.looked < walk.rows:
        seen += f", of which {count(walk.looked)} in {count(walk.opened, 'partition')} were looked at"
        seen += " (--all looks at every one)"
    yield Finding(GOOD, seen)
    if walk.strange:
        path, what = next(iter(walk.strange.items()))
        yield Finding(WARN, f"{count(len(walk.strange), 'partition')} not like the first: {path}: {what}")


def _all(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _one_or_all(values: Iterable[str | None]) -> Any:
    """The value that all have in common, or a list of those that occur; None when there is none."""
    different = list(dict.fromkeys(values))
    return different if len(different) > 1 else different[0] if different else None


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for what, number in one.items():
            total[what] = total.get(what, 0) + number
    return total


def _spread(values: np.ndarray) -> dict[str, float] | None:
    """Median and the bounds of 68 % of the values."""
    if not len(values):
        return None
    low, middle, high = np.percentile(values, [16, 50, 84]).tolist()
    return {"p16": low, "median": middle, "p84": high}
