"""The audit's certificate: plants are what they say, cells go on, the document says what is stored."""

import json

import numpy as np
import pytest

from gandalf_core.data.scores import r_squared
from reports import instrument, instrument_document, plants
from reports.instrument import LEAK, NULL, SHORT, Cell, cells, draw, fill
from reports.stored import load


def linear_r2(x, y):
    x = np.column_stack([np.ones(len(x)), x])
    return r_squared(y, x @ np.linalg.lstsq(x, y, rcond=None)[0])


@pytest.mark.parametrize("kind", plants.LEAKS)
def test_a_plant_without_size_is_innocent_and_its_labels_stay(kind):
    none, some = plants.LEAKS[kind](1500, 3, 0.0), plants.LEAKS[kind](1500, 3, 0.8)
    assert none.z.shape == some.z.shape and len(none.z) == 1500
    np.testing.assert_array_equal(none.y, some.y)
    np.testing.assert_array_equal(none.kept, some.kept)
    assert not np.allclose(none.z, some.z)


def test_the_size_of_a_linear_plant_is_its_partial_r2():
    z, _, y = plants.linear(20_000, 1, 0.1)
    rest = plants.ground(20_000, 1).rest
    assert linear_r2(z, rest) == pytest.approx(0.1, abs=0.012)
    assert linear_r2(plants.linear(20_000, 1, 0.0).z, y[:, 0]) < 0.005


def test_labels_that_are_each_independent_of_the_latent_are_not_so_together():
    z, _, y = plants.sign_of_product(20_000, 1, 0.9)
    assert max(linear_r2(z, y[:, 0]), linear_r2(z, y[:, 1])) < 0.005
    assert linear_r2(z, np.sign(y[:, 0] * y[:, 1])) > 0.85


@pytest.mark.parametrize("kind", plants.NULLS | plants.HARD_NULLS)
def test_an_innocent_latent_knows_nothing_of_what_is_open(kind):
    z, kept, y = (plants.NULLS | plants.HARD_NULLS)[kind](400, 1)
    assert len(z) == len(kept) == len(y) == 400
    assert np.isfinite(z).all() and np.isfinite(y).all()


def test_a_cell_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(instrument, "FOLDER", tmp_path)
    monkeypatch.setattr(instrument, "store", lambda path, result: path.write_text(json.dumps(result)))
    cell = Cell(NULL, "noise", 300, 0.0, 1)
    fill(cell)
    first = load(cell.path)["noise"]["values"]
    fill(cell._replace(draws=2))
    both = load(cell.path)["noise"]["values"]
    assert len(both) == 2 and both[:1] == first and both[0] != both[1]
    assert both[1] == draw(cell, 1)


def test_the_short_form_finds_what_is_clear_and_acquits_the_innocent():
    assert {cell.stars for cell in cells(SHORT)} == {500, 1000}
    innocent = [Cell(NULL, kind, 400, 0.0, 1) for kind in ("noise", "uneven scatter")]
    p = [draw(cell, seed) for cell in innocent for seed in range(4)]
    assert sum(x <= 0.025 for x in p) <= 2
    clear = {"linear": 0.15, "tiny direction": 0.15, "spread only": 0.4, "sign of a product": 0.5}
    for kind, size in clear.items():
        assert draw(Cell(LEAK, kind, 1000, size, 1), 0) <= 0.025, kind


def test_the_size_found_in_four_fifths_of_draws_is_read_off_the_curve():
    from scipy.stats import norm

    sizes = np.geomspace(0.005, 0.05, 8)
    shares = norm.cdf((np.log(sizes) - np.log(0.02)) / 0.4)
    expected = np.exp(np.log(0.02) + 0.4 * norm.ppf(0.8))
    assert instrument_document.size_found(sizes, shares) == pytest.approx(expected, rel=1e-3)
    assert instrument_document.size_found(sizes, shares * 0) is None


def test_the_document_is_what_the_stored_draws_say():
    assert instrument_document.text() == instrument_document.DOCUMENT.read_text(encoding="utf-8")
