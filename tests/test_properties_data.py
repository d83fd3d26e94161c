"""Properties that hold for any spectra, scaling and configuration: hypothesis looks for what breaks them."""

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gandalf_core.config.presets import PRESETS, preset
from gandalf_core.config.schema import from_dict, from_json, to_json, with_fields
from gandalf_core.data.scaling import fit_scaler
from gandalf_core.data.spectra import SpectraSet, concatenate
from gandalf_core.errors import ConfigError, SpectraError

few = settings(max_examples=40, deadline=None, derandomize=True)
NAMES = ("teff", "logg", "mh", "alphafe", "vbroad")


def numbers(low: float | None = None, high: float | None = None, **more) -> st.SearchStrategy[float]:
    """Floats without the smallest ones, which a Trainer elsewhere in the process lets torch flush to 0."""
    return st.floats(low, high, allow_subnormal=False, **more)


flux_values, errors = numbers(-2, 3, width=32), numbers(2**-10, 1, width=32)
label_values = st.just(np.nan) | numbers(-1e4, 1e4)


@st.composite
def spectra(draw, pixels: int | None = None, names: tuple[str, ...] | None = None) -> SpectraSet:
    """1-8 stars of 1-6 pixels; anything under the mask, labels missing, errors known or not."""
    n, width = draw(st.integers(1, 8)), pixels or draw(st.integers(1, 6))
    names = names if names is not None else tuple(draw(st.lists(st.sampled_from(NAMES), unique=True)))
    shape = n, width
    mask = draw(arrays.arrays(bool, shape))
    under_mask = draw(st.sampled_from([np.nan, np.inf, 1e6]))
    flux = np.where(mask, under_mask, draw(arrays.arrays("f4", shape, elements=flux_values)))
    labels = draw(arrays.arrays("f8", (n, len(names)), elements=label_values))
    error = draw(st.none() | arrays.arrays("f4", shape, elements=errors))
    ids = draw(st.lists(st.text("abc123", min_size=1), min_size=n, max_size=n))
    return SpectraSet(flux, np.linspace(846, 870, width), ids, labels, names, error, mask, {"drawn": True})


