"""Strangers' model folders: whatever is changed in one, it is used, or refused in one line that names a file.

`python -m reliability hostile` tries more of them; each is known by its seed.
"""

import shutil

import pytest

from reliability.hostile import SOURCE, ordinary_stars, outcome, page_of_models, use

CASES, PER_TEST = 120, 20


@pytest.mark.parametrize("first", range(0, CASES, PER_TEST))
def test_whatever_is_changed_in_a_folder_it_is_used_or_refused_in_one_line(first, tmp_path):
    stars = ordinary_stars()
    found = {seed: outcome(seed, tmp_path, stars) for seed in range(first, first + PER_TEST)}
    assert not {seed: found[seed] for seed in found if found[seed][0] not in ("used", "refused")}


def test_a_folder_that_nobody_changed_is_used(tmp_path):
    use(shutil.copytree(SOURCE, tmp_path / "model"), ordinary_stars())


def test_the_page_of_models_offers_the_good_one_beside_hostile_ones(tmp_path):
    found = page_of_models(tmp_path, seed=0, count=6)
    assert not found["faults"] and found["offered"] + found["lines"] == 7
