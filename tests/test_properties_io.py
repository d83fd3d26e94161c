"""Properties of resampling, readers and writers that hold for every input, tried on generated ones."""

import json
import math
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gandalf_core.data.latents import LatentSet
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.io import (
    read_bytes,
    read_latents,
    read_stars,
    rebin,
    resample,
    write_latents,
    write_stars,
)
from gandalf_core.io.ids import as_integers, as_strings
from gandalf_core.io.plain import to_json

BINARY = (".npz", ".parquet", ".fits", ".vot")
LABELS = ("teff", "logg", "mh", "alphafe", "vsini", "colour index")


def properties(examples: int = 40):
    """The settings of every test here: the same examples in every run, and no limit of time for one."""
    return settings(derandomize=True, deadline=None, max_examples=examples)


# --- generated spectra ---


@st.composite
def grids(draw, low=4, high=60):
    """(L,) wavelengths in steps of 0.01 nm, or of one to three times that."""
    steps = draw(st.lists(st.integers(1, draw(st.sampled_from([1, 3]))), min_size=low, max_size=high))
    return 850 + 0.01 * np.cumsum(steps) + draw(st.sampled_from([0.0, 0.0037]))


@st.composite
def spectra(draw, grid, stars=3, mask=True):
    """A set of `stars` on a grid, with errors and perhaps a mask, from one random seed."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (stars, len(grid))
    masked = rng.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.5])) * mask
    flux, error = rng.normal(1, 0.3, shape), rng.uniform(0.01, 0.1, shape)
    return SpectraSet(flux, grid, [f"s{k}" for k in range(stars)], np.empty((stars, 0)), (), error, masked)


@st.composite
def evenly_spaced(draw):
    """A target grid of even steps, finer or coarser than the source, within or beyond its ends."""
    step, start = draw(st.floats(0.004, 0.08)), draw(st.floats(849.9, 850.2))
    return start + step * np.arange(draw(st.integers(2, 40)))


def edges_of(centres):
    """(L + 1,) edges of the pixels of an evenly spaced grid."""
    step = centres[1] - centres[0]
    return np.append(centres - step / 2, centres[-1] + step / 2)


# --- resampling ---


@properties()
@given(st.data())
def test_every_pixel_wider_than_the_samples_conserves_flux(data):
    """Mean × width is the integral of the samples between the pixel's edges, computed another way here."""
    source = 850 + 0.01 * np.arange(data.draw(st.integers(40, 80)))
    step = data.draw(st.floats(0.0101, 0.09))
    start = data.draw(st.floats(source[0], source[0] + 0.1)) + step / 2
    target = np.arange(start, source[-1] - step / 2, step)
    if len(target) < 2:
        return
    stars = data.draw(spectra(source, mask=False))
    integral = np.zeros((len(stars), len(source) + 1))
    integral[:, 1:] = np.cumsum(stars.flux * 0.01, axis=1, dtype=float)
    at_edges = np.array([np.interp(edges_of(target), edges_of(source), row) for row in integral])
    np.testing.assert_allclose(rebin(stars, target).flux * step, np.diff(at_edges), rtol=1e-4, atol=1e-6)


@properties()
@given(st.data(), st.floats(-1e3, 1e3, width=32))
def test_a_constant_stays_that_constant(data, level):
    stars = data.draw(grids().flatmap(spectra))
    flat = SpectraSet(
        np.full(stars.flux.shape, level),
        stars.wavelength_nm,
        stars.ids,
        stars.labels,
        (),
        stars.flux_error,
        stars.mask,
    )
    try:
        binned = rebin(flat, data.draw(evenly_spaced()))
    except SpectraError as error:
        assert "too coarse" in str(error)
        return
    np.testing.assert_allclose(binned.flux[~binned.mask], level, rtol=1e-5, atol=1e-6)
    assert np.isnan(binned.flux[binned.mask]).all()


@properties()
@given(st.data())
def test_the_same_grid_changes_nothing(data):
    stars = data.draw(grids().flatmap(lambda grid: spectra(grid, mask=False)))
    for binned in (rebin(stars, stars.wavelength_nm.copy()), resample(stars, stars.wavelength_nm.copy())):
        assert np.array_equal(binned.flux, stars.flux)
        assert np.array_equal(binned.flux_error, stars.flux_error)
        assert np.array_equal(binned.mask, stars.mask)


