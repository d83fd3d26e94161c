"""Configurations: JSON both ways, presets, and one clear line for everything that does not fit."""

import copy
import json
import pickle
from dataclasses import FrozenInstanceError, asdict

import numpy as np
import pytest

from gandalf_core.config.fields import Range, Weights
from gandalf_core.config.presets import GENERATOR_LAMBDA, HEAD_LAMBDA, LAMBDA, PRESETS, preset, with_signs
from gandalf_core.config.schema import (
    AdversaryConfig,
    Config,
    ModelConfig,
    TrainConfig,
    from_dict,
    from_json,
    to_json,
    with_fields,
)
from gandalf_core.errors import ConfigError
from gandalf_core.parameters import LABELS

# --- presets ---


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json(name):
    config = preset(name)
    assert from_json(to_json(config)) == config
    assert config.name == name and config.model.labels == LABELS


@pytest.mark.parametrize(
    ("name", "removed", "kept"),
    [
        ("physical-removed", ("teff", "logg"), ("mh", "alphafe")),
        ("chemical-removed", ("mh", "alphafe"), ("teff", "logg")),
        ("paper-physical-removed", ("teff", "logg"), ("mh", "alphafe")),
        ("paper-chemical-removed", ("mh", "alphafe"), ("teff", "logg")),
        ("generator", ("teff", "logg", "mh", "alphafe"), ()),
        ("autoencoder", (), ()),
    ],
)
def test_presets_remove_and_keep_what_their_name_says(name, removed, kept):
    config = preset(name)
    assert (config.removed, config.kept) == (removed, kept)


def test_the_paper_recipe_is_the_papers():
    config = preset("paper-physical-removed")
    model, adversary = config.model, config.adversary
    assert (model.encoder_hidden, model.latent_size, model.decoder_hidden) == ((512, 256), 25, (256, 512))
    assert (adversary.hidden, adversary.bins, adversary.binning) == ((64, 32), 10, "width")
    assert adversary.target == "maximise" and adversary.reinforce == "discriminator"
    assert model.noise == 0 and not model.conditional_encoder
    assert model.condition_on == model.labels
    assert config.lambdas == {"teff": 0.03, "logg": 0.03, "mh": -0.03, "alphafe": -0.03}


def test_the_plain_autoencoder_conditions_on_nothing_and_watches_nothing():
    config = preset("autoencoder")
    model = config.model
    assert model.condition_on == () and config.lambdas == {} and model.noise == model.components == 0
    assert (model.activation, model.flux_scaling, model.normalise_latent) == ("silu", "global", False)
    assert config.training.epochs == 40


def test_a_bare_recipe_conditions_on_all_labels_and_has_no_signs():
    assert preset("paper").model.condition_on == preset("bottleneck").model.condition_on == LABELS
    assert preset("paper").lambdas == preset("bottleneck").lambdas == {}
    assert preset("bottleneck").model.noise == 0.4


def test_signs_give_the_decoder_every_label():
    config = with_signs(preset("bottleneck", ("size", "age")), ("size",), ("age",))
    assert config.lambdas == {"size": LAMBDA["conditional"], "age": -HEAD_LAMBDA}
    assert config.model.condition_on == ("size", "age")


def test_any_labels_work_the_same_way():
    config = preset("generator", ("v_sin_i", "age"))
    assert config.removed == ("v_sin_i", "age")
    assert config.lambdas == dict.fromkeys(config.removed, GENERATOR_LAMBDA)
    assert config.model.latent_size == 32 and config.training.centring == 5
    with pytest.raises(ConfigError, match="teff"):
        preset("physical-removed", ("v_sin_i", "age"))


def test_an_unknown_preset_lists_those_there_are():
    with pytest.raises(ConfigError) as caught:
        preset("psychical-removed")
    assert str(caught.value) == f"no preset 'psychical-removed'; there are: {', '.join(PRESETS)}"


def test_a_label_cannot_be_removed_and_kept():
    with pytest.raises(ConfigError) as caught:
        with_signs(preset("paper"), ("teff", "mh", "logg"), ("teff", "logg"))
    assert str(caught.value) == "logg, teff cannot be both removed and kept"


# --- who is watched, and by what ---


