"""A job as its folder describes it, for those who follow it. The command writes with jobs/folder.py."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic import write_text
from ..errors import JobError
from .folder import JobState
from .sayings import for_visitors

ACTIVE = (JobState.QUEUED, JobState.RUNNING)
LONGEST_LOG = 256 * 1024  # bytes of a log that are looked at
CHECKPOINT = Path("model", "checkpoint.safetensors")  # in a training's folder, until it is finished


@dataclass(frozen=True)
class Job:
    """What a job folder says about a job.

    arguments: of `python -m MODULE`.  owner: who submitted it.  created: seconds since 1970.  status: the
    content of `status.json` (see jobs/folder.py).  content: the identity of what it works on, where a name in
    its arguments may come to mean something else, such as a model that is trained again.
    """

    id: str
    folder: Path
    kind: str
    title: str
    module: str
    arguments: tuple[str, ...]
    owner: str
    created: float
    status: dict[str, Any]
    content: str = ""

    @property
    def state(self) -> JobState:
        """Its state; one whose status cannot be read has died."""
        try:
            return JobState(self.status.get("state", JobState.QUEUED))
        except ValueError:
            return JobState.DIED

    @property
    def active(self) -> bool:
        """True while the job waits or runs."""
        return self.state in ACTIVE

    @property
    def message(self) -> str:
        """What it says last, as everybody may read it."""
        return for_visitors(str(self.status.get("message") or ""))

    @property
    def ended(self) -> float:
        """When it was heard of last, in seconds since 1970."""
        updated = self.status.get("updated")
        return float(updated) if isinstance(updated, int | float) else self.created

    def log(self, letters: int) -> str:
        """The end of its log, as everybody may read it."""
        try:
            with (self.folder / "log.txt").open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - LONGEST_LOG))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            return ""
        return for_visitors(text)[-letters:]

    @property
    def has_checkpoint(self) -> bool:
        """True for a training that stopped before its end and left a checkpoint."""
        return (self.folder / CHECKPOINT).is_file()

    def history(self) -> list[dict[str, Any]]:
        """The records of the finished epochs; a line that is being written or was cut short is ignored."""
        try:
            lines = (self.folder / "metrics.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        except (OSError, ValueError):
            return []
        records = (_object(line) for line in lines)
        return [record for record in records if record]


# --- its files ---


def read_job(folder: Path) -> Job:
    """The job in a folder. OSError without a `job.json`, JobError for one that is damaged."""
    record = _object((folder / "job.json").read_text(encoding="utf-8", errors="replace"))
    try:
        return Job(
            id=folder.name,
            folder=folder,
            kind=str(record["kind"]),
            title=str(record["title"]),
            module=str(record["module"]),
            arguments=tuple(map(str, record["arguments"])),
            owner=str(record["owner"]),
            created=float(record["created"]),
            status=_read_status(folder / "status.json"),
            content=str(record.get("content", "")),
        )
    except (KeyError, TypeError, ValueError):
        raise JobError(f"{folder / 'job.json'}: is damaged") from None


def _read_status(path: Path) -> dict[str, Any]:
    try:
        return _object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _object(text: str) -> dict[str, Any]:
    """The object in a JSON text; empty for a text that holds none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def write_record(job: Job) -> None:
    """Write what was submitted, `job.json`."""
    names = ("kind", "title", "module", "arguments", "owner", "created", "content")
    record = {name: getattr(job, name) for name in names}
    write_text(job.folder / "job.json", json.dumps(record, ensure_ascii=False))


def write_status(job: Job, state: JobState, message: str) -> None:
    """Change state and message; the other values of `status.json` stay."""
    status = job.status | {"state": state, "message": message}
    write_text(job.folder / "status.json", json.dumps(status, ensure_ascii=False))
