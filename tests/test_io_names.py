"""What a column holds, by its name: names that people use, and the look-alikes that are something else."""

import re
from pathlib import Path

import pytest
from star_files import ERROR, FLUX, FORMATS, WAVE, star_file

from gandalf_core.errors import SpectraError
from gandalf_core.io import names, read_bytes
from gandalf_core.io.names import GOOD, INVERSE_VARIANCES, LOG10, VARIANCES, label_column, meaning_of, role_of
from gandalf_core.io.understanding import understandings
from gandalf_core.parameters import LABELS, STELLAR

DOCS = Path(__file__).parent.parent / "docs" / "files.md"

ROLES = {
    "wavelength": (
        *(
            "wavelength",
            "WAVELENGTH",
            "wave",
            "WAVE",
            "lambda",
            "Wavelengths",
            "wl",
            "waveobs",
            "spectral_axis",
        ),
        *(
            "wave [nm]",
            "wavelength (Angstrom)",
            "lambda_vac",
            "wave_air",
            "wave_air_aa",
            "wavelength_angstrom",
        ),
        *("vacwave", "lambda_rest", "λ [Å]", "loglam", "WAVE_VAC_NM", "wavelength (air)"),
    ),
    "flux": ("flux", "FLUX", "normalised_flux", "flux_norm", "Flux [norm]", "norm_flux", "normalizedFlux"),
    "flux_error": (
        *("flux_error", "err", "ERR", "e_flux", "eflux", "ERR_FLUX", "STATERROR", "sigma", "unc", "flux_unc"),
        *(
            "uncertainty",
            "std",
            "flux error",
            "Flux_Err",
            "error",
            "sigma_flux",
            "fluxerr",
            "dflux",
            "u_flux",
        ),
        *(
            "variance",
            "var",
            "flux_var",
            "VAR_FLUX",
            "ivar",
            "IVAR",
            "flux_ivar",
            "invvar",
            "inverse_variance",
        ),
    ),
    "mask": (
        "mask",
        "MASK",
        "flux.mask",
        "flux_mask",
        "flags",
        "flag",
        "bad",
        "good",
        "good_pixel",
        "is_good",
    ),
    "source_id": (
        *("source_id", "SOURCE_ID", "Source", "gaia_source_id", "GaiaDR3", "GaiaEDR3", "dr3_source_id"),
        *("DR3 name", "APOGEE_ID", "sobject_id", "star_id", "obsid", "SPECOBJID", "sdss_id", "plate", "MJD"),
        *("fiberid", "raveid", "rave_obs_id", "id", "star", "object", "name"),
    ),
    "teff": ("teff", "Teff", "TEFF", "Teff [K]", "T_eff", "teff_gspspec", "label_teff"),
    "logg": ("logg", "log g", "LOGG", "log(g)", "logg [dex]", "log_g"),
    "mh": ("mh", "[Fe/H]", "FE_H", "[M/H] [dex]", "m_h", "feh"),
    "alphafe": ("alphafe", "[alpha/Fe]", "alpha_fe", "ALPHA_M", "[a/Fe]", "[alpha/Fe] [dex]"),
    "vsini": ("label_vsini",),
    "teff_error": ("teff_error", "e_Teff", "Teff_err", "teff_gspspec_error", "sigma_teff"),
    "mh_error": ("e_[Fe/H]", "fe_h_err", "mh_unc", "[M/H]_error"),
}
NO_ROLE = (
    *("snr", "S/N", "continuum", "model", "sky", "weight", "ra", "dec", "solution_id", "combined_transits"),
    *("vsini_error", "e_Vmag", "wave_error", "wavelength_mask", "quality", "noise", "index", "x", "flag_sp"),
    *("flux_ratio", "error_message", "fluxes_sky", "standard", "uncle", "maskara", "waves_lost", "goodness"),
)


@pytest.mark.parametrize("role", ROLES)
def test_names_that_people_use(role):
    assert {name: role_of(name) for name in ROLES[role]} == dict.fromkeys(ROLES[role], role)


@pytest.mark.parametrize("name", NO_ROLE)
def test_look_alikes_are_no_part_of_a_spectrum(name):
    assert meaning_of(name) is None


def test_names_say_units_medium_and_kind():
    found = {
        name: meaning_of(name)
        for name in ("wave_air_aa", "lambda_vac [nm]", "waveobs", "loglam", "Teff [kK]")
    }
    assert (found["wave_air_aa"].medium, found["wave_air_aa"].unit) == ("air", "Angstrom")
    assert (found["lambda_vac [nm]"].medium, found["lambda_vac [nm]"].unit) == ("vacuum", "nm")
    assert found["waveobs"].observed and not found["waveobs"].unit
    both = meaning_of("Wavelength (Angstrom, air)")
    assert (both.medium, both.unit) == ("air", "Angstrom") and meaning_of("wave [nm vac]").medium == "vacuum"
    assert found["loglam"].kind == LOG10 and found["Teff [kK]"].unit == "kK"
    kinds = {name: meaning_of(name).kind for name in ("VAR_FLUX", "ivar", "err", "good", "mask")}
    assert kinds == {"VAR_FLUX": VARIANCES, "ivar": INVERSE_VARIANCES, "err": "", "good": GOOD, "mask": ""}


