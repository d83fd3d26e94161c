"""What is done with every star of a catalogue: encode, predict or decode. Shapes: N stars, L pixels."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from ..data.latents import LatentSet
from ..data.noise_key import fingerprint
from ..data.spectra import SpectraSet
from ..errors import GandalfError
from ..models.flags import flags_of
from ..models.needs import lacking_labels
from ..models.trained import TrainedModel

KINDS = ("encode", "predict", "decode")
Piece = SpectraSet | LatentSet | dict[str, np.ndarray]  # the last: columns of a table, each (N,)


@dataclass(frozen=True)
class Task:
    """What is done with every star.

    work: from stars on the grid `wavelength_nm` (L,) to a piece of the output.  about: what identifies the
    task, JSON-serialisable.  needs_errors: whether `work` looks at flux errors.  refuse: {row: cause} of
    stars that lack a label without which they cannot be worked on.
    """

    work: Callable[[SpectraSet], Piece]
    wavelength_nm: np.ndarray
    about: dict[str, Any]
    needs_errors: bool = True
    refuse: Callable[[SpectraSet], dict[int, str]] = lambda stars: {}

    def nothing(self) -> Piece:
        """The piece of no star, with the columns of every other. ModelError where none can be made."""
        blank = np.empty((0, len(self.wavelength_nm)), np.float32)
        return self.work(SpectraSet(blank, self.wavelength_nm, np.empty(0, str), np.empty((0, 0)), (), blank))

    def pieces(self, stars: SpectraSet) -> tuple[list[Piece], dict[int, str]]:
        """The output of some stars on the task's grid, and {row: cause} of those without one."""
        causes = self.refuse(stars) if len(stars) else {}
        rows = np.delete(np.arange(len(stars)), list(causes))
        pieces, failures = self._worked(stars[rows] if causes else stars)
        return pieces, causes | {int(rows[row]): cause for row, cause in failures.items()}

    def _worked(self, stars: SpectraSet) -> tuple[list[Piece], dict[int, str]]:
        """The output; where it cannot be made of all stars at once, of one half and of the other."""
        if not len(stars):
            return [], {}
        try:
            return [self.work(stars)], {}
        except GandalfError as error:
            if len(stars) == 1:
                return [], {0: str(error)}
        middle = len(stars) // 2
        first, early = self._worked(stars[:middle])
        second, late = self._worked(stars[middle:])
        return first + second, early | {middle + row: cause for row, cause in late.items()}


def encode_task(model: TrainedModel) -> Task:
    """Latents, as `model.encode` gives them."""
    task = _task(model, "encode", lambda fixed: fixed.encode, decoded=False)
    return replace(task, needs_errors=False)


def predict_task(model: TrainedModel, *, correlations: bool = False, verdicts: bool = True) -> Task:
    """A table of labels with errors, fit and verdict, as `model.predict` gives them, and `flags`.

    correlations: also a column for each pair of errors, such as `teff_logg_corr`. verdicts: see
    `TrainedModel.predict`. Both are part of what identifies the task, so that no folder holds tables of two
    kinds.
    """

    def work(fixed: TrainedModel) -> Callable[[SpectraSet], Piece]:
        def table(stars: SpectraSet) -> Piece:
            found = fixed.predict(stars, verdicts=verdicts)
            return found.columns(correlations=correlations) | {"flags": flags_of(found)}

        return table

    task = _task(model, "predict", work)
    columns = list(cast("dict[str, np.ndarray]", task.nothing()))
    return replace(task, about=task.about | {"columns": columns, "verdicts": verdicts})


def decode_task(model: TrainedModel, changes: dict[str, float]) -> Task:
    """Spectra under modified labels: `changes` gives every star this value of a label.

    Raises ModelError for a label that the model's decoder does not receive.
    """
    model.check_receives(changes)
    task = _task(model, "decode", lambda fixed: lambda stars: fixed.modify(stars, changes)[0])
    return replace(task, about=task.about | {"set": changes})


@dataclass(frozen=True)
class Order:
    """What to do with a model, for whoever loads it: the arguments of the functions above.

    kind: one of `KINDS`. changes: of decode. correlations, verdicts: of predict.
    """

    kind: str
    changes: dict[str, float] = field(default_factory=dict)
    correlations: bool = False
    verdicts: bool = True

    def task(self, model: TrainedModel) -> Task:
        """The task with this model. ModelError as from the functions above."""
        if self.kind == "predict":
            return predict_task(model, correlations=self.correlations, verdicts=self.verdicts)
        return decode_task(model, self.changes) if self.kind == "decode" else encode_task(model)


def _task(
    model: TrainedModel,
    name: str,
    work: Callable[[TrainedModel], Callable[[SpectraSet], Piece]],
    *,
    decoded: bool = True,
) -> Task:
    """The task of a model under the key that it has now, for all chunks.

    decoded: whether the stars are decoded, too, or only encoded.
    """
    key = model.noise_key
    fixed = model.under(key)
    about = {"task": name, "model": f"{model.model_id} {model.identity}", "key_fingerprint": fingerprint(key)}

    def refuse(stars: SpectraSet) -> dict[int, str]:
        return lacking_labels(model, stars, decoded=decoded)

    return Task(work(fixed), model.wavelength_nm, about, refuse=refuse)