def test_kept_labels_have_heads_or_discriminators():
    lambdas = {"mh": -1.0, "teff": 2.0, "logg": 0.0}
    config = with_fields(preset("paper"), {"adversary.lambdas": lambdas})
    assert (config.removed, config.kept) == (("teff",), ("mh",))
    assert (config.watched, config.with_heads, config.labels_seen) == (("teff", "logg", "mh"), (), ())
    config = with_fields(config, {"adversary.reinforce": "regression", "adversary.sees_kept": True})
    assert (config.watched, config.with_heads, config.labels_seen) == (("teff", "logg"), ("mh",), ("mh",))
    assert config.columns(("mh", "teff")) == [2, 0]


# --- fields by path ---


def test_fields_are_replaced_by_path_and_the_original_stays():
    config = preset("bottleneck")
    changes = {
        "name": "mine",
        "model.noise": 0.3,
        "adversary.lambdas.teff": 2,
        "adversary.nuisances.vbroad": 1,
        "training.epochs": 7,
    }
    changed = with_fields(config, changes)
    assert (changed.model.noise, changed.lambdas, changed.training.epochs) == (0.3, {"teff": 2.0}, 7)
    assert changed.adversary.nuisances == {"vbroad": 1.0} and changed.name == "mine"
    assert config.model.noise == 0.4 and config.lambdas == {}


