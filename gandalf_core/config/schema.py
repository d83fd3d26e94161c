"""One typed, frozen configuration per model, and its JSON.

A field is addressed by its dotted path (`model.noise`), as in the JSON; the sweep and the train page change
fields with `with_fields`. What a field may hold, its type says (fields.py); what fields must be to each other
stands in `_conflicts`.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from ..errors import ConfigError, UnknownFieldError
from ..parameters import LABELS, MAX_SEED
from .fields import Range, Weights, build, settle_types
from .sizes import check_size

MAX_LAYERS, MAX_OUTPUTS = 8, 100_000  # a configuration from elsewhere must not exhaust the memory
NAMED_BY_USERS = ("lambdas", "nuisances")  # fields that hold names of the user's choice

RESPONSES = ("cn", "broadening_kms", "shift_kms", "calcium_depth")  # nuisances of the simulator's grid

Width = Annotated[int, Range(1, 8192)]
Widths = Annotated[tuple[int, ...], Range(1, 8192)]
Epochs = Annotated[int, Range(1, 1_000_000)]
Rate = Annotated[float, Range(0, without=(0,))]
Amount = Annotated[float, Range(0)]


@dataclass(frozen=True)
class ModelConfig:
    """Encoder L→…→Z and decoder (Z + len(condition_on))→…→L (paper section 3, Figs. 1 and 6)."""

    labels: tuple[str, ...] = LABELS
    condition_on: tuple[str, ...] = ()  # labels the decoder receives; none: a plain auto-encoder, no sliders
    conditional_encoder: bool = False  # True: z = E(x ⊕ y), the paper's Fig. 1; False: blind, Fig. 6
    latent_size: Width = 25
    encoder_hidden: Widths = (512, 256)
    decoder_hidden: Widths = (256, 512)
    mean_hidden: Widths = ()  # not empty: x̂ = m(y) + r(z, y), m of these widths
    # m is the average of this many networks: fitted separately, they differ where a slider leaves the sample
    mean_networks: Annotated[int, Range(1, 8)] = 1
    # grid: m is the spectrum of a synthetic grid plus what stars add (networks/start.py): those networks
    # or, where mean_hidden is empty, a smooth function as large as the stars justify
    mean_start: Literal["none", "grid"] = "none"
    mean_grid: str = ""  # a file of spectra with labels; empty: the simulator's grid
    # r also has the grid's own responses to nuisances, each times an amplitude that is linear in z
    nuisance_responses: bool = False
    activation: Literal["relu", "silu", "tanh", "sigmoid"] = "relu"
    latent_activation: Literal["linear", "sigmoid"] = "linear"
    output_activation: Literal["linear", "sigmoid"] = "linear"
    # unit variance per pixel, one scale for all pixels, the sample's range as 0 to 1, or flux as it is
    flux_scaling: Literal["pixel", "global", "range", "none"] = "pixel"
    # batch normalisation without an affine part: unit variance, so that nothing hides in a tiny scale
    normalise_latent: bool = False
    noise: Amount = 0.0  # σ of the stochastic latent, in training and in the exported z
    # the networks work in this many principal components of the training spectra; 0: in all pixels
    components: Annotated[int, Range(0, MAX_OUTPUTS)] = 0
    mask_calcium: bool = False  # True: the networks never see the Ca II cores (±0.12 nm)

    @property
    def has_mean(self) -> bool:
        """Whether the decoder is x̂ = m(y) + r(z, y)."""
        return bool(self.mean_hidden) or self.mean_start == "grid"

    @property
    def responses(self) -> tuple[str, ...]:
        """The nuisances to which r has the grid's responses; any spectrum can be broadened and shifted."""
        if not self.nuisance_responses:
            return ()
        return ("broadening_kms", "shift_kms") if self.mean_grid else RESPONSES


