"""What may be loaded when: the rule of imports itself stands in pyproject.toml (`lint-imports`)."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "gandalf_core"


def loaded_by(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after `code`."""
    tail = "; import sys; print('\\n' + ' '.join(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_help_loads_nothing_heavy():
    heavy = {
        "numpy",
        "torch",
        "sklearn",
        "scipy",
        "pandas",
        "astropy",
        "plotly",
        "pyarrow",
        "umap",
        "openTSNE",
    }
    for arguments in (["--help"], ["train", "--nonsense"], ["config", "--preset", "paper", "--json"]):
        code = f"from gandalf_core.cli import main; main({arguments})"
        assert not loaded_by(code) & heavy, arguments


def test_figures_load_neither_torch_nor_streamlit():
    figures = [
        f"gandalf_core.figures.{p.stem}"
        for p in (PACKAGE / "figures").glob("*.py")
        if p.name != "__init__.py"
    ]
    assert figures
    assert not loaded_by("import " + ", ".join(figures)) & {"torch", "streamlit"}


def test_simulating_and_reading_load_no_torch():
    code = "from gandalf_core import simulate, read_stars; simulate(2); import gandalf_core.io"
    assert not loaded_by(code) & {"torch", "sklearn", "pandas", "astropy"}


def test_public_names_are_callable_whatever_was_imported_before():
    code = (
        "import gandalf_core.training.trainer, gandalf_core.simulator.grids, gandalf_core.cli;"
        "from gandalf_core import audit, compare, load_model, read_stars, write_stars, simulate, train;"
        "assert all(map(callable, (audit, compare, load_model, read_stars, write_stars, simulate, train)));"
        "assert len(simulate(2)) == 2"
    )
    loaded_by(code)
