"""The vocabulary: every name, unit, symbol, range and axis direction of a stellar parameter lives here.

A label that is not listed (an element abundance, v sin i, anything of a non-stellar set) works the same way:
`parameter(name)` describes it by its bare name, without unit or range.
"""

from dataclasses import dataclass

MAX_STARS = 2_000_000  # simulated at once
# numpy's RandomState ends at 2**32 − 1, and the seeds of folds, members and trials are sums
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class StellarParameter:
    """One label: its name in code, how people write it, and how its axis is drawn."""

    name: str
    symbol: str  # for plots and pages, Unicode and <sub>
    plain: str  # for terminals and csv headers
    unit: str = ""
    low: float | None = None  # range of the reference sample
    high: float | None = None
    reversed_axis: bool = False
    decimals: int = 2
    step: float | None = None  # the step of a counterfactual test and of a slider's big move
    sequential: bool = True  # False: a diverging colour scale around zero
    aliases: tuple[str, ...] = ()

    @property
    def axis_title(self) -> str:
        """The symbol with its unit, as an axis shows it."""
        return f"{self.symbol} [{self.unit}]" if self.unit else self.symbol

    def format(self, value: float) -> str:
        """A value with its unit, rounded as the quantity deserves."""
        return f"{value:.{self.decimals}f} {self.unit}".rstrip()


STELLAR = {
    p.name: p
    for p in (
        StellarParameter(
            "teff",
            "T<sub>eff</sub>",
            "Teff",
            "K",
            4000,
            7000,
            True,
            0,
            300.0,
            aliases=("t_eff", "teff_gspspec", "effective_temperature"),
        ),
        StellarParameter(
            "logg",
            "log g",
            "log g",
            "dex",
            1.5,
            5.0,
            True,
            2,
            0.5,
            aliases=("log_g", "logg_gspspec"),
        ),
        StellarParameter(
            "mh",
            "[M/H]",
            "[M/H]",
            "dex",
            -2.5,
            0.5,
            False,
            2,
            0.3,
            aliases=("m_h", "fe_h", "mh_gspspec", "[m/h]", "[fe/h]"),
        ),
        StellarParameter(
            "alphafe",
            "[α/Fe]",
            "[alpha/Fe]",
            "dex",
            -0.2,
            0.5,
            False,
            2,
            0.15,
            aliases=("alpha_m", "alpha_fe", "alphafe_gspspec", "[alpha/fe]"),
        ),
    )
}

LABELS = tuple(STELLAR)
_BY_ALIAS = {alias: p.name for p in STELLAR.values() for alias in (p.name, *p.aliases)}


def labels_like(names: tuple[str, ...]) -> tuple[str, ...]:
    """The labels of a model for stars with these: the standard four where all of them are there, or none is."""
    return LABELS if set(LABELS) <= set(names) or not names else tuple(names)


def canonical_name(column: str) -> str:
    """The project's spelling of a catalogue's column name; an unknown one comes back in lower case."""
    key = column.strip().lower()
    return _BY_ALIAS.get(key, key)


def parameter(name: str) -> StellarParameter:
    """The description of a label; for a label outside the vocabulary a bare one."""
    return STELLAR.get(name) or StellarParameter(name, name, name, decimals=3)


@dataclass(frozen=True)
class SpectralLine:
    """A line worth a mark in a plot; `wavelength_nm` is in vacuum."""

    species: str
    wavelength_nm: float


LINES = tuple(
    SpectralLine(species, w)
    for species, waves in {
        "Ca II": (850.036, 854.444, 866.452),
        "Fe I": (851.641, 861.416, 867.713, 869.101),
        "Ti I": (868.537,),
        "Si I": (855.913, 865.084),
        "S I": (869.701,),
        "Paschen": (850.482, 854.773, 860.075, 866.740),
        "DIB": (862.32,),
    }.items()
    for w in waves
)
CALCIUM_CORES_NM = (850.036, 854.444, 866.452)
CALCIUM_HALF_WIDTH_NM = 0.12
