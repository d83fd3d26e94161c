"""What was read is said: in provenance, through joining and resampling, once for all files alike."""

import json
from dataclasses import replace

import numpy as np
import pytest
from star_files import ERROR, FLUX, FORMATS, WAVE, star_file

from gandalf_core.data.spectra import concatenate
from gandalf_core.io import join_sets, read_bytes, read_many, read_stars, resample, write_stars
from gandalf_core.io.understanding import Understanding, notes_of, reading_notes, understandings
from gandalf_core.simulator import simulate

COLUMNS = {
    "wave": WAVE,
    "flux": FLUX,
    "ivar": 1 / ERROR**2,
    "snr": FLUX / ERROR,
    "mask": np.zeros(len(WAVE), bool),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_says_the_same(kind):
    (read,) = understandings(read_bytes("folder/s.file", star_file(kind, COLUMNS)))
    assert (read.file, read.stars, read.pixels, read.medium) == ("s.file", 1, 800, "assumed")
    assert (read.wavelength_from, read.flux_from, read.errors_from) == ("wave", "flux", "ivar")
    assert read.errors_were == "inverse variances" and read.mask_from == ("mask",)
    assert read.ignored == ("snr",) and read.made_up == ("s",) and not read.ids_from


def test_it_survives_json_slicing_resampling_and_joining():
    a, b = (read_bytes(name, star_file("csv", COLUMNS)) for name in ("a.csv", "b.csv"))
    (read,) = understandings(a)
    assert Understanding.from_json(json.loads(json.dumps(read.to_json()))) == read
    assert Understanding.from_json({"file": "x", "of a later version": 1}) == Understanding("x")
    coarse = resample(a[:1], WAVE[:798].reshape(-1, 2).mean(1))
    assert understandings(coarse) == [read]
    for joined in (concatenate([a, b]), join_sets([a, b]), concatenate([join_sets([a, b]), simulate(1)])):
        assert understandings(joined) == [read, *understandings(b)]


def test_files_alike_are_said_once_with_their_stars_in_all():
    sets = [read_bytes(f"{k}.csv", star_file("csv", COLUMNS)) for k in "abc"]
    notes = reading_notes(concatenate(sets))
    assert notes == [
        "a.csv and 2 more files: 3 stars of 800 pixels; wavelengths from wave, taken as vacuum "
        "(the file does not say); errors from ivar (inverse variances, converted); mask from mask",
        "a.csv and 2 more files: no column of ids: the stars are called a … c",
        "a.csv and 2 more files: columns not used: snr",
    ]
    other = read_bytes("d.csv", star_file("csv", COLUMNS | {"err": ERROR}))
    assert (
        len([n for n in reading_notes(concatenate([*sets, other])) if "stars of" in n or "star of" in n]) == 2
    )


def test_counts_of_several_files_are_added():
    parts = [
        Understanding("a", 2, 9, missing={"teff = -9999": 1}, spikes=1),
        Understanding("b", 3, 9, missing={"teff = -9999": 2, "mh = 99.99": 1}, padding=4),
    ]
    notes = notes_of(parts)
    assert notes[0].startswith("a and 1 more file: 5 stars of 9 pixels")
    assert "a and 1 more file: teff = -9999 3 times: taken as missing" in notes
    assert "a and 1 more file: mh = 99.99 once: taken as missing" in notes
    assert notes_of(parts[::-1])[0].startswith("b and 1 more file: 5 stars")


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".ecsv", ".fits", ".vot"])
def test_a_file_of_ours_is_understood_anew(tmp_path, suffix):
    """What was said of an earlier file does not stand beside what is said of this one."""
    stars = read_bytes("old.csv", star_file("csv", COLUMNS))
    write_stars(tmp_path / f"new{suffix}", concatenate([stars, replace(stars, ids=["b"])]))
    (read,) = understandings(read_stars(tmp_path / f"new{suffix}"))
    assert (read.file, read.stars, read.errors_from) == (f"new{suffix}", 2, "flux_error") and read.ids_from


def test_labels_and_keywords_say_where_they_come_from():
    rows = "".join(f"{w} {f}\n" for w, f in zip(WAVE, FLUX, strict=True))
    (read,) = understandings(read_bytes("s.txt", f"# source_id: HD 7\n# Teff = 5700\n{rows}".encode()))
    assert read.ids_from == ("the keyword source_id",) and read.labels_from == {"teff": "the keyword Teff"}


def test_stars_that_come_from_no_file_say_nothing():
    assert reading_notes(simulate(2)) == []


def test_stars_of_several_files_that_cannot_be_used_are_in_rejected_and_in_the_notes():
    good, bad = star_file("csv", COLUMNS), star_file("csv", COLUMNS | {"flux": 100 * FLUX})
    stars, rejected = read_many([("a.csv", good), ("b.csv", bad)])
    assert stars.ids.tolist() == ["a"] and list(rejected) == ["b.csv"]


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".ecsv", ".fits", ".vot"])
def test_a_file_of_the_others_does_not_carry_the_stars_that_were_left_out(tmp_path, suffix):
    data = [star_file("csv", COLUMNS), star_file("csv", COLUMNS)]
    a, b = (read_bytes(f"{name}.csv", content) for name, content in zip("ab", data, strict=True))
    a.provenance["read"]["rejected"] = {f"star {k}": "no flux" for k in range(1000)}
    path = tmp_path / f"s{suffix}"
    write_stars(path, concatenate([a, b]))
    assert b"star 999" not in path.read_bytes() and read_stars(path).ids.tolist() == ["a", "b"]
    assert len(a.provenance["read"]["rejected"]) == 1000
