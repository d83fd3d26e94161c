"""Results as plain JSON values."""

import json
import math
from typing import Any


def jsonable(value: Any) -> Any:
    """`value` as what JSON knows: arrays as lists, numpy's numbers as Python's, any other type as text.

    NaN and infinity become null.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def to_json(value: Any, indent: int | None = None, *, ascii_only: bool = False) -> str:
    """`value` as JSON text, by way of `jsonable`; `ascii_only` escapes the other characters."""
    return json.dumps(jsonable(value), indent=indent, ensure_ascii=ascii_only, allow_nan=False)
