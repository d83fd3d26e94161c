"""The vocabulary: the name, unit, symbol, range and axis direction of every stellar parameter.

A label that is not listed (an element abundance, v sin i, anything of a non-stellar set) works the same way:
`parameter(name)` describes it by its bare name, without unit or range.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# --- stellar parameters ---


@dataclass(frozen=True)
class StellarParameter:
    """One label: its name in code, how people write it, and how its axis is drawn."""

    name: str
    symbol: str  # for plots and pages: Unicode and <sub>
    plain: str  # for terminals and csv headers
    unit: str = ""
    low: float | None = None  # range of the reference sample
    high: float | None = None
    reversed_axis: bool = False
    decimals: int = 2
    step: float | None = None  # of a counterfactual test, and the large step of a slider
    catalogue_error: float | None = None  # typical 1σ of a survey's catalogue
    aliases: tuple[str, ...] = ()  # column names of catalogues, in lower case

    @property
    def axis_title(self) -> str:
        """The symbol with its unit, as an axis shows it."""
        return f"{self.symbol} [{self.unit}]" if self.unit else self.symbol

    @property
    def in_text(self) -> str:
        """The symbol without markup, for running text."""
        return self.symbol.replace("<sub>", "").replace("</sub>", "")

    def format(self, value: float) -> str:
        """The value with its unit, rounded to this parameter's decimals."""
        return f"{value:.{self.decimals}f} {self.unit}".rstrip()


_TEFF = StellarParameter(
    name="teff",
    symbol="T<sub>eff</sub>",
    plain="Teff",
    unit="K",
    low=4000,
    high=7000,
    reversed_axis=True,
    decimals=0,
    step=300.0,
    catalogue_error=80.0,
    aliases=("t_eff", "teff_gspspec", "teff_gspphot", "effective_temperature"),
)
_LOGG = StellarParameter(
    name="logg",
    symbol="log g",
    plain="log g",
    unit="dex",
    low=1.5,
    high=5.0,
    reversed_axis=True,
    step=0.5,
    catalogue_error=0.1,
    aliases=("log_g", "log g", "log(g)", "logg_gspspec", "logg_gspphot", "surface_gravity"),
)
_MH = StellarParameter(
    name="mh",
    symbol="[M/H]",
    plain="[M/H]",
    unit="dex",
    low=-2.5,
    high=0.5,
    step=0.3,
    catalogue_error=0.07,
    aliases=(
        *("m_h", "fe_h", "mh_gspspec", "[m/h]", "[fe/h]"),
        *("m/h", "fe/h", "feh", "mh_gspphot"),
    ),
)
_ALPHAFE = StellarParameter(
    name="alphafe",
    symbol="[α/Fe]",
    plain="[alpha/Fe]",
    unit="dex",
    low=-0.2,
    high=0.5,
    step=0.15,
    catalogue_error=0.05,
    aliases=(
        *("alpha_m", "alpha_fe", "alphafe_gspspec", "[alpha/fe]"),
        *("[alpha/m]", "alpha/fe", "alpha/m", "[a/fe]", "[a/m]", "a_fe", "[α/fe]"),
    ),
)
STELLAR = {p.name: p for p in (_TEFF, _LOGG, _MH, _ALPHAFE)}
LABELS = tuple(STELLAR)
_BY_ALIAS = {alias: p.name for p in STELLAR.values() for alias in (p.name, *p.aliases)}


def default_labels(names: tuple[str, ...]) -> tuple[str, ...]:
    """The labels a model learns from stars labelled `names`: the standard four if all or none are there.

    Errors of labels (`teff_error`) are none.
    """
    names = tuple(name for name in names if name.removesuffix("_error") not in LABELS or name in LABELS)
    return LABELS if set(LABELS) <= set(names) or not names else names


def canonical_name(column: str) -> str:
    """The project's spelling of a catalogue's column name; an unknown name comes back in lower case."""
    key = column.strip().lower()
    return _BY_ALIAS.get(key, key)


def parameter(name: str) -> StellarParameter:
    """The description of a label; a bare one for a label outside the vocabulary."""
    return STELLAR.get(name) or StellarParameter(name, name, name, decimals=3)


# --- spectral lines ---

CALCIUM_CORES_NM = (850.036, 854.444, 866.452)  # the Ca II triplet, in vacuum
CALCIUM_HALF_WIDTH_NM = 0.12  # the part that activity fills in and that LTE spectra get wrong


def in_calcium_cores(wavelength_nm: "np.ndarray") -> "np.ndarray":
    """(L,) true in the cores of the Ca II triplet, for wavelengths (L,)."""
    blue, middle, red = (abs(wavelength_nm - nm) <= CALCIUM_HALF_WIDTH_NM for nm in CALCIUM_CORES_NM)
    return blue | middle | red


@dataclass(frozen=True)
class SpectralLine:
    """A line worth a mark in a plot, at `wavelength_nm` in vacuum; `excitation_ev` of its lower level."""

    species: str
    wavelength_nm: float
    excitation_ev: float | None = None  # unknown for the interstellar band

    @property
    def described(self) -> str:
        """Species, wavelength and excitation, in words."""
        level = "" if self.excitation_ev is None else f", from a level at {self.excitation_ev:.2f} eV"
        return f"{self.species} {self.wavelength_nm:.2f} nm{level}"


_LINES: dict[str, tuple[tuple[float, float | None], ...]] = {  # species -> wavelength, excitation
    "Ca II": tuple(zip(CALCIUM_CORES_NM, (1.69, 1.70, 1.69), strict=True)),
    "Fe I": (
        *((847.073, 2.22), (851.641, 2.20), (858.461, 2.99), (861.416, 2.85)),
        *((862.396, 2.95), (867.713, 2.83), (869.101, 2.18)),
    ),
    "Ti I": ((868.537, 1.05),),
    "Si I": ((855.913, 5.87), (865.084, 6.21)),
    "S I": ((869.701, 7.87),),
    "Paschen": ((850.482, 12.09), (854.773, 12.09), (860.075, 12.09), (866.740, 12.09)),
    "DIB": ((862.32, None),),
}
LINES = tuple(SpectralLine(species, nm, ev) for species, lines in _LINES.items() for nm, ev in lines)

# --- limits ---

MAX_STARS = 2_000_000  # of one simulation
MAX_SEED = 2**31 - 1  # numpy's RandomState ends at 2**32 - 1, and seeds of folds, members and trials are sums
