"""Raw grids of synthetic spectra: their files, and many spectra in parallel, resumable.

A raw grid is an .npz with `labels` (N, 5), `label_names`, `wavelength_nm` (L,), `flux` (N, L) uint16 in units
of 1/FLUX_UNIT, and `made_by`, the versions that made it, as JSON. Shapes: N points, L samples.
"""

import json
import os
import signal
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile

import numpy as np

from gandalf_core.atomic import atomic, check_place
from gandalf_core.errors import SpectraError
from gandalf_core.simulator.grids import FLUX_UNIT, unpack_flux
from scripts.pack_grid import instrument_matrix
from scripts.rvs_spectrum import LABEL_NAMES, RAW_NM, reason_to_refuse, spectrum, written

SAVE_SECONDS = 60


# --- files ---


def arrays_of(path: Path, *needed: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz file that holds the needed ones. Raises SpectraError."""
    if not path.exists():
        raise SpectraError(f"{path}: no such file")
    try:
        # opened here: numpy leaves a file open that is no archive
        with path.open("rb") as file, np.load(file) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, AttributeError, BadZipFile, zlib.error) as error:
        raise SpectraError(f"{path}: no grid of spectra ({error})") from None
    if missing := set(needed) - arrays.keys():
        raise SpectraError(f"{path}: no grid of spectra: it lacks {', '.join(sorted(missing))}")
    return arrays


@dataclass(frozen=True)
class RawGrid:
    """Spectra (N, L) of points (N, 5) and the versions that made them."""

    labels: np.ndarray
    flux: np.ndarray  # uint16, in 1/FLUX_UNIT
    made_by: dict[str, str]

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def empty(cls, made_by: dict[str, str]) -> "RawGrid":
        """A grid to which spectra are added."""
        return cls(np.empty((0, len(LABEL_NAMES))), np.empty((0, len(RAW_NM)), np.uint16), made_by)

    @classmethod
    def read(cls, path: Path) -> "RawGrid":
        """A file of this layout; one without `made_by` was made by nobody knows what. Raises SpectraError."""
        stored = arrays_of(path, "labels", "flux", "wavelength_nm")
        labels, flux = stored["labels"], stored["flux"]
        shapes = (len(labels), len(LABEL_NAMES)), (len(labels), len(RAW_NM))
        wavelength_nm = stored["wavelength_nm"]
        if (labels.shape, flux.shape, wavelength_nm.shape) != (*shapes, RAW_NM.shape) or not np.allclose(
            wavelength_nm, RAW_NM, rtol=0, atol=1e-6
        ):
            raise SpectraError(f"{path}: other labels or wavelengths than a grid of {', '.join(LABEL_NAMES)}")
        return cls(labels, flux, json.loads(str(stored.get("made_by", "{}"))))

    def write(self, path: Path, compressed: bool = True) -> None:
        """Write the file, whole or not at all. Raises SpectraError."""
        save = np.savez_compressed if compressed else np.savez
        with atomic(path) as stream:
            save(
                stream,
                labels=self.labels,
                label_names=np.array(LABEL_NAMES),
                wavelength_nm=RAW_NM,
                flux=self.flux,
                made_by=np.array(json.dumps(self.made_by)),
            )

    def plus(self, spectra: Sequence[tuple[np.ndarray, np.ndarray]]) -> "RawGrid":
        """With more points and their spectra (L,) in units of the continuum."""
        if not spectra:
            return self
        labels, flux = map(np.array, zip(*spectra, strict=True))
        counts = np.round(flux * FLUX_UNIT).astype(np.uint16)
        return self.joined(replace(self, labels=labels, flux=counts))

    def joined(self, other: "RawGrid") -> "RawGrid":
        """This grid and another of the same versions, one after the other."""
        labels, flux = (
            np.concatenate(pair) for pair in ((self.labels, other.labels), (self.flux, other.flux))
        )
        return replace(self, labels=labels, flux=flux)

    def take(self, points: np.ndarray) -> "RawGrid":
        """Those of the points (N, 5) whose exact labels are here, in the points' order."""
        row_of = {key: row for row, key in enumerate(_keys(self.labels))}
        rows = [row_of[key] for key in _keys(points) if key in row_of]
        return replace(self, labels=self.labels[rows], flux=self.flux[rows])

    def missing(self, points: np.ndarray) -> np.ndarray:
        """Those of the points (N, 5) whose labels are not here."""
        here = set(_keys(self.labels))
        return points[[key not in here for key in _keys(points)]]


def _keys(labels: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in np.ascontiguousarray(labels, np.float64)]


def unfinished(path: Path) -> Path:
    """Where the spectra of a grid are kept until it is complete."""
    return path.with_suffix(".unfinished.npz")


def begun(path: Path, points: np.ndarray, made_by: dict[str, str]) -> RawGrid:
    """What earlier runs left of the grid `path`. Raises SpectraError where it is other work."""
    found = RawGrid.empty(made_by)
    for file in (path, unfinished(path)):
        if not file.exists():
            continue
        stored = RawGrid.read(file)
        if stored.made_by != made_by:
            raise SpectraError(f"{file}: made by other versions: name another file, or remove this one")
        if not set(_keys(stored.labels)) <= set(_keys(points)):
            raise SpectraError(f"{file}: holds other points: name another file, or remove this one")
        found = found.joined(stored)
    return found


# --- many spectra ---


def compute(
    points: np.ndarray, path: Path, made_by: dict[str, str], processes: int
) -> tuple[RawGrid, list[str]]:
    """The raw grid of points (N, 5), written to `path`, and why which points are not in it.

    What earlier runs left is used; every SAVE_SECONDS the spectra so far are stored in `unfinished(path)`.
    Raises SpectraError, also when no point can be computed.
    """
    check_place(path)
    reasons = [reason_to_refuse(point) for point in points]
    left_out = [
        f"{written(point)}: {reason}" for point, reason in zip(points, reasons, strict=True) if reason
    ]
    points = points[[not reason for reason in reasons]]
    grid = begun(path, points, made_by)
    for batch in _batches(grid.missing(points), processes):
        left_out += [result for _, result in batch if isinstance(result, str)]
        grid = grid.plus([(point, result) for point, result in batch if not isinstance(result, str)])
        grid.write(unfinished(path), compressed=False)
    if not len(grid):
        raise SpectraError(f"{path}: no point can be computed ({left_out[0]})")
    grid = grid.take(points)
    grid.write(path)
    unfinished(path).unlink(missing_ok=True)
    return grid, left_out


def _batches(points: np.ndarray, processes: int) -> Iterator[list[tuple[np.ndarray, np.ndarray | str]]]:
    """Points and their spectra, or why there are none, as they are computed in SAVE_SECONDS."""
    batch, start, saved = [], time.monotonic(), time.monotonic()
    for done, (point, result) in enumerate(zip(points, spectra(points, processes), strict=True), 1):
        batch.append((point, result))
        now = time.monotonic()
        if done == len(points) or now - saved > SAVE_SECONDS:
            left = (now - start) / done * (len(points) - done) / 60
            print(f"{done} of {len(points)} spectra, about {left:.0f} min left", file=sys.stderr, flush=True)
            yield batch
            batch, saved = [], now


def spectra(points: np.ndarray, processes: int) -> Iterator[np.ndarray | str]:
    """For each point (N, 5) its spectrum (L,), or why there is none, computed in parallel processes.

    Raises SpectraError when a process ends before its work.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        pool = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_settle, initargs=(folder,))
        try:
            yield from pool.map(_spectrum_or_reason, points)
        except BrokenExecutor:
            raise SpectraError("a process was killed (too little memory?): give the command again") from None
        finally:
            pool.shutdown(cancel_futures=True)


def _settle(folder: str) -> None:
    """In a process of its own: PySME writes a log where it runs, and the parent answers interrupts."""
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _spectrum_or_reason(point: np.ndarray) -> np.ndarray | str:
    try:
        return spectrum(point)
    except SpectraError as error:
        return str(error)


# --- stored spectra again ---


def differences(path: Path, n: int, seed: int, processes: int) -> Iterator[tuple[np.ndarray, float]]:
    """Labels of n random points of a grid, and how much a new spectrum differs at most from the stored one.

    The grid may be a raw one, or a packed one, whose spectra have the instrument's resolution. A point that
    cannot be computed differs by infinity. Raises SpectraError.
    """
    grid_labels, expected, instrument = _stored(path)
    rows = np.random.default_rng(seed).permutation(len(grid_labels))[:n]
    for row, flux in zip(rows, spectra(grid_labels[rows], processes), strict=True):
        if isinstance(flux, str):
            yield grid_labels[row], np.inf
            continue
        seen = flux if instrument is None else flux.astype(np.float32) @ instrument
        yield grid_labels[row], float(np.abs(seen - expected[row]).max())


def _stored(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Labels (N, 5) and spectra of a grid, and the matrix that takes a raw spectrum to theirs, if any."""
    stored = arrays_of(path, "labels")
    if "bends_low" not in stored:
        grid = RawGrid.read(path)
        return grid.labels, grid.flux / np.float32(FLUX_UNIT), None
    if stored["labels"].shape[1:] != (len(LABEL_NAMES),):
        raise SpectraError(f"{path}: other labels than {', '.join(LABEL_NAMES)}: an older grid?")
    return stored["labels"], unpack_flux(stored), instrument_matrix(RAW_NM)
