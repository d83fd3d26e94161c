"""The sizes that CONTRIBUTING.md promises: at most 300 lines a file, 40 a function, and 8 parameters."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(path for folder in ("gandalf_core", "pages") for path in (ROOT / folder).rglob("*.py"))
MAX_FILE, MAX_FUNCTION, MAX_PARAMETERS = 300, 40, 8


def too_large(text: str) -> Iterator[str]:
    """What in a file's text is larger than allowed, `self` and `cls` not counted."""
    lines = text.count("\n")
    if lines > MAX_FILE:
        yield f"{lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno:
            length = node.end_lineno - node.lineno + 1
            arguments = node.args
            names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
            count = len(names) - (names[:1] in (["self"], ["cls"]))
            count += sum(a is not None for a in (arguments.vararg, arguments.kwarg))
            if length > MAX_FUNCTION or count > MAX_PARAMETERS:
                yield f"{node.name}: {length} lines, {count} parameters"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_larger_than_promised(path):
    assert not list(too_large(path.read_text(encoding="utf-8")))


def test_a_long_file_a_long_function_and_many_parameters_are_noticed():
    many = ", ".join(f"a{k}" for k in range(9))
    assert list(too_large(f"def f({many}): ...\n")) == ["f: 1 lines, 9 parameters"]
    assert list(too_large(f"class A:\n    def f(self, {many[:-4]}): ...\n")) == []
    long = "def g():\n" + "    pass\n" * 40
    assert list(too_large(long)) == ["g: 41 lines, 0 parameters"]
    assert list(too_large("\n" * 301)) == ["301 lines"]
