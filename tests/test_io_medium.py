"""Vacuum and air: what says so is heard, air becomes vacuum, and what nobody says is said to be assumed."""

import io

import numpy as np
import pytest
from astropy.io import fits, votable
from astropy.table import Table
from star_files import ERROR, FLUX, FORMATS, STAR, WAVE, star_file

from gandalf_core.errors import SpectraError
from gandalf_core.io import read_bytes
from gandalf_core.io.calcium import line_shifts_nm
from gandalf_core.io.medium import air_to_vacuum
from gandalf_core.io.understanding import reading_notes, understandings
from gandalf_core.simulator import simulate

# in standard air and in vacuum, nm: the Ca II triplet, Na D2 and Hα of the NIST Atomic Spectra Database
PAIRS = ((849.802, 850.036), (854.209, 854.444), (866.214, 866.452), (588.995, 589.158), (656.2797, 656.4610))


def in_air(vacuum_nm: np.ndarray) -> np.ndarray:
    """Wavelengths in air, by Morton (1991, ApJS 77, 119): another formula than the one under test."""
    per_um2 = (1e3 / vacuum_nm) ** 2
    return vacuum_nm / (1 + 6.4328e-5 + 2.94981e-2 / (146 - per_um2) + 2.5540e-4 / (41 - per_um2))


AIR = in_air(WAVE)


def test_lines_of_known_wavelength():
    for air, vacuum in PAIRS:
        assert air_to_vacuum(np.array([air]))[0] == pytest.approx(vacuum, abs=6e-4)  # rounding of the tables


def test_the_conversion_is_that_of_morton_to_one_part_in_ten_million_and_goes_the_right_way():
    grid = np.arange(300.0, 2500.0, 7.0)
    assert np.all(air_to_vacuum(grid) > grid)
    np.testing.assert_allclose(air_to_vacuum(in_air(grid)), grid, atol=3e-5)
    np.testing.assert_allclose(air_to_vacuum(in_air(WAVE)), WAVE, atol=1e-5)
    assert air_to_vacuum(np.array([121.567]))[0] == 121.567  # the ultraviolet is given in vacuum


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", ["wave_air", "lambda_air", "WAVE_AIR", "air_wavelength"])
def test_a_column_called_air_is_converted_and_said(kind, name):
    stars = read_bytes("s", star_file(kind, {name: AIR, "flux": FLUX, "err": ERROR}))
    np.testing.assert_allclose(stars.wavelength_nm, WAVE, atol=1e-5)
    assert f"wavelengths from {name}, in air (by its name): converted to vacuum" in reading_notes(stars)[0]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", ["wave_vac", "lambda_vac", "vacuum_wavelength"])
def test_a_column_called_vacuum_stays(kind, name):
    stars = read_bytes("s", star_file(kind, {name: WAVE, "flux": FLUX}))
    np.testing.assert_allclose(stars.wavelength_nm, WAVE, atol=1e-9)
    assert understandings(stars)[0].medium == "vacuum"


@pytest.mark.parametrize("kind", FORMATS)
def test_what_the_file_does_not_say_is_taken_as_vacuum_and_said(kind):
    stars = read_bytes("s", star_file(kind, {"wave": WAVE, "flux": FLUX}))
    np.testing.assert_allclose(stars.wavelength_nm, WAVE, atol=1e-9)
    assert "taken as vacuum (the file does not say)" in reading_notes(stars)[0]


def test_units_and_air_together():
    stars = read_bytes("s", star_file("ecsv", {"wave_air": AIR * 10, "flux": FLUX}, {"wave_air": "Angstrom"}))
    np.testing.assert_allclose(stars.wavelength_nm, WAVE, atol=1e-5)
    log = np.log10(WAVE * 10)
    np.testing.assert_allclose(
        read_bytes("s", star_file("csv", {"loglam": log, "flux": FLUX})).wavelength_nm, WAVE, atol=1e-5
    )


@pytest.mark.parametrize("unit", ["dex(Angstrom)", "log(nm)", "log10(Angstrom)", "lg(0.1 nm)"])
def test_a_unit_may_say_that_wavelengths_are_logarithms(unit):
    values = np.log10(WAVE * (1 if unit == "log(nm)" else 10))
    table = Table({"wavelength": values, "flux": FLUX}, units={"wavelength": "nm"})
    table.write(out := io.StringIO(), format="ascii.ecsv")
    data = out.getvalue().replace("unit: nm", f"unit: {unit}").encode()
    np.testing.assert_allclose(read_bytes("s.ecsv", data).wavelength_nm, WAVE, rtol=1e-7)


