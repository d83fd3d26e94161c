"""Readers: a file's content tells its format; one line says what is wrong with a file and what to do."""

import io
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from typing import BinaryIO

import numpy as np

from ..data.latents import LatentSet
from ..data.spectra import SpectraSet, concatenate
from ..errors import SpectraError
from .checking import DEFAULT, Checks
from .formats import NAMES, raw_tables
from .ids import distinct_stems
from .opening import open_regular
from .resampling import covering
from .sniff import Member, Unreadable, members, names_inside, parsing
from .tables import assemble
from .understanding import KEY, rejected_of

_LOG = logging.getLogger(__name__)
Upload = tuple[str, bytes]  # a file's name and content


def read_stars(path: str | Path, *, keep_spikes: bool = False) -> SpectraSet:
    """The spectra of a file: csv, ecsv, fits or votable of the Gaia archive, npz, Parquet or text.

    The archive's layouts are INDIVIDUAL, COMBINED and RAW. The file may be gzipped, or a zip bundle of such
    files, as the archive delivers them. docs/files.md says which columns are read, under which names and
    units. Wavelengths become vacuum nm; samples without a finite flux or a positive error are masked, and so
    are cosmic-ray hits of single samples, unless `keep_spikes`; ids are strings. `reading_notes` of the set
    says what was used, converted and left out. Raises SpectraError: one line with the file's name, the cause
    and the cure; also when one of its stars cannot be used, which `read_many` leaves out instead.
    """
    return _one_set(str(path), each_file((path,), Checks(keep_spikes=keep_spikes)))


def read_bytes(name: str, data: bytes, *, keep_spikes: bool = False) -> SpectraSet:
    """As `read_stars`, for the content of an uploaded file."""
    return _one_set(name, each_file(((name, data),), Checks(keep_spikes=keep_spikes)))


def read_many(
    sources: Iterable[str | Path | Upload],
    wavelength_nm: np.ndarray | None = None,
    *,
    keep_spikes: bool = False,
) -> tuple[SpectraSet, dict[str, str]]:
    """The usable stars of many files on one grid, and why the others were refused.

    sources: paths, or (name, bytes) of uploads. wavelength_nm: (L,) the grid; without, that of the first
    readable file. keep_spikes: as for `read_stars`. Returns the set and {file or star id: cause}: unreadable
    files, stars that cover less than MIN_COVERAGE of the grid or cannot be used for another cause, and stars
    that come twice. Raises SpectraError, with the first cause, when no star is left.
    """
    good, rejected = [], {}
    for name, stars in each_file(sources, Checks(keep_spikes=keep_spikes)):
        if isinstance(stars, SpectraError):
            reject(rejected, name, str(stars))
            continue
        wavelength_nm = stars.wavelength_nm if wavelength_nm is None else wavelength_nm
        good.append(usable_of(stars, wavelength_nm, name, rejected))
    good = [s for s in good if len(s)]
    if not good:
        raise none_left(rejected)
    return without_repeats(join_sets(good), rejected), rejected


def usable_of(
    stars: SpectraSet, wavelength_nm: np.ndarray, name: str, rejected: dict[str, str]
) -> SpectraSet:
    """The stars of the source `name` that can be used on a grid (L,), on it; the others go to `rejected`.

    Those that were left out when the source was read go there, too.
    """
    for star, cause in rejected_of(stars).items():
        reject(rejected, star, f"{name}: star {star}: {cause}")
    try:
        good, causes = covering(stars, wavelength_nm)
    except SpectraError as error:
        reject(rejected, name, f"{name}: {error}")
        return stars[:0]
    for star, cause in causes.items():
        reject(rejected, star, f"{name}: star {star}: {cause}")
    return good


def reject(rejected: dict[str, str], key: str, cause: str) -> None:
    """Note why a star or a file is left out, under a key of its own where the key is taken."""
    while key in rejected:
        key += " (again)"
    rejected[key] = cause


def none_left(rejected: dict[str, str]) -> SpectraError:
    """The error of a reading without a usable star: the first cause, and how many more there are."""
    causes = list(rejected.values())
    more = f" (and {len(causes) - 1:,} more)" if len(causes) > 1 else ""
    return SpectraError(causes[0] + more if causes else "no files given")


