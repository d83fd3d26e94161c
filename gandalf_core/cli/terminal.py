"""Standard output and error that take every character, whatever the terminal's encoding.

Under cp1252, which Windows has in western Europe and America, there is no λ and no χ: they are written as
`lambda` and `chi`, and nothing ends in a traceback. What strangers' files call their columns and stars steers
no terminal: signs that would are written as escapes.
"""

import codecs
import io
import sys
import unicodedata

PLAIN = {
    "−": "-",
    "…": "...",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "±": "+-",
    "×": "x",
    "√": "sqrt ",
    "λ": "lambda",
}
HANDLER = "gandalf.plain"  # of characters that an encoding lacks


def prepare_streams() -> None:
    """Let standard output and standard error replace the characters that their encoding lacks."""
    codecs.register_error(HANDLER, _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def takes_utf8() -> bool:
    """True where standard output is UTF-8; JSON for another encoding is written in ASCII."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"


def shown(text: str, keep: str = "") -> str:
    """A text as it may go to a terminal: signs that steer one as escapes (`\\x1b`), line ends as blanks.

    keep: signs that stay, such as the line ends of a table.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) == "Zs":  # blanks of other widths
        return character
    return " " if character in "\t\r\n" else character.encode("unicode_escape").decode()


def plain(character: str) -> str:
    """A character in ASCII: by its name if it is Greek, by its base letter or digit, or as an escape."""
    if character in PLAIN:
        return PLAIN[character]
    name = unicodedata.name(character, "")
    if name.startswith("GREEK SMALL LETTER "):
        return name.rpartition(" ")[2].lower()
    if name.startswith("GREEK CAPITAL LETTER "):
        return name.rpartition(" ")[2].capitalize()
    base = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return base or character.encode("ascii", "backslashreplace").decode()


def _replace(error: UnicodeError) -> tuple[str, int]:
    """What `codecs` asks for characters that cannot be encoded: their replacement, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(plain, error.object[error.start : error.end])), error.end
