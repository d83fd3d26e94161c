"""Files are UTF-8 and no message ends in a traceback, whatever the locale: cp1252 is that of Windows."""

import ast
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from gandalf_core.cli import main
from gandalf_core.cli.terminal import plain, shown
from gandalf_core.simulator import simulate

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("gandalf_core", "pages", "reports", "scripts", "benchmarks")
LOCALES = {  # name → (language, character map), as localedef makes them
    "cp1252": ("en_US", "CP1252"),
    "iso8859-1": ("es_ES", "ISO-8859-1"),
}


# --- nothing depends on the locale: read in the source ---


def text_calls(tree: ast.AST) -> list[ast.Call]:
    """Calls that read or write text in the encoding of the locale, unless they name another."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if _is_text(call) and not {"encoding", None} & _keywords(call).keys()]


def _keywords(call: ast.Call) -> dict:
    return {keyword.arg: keyword.value for keyword in call.keywords}


def _is_text(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ("read_text", "write_text"):
        return isinstance(call.func, ast.Attribute) and not _opens_no_file(call)
    if name in ("run", "Popen", "check_output"):
        return bool({"text", "universal_newlines"} & _keywords(call).keys())
    if name != "open" or _opens_no_file(call):
        return name == "NamedTemporaryFile" and "b" not in _mode(call, 0, "w+b")
    return "b" not in _mode(call, 0 if isinstance(call.func, ast.Attribute) else 1, "r")


def _opens_no_file(call: ast.Call) -> bool:
    """True for functions of modules, such as fits.open, and for the bytes in a zip; others are of a path."""
    owner = getattr(call.func, "value", None)
    names = ("archive", "delimited", "fits", "opener", "os", "packed", "webbrowser")
    return isinstance(owner, ast.Name) and owner.id in names


def _mode(call: ast.Call, position: int, default: str) -> str:
    value = _keywords(call).get("mode", call.args[position] if len(call.args) > position else None)
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else default


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("p.read_text()", 1),
        ("p.read_text(encoding='utf-8')", 0),
        ("p.write_text('a')", 1),
        ("write_text(p, 'a')", 0),
        ("open(p)", 1),
        ("open(p, 'rb')", 0),
        ("p.open()", 1),
        ("p.open('w')", 1),
        ("p.open('ab')", 0),
        ("subprocess.run(c, text=True)", 1),
        ("subprocess.run(c, text=True, encoding='utf-8')", 0),
    ],
)
def test_the_search_for_texts_finds_them(code, found):
    assert len(text_calls(ast.parse(code))) == found


def test_every_text_names_its_encoding():
    found = []
    for path in [ROOT / "app.py", *(p for folder in SOURCES for p in (ROOT / folder).rglob("*.py"))]:
        calls = text_calls(ast.parse(path.read_text(encoding="utf-8")))
        found += [f"{path.relative_to(ROOT)}:{call.lineno}" for call in calls]
    assert not found, "these read or write text in the encoding of the locale: say encoding='utf-8'"


# --- in a process of that locale ---


@pytest.fixture(scope="session")
def made_locales(tmp_path_factory) -> Path:
    """A folder with the locales, made by localedef (package libc-bin, their sources in package locales)."""
    folder = tmp_path_factory.mktemp("locales")
    if sys.platform != "linux":
        pytest.skip("localedef makes locales in a folder on Linux only")
    assert shutil.which("localedef"), "localedef is missing (package libc-bin): locales cannot be tested"
    for name, (language, characters) in LOCALES.items():
        command = ["localedef", "-i", language, "-f", characters, str(folder / name)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
        assert (folder / name).is_dir(), f"{name}: install the package locales ({done.stderr.strip()})"
    return folder


@pytest.fixture
def environment_in(made_locales, tmp_path):
    """A function from the name of a locale to the environment of a process in it."""
    return partial(_environment, made_locales, tmp_path)


@pytest.fixture(params=["ascii", *LOCALES])
def environment(request, environment_in) -> dict[str, str]:
    """The environment of a process in another locale."""
    return environment_in(request.param)


@pytest.fixture
def windows(environment_in) -> dict[str, str]:
    """The environment of a process in the locale that Windows has in western Europe and America."""
    return environment_in("cp1252")


def _environment(made_locales: Path, tmp_path: Path, name: str) -> dict[str, str]:
    plain_python = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "", "LANGUAGE": ""}
    folders = {"LOCPATH": str(made_locales), "GANDALF_RUNS": str(tmp_path), "GANDALF_CACHE": str(tmp_path)}
    locale = {"LC_ALL": "C" if name == "ascii" else name, "PYTHONPATH": str(ROOT)}
    return os.environ | plain_python | folders | locale


def run(code: str, environment: dict[str, str], folder: Path) -> tuple[int, bytes, bytes]:
    script = folder / "script.py"  # Python reads it as UTF-8, unlike code on the command line
    script.write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, cwd=folder, env=environment)
    return done.returncode, done.stdout, done.stderr


def test_the_locale_is_another_one(environment, tmp_path):
    code = "import locale; print(locale.getencoding())"
    encoding = run(code, environment, tmp_path)[1].decode("ascii").strip().lower()
    assert encoding in ("cp1252", "iso-8859-1", "ansi_x3.4-1968", "us-ascii")


def test_help_and_messages_are_written_in_characters_that_exist(environment, tmp_path):
    """λ and … are in no help text of these locales: `lambda` and `...` are."""
    main = "from gandalf_core.cli import main; raise SystemExit(main({}))"
    for arguments, words in (
        (["--help"], [b"COMMAND"]),
        (["sweep", "--help"], [b"every lambda"]),
        (["models", "generator"], [b"lambda", b"alpha"]),
        (["config", "--preset", "nothing-like-λ"], []),
    ):
        status, out, err = run(main.format(arguments), environment, tmp_path)
        assert status == (2 if "nothing-like-λ" in arguments else 0), err
        assert all(word in out for word in words), (arguments, out)
        assert b"Traceback" not in err and b"internal error" not in err
    assert b"nothing-like-lambda" in err


def test_json_is_ascii_where_the_terminal_is_not_utf8(windows, tmp_path):
    code = "from gandalf_core.cli import main; raise SystemExit(main(['models', 'generator', '--json']))"
    status, out, err = run(code, windows, tmp_path)
    assert status == 0 and out.isascii(), err
    utf8 = windows | {"PYTHONUTF8": "1"}
    whole = run(code, utf8, tmp_path)[1]
    assert json.loads(out) == json.loads(whole) and "α" in whole.decode("utf-8")


WORK = """
import sys, warnings
warnings.filterwarnings("error", category=EncodingWarning, module=r"(gandalf_core|pages|toy)")
sys.path.insert(0, TESTS)
from toy import toy_config, toy_stars
from gandalf_core import load_model, read_stars, write_stars
from gandalf_core.io import iter_parquet
from gandalf_core.models.fit import Extras, train
from gandalf_core.models.store import list_models, record_audit, save_model
from gandalf_core.jobs.folder import JobWriter
from dataclasses import replace

