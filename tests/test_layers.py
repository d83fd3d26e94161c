"""The layer rule: a module imports only from those above it; Streamlit stays outside, torch where it belongs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "gandalf_core"
ORDER = (
    "errors", "limits", "parameters", "spectra", "latent", "split", "io", "simulate", "sources", "config", "scaling",
    "components", "dense", "model", "dependence", "objective", "adam", "schedule", "mean_spectrum", "checkpoints", "train",
    "mlp", "neighbours", "uncertainty", "regressor", "regress", "project",
    "noise", "outliers", "trained", "cards", "store", "fit",
    "audit", "classes", "compare", "surveys", "archive", "catalogue", "search", "trials", "sweep", "grid",
    "figures", "cli", "__main__",
)  # fmt: skip
TORCH = {"dense", "dependence", "adam", "mean_spectrum", "model", "objective", "checkpoints", "train", "trained", "store"}
MODULES = sorted(p.relative_to(PACKAGE) for p in PACKAGE.rglob("*.py") if p.name != "__init__.py" or p.parent != PACKAGE)


def layer_of(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Absolute names of everything a file of the package imports, inside functions too."""
    names = set()
    parents = ("gandalf_core", *path.parent.parts)
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else ()
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names |= {stem} if stem != "gandalf_core" else {f"{stem}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_imports_only_from_those_above_it(path):
    layer = layer_of(path)
    assert layer in ORDER, f"give the new module {layer} its place in ORDER of this test"
    for name in imported(path):
        package, _, rest = name.partition(".")
        if package == "gandalf_core" and rest and rest != "__version__":
            other = rest.split(".")[0]
            assert other in ORDER, f"{path} imports {other}, which has no place in ORDER"
            assert other == layer or ORDER.index(other) < ORDER.index(layer), f"{path} imports {other}, which stands below it"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_module_imports_streamlit_and_few_import_torch(path):
    packages = {name.split(".")[0] for name in imported(path)}
    assert "streamlit" not in packages and "pages" not in packages
    assert not packages & {"pickle", "dill", "cloudpickle"}, "models are shared: nothing is pickled"
    if "torch" in packages or any(n.startswith("safetensors.torch") for n in imported(path)):
        assert layer_of(path) in TORCH, f"{path} imports torch"


def loaded_by(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after `code`."""
    tail = "; import sys; print('\\n' + ' '.join(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_loads_nothing_heavy():
    heavy = {"numpy", "torch", "sklearn", "scipy", "pandas", "astropy", "plotly", "pyarrow", "umap", "openTSNE"}
    for arguments in (["--help"], ["train", "--nonsense"], ["config", "--preset", "paper", "--json"]):
        code = f"from gandalf_core.cli import main; main({arguments})"
        assert not loaded_by(code) & heavy, arguments


def test_figures_load_neither_torch_nor_streamlit():
    figures = [f"gandalf_core.figures.{p.stem}" for p in (PACKAGE / "figures").glob("*.py") if p.name != "__init__.py"]
    assert figures
    assert not loaded_by("import " + ", ".join(figures)) & {"torch", "streamlit"}


def test_simulating_and_reading_load_no_torch():
    code = "from gandalf_core import simulate, read_stars; simulate(2); import gandalf_core.io"
    assert not loaded_by(code) & {"torch", "sklearn", "pandas", "astropy"}


def test_public_names_are_there_and_stay_callable_after_their_modules_are_imported():
    code = (
        "import gandalf_core.train, gandalf_core.simulate.grids, gandalf_core.cli;"
        "from gandalf_core import load_model, read_stars, write_stars, simulate, train;"
        "assert all(map(callable, (load_model, read_stars, write_stars, simulate, train)));"
        "assert len(simulate(2)) == 2 and gandalf_core.train.Trainer"
    )
    loaded_by(code)
