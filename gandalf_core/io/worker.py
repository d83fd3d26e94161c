"""The process that reads strangers' files: `python -m gandalf_core.io.worker MEMORY CPU CPU_IN_ALL`.

It answers requests on its standard input until that ends. `gandalf_core/io/confined.py` is the other side.
"""

import os
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from typing import Any, BinaryIO

from .confinement import OUT_OF_MEMORY, allow_cpu, confine, leave_network

LIBRARIES = ("astropy.io.ascii", "astropy.io.fits", "astropy.io.votable", "numpy", "scipy.sparse", "yaml")
MAX_STARS = 50_000  # of an upload: pages put each of them on the wavelengths of a model
MAX_FILES = 5_000  # of a bundle, as many as DataLink sends at once: each takes some 3 ms, however small
READERS = ("ascii_tables", "ecsv", "fits", "latent_tables", "npz", "parquet", "text", "votable")
Answer = tuple[dict[str, Any], dict[str, Any]]  # values and arrays of a message


def main() -> None:
    memory, seconds, in_all = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    answers, requests = _own_pipes()
    held = leave_network()
    _import_all()
    held += confine(memory)
    from . import frames

    frames.send(answers, {"held": held})
    while (request := frames.receive(requests, 2**31)) is not None:
        begun = time.process_time()
        allow_cpu(seconds)
        for answer in _answers(*request):
            frames.send(answers, *answer)
            left = in_all - (time.process_time() - begun)
            allow_cpu(max(0.0, min(seconds, left)))
        frames.send(answers, {"done": True})
        allow_cpu(in_all)  # for what is between two requests


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the other side; what libraries print goes nowhere."""
    answers, requests = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    return answers, requests


def _import_all() -> None:
    """Everything that a reader may need: later no further file is opened."""
    for name in LIBRARIES:
        import_module(name)
    for name in READERS:
        import_module(f".{name}", __package__)
    import pyarrow as pa
    from astropy import units

    from . import h5ad
    from .read import each_file

    h5ad.available()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    for sample in (b"wavelength,flux\n850,1\n851,1\n852,x\n", b"|a|\n|double|\n 1\n"):  # lazy imports within
        list(each_file([("sample", sample)]))
    units.Unit("Angstrom").to("nm")


def _answers(values: dict[str, Any], arrays: dict[str, Any]) -> Iterator[Answer]:
    """The answer to a request, in one message or several; an error of the file is an answer, too."""
    from ..errors import SpectraError

    name, content = str(values["name"]), arrays["content"].tobytes()
    arrays.clear()
    task = {"stars": _stars, "latents": _latents, "obsm": _obsm}[values["task"]]
    try:
        yield from task(name, content, values.get("obsm"))
    except SpectraError as error:
        yield {"error": str(error)}, {}
    except Exception as error:  # whatever a library does, the next file finds this process alive
        yield {"error": f"{name}: cannot be read ({type(error).__name__})"}, {}


def _stars(name: str, content: bytes, _: str | None) -> Iterator[Answer]:
    from ..errors import SpectraError
    from .parcels import packed_stars
    from .read import each_file
    from .sniff import names_inside

    count = len(names_inside(name, BytesIO(content)))
    if count > MAX_FILES:
        cure = "use the command line, or write many stars into one file"
        raise SpectraError(f"{name}: {count:,} files, and a page reads at most {MAX_FILES:,}: {cure}")
    total = 0
    for part, stars in each_file([(name, content)]):
        total += 0 if isinstance(stars, SpectraError) else len(stars)
        if isinstance(stars, SpectraError):
            yield {"part": part, "error": str(stars)}, {}
        elif total > MAX_STARS:
            cure = "split the file, or use the command line"
            yield {"part": part, "error": f"{part}: a page takes at most {MAX_STARS:,} stars: {cure}"}, {}
        else:
            values, arrays = packed_stars(stars)
            yield {"part": part, **values}, arrays


def _latents(name: str, content: bytes, obsm: str | None) -> Iterator[Answer]:
    from .latent_tables import read_latent_table
    from .parcels import packed_latents

    yield packed_latents(read_latent_table((name, content), obsm))


def _obsm(name: str, content: bytes, _: str | None) -> Iterator[Answer]:
    from .latent_tables import obsm_keys

    yield {"keys": list(obsm_keys((name, content)))}, {}


if __name__ == "__main__":
    try:
        main()
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
