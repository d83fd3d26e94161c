"""Which simulator this is: other code or other data makes other stars under the same ids."""

from functools import cache
from pathlib import Path

from ..data.identity import identity
from .emulator import EMULATOR_FILES
from .grids import INSTRUMENT


@cache
def simulator_identity() -> str:
    """Identifies the stars that this simulator makes: its data files, its instrument and its code."""
    paths = [*EMULATOR_FILES.values(), *sorted(Path(__file__).parent.glob("*.py"))]
    return identity({path.name: path.read_bytes() for path in paths if path.is_file()}, INSTRUMENT)
