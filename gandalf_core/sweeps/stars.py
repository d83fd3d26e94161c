"""Which stars a sweep belongs to: their content, whatever the names of their files."""

from ..data.identity import identity
from ..data.spectra import SpectraSet
from ..errors import SpectraError
from ..simulator import simulator_identity
from .space import Sweep

_SIMULATED = "simulated:"


def identity_of_stars(specs: tuple[str, ...], keep_spikes: bool = False) -> str:
    """Identifies the stars of some sources. Raises SpectraError for one that cannot be read."""
    from ..sources import Intake, gather

    if all(spec.startswith(_SIMULATED) for spec in specs):
        return _identity(specs, None)
    return _identity(specs, gather(specs, intake=Intake(keep_spikes))[0])


def check_stars(sweep: Sweep, stars: SpectraSet) -> None:
    """SpectraError when these are not the stars that the sweep began with."""
    if sweep.stars_identity and sweep.stars_identity != _identity(sweep.stars, stars):
        raise SpectraError(f"{', '.join(sweep.stars)}: holds other stars than when the sweep began")


def _identity(specs: tuple[str, ...], stars: SpectraSet | None) -> str:
    """By the content of the stars; simulated ones, by number, seed and simulator, which takes no time."""
    if stars is None or all(spec.startswith(_SIMULATED) for spec in specs):
        seeded = [spec if spec.count(":") > 1 else f"{spec}:0" for spec in specs]
        return identity(seeded, simulator_identity())
    return stars.identity
