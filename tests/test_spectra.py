"""A set of spectra is checked at birth and stays aligned; so is a set of latents."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from gandalf_core.data.latents import LatentSet
from gandalf_core.data.spectra import SpectraSet, concatenate, same_grid
from gandalf_core.errors import SpectraError

GAIA = 4268620287278693120  # a float would make it ...120 of another star


def some(**changes) -> SpectraSet:
    """Three stars of five pixels."""
    parts = {
        "flux": np.arange(15.0).reshape(3, 5),
        "wavelength_nm": np.arange(846.0, 851.0),
        "ids": ["a", "b", "c"],
        "labels": np.arange(6.0).reshape(3, 2),
        "label_names": ("teff", "logg"),
        "flux_error": np.full((3, 5), 0.1),
    }
    return SpectraSet(**(parts | changes))


# --- at birth ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flux": np.zeros(5)}, "flux must be (stars, pixels), not of shape (5,)"),
        ({"wavelength_nm": np.arange(4.0)}, "5 pixels of flux but (4,) wavelengths"),
        ({"wavelength_nm": np.arange(5.0)[::-1]}, "wavelengths must increase from pixel to pixel"),
        ({"wavelength_nm": [1, 2, 2, 3, 4]}, "wavelengths must increase from pixel to pixel"),
        ({"ids": ["a", "b"]}, "3 spectra but ids of shape (2,)"),
        ({"ids": "a"}, "3 spectra but ids of shape ()"),
        (
            {"ids": [float(GAIA), 2.0, 3.0]},
            "ids are floats (first: 4.2686202872786934e+18), which lose digits of a source_id: "
            "give texts or integers",
        ),
        ({"labels": np.zeros((3, 1))}, "labels have shape (3, 1) for 3 stars and 2 label names"),
        ({"label_names": ("teff", "teff")}, "two labels share a name: teff, teff"),
        ({"mask": np.zeros((3, 4), bool)}, "mask has shape (3, 4), flux has (3, 5)"),
        ({"flux_error": np.zeros((1, 5))}, "flux_error has shape (1, 5), flux has (3, 5)"),
        ({"flux": np.full((3, 5), np.nan)}, "15 pixels without a finite flux are not masked: mask them"),
        (
            {"flux": [[1, np.inf, 1, 1, 1]] * 3, "mask": np.eye(3, 5, 1) > 0},
            "2 pixels without a finite flux are not masked: mask them",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(SpectraError) as caught:
        some(**changes)
    assert str(caught.value) == message


def test_arrays_have_their_types_whatever_was_given():
    grid, mask = [1, 2, 3, 4, 5], [[0, 1, 0, 0, 0]] * 3
    stars = some(
        flux=[[1] * 5] * 3, wavelength_nm=grid, labels=[[1, 2]] * 3, label_names=["a", "b"], mask=mask
    )
    assert (stars.flux.dtype, stars.labels.dtype, stars.mask.dtype) == (np.float32, np.float64, bool)
    assert (stars.wavelength_nm.dtype, stars.flux_error.dtype) == (np.float64, np.float32)
    assert stars.label_names == ("a", "b") and stars.ids.dtype.kind == "U" and stars.mask.sum() == 3
    plain = some(flux_error=None)
    assert plain.flux_error is None and plain.mask.shape == (3, 5) and not plain.mask.any()
    assert plain.provenance == {} and some(provenance={"file": "x"}).provenance == {"file": "x"}
    with pytest.raises(FrozenInstanceError):
        plain.flux = stars.flux


def test_a_gaia_id_keeps_every_digit():
    assert some(ids=np.array([GAIA, GAIA + 1, GAIA + 2])).ids.tolist() == [str(GAIA + k) for k in range(3)]


def test_an_infinite_label_is_missing():
    stars = some(labels=[[5000, np.inf], [-np.inf, 4], [np.nan, 3]])
    assert np.isnan(stars.labels).tolist() == [[False, True], [True, False], [True, False]]
    assert stars.labels[0, 0] == 5000 and stars.labels[1, 1] == 4


def test_masked_pixels_may_hold_anything():
    mask = np.eye(3, 5) > 0
    stars = some(flux=np.where(mask, np.nan, 1.0), mask=mask)
    assert np.isnan(stars.flux).sum() == 3


def test_no_stars_and_a_single_pixel_are_sets_too():
    nothing = some(flux=np.empty((0, 5)), ids=[], labels=np.empty((0, 2)), flux_error=None)
    assert len(nothing) == 0 and nothing.snr.shape == nothing.coverage.shape == (0,)
    one = some(flux=[[1.0]] * 3, wavelength_nm=[850.0], flux_error=None)
    assert one.flux.shape == (3, 1)


# --- rows ---


ROWS = ([2, 0], np.array([False, True, True]), slice(1, 3), 1, np.int64(2), -1, [], (0, 1), range(2))


@pytest.mark.parametrize("rows", ROWS, ids=str)
def test_rows_stay_aligned(rows):
    stars = some(mask=np.eye(3, 5, dtype=bool), provenance={"file": "x"})
    index = np.arange(3)[list(rows) if isinstance(rows, (tuple, range)) else rows]
    index = np.atleast_1d(index).astype(int)
    part = stars[rows]
    assert part.ids.tolist() == [stars.ids[k] for k in index] and part.provenance == stars.provenance
    for name in ("flux", "labels", "flux_error", "mask"):
        assert np.array_equal(getattr(part, name), getattr(stars, name)[index])
    assert np.array_equal(part.wavelength_nm, stars.wavelength_nm) and part.label_names == stars.label_names
    assert some(flux_error=None)[rows].flux_error is None


# --- labels ---


def test_labels_are_found_by_name():
    stars = some()
    assert stars.label("logg").tolist() == [1, 3, 5]
    both = stars.labels_for(("logg", "age", "teff"))
    assert both[:, [0, 2]].tolist() == [[1, 0], [3, 2], [5, 4]] and np.isnan(both[:, 1]).all()
    assert stars.labels_for(()).shape == (3, 0)
    with pytest.raises(SpectraError, match=r"^no label 'age' here; there are: teff, logg$"):
        stars.label("age")
    with pytest.raises(SpectraError, match=r"^no label 'age' here; there are: none$"):
        stars.with_labels(np.empty((3, 0)), ()).label("age")


def test_other_labels_leave_the_spectra_alone():
    stars = some()
    other = stars.with_labels(stars.labels + 1)
    assert other.label_names == stars.label_names and np.array_equal(other.labels, stars.labels + 1)
    assert other.flux is stars.flux and stars.labels[0, 0] == 0
    assert stars.with_labels([[1]] * 3, ("age",)).label("age").tolist() == [1, 1, 1]


# --- quality ---


def test_snr_is_that_of_usable_pixels_and_nan_where_errors_are_unknown():
    flux, error = np.full((3, 5), 2.0), np.full((3, 5), 0.1)
    flux[0, 0], error[1] = 1000, np.nan
    mask = np.zeros((3, 5), bool)
    mask[0, 0] = True
    stars = some(flux=flux, flux_error=error, mask=mask)
    assert stars.snr == pytest.approx([20, np.nan, 20], nan_ok=True)
    assert stars.known_snr is None and stars[[0, 2]].known_snr == pytest.approx([20, 20])
    assert np.isnan(some(flux_error=None).snr).all()


def test_snr_is_the_median_over_pixels_with_a_positive_error():
    flux = np.tile([1.0, 2.0, 3.0, 4.0, 500.0], (3, 1))
    error = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0.5, 1, -1, 0, 0]])
    assert some(flux=flux, flux_error=error).snr.tolist() == [3, 2, 2]


def test_mean_error_is_that_of_usable_pixels_whose_error_is_known():
    error, mask = np.tile([1.0, 2.0, 3.0, 4.0, 5.0], (3, 1)), np.zeros((3, 5), bool)
    mask[1, 4], error[1, 0], error[2] = True, np.inf, np.nan
    stars = some(flux_error=error, mask=mask)
    assert stars.mean_error == pytest.approx([3, 3, np.nan], nan_ok=True)
    assert stars.usable.tolist() == [True, False, False]  # the second covers 80 % of the grid
    unknown = some(flux_error=None)
    assert np.isnan(unknown.mean_error).all() and unknown.mean_error.shape == (3,) and unknown.usable.all()


def test_a_star_is_usable_from_95_percent_of_the_grid_on():
    mask = np.zeros((3, 100), bool)
    mask[1, :5], mask[2, :6] = True, True
    parts = {"flux": np.ones((3, 100)), "wavelength_nm": np.arange(100.0), "mask": mask}
    stars = some(**parts, flux_error=None)
    assert stars.coverage == pytest.approx([1, 0.95, 0.94]) and stars.usable.tolist() == [True, True, False]
    assert some(**parts, flux_error=np.ones((3, 100))).usable.tolist() == [True, True, False]


# --- several sets ---


def test_joined_sets_keep_labels_by_name():
    mask = np.eye(3, 5) > 0
    a = some(provenance={"part": 1})
    b = some(ids=["d", "e", "f"], label_names=("logg", "vbroad"), mask=mask, provenance={"part": 2})
    joined = concatenate([a, b])
    assert joined.label_names == ("teff", "logg", "vbroad") and joined.ids.tolist() == list("abcdef")
    assert np.array_equal(joined.label("logg"), [1, 3, 5, 0, 2, 4])
    assert np.isnan(joined.label("vbroad")[:3]).all() and np.isnan(joined.label("teff")[3:]).all()
    assert np.array_equal(joined.flux, np.concatenate([a.flux, b.flux]))
    assert np.array_equal(joined.mask[3:], mask) and not joined.mask[:3].any()
    assert joined.flux_error.shape == (6, 5) and joined.provenance == {"parts": [{"part": 1}, {"part": 2}]}
    assert np.array_equal(joined.wavelength_nm, a.wavelength_nm)


def test_joined_sets_have_errors_where_all_of_them_have():
    assert concatenate([some(), some(flux_error=None)]).flux_error is None
    alone = concatenate([some(provenance={"part": 1})])
    assert alone.provenance == {"part": 1} and np.array_equal(alone.flux_error, some().flux_error)


def test_sets_that_do_not_join_are_refused():
    with pytest.raises(SpectraError, match=r"^no spectra given$"):
        concatenate([])
    other = some(wavelength_nm=np.arange(846.5, 851.5))
    with pytest.raises(
        SpectraError,
        match=r"^the spectra are on different wavelength grids: resample them to one first$",
    ):
        concatenate([some(), some(), other])


def test_grids_agree_to_a_thousandth_of_the_narrowest_pixel():
    grid = np.array([1.0, 2.0, 2.5, 4.0])
    assert same_grid(grid, grid + 0.4e-3) and not same_grid(grid, grid + 0.6e-3)
    assert not same_grid(grid, grid - 0.6e-3) and not same_grid(grid, grid[:3])
    assert same_grid(np.array([1.0]), np.array([5.0])) and same_grid(np.array([]), np.array([]))
    assert not same_grid(np.array([1.0, 2.0]), np.array([5.0, 6.0]))


# --- latents ---


def latents(**changes) -> LatentSet:
    parts = {"z": np.arange(6.0).reshape(3, 2), "ids": ["a", "b", "c"], "labels": np.zeros((3, 1))}
    return LatentSet(**({**parts, "label_names": ["teff"], "model_id": "m@1"} | changes))


def test_latents_are_checked_and_stay_aligned():
    part = latents()[[2, 0]]
    assert (
        part.z.tolist() == [[4, 5], [0, 1]]
        and part.ids.tolist() == ["c", "a"]
        and part.labels.shape == (2, 1)
    )
    assert (part.z.dtype, part.label_names, part.model_id) == (np.float32, ("teff",), "m@1")
    assert len(latents()[1]) == 1 and latents()[1].z.tolist() == [[2, 3]] and len(latents()) == 3
    for wrong, shapes in (
        ({"z": np.zeros(3)}, r"\(3,\), ids \(3,\), labels \(3, 1\)"),
        ({"ids": ["a"]}, r"\(3, 2\), ids \(1,\), labels \(3, 1\)"),
        ({"labels": np.zeros((3, 2))}, r"\(3, 2\), ids \(3,\), labels \(3, 2\)"),
    ):
        with pytest.raises(SpectraError, match=rf"^latents {shapes} do not belong together$"):
            latents(**wrong)
    with pytest.raises(SpectraError, match=r"^2 latent vectors are not finite$"):
        latents(z=[[np.nan, np.inf], [1, 2], [np.inf, 3]])
