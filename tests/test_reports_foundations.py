"""Reports on real stars, on points of the grid kept back and on other physics: right numbers in tables."""

import numpy as np
import pytest

from gandalf_core.parameters import LABELS
from gandalf_core.simulator import population
from gandalf_core.simulator.emulator import EMULATOR_FILES
from gandalf_core.simulator.grids import grid_labels
from reports import foundations, real_stars


def a_star(teff: float, teff_error: float, literature: list[float] | None, score: float) -> dict:
    values = {"teff": teff, "logg": 4.4, "mh": 0.0, "alphafe": 0.0}
    errors = {f"{n}_error": 0.1 for n in LABELS} | {"teff_error": teff_error}
    quality = {"chi2": 1.0, "outlier_score": score, "verdict": "ordinary"}
    known = dict.fromkeys(LABELS) | {"teff": literature, "kind": "dwarf", "source": "a book"}
    return {
        "literature": known,
        "predicted": values | errors | quality,
        "usual_errors": {n: 0.1 for n in LABELS} | {"teff": 50.0},
        "scores": {"one": {"outlier_score": score}, "two": {"outlier_score": score + 0.05}},
        "residual": {"wavelength_nm": [846.0, 847.0], "flux": [0.01, None]},
    }


STARS = {"A": a_star(5772, 60, [5700, 80], 0.5), "B": a_star(5000, 30, [5200, 40], 0.9)}


def test_pulls_join_both_errors_and_leave_out_what_the_literature_lacks():
    assert real_stars.pulls(STARS) == pytest.approx([0.72, -4.0])


def test_the_section_counts_labels_within_two_sigma():
    text = real_stars.real_stars_section(STARS)
    assert "1 of 2 labels lie within 2 σ" in text and "the farthest at 4.0 σ" in text
    assert "at most 1.20 times" in text and "differ by at most 0.05" in text
    assert "| **A** | 5772 ± 60 |" in text and "| a book | 5700 ± 80 | - |" in text
    assert real_stars.real_stars_section({}) == ""


def test_residuals_are_drawn_one_below_the_other_with_gaps():
    figure = real_stars.residual_figure(STARS)
    assert [trace.name for trace in figure.data] == ["A", "B"]
    assert figure.data[0].y == (0.01, None) and figure.data[1].y == pytest.approx((0.01 - 0.08, None))


def test_points_kept_back_are_unseen_and_on_usual_sequences():
    labels, flux = foundations.kept_back_points()
    with np.load(EMULATOR_FILES["a"]) as stored:
        held_out = {tuple(row) for row in grid_labels()[stored["held_out"]]}
    assert 20 < len(labels) < len(held_out) and {tuple(row) for row in labels} <= held_out
    usual = population.labels(foundations.CHOICE_SEED, np.arange(foundations.SEQUENCES))
    for point in labels[:, :4]:
        assert np.abs((usual - point) / foundations.NEAR).max(1).min() < 1
    stars = foundations.observed_points(labels[:2], flux[:2])
    assert len(stars) == 2 * foundations.DRAWS and np.allclose(stars.flux_error, 0.01)
    noise = stars.flux - stars.flux.reshape(2, foundations.DRAWS, -1).mean(1).repeat(foundations.DRAWS, 0)
    # the scale of the noise varies from star to star by a tenth or so
    assert noise.std() / np.sqrt(1 - 1 / foundations.DRAWS) == pytest.approx(0.01, rel=0.15)


def test_the_table_of_metal_poor_stars_says_goals_and_errors():
    row = {"points": 9, "median": dict.fromkeys(LABELS, 0.05), "median_absolute": dict.fromkeys(LABELS, 0.1)}
    thirds = [row | {"mh": list(third), "outside": 0.25} for third in foundations.THIRDS]
    text = foundations.metal_poor_table({"model": "autoencoder", "snr": 100.0, "thirds": thirds})
    assert "| below -1 | 9 | 0 (0) | 0.050 (0.100) |" in text and "| above -0.4 |" in text and "25%" in text


def test_the_table_of_natures_sets_right_beside_wrong_physics():
    leak = {"partial": 0.004, "upper": None, "verdict": "cannot tell"}
    nature = {
        **{key: dict.fromkeys(LABELS, 0.5) for key in ("rms", "width", "held")},
        "score_above_95": 0.04,
        "outside": 0.01,
        "leaks": {"generator": {"mh": leak}},
        "sliders": {"mh": 0.05},
    }
    wrong = nature | {"source": "w", "score_above_95": 0.06}
    text = foundations.natures_table({"right": nature | {"source": "r"}, "wrong": wrong})
    assert "right, `r`" in text and "| outlier score above .95 | 4.0% | 6.0% |" in text
    assert "cannot tell: partial R² 0.004, no limit" in text
