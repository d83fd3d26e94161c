"""Sentences and buttons of the pages that depend on numbers."""

import numpy as np

from gandalf_core.parameters import LABELS
from gandalf_core.publishing.presets import presets
from pages.ui.parts.captions import discriminators, largest_residual

HISTORY = [{"discriminator_accuracy": {"teff": accuracy}, "chance": {"teff": 0.1}} for accuracy in (0.5, 0.3)]


def test_a_residual_that_noise_does_not_explain_is_named_with_its_place():
    wave, noise = np.linspace(846, 870, 801), np.sin(np.arange(801.0))
    assert largest_residual(wave, noise) == "" and largest_residual(wave, np.full(801, np.nan)) == ""
    at = np.argmin(np.abs(wave - 866.452))
    core, elsewhere = noise.copy(), noise.copy()
    core[at], elsewhere[400] = 13, -7
    assert "13 σ at 866.5 nm, in the core of a Ca II line" in largest_residual(wave, core)
    assert largest_residual(wave, elsewhere) == "The largest: 7 σ at 858.0 nm."


def test_the_words_under_the_discriminators_follow_their_numbers():
    caption = discriminators(True, HISTORY)
    assert "Teff 0.30 (guessing 0.10)" in caption and "kept parameters" in caption
    assert "last epoch" not in discriminators(False) and "kept" not in discriminators(False)


def test_presets_need_their_labels():
    assert {p["name"] for p in presets(("teff",))} == {"T<sub>eff</sub> = 6500 K"}
    assert presets(LABELS)[0]["labels"] == {"teff": 7500.0, "alphafe": 0.0}
    assert presets(()) == []
