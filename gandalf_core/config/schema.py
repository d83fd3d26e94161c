"""One typed, frozen configuration per model, JSON both ways, and the presets as short diffs against the
default.

A field is addressed by its dotted path (`model.noise`), as in the JSON; `with_fields` is what the sweep and
the train page use.
"""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints

from ..errors import ConfigError, UnknownFieldError
from ..parameters import LABELS, MAX_SEED

MAX_WIDTH, MAX_LAYERS, MAX_OUTPUTS = 8192, 8, 100_000  # a stranger's config must not exhaust the memory
CHOICES = {
    "activation": ("relu", "silu", "tanh", "sigmoid"),
    "latent_activation": ("linear", "sigmoid"),
    "output_activation": ("linear", "sigmoid"),
    "flux_scaling": ("pixel", "global", "range", "none"),
    "binning": ("width", "count"),
    "target": ("maximise", "uniform", "conditional"),
    "reinforce": ("discriminator", "regression"),
    "schedule": ("constant", "onecycle"),
}
OPEN = (["lambdas"], ["nuisances"])  # fields that hold names of the user's choice
MAX_LAMBDA = 1e6  # the networks count in 32 bits
MAX_EPOCHS = 1_000_000


class Weights(dict[str, float]):
    """A number for each name; frozen, as the configuration that holds it."""

    def _refuse(self, *_: Any, **__: Any) -> None:
        raise TypeError("a configuration is frozen: with_fields makes another one")

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple:
        return Weights, (dict(self),)


@dataclass(frozen=True)
class ModelConfig:
    """Encoder L→…→Z and decoder (Z + len(condition_on))→…→L (paper section 3, Figs. 1 and 6)."""

    labels: tuple[str, ...] = LABELS
    condition_on: tuple[str, ...] = ()  # labels the decoder receives; none: a plain auto-encoder, no sliders
    conditional_encoder: bool = False  # True: z = E(x ⊕ y), the paper's Fig. 1; False: blind, Fig. 6
    latent_size: int = 25
    encoder_hidden: tuple[int, ...] = (512, 256)
    decoder_hidden: tuple[int, ...] = (256, 512)
    mean_hidden: tuple[int, ...] = ()  # not empty: x̂ = m(y) + r(z, y), m of these widths
    # m is the average of so many, each fitted by itself: they err apart where a slider leaves the sample
    mean_networks: int = 1
    activation: str = "relu"
    latent_activation: str = "linear"
    output_activation: str = "linear"
    # unit variance per pixel, one common scale, the sample's range as 0 to 1, or flux as it is
    flux_scaling: str = "pixel"
    # batch normalisation without affine: unit variance, nothing hides in a tiny scale
    normalise_latent: bool = False
    noise: float = 0.0  # σ of the stochastic latent, in training and in the exported z
    # the networks see and draw so many principal components of the training spectra; 0: every pixel
    components: int = 0
    mask_calcium: bool = False  # True: the Ca II cores (±0.12 nm) are never seen


@dataclass(frozen=True)
class AdversaryConfig:
    """The discriminators and how λ acts. A label listed in `lambdas` has a discriminator, even at λ = 0."""

    lambdas: Weights = field(default_factory=Weights)  # > 0 removes the label from z, < 0 reinforces it
    hidden: tuple[int, ...] = (64, 32)
    bins: int = 10
    binning: str = "width"
    joint: bool = False  # True: a single discriminator over all bin combinations (the paper's comparison)
    sees_kept: bool = False  # True: the discriminators see z and the true kept labels
    # what λ > 0 pushes towards: the largest error, uniform bins, or p(bin | kept labels)
    target: str = "maximise"
    reinforce: str = "discriminator"  # what λ < 0 lowers: the discriminator's error, or a regression head's
    # weights of heads that read what is no label: z is to hold it
    nuisances: Weights = field(default_factory=Weights)
    # weight of a penalty on differences of z between bins of a removed label (dependence.py)
    dependence: float = 0.0
    dependence_spread: float = 1.0  # the share in it of differences of spread, beside those of the mean
    steps: int = 1  # discriminator updates per auto-encoder update, each after the first on a fresh batch
    learning_rate: float = 1e-3
    ramp_epochs: float = 0.0  # λ grows linearly from 0 over the first epochs


