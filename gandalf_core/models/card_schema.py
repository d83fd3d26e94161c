"""What a card may hold: types and depth, checked before anything of it is shown or computed with."""

from collections.abc import Callable
from typing import Any

from ..errors import ModelError

Kind = Callable[[Any, str], None]  # checks a value found at a path; ModelError where it is of another kind

MOST_ENTRIES, MOST_LETTERS = 1000, 20_000
MOST_LEVELS = 8  # of what a later version may have added
LARGEST = 1e300


def _refuse(where: str, wanted: str) -> ModelError:
    return ModelError(f"{where[:80] or 'the card'} is not {wanted}")


def text(value: Any, where: str) -> None:
    """A text of ordinary length."""
    if not isinstance(value, str) or len(value) > MOST_LETTERS:
        raise _refuse(where, "a text")


def number(value: Any, where: str) -> None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
        raise _refuse(where, "a finite number")


def count(value: Any, where: str) -> None:
    """A whole number, not negative."""
    number(value, where)
    if not isinstance(value, int) or value < 0:
        raise _refuse(where, "a whole number")


def flag(value: Any, where: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise _refuse(where, "true or false")


def plain(value: Any, where: str, levels: int = MOST_LEVELS) -> None:
    """Anything that is not nested deeply: what later versions may add."""
    if isinstance(value, dict | list):
        if not levels or len(value) > MOST_ENTRIES:
            raise _refuse(where, "short enough, or is nested too deeply")
        for part in value.values() if isinstance(value, dict) else value:
            plain(part, where, levels - 1)
    elif isinstance(value, str):
        text(value, where)
    elif not isinstance(value, bool | None):
        number(value, where)


def unless_null(kind: Kind) -> Kind:
    """Null, or a value of a kind."""
    return lambda value, where: None if value is None else kind(value, where)


def list_of(kind: Kind) -> Kind:
    """A list of values of one kind."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, list) or len(value) > MOST_ENTRIES:
            raise _refuse(where, "a list")
        for i, part in enumerate(value):
            kind(part, f"{where}[{i}]")

    return check


def table_of(kind: Kind) -> Kind:
    """An object whose values are of one kind, under any names."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, dict) or len(value) > MOST_ENTRIES:
            raise _refuse(where, "an object")
        for name, part in value.items():
            text(name, f"a name in {where}")
            kind(part, f"{where}.{name}" if where else name)

    return check


def record(needed: dict[str, Kind], optional: dict[str, Kind] | None = None) -> Kind:
    """An object with these names; others may follow, of a later version."""
    kinds = needed | (optional or {})

    def check(value: Any, where: str) -> None:
        table_of(plain)(value, where)
        missing = sorted(needed.keys() - value.keys())
        if missing:
            raise ModelError(f"{where or 'the card'} lacks {', '.join(missing)}")
        for name in kinds.keys() & value.keys():
            kinds[name](value[name], f"{where}.{name}" if where else name)

    return check


NAMES, SIZES, NUMBERS = list_of(text), list_of(count), table_of(unless_null(number))
SCORES = record({name: unless_null(number) for name in ("r2", "mae", "rmse", "coverage")})
CARD = record(
    {
        "removed": NAMES,
        "kept": NAMES,
        "lambdas": table_of(number),
        "labels": NAMES,
        "latent_size": count,
        "noise": number,
        "seed": count,
        "data": record(
            {"source": text, "train": count, "test": count, "seconds": number},
            dict.fromkeys(("validation", "calibration", "reference", "left_out"), count)
            | {"simulator": text, "edition": number},
        ),
        "figures": record({"reconstruction_mse": unless_null(number)}, {"parameters": table_of(SCORES)}),
        "versions": table_of(text),
        "caveats": NAMES,
        "citations": NAMES,
    },
    {
        "name": text,
        "told": NAMES,
        "hashes": table_of(text),
        "recipe": record(
            {
                "name": text,
                "target": unless_null(text),
                **dict.fromkeys(("encoder", "decoder", "mean_spectrum", "discriminators"), SIZES),
                "conditional_encoder": flag,
                "epochs": count,
                "batch_size": count,
            },
            {"mean_start": text},
        ),
        "calibration": table_of(
            record({"method": text, "stars": count, "folds": count, "seen": flag}, {"other_physics": count})
        ),
        "audit": record(
            {"source": text, "stars": count, "excess": NUMBERS},
            dict.fromkeys(("partial", "upper", "r2", "sliders"), NUMBERS) | {"verdict": NAMES},
        ),
    },
)
EPOCH = record(
    {
        **dict.fromkeys(("epoch", "epochs"), count),
        **dict.fromkeys(
            ("loss", "reconstruction", "reconstruction_mse", "seconds", "spectra_per_second"),
            unless_null(number),
        ),
        **dict.fromkeys(("discriminator_accuracy", "chance"), NUMBERS),
    }
)
LABELLED = unless_null(table_of(table_of(plain)))
REPORT = record(
    dict.fromkeys(("removed", "kept"), LABELLED),
    {
        "stars": count,
        **dict.fromkeys(("untouched", "counterfactual"), LABELLED),
        "references": table_of(LABELLED),
        "verdict": NAMES,
    },
)


def checked_card(card: Any) -> dict[str, Any]:
    """The card, of which every entry is of its kind. ModelError says which is not."""
    CARD(card, "")
    return card


def checked_history(records: list[Any]) -> list[dict[str, Any]]:
    """The records of the epochs. ModelError for one that is none."""
    for row, epoch in enumerate(records):
        EPOCH(epoch, f"line {row + 1}")
    return records


def checked_report(report: Any) -> dict[str, Any]:
    """The stored report of an audit. ModelError for what is none."""
    REPORT(report, "")
    return report
