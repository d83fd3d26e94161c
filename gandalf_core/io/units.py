"""Units that a file declares, looked at before astropy works them out."""

import re

from ..errors import SpectraError

# astropy writes out any power of ten: with six digits in its exponent it takes seconds, with nine for ever
_ENDLESS = re.compile(r"(?<![\d.])10\s*(?:\*\*|\^|[+-])\s*\(*\s*[+-]?\s*\d{6}")


def check_units(text: str) -> None:
    """SpectraError for a text of units with a power of ten that nobody means."""
    match = _ENDLESS.search(text)
    if match:
        raise SpectraError(f"a unit with the factor {match[0]}… is none: correct it")
