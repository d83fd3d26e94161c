"""docs/reliability.md, written from the stored results alone."""

from typing import Any

from gandalf_core.atomic import write_text
from reports.markdown import table

from .records import ROOT, load

PATH = ROOT / "docs" / "reliability.md"
HEAD = """# Reliability

Written by `python -m reliability write` from what `python -m reliability kill`, `full-disk`, `fuzz`,
`hostile`, `look` and `load` have stored under docs/reliability/. Each has a short form (`--quick`), which
the test suite runs. [SECURITY.md](../SECURITY.md) says what is promised.
"""


def write() -> None:
    """Write the document."""
    write_text(PATH, text())


def text() -> str:
    """The text of the document."""
    sections = {
        "kill": ("Kills", _kill),
        "full-disk": ("Full disks", _full_disk),
        "fuzz": ("Damaged files, and files laid out in other ways", _fuzz),
        "hostile": ("Model folders of strangers", _hostile),
        "look": ("What a visitor sees of it", _look),
        "load": ("Many people", _load),
    }
    parts = [HEAD]
    for name, (title, section) in sections.items():
        result = load(name)
        parts.append(f"## {title}\n")
        parts.append(f"{_about(result['about'])}\n\n{section(result)}" if result else "Not measured yet.\n")
    return "\n".join(parts)


def _about(about: dict[str, Any]) -> str:
    machine = about["machine"]
    version = f"Version {about['version']} ({about['commit']}), {about['date']}, seed {about['seed']}"
    where = f"{machine['cores']} cores ({machine['processor']}, {machine['memory_gb']} GiB)"
    return f"{version}, {about['seconds']:.0f} s on {where}."


def _faults(faults: list[str]) -> str:
    return "".join(f"- {fault}\n" for fault in faults) or "Everything held.\n"


def _kill(result: dict[str, Any]) -> str:
    promises = {
        "training": ("trainings", "the weights are those of one that nobody killed, bit by bit"),
        "saving": ("saves", "the folder is the old model or the new one"),
        "catalogue": ("catalogues", "each star is there once, with its own latent"),
        "sweep": ("sweeps", "each trial is there once, and the workers end"),
    }
    rows = [
        [
            name,
            f"{result[name][count]:,}",
            f"{result[name]['kills']:,}",
            promise,
            str(len(result[name]["faults"])),
        ]
        for name, (count, promise) in promises.items()
    ]
    faults = [fault for name in promises for fault in result[name]["faults"]]
    said = table(["of", "times", "SIGKILLs", "afterwards", "did not hold"], rows)
    return f"Each is killed at random moments until it ends by itself.\n\n{said}\n{_faults(faults)}"


def _full_disk(result: dict[str, Any]) -> str:
    rows = [
        [place, str(found["commands"]), str(len(found["faults"])), found.get("note", "")]
        for place, found in result["places"].items()
    ]
    faults = [f"{place}: {fault}" for place, found in result["places"].items() for fault in found["faults"]]
    said = (
        "Every command that writes ends in one line that names the file, with status 2; the old output "
        "stays, and the next run leaves no partial file."
    )
    return f"{said}\n\n{table(['where', 'commands', 'did not hold', ''], rows)}\n{_faults(faults)}"


def _fuzz(result: dict[str, Any]) -> str:
    verdicts = result["verdicts"]
    rows = [[name, f"{count:,}"] for name, count in verdicts.items()]
    changes = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in result["changes"].items())
    faults = [fault for found in result["faults"].values() for fault in found]
    said = (
        f"{result['mutants']:,} files, in a process with 20 s and 1.2 GB, by turns damaged in their bytes "
        "and laid out in another way, of which the right values are known: they must be found, or the file "
        "be refused in one line, or a note must count what was left out. So of damaged files with checksums."
    )
    return f"{said}\n\n{table(['', 'files'], rows)}\nChanges: {changes}.\n\n{_faults(faults)}"


def _hostile(result: dict[str, Any]) -> str:
    rows = [[name, f"{count:,}"] for name, count in result["outcomes"].items()]
    app = result["app"]
    said = (
        f"{result['folders']:,} folders in which one to three files are others, most without a manifest that "
        "tells: each is listed, shown, loaded and asked about stars, or refused in one line; and the "
        f"models page shows the good one beside {app['folders']:,} of them in {app['seconds']:.1f} s."
    )
    return f"{said}\n\n{table(['', 'folders'], rows)}\n{_faults(result['faults'])}"


def _look(result: dict[str, Any]) -> str:
    said = (
        f"{result['files']:,} files, hostile, odd and damaged ones, were uploaded one after the other to the "
        "page Data in a browser, after a good one. Each must be one sentence that shows neither folder nor "
        "file of the server, and the good one must still be there; `python -m reliability look --screenshots "
        "FOLDER` keeps a picture of each."
    )
    rows = [[name, f"{count:,}"] for name, count in result["outcomes"].items()]
    return f"{said}\n\n{table(['', 'files'], rows)}\n{_faults(result['faults'])}"


def _load(result: dict[str, Any]) -> str:
    rows = [
        [name.replace("_", " "), str(value)]
        for name, value in result.items()
        if not isinstance(value, dict | list)
    ]
    return table(["", ""], rows)
