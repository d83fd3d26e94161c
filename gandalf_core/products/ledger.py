"""The folder of a catalogue: whose results it holds, and from which state of each partition they were made.

A folder belongs to its source. `_catalogue.json` names the task and the source; `_partitions.jsonl` gets one
line for every result, with size, dates and content of the partition that it was made from, and of its own
file. `_sha256sums` has the hashes of all results, for `sha256sum -c`. Names that begin with `_` are passed
over by pandas, pyarrow and Dask, for which the folder is one Parquet data set.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..atomic import append_line, write_text
from ..data.identity import file_identity, file_sha256
from ..errors import ClaimError
from ..io.claim import claim, noted
from ..io.folders import data_files, is_partition, name_in

PURPOSE, RESULTS, HASHES = "_catalogue.json", "_partitions.jsonl", "_sha256sums"


@dataclass(frozen=True)
class State:
    """The state of a file: its size in bytes, when its content and its entry in the folder last changed."""

    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> "State":
        """Raises OSError for a file that is gone."""
        stat = path.stat()
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


# of a file that could not be read, or that changed while it was read: no file has it
NO_STATE = State(-1, 0, 0)


@dataclass(frozen=True)
class Result:
    """What became of a partition.

    name: in the source, with / between its parts. state, identity: of the partition. integer_ids: whether the
    ids in the result are integers. stars: in the result. left_out: stars without a result; rejected: {star or
    rows: cause} of the first of them. output, sha256: state and content of the result's file.
    """

    name: str
    state: State
    identity: str
    integer_ids: bool
    stars: int
    left_out: int = 0
    rejected: dict[str, str] = field(default_factory=dict)
    output: State = NO_STATE
    sha256: str = ""

    def is_of(self, path: Path) -> bool:
        """True for the partition that it was made from, by its content where size or dates differ.

        Raises OSError for a file that is gone.
        """
        state = State.of(path)
        return state == self.state or (state.size == self.state.size and file_identity(path) == self.identity)

    def is_in(self, target: Path) -> bool:
        """True for the file that was written, by its content where size or dates differ. Raises OSError."""
        state = State.of(target)
        if not self.sha256 or state == self.output:  # earlier versions noted nothing of it
            return True
        return state.size == self.output.size and file_sha256(target) == self.sha256


class Ledger:
    """The results in a folder, by the names of their partitions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = {result.name: result for result in _read(folder / RESULTS)}

    def add(self, result: Result) -> None:
        """Note a result, in place of an earlier one of the same partition."""
        self.results[result.name] = result
        append_line(self.folder / RESULTS, json.dumps(asdict(result), ensure_ascii=True))

    def target(self, name: str) -> Path:
        """The file of a partition's result. Its suffix is in lower case: others know no .PARQUET."""
        path = self.folder / name
        return path.with_suffix(path.suffix.lower())

    @property
    def has_named_ids(self) -> bool:
        """Whether ids are text in some result: then they are in all."""
        return any(not result.integer_ids for result in self.results.values())

    def up_to_date(self, name: str, path: Path, integer_ids: bool) -> Result | None:
        """The result of a partition as it is now; None without one, or where the partition cannot be read."""
        result, target = self.results.get(name), self.target(name)
        if result is None or result.integer_ids != integer_ids or not target.is_file():
            return None
        try:
            seen = replace(result, state=State.of(path), output=State.of(target))
            if not result.is_of(path) or not result.is_in(target):
                return None
        except OSError:
            return None
        if seen != result:  # only dates have changed: that need not be found out again
            self.add(seen)
        return seen

    def files(self) -> dict[str, Path]:
        """The files of all results that are there, by their names in the folder."""
        targets = sorted(self.target(name) for name in self.results)
        return {name_in(self.folder, target): target for target in targets if target.is_file()}

    def write_hashes(self) -> None:
        """Write the hashes of all results, as `sha256sum` does."""
        hashes = {self.target(name): result.sha256 for name, result in self.results.items()}
        lines = [f"{hashes[path]}  {name}\n" for name, path in self.files().items() if hashes[path]]
        write_text(self.folder / HASHES, "".join(lines))

    def strangers(self, names: Mapping[str, Path]) -> tuple[list[str], list[str]]:
        """Results whose partition is no longer in the source (`names`), and files that are no results."""
        present = {name_in(self.folder, p) for p in data_files(self.folder).files if is_partition(p)}
        targets = {name_in(self.folder, self.target(name)): name for name in {**self.results, **names}}
        gone = [name for target, name in targets.items() if target in present and name not in names]
        return gone, sorted(present - set(targets))


def _read(path: Path) -> list[Result]:
    """The results that a file notes; lines that were cut short are none."""
    found = []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    for line in lines:
        try:
            values = json.loads(line)
            states = {key: State(**values[key]) for key in ("state", "output") if key in values}
            found.append(Result(**values | states))
        except (ValueError, TypeError, KeyError):
            continue
    return found


# --- whose folder it is ---


def open_folder(folder: Path, about: dict[str, Any], source: Path, names: Mapping[str, Path]) -> Ledger:
    """The ledger of a catalogue folder, which is claimed for a task and a source.

    about: what identifies the task. names: the partitions of the source. A source may lie elsewhere than
    when the folder was begun, if all partitions that have results are still in it, unchanged. Raises
    ClaimError for a folder that was begun for another task or source, and for one that holds Parquet files of
    other work.
    """
    purpose = about | {"source": str(source.resolve())}
    earlier = noted(folder, PURPOSE)
    ledger = Ledger(folder)
    if earlier is None:
        _refuse_other_files(folder)
    elif not _same_place(str(earlier.get("source", "")), source):
        _refuse_other_source(ledger, str(earlier.get("source", "")), names)
    claim(folder, PURPOSE, purpose, changeable=("source",))
    return ledger


def _same_place(earlier: str, source: Path) -> bool:
    try:
        return earlier == str(source.resolve()) or os.path.samefile(earlier, source)
    except (OSError, ValueError):
        return False


def _refuse_other_files(folder: Path) -> None:
    files = [path for path in data_files(folder).files if is_partition(path)] if folder.is_dir() else []
    if files:
        first = name_in(folder, files[0])
        raise ClaimError(f"{folder}: holds Parquet files of other work ({first}): choose another folder")


def _refuse_other_source(ledger: Ledger, earlier: str, names: Mapping[str, Path]) -> None:
    """ClaimError where a partition that has a result is not in this source, or is another one."""
    for name, result in ledger.results.items():
        if name not in names or not result.is_of(names[name]):
            what = "is not in this one" if name not in names else "differs"
            raise ClaimError(
                f"{ledger.folder}: was begun with another source ({earlier}; {name} {what}): "
                "give that one or choose another folder"
            )