@properties()
@given(st.data())
def test_masked_samples_have_no_influence_and_are_never_bridged(data):
    stars = data.draw(spectra(850 + 0.01 * np.arange(60)))
    lost = slice(*sorted(data.draw(st.tuples(st.integers(0, 60), st.integers(0, 60)))))
    stars.mask[:, lost] = True
    target = data.draw(evenly_spaced())
    binned = rebin(stars, target)
    edges = edges_of(target)
    empty = (edges[:-1] >= 850 + 0.01 * (lost.start - 0.5)) & (edges[1:] <= 850 + 0.01 * (lost.stop - 0.5))
    outside = (edges[1:] <= 849.995) | (edges[:-1] >= 850.595)
    assert binned.mask[:, empty | outside].all()
    stars.flux[stars.mask], stars.flux_error[stars.mask] = np.float32(1e9), np.nan
    again = rebin(stars, target)
    assert np.array_equal(again.mask, binned.mask)
    assert np.array_equal(again.flux, binned.flux, equal_nan=True)
    assert np.array_equal(again.flux_error, binned.flux_error, equal_nan=True)


@properties()
@given(st.data(), st.integers(5, 40), st.integers(12, 20))
def test_the_sides_of_a_gap_in_the_grid_never_mix(data, first, length):
    """Samples of 1 before the gap and of 100 after it: a pixel, which is narrower, has one or the other."""
    wavelength = 850 + 0.01 * np.delete(np.arange(80), slice(first, first + length))
    flux = np.where(wavelength < 850 + 0.01 * first, 1.0, 100.0)[None]
    target = data.draw(evenly_spaced())
    binned = rebin(SpectraSet(flux, wavelength, ["a"], np.empty((1, 0)), ()), target)
    edges = edges_of(target)
    gap = (edges[:-1] > 850.0051 + 0.01 * (first - 1)) & (edges[1:] < 849.9949 + 0.01 * (first + length))
    assert binned.mask[0, gap].all()
    values = binned.flux[~binned.mask]
    assert (np.isclose(values, 1) | np.isclose(values, 100)).all()


@properties()
@given(st.data(), st.floats(-2, 2), st.floats(0.3, 0.9))
def test_a_straight_line_stays_one_between_the_samples(data, slope, share):
    source = 850 + 0.01 * np.arange(data.draw(st.integers(4, 60)))
    flux = 1 + slope * (source - 850)
    stars = SpectraSet(flux[None], source, ["a"], np.empty((1, 0)), ())
    target = np.arange(source[0], source[-1], 0.01 * share)
    np.testing.assert_allclose(rebin(stars, target).flux[0], 1 + slope * (target - 850), atol=1e-5)


@properties()
@given(st.data(), st.integers(2, 6))
def test_errors_propagate_to_the_mean_of_the_usable_samples(data, together):
    pixels = data.draw(st.integers(2, 20))
    source = 850 + 0.01 * np.arange(pixels * together)
    stars = data.draw(spectra(source))
    binned = rebin(stars, source.reshape(pixels, together).mean(1))
    usable = (~stars.mask).reshape(len(stars), pixels, together)
    count = usable.sum(2)
    variance = np.where(usable, np.square(stars.flux_error.astype(float)).reshape(usable.shape), 0).sum(2)
    assert np.array_equal(binned.mask, count < together / 2)
    expected = np.sqrt(variance[~binned.mask]) / count[~binned.mask]
    np.testing.assert_allclose(binned.flux_error[~binned.mask], expected, rtol=1e-4)


# --- files ---

numbers = st.integers(0, 2**63 - 1).map(str)
lossy = re.compile(r"[+-]?\d+(\.\d*|(\.\d*)?[eE][+-]?\d+)")  # an id that looks like a float is refused
names = (
    st.text(st.characters(codec="ascii", categories=("Lu", "Ll", "Nd"), include_characters=" -_+.:,;#'\""))
    .map(str.strip)
    .filter(lambda text: text and not lossy.fullmatch(text))
)
# nines, as in -9999, stand for a missing value
cells = st.one_of(st.floats(-1e6, 1e6).filter(lambda v: set(f"{abs(v):g}") - {"9", "."}), st.just(math.nan))


