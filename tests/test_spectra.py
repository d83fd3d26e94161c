"""A set of spectra is checked at birth and stays aligned."""

import numpy as np
import pytest

from gandalf_core.data.spectra import SpectraSet, concatenate
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


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"flux": np.zeros(5)}, "stars, pixels"),
        ({"wavelength_nm": np.arange(4.0)}, "5 pixels"),
        ({"wavelength_nm": np.arange(5.0)[::-1]}, "increase"),
        ({"ids": ["a", "b"]}, "3 spectra"),
        ({"ids": "a"}, "3 spectra"),
        ({"ids": [float(GAIA), 2.0, 3.0]}, "floats"),
        ({"labels": np.zeros((3, 1))}, "labels have shape"),
        ({"label_names": ("teff", "teff")}, "share a name"),
        ({"mask": np.zeros((3, 4), bool)}, "mask has shape"),
        ({"flux": np.full((3, 5), np.nan)}, "15 pixels"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, said):
    with pytest.raises(SpectraError, match=said):
        some(**changes)


def test_a_gaia_id_keeps_every_digit():
    assert some(ids=np.array([GAIA, GAIA + 1, GAIA + 2])).ids.tolist() == [str(GAIA + k) for k in range(3)]


def test_an_infinite_label_is_missing():
    stars = some(labels=[[5000, np.inf], [-np.inf, 4], [np.nan, 3]])
    assert np.isnan(stars.labels).tolist() == [[False, True], [True, False], [True, False]]


def test_rows_stay_aligned():
    stars = some(mask=np.eye(3, 5, dtype=bool))
    for rows in ([2, 0], np.array([False, True, True]), slice(1, 3), 1):
        part, index = stars[rows], np.atleast_1d(np.arange(3)[rows])
        assert part.ids.tolist() == [stars.ids[k] for k in index]
        for name in ("flux", "labels", "flux_error", "mask"):
            assert np.array_equal(getattr(part, name), getattr(stars, name)[index])


def test_snr_is_that_of_usable_pixels_and_nan_where_errors_are_unknown():
    flux, error = np.full((3, 5), 2.0), np.full((3, 5), 0.1)
    flux[0, 0], error[1] = 1000, np.nan
    mask = np.zeros((3, 5), bool)
    mask[0, 0] = True
    stars = some(flux=flux, flux_error=error, mask=mask)
    assert stars.snr == pytest.approx([20, np.nan, 20], nan_ok=True)
    assert stars.known_snr is None and stars[[0, 2]].known_snr == pytest.approx([20, 20])
    assert np.isnan(some(flux_error=None).snr).all()


def test_joined_sets_keep_labels_by_name():
    a, b = some(), some(ids=["d", "e", "f"], label_names=("logg", "vbroad"))
    joined = concatenate([a, b])
    assert joined.label_names == ("teff", "logg", "vbroad") and joined.ids.tolist() == list("abcdef")
    assert np.array_equal(joined.label("logg"), [1, 3, 5, 0, 2, 4])
    assert np.isnan(joined.label("vbroad")[:3]).all() and np.isnan(joined.label("teff")[3:]).all()
    with pytest.raises(SpectraError, match="different wavelength grids"):
        concatenate([a, some(wavelength_nm=np.arange(846.5, 851.5))])
