"""The settings of a regressor: the paper's by default, and those that read latents and spectra better."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class RegressorSettings:
    """How a regressor is fitted; the defaults are the paper's (Manteiga et al. 2025, section 5).

    Attributes
    ----------
    hidden: units of the hidden layers.
    alpha: L2 penalty, as in scikit-learn; without scikit-learn the decay of weights in AdamW.
    max_iter: passes over the stars at most.
    early_stopping: without it exactly `max_iter` passes, and the weights of the last; with it those of the
        pass that predicts the held-out stars best, and fewer passes where more do not help.
    seed: of the weights, the batches and the choice of held-out stars.
    joint: labels known for the same stars share a network; False for one network per label.
    ensemble: how many networks are averaged.
    components: the first layer sees only that many principal components of the inputs. Most of 800 pixels is
        noise, which a network learns by heart.
    use_snr: the S/N is an input too.
    scikit_learn: fitted by scikit-learn's `MLPRegressor`, as in the paper; otherwise in two rounds by PyTorch
        (`training.reader_networks`), which takes less time and reads better.
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
    scikit_learn: bool = True


PAPER = RegressorSettings()
# read best; both need the S/N unless `use_snr` is taken back
FOR_LATENTS = RegressorSettings(
    hidden=(100, 100, 100), alpha=0.1, max_iter=200, ensemble=2, use_snr=True, scikit_learn=False
)
FOR_SPECTRA = replace(FOR_LATENTS, components=64)