def read_latents(path: str | Path) -> LatentSet:
    """The latents in an npz or Parquet file of `write_latents` or `encode`. SpectraError names the file."""
    name = str(path)
    with open_stream(path) as stream:
        member = next(members(name, stream))
        if isinstance(member, Unreadable) or member.format not in ("npz", "parquet"):
            raise SpectraError(f"{name}: holds no latents: expected npz or Parquet written by `encode`")
        with parsing(name, NAMES[member.format]):
            if member.format == "npz":
                from . import npz

                return npz.read_latents(member.stream, name, member.budget)
            from . import parquet

            return parquet.read_latents(member.stream, member.budget)


def join_sets(sets: list[SpectraSet]) -> SpectraSet:
    """`concatenate`, with a warning where flux errors are lost because some stars come without."""
    bare = sum(len(s) for s in sets if s.flux_error is None)
    if bare and any(s.flux_error is not None for s in sets):
        _LOG.warning(
            "%d of %d stars come without flux errors: those of the others are left out too",
            bare,
            sum(map(len, sets)),
        )
    return concatenate(sets)


def without_repeats(stars: SpectraSet, rejected: dict[str, str]) -> SpectraSet:
    """The first star of each id; the others go to `rejected`."""
    first = np.unique(stars.ids, return_index=True)[1]
    if len(first) == len(stars):
        return stars
    for i in np.delete(np.arange(len(stars)), first):
        star = stars.ids[i]
        rejected[f"{star} (again)"] = f"star {star} was given more than once: the first is used"
    return stars[np.sort(first)]


def _one_set(name: str, parts: Iterable[tuple[str, SpectraSet | SpectraError]]) -> SpectraSet:
    """One set of everything in a file; the first error is raised."""
    sets = []
    for part, stars in parts:
        if isinstance(stars, SpectraError):
            raise stars
        for star, cause in rejected_of(stars).items():
            raise SpectraError(f"{part}: star {star}: {cause} (`read_many` takes the other stars)")
        sets.append(stars)
    with parsing(name, "bundle"):
        return join_sets(sets)


def each_file(
    sources: Iterable[str | Path | Upload], checks: Checks = DEFAULT, among: Iterable[str] = ()
) -> Iterator[tuple[str, SpectraSet | SpectraError]]:
    """(name, stars or error) of every file, and of every file within a bundle.

    among: names of further files that are read beside these: stars without an id are called differently.
    """
    sources = list(sources)
    names = [source[0] if isinstance(source, tuple) else str(source) for source in sources]
    stems = distinct_stems([*names, *among])
    for name, source in zip(names, sources, strict=True):
        try:
            with open_stream(source) as stream:
                inside = distinct_stems(names_inside(name, stream))
                for member in members(name, stream):
                    stem = inside.get(member.name, stems[name])
                    yield member.name, _attempt(member, replace(checks, stem=stem))
        except SpectraError as error:
            yield name, error


def open_stream(source: str | Path | Upload) -> BinaryIO:
    """The bytes of a file or an upload. SpectraError, naming it, for what is no file or cannot be opened."""
    if isinstance(source, tuple):
        return io.BytesIO(source[1])
    return open_regular(source)


def _attempt(member: Member | Unreadable, checks: Checks) -> SpectraSet | SpectraError:
    if isinstance(member, Unreadable):
        return member.error
    try:
        with parsing(member.name, NAMES[member.format]):
            stars = _parse(member, checks)
    except SpectraError as error:
        return error
    folders = (checks.stem or "").count("/")  # that tell this file from another of its name
    stars.provenance.update(file=PurePath(member.name).name, format=member.format)
    stars.provenance[KEY]["file"] = "/".join(PurePath(member.name).parts[-1 - folders :])
    return stars


def _parse(member: Member, checks: Checks) -> SpectraSet:
    """The stars of one file, by the module of its format, which is imported when it is needed."""
    name, stream = member.name, member.stream
    if member.format == "npz":
        from . import npz

        return npz.read_stars(stream, name, checks, member.budget)
    if member.format == "parquet":
        from . import parquet

        return parquet.read_stars(stream, name, member.budget, checks)
    tables = raw_tables(stream, member.format, budget=member.budget)
    return assemble([raw.with_meaning() for raw in tables], name, checks)
