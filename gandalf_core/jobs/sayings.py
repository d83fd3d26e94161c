"""What programs say, as a visitor may read it: without the server's folders and without tracebacks."""

import os
import re
import sys
import tempfile
from pathlib import Path

from .. import places

TRACEBACK = re.compile(r"^(?P<margin>[ \t|+]*)(?:Exception Group )?Traceback \(most recent call last\):\s*$")
CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
FRAME = re.compile(r'^\s*File "[^"]*", line \d+')
# an absolute path, of Windows too, or one of a home folder, up to its last name
_BEFORE = r"(?<![\w./:\\~])"
_START = r"(?:file:/{2,3}|~[\w.-]*[/\\]|/|\\\\|[A-Za-z]:[/\\])"
FOLDERS = re.compile(rf"{_BEFORE}{_START}(?:[^\s/\\:'\"]+[/\\])+(?=[^\s/\\:]|$|\s|['\"])")
FOLDERS_BUT_ONE = re.compile(rf"{_BEFORE}{_START}(?:[^\s/\\:]+[/\\])+(?=[^\s/\\:]+[/\\][^\s/\\:]+)")


def without_folders(text: str, *, keep_parent: bool = False) -> str:
    """The text without the folders of absolute paths: names of files stay, on request with their folder's."""
    if not keep_parent:
        for folder, ours in _known_folders().items():  # names with spaces, too
            # what is below a folder of others goes as well: /x/ is taken away with all that follows
            text = text.replace(f"{folder}{os.sep}", "" if ours else "/x/")
            text = re.sub(rf"{re.escape(folder)}(?![\w.-])", lambda _, own=folder: Path(own).name, text)
    return (FOLDERS_BUT_ONE if keep_parent else FOLDERS).sub("", text)


def for_visitors(text: str) -> str:
    """A log, or a message of one, without folders, tracebacks and empty lines.

    What an error says at its end stays.
    """
    lines, inside = [], False
    for line in filter(str.strip, text.splitlines()):
        if TRACEBACK.match(line) or FRAME.match(line):
            inside = True
        elif not (line.startswith(CHAINED) or (inside and line[0] in " \t|+")):
            inside = False
            lines.append(line)
    return without_folders("\n".join(lines))


def _known_folders() -> dict[str, bool]:
    """The folders of this server, the longest first, and whether they are the explorer's own."""
    ours = {
        places.runs_folder(),
        places.cache_folder(),
        places.explorer_folder(),
        places.PACKAGE.parent,
        *places.model_roots(),
    }
    others = {Path.home(), Path(sys.prefix), Path(sys.base_prefix), Path(tempfile.gettempdir())}
    deep = {str(folder): folder in ours for folder in others | ours if len(folder.parts) > 1}
    return dict(sorted(deep.items(), key=lambda pair: len(pair[0]), reverse=True))
