"""Changes of a star's parameters that are worth a button."""

from ..parameters import parameter

# the paper's Figure 2; no model atmosphere of the sample is that hot
PAPER = {"teff": 7500.0, "alphafe": 0.0}
OTHERS = ({"teff": 6500.0}, {"mh": -1.0}, {"logg": 2.0})


def presets(names: tuple[str, ...]) -> list[dict]:
    """The changes whose labels are all among `names`, as {name, labels}."""
    changes = [change for change in (PAPER, *OTHERS) if set(change) <= set(names)]
    return [{"name": _title(change), "labels": change} for change in changes]


def _title(change: dict[str, float]) -> str:
    return ", ".join(f"{parameter(n).symbol} = {parameter(n).format(v)}" for n, v in change.items())