NO_FIELD = "no configuration field '{}'"
BAD_FIELDS = [  # changes, and the message
    ({"model.noise": -0.1}, "model.noise is -0.1: it must be at least 0"),
    ({"model.noise": "much"}, "model.noise cannot be 'much'"),
    ({"model.noise": True}, "model.noise cannot be True"),
    ({"model.noise": float("nan")}, "model.noise cannot be nan"),
    ({"model.noise": float("inf")}, "model.noise cannot be inf"),
    ({"model.noise": 10**400}, f"model.noise cannot be {10**400}"),
    ({"model.noise": None}, "model.noise cannot be None"),
    ({"name": 3}, "name cannot be 3"),
    ({"model.conditional_encoder": 1}, "model.conditional_encoder cannot be 1"),
    ({"model.latent_size": 0}, "model.latent_size is 0: it must be 1 to 8,192"),
    ({"model.latent_size": 8193}, "model.latent_size is 8193: it must be 1 to 8,192"),
    ({"model.latent_size": 3.5}, "model.latent_size cannot be 3.5"),
    ({"model.latent_size": True}, "model.latent_size cannot be True"),
    ({"model.encoder_hidden": (8, 8193)}, "model.encoder_hidden is 8193: it must be 1 to 8,192"),
    ({"model.encoder_hidden": 8}, "model.encoder_hidden cannot be 8"),
    ({"model.encoder_hidden": (8, "x")}, "model.encoder_hidden cannot be 'x'"),
    ({"model.encoder_hidden": (8,) * 9}, "model.encoder_hidden has 9 layers: at most 8"),
    ({"model.decoder_hidden": (8,) * 9}, "model.decoder_hidden has 9 layers: at most 8"),
    ({"model.mean_hidden": (8,) * 9}, "model.mean_hidden has 9 layers: at most 8"),
    ({"adversary.hidden": (8,) * 9}, "adversary.hidden has 9 layers: at most 8"),
    ({"model.mean_networks": 9}, "model.mean_networks is 9: it must be 1 to 8"),
    ({"model.components": -1}, "model.components is -1: it must be 0 to 100,000"),
    ({"model.components": 100_001}, "model.components is 100001: it must be 0 to 100,000"),
    ({"model.activation": "gelu"}, "model.activation is 'gelu': choose relu, silu, tanh, sigmoid"),
    ({"model.labels": ("teff", "teff")}, "model.labels names a label twice: teff, teff"),
    (
        {"model.labels": ()},
        "model.labels is empty: a model has at least one label, even if no star has it",
    ),
    ({"model.labels": "teff"}, "model.labels cannot be 'teff'"),
    ({"model.condition_on": ("teff", "teff")}, "model.condition_on names a label twice: teff, teff"),
    (
        {"model.condition_on": ("age", "teff", "size")},
        "model.condition_on names age, size, not among the labels teff, logg, mh, alphafe",
    ),
    (
        {"model.condition_on": (), "model.conditional_encoder": True},
        "a conditional encoder needs labels in model.condition_on",
    ),
    (
        {"model.mean_hidden": (8,), "model.condition_on": ()},
        "model.mean_hidden is set but model.condition_on is empty: a mean spectrum needs labels",
    ),
    (
        {"model.mean_hidden": (8,), "model.output_activation": "sigmoid", "model.flux_scaling": "range"},
        "a mean + residual decoder has a linear output: set model.output_activation to linear",
    ),
    (
        {"model.output_activation": "sigmoid"},
        "a sigmoid output draws between 0 and 1: set model.flux_scaling to range (or none)",
    ),
    (
        {"adversary.lambdas": {"age": 1}},
        "adversary.lambdas names age, not among the labels teff, logg, mh, alphafe",
    ),
    ({"adversary.lambdas": {"teff": float("inf")}}, "adversary.lambdas.teff cannot be inf"),
    ({"adversary.lambdas.teff": "1"}, "adversary.lambdas.teff cannot be '1'"),
    ({"adversary.lambdas": ["teff"]}, "adversary.lambdas cannot be ['teff']"),
    (
        {"adversary.lambdas": {"logg": 1, "teff": 1.1e6}},
        "adversary.lambdas.teff is 1100000.0: it must be -1,000,000 to 1,000,000",
    ),
    ({"adversary.nuisances": {"vbroad": -1}}, "adversary.nuisances.vbroad is -1.0: it must be at least 0"),
    ({"adversary.ramp_epochs": -1}, "adversary.ramp_epochs is -1.0: it must be at least 0"),
    ({"adversary.dependence": -1}, "adversary.dependence is -1.0: it must be at least 0"),
    ({"adversary.dependence_spread": -1}, "adversary.dependence_spread is -1.0: it must be at least 0"),
    ({"adversary.steps": 0}, "adversary.steps is 0: it must be at least 1"),
    ({"adversary.bins": 1}, "adversary.bins is 1: it must be 2 to 100,000"),
    (
        {"adversary.bins": 47, "adversary.joint": True, "adversary.lambdas": {"teff": 1, "logg": 1, "mh": 1}},
        "adversary.bins is 47: for 3 labels, a joint discriminator has 47 to the power of 3 outputs, "
        "at most 100,000",
    ),
    ({"training.epochs": 0}, "training.epochs is 0: it must be 1 to 1,000,000"),
    ({"training.epochs": 10**30}, f"training.epochs is {10**30}: it must be 1 to 1,000,000"),
    ({"training.mean_epochs": -1}, "training.mean_epochs is -1: it must be 1 to 1,000,000"),
    ({"training.seed": -1}, "training.seed is -1: it must be 0 to 2,147,483,647"),
    ({"training.seed": 2**31}, "training.seed is 2147483648: it must be 0 to 2,147,483,647"),
    (
        {"training.centring": 1.0, "training.batch_size": 2},
        "training.centring compares a star with two others: training.batch_size ≥ 3 is needed",
    ),
    ({"training.centring": -1.0}, "training.centring is -1.0: it must be at least 0"),
    ({"training.input_noise": -1.0}, "training.input_noise is -1.0: it must be at least 0"),
    ({"training.batch_size": 1}, "training.batch_size is 1: it must be at least 2"),
    ({"training.learning_rate": 0}, "training.learning_rate is 0.0: it must be more than 0"),
    ({"training.mean_shrinkage": 1.5}, "training.mean_shrinkage is 1.5: it must be 0 to 1"),
    (
        {"model.mean_hidden": (8,), "model.mean_grid": "g.npz"},
        "model.mean_grid is g.npz, which only model.mean_start grid uses: set that too",
    ),
    (
        {"model.mean_start": "grid", "model.condition_on": ()},
        "model.mean_start is set but model.condition_on is empty: a mean spectrum needs labels",
    ),
    (
        {"model.mean_start": "grid", "model.output_activation": "sigmoid", "model.flux_scaling": "range"},
        "a mean + residual decoder has a linear output: set model.output_activation to linear",
    ),
    (
        {"model.mean_start": "grid", "model.mean_hidden": (8,), "model.condition_on": ("teff", "mh")},
        "model.mean_start is grid: the simulator's grid needs logg, alphafe in model.condition_on, too; or "
        "name another grid, a file, in model.mean_grid",
    ),
    (
        {"model.nuisance_responses": True, "model.mean_hidden": (8,)},
        "model.nuisance_responses are those of a grid: set model.mean_start to grid, or them to false",
    ),
    ({"model.mean_start": "file"}, "model.mean_start is 'file': choose none, grid"),
    ({"training.mean_learning_rate": 0}, "training.mean_learning_rate is 0.0: it must be more than 0"),
    ({"adversary.learning_rate": -1}, "adversary.learning_rate is -1.0: it must be more than 0"),
    (
        {"training.validation_fraction": 1},
        "training.validation_fraction is 1.0: it must be 0 to less than 1",
    ),
    ({"training.schedule": "sometimes"}, "training.schedule is 'sometimes': choose constant, onecycle"),
    ({"model.nose": 1}, NO_FIELD.format("model.nose")),
    ({"nose": 1}, NO_FIELD.format("nose")),
    ({"lambdas": {}}, NO_FIELD.format("lambdas")),
    ({"lambdas.teff": 1}, NO_FIELD.format("lambdas.teff")),
    ({"model.noise.deep": 1}, NO_FIELD.format("model.noise.deep")),
    ({"model.noise.very.deep": 1}, NO_FIELD.format("model.noise.very.deep")),
    ({"model": 3}, "model must be an object with fields"),
    ({"model": {"nose": 1, "ears": 2}}, "unknown field model.ears; fields: labels, condition_on, "),
]


