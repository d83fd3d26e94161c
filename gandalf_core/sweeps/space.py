"""What a sweep searches: fields of the configuration with the values to try. JSON both ways."""

import itertools
import json
from dataclasses import asdict, dataclass
from typing import Any

from ..config.schema import Config, from_json, to_json, with_fields
from ..errors import ConfigError

SCORES, SAMPLERS = ("reconstruction", "excess", "audit"), ("grid", "tpe")
LAMBDA_SCALE = "lambda_scale"  # the pseudo-field that multiplies every λ of the configuration
MAX_TRIALS = 10_000


@dataclass(frozen=True)
class Axis:
    """One field: `choices`, or a range from `low` to `high` (whole numbers where both are), even in the
    logarithm with `log`.

    path: a dotted configuration path, or `lambda_scale`. Lists and objects among the choices are kept as JSON
    texts.
    """

    path: str
    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False

    def suggest(self, trial) -> Any:
        if self.choices:
            return trial.suggest_categorical(self.path, self.choices)
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(self.path, self.low, self.high, log=self.log)
        return trial.suggest_float(self.path, self.low, self.high, log=self.log)


def parse_axis(path: str, text: str) -> Axis:
    """`0.1,0.2,0.4` as choices (JSON values), `0.1:0.8` or `1e-4:1e-2:log` as a range. ConfigError for
    anything else.
    """
    try:
        if ":" in text and not text.lstrip().startswith(("[", "{", '"')):
            low, high, *log = text.split(":")
            axis = Axis(path, (), json.loads(low), json.loads(high), log == ["log"])
            if not axis.low < axis.high or (log and not axis.log) or (axis.log and axis.low <= 0):
                raise ValueError
            return axis
        values = json.loads(f"[{text}]")
    except (ValueError, TypeError):
        raise ConfigError(
            f"{path}={text}: give values as JSON (0.1,0.4), or a range (0.1:0.8 or 1e-4:1e-2:log)"
        ) from None
    if not values:
        raise ConfigError(f"{path}: no values to try")
    return Axis(path, tuple(json.dumps(v) if isinstance(v, list | dict) else v for v in values))


@dataclass(frozen=True)
class Sweep:
    """Everything that defines a sweep. stars: sources as `load_stars` takes them; trials: how many (a grid
    knows by itself).

    Raises ConfigError for an unknown score, sampler or field, and for a grid over a range.
    """

    config: Config
    axes: tuple[Axis, ...]
    stars: tuple[str, ...]
    score: str = "excess"
    sampler: str = "tpe"
    trials: int = 20
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name, value, known in (("score", self.score, SCORES), ("sampler", self.sampler, SAMPLERS)):
            if value not in known:
                raise ConfigError(f"{name} is '{value}': choose {', '.join(known)}")
        if not self.axes or len({a.path for a in self.axes}) < len(self.axes):
            raise ConfigError("give at least one field to search, and each field once")
        for axis in self.axes:
            if self.sampler == "grid" and not axis.choices:
                raise ConfigError(f"{axis.path}: a grid needs a list of values, a range is for tpe")
            changed(self.config, {axis.path: axis.choices[0] if axis.choices else axis.low}, check_field=True)
        if not 1 <= self.count <= MAX_TRIALS:
            raise ConfigError(f"{self.count:,} trials: 1 to {MAX_TRIALS:,} are possible")

    @property
    def count(self) -> int:
        """How many trials there are in all."""
        return len(self.grid) if self.sampler == "grid" else self.trials

    @property
    def grid(self) -> list[dict[str, Any]]:
        """Every combination of the choices."""
        return [
            dict(zip((a.path for a in self.axes), v, strict=True))
            for v in itertools.product(*(a.choices for a in self.axes))
        ]

    def to_json(self) -> str:
        return json.dumps(asdict(self) | {"config": json.loads(to_json(self.config))}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Sweep":
        values = json.loads(text)
        axes = tuple(Axis(**(a | {"choices": tuple(a["choices"])})) for a in values["axes"])
        config = from_json(json.dumps(values["config"]), "sweep.json")
        return cls(**(values | {"config": config, "axes": axes, "stars": tuple(values["stars"])}))


def changed(config: Config, values: dict[str, Any], check_field: bool = False) -> Config:
    """The configuration with these values. ConfigError for an impossible one; with `check_field` only for an
    unknown field.
    """
    fields = {path: _value(v) for path, v in values.items() if path != LAMBDA_SCALE}
    try:
        config = with_fields(config, fields)
    except ConfigError as error:
        if not check_field or "no configuration field" in str(error):
            raise
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
