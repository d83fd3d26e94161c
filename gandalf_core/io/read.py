"""Readers: what a file holds is found by its content; one line says what is wrong with a file and what to do."""

import io
import logging
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import BinaryIO

import numpy as np

from ..data.latents import LatentSet
from ..data.spectra import SpectraSet, concatenate
from ..errors import SpectraError
from .columns import Table
from .resampling import covering
from .sniff import Member, members, parsing, size_of
from .tables import assemble

_LOG = logging.getLogger(__name__)
Upload = tuple[str, bytes]  # a file's name and content
_KIND = {"text": "text file", "ecsv": "ECSV", "fits": "FITS", "votable": "VOTable", "parquet": "Parquet file"}


def read_stars(path: str | Path) -> SpectraSet:
    """The spectra of a file: Gaia archive csv, ecsv, fits, votable (INDIVIDUAL, COMBINED, RAW), npz, Parquet
    or text.

    It may be gzipped, or a zip bundle of such files, as the archive delivers them. Wavelengths are taken as
    vacuum nm. Samples without a finite flux or a positive error are masked; ids are strings; known label
    columns come along. Raises SpectraError, one line with the file's name, the cause and the cure.
    """
    return _joined(str(path), _stars_of((path,)))


def read_bytes(name: str, data: bytes) -> SpectraSet:
    """As `read_stars`, for the content of an uploaded file."""
    return _joined(name, _stars_of(((name, data),)))


def read_many(
    sources: Iterable[str | Path | Upload], wavelength_nm: np.ndarray | None = None
) -> tuple[SpectraSet, dict[str, str]]:
    """The good stars of many files (paths, or (name, bytes) of uploads) on one grid, and why the others were
    refused.

    The grid is `wavelength_nm` (L,), or else that of the first readable file. Returns the set and {file or
    star id: cause}: unreadable files, stars that cover less than MIN_COVERAGE of the grid, and stars given
    twice. Raises SpectraError when no star is left, with the first cause.
    """
    good, rejected = [], {}
    for name, stars in _stars_of(sources):
        if isinstance(stars, SpectraError):
            rejected[name] = str(stars)
            continue
        wavelength_nm = stars.wavelength_nm if wavelength_nm is None else wavelength_nm
        try:
            good.append(_covering(stars, wavelength_nm, name, rejected))
        except SpectraError as error:
            rejected[name] = f"{name}: {error}"
    good = [s for s in good if len(s)]
    if not good:
        causes = list(rejected.values())
        more = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
        raise SpectraError(causes[0] + more if causes else "no files given")
    return _without_repeats(join_sets(good), rejected), rejected


def join_sets(sets: list[SpectraSet]) -> SpectraSet:
    """`concatenate`, with a warning where that loses flux errors: those of some of the stars alone are not
    kept.
    """
    bare = sum(len(s) for s in sets if s.flux_error is None)
    if bare and any(s.flux_error is not None for s in sets):
        _LOG.warning(
            "%d of %d stars come without flux errors: those of the others are left out too",
            bare,
            sum(map(len, sets)),
        )
    return concatenate(sets)


def _covering(
    stars: SpectraSet, wavelength_nm: np.ndarray, name: str, rejected: dict[str, str]
) -> SpectraSet:
    """The stars that cover the grid, on it; the others are noted."""
    good, causes = covering(stars, wavelength_nm)
    rejected |= {star: f"{name}: star {star}: {cause}" for star, cause in causes.items()}
    return good


def _without_repeats(stars: SpectraSet, rejected: dict[str, str]) -> SpectraSet:
    first = np.unique(stars.ids, return_index=True)[1]
    if len(first) == len(stars):
        return stars
    repeated = np.delete(np.arange(len(stars)), first)
    rejected |= {
        f"{stars.ids[i]} (again)": f"star {stars.ids[i]} was given more than once: the first is used"
        for i in repeated
    }
    return stars[np.sort(first)]


def read_latents(path: str | Path) -> LatentSet:
    """The latents that `write_latents` (or `encode`) put into an npz or Parquet file. Raises SpectraError
    naming the file.
    """
    name = str(path)
    with _opened(path) as stream:
        member = next(members(name, stream))
        if member.format not in ("npz", "parquet"):
            raise SpectraError(f"{name}: holds no latents: expected npz or Parquet written by `encode`")
        with parsing(name, _KIND.get(member.format, member.format)):
            if member.format == "npz":
                from . import npz

                return npz.read_latents(member.stream, name)
            from . import parquet

            return parquet.read_latents(member.stream, size_of(member.stream))


def _opened(source: str | Path | Upload) -> BinaryIO:
    if isinstance(source, tuple):
        return io.BytesIO(source[1])
    path = Path(source)
    if path.is_dir():
        raise SpectraError(f"{path}: is a folder: give its files")
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise SpectraError(f"{path}: no such file") from None
    except OSError as error:
        raise SpectraError(f"{path}: cannot be read ({error.strerror})") from error


def _stars_of(sources: Iterable[str | Path | Upload]):
    """(name, SpectraSet or SpectraError) for every file, and for every file within a bundle."""
    for source in sources:
        name = source[0] if isinstance(source, tuple) else str(source)
        try:
            with _opened(source) as stream:
                yield from ((m.name, _attempt(m)) for m in members(name, stream))
        except SpectraError as error:
            yield name, error


def _attempt(member: Member) -> SpectraSet | SpectraError:
    try:
        with parsing(member.name, _KIND.get(member.format, member.format)):
            if member.format.startswith("bad: "):
                raise SpectraError(member.format.removeprefix("bad: ").removeprefix(f"{member.name}: "))
            stars = _parse(member)
    except SpectraError as error:
        return error
    stars.provenance.update(file=PurePath(member.name).name, format=member.format)
    return stars


def _joined(name: str, parts: Iterable[tuple[str, SpectraSet | SpectraError]]) -> SpectraSet:
    """One set of everything in a file; the first error counts."""
    sets = []
    for _, stars in parts:
        if isinstance(stars, SpectraError):
            raise stars
        sets.append(stars)
    with parsing(name, "bundle"):
        return join_sets(sets)


def _parse(member: Member) -> SpectraSet:
    """The one place that knows which module reads which format; each is imported when it is needed."""
    name, stream, kind = member.name, member.stream, member.format
    if kind == "npz":
        from . import npz

        return npz.read_stars(stream, name)
    if kind == "parquet":
        from . import parquet

        return parquet.read_stars(stream, name, size_of(stream))
    return assemble(_tables(stream, kind), name)


def _tables(stream: BinaryIO, kind: str) -> list[Table]:
    if kind in ("csv", "text"):
        from . import text

        return text.read_csv(stream) if kind == "csv" else text.read_text(stream)
    if kind == "ecsv":
        from . import ecsv

        return ecsv.read(stream)
    if kind == "fits":
        from . import fits

        return fits.read(stream)
    from . import votable

    return votable.read(stream)
