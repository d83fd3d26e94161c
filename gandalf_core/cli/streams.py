"""Stars in, results out, piece by piece: memory does not grow with a Parquet file.

Any other source is one piece.
"""

from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from .console import Console

if TYPE_CHECKING:
    import numpy as np

    from ..data.latents import LatentSet
    from ..data.spectra import SpectraSet
    from ..models.rest_frame import RestFrame
    from ..models.trained import TrainedModel
    from ..sources import Intake

Piece = TypeVar("Piece", "SpectraSet", "LatentSet")


def intake_for(args: Namespace, *models: "TrainedModel", decoded: bool) -> "Intake":
    """An intake as --keep-spikes and --shift say; it leaves out stars that lack a label that a model needs.

    decoded: whether the stars are decoded, too, or only encoded.
    """
    from ..models.needs import lacking_labels
    from ..sources import Intake

    def refuse(stars: "SpectraSet") -> dict[int, str]:
        causes: dict[int, str] = {}
        for model in models:
            causes = lacking_labels(model, stars, decoded=decoded) | causes
        return causes

    return Intake(args.keep_spikes, refuse, to_rest(args, models[0]))


def to_rest(args: Namespace, model: "TrainedModel") -> "RestFrame | None":
    """What moves stars to rest, where --shift auto asks for it."""
    from ..models.rest_frame import RestFrame

    return RestFrame(model) if getattr(args, "shift", "none") == "auto" else None


def stars_for(
    args: Namespace,
    console: Console,
    wavelength_nm: "np.ndarray | None" = None,
    intake: "Intake | None" = None,
) -> "tuple[SpectraSet, Intake]":
    """The usable stars of a command's STARS on a grid (L,), as one set; what is known of them is said."""
    from ..sources import Intake, gather

    stars, intake = gather(args.stars, wavelength_nm, intake or Intake(args.keep_spikes))
    console.taken_in(intake)
    return stars, intake


def write_pieces(
    args: Namespace,
    parts: Iterable[Piece],
    write: Callable[[str, Piece], object],
    join: Callable[[list[Piece]], Piece],
) -> int:
    """Write the parts, made from the STARS of a command, to its OUT; returns their number of stars.

    Parquet is written part by part. For other formats the parts are joined, then written as a whole.
    """
    path = args.out
    if Path(path).suffix.lower() == ".parquet":
        from ..io import ParquetWriter

        with ParquetWriter(path, integer_ids=_have_integer_ids(args.stars)) as out:
            for part in parts:
                out.write(part)
        return out.rows
    whole = join(list(parts))
    write(path, whole)
    return len(whole)


def _have_integer_ids(specs: list[str]) -> bool | None:
    """Whether the ids of all stars of these sources are integers; None where the first star tells.

    Of Parquet files their footers tell; of several sources of other kinds nobody knows before all are read.
    """
    from ..io.parquet import footer_of, has_row_per_star

    if all(map(has_row_per_star, specs)):
        return all(footer_of(spec).integer_ids for spec in specs)
    return None if len(specs) == 1 else False


def join_latents(parts: "Sequence[LatentSet]") -> "LatentSet":
    """One set from several of one model."""
    import numpy as np

    from ..data.latents import LatentSet

    first = parts[0]
    return LatentSet(
        z=np.concatenate([part.z for part in parts]),
        ids=np.concatenate([part.ids for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        label_names=first.label_names,
        model_id=first.model_id,
        key_fingerprint=first.key_fingerprint,
    )