@dataclass(frozen=True)
class AdversaryConfig:
    """The discriminators and how λ acts. A label listed in `lambdas` is watched, even at λ = 0."""

    # > 0 removes the label from z, < 0 reinforces it; bounded, as the networks compute with 32 bits
    lambdas: Annotated[Weights, Range(-1_000_000, 1_000_000)] = field(default_factory=Weights)
    hidden: Widths = (64, 32)
    bins: Annotated[int, Range(2, MAX_OUTPUTS)] = 10
    binning: Literal["width", "count"] = "width"
    joint: bool = False  # True: a single discriminator over all bin combinations (the paper's comparison)
    sees_kept: bool = False  # True: the discriminators see z and the true kept labels
    # what λ > 0 pushes towards: the largest error, uniform bins, or p(bin | kept labels)
    target: Literal["maximise", "uniform", "conditional"] = "maximise"
    # what λ < 0 lowers: the error of the discriminator, or of a regression head
    reinforce: Literal["discriminator", "regression"] = "discriminator"
    # weights of heads that read what is not a label, so that z holds it
    nuisances: Annotated[Weights, Range(0)] = field(default_factory=Weights)
    # weight of a penalty on differences of z between bins of a removed label (training/dependence.py)
    dependence: Amount = 0.0
    dependence_spread: Amount = 1.0  # how much differences of spread count in it, beside those of the mean
    steps: Annotated[int, Range(1)] = 1  # discriminator updates per update of the auto-encoder
    learning_rate: Rate = 1e-3
    ramp_epochs: Amount = 0.0  # λ grows linearly from 0 over the first epochs


@dataclass(frozen=True)
class TrainConfig:
    """The optimisation. `validation_fraction` is a part of the training stars, never of the test stars."""

    epochs: Epochs = 30
    batch_size: Annotated[int, Range(2)] = 256
    learning_rate: Rate = 1e-3
    schedule: Literal["constant", "onecycle"] = "constant"
    # passes that fit m(y): before the training or, where z holds none of its labels, mostly after it
    mean_epochs: Epochs = 30
    mean_learning_rate: Rate = 1e-2  # of those passes
    # share that a step of full size takes off m's weights: a tamer m where a slider leaves the sample
    mean_shrinkage: Annotated[float, Range(0, 1)] = 1e-4
    # weight of ‖E_z r(z, y)‖²: r, the rest beside m, leaves to m what the labels alone say
    centring: Amount = 0.0
    # True: L_rec is a reduced χ², so that a noisy star does not outweigh a good one
    weight_by_error: bool = False
    # a: the encoder sees x + a·ε, the loss x − ε/a, ε as large as the spectrum's own noise; 0: both see x
    input_noise: Amount = 0.0
    validation_fraction: Annotated[float, Range(0, 1, without=(1,))] = 0.05
    seed: Annotated[int, Range(0, MAX_SEED)] = 0


@dataclass(frozen=True)
class Config:
    """Everything that defines a training run. Raises ConfigError for an impossible value."""

    name: str = "autoencoder"
    model: ModelConfig = field(default_factory=ModelConfig)
    adversary: AdversaryConfig = field(default_factory=AdversaryConfig)
    training: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        settle_types(self)
        for conflict in _conflicts(self):
            raise ConfigError(conflict)
        check_size(self)

    @property
    def lambdas(self) -> Weights:
        """λ of each watched or reinforced label."""
        return self.adversary.lambdas

    @property
    def removed(self) -> tuple[str, ...]:
        """Labels removed from z: λ > 0."""
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


