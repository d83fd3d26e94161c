"""The verdict on real stars, read from the project's shared folder; no model takes part in it."""

from pathlib import Path

import numpy as np
import pytest

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.io import read_stars
from gandalf_core.models.reasons import NORMAL
from gandalf_core.models.verdicts import physical_verdicts
from gandalf_core.simulator.grids import LIGHT_KMS

SHARED = Path(__file__).parents[2] / "shared"
REAL = SHARED / "data"
STARS = {
    "Sun": "real/Sun.txt",
    "Kepler-93": "gaia_rvs/Kepler-93.csv",
    "Kepler-409": "real/Kepler-409.csv",
    "HD 176650": "gaia_rvs/HD176650.csv",
}

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the project's shared folder is not here")


def real(name: str) -> SpectraSet:
    return read_stars(REAL / STARS[name])


@pytest.mark.parametrize("name", STARS)
def test_ordinary_real_stars_are_ordinary_at_rest_and_inside(name):
    found = physical_verdicts(real(name))
    assert found.score[0] < 0.95 and found.word[0] == NORMAL and not found.outside[0], found.reason[0]
    assert abs(found.velocity_kms[0]) < 2 and found.velocity_error[0] < 1 and not found.preparation[0]


def test_every_model_gives_a_real_star_the_same_score():
    from gandalf_core import load_model

    names = ("autoencoder", "physical-removed", "chemical-removed", "generator", "paper-physical-removed")
    for star in (real("Sun"), real("HD 176650")):
        scores = [float(load_model(name).predict(star).outlier_score[0]) for name in names]
        assert max(scores) - min(scores) < 0.1 and max(scores) < 0.95


@pytest.mark.parametrize(("name", "velocity"), [("Sun", -82.4), ("Kepler-93", 15.0), ("HD 176650", -40.0)])
def test_a_real_star_that_moves_is_noticed(name, velocity):
    star = real(name)
    usable = ~star.mask[0]
    moved = star.wavelength_nm / (1 + velocity / LIGHT_KMS)
    flux = np.interp(moved, star.wavelength_nm[usable], star.flux[0][usable])[None]
    error = np.where(star.mask, np.nanmedian(star.flux_error), star.flux_error)
    shifted = SpectraSet(flux, star.wavelength_nm, star.ids, np.empty((1, 0)), (), error)
    before, after = physical_verdicts(star), physical_verdicts(shifted)
    assert after.velocity_kms[0] - before.velocity_kms[0] == pytest.approx(velocity, abs=1.5)
    assert after.outside[0] and "--shift auto" in after.reason[0]
    assert ("in air" in after.reason[0]) == (name == "Sun")


def test_a_real_star_with_a_tilted_continuum_is_noticed_but_keeps_its_score():
    star = real("Kepler-93")
    x = (star.wavelength_nm - 858) / 12
    known, unknown = (
        physical_verdicts(SpectraSet(**(vars(star) | {"flux": star.flux * (1 + slope * x)})))
        for slope in (0.03, 0.1)
    )
    assert not known.outside[0] and not known.preparation[0]
    assert unknown.outside[0] and unknown.reason[0].startswith("not normalised: its continuum rises by")
    assert unknown.score[0] == pytest.approx(known.score[0], abs=0.1)