def aligned(part: SpectraSet, stars: SpectraSet, rows: np.ndarray) -> None:
    for name in ("flux", "ids", "labels", "flux_error", "mask", "snr", "coverage", "usable", "mean_error"):
        ours, theirs = getattr(part, name), getattr(stars, name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_array_equal(ours, theirs[rows], err_msg=name)


# --- spectra ---


@few
@given(spectra(), st.data())
def test_any_choice_of_rows_keeps_everything_aligned(stars, data):
    everything = np.arange(len(stars))
    number = st.integers(-len(stars), len(stars) - 1)
    for rows in (
        data.draw(number),
        data.draw(st.slices(len(stars))),
        data.draw(st.lists(number)),
        data.draw(arrays.arrays(bool, len(stars))),
    ):
        chosen = np.atleast_1d(everything[rows]).astype(int)
        aligned(stars[rows], stars, chosen)
        assert len(stars[rows]) == len(chosen)


@few
@given(st.lists(spectra(pixels=4), min_size=1, max_size=4))
def test_a_joined_set_falls_apart_into_its_parts(parts):
    whole, start = concatenate(parts), 0
    assert set(whole.label_names) == {n for p in parts for n in p.label_names}
    assert len(whole) == sum(map(len, parts))
    for part in parts:
        piece = whole[start : start + len(part)]
        start += len(part)
        for name in ("flux", "ids", "mask"):
            np.testing.assert_array_equal(getattr(piece, name), getattr(part, name))
        np.testing.assert_array_equal(piece.labels_for(part.label_names), part.labels)
        others = tuple(set(whole.label_names) - set(part.label_names))
        assert np.isnan(piece.labels_for(others)).all()
        if whole.flux_error is not None:
            np.testing.assert_array_equal(piece.flux_error, part.flux_error)
    assert (whole.flux_error is None) == any(p.flux_error is None for p in parts)


@few
@given(spectra(), st.sampled_from(["flux", "ids", "labels", "mask", "flux_error"]), st.integers(0, 12))
def test_a_part_of_another_length_is_refused(stars, name, length):
    assume(length != len(stars))
    values = {n: getattr(stars, n) for n in ("flux", "wavelength_nm", "ids", "labels", "label_names", "mask")}
    values["flux_error"] = np.ones(stars.flux.shape)
    values[name] = np.resize(values[name], (length, *values[name].shape[1:]))
    with pytest.raises(SpectraError):
        SpectraSet(**values)


@few
@given(spectra(), st.data())
def test_an_unmasked_pixel_must_be_finite(stars, data):
    row, pixel = data.draw(st.integers(0, len(stars) - 1)), data.draw(st.integers(0, stars.flux.shape[1] - 1))
    flux, mask = np.nan_to_num(stars.flux, posinf=1.0), np.zeros_like(stars.mask)
    flux[row, pixel] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    parts = (stars.wavelength_nm, stars.ids, stars.labels, stars.label_names)
    with pytest.raises(SpectraError, match=r"^1 pixels"):
        SpectraSet(flux, *parts, mask=mask)
    mask[row, pixel] = True
    assert SpectraSet(flux, *parts, mask=mask).mask.sum() == 1


# --- scaling ---

scalings = st.sampled_from(["pixel", "global", "range", "none"])


def scaled(stars: SpectraSet, kind: str, binning: str = "width", bins: int = 5):
    names = {"model.labels": stars.label_names, "model.condition_on": ()}
    kinds = {"model.flux_scaling": kind, "adversary.binning": binning, "adversary.bins": bins}
    return fit_scaler(stars, with_fields(preset("paper"), names | kinds))


@few
@given(spectra(names=("teff", "logg")), scalings)
def test_flux_comes_back_and_masked_pixels_come_back_as_the_mean(stars, kind):
    scaler = scaled(stars, kind)
    back = scaler.flux_out(scaler.flux_in(stars.flux, stars.mask))
    hidden = stars.mask | scaler.unseen
    span = np.ptp(stars.flux[~stars.mask]) if (~stars.mask).any() else 1.0
    np.testing.assert_allclose(back[~hidden], stars.flux[~hidden], atol=1e-5 * max(1.0, span))
    means = np.broadcast_to(scaler.flux_mean, stars.flux.shape)
    np.testing.assert_allclose(back[hidden], means[hidden], atol=1e-5 * max(1.0, span))
    assert all(np.isfinite(a).all() for a in scaler.arrays().values()) and (scaler.flux_scale > 0).all()


@few
@given(spectra(names=("teff", "logg")), scalings, numbers(-100, 100))
def test_what_stands_under_a_mask_changes_nothing(stars, kind, value):
    parts = (stars.wavelength_nm, stars.ids, stars.labels, stars.label_names, stars.flux_error, stars.mask)
    other = SpectraSet(np.where(stars.mask, value, stars.flux), *parts)
    one, two = scaled(stars, kind), scaled(other, kind)
    for name, array in one.arrays().items():
        np.testing.assert_array_equal(array, two.arrays()[name])
    np.testing.assert_array_equal(one.flux_in(stars.flux, stars.mask), one.flux_in(other.flux, other.mask))


@few
@given(spectra(names=("teff", "logg", "mh")), st.sampled_from(["width", "count"]), st.integers(2, 9))
def test_labels_come_back_and_bins_are_in_range_and_in_order(stars, binning, bins):
    scaler = scaled(stars, "pixel", binning, bins)
    standard = scaler.labels_standard(stars.labels)
    back = standard * scaler.label_std + scaler.label_mean
    np.testing.assert_allclose(back, stars.labels, rtol=1e-5, atol=1e-2)
    bin_numbers, missing = scaler.bins(stars.labels), np.isnan(stars.labels)
    assert np.array_equal(np.isnan(standard), missing) and np.array_equal(bin_numbers == -1, missing)
    assert ((bin_numbers[~missing] >= 0) & (bin_numbers[~missing] < bins)).all()
    assert scaler.bin_edges.shape == (3, bins - 1) and (np.diff(scaler.bin_edges, axis=1) >= 0).all()
    for column, number in zip(stars.labels.T, bin_numbers.T, strict=True):
        assert (np.diff(number[np.argsort(column)][: np.isfinite(column).sum()]) >= 0).all()


# --- configuration ---

changes = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=10),
        "model.noise": numbers(0, 10),
        "model.latent_size": st.integers(1, 8192),
        "model.encoder_hidden": st.lists(st.integers(1, 8192), max_size=8),
        "model.activation": st.sampled_from(["relu", "silu", "tanh", "sigmoid"]),
        "adversary.bins": st.integers(2, 100_000),
        "adversary.lambdas": st.dictionaries(st.sampled_from(NAMES[:4]), numbers(-1e6, 1e6)),
        "adversary.nuisances": st.dictionaries(st.text(max_size=5), numbers(0, 1e300)),
        "training.seed": st.integers(0, 2**31 - 1),
        "training.validation_fraction": numbers(0, 1, exclude_max=True),
        "training.learning_rate": numbers(1e-9, 1e300),
    },
)


@few
@given(st.sampled_from(PRESETS), changes)
def test_a_configuration_survives_json_and_holds_what_was_set(name, wanted):
    config = with_fields(preset(name), wanted)
    assert from_json(to_json(config)) == config == from_dict(json.loads(to_json(config)))
    assert hash(from_json(to_json(config))) == hash(config)
    for path, value in wanted.items():
        held = json.loads(to_json(config))
        for part in path.split("."):
            held = held[part]
        assert held == value
    assert with_fields(config, {}) == config
    untouched = preset(name)
    for path in set(fields_of(untouched)) - set(wanted):
        assert fields_of(config)[path] == fields_of(untouched)[path]


def fields_of(config) -> dict:
    """Every field of a configuration by its path."""
    fields = {"name": config.name}
    for part in ("model", "adversary", "training"):
        values = json.loads(to_json(config))[part]
        fields |= {f"{part}.{name}": value for name, value in values.items()}
    return fields


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@few
@given(st.sampled_from(sorted(fields_of(preset("paper")))), json_values)
def test_any_other_value_is_accepted_as_it_is_or_refused_in_one_line(path, value):
    try:
        config = with_fields(preset("paper"), {path: value})
    except ConfigError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert fields_of(config)[path] == (list(value) if isinstance(value, tuple) else value)
