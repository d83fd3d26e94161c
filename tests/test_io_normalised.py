"""A flux that is no continuum-normalised spectrum is refused everywhere, in the same words."""

from dataclasses import replace

import numpy as np
import pytest
from star_files import ERROR, FLUX, FORMATS, WAVE, star_file

from gandalf_core.errors import SpectraError
from gandalf_core.io import iter_parquet, read_bytes, read_many, read_stars, write_stars
from gandalf_core.io.normalised import CURE, Continuum, poorly_normalised, unnormalised
from gandalf_core.io.understanding import rejected_of
from gandalf_core.simulator import simulate
from gandalf_core.sources import gather

SCALES = {
    "counts": 20_000.0,
    "per cent": 100.0,
    "times 1000": 1000.0,
    "FLAM": 1e-13,
    "double": 2.0,
    "zero": 0.0,
}
WORDS = "it cannot be a normalised spectrum, whose continuum is near 1: divide the flux by its continuum"


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_refuses_it(kind, scale):
    factor = SCALES[scale]
    columns = {"wavelength": WAVE, "flux": FLUX * factor, "flux_error": ERROR * (factor or 1)}
    if scale == "zero":
        columns["flux"] = columns["flux"] + 1e-30  # exactly 0 would be no flux at all
    with pytest.raises(SpectraError, match=WORDS):
        read_bytes("s", star_file(kind, columns))


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".csv", ".fits"])
def test_one_such_star_costs_itself_alone(tmp_path, suffix):
    stars = simulate(5, seed=3)
    flux = stars.flux.copy()
    flux[2] *= 1000
    path = tmp_path / f"s{suffix}"
    write_stars(path, replace(stars, flux=flux))
    good, rejected = read_many([path])
    assert good.ids.tolist() == ["sim3-0", "sim3-1", "sim3-3", "sim3-4"]
    assert list(rejected) == ["sim3-2"] and WORDS in rejected["sim3-2"]
    gathered, intake = gather(str(path))
    assert len(gathered) == 4 and intake.rejected == rejected
    with pytest.raises(SpectraError, match="star sim3-2: its median flux"):
        read_stars(path)
    if suffix == ".parquet":
        (piece,) = iter_parquet(path)
        assert len(piece) == 4 and list(rejected_of(piece)) == ["sim3-2"]


def test_a_piece_without_a_usable_star_is_empty(tmp_path):
    stars = simulate(4, seed=3)
    flux = stars.flux.copy()
    flux[:2] *= 100
    write_stars(tmp_path / "s.parquet", replace(stars, flux=flux))
    first, second = iter_parquet(tmp_path / "s.parquet", chunk=2)
    assert len(first) == 0 and list(rejected_of(first)) == ["sim3-0", "sim3-1"] and len(second) == 2


def test_no_star_of_the_simulator_is_refused():
    for snr in (None, (3, 6)):
        stars = simulate(2000, seed=12, snr=snr)
        assert unnormalised(stars.flux, stars.mask) == ({}, 0)


def test_a_masked_part_does_not_count():
    stars = simulate(1, seed=12)
    stars.flux[0, :500], stars.mask[0, :500] = 5000, True
    assert unnormalised(stars.flux, stars.mask)[0] == {}


def test_a_spectrum_without_a_line_is_read_and_said():
    from gandalf_core.io.understanding import reading_notes

    stars = read_bytes("s", star_file("csv", {"wavelength": WAVE, "flux": np.ones(800)}))
    assert any("the same everywhere, without a line: 1" in note for note in reading_notes(stars))


def test_a_continuum_that_models_do_not_know_is_named_with_the_same_cure():
    known = {"known_level": 0.03, "known_tilt": 0.1}
    for level, tilt, said in (
        (1.02, 0.09, ""),
        (1.02, -0.2, "not normalised: its continuum falls by 20% from edge to edge, models know up to 10%"),
        (1.0, 0.11, "not normalised: its continuum rises by 11% from edge to edge, models know up to 10%"),
        (0.9, 0.05, "not normalised: its continuum lies at 0.90, not at 1"),
    ):
        text = poorly_normalised(Continuum(level, tilt), **known)
        assert text == (f"{said}: {CURE}" if said else "") and (not said or CURE in WORDS)
