"""The references of the site: commands from their parsers, Python from signatures and docstrings."""

import inspect
from importlib import import_module
from pathlib import Path

import gandalf_core
from gandalf_core.cli import load_commands
from gandalf_core.cli.registry import parser_for


def write(folder: Path) -> None:
    """Write commands.md and python.md into a folder that git ignores."""
    folder.mkdir(exist_ok=True)
    for name, text in (("commands.md", commands()), ("python.md", python())):
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def commands() -> str:
    """Every command with what its `--help` prints."""
    parts = [
        "# Commands",
        "`gandalf` stands for `python -m gandalf_core`. Every text here is what `--help` prints.",
    ]
    for name, command in load_commands().items():
        parser = parser_for(command)
        parser.prog = f"gandalf {name}"
        parts += [
            f"## {name}",
            f"{command.help[:1].upper()}{command.help[1:]}.",
            _block(parser.format_help()),
        ]
    return "\n\n".join(parts) + "\n"


def python() -> str:
    """Every public name of `gandalf_core` with its signature, docstring and public methods."""
    parts = [
        "# Python",
        "The public names of `gandalf_core`; arrays have the shapes that the docstrings give.",
    ]
    for name in gandalf_core.__all__:
        value = getattr(import_module("gandalf_core"), name)
        parts += [f"## {name}", _block(_entry(name, value))]
        if inspect.isclass(value):
            for method, function in vars(value).items():
                function = getattr(function, "__func__", function)
                if method[0] != "_" and inspect.isfunction(function) and function.__doc__:
                    parts += [f"### {name}.{method}", _block(_entry(method, function))]
    return "\n\n".join(parts) + "\n"


def _entry(name: str, value: object) -> str:
    try:
        signature = str(inspect.signature(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        signature = ""
    return f"{name}{signature}\n\n{inspect.getdoc(value) or ''}"


def _block(text: str) -> str:
    return f"````text\n{text.rstrip()}\n````"
