"""The settings of a regressor: the paper's by default, and those that read spectra better."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RegressorSettings:
    """How a regressor is fitted; the defaults are the paper's (Manteiga et al. 2025, section 5).

    Attributes
    ----------
    hidden: units of the hidden layers.  alpha: L2 penalty, as in scikit-learn.
    max_iter: passes over the stars at most.
    early_stopping: slow down, later stop, when the loss of the held-out stars no longer falls, and keep the
        best weights; otherwise exactly `max_iter` passes.
    seed: of the weights, the batches and the choice of held-out stars.
    joint: labels known for the same stars share a network; False for one network per label.
    ensemble: how many networks are averaged.
    components: the first layer sees only that many principal components of the inputs. Most of 800 pixels is
        noise, which a network learns by heart.
    use_snr: the inputs are flux with white noise of 1/snr; the S/N is an input too, and in every pass most
        stars are shown with fresh noise on top.
    """

    hidden: tuple[int, ...] = (200, 100)
    alpha: float = 1e-4
    max_iter: int = 1000
    early_stopping: bool = True
    seed: int = 0
    joint: bool = True
    ensemble: int = 1
    components: int | None = None
    use_snr: bool = False


PAPER = RegressorSettings()
FOR_SPECTRA = RegressorSettings(components=32, use_snr=True, alpha=0.05)  # reads spectra best; needs S/N