def _conflicts(config: Config) -> Iterator[str]:
    """What does not go together, each as one line."""
    yield from _conflicts_of_labels(config)
    m, a, t = config.model, config.adversary, config.training
    for name in ("encoder_hidden", "decoder_hidden", "mean_hidden"):
        if len(getattr(m, name)) > MAX_LAYERS:
            yield f"model.{name} has {len(getattr(m, name))} layers: at most {MAX_LAYERS}"
    if len(a.hidden) > MAX_LAYERS:
        yield f"adversary.hidden has {len(a.hidden)} layers: at most {MAX_LAYERS}"
    if a.joint and a.bins ** len(a.lambdas) > MAX_OUTPUTS:
        outputs = f"adversary.bins is {a.bins}: for {len(a.lambdas)} labels, a joint discriminator has"
        yield f"{outputs} {a.bins} to the power of {len(a.lambdas)} outputs, at most {MAX_OUTPUTS:,}"
    if m.has_mean and m.output_activation != "linear":
        yield "a mean + residual decoder has a linear output: set model.output_activation to linear"
    yield from _conflicts_of_start(m)
    if m.output_activation == "sigmoid" and m.flux_scaling not in ("range", "none"):
        yield "a sigmoid output draws between 0 and 1: set model.flux_scaling to range (or none)"
    if t.centring and t.batch_size < 3:
        yield "training.centring compares a star with two others: training.batch_size ≥ 3 is needed"


def _conflicts_of_start(m: ModelConfig) -> Iterator[str]:
    if m.mean_grid and m.mean_start != "grid":
        yield f"model.mean_grid is {m.mean_grid}, which only model.mean_start grid uses: set that too"
    if m.nuisance_responses and m.mean_start != "grid":
        yield "model.nuisance_responses are those of a grid: set model.mean_start to grid, or them to false"
    if m.mean_start != "grid":
        return
    missing = [name for name in LABELS if name not in m.condition_on]
    if missing and not m.mean_grid:
        needs = f"the simulator's grid needs {', '.join(missing)} in model.condition_on, too"
        yield f"model.mean_start is grid: {needs}; or name another grid, a file, in model.mean_grid"


def _conflicts_of_labels(config: Config) -> Iterator[str]:
    m, labels = config.model, config.model.labels
    if not labels:
        yield "model.labels is empty: a model has at least one label, even if no star has it"
    for where, names in (("model.labels", labels), ("model.condition_on", m.condition_on)):
        if len(set(names)) != len(names):
            yield f"{where} names a label twice: {', '.join(names)}"
    for where, names in (("model.condition_on", m.condition_on), ("adversary.lambdas", config.lambdas)):
        unknown = [n for n in names if n not in labels]
        if unknown:
            yield f"{where} names {', '.join(unknown)}, not among the labels {', '.join(labels)}"
    if m.conditional_encoder and not m.condition_on:
        yield "a conditional encoder needs labels in model.condition_on"
    if m.has_mean and not m.condition_on:
        field = "mean_hidden" if m.mean_hidden else "mean_start"
        yield f"model.{field} is set but model.condition_on is empty: a mean spectrum needs labels"


def to_json(config: Config) -> str:
    """The configuration as indented JSON."""
    return json.dumps(asdict(config), indent=2, ensure_ascii=False)


def from_json(text: str, where: str = "configuration") -> Config:
    """The configuration in a JSON text. ConfigError, naming `where`, for anything that does not fit."""
    try:
        return from_dict(json.loads(text))
    except (ValueError, RecursionError) as error:  # not JSON, nested too deeply, or a ConfigError
        raise ConfigError(f"{where}: {error}") from None


def from_dict(values: dict[str, Any]) -> Config:
    """The configuration with these fields, the others at their defaults. ConfigError where one is wrong."""
    return build(Config, values)


def with_fields(config: Config, changes: dict[str, Any]) -> Config:
    """The configuration with fields replaced by dotted path.

    changes: for example {"model.noise": 0.3, "adversary.lambdas.teff": 1}. ConfigError for an unknown path.
    """
    values = json.loads(to_json(config))
    for path, value in changes.items():
        *parents, leaf = path.split(".")
        place = values
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        is_new_name = parents[-1:] in ([name] for name in NAMED_BY_USERS)
        if not isinstance(place, dict) or (leaf not in place and not is_new_name):
            raise UnknownFieldError(f"no configuration field '{path}'")
        place[leaf] = value
    return from_dict(values)