def test_what_is_no_wavelength_is_never_taken_for_one():
    table = Table({"wavelength": WAVE, "flux": FLUX}, units={"wavelength": "nm"})
    table.write(out := io.StringIO(), format="ascii.ecsv")
    for unit in ("mag(nm)", "1/cm", "GHz", "km/s", "eV"):
        data = out.getvalue().replace("unit: nm", f"unit: {unit}").encode()
        with pytest.raises(SpectraError, match="unknown wavelength unit"):
            read_bytes("s.ecsv", data)
    for logarithm in (np.log10(WAVE * 10), np.log10(WAVE), np.log(WAVE * 10)):
        with pytest.raises(SpectraError, match="without a unit look like logarithms: name the column loglam"):
            read_bytes("s", star_file("csv", {"wave": logarithm, "flux": FLUX}))
    for other in (WAVE * 1e-9, FLUX * 1.5):
        with pytest.raises(SpectraError, match="cannot be nanometres: declare their unit"):
            read_bytes("s", star_file("csv", {"wave": other, "flux": FLUX}))


def test_obs_and_rest_are_no_units():
    for name, remarks in (("wave_rest", 0), ("waveobs", 1), ("lambda_obs_nm", 1)):
        stars = read_bytes("s", star_file("csv", {name: WAVE, "flux": FLUX}))
        np.testing.assert_allclose(stars.wavelength_nm, WAVE, atol=1e-9)
        assert sum("rest frame" in note for note in reading_notes(stars)) == remarks


def _fits(keywords: dict | None = None, ucd: str | None = None, comment: str | None = None) -> bytes:
    table = fits.table_to_hdu(Table({"WAVE": AIR, "FLUX": FLUX, "ERR": ERROR}, units={"WAVE": "nm"}))
    for key, value in (keywords or {}).items():
        table.header[key] = value
    if ucd:
        table.header["TUCD1"] = ucd
    if comment:
        table.header["COMMENT"] = comment
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(out := io.BytesIO())
    return out.getvalue()


def _votable(**attributes) -> bytes:
    document = votable.from_table(Table({"wavelength": AIR, "flux": FLUX}, units={"wavelength": "nm"}))
    field = document.get_first_table().fields[0]
    for name, value in attributes.items():
        setattr(field, name, value)
    document.to_xml(out := io.BytesIO())
    return out.getvalue()


def _image(kind: str) -> bytes:
    header = fits.Header(
        {"CTYPE1": kind, "CRVAL1": AIR[0], "CDELT1": AIR[1] - AIR[0], "CRPIX1": 1, "CUNIT1": "nm"}
    )
    fits.PrimaryHDU(FLUX, header).writeto(out := io.BytesIO())
    return out.getvalue()


def _commented(comment: str) -> bytes:
    rows = "".join(f"{w:.6f} {f} {e}\n" for w, f, e in zip(AIR, FLUX, ERROR, strict=True))
    return f"# {comment}\n{rows}".encode()


def _ecsv_with_comment() -> bytes:
    table = Table({"wavelength": AIR, "flux": FLUX})
    table.meta["comments"] = ["from my reduction", "air wavelengths"]
    table.write(out := io.StringIO(), format="ascii.ecsv")
    return out.getvalue().encode()


AIR_FILES = {
    "UCD of FITS": _fits(ucd="em.wl;obs.atmos"),
    "UCD of VOTable": _votable(ucd="em.wl;obs.atmos"),
    "description": _votable(description="Wavelength in air"),
    "CTYPE": _image("AWAV"),
    "TCTYP": _fits({"TCTYP1": "AWAV"}),
    "VACUUM": _fits({"VACUUM": False}),
    "AIRORVAC": _fits({"AIRORVAC": "air"}),
    "AIR": _fits({"AIR": True}),
    "VACUUM in words": _fits({"VACUUM": "no"}),
    "WAVEREF": _fits({"WAVEREF": "AIR"}),
    "COMMENT": _fits(comment="Wavelengths are in air"),
    "comment": _commented("wavelengths in air"),
    "comment 2": _commented("air wavelengths (nm), flux, error"),
    "comment 3": _commented("converted from vacuum to air"),
    "comment 4": _commented("wavelength scale: air"),
    "comment 5": _commented("λ_air flux error"),
    "comment 6": _commented("vactoair applied"),
    "comment 7": _commented("air = yes"),
    "comments of ECSV": _ecsv_with_comment(),
}