@pytest.mark.parametrize(
    ("changes", "message"), BAD_FIELDS, ids=[str(list(c.items())[-1])[:60] for c, _ in BAD_FIELDS]
)
def test_an_impossible_value_is_one_line_that_names_it(changes, message):
    with pytest.raises(ConfigError) as caught:
        with_fields(preset("paper"), changes)
    said = str(caught.value)
    assert said == message or (message.endswith(", ") and said.startswith(message)), said
    assert "\n" not in said


GOOD_FIELDS = [
    {"model.noise": 0, "model.latent_size": 1, "model.encoder_hidden": [], "model.components": 100_000},
    {"model.latent_size": 8192, "model.encoder_hidden": [1] * 8, "adversary.hidden": [8192] * 8},
    {"model.mean_networks": 8, "model.mean_hidden": [8], "model.output_activation": "linear"},
    {"model.mean_hidden": [8], "model.mean_start": "grid"},
    {"model.mean_hidden": [], "model.mean_start": "grid"},
    {
        "model.mean_hidden": [8],
        "model.mean_start": "grid",
        "model.mean_grid": "g.npz",
        "model.condition_on": ["teff"],
    },
    {"model.output_activation": "sigmoid", "model.flux_scaling": "range"},
    {"model.output_activation": "sigmoid", "model.flux_scaling": "none"},
    {"adversary.lambdas": {"teff": 1e6, "logg": -1e6}, "adversary.steps": 1, "adversary.ramp_epochs": 0},
    {"adversary.bins": 100_000, "adversary.lambdas": {"teff": 1, "logg": 1}},
    {"adversary.bins": 10, "adversary.joint": True, "adversary.lambdas": dict.fromkeys(LABELS, 1)},
    {"adversary.bins": 46, "adversary.joint": True, "adversary.lambdas": dict.fromkeys(LABELS[:3], 1)},
    {"training.seed": 2**31 - 1, "training.epochs": 1_000_000, "training.validation_fraction": 0},
    {"training.batch_size": 2, "training.validation_fraction": 0.999},
    {"training.batch_size": 3, "training.centring": 1},
    {"model.conditional_encoder": True},
]


@pytest.mark.parametrize("changes", GOOD_FIELDS, ids=str)
def test_the_ends_of_each_range_are_allowed(changes):
    config = with_fields(preset("paper"), changes)
    for path, value in changes.items():
        *parents, leaf = path.split(".")
        part = getattr(config, parents[0]) if parents else config
        assert getattr(part, leaf) == (tuple(value) if isinstance(value, list) else value)
    assert from_json(to_json(config)) == config


def test_a_range_says_what_it_contains():
    assert str(Range(0)) == "at least 0" and str(Range(0, without=(0,))) == "more than 0"
    assert str(Range(-1, 2000)) == "-1 to 2,000" and str(Range(0, 1, without=(1,))) == "0 to less than 1"
    assert [x in Range(0, 1, without=(1,)) for x in (-0.1, 0, 0.5, 1, 1.1)] == [0, 1, 1, 0, 0]


