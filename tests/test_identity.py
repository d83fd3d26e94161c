"""One identity for content: whatever a result depends on changes it, and nothing else does."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from toy import toy_stars

from gandalf_core.data.identity import identity
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.io import read_stars, write_stars
from gandalf_core.simulator import simulate


@dataclass(frozen=True)
class Pair:
    one: int
    two: str


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 2),
        (1, "1"),
        (1, 1.0),
        (1, True),
        (None, "None"),
        ("ab", "ba"),
        (b"a", "a"),
        (["ab", "c"], ["a", "bc"]),
        ([1, [2]], [1, 2]),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        (Pair(1, "a"), Pair(2, "a")),
        (np.zeros(4), np.zeros(5)),
        (np.zeros(4), np.zeros((2, 2))),
        (np.zeros(4, np.float32), np.zeros(4, np.int32)),
        (np.array([0.0, 1.0]), np.array([1.0, 0.0])),
        (np.array(["ab", "c"]), np.array(["a", "bc"])),
        (np.array(["a\n", "b"]), np.array(["a", "\nb"])),
        (0.1, 0.1 + 1e-17 + 2e-17),
    ],
)
def test_another_value_type_shape_or_order_is_another_identity(a, b):
    assert identity(a) != identity(b)
    assert identity(a, b) != identity(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.array(["a", "b"], "U1"), np.array(["a", "b"], "U9")),
        (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
        (np.float64(0.5), 0.5),
        (Pair(1, "é"), Pair(1, "é")),
        ("\udcff", "\udcff"),
    ],
)
def test_the_same_content_has_the_same_identity_however_it_is_stored(a, b):
    assert identity(a) == identity(b)


def test_what_has_no_identity_is_refused():
    with pytest.raises(TypeError, match="object has no identity"):
        identity([1, object()])


def changed_sets(stars: SpectraSet) -> dict[str, SpectraSet]:
    """Sets that differ from `stars` in one thing each."""
    flux, error, mask, labels = (a.copy() for a in (stars.flux, stars.flux_error, stars.mask, stars.labels))
    flux[-1, -1] += np.float32(1e-6)
    error[0, 3] *= 10
    mask[2, 5] = True
    labels[1, 0] += 1
    return {
        "flux": replace(stars, flux=flux),
        "wavelengths": replace(stars, wavelength_nm=stars.wavelength_nm - 0.24),
        "errors": replace(stars, flux_error=error),
        "no errors": replace(stars, flux_error=None),
        "mask": replace(stars, mask=mask),
        "labels": replace(stars, labels=labels),
        "label names": replace(stars, label_names=("teff", "logg", "alphafe", "mh")),
        "ids": replace(stars, ids=[*stars.ids[:-1], "another"]),
        "order": stars[::-1],
        "fewer": stars[:-1],
        "simulation": replace(stars, provenance={"simulated": {"seed": 1}}),
    }


def test_every_part_of_a_set_of_stars_counts():
    stars = toy_stars(5)
    identities = {"": stars.identity} | {name: s.identity for name, s in changed_sets(stars).items()}
    assert len(set(identities.values())) == len(identities), identities


def test_where_stars_were_read_from_does_not_count(tmp_path):
    stars = simulate(3, seed=4)
    for name in ("a.npz", "b.parquet"):
        write_stars(tmp_path / name, stars)
        again = read_stars(tmp_path / name)
        assert "file" in again.provenance and again.identity == stars.identity, name