@st.composite
def labelled_stars(draw):
    """Stars as people save them: any id, known or unknown errors, missing labels, masked pixels."""
    ids = draw(st.lists(draw(st.sampled_from([numbers, names])), min_size=1, max_size=4, unique=True))
    stars = draw(grids(low=3, high=12).flatmap(lambda grid: spectra(grid, stars=len(ids))))
    stars.mask[0, 0] = False  # a file without any usable flux is refused
    columns = draw(st.lists(st.sampled_from(LABELS), max_size=3, unique=True))
    rows = st.lists(cells, min_size=len(columns), max_size=len(columns))
    labels = np.array([draw(rows) for _ in ids], float).reshape(len(ids), len(columns))
    error = stars.flux_error if draw(st.booleans()) else None
    return SpectraSet(
        stars.flux, stars.wavelength_nm, ids, labels, tuple(columns), error, stars.mask, {"seed": 1}
    )


def assert_same(read: SpectraSet, written: SpectraSet, exact: bool) -> None:
    """Everything survived: bit by bit in a binary file, labels to the last digit but one in text."""
    assert read.ids.tolist() == written.ids.tolist()
    np.testing.assert_allclose(read.wavelength_nm, written.wavelength_nm, rtol=1e-12)
    assert np.array_equal(read.mask, written.mask)
    assert np.array_equal(read.flux[~read.mask], written.flux[~written.mask])
    assert (read.flux_error is None) == (written.flux_error is None)
    if written.flux_error is not None:
        assert np.array_equal(read.flux_error[~read.mask], written.flux_error[~written.mask])
    assert set(read.label_names) == set(written.label_names)
    np.testing.assert_allclose(
        read.labels_for(written.label_names), written.labels, rtol=0 if exact else 1e-15
    )


@pytest.mark.filterwarnings("ignore:.*W03")  # VOTable: a blank in a label's name
@pytest.mark.parametrize("suffix", [*BINARY, ".csv", ".ecsv"])
@properties(20)
@given(stars=labelled_stars())
def test_stars_survive_every_file(suffix, stars):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"stars{suffix}"
        write_stars(path, stars)
        read = read_stars(path)
    assert_same(read, stars, exact=suffix in BINARY)
    assert suffix == ".csv" or read.provenance["seed"] == 1


@properties()
@given(stars=labelled_stars())
def test_one_star_survives_a_text_file(stars):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "star.txt"
        write_stars(path, stars[:1])
        assert_same(read_stars(path), stars[:1], exact=False)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
@properties(20)
@given(stars=labelled_stars(), seed=st.integers(0, 99))
def test_latents_survive_bit_by_bit(suffix, stars, seed):
    z = np.random.default_rng(seed).normal(size=(len(stars), 1 + seed % 5))
    latents = LatentSet(z, stars.ids, stars.labels, stars.label_names, "toy@1a2b")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"z{suffix}"
        write_latents(path, latents)
        read = read_latents(path)
    assert np.array_equal(read.z, latents.z) and read.ids.tolist() == latents.ids.tolist()
    assert np.array_equal(read.labels, latents.labels, equal_nan=True)
    assert (read.label_names, read.model_id) == (latents.label_names, latents.model_id)


@properties()
@given(
    start=st.sampled_from(
        [b"", b"PAR1", b"PK\x03\x04", b"SIMPLE  =", b"\x1f\x8b", b"# %ECSV 1.0\n", b"<VOTABLE>"]
    ),
    rest=st.binary(max_size=200),
)
def test_no_bytes_raise_anything_but_one_line_that_names_the_file(start, rest):
    with pytest.raises(SpectraError) as caught:
        read_bytes("upload.bin", start + rest)
    assert str(caught.value).startswith("upload.bin") and "\n" not in str(caught.value)


@properties()
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_integer_ids_keep_all_their_digits(ids):
    texts = as_strings(np.array(ids, np.int64))
    assert texts.tolist() == [str(i) for i in ids]
    assert as_integers(texts).tolist() == ids
    if max(map(abs, ids)) >= 2**53:
        with pytest.raises(SpectraError, match="last digits are lost"):
            as_strings(np.array(ids, float))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "Teff → K"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=12,
)


@properties()
@given(json_values, st.lists(st.floats(), max_size=4))
def test_every_result_is_strict_json(value, floats):
    def fail(token):
        raise AssertionError(f"{token} is not JSON")

    text = to_json({"value": value, "array": np.array(floats)})
    back = json.loads(text, parse_constant=fail)
    assert back["array"] == [x if math.isfinite(x) else None for x in floats]
