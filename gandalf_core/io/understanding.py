"""What a file was taken to say: the sentences that every command and page prints about what it read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..data.spectra import SpectraSet

KEY = "read"  # in the provenance of a set: how its file was understood
MAX_NAMED = 12  # columns that a sentence names
ASSUMED = "assumed"  # the medium of wavelengths of which the file says nothing: taken as vacuum

_Counts = dict[str, int]


@dataclass(frozen=True)
class Understanding:
    """How one file was read; JSON can hold it, and the provenance of a set does.

    Attributes
    ----------
    file: its name. stars, pixels: how many.
    wavelength_from, flux_from: their columns; wavelength_unit: as the file gives it, "" where it does not.
    medium: what the wavelengths are in: "vacuum"; "air", which was converted to vacuum; or ASSUMED.
    medium_from: what says so, such as a column's name.
    errors_from: the column of flux errors; "" = the errors are unknown. errors_were: "variances" or "inverse
        variances" where they were converted, else "".
    mask_from: columns that mask samples.
    ids_from: columns of the ids; none = the ids were made up. made_up: the first and the last made-up id.
    labels_from: column of each label, with its unit where it was converted.
    positions_from: columns or keywords of right ascension and declination.
    ignored: columns that were not used.
    missing: what was taken as missing, such as "teff = -9999" → how many times.
    spikes: samples masked as cosmic-ray hits. padding: samples left out because their wavelength is zero or
        missing.
    rejected: {id: cause} of stars that were left out.
    remarks: further sentences.
    """

    file: str = ""
    stars: int = 0
    pixels: int = 0
    wavelength_from: str = ""
    wavelength_unit: str = ""
    medium: str = ASSUMED
    medium_from: str = ""
    flux_from: str = ""
    errors_from: str = ""
    errors_were: str = ""
    mask_from: tuple[str, ...] = ()
    ids_from: tuple[str, ...] = ()
    made_up: tuple[str, ...] = ()
    labels_from: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    missing: _Counts = field(default_factory=dict)
    spikes: int = 0
    padding: int = 0
    rejected: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    positions_from: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON has them: tuples as lists."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Understanding":
        """From `to_json`; fields that it does not know are left out."""
        known = {f.name for f in fields(cls)}
        own: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**{k: v for k, v in own.items() if k in known})

    @property
    def content(self) -> str:
        """What the file holds, and from which columns it was taken, in one line."""
        stars = f"{self.stars:,} star{'s' if self.stars != 1 else ''} of {self.pixels:,} pixels"
        return "; ".join([stars, self._wavelengths(), self._errors(), *self._names()])

    @property
    def changes(self) -> list[str]:
        """One sentence for everything that was left out, made up or changed."""
        return list(self._changes())

    @property
    def sentences(self) -> list[str]:
        """All of it, each sentence behind the file's name."""
        return [f"{self.file}: {sentence}" for sentence in (self.content, *self.changes)]

    def _wavelengths(self) -> str:
        named = (
            self.wavelength_unit in ("", "nm") or "[" in self.wavelength_from or "(" in self.wavelength_from
        )
        unit = "" if named else f" [{self.wavelength_unit}]"
        source = f"wavelengths from {self.wavelength_from}{unit}"
        if self.medium == "air":
            return f"{source}, in air ({self.medium_from}): converted to vacuum"
        if self.medium == "vacuum":
            return f"{source}, in vacuum ({self.medium_from})"
        return f"{source}, taken as vacuum (the file does not say)"

    def _errors(self) -> str:
        if not self.errors_from:
            return "errors unknown"
        converted = f" ({self.errors_were}, converted)" if self.errors_were else ""
        return f"errors from {self.errors_from}{converted}"

    def _names(self) -> Iterator[str]:
        if self.mask_from:
            yield f"mask from {listed(self.mask_from)}"
        if self.ids_from:
            yield f"ids from {listed(self.ids_from)}"
        if self.labels_from:
            yield f"labels from {listed(self.labels_from.values())}"
        if self.positions_from:
            yield f"positions from {listed(self.positions_from)}"

    def _changes(self) -> Iterator[str]:
        if self.made_up:
            called = "star is called" if len(self.made_up) == 1 else "stars are called"
            yield f"no column of ids: the {called} {' … '.join(self.made_up)}"
        if self.ignored:
            yield f"columns not used: {listed(self.ignored)}"
        for what, count in self.missing.items():
            yield f"{what} {times_of(count)}: taken as missing"
        if self.spikes:
            yield f"{_samples(self.spikes)} far above their neighbours masked as cosmic-ray hits"
        if self.padding:
            yield f"{_samples(self.padding)} left out, whose wavelength is zero or missing"
        if self.rejected:
            star, cause = next(iter(self.rejected.items()))
            more = f", and {len(self.rejected) - 1:,} more" if len(self.rejected) > 1 else ""
            yield f"left out: star {star}: {cause}{more}"
        yield from self.remarks


