"""The files that were handed to the project with their right answers, where they are at hand."""

from pathlib import Path

import numpy as np
import pytest

from gandalf_core.errors import SpectraError
from gandalf_core.io import read_many, read_stars
from gandalf_core.io.understanding import reading_notes, understandings

SHARED = Path(__file__).parents[2] / "shared"
READERS, REAL = SHARED / "cases" / "readers", SHARED / "cases" / "real"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the project's shared folder is not here")


def test_a_sample_given_twice():
    with pytest.raises(SpectraError, match=r"sample_given_twice\.csv: .*847\.6 nm"):
        read_stars(READERS / "sample_given_twice.csv")
    stars, rejected = read_many([READERS / "sample_given_twice.csv"])
    assert len(stars) == 1 and "847.6 nm" in rejected["2052747119115620353"]


def test_labels_of_readers():
    assert read_stars(READERS / "teff_in_kK.ecsv").label("teff").tolist() == [5000, 6100]
    with pytest.raises(SpectraError, match="columns teff and Teff are both teff"):
        read_stars(READERS / "teff_and_Teff.csv")
    assert len(read_stars(READERS / "long_comments.csv")) == 2


def test_a_declared_null_and_a_cut_stream():
    (read,) = understandings(read_stars(READERS / "tnull_flux.fits"))
    assert read.missing == {"flux without a value": 1}
    with pytest.raises(SpectraError, match="bytes are missing"):
        read_stars(READERS / "vot_stream_cut.vot")


def test_the_sun_in_other_layouts():
    sun = read_stars(SHARED / "data" / "real" / "Sun.txt")
    ivar, air, cosmic = (
        read_stars(REAL / f"sun_{kind}") for kind in ("ivar.csv", "air_nm.txt", "cosmic.txt")
    )
    np.testing.assert_allclose(ivar.flux_error, sun.flux_error, rtol=1e-5)
    np.testing.assert_allclose(air.wavelength_nm, sun.wavelength_nm, atol=5e-4)
    assert understandings(air)[0].medium == "air" and "converted to vacuum" in reading_notes(air)[0]
    assert understandings(cosmic)[0].spikes == 3 and np.flatnonzero(cosmic.mask[0]).tolist() == [
        1449,
        1450,
        1451,
    ]
    with pytest.raises(SpectraError, match="cannot be a normalised spectrum"):
        read_stars(REAL / "sun_flux_times_1000.txt")


def test_masked_cells_of_astropy():
    stars = read_stars(REAL / "Kepler-93_astropy.ecsv")
    assert stars.flux.shape == (1, 2401) and stars.mask.sum() == 7


@pytest.mark.parametrize("name", ["gaia_rvs/Kepler-93", "gaia_rvs/HD176650", "real/Kepler-409"])
def test_archive_files_of_real_stars_lose_no_sample_and_stay_in_vacuum(name):
    stars = read_stars(SHARED / "data" / f"{name}.csv")
    (read,) = understandings(stars)
    assert read.spikes == 0 and read.medium == "assumed" and stars.wavelength_nm[0] == 846.0
    assert stars.mask.sum() == read.missing.get("flux without a value", 0) < 15


@pytest.mark.parametrize("kind", ["cosmic.txt", "ivar.csv", "air_nm.txt"])
def test_the_temperature_of_the_sun_is_that_of_the_clean_file(kind):
    from gandalf_core import load_model

    model = load_model("autoencoder")
    clean, other = (
        model.predict(read_stars(p)) for p in (SHARED / "data/real/Sun.txt", REAL / f"sun_{kind}")
    )
    assert abs(clean.columns()["teff"][0] - other.columns()["teff"][0]) < 20