# --- JSON ---


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("[]", "the configuration must be an object with fields"),
        ("null", "the configuration must be an object with fields"),
        ('"paper"', "the configuration must be an object with fields"),
        ('{"nmae": 1}', "unknown field nmae; fields: name, model, adversary, training"),
        ('{"model": 3}', "model must be an object with fields"),
        ('{"model": {"labels": "teff"}}', "model.labels cannot be 'teff'"),
        ('{"training": {"epochs": "5"}}', "training.epochs cannot be '5'"),
        ('{"training": {"seed": ' + "9" * 5000 + "}}", "Exceeds the limit"),
        ("[" * 100_000, "maximum recursion depth exceeded"),
    ],
)
def test_a_bad_file_is_one_line_with_its_name(text, cause):
    with pytest.raises(ConfigError) as caught:
        from_json(text, "mine.json")
    assert str(caught.value).startswith(f"mine.json: {cause}") and "\n" not in str(caught.value)


def test_a_text_without_a_name_is_a_configuration():
    with pytest.raises(ConfigError, match=r"^configuration: the configuration must be"):
        from_json("3")


def test_a_partial_file_takes_the_defaults():
    config = from_json('{"training": {"epochs": 3}}')
    assert config == with_fields(Config(), {"training.epochs": 3})


def test_json_is_plain():
    config = with_fields(preset("generator", ("σ",)), {"training.epochs": 3})
    assert json.loads(to_json(config)) == json.loads(json.dumps(asdict(config)))
    assert from_dict(asdict(config)) == config
    assert to_json(config).startswith('{\n  "name": "generator",\n  "model": {\n    "labels": [\n      "σ"')


# --- types, whoever made the object ---


def test_types_are_settled_and_frozen_whoever_made_the_object():
    config = Config(
        model=ModelConfig(labels=["a", "b"], noise=1),
        adversary=AdversaryConfig(lambdas={"a": np.int64(2)}),
        training=TrainConfig(epochs=np.int64(3)),
    )
    assert from_json(to_json(config)) == config and hash(config) == hash(copy.deepcopy(config))
    assert config.model.labels == ("a", "b") and type(config.lambdas["a"]) is float
    assert type(config.training.epochs) is int and type(config.model.noise) is float
    for part, message in (
        ({"bins": "10"}, "adversary.bins cannot be '10'"),
        ({"bins": 10.0}, "adversary.bins cannot be 10.0"),
        ({"lambdas": {"a": float("nan")}}, "adversary.lambdas.a cannot be nan"),
    ):
        with pytest.raises(ConfigError, match=f"^{message}$"):
            Config(adversary=AdversaryConfig(**part))


def test_weights_are_a_dictionary_that_cannot_change():
    weights = Weights(a=1.0, b=2.0)
    assert weights == {"a": 1.0, "b": 2.0} and hash(weights) == hash(Weights(b=2.0, a=1.0))
    assert pickle.loads(pickle.dumps(weights)) == copy.deepcopy(weights) == weights
    assert type(copy.deepcopy(weights)) is Weights
    for change in (
        lambda: weights.update(a=3),
        lambda: weights.pop("a"),
        lambda: weights.clear(),
        lambda: weights.setdefault("c", 1.0),
        lambda: weights.popitem(),
        lambda: weights.__setitem__("a", 3.0),
        lambda: weights.__delitem__("a"),
        lambda: weights.__ior__({"a": 3.0}),
    ):
        with pytest.raises(TypeError, match=r"^a configuration is frozen: with_fields makes another one$"):
            change()
    with pytest.raises(FrozenInstanceError):
        preset("paper").model.noise = 2.0


def test_a_joint_discriminator_has_at_most_a_hundred_thousand_outputs():
    def joint(count: int) -> dict:
        labels = [f"label{k}" for k in range(count)]
        adversary = {"joint": True, "bins": 10, "lambdas": dict.fromkeys(labels, 1.0)}
        return {"model": {"labels": labels}, "adversary": adversary}

    assert from_dict(joint(5)).adversary.joint
    with pytest.raises(ConfigError, match="10 to the power of 6 outputs, at most 100,000"):
        from_dict(joint(6))