@dataclass(frozen=True)
class TrainConfig:
    """The optimisation. `validation_fraction` is carved from the training stars, never from the test stars."""

    epochs: int = 30
    batch_size: int = 256
    learning_rate: float = 1e-3
    schedule: str = "constant"
    # passes that fit m(y): beforehand or, where z knows none of its labels, mostly at the end
    mean_epochs: int = 30
    mean_learning_rate: float = 1e-2  # of those passes
    # weight of ‖E_z r(z, y)‖²: the rest of a mean + residual decoder leaves to m what labels alone say
    centring: float = 0.0
    # True: L_rec is a reduced χ², so that a noisy star does not outweigh a good one
    weight_by_error: bool = False
    # a: the encoder sees x + a·ε, the loss x − ε/a, ε as large as the spectrum's own noise; 0: both x
    input_noise: float = 0.0
    validation_fraction: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Config:
    """Everything that defines a training run. Raises ConfigError for an impossible value."""

    name: str = "autoencoder"
    model: ModelConfig = field(default_factory=ModelConfig)
    adversary: AdversaryConfig = field(default_factory=AdversaryConfig)
    training: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        _settle_types(self)
        for part in (self.model, self.adversary, self.training):
            _check_choices(part)
        _check_labels(self)
        _check_sizes(self)

    @property
    def lambdas(self) -> dict[str, float]:
        return self.adversary.lambdas

    @property
    def removed(self) -> tuple[str, ...]:
        return tuple(n for n in self.model.labels if self.lambdas.get(n, 0) > 0)

    @property
    def kept(self) -> tuple[str, ...]:
        """Labels reinforced in z: λ < 0."""
        return tuple(n for n in self.model.labels if self.lambdas.get(n, 0) < 0)

    @property
    def with_heads(self) -> tuple[str, ...]:
        """Kept labels that a regression head reads, in place of a discriminator."""
        return self.kept if self.adversary.reinforce == "regression" else ()

    @property
    def watched(self) -> tuple[str, ...]:
        """Labels with a discriminator."""
        return tuple(n for n in self.model.labels if n in self.lambdas and n not in self.with_heads)

    @property
    def labels_seen(self) -> tuple[str, ...]:
        """Labels that the discriminators see beside z."""
        return self.kept if self.adversary.sees_kept else ()

    def columns(self, names: tuple[str, ...]) -> list[int]:
        """The columns of these labels among `model.labels`."""
        return [self.model.labels.index(n) for n in names]


def _settle_types(part: Any, path: str = "") -> None:
    """Each field as its declared type, whoever made the object: a list becomes a tuple, a text for a number a
    ConfigError.
    """
    for name, hint in get_type_hints(type(part)).items():
        object.__setattr__(part, name, _convert(hint, getattr(part, name), path + name))


def _check_choices(part: Any) -> None:
    for name, allowed in CHOICES.items():
        value = getattr(part, name, allowed[0])
        if value not in allowed:
            raise ConfigError(f"{name} is '{value}': choose {', '.join(allowed)}")


def _check_labels(config: Config) -> None:
    labels = config.model.labels
    if not labels:
        raise ConfigError("labels is empty: a model has at least one label, even if no star has it")
    for where, names in (("labels", labels), ("condition_on", config.model.condition_on)):
        if len(set(names)) != len(names):
            raise ConfigError(f"{where} names one twice: {', '.join(names)}")
    for where, names in (("condition_on", config.model.condition_on), ("lambdas", config.lambdas)):
        unknown = [n for n in names if n not in labels]
        if unknown:
            raise ConfigError(
                f"{where} names {', '.join(unknown)}, which is not among the labels {', '.join(labels)}"
            )
    if config.model.conditional_encoder and not config.model.condition_on:
        raise ConfigError("a conditional encoder needs labels in condition_on")


