"""What own stars have taught a model's mean spectrum, as a spectrum: where its physics was wrong.

Shapes: N stars, L pixels, P labels.
"""

import numpy as np
import torch

from .trained import TrainedModel


@torch.inference_mode()
def mean_correction(model: TrainedModel, labels: np.ndarray) -> np.ndarray | None:
    """(N, L) flux that own stars add to the mean spectrum at labels (N, P); None where none did.

    Labels are in physical units, and known where the decoder receives them.
    """
    decoder = model.decoder
    if decoder.shift is None:
        return None
    standard = model.scaler.labels_standard(np.asarray(labels, np.float64))
    y = torch.from_numpy(standard[:, model.config.columns(model.condition_on)])
    added = decoder.shift(y, decoder.unshifted_mean(y)).numpy()
    return added * model.scaler.flux_scale
