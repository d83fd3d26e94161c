"""What a sweep searches: fields of the configuration with the values to try. JSON both ways."""

import itertools
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..config.schema import Config, from_json, to_json, with_fields
from ..errors import ConfigError, UnknownFieldError
from ..simulator.judging import refuse_reserved_sources

if TYPE_CHECKING:
    import optuna

SCORES, SAMPLERS = ("balance", "excess", "audit", "reconstruction"), ("grid", "tpe")
SEED_FIELD = "training.seed"
MAX_SEEDS = 20
SPREAD = "spread "  # begins the name of the standard deviation of a measure between seeds
LAMBDA_SCALE = "lambda_scale"  # the pseudo-field that multiplies every λ of the configuration
MAX_TRIALS = 10_000
LARGEST = 1e15  # end of a range
MOST_SHOWN = 200  # letters of a text in a message


@dataclass(frozen=True)
class Axis:
    """One field and its values: `choices`, or the range from `low` to `high`.

    path: the field's dotted path in the configuration, or `lambda_scale`.
    choices: lists and objects among them are JSON texts.
    low, high: if both are whole, only whole numbers are tried.  log: sample evenly in the logarithm.
    """

    path: str
    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False

    def suggest(self, trial: "optuna.Trial") -> Any:
        """The value that Optuna proposes for a trial."""
        if self.choices:
            return trial.suggest_categorical(self.path, self.choices)
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(self.path, self.low, self.high, log=self.log)
        return trial.suggest_float(self.path, self.low, self.high, log=self.log)


def parse_axis(path: str, text: str) -> Axis:
    """An axis from text: `0.1,0.2,0.4` are choices (JSON values), `0.1:0.8` or `1e-4:1e-2:log` is a range.

    Raises ConfigError for anything else.
    """
    is_range = ":" in text and not text.lstrip().startswith(("[", "{", '"'))
    try:
        axis = _range(path, text) if is_range else _choices(path, text)
    except (ValueError, TypeError, RecursionError):
        shown = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} …"
        raise ConfigError(
            f"{path}={shown}: give values as JSON (0.1,0.4), or a range (0.1:0.8 or 1e-4:1e-2:log)"
        ) from None
    if not is_range and not axis.choices:
        raise ConfigError(f"{path}: no values to try")
    return axis


def _choices(path: str, text: str) -> Axis:
    values = json.loads(f"[{text}]")
    return Axis(path, tuple(json.dumps(v) if isinstance(v, list | dict) else v for v in values))


def _range(path: str, text: str) -> Axis:
    """ValueError or TypeError for a text that is not a range."""
    low, high, *scale = text.split(":")
    axis = Axis(path, (), json.loads(low), json.loads(high), log=scale == ["log"])
    if not -LARGEST < axis.low < axis.high < LARGEST:
        raise ValueError
    if (scale and not axis.log) or (axis.log and axis.low <= 0):
        raise ValueError
    return axis


@dataclass(frozen=True)
class Sweep:
    """Everything that defines a sweep.

    stars: sources as `gather` takes them.  trials: how many, for `tpe`; a grid has one trial per node.
    stars_identity: of what the sources held when the sweep began; "" before that.  seeds: trainings of each
    trial, whose mean counts.  keep_spikes: leave cosmic-ray hits as they are.  Raises ConfigError for an
    unknown score, sampler or field, and for a grid over a range; SpectraError for stars that are reserved for
    judging.
    """

    config: Config
    axes: tuple[Axis, ...]
    stars: tuple[str, ...]
    score: str = "balance"
    sampler: str = "tpe"
    trials: int = 20
    seed: int = 0
    device: str = "cpu"
    stars_identity: str = ""
    seeds: int = 1
    keep_spikes: bool = False

    def __post_init__(self) -> None:
        refuse_reserved_sources(self.stars, "choose by")
        for name, value, allowed in (("score", self.score, SCORES), ("sampler", self.sampler, SAMPLERS)):
            if value not in allowed:
                raise ConfigError(f"{name} is '{value}': choose {', '.join(allowed)}")
        if not self.axes or len({a.path for a in self.axes}) < len(self.axes):
            raise ConfigError("give at least one field to search, and each field once")
        for axis in self.axes:
            if self.sampler == "grid" and not axis.choices:
                raise ConfigError(f"{axis.path}: a grid needs a list of values, a range is for tpe")
            _check_field(self.config, axis)
        if not 1 <= self.seeds <= MAX_SEEDS:
            raise ConfigError(f"{self.seeds} seeds: 1 to {MAX_SEEDS} are possible")
        if self.seeds > 1 and any(axis.path == SEED_FIELD for axis in self.axes):
            raise ConfigError(f"{SEED_FIELD} is searched: then each trial has one seed")
        if not 1 <= self.count <= MAX_TRIALS:
            raise ConfigError(f"{_shown(self.count)} trials: 1 to {MAX_TRIALS:,} are possible")

    @property
    def count(self) -> int:
        """The number of trials, known before any of them is made."""
        return math.prod(len(a.choices) for a in self.axes) if self.sampler == "grid" else self.trials

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """Every combination of the choices: path → value."""
        paths = [a.path for a in self.axes]
        combinations = itertools.product(*(a.choices for a in self.axes))
        return [dict(zip(paths, values, strict=True)) for values in combinations]

    def to_json(self) -> str:
        """The sweep as `from_json` reads it; what came later goes without saying where it changes nothing."""
        values = asdict(self) | {"config": json.loads(to_json(self.config))}
        for name, usual in (("seeds", 1), ("keep_spikes", False)):
            if values[name] == usual:
                del values[name]
        return json.dumps(values, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Sweep":
        """Raises ConfigError, ValueError, KeyError or TypeError for a text that is not a sweep."""
        values = json.loads(text)
        axes = tuple(Axis(**(a | {"choices": tuple(a["choices"])})) for a in values["axes"])
        config = from_json(json.dumps(values["config"]), "sweep.json")
        return cls(**(values | {"config": config, "axes": axes, "stars": tuple(values["stars"])}))


def _shown(count: int) -> str:
    return f"{count:,}" if count < 10**12 else "more than a million million"


def _check_field(config: Config, axis: Axis) -> None:
    """ConfigError for a field that does not exist, and for `lambda_scale` where there is no λ.

    A value that is impossible in `config` may be possible together with those of other axes: such a
    combination fails as a trial.
    """
    value = axis.choices[0] if axis.choices else axis.low
    if axis.path == LAMBDA_SCALE:
        with_values(config, {axis.path: value})
        return
    try:
        with_values(config, {axis.path: value})
    except UnknownFieldError:
        raise
    except ConfigError:
        pass


def with_values(config: Config, values: dict[str, Any]) -> Config:
    """The configuration with the values of a trial, path → value. ConfigError for an impossible one."""
    fields = {path: _value(v) for path, v in values.items() if path != LAMBDA_SCALE}
    config = with_fields(config, fields)
    scale = values.get(LAMBDA_SCALE)
    if scale is None:
        return config
    if not config.lambdas:
        raise ConfigError(
            f"{LAMBDA_SCALE}: this configuration has no λ to multiply: name labels to remove or keep"
        )
    return with_fields(config, {"adversary.lambdas": {n: v * scale for n, v in config.lambdas.items()}})


def _value(choice: Any) -> Any:
    return json.loads(choice) if isinstance(choice, str) and choice.startswith(("[", "{")) else choice
