"""What a field of a configuration may hold: its type says it, and a value is converted to that type.

latent_size: Annotated[int, Range(1, 8192)]
target: Literal["maximise", "uniform"]
lambdas: Annotated[Weights, Range(-1e6, 1e6)]
"""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NoReturn, get_args, get_origin, get_type_hints

from ..errors import ConfigError


class Weights(dict[str, float]):
    """A number for each name, as immutable as the configuration that holds it."""

    def _refuse(self: Any, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a configuration is frozen: with_fields makes another one")

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse

    def __hash__(self) -> int:
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple:
        return Weights, (dict(self),)


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, except those in `without`.

    In the type of a tuple or of `Weights` it is the range of every number in them.
    """

    low: float
    high: float = math.inf
    without: tuple[float, ...] = ()

    def __contains__(self, number: float) -> bool:
        return self.low <= number <= self.high and number not in self.without

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"more than {self.low:,}" if self.low in self.without else f"at least {self.low:,}"
        end = f"less than {self.high:,}" if self.high in self.without else f"{self.high:,}"
        return f"{self.low:,} to {end}"


def settle_types(part: Any, path: str = "") -> None:
    """Convert every field of a dataclass to its declared type, whoever made the object.

    A list becomes a tuple, a number of numpy's a plain one. Raises ConfigError, naming the field by its path,
    for a value that its type does not allow.
    """
    for name, kind in get_type_hints(type(part), include_extras=True).items():
        object.__setattr__(part, name, _convert(kind, getattr(part, name), path + name))


def build(kind: type, values: Any, path: str = "") -> Any:
    """A dataclass from a dictionary of its fields.

    Raises ConfigError for what is not a dictionary, and for an unknown field.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{path.rstrip('.') or 'the configuration'} must be an object with fields")
    names = [f.name for f in dataclasses.fields(kind)]
    unknown = sorted(set(values) - set(names))
    if unknown:
        raise ConfigError(f"unknown field {path}{unknown[0]}; fields: {', '.join(names)}")
    return kind(**values)


def _convert(kind: Any, value: Any, path: str) -> Any:
    """A value as a field's type. Text is not taken for a number, nor a number for text."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        part = value if isinstance(value, kind) else build(kind, value, path + ".")
        settle_types(part, path + ".")
        return part
    arguments = get_args(kind)
    if get_origin(kind) is Annotated:
        return _in_range(_convert(arguments[0], value, path), arguments[1], path)
    if get_origin(kind) is Literal:
        return _choice(value, arguments, path)
    try:
        return _plain(kind, value.item() if hasattr(value, "item") else value, path)
    except (TypeError, OverflowError):
        raise ConfigError(f"{path} cannot be {value!r}") from None


def _plain(kind: Any, value: Any, path: str) -> Any:
    """A number, a text, a tuple or Weights. TypeError for another type or an infinite number."""
    if get_origin(kind) is tuple:
        return tuple(_convert(get_args(kind)[0], v, path) for v in _expect(value, (list, tuple)))
    if kind is Weights:
        return Weights({str(k): _convert(float, v, f"{path}.{k}") for k, v in _expect(value, dict).items()})
    if kind is float:
        number = float(_expect(value, (int, float)))
        if not math.isfinite(number):
            raise TypeError
        return number
    return _expect(value, kind)


def _expect(value: Any, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError
    return value


def _choice(value: Any, choices: tuple[str, ...], path: str) -> str:
    if value not in choices:
        raise ConfigError(f"{path} is {value!r}: choose {', '.join(choices)}")
    return value


def _in_range(value: Any, allowed: Range, path: str) -> Any:
    for where, number in _numbers(value, path):
        if number not in allowed:
            raise ConfigError(f"{where} is {number!r}: it must be {allowed}")
    return value


def _numbers(value: Any, path: str) -> Iterator[tuple[str, float]]:
    """The numbers in a settled value, each with its path."""
    if isinstance(value, dict):
        yield from ((f"{path}.{name}", number) for name, number in value.items())
    elif isinstance(value, tuple):
        yield from ((path, number) for number in value)
    else:
        yield path, value
