"""Presets: short differences from the default configuration, each with its reason.

A preset is a recipe (`paper` or `bottleneck`) for a representation (which labels are removed, which kept).
"""

from types import MappingProxyType

from ..errors import ConfigError
from ..parameters import LABELS
from .schema import Config, ModelConfig, with_fields

PAPER = MappingProxyType(
    {
        "training.epochs": 20,
        "adversary.target": "maximise",  # L = L_rec − Σ λ_i·CE_i as it stands
    }
)
BOTTLENECK = MappingProxyType(
    {
        "model.normalise_latent": True,  # a trace far below the noise is really gone
        "model.noise": 0.4,
        "model.activation": "silu",
        # a pixel of continuum, which is all noise, is not blown up to the size of a line
        "model.flux_scaling": "global",
        "model.components": 64,  # most of 800 pixels is noise, which an encoder learns by heart
        "model.mean_hidden": (256, 256, 256),  # the sliders act through m(y), which z cannot shortcut
        "adversary.hidden": (256, 128),
        "adversary.binning": "count",
        "adversary.sees_kept": True,
        "adversary.target": "conditional",  # uniform would also fight what kept labels say, and cost them
        "adversary.reinforce": "regression",
        "adversary.dependence": 1.0,  # catches what discriminators miss while they learn
        "adversary.steps": 3,
        "adversary.ramp_epochs": 4.0,
        "training.weight_by_error": True,
        "training.input_noise": 1.0,
        "training.mean_epochs": 40,
        "training.schedule": "onecycle",
        "training.learning_rate": 2e-3,
        "training.epochs": 40,
    }
)
RECIPES = MappingProxyType({"paper": PAPER, "bottleneck": BOTTLENECK})
# |λ| where only the signs are given, by target. With `maximise`, already |λ| = 0.3 outgrows L_rec: x̂ becomes
# the mean spectrum for every star.
LAMBDA = MappingProxyType({"maximise": 0.03, "uniform": 2.0, "conditional": 2.0})
# |λ| of a kept label's regression head, whose squared error is small where the label is well read
HEAD_LAMBDA = 10.0
GENERATOR = MappingProxyType(
    {
        "model.latent_size": 32,  # room for every nuisance beside the labels, in spite of the noise
        "model.components": 100,
        "model.decoder_hidden": (512, 512),
        "training.mean_epochs": 50,
        "training.mean_learning_rate": 4e-3,
        # too small a part of L_rec to survive the noise of z without a head
        "adversary.nuisances": {"broadening_kms": 0.3, "dib_depth": 0.1},
        "training.centring": 5.0,
        "adversary.dependence": 0.3,  # with 1, four penalties at once leave no latent to speak of
    }
)
# m(y) from the simulator's grid, where the labels are those that the grid has: neither m nor r has to learn
# from noisy stars what physics says
FROM_GRID = MappingProxyType(
    {
        "model.mean_hidden": (),
        "model.mean_start": "grid",
        "model.nuisance_responses": True,
    }
)
FROM_STARS = MappingProxyType(
    {
        # 48 functions of the labels, shared by all components: better edges
        "model.mean_hidden": (512, 256, 48, 256),
        "model.mean_networks": 2,
    }
)
GENERATOR_LAMBDA = 0.05  # beside the dependence penalty: for what differences of the mean do not show
PLAIN = (
    "model.activation",
    "model.flux_scaling",
    "training.weight_by_error",
    "training.schedule",
    "training.learning_rate",
)
PHYSICAL, CHEMICAL = ("teff", "logg"), ("mh", "alphafe")
EXERCISES = MappingProxyType(
    {
        "physical-removed": ("bottleneck", PHYSICAL, CHEMICAL),
        "chemical-removed": ("bottleneck", CHEMICAL, PHYSICAL),
        "paper-physical-removed": ("paper", PHYSICAL, CHEMICAL),
        "paper-chemical-removed": ("paper", CHEMICAL, PHYSICAL),
    }
)
PRESETS = ("autoencoder", *EXERCISES, "generator", *RECIPES)


def with_signs(config: Config, removed: tuple[str, ...], kept: tuple[str, ...]) -> Config:
    """The configuration that removes and keeps these labels; its decoder receives all (paper, section 3).

    Raises ConfigError for a label that is to be both removed and kept, or is not among the labels.
    """
    both = set(removed) & set(kept)
    if both:
        raise ConfigError(f"{', '.join(sorted(both))} cannot be both removed and kept")
    strength = LAMBDA[config.adversary.target]
    kept_strength = HEAD_LAMBDA if config.adversary.reinforce == "regression" else strength
    lambdas = dict.fromkeys(removed, strength) | dict.fromkeys(kept, -kept_strength)
    return with_fields(config, {"adversary.lambdas": lambdas, "model.condition_on": config.model.labels})


def preset(name: str, labels: tuple[str, ...] = LABELS) -> Config:
    """A preset by name. A bare recipe has no signs yet: add them with `with_signs`.

    Raises ConfigError for an unknown name, or for a representation of labels that are not among `labels`.
    """
    base = Config(name, ModelConfig(labels=labels))
    if name == "autoencoder":  # λ = 0, no noise, nothing conditioned: the "pure latent space"
        return with_fields(base, {k: BOTTLENECK[k] for k in PLAIN} | {"training.epochs": 40})
    if name not in PRESETS:
        raise ConfigError(f"no preset '{name}'; there are: {', '.join(PRESETS)}")
    recipe, removed, kept = EXERCISES.get(name, (name, (), ()))
    config = with_fields(base, {**RECIPES.get(recipe, BOTTLENECK), "model.condition_on": labels})
    known = set(LABELS) <= set(labels)
    if name == "generator":
        lambdas = dict.fromkeys(labels, GENERATOR_LAMBDA)
        mean = FROM_GRID if known else FROM_STARS
        return with_fields(config, {**GENERATOR, **mean, "adversary.lambdas": lambdas})
    if recipe == "bottleneck" and known:
        config = with_fields(config, dict(FROM_GRID))
    return with_signs(config, removed, kept)
