"""An uploaded star beside a simulated one of the same parameters: what simulated spectra lack.

Shapes: P labels.
"""

import numpy as np
import streamlit as st

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.figures import spectra
from gandalf_core.models.trained import TrainedModel
from gandalf_core.parameters import LABELS, parameter
from gandalf_core.seeds import CHOICE_SEED
from gandalf_core.simulator import simulate
from gandalf_core.simulator.nuisances import OFF
from pages.ui import show, state
from pages.ui.cache.uploads import uploads_on_grid

USUAL_SNR = 100.0  # of the simulated star where the uploaded one's is unknown
NARROW = 1e-3  # relative range in which its S/N is dealt


def show_beside_simulated(model: TrainedModel, key: str) -> None:
    """The chosen star, if it was uploaded, or else the first uploaded one; nothing without uploads."""
    uploads = uploads_on_grid(model)
    if uploads is None or not set(LABELS) <= set(model.label_names):
        return
    rows = np.flatnonzero(uploads.ids == state.get(state.STAR))
    real = uploads[rows[:1]] if len(rows) else uploads[:1]
    labels, said = estimates(model, real)
    name = str(real.ids[0])
    twin = model.on_grid(simulated_twin(real, labels))
    if twin.mask.all():
        st.info(
            f"{show.escaped(name)} reads {said}. No synthetic spectrum reaches there, so there is no "
            "simulated star to compare it with.",
            icon=":material/info:",
        )
        return
    show.figure(
        spectra.reconstruction(
            real.wavelength_nm,
            real.flux[0],
            twin.flux[0],
            error=None if real.flux_error is None else real.flux_error[0] * np.sqrt(2),
            mask=real.mask[0] | twin.mask[0],
            names=("uploaded", "simulated"),
            title=f"{name} beside a simulated star",
        ),
        f"Your star (grey) and a simulated one (blue) with the parameters read from its spectrum, {said}, "
        "and with as much noise; it is at rest, does not rotate and is not active. Below, their difference "
        "in units of the noise of both: where it stands out, your star has something that the simulated one "
        "has not.",
        key,
    )


def estimates(model: TrainedModel, star: SpectraSet) -> tuple[np.ndarray, str]:
    """(1, P) labels read from the spectrum in the order of LABELS, and the same in words."""
    values, errors = model.predict_from_spectrum(star)
    columns = [model.label_names.index(n) for n in LABELS]
    values, errors = values[:, columns], errors[:, columns]
    parts = [
        f"{show.plain(n)} {v:.{parameter(n).decimals}f} ± {parameter(n).format(e)}"
        for n, v, e in zip(LABELS, values[0].tolist(), errors[0].tolist(), strict=True)
    ]
    return values, ", ".join(parts)


def simulated_twin(star: SpectraSet, labels: np.ndarray) -> SpectraSet:
    """A simulated star of these labels (1, P) with the S/N of `star`, at rest, not rotating, not active."""
    snr = float(star.snr[0]) if np.isfinite(star.snr[0]) else USUAL_SNR
    return simulate(1, CHOICE_SEED, labels=labels, snr=(snr, snr * (1 + NARROW)), nuisances=OFF)
