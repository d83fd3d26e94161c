"""One synthetic spectrum around the Ca II triplet, in LTE: PySME on mean photospheres of the STAGGER grid.

data/README.md has the physics, its limits and what to cite. Labels are always LABEL_NAMES: teff [K], logg,
mh, alphafe, cn [dex]. Shapes: L samples of RAW_NM, M optical depths. PySME is imported when it computes;
whatever else is here needs NumPy and SciPy alone.
"""

import contextlib
import hashlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import Delaunay

from gandalf_core.errors import ModelError, SpectraError
from gandalf_core.places import data_folder

if TYPE_CHECKING:
    import pandas as pd
    from pysme.abund import Abund
    from pysme.sme import SME_Structure

VERSION = 2  # of this computation: one more whenever a spectrum changes by more than rounding
PYSME = "pysme-astro==1.2.0"
INSTALL = f"pip install '.[synthesis]' && pip install --no-deps {PYSME}"
LINES_FILE = data_folder() / "synthesis" / "lines.csv"
PHOTOSPHERES_FILE = data_folder() / "synthesis" / "photospheres.npz"
INPUTS = LINES_FILE, PHOTOSPHERES_FILE

LABEL_NAMES = ("teff", "logg", "mh", "alphafe", "cn")
LARGEST_CHANGE = {"alphafe": 1.0, "cn": 1.5}  # dex; the photospheres' own composition would mislead beyond
UNITS = np.array([1000.0, 1.0, 1.0])  # of teff, logg and mh, so that distances mean something
RAW_NM = np.arange(8458.0, 8702.001, 0.05) / 10  # (L,) vacuum
AIR = (8451.0, 8712.0)  # Angstrom: what PySME computes, wider than RAW_NM
CONTINUUM_EXCESS = 0.05  # a flux higher than this above 1 is no spectrum

BOLTZMANN = 1.380649e-16  # erg/K
LOG_TAU = (-5.0, 2.0)  # optical depths that PySME is given
WAVELENGTH_ACCURACY = 0.01  # PySME's own default, 0.003, changes a spectrum at R = 11,500 by 0.00024 rms
ALPHA_ELEMENTS = ("O", "Ne", "Mg", "Si", "S", "Ar", "Ca", "Ti")
GIANT_BELOW, BLEND_WIDTH = 3.5, 0.15  # log g at which the two relations of microturbulence are blended
ATMOSPHERE = {
    "source": "stagger",
    "method": "embedded",
    "depth": "RHOX",
    "interp": "RHOX",
    "geom": "PP",
    "lonh": 1.5,
}


# --- photospheres ---


@dataclass(frozen=True)
class Photospheres:
    """The averaged models: where they lie in (teff, logg, mh), and ln of T, density and pressures there."""

    log_tau: np.ndarray  # (M,)
    columns: RBFInterpolator  # scaled place -> (4 M,): ln T [K], ln rho, ln gas and electron pressure [cgs]
    hull: Delaunay

    @classmethod
    def stored(cls) -> "Photospheres":
        """The models of PHOTOSPHERES_FILE. Raises ModelError when it is missing."""
        if not PHOTOSPHERES_FILE.exists():
            raise ModelError(f"{PHOTOSPHERES_FILE} is missing: restore it from the repository")
        with np.load(PHOTOSPHERES_FILE) as stored:
            places, values = stored["labels"] / UNITS, stored["ln"]
            smooth = RBFInterpolator(places, values.reshape(len(places), -1), kernel="cubic", degree=2)
            return cls(stored["log_tau"], smooth, Delaunay(places))

    def at(self, labels: Sequence[float]) -> dict[str, np.ndarray]:
        """PySME's depth columns for labels that begin with teff, logg and mh: each (M,) or a little less."""
        place = np.array([labels[:3]], float) / UNITS
        temperature, density, gas, electrons = np.exp(self.columns(place)[0].reshape(4, -1))
        column_mass = gas / 10 ** labels[1]
        use = (self.log_tau >= LOG_TAU[0]) & (self.log_tau <= LOG_TAU[1])
        use &= np.r_[True, np.diff(column_mass) > 0]
        energy = BOLTZMANN * temperature
        columns = {
            "rhox": column_mass,
            "tau": 10**self.log_tau,
            "temp": temperature,
            "rho": density,
            "xne": electrons / energy,
            "xna": (gas - electrons) / energy,
        }
        return {name: values[use] for name, values in columns.items()}


@cache
def photospheres() -> Photospheres:
    """The stored models, read once."""
    return Photospheres.stored()


def has_photosphere(labels: np.ndarray) -> np.ndarray:
    """(N,) true where (teff, logg, mh) of labels (N, 3 or more) lie in the convex hull of the models."""
    return photospheres().hull.find_simplex(np.atleast_2d(labels)[:, :3] / UNITS) >= 0


def reason_to_refuse(labels: Sequence[float]) -> str:
    """Why no spectrum can be computed for five labels, or an empty string."""
    values = dict(zip(LABEL_NAMES, labels, strict=True))
    if not np.isfinite(labels).all():
        return "a label is not a number"
    for name, largest in LARGEST_CHANGE.items():
        if abs(values[name]) > largest:
            return f"{name} is beyond ±{largest} dex"
    if not has_photosphere(np.array(labels))[0]:
        return "outside the convex hull of the photospheres in (teff, logg, mh)"
    return ""


# --- what goes into a spectrum ---


