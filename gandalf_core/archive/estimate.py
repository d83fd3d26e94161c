"""What the spectra of a sample will take, before they are asked for: requests, bytes and time."""

from pathlib import Path
from typing import Any

from .releases import EPOCH
from .requests import Fetch
from .spectra import read_note

BYTES_PER_SAMPLE = 8  # flux and its error, as floats of four bytes
WAVELENGTH_BYTES = 8  # beside them, where each spectrum brings its own
ON_DISK = 9  # bytes per pixel of a Parquet file: flux, error, mask
BYTES_PER_SECOND = 1e6  # where nothing has arrived yet
EPOCHS = 20  # spectra per star that a release of epochs is expected to have, about


def estimate(task: Fetch, stars: int, paths: list[Path]) -> dict[str, Any]:
    """Requests, bytes to download and on disk, and seconds, for what has not arrived; and how it is known.

    Where some chunks have arrived, their time tells; else a rate of 1 MB/s is assumed.
    """
    notes = [(note, path) for path in paths if (note := read_note(path))]
    arrived = sum(n.written + len(n.rejected) for n, _ in notes)
    left = sum(1 for path in paths if read_note(path) is None) + sum(1 for n, _ in notes if n.missing)
    spectra = (stars - arrived) * (EPOCHS if task.product == EPOCH else 1)
    sample = BYTES_PER_SAMPLE + (0 if task.release.structure == "RAW" else WAVELENGTH_BYTES)
    download = spectra * len(task.release.wavelength_nm) * sample
    seconds = download / BYTES_PER_SECOND + left * task.every
    how = "at an assumed 1 MB/s"
    taken = sum(n.seconds for n, _ in notes)
    if arrived and taken:
        seconds, how = spectra * taken / arrived, f"at the rate of the {arrived:,} stars that have arrived"
    if task.product == EPOCH:
        how += f", with {EPOCHS} transits per star"
    return {
        "requests": len(paths),
        "requests_left": left,
        "download_bytes": int(download),
        "disk_bytes": int(spectra * len(task.wavelength_nm) * ON_DISK),
        "seconds": round(seconds, 1),
        "estimated": how,
    }
