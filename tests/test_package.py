"""The package as a user has it: built, installed into an empty environment, run outside the repository.

The new environment takes the packages it depends on from the running one (a .pth file), never gandalf_core.
"""

import ast
import json
import os
import re
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
import urllib.request
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
INSTALLED_AS = {
    "yaml": "PyYAML",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "distributed": "dask",
}  # where the import has another name
PATIENCE_SECONDS = 60
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"(?!/)[\w.\-/]*(/[\w.\-]*|\.(py|js|md|toml|txt|json))")
NAME = re.compile(r"[A-Za-z_][\w.]*")
CODE = (".py", ".js")


@dataclass(frozen=True)
class Installation:
    """An environment with the wheel in it; `folder` is empty at first, `home` belongs to its user."""

    root: Path

    @property
    def bin(self) -> Path:
        return self.root / "venv" / "bin"

    @property
    def site(self) -> Path:
        return Path(sysconfig.get_path("purelib", vars={"base": str(self.root / "venv")}))

    @property
    def folder(self) -> Path:
        return self.root / "empty"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def environment(self) -> dict[str, str]:
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("GANDALF_", "XDG_", "PYTHON"))}
        return ours | {"HOME": str(self.home), "PYTHONDONTWRITEBYTECODE": "1"}

    def start(self, program: str, *arguments: str, **options) -> subprocess.Popen:
        command = [self.bin / program, *arguments]
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, text=True, **options)

    def run(self, program: str, *arguments: str) -> str:
        """Standard output; fails with standard error when the program does."""
        process = self.start(program, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        return out

    def files(self) -> dict[str, tuple[int, int]]:
        """Path → size and time of every installed file."""
        paths = [path for path in self.site.rglob("*") if path.is_file()]
        return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in paths}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installation(wheel, tmp_path_factory):
    """Installed, and without permission to write there."""
    made = Installation(tmp_path_factory.mktemp("installation"))
    made.folder.mkdir()
    made.home.mkdir()
    venv.create(made.root / "venv")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(made.bin / "python"),
        "install",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    (made.site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    folders = [made.site, *(path for path in made.site.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield made
    for folder in folders:
        folder.chmod(0o755)


# --- the wheel and its environment ---


def test_the_wheel_has_one_package_and_no_top_level_pages(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"gandalf_core"}
    explorer = "gandalf_core/explorer"
    for needed in ("app.py", ".streamlit/config.toml", "pages/ui/main.py", "data/emulator.npz"):
        assert f"{explorer}/{needed}" in names
    assert "gandalf_core/py.typed" in names
    assert not [n for n in names if n.endswith((".pyc", ".map")) or "/tests/" in n or "node_modules" in n]


def test_what_is_imported_is_what_was_installed(installation):
    code = "import gandalf_core; print(gandalf_core.__file__)"
    assert Path(installation.run("python", "-c", code).strip()).is_relative_to(installation.site)
    assert not (installation.site / "pages").exists()


# --- the shell ---


@pytest.mark.long
def test_commands_run_in_an_empty_folder(installation):
    run, before = installation.run, installation.files()
    models = json.loads(run("gandalf", "models", "--json"))["models"]
    assert len(models) == 6 and all(Path(m["path"]).is_relative_to(installation.site) for m in models)
    assert run("python", "-m", "gandalf_core", "models") == run("gandalf", "models")
    run("gandalf", "simulate", "--stars", "1", "--seed", "3", "star.csv")
    assert "sim3-0" in run("gandalf", "predict", "autoencoder", "star.csv")
    assert [path.name for path in installation.folder.iterdir()] == ["star.csv"]
    assert installation.files() == before


def test_wrong_use_ends_with_status_2(installation):
    process = installation.start("gandalf", "nonsense", stderr=subprocess.PIPE)
    assert "no command" in process.communicate(timeout=60)[1] and process.returncode == 2


def test_package_and_shell_need_neither_streamlit_nor_plotly(installation):
    code = (
        "import sys; sys.modules |= dict.fromkeys(('streamlit', 'plotly', 'orjson'));"
        "import gandalf_core; from gandalf_core.cli import main; sys.exit(main(['models']))"
    )
    assert "physical-removed" in installation.run("python", "-c", code)


# --- the explorer ---


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def answer(url: str, process: subprocess.Popen) -> str:
    """What the server answers as soon as it does; fails when it ends before."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return urllib.request.urlopen(url, timeout=5).read().decode()
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"no answer from {url}; the server's status: {process.poll()}")


def test_the_explorer_starts_and_stops(installation, port, tmp_path):
    before = installation.files()
    with (tmp_path / "log.txt").open("w") as log:
        process = installation.start("gandalf", "app", "--port", str(port), stdout=log, stderr=log)
        try:
            assert answer(f"http://localhost:{port}/_stcore/health", process) == "ok"
        finally:
            process.terminate()
            process.wait(timeout=30)
    said = (tmp_path / "log.txt").read_text()
    assert f"http://localhost:{port}" in said and "Network URL" not in said  # .streamlit/config.toml is read
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5)
    assert installation.files() == before


def test_pages_open_and_write_into_the_users_folders(installation):
    before = installation.files()
    code = (
        "from streamlit.testing.v1 import AppTest; from gandalf_core import places;"
        "main = places.explorer_folder() / 'pages' / 'ui' / 'main.py';"
        "test = AppTest.from_file(str(main), default_timeout=100).run();"
        "assert not test.exception, test.exception; print(test.title[0].value);"
        "print(places.runs_folder(), places.cache_folder())"
    )
    *title, folders = installation.run("python", "-c", code).splitlines()
    assert title
    for folder in map(Path, folders.split()):
        assert folder.is_dir() and folder.is_relative_to(installation.home)
    assert installation.files() == before


# --- what is declared ---


def test_requirements_txt_lists_what_the_package_declares():
    declared = {*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["app"]}
    lines = (line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    listed = {line for line in lines if line}
    (pin,) = (Requirement(line) for line in listed - declared)
    (wider,) = (Requirement(line) for line in declared - listed)
    assert pin.name == wider.name == "torch"
    (exact,) = pin.specifier
    assert exact.operator == "==" and exact.version in wider.specifier


def test_every_import_is_declared():
    core = {Requirement(line).name for line in PROJECT["dependencies"]}
    extras = PROJECT["optional-dependencies"]
    app, anndata, specutils, survey, hats = (
        core | {Requirement(line).name for line in extras[extra]}
        for extra in ("app", "anndata", "specutils", "survey", "hats")
    )
    optional = {
        "h5ad.py": anndata,
        "h5ad_writing.py": anndata,
        "star_tables.py": specutils,
        "hats_catalogue.py": hats,
    }
    optional |= dict.fromkeys(("cluster.py", "luggage.py", "remote.py", "remote_trials.py"), survey)
    drawing = [ROOT / "gandalf_core" / room for room in ("figures", "publishing")]
    for path in [*(ROOT / "gandalf_core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        small = path.is_relative_to(ROOT / "gandalf_core") and path.parent not in drawing
        allowed = optional.get(path.name, core if small else app)
        assert imports(path) <= allowed | {"gandalf_core", "pages"}, path


def test_developers_have_every_extra():
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    listed = {line.split("#")[0].strip() for line in lines}
    extras = PROJECT["optional-dependencies"]
    for extra in ("anndata", "hats", "specutils", "survey"):
        assert set(extras[extra]) <= listed


def imports(path: Path) -> set[str]:
    """The distributions that a file imports, beside the standard library's."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module)
    tops = {name.split(".")[0] for name in names} - sys.stdlib_module_names
    return {INSTALLED_AS.get(top, top) for top in tops}


# --- what the documents for developers name ---


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_documents_name_what_exists(document):
    spans = {*re.findall(r"`([^`\s]+)`", FENCED.sub("", (ROOT / document).read_text()))}
    paths = {span for span in spans if PATH.fullmatch(span)}
    assert len(paths) > 15 and not {path for path in paths if not (ROOT / path).exists()}
    sources = [p for top in ("gandalf_core", "pages") for p in (ROOT / top).rglob("*.*") if p.suffix in CODE]
    code = "".join(path.read_text() for path in [*sources, ROOT / ".streamlit" / "config.toml"])
    names = {span.rpartition(".")[2] for span in spans - paths if NAME.fullmatch(span)}
    assert names and not {name for name in names if not re.search(rf"\b{name}\b", code)}


def test_the_table_of_places_names_what_is_in_the_files():
    table = (ROOT / "docs" / "architecture.md").read_text().partition("## Where do I change")[2]
    rows = [line.split("|")[2:4] for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    for files, words in rows:
        text = "".join((ROOT / path).read_text() for path in re.findall(r"`([^`]+)`", files))
        for word in re.findall(r"`([^`]+)`", words):
            assert word in text, (files, word)