def microturbulence(teff: float, logg: float) -> float:
    """km/s: a relation of dwarfs and one of giants, blended smoothly around log g = 3.5."""
    t, g = teff - 5500, logg - 4.0
    dwarf = max(0.5, 1.05 + 2.51e-4 * t + 1.5e-7 * t**2 - 0.14 * g - 0.005 * g**2)
    giant = max(0.8, 1.25 + 4.01e-4 * t + 3.1e-7 * t**2 - 0.14 * g - 0.05 * g**2)
    weight = 1 / (1 + np.exp(-(logg - GIANT_BELOW) / BLEND_WIDTH))
    return float(weight * dwarf + (1 - weight) * giant)


def has_cn(teff: float, mh: float) -> bool:
    """Whether lines of CN are strong enough to be computed; leaving them out is a step below 3e-4."""
    return teff < 6300 - 400 * max(0.0, -mh - 0.5)


def abundances(mh: float, alphafe: float, cn: float) -> "Abund":
    """PySME's abundances: solar, the α elements by alphafe, nitrogen by cn, and all metals by mh.

    What is changed is the pattern, to which PySME adds [M/H]. The elements themselves are a trap: read, they
    have [M/H] in them, and what is written gets it a second time (the first grid's error).
    """
    from pysme.abund import Abund

    made = Abund.solar()
    for element in ALPHA_ELEMENTS:
        made.pattern[element] += alphafe
    made.pattern["N"] += cn
    made.monh = mh
    return made


@cache
def species() -> tuple[str, ...]:
    """Every species that has lines here, for example `Fe 1` (neutral iron)."""
    return tuple(sorted(set(_lines(())["species"])))


@cache
def _lines(without: tuple[str, ...]) -> "pd.DataFrame":
    import pandas as pd

    if not LINES_FILE.exists():
        raise ModelError(f"{LINES_FILE} is missing: restore it from the repository")
    lines = pd.read_csv(LINES_FILE)
    return lines[~lines["species"].isin(without)].reset_index(drop=True)


def to_vacuum(air: np.ndarray) -> np.ndarray:
    """Vacuum wavelengths of wavelengths in air [Angstrom]: the formula of VALD, by N. Piskunov."""
    s = 1e4 / air
    index = 1 + 8.336624212083e-5 + 2.408926869968e-2 / (130.1065924522 - s**2)
    return air * (index + 1.599740894897e-4 / (38.92568793293 - s**2))


# --- the spectrum ---


def spectrum(labels: Sequence[float], without: tuple[str, ...] = ()) -> np.ndarray:
    """(L,) flux over the continuum on RAW_NM for five labels, without any instrument's profile.

    without: species whose lines are left out. Raises SpectraError where it cannot be computed, ModelError
    when PySME or an input is missing.
    """
    labels = [float(value) for value in labels]
    if reason := reason_to_refuse(labels):
        raise SpectraError(f"{written(labels)}: {reason}")
    with _quiet():
        wavelength, flux = _synthesised(_structure(*labels, without=without))
    flux = np.interp(RAW_NM, to_vacuum(wavelength) / 10, flux)
    if not (flux >= 0).all() or flux.max() > 1 + CONTINUUM_EXCESS:  # NaN is not ≥ 0 either
        raise SpectraError(f"{written(labels)}: PySME gives no spectrum (flux {flux.min()} to {flux.max()})")
    return flux


def written(labels: Sequence[float]) -> str:
    """Labels in words, for messages."""
    return ", ".join(f"{name} {value:g}" for name, value in zip(LABEL_NAMES, labels, strict=True))


def _structure(
    teff: float, logg: float, mh: float, alphafe: float, cn: float, without: tuple[str, ...] = ()
) -> "SME_Structure":
    """What PySME computes from."""
    from pysme.atmosphere.atmosphere import Atmosphere
    from pysme.linelist.linelist import LineList
    from pysme.sme import SME_Structure

    sme = SME_Structure()
    sme.accwi = WAVELENGTH_ACCURACY
    sme.teff, sme.logg, sme.monh, sme.abund = teff, logg, mh, abundances(mh, alphafe, cn)
    sme.vmic, sme.vmac, sme.vsini = microturbulence(teff, logg), 0, 0
    columns = photospheres().at((teff, logg, mh))
    sme.atmo = Atmosphere(teff=teff, logg=logg, monh=mh, vturb=sme.vmic, **ATMOSPHERE, **columns)
    without = without if has_cn(teff, mh) else (*without, "CN 1")
    sme.linelist, sme.wran = LineList(_lines(without).copy()), [list(AIR)]
    sme.normalize_by_continuum, sme.cscale_flag = True, "none"
    sme.vrad_flag, sme.vrad, sme.ipres = "none", 0, 0
    return sme


def _synthesised(sme: "SME_Structure") -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths in air [Angstrom] and normalised flux, on PySME's own samples."""
    from pysme.synthesize import Synthesizer

    result = Synthesizer().synthesize_spectrum(sme)
    return np.asarray(result.wave[0]), np.asarray(result.synth[0])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence about what PySME prints, logs and warns of. ModelError when it is not installed."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ModuleNotFoundError as error:
        raise ModelError(f"{error.name} is missing: install PySME with {INSTALL}") from error
    finally:
        logging.disable(level)


# --- what made it ---


def versions() -> dict[str, str]:
    """What decides a spectrum: this computation, PySME, and the two inputs by their SHA-256.

    Raises ModelError when PySME is not installed.
    """
    with (
        _quiet()
    ):  # PySME's first import ever makes a folder in the user's home: not in two processes at once
        import pysme.synthesize
    hashes = {}
    for path in INPUTS:
        if not path.exists():
            raise ModelError(f"{path} is missing: restore it from the repository")
        hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"computation": str(VERSION), "pysme-astro": pysme.__version__, **hashes}
