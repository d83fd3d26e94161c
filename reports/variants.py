"""The variants of the ablation: each recipe with one switch changed."""

from typing import Any

from gandalf_core.parameters import LABELS

Changes = dict[str, Any]  # path of a field of the configuration -> its value


def _lambdas(names: tuple[str, ...], value: float) -> Changes:
    return {f"adversary.lambdas.{name}": value for name in names}


PHYSICAL: dict[str, Changes] = {
    "the recipe": {},
    "the recipe, seed 1": {"training.seed": 1},
    "the recipe, seed 2": {"training.seed": 2},
    "no noise in the latent": {"model.noise": 0.0},
    "every pixel": {"model.components": 0},
    "one view of the noise": {"training.input_noise": 0.0},
    "heads of weight 1": _lambdas(("mh", "alphafe"), -1.0),
    "no regression heads": {"adversary.reinforce": "discriminator", **_lambdas(("mh", "alphafe"), -1.0)},
    "uniform target": {"adversary.target": "uniform"},
    "maximised error, λ = 0.03": {"adversary.target": "maximise", **_lambdas(("teff", "logg"), 0.03)},
    "1 discriminator step": {"adversary.steps": 1},
    "one decoder without m(y)": {"model.mean_start": "none", "model.nuisance_responses": False},
    "no dependence penalty": {"adversary.dependence": 0.0},
    "one joint discriminator": {"adversary.joint": True},
    "conditional encoder": {"model.conditional_encoder": True},
    "bins of equal width": {"adversary.binning": "width"},
    "discriminators do not see the kept labels": {"adversary.sees_kept": False},
    "no normalisation of the latent": {"model.normalise_latent": False},
    "plain MSE": {"training.weight_by_error": False},
    "20 bins": {"adversary.bins": 20},
}
MEAN = (512, 256, 48, 256)  # widths of networks for m(y)
GENERATOR: dict[str, Changes] = {
    "generator": {},
    "generator, seed 1": {"training.seed": 1},
    "generator, no dependence penalty": {"adversary.dependence": 0.0},
    "generator, no penalty on spreads": {"adversary.dependence_spread": 0.0},
    "generator, a fifth of the penalty": {"adversary.dependence": 0.06},
    "generator, no heads for nuisances": {"adversary.nuisances": {}},
    "generator, no discriminators but the penalty": _lambdas(LABELS, 1e-6),
    "generator, no centring": {"training.centring": 0.0},
    "generator, no adversary of any kind": {"adversary.dependence": 0.0, **_lambdas(LABELS, 1e-6)},
    "generator, no responses to nuisances": {"model.nuisance_responses": False},
    "generator, networks correct the grid": {"model.mean_hidden": MEAN, "model.mean_networks": 2},
    "generator, mean spectrum from networks alone": {
        "model.mean_start": "none",
        "model.nuisance_responses": False,
        "model.mean_hidden": MEAN,
        "model.mean_networks": 2,
    },
    "generator, every pixel": {"model.components": 0},
    "generator, one view of the noise": {"training.input_noise": 0.0},
}
PAPER: dict[str, Changes] = {
    "paper recipe": {},
    "paper recipe, one joint discriminator": {"adversary.joint": True},
    "paper recipe, conditional encoder": {"model.conditional_encoder": True},
    "paper recipe, sigmoid latent": {"model.latent_activation": "sigmoid"},
}
BASES = {"paper-physical-removed": PAPER, "physical-removed": PHYSICAL, "generator": GENERATOR}


def slug(name: str) -> str:
    """A variant's name as the name of its file."""
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in name).split())