@pytest.mark.parametrize("place", AIR_FILES)
def test_everywhere_a_file_may_say_air(place):
    stars = read_bytes("s", AIR_FILES[place])
    tolerance = 1e-3 if place == "CTYPE" else 2e-5  # air is not quite linear where vacuum is
    np.testing.assert_allclose(stars.wavelength_nm, WAVE, atol=tolerance)
    assert understandings(stars)[0].medium == "air" and "converted to vacuum" in reading_notes(stars)[0]


@pytest.mark.parametrize(
    "comment",
    [
        *("vacuum wavelengths", "wavelengths converted from air to vacuum", "wavelength (vac), flux, error"),
        *("in vacuo", "airtovac applied", "Vacuum: yes", "WAVEREF = vacuum"),
        *("in vacuum", "lambda_vac [nm] flux err", "Wavelengths are in the vacuum", "medium: vacuum"),
    ],
)
def test_vacuum_in_a_comment_is_believed(comment):
    stars = read_bytes("s", _commented(comment))
    assert understandings(stars)[0].medium == "vacuum"
    np.testing.assert_allclose(stars.wavelength_nm, AIR, atol=1e-5)


@pytest.mark.parametrize(
    "comment",
    [
        *(
            "airmass 1.2",
            "observed in air mass 1.2",
            "taken in air pressure of 640 hPa",
            "specimen: air",
            "Aircraft noise",
            "wavelengths in vacuum or air? ask me",
        ),
        *("Vacuum Tower Telescope", "cooled by a vacuum pump", "wavelengths are not in vacuum"),
    ],
)
def test_other_words_say_nothing(comment):
    rows = "".join(f"{w:.6f} {f} {e}\n" for w, f, e in zip(WAVE, FLUX, ERROR, strict=True))
    assert understandings(read_bytes("s", f"# {comment}\n{rows}".encode()))[0].medium == "assumed"


# --- what the lines show ---


def test_lines_in_air_places_are_air_although_the_file_says_nothing():
    stars = read_bytes("s", star_file("csv", {"wavelength": AIR, "flux": FLUX, "flux_error": ERROR}))
    np.testing.assert_allclose(stars.wavelength_nm, WAVE, atol=1e-5)
    assert "calcium lines stand 0.236 nm short of their places in vacuum" in reading_notes(stars)[0]


def test_a_file_that_says_vacuum_is_believed_whatever_its_lines_do():
    """A star of −82 km/s looks the same."""
    stars = read_bytes("s", star_file("csv", {"wave_vac": AIR, "flux": FLUX, "flux_error": ERROR}))
    np.testing.assert_allclose(stars.wavelength_nm, AIR, atol=1e-9)


@pytest.mark.parametrize("snr", [(8, 12), (20, 300)])
def test_no_star_of_the_simulator_looks_like_air_and_all_do_when_they_are(snr):
    stars = simulate(300, seed=31, snr=snr)
    rest, air = (
        line_shifts_nm(stars.flux, grid) for grid in (stars.wavelength_nm, in_air(stars.wavelength_nm))
    )
    assert np.nanmax(np.abs(rest)) < 0.1
    assert np.mean(np.abs(air + 0.2354) < 0.03) > 0.95


def test_most_stars_of_a_file_decide():
    """One star of −82 km/s among others at rest does not move a file."""
    stars = simulate(5, seed=2)
    flux = stars.flux.copy()
    flux[0] = np.interp(stars.wavelength_nm, in_air(stars.wavelength_nm), flux[0])
    np.savez(out := io.BytesIO(), flux=flux, wavelength=stars.wavelength_nm, ids=stars.ids)
    read = read_bytes("s.npz", out.getvalue())
    assert understandings(read)[0].medium == "assumed"
    np.testing.assert_allclose(read.wavelength_nm, stars.wavelength_nm, atol=1e-9)


def test_a_name_and_a_unit_that_disagree_are_refused():
    columns = {"wavelength_nm": WAVE, "flux": STAR.flux[0]}
    with pytest.raises(SpectraError, match="wavelength_nm is declared in Angstrom, its name says nm"):
        read_bytes("s", star_file("ecsv", columns, {"wavelength_nm": "Angstrom"}))


def test_the_first_stars_of_a_catalogue_decide_for_all(tmp_path):
    import pandas as pd

    from gandalf_core.io import iter_parquet

    stars = simulate(5, seed=2)
    grid = in_air(stars.wavelength_nm)
    frame = {"source_id": range(5), "wavelength": [grid] * 5, "flux": list(stars.flux)}
    pd.DataFrame(frame).to_parquet(tmp_path / "s.parquet")
    for piece in iter_parquet(tmp_path / "s.parquet", chunk=2):
        np.testing.assert_allclose(piece.wavelength_nm, stars.wavelength_nm, atol=1e-5)
        assert understandings(piece)[0].medium == "air"
