"""What a file was taken to say: the sentences that every command and page prints about what it read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ..data.spectra import SpectraSet

KEY = "read"  # in the provenance of a set: how its file was understood
MAX_NAMED = 12  # columns that a sentence names
Medium = Literal["vacuum", "air", "assumed"]


@dataclass(frozen=True)
class Understanding:
    """How one file was read; JSON can hold it, and the provenance of a set does.

    Attributes
    ----------
    file: its name. stars, pixels: how many.
    wavelength_from, flux_from: their columns; wavelength_unit: as the file gives it, "" where it does not.
    medium: what the wavelengths are in. "air" was converted to vacuum; "assumed" is vacuum, as the file does
        not say. medium_from: what says so, such as a column's name.
    errors_from: the column of flux errors; "" = the errors are unknown. errors_were: "variances" or "inverse
        variances" where they were converted, else "".
    mask_from: columns that mask samples.
    ids_from: columns of the ids; none = the ids were made up from the file's name.
    labels_from: column of each label, with its unit where it was converted.
    ignored: columns that were not used.
    missing: what was taken as missing, such as "teff = -9999" → how many times.
    spikes: single samples masked as cosmic-ray hits. padding: pixels left out because their wavelength is
        zero or missing.
    remarks: further sentences.
    """

    file: str = ""
    stars: int = 0
    pixels: int = 0
    wavelength_from: str = ""
    wavelength_unit: str = ""
    medium: Medium = "assumed"
    medium_from: str = ""
    flux_from: str = ""
    errors_from: str = ""
    errors_were: str = ""
    mask_from: tuple[str, ...] = ()
    ids_from: tuple[str, ...] = ()
    labels_from: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    missing: dict[str, int] = field(default_factory=dict)
    spikes: int = 0
    padding: int = 0
    remarks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON has them: tuples as lists."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Understanding":
        """From `to_json`; fields that it does not know are left out."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known})

    @property
    def sentences(self) -> list[str]:
        """What was read in one line, and a line for everything that was left out or changed."""
        first = "; ".join([self._content(), self._wavelengths(), self._errors(), *self._names()])
        return [f"{self.file}: {sentence}" for sentence in (first, *self._changes())]

    def _content(self) -> str:
        return f"{self.stars:,} star{'s' if self.stars != 1 else ''} of {self.pixels:,} pixels"

    def _wavelengths(self) -> str:
        source = self.wavelength_from or "the grid of the archive"
        if self.medium == "air":
            return f"wavelengths from {source}, in air ({self.medium_from}): converted to vacuum"
        if self.medium == "vacuum":
            return f"wavelengths from {source}, in vacuum ({self.medium_from})"
        return f"wavelengths from {source}, taken as vacuum (the file does not say)"

    def _errors(self) -> str:
        if not self.errors_from:
            return "errors unknown"
        return f"errors from {self.errors_from}" + (f" ({self.errors_were})" if self.errors_were else "")

    def _names(self) -> Iterator[str]:
        if self.mask_from:
            yield f"mask from {_listed(self.mask_from)}"
        yield (
            f"ids from {_listed(self.ids_from)}" if self.ids_from else "no ids: made up from the file's name"
        )
        if self.labels_from:
            yield f"labels from {_listed(self.labels_from.values())}"

    def _changes(self) -> Iterator[str]:
        if self.ignored:
            yield f"columns not used: {_listed(self.ignored)}"
        for what, count in self.missing.items():
            yield f"{count:,} × {what}: taken as missing"
        if self.spikes:
            yield f"{_samples(self.spikes)} far above their neighbours masked as cosmic-ray hits"
        if self.padding:
            yield f"{_samples(self.padding)} left out: their wavelength is zero or missing"
        yield from self.remarks


def understandings(stars: "SpectraSet") -> list[Understanding]:
    """How each file of a set was understood; empty for stars that come from no file."""
    return [Understanding.from_json(read) for read in _readings(stars.provenance)]


def merged(parts: Iterable[Understanding]) -> list[Understanding]:
    """Files that were understood alike as one: their counts are added, and the first gives its name."""
    groups: dict[str, list[Understanding]] = {}
    for part in parts:
        alike = replace(part, file="", stars=0, spikes=0, padding=0, missing=dict.fromkeys(part.missing, 0))
        groups.setdefault(str(alike), []).append(part)
    return [_sum(group) for group in groups.values()]


def reading_notes(stars: "SpectraSet") -> list[str]:
    """Sentences on how the files of a set were read, for standard error and JSON `notes`."""
    return notes_of(understandings(stars))


def notes_of(parts: Iterable[Understanding]) -> list[str]:
    """The sentences of several files (or pieces of files), those that are alike said once."""
    return list(dict.fromkeys(sentence for part in merged(parts) for sentence in part.sentences))


def _sum(group: list[Understanding]) -> Understanding:
    files = list(dict.fromkeys(part.file for part in group))
    more = f" and {len(files) - 1:,} more file{'s' if len(files) > 2 else ''}" if len(files) > 1 else ""
    return replace(
        group[0],
        file=files[0] + more,
        stars=sum(part.stars for part in group),
        spikes=sum(part.spikes for part in group),
        padding=sum(part.padding for part in group),
        missing={what: sum(part.missing[what] for part in group) for what in group[0].missing},
    )


def _readings(provenance: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The notes on reading in a provenance; those of joined sets one by one."""
    if KEY in provenance:
        yield provenance[KEY]
        return
    for part in provenance.get("parts", ()):
        yield from _readings(part)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def _samples(count: int) -> str:
    return f"{count:,} sample{'s' if count != 1 else ''}"