def test_a_ucd_counts_where_the_name_says_nothing():
    assert (
        role_of("x", "em.wl;obs.atmos") == "wavelength" and role_of("y", "phot.flux.density;em.opt") == "flux"
    )
    assert role_of("dy", "stat.error;phot.flux.density") == "flux_error"
    assert role_of("snr", "stat.snr") is None and role_of("teff", "phot.flux") == "teff"


def test_written_labels_are_recognised():
    for name in (*LABELS, "vsini", "colour index"):
        assert role_of(label_column(name)) == name


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("pair", [("wave", "lambda"), ("err", "ERR_"), ("flux", "Flux ")])
def test_two_columns_of_one_role_are_refused_and_both_named(kind, pair):
    """Nothing decides between them, and they differ."""
    if kind == "commented" and " " in pair[1]:
        pair = (pair[0], "FLUX")
    columns = {"wave": WAVE, "flux": FLUX, "err": ERROR}
    twin = {"wave": WAVE + 0.1, "err": 2 * ERROR, "flux": 0.9 * FLUX}[pair[0]]
    with pytest.raises(SpectraError) as caught:
        read_bytes("s", star_file(kind, columns | {pair[1]: twin}))
    assert all(name.strip() in str(caught.value) for name in pair) and "keep one of them" in str(caught.value)


def test_of_several_columns_the_clearer_one_is_taken_and_the_others_are_named():
    columns = {
        "wavelength": WAVE,
        "flux": 4000 * FLUX,
        "normalised_flux": FLUX,
        "flux_error": 4000 * ERROR,
        "normalised_flux_error": ERROR,
        "FE_H": FLUX * 0 - 0.5,
        "mh": FLUX * 0 - 0.7,
    }
    stars = read_bytes("s.csv", star_file("csv", columns))
    (read,) = understandings(stars)
    assert stars.label("mh")[0] == pytest.approx(-0.7) and stars.flux[0] == pytest.approx(FLUX)
    assert stars.flux_error[0] == pytest.approx(ERROR)
    assert (read.flux_from, read.errors_from) == ("normalised_flux", "normalised_flux_error")
    assert set(read.ignored) == {"flux", "flux_error", "FE_H"}


def test_the_error_of_another_flux_is_not_taken():
    columns = {"wavelength": WAVE, "flux": 4000 * FLUX, "flux_norm": FLUX, "flux_error": 4000 * ERROR}
    stars = read_bytes("s.csv", star_file("csv", columns))
    (read,) = understandings(stars)
    assert stars.flux_error is None and "flux_error" in read.ignored
    assert any("flux_error is the error of another flux" in remark for remark in read.remarks)


@pytest.mark.parametrize("named", ["{:.2f}", "flux_{:.0f}", "p{:.0f}"])
def test_a_column_for_each_pixel_is_called_what_it_is(named):
    columns = {named.format(nm): [1.0, 0.9] for nm in WAVE[::40] * (1 if "." in named else 100)}
    for kind in ("csv", "parquet"):
        with pytest.raises(
            SpectraError, match=r"s: a column for each of 20 pixels \(\S+, \S+ …\): save an npz"
        ):
            read_bytes("s", star_file(kind, {"source_id": [1, 2], **columns}))


def test_twins_that_say_the_same_are_no_contradiction():
    stars = read_bytes("s.csv", star_file("csv", {"wave": WAVE, "lambda": WAVE, "flux": FLUX}))
    assert understandings(stars)[0].wavelength_from == "wave" and understandings(stars)[0].ignored == (
        "lambda",
    )


# --- the document says what the code does ---


def documented(heading: str) -> list[str]:
    """The names in back quotes in the first column of the table under a heading of docs/files.md."""
    section = DOCS.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("|")]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row[1])]


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Wavelengths", (*names.WAVELENGTH_WORDS, *names.AIR_WORDS, *names.VACUUM_WORDS, *names.FRAME_WORDS)),
        ("Wavelengths", tuple(names.UNIT_WORDS)),
        ("Fluxes", names.NORMALISED_WORDS),
        ("Errors", (*names.ERROR_WORDS, *names.VARIANCE_WORDS, *names.INVERSE_WORDS)),
        ("Masks", (*names.BAD_WORDS, *names.GOOD_WORDS)),
        ("Ids", (*names.STRONG_IDS, *names.WEAK_IDS, *names.PLATE_ID)),
        ("Labels", tuple(alias for name in LABELS for alias in (name, *STELLAR[name].aliases))),
    ],
)
def test_the_document_lists_the_names_that_the_code_knows(heading, words):
    assert set(words) <= set(documented(heading))


def test_every_name_in_the_document_is_known_to_the_code():
    known = (
        *names.WAVELENGTH_WORDS,
        *names.AIR_WORDS,
        *names.VACUUM_WORDS,
        *names.FRAME_WORDS,
        *names.UNIT_WORDS,
    )
    assert set(documented("Wavelengths")) <= {*known, "loglam"}
    for heading, role in (("Errors", "flux_error"), ("Masks", "mask"), ("Ids", "source_id")):
        assert {name: role_of(name) for name in documented(heading)} == dict.fromkeys(
            documented(heading), role
        )
    assert {role_of(name) for name in documented("Labels")} == set(LABELS)
