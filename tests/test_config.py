"""Configurations: JSON both ways, presets, and one clear line for everything that does not fit."""

import copy
import json
from dataclasses import FrozenInstanceError, asdict

import numpy as np
import pytest

from gandalf_core.config.presets import HEAD, LAMBDA, PRESETS, preset, with_signs
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


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json(name):
    config = preset(name)
    assert from_json(to_json(config)) == config
    assert config.name == name


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
    assert (config.model.encoder_hidden, config.model.latent_size, config.model.decoder_hidden) == (
        (512, 256),
        25,
        (256, 512),
    )
    assert (config.adversary.hidden, config.adversary.bins, config.adversary.binning) == (
        (64, 32),
        10,
        "width",
    )
    assert config.adversary.target == "maximise" and config.adversary.reinforce == "discriminator"
    assert config.model.noise == 0 and not config.model.conditional_encoder
    assert config.model.condition_on == config.model.labels


def test_the_plain_autoencoder_conditions_on_nothing_and_watches_nothing():
    config = preset("autoencoder")
    assert config.model.condition_on == () and config.lambdas == {} and config.model.noise == 0


def test_signs_give_the_decoder_every_label():
    config = with_signs(preset("bottleneck", ("size", "age")), ("size",), ("age",))
    assert config.lambdas == {"size": LAMBDA["conditional"], "age": -HEAD} and config.model.condition_on == (
        "size",
        "age",
    )


def test_any_labels_work_the_same_way():
    config = preset("generator", ("v_sin_i", "age"))
    assert config.removed == ("v_sin_i", "age")
    with pytest.raises(ConfigError, match="teff"):
        preset("physical-removed", ("v_sin_i", "age"))


def test_fields_are_replaced_by_path_and_the_original_stays():
    config = preset("bottleneck")
    changes = {
        "model.noise": 0.3,
        "adversary.lambdas.teff": 2,
        "adversary.nuisances.vbroad": 1,
        "training.epochs": 7,
    }
    changed = with_fields(config, changes)
    assert (changed.model.noise, changed.lambdas, changed.training.epochs) == (0.3, {"teff": 2.0}, 7)
    assert changed.adversary.nuisances == {"vbroad": 1.0}
    assert config.model.noise == 0.4 and config.lambdas == {}


BAD_FIELDS = [
    ({"model.noise": -0.1}, "noise"),
    ({"model.noise": "much"}, "model.noise"),
    ({"model.noise": True}, "model.noise"),
    ({"model.noise": float("nan")}, "model.noise"),
    ({"model.latent_size": 0}, "latent_size"),
    ({"model.latent_size": 3.5}, "model.latent_size"),
    ({"model.encoder_hidden": (10**9,)}, "encoder_hidden"),
    ({"model.encoder_hidden": (8,) * 50}, "encoder_hidden"),
    ({"model.activation": "gelu"}, "activation"),
    ({"model.labels": ("teff", "teff")}, "twice"),
    ({"model.labels": ()}, "labels"),
    ({"model.condition_on": ("teff", "teff")}, "condition_on"),
    ({"model.output_activation": "sigmoid"}, "flux_scaling"),
    ({"model.condition_on": ("age",)}, "age"),
    ({"adversary.lambdas": {"age": 1}}, "age"),
    ({"adversary.lambdas": {"teff": float("inf")}}, "lambdas"),
    ({"adversary.nuisances": {"broadening_kms": -1}}, "nuisances"),
    ({"adversary.lambdas": {"teff": 1e300}}, "λ"),
    ({"adversary.ramp_epochs": -1}, "ramp_epochs"),
    ({"adversary.bins": 1}, "bins"),
    (
        {"adversary.bins": 99, "adversary.joint": True, "adversary.lambdas": {"teff": 1, "logg": 1, "mh": 1}},
        "bins",
    ),
    ({"training.epochs": 0}, "epochs"),
    ({"training.epochs": 10**30}, "epochs"),
    ({"training.mean_epochs": -1}, "mean_epochs"),
    ({"training.seed": -1}, "seed"),
    ({"training.seed": 2**31}, "seed"),
    ({"training.centring": 1.0, "training.batch_size": 2}, "batch_size"),
    ({"training.batch_size": 1}, "batch_size"),
    ({"training.mean_learning_rate": 0.0}, "learning rates"),
    ({"training.validation_fraction": 1.0}, "validation_fraction"),
    ({"training.schedule": "sometimes"}, "schedule"),
    ({"model.mean_hidden": (8,), "model.condition_on": ()}, "mean_hidden"),
    ({"model.nose": 1}, "model.nose"),
    ({"nose": 1}, "nose"),
    ({"model.noise.deep": 1}, "model.noise.deep"),
]


@pytest.mark.parametrize(
    ("changes", "named"), BAD_FIELDS, ids=[str(list(c.items())[-1]) for c, _ in BAD_FIELDS]
)
def test_an_impossible_value_is_one_line_that_names_it(changes, named):
    with pytest.raises(ConfigError) as caught:
        with_fields(preset("paper"), changes)
    assert named in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"paper"',
        '{"nmae": 1}',
        '{"model": 3}',
        '{"model": {"labels": "teff"}}',
        '{"training": {"epochs": "5"}}',
        '{"training": {"seed": ' + "9" * 5000 + "}}",
        "[" * 100_000,
    ],
)
def test_a_bad_file_is_one_line_with_its_name(text):
    with pytest.raises(ConfigError) as caught:
        from_json(text, "mine.json")
    assert str(caught.value).startswith("mine.json: ") and "\n" not in str(caught.value)


def test_types_are_settled_and_frozen_whoever_made_the_object():
    config = Config(
        model=ModelConfig(labels=["a", "b"], noise=1),
        adversary=AdversaryConfig(lambdas={"a": np.int64(2)}),
        training=TrainConfig(epochs=np.int64(3)),
    )
    assert from_json(to_json(config)) == config and hash(config) == hash(copy.deepcopy(config))
    assert (
        config.model.labels == ("a", "b")
        and type(config.training.epochs) is int
        and type(config.model.noise) is float
    )
    for change in (
        lambda: setattr(config.model, "noise", 2.0),
        lambda: config.lambdas.update(a=3),
        lambda: config.lambdas.pop("a"),
    ):
        with pytest.raises((TypeError, FrozenInstanceError)):
            change()
    for part, said in (
        ({"bins": "10"}, "bins"),
        ({"bins": 10.0}, "bins"),
        ({"lambdas": {"a": float("nan")}}, "lambdas"),
    ):
        with pytest.raises(ConfigError, match=said):
            Config(adversary=AdversaryConfig(**part))


def test_a_partial_file_takes_the_defaults():
    config = from_json('{"training": {"epochs": 3}}')
    assert config == with_fields(Config(), {"training.epochs": 3})


def test_an_unknown_preset_lists_those_there_are():
    with pytest.raises(ConfigError, match=r"physical-removed.*paper"):
        preset("psychical-removed")


def test_a_label_cannot_be_removed_and_kept():
    with pytest.raises(ConfigError, match="teff"):
        with_signs(preset("paper"), ("teff",), ("teff",))


def test_json_is_plain():
    assert json.loads(to_json(preset("generator"))) == json.loads(json.dumps(asdict(preset("generator"))))
    assert from_dict(asdict(preset("generator"))) == preset("generator")
