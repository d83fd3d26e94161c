"""`reports own-stars`: a cell is measured once, and the page says what is stored."""

from types import SimpleNamespace

import pytest

from reports import own_stars, stored
from reports.own_stars_document import own_stars_picture, own_stars_tables

NAMES = ("teff", "logg", "mh", "alphafe")


def errors(factor: float) -> dict:
    return {
        "latent": dict(zip(NAMES, (100 * factor, 0.3 * factor, 0.1 * factor, 0.05 * factor), strict=True))
    }


@pytest.fixture
def cells(monkeypatch, tmp_path):
    """Two cells that count how often they are measured; the second one can be told to fail."""
    counts = {"before": 0, "reference": 0, "fail": True}

    def before() -> dict:
        counts["before"] += 1
        return errors(2)

    def reference() -> dict:
        counts["reference"] += 1
        if counts["fail"]:
            raise KeyboardInterrupt
        return errors(1)

    world = SimpleNamespace(model=SimpleNamespace(model_id="a@1"), removed=SimpleNamespace(model_id="b@2"))
    monkeypatch.setattr(stored, "ROOT", tmp_path)
    monkeypatch.setattr(own_stars, "FILE", tmp_path / "own-stars.json")
    monkeypatch.setattr(own_stars, "World", lambda _: world)
    monkeypatch.setattr(own_stars, "cells_of", lambda _: {"before": before, "reference": reference})
    return counts | {"counts": counts, "world": world}


def test_a_stopped_measurement_goes_on_where_it_stopped(cells):
    counts = cells["counts"]
    with pytest.raises(KeyboardInterrupt):
        own_stars.measure_own_stars([])
    counts["fail"] = False
    own_stars.measure_own_stars([])
    assert counts["before"] == 1 and counts["reference"] == 2
    own_stars.measure_own_stars([])
    assert counts["before"] == 1 and counts["reference"] == 2
    own_stars.measure_own_stars(["before"])
    assert counts["before"] == 2 and counts["reference"] == 2
    with pytest.raises(SystemExit, match="no cell 'x'; there are: before, reference"):
        own_stars.measure_own_stars(["x"])
    cells["world"].model.model_id = "a@3"  # another model: everything anew
    own_stars.measure_own_stars([])
    assert counts["before"] == 3 and counts["reference"] == 3


def test_the_page_has_errors_beside_the_reference_and_what_leaks():
    removed = {"teff": {"partial": 0.01, "upper": 0.018, "verdict": "removed"}}
    leak = {"removed": removed, "kept": {"mh": 0.15}, "noise": 0.4}
    readable = {"teff": removed["teff"] | {"verdict": "readable"}}
    found = {
        "others": "o",
        "reference": "r",
        "cells": {
            "before": errors(1.8),
            "reference": errors(1),
            "adapted 200": errors(1.2),
            "adapted 500": errors(1.1),
            "nothing 200": {"refused": "too few: take more"},
            "leak before": leak | {"removed": readable},
            "leak adapted 500": leak | {"removed": readable},
            "leak adapted 500, noise 2.2": leak | {"noise": 2.2},
        },
    }
    text = own_stars_tables(found)
    row = next(line for line in text.splitlines() if "adapted to 500" in line)
    assert [cell.strip() for cell in row.split("|")[2:6]] == [
        "110 (1.10)",
        "0.33 (1.10)",
        "0.11 (1.10)",
        "0.055 (1.10)",
    ]
    assert "| trained from nothing on 200: too few | – | – | – | – |" in text
    assert "(`simulated:500:11:b`) | 0.4 | 0.010, below 0.018: readable | 0.150 |" in text
    assert "| adapted to 500 with `--noise 2.2` | 2.2 | 0.010, below 0.018: removed | 0.150 |" in text
    assert "learning-curves.png" in text
    assert "Seconds" not in text and own_stars_picture() is not None