stars = toy_stars(40)  # so few that no regressors are fitted
extras = Extras(source="Gaia λ 3, Ångström")
config = toy_config(training__epochs=1, training__batch_size=8)
save_model(train(stars, config, device="cpu", extras=extras), "model")
model = load_model("model")
assert list_models(".")[0].card["data"]["source"] == "Gaia λ 3, Ångström"
with JobWriter("job", "train") as job:
    job.update(message="λ")
    job.add_metrics({"χ²": 1.0})
named = replace(stars[:2], ids=["étoile-α", "星"], provenance={"source": "λ"})
for name in ("é.csv", "é.ecsv", "é.npz", "é.parquet", "é.vot", "\\udc81.parquet"):
    write_stars(name, named)
    again = read_stars(name)
    assert again.ids.tolist() == ["étoile-α", "星"], (name, again.ids)
    assert not name.endswith("parquet") or [len(part) for part in iter_parquet(name)] == [2]
"""


def test_models_jobs_and_star_files_are_utf8(windows, tmp_path):
    """The same bytes as under UTF-8: a model, the card for people, a job's folder, files of stars."""
    code = f"TESTS = {str(ROOT / 'tests')!r}\n{WORK}"
    status, _, err = run(code, windows | {"PYTHONWARNDEFAULTENCODING": "1"}, tmp_path)
    assert status == 0, err.decode("utf-8", "replace")[-2000:]
    card = (tmp_path / "model" / "CARD.md").read_text(encoding="utf-8")
    assert "Gaia λ 3, Ångström" in card and len(card) > 500
    read = json.loads((tmp_path / "model" / "card.json").read_text(encoding="utf-8"))
    assert read["data"]["source"] == "Gaia λ 3, Ångström"
    assert json.loads((tmp_path / "job" / "status.json").read_text(encoding="utf-8"))["message"] == "λ"
    assert json.loads((tmp_path / "job" / "metrics.jsonl").read_text(encoding="utf-8")) == {"χ²": 1.0}
    assert "étoile-α" in Path(os.fsdecode(bytes(tmp_path) + b"/\xe9.csv")).read_text(encoding="utf-8")