def _check_sizes(config: Config) -> None:
    m, a, t = config.model, config.adversary, config.training
    for name, widths in (
        ("encoder_hidden", m.encoder_hidden),
        ("decoder_hidden", m.decoder_hidden),
        ("mean_hidden", m.mean_hidden),
        ("hidden", a.hidden),
        ("latent_size", (m.latent_size,)),
    ):
        if len(widths) > MAX_LAYERS or any(not 1 <= w <= MAX_WIDTH for w in widths):
            raise ConfigError(f"{name} is {widths}: at most {MAX_LAYERS} layers of 1 to {MAX_WIDTH} units")
    if a.bins < 2 or (a.bins ** len(a.lambdas) if a.joint else a.bins) > MAX_OUTPUTS:
        raise ConfigError(
            f"bins is {a.bins}: at least 2, and at most {MAX_OUTPUTS} outputs of a discriminator"
        )
    if not 0 <= m.components <= MAX_OUTPUTS:
        raise ConfigError(
            f"components is {m.components}: 0 for every pixel, or how many principal components"
        )
    if not 1 <= m.mean_networks <= MAX_LAYERS:
        raise ConfigError(f"mean_networks is {m.mean_networks}: 1 to {MAX_LAYERS}")
    if m.mean_hidden and not m.condition_on:
        raise ConfigError("mean_hidden is set but condition_on is empty: a mean spectrum needs labels")
    if m.mean_hidden and m.output_activation != "linear":
        raise ConfigError("a mean + residual decoder has a linear output")
    if m.output_activation == "sigmoid" and m.flux_scaling not in ("range", "none"):
        raise ConfigError("a sigmoid output draws between 0 and 1: set flux_scaling to range (or none)")
    if (
        min(
            m.noise,
            t.input_noise,
            t.centring,
            a.dependence,
            a.dependence_spread,
            a.ramp_epochs,
            *a.nuisances.values(),
        )
        < 0
    ):
        named = "noise, input_noise, centring, dependence, dependence_spread, ramp_epochs and weights of nuisances"
        raise ConfigError(f"{named} ≥ 0 are needed")
    if max(map(abs, a.lambdas.values()), default=0) > MAX_LAMBDA:
        raise ConfigError(f"λ lies between -{MAX_LAMBDA:g} and {MAX_LAMBDA:g}")
    if not 0 <= t.seed <= MAX_SEED:
        raise ConfigError(f"seed is {t.seed}: 0 to {MAX_SEED}")
    if not 0 <= t.validation_fraction < 1:
        raise ConfigError("0 ≤ validation_fraction < 1 is needed")
    if min(t.learning_rate, t.mean_learning_rate, a.learning_rate) <= 0:
        raise ConfigError("learning rates must be positive")
    if (
        not (1 <= t.epochs <= MAX_EPOCHS and 1 <= t.mean_epochs <= MAX_EPOCHS)
        or t.batch_size < 2
        or a.steps < 1
    ):
        raise ConfigError(
            f"1 to {MAX_EPOCHS:,} epochs and mean_epochs, batch_size ≥ 2 and steps ≥ 1 are needed"
        )
    if t.centring and t.batch_size < 3:
        raise ConfigError("centring compares a star with two others: batch_size ≥ 3 is needed")


def to_json(config: Config) -> str:
    return json.dumps(dataclasses.asdict(config), indent=2, ensure_ascii=False)


def from_json(text: str, where: str = "configuration") -> Config:
    """The configuration in a JSON text. ConfigError, naming `where`, for anything that does not fit."""
    try:
        return from_dict(json.loads(text))
    # no JSON, a number of thousands of digits, or a field that does not fit
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: {error}") from None


def from_dict(values: dict[str, Any]) -> Config:
    return _build(Config, values, "")


def _build(kind: type, values: Any, path: str) -> Any:
    """An object of `kind` with these values in its fields. ConfigError for what is no object, or has no such
    field.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{path.rstrip('.') or 'the configuration'} must be an object with fields")
    known = get_type_hints(kind)
    unknown = set(values) - set(known)
    if unknown:
        raise ConfigError(f"unknown field {path}{sorted(unknown)[0]}; fields: {', '.join(known)}")
    return kind(**values)


def _convert(hint: Any, value: Any, path: str) -> Any:
    """A value as the field's type; numbers are not taken for texts, nor texts for numbers."""
    if dataclasses.is_dataclass(hint):
        part = value if isinstance(value, hint) else _build(hint, value, path + ".")
        _settle_types(part, path + ".")
        return part
    value = value.item() if hasattr(value, "item") else value  # a number of numpy's
    try:
        if get_origin(hint) is tuple:
            return tuple(_convert(get_args(hint)[0], v, path) for v in _expect(value, (list, tuple)))
        if hint is Weights:
            return Weights(
                {str(k): _convert(float, v, f"{path}.{k}") for k, v in _expect(value, dict).items()}
            )
        if hint is float:
            number = float(_expect(value, (int, float)))
            return number if math.isfinite(number) else _expect(None, float)
        return _expect(value, hint)
    except (TypeError, OverflowError):
        raise ConfigError(f"{path} cannot be {value!r}") from None


def _expect(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError
    return value


def with_fields(config: Config, changes: dict[str, Any]) -> Config:
    """The configuration with fields replaced by dotted path, e.g. {"model.noise": 0.3,
    "adversary.lambdas.teff": 1}.
    """
    values = json.loads(to_json(config))
    for path, value in changes.items():
        *parents, leaf = path.split(".")
        place = values
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict) or (leaf not in place and parents[-1:] not in OPEN):
            raise UnknownFieldError(f"no configuration field '{path}'")
        place[leaf] = value
    return from_dict(values)