def understandings(stars: "SpectraSet") -> list[Understanding]:
    """How each file of a set was understood; empty for stars that come from no file."""
    return [Understanding.from_json(read) for read in _readings(stars.provenance)]


def rejected_of(stars: "SpectraSet") -> dict[str, str]:
    """{id: cause} of the stars that were left out when the files of a set were read."""
    return {star: cause for read in understandings(stars) for star, cause in read.rejected.items()}


def stored(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """A provenance for a file of its stars: without the stars that were left out, which may be very many."""
    kept = dict(provenance)
    if isinstance(kept.get(KEY), Mapping):
        kept[KEY] = {name: value for name, value in kept[KEY].items() if name != "rejected"}
    if "parts" in kept:
        kept["parts"] = [stored(part) for part in kept["parts"]]
    return kept


def reading_notes(stars: "SpectraSet") -> list[str]:
    """Sentences on how the files of a set were read, for standard error and JSON `notes`."""
    return notes_of(understandings(stars))


def notes_of(parts: Iterable[Understanding]) -> list[str]:
    """The sentences of several files, or of pieces of files, those that say the same as one.

    Files that were understood alike are one sentence, with the number of their stars in all; so are equal
    changes to several of them.
    """
    groups: dict[tuple[str, str], list[Understanding]] = {}
    for part in parts:
        groups.setdefault(_meaning(part), []).append(part)
    return list(dict.fromkeys(s for group in groups.values() for s in _joined(group).sentences))


def added(parts: list[Understanding], piece: Understanding) -> list[Understanding]:
    """The readings of a file with that of its next piece, which joins the last one where they are alike."""
    if parts and _meaning(parts[-1]) == _meaning(piece):
        return [*parts[:-1], _joined([parts[-1], piece])]
    return [*parts, piece]


def _meaning(part: Understanding) -> tuple[str, str]:
    """What was understood, without the numbers."""
    plain = replace(part, stars=0, missing={}, spikes=0, padding=0, rejected={}, made_up=())
    return plain.content, str(plain.changes)


def _joined(group: list[Understanding]) -> Understanding:
    """Files that were understood alike as one: counts are added, and the first gives its name."""
    if len(group) == 1:
        return group[0]
    files = list(dict.fromkeys(part.file for part in group))
    more = f" and {len(files) - 1:,} more file{'s' if len(files) > 2 else ''}" if len(files) > 1 else ""
    made_up = [name for part in group for name in part.made_up]
    missing: _Counts = {}
    for part in group:
        for what, count in part.missing.items():
            missing[what] = missing.get(what, 0) + count
    return replace(
        group[0],
        file=files[0] + more,
        stars=sum(part.stars for part in group),
        missing=missing,
        spikes=sum(part.spikes for part in group),
        padding=sum(part.padding for part in group),
        made_up=tuple(dict.fromkeys(made_up[:1] + made_up[-1:])),
        rejected={star: cause for part in group for star, cause in part.rejected.items()},
    )


def _readings(provenance: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The notes on reading in a provenance; those of joined sets one by one."""
    if KEY in provenance:
        yield provenance[KEY]
        return
    for part in provenance.get("parts", ()):
        yield from _readings(part)


def listed(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def times_of(count: int) -> str:
    """How often something occurs, in words."""
    return "once" if count == 1 else f"{count:,} times"


def _samples(count: int) -> str:
    return f"{count:,} sample{'s' if count != 1 else ''}"