PAGE = """
from streamlit.testing.v1 import AppTest
test = AppTest.from_file(MAIN, default_timeout=60).run()
assert not test.exception, [e.message for e in test.exception]
for page in ("decode", "data"):
    test.switch_page(f"../{page}.py").run()
    assert not test.exception, [e.message for e in test.exception]
assert not test.error, [e.value for e in test.error]
"""


def test_the_pages_load(windows, tmp_path):
    """Decode and Data bring their scripts, which hold λ and other letters, to the browser."""
    code = f"MAIN = {str(ROOT / 'pages' / 'ui' / 'main.py')!r}\n{PAGE}"
    status, _, err = run(code, windows, tmp_path)
    assert status == 0, err.decode("utf-8", "replace")[-2000:]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_configuration_may_be_saved_by_any_program(tmp_path, capsys, encoding):
    """PowerShell's `>` writes UTF-16, Notepad puts a mark before UTF-8."""
    assert main(["config", "--preset", "generator"]) == 0
    text = capsys.readouterr().out
    (tmp_path / "c.json").write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert main(["config", "--config", str(tmp_path / "c.json")]) == 0
    assert capsys.readouterr().out == text
    (tmp_path / "c.json").write_bytes(b"\xff\xd8\xff\xe0JFIF")
    assert main(["config", "--config", str(tmp_path / "c.json")]) == 2
    assert "not a text file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Teff [K] ± 3, χ²\N{NO-BREAK SPACE}1", "Teff [K] ± 3, χ²\N{NO-BREAK SPACE}1"),
        ("HD\x1b[31m 1", "HD\\x1b[31m 1"),
        ("a\u202eb\x07\x9b", "a\\u202eb\\x07\\x9b"),
        ("we\r\nird\tname", "we  ird name"),
    ],
)
def test_what_would_steer_a_terminal_is_written_as_an_escape(text, expected):
    assert shown(text) == expected
    assert shown(f"{text}\n{text}", keep="\n\r\t").count("\n") == 1 + 2 * text.count("\n")


def test_names_in_strangers_files_steer_no_terminal(tmp_path, capsys):
    star = simulate(1, seed=5)
    columns = {"source_id": ["HD\x1b[2J\n1"], "wavelength": [star.wavelength_nm], "flux": [star.flux[0]]}
    table = pd.DataFrame(columns | {"od\x1b]0;hi\x07d\nnote: all is well": [1.0], "label_a\nb\x1b[0m": [2.0]})
    table.to_parquet(tmp_path / "s.parquet")
    path, out = str(tmp_path / "s.parquet"), str(tmp_path / "z.csv")
    for command in (
        ["predict", "autoencoder", path],
        ["validate", path],
        ["encode", "autoencoder", path, out],
    ):
        assert main(command) == 0
        told = "".join(capsys.readouterr())
        assert all(c.isprintable() or c == "\n" for c in told) and "\nnote: all is well" not in told
        assert "od\\x1b]0;hi\\x07d note: all is well" in told


@pytest.mark.parametrize(
    ("character", "text"),
    [
        ("λ", "lambda"),
        ("α", "alpha"),
        ("Σ", "Sigma"),
        ("²", "2"),
        ("−", "-"),
        ("≤", "<="),
        ("é", "e"),
        ("…", "..."),
        ("星", "\\u661f"),
        ("\udcff", "\\udcff"),
        ("😀", "\\U0001f600"),
    ],
)
def test_a_character_that_is_missing_is_written_out(character, text):
    assert plain(character) == text
