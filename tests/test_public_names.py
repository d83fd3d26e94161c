"""The public names: what they promise type checkers is what they give, and no module hides behind one."""

import ast
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import gandalf_core
from gandalf_core import io

ROOT = Path(gandalf_core.__file__).parent
PACKAGES = ["gandalf_core", *(f"gandalf_core.{m.name}" for m in iter_modules([str(ROOT)]) if m.ispkg)]


def declared(package) -> dict[str, str]:
    """{name: module} of the imports that type checkers see."""
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    branch = next(node for node in tree.body if isinstance(node, ast.If))
    return {alias.asname: node.module for node in branch.body for alias in node.names}


@pytest.mark.parametrize("package", [gandalf_core, io], ids=lambda p: p.__name__)
def test_type_checkers_see_what_is_imported_when_used(package):
    names = declared(package)
    assert sorted(names) == package.__all__ and set(names) <= set(dir(package))
    for name, module in names.items():
        assert getattr(package, name) is getattr(import_module(f"{package.__name__}.{module}"), name)
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nonsense'"):
        package.nonsense  # noqa: B018


@pytest.mark.parametrize("name", PACKAGES)
def test_no_module_shares_its_name_with_a_public_function(name):
    package = import_module(name)
    modules = {module.name for module in iter_modules(package.__path__)}
    public = getattr(package, "__all__", [])
    assert not modules & set(public)
    assert not [m for m in modules if callable(getattr(package, m, None))]


def test_the_package_is_marked_as_typed():
    assert (ROOT / "py.typed").is_file()
