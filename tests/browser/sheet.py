"""docs/tour.md as sentences, each with what it asks for: an action, a check, or a thought of the reader."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

SHEET = (Path(__file__).parents[2] / "docs" / "tour.md").read_text(encoding="utf-8")
Action = Callable[[Page, str, str], object]  # of a page, the server's address, and the sentence


def parts(text: str = SHEET) -> dict[str, list[str]]:
    """The sentences of each part by its heading, rows of tables among them."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^#+ ", text, flags=re.M)[1:]:
        heading, _, body = part.partition("\n")
        blocks = re.split(r"\n\s*\n|\n(?=\||- |\d+\. )", body)
        joined = (" ".join(re.sub(r"^(- |\d+\. )", "", block.strip()).split()) for block in blocks)
        found[heading] = [s for block in joined for s in re.split(r"(?<=[.?!)])(?<=\W)\s(?=[A-Z*`(])", block)]
    return {heading: _whole([s for s in found[heading] if s]) for heading in found}


def _whole(pieces: list[str]) -> list[str]:
    """Sentences again from pieces that end with no full stop or question mark."""
    whole: list[str] = []
    for piece in pieces:
        if whole and not re.search(r"[.?!|]\)?$", whole[-1]):
            whole[-1] += f" {piece}"
        else:
            whole.append(piece)
    return whole


class Register:
    """What is done for each sentence. A sentence that is not here, or is not in the sheet, is found."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {}

    def does(self, *sentences: str) -> Callable[[Action], Action]:
        """Tie sentences to an action."""

        def tie(action: Action) -> Action:
            assert not set(sentences) & set(self.actions), sentences
            self.actions |= dict.fromkeys(sentences, action)
            return action

        return tie

    def differences(self) -> list[str]:
        """Sentences of the sheet without an action, and actions whose sentence the sheet has no more."""
        written = [s for sentences in parts().values() for s in sentences]
        unknown = [f"nobody does: {s}" for s in written if s not in self.actions]
        return unknown + [f"not in the sheet: {s}" for s in self.actions if s not in written]


def bold(sentence: str) -> list[str]:
    """The names in bold type: pages and views."""
    return re.findall(r"\*\*(.+?)\*\*", sentence)


def italic(sentence: str) -> list[str]:
    """The names in italics: buttons and other things on a page."""
    return re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", sentence)


def code(sentence: str) -> list[str]:
    """The names in type of fixed width: models, commands."""
    return re.findall(r"`([^`]+)`", sentence)
