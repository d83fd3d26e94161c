"""The page Data under attack, in a browser: what a visitor sees after each file that is meant to do harm.

A good file is uploaded first. After each other one the page must say one sentence about it, show no folder
and no file of the server, and still have the good one. `--screenshots FOLDER` keeps what it looked like.
"""

import re
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from gandalf_core.io import write_stars
from gandalf_core.simulator import simulate
from scripts.driver import CHROMIUM, FLAGS, PATIENCE_MS, settle, visit
from tests.hostile_files import costly_binaries, costly_texts, link_in_a_bundle, references

from .fuzz import mutant_of
from .options import Options
from .records import ROOT
from .server import serving

CASES = ROOT.parent / "shared" / "cases"  # where the project's shared folder is
LONGEST = 600  # letters of what is said of a file
GOOD = "good.npz"


def files(options: Options) -> dict[str, bytes]:
    """Files by their names: hostile ones, odd ones, and some that were damaged or laid out in another way."""
    found = {
        path.name: path.read_bytes() for kind in ("hostile", "readers") for path in (CASES / kind).glob("*")
    }
    made = references() | ({} if options.quick else costly_texts() | costly_binaries())
    found |= {name: content for name, (content, _) in made.items()} | {"passwd.zip": link_in_a_bundle()}
    for number in range(options.number(4, 24)):
        one = mutant_of(options.seed, number)
        found[f"{one.name}.dat" if "." not in one.name else one.name] = one.content
    return found


def run(options: Options) -> dict[str, Any]:
    """How many files were refused and used, and what a visitor should not have seen."""
    faults, outcomes = [], {"used": 0, "refused": 0}
    with (
        tempfile.TemporaryDirectory() as name,
        serving(Path(name)) as server,
        sync_playwright() as play,
    ):
        users = Path("/etc/passwd").read_text(encoding="utf-8").splitlines()[0]
        secrets = (str(ROOT), name, "site-packages", "Traceback", users)
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 1400}, reduced_motion="reduce")
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        visit(page, f"{server.url}/data?model=generator", "Data")
        write_stars(Path(name) / GOOD, simulate(3, seed=8))
        _upload(page, GOOD, (Path(name) / GOOD).read_bytes())
        for number, (file, content) in enumerate(files(options).items()):
            said = _upload(page, file, content)
            outcomes["used" if _kept(page, file) else "refused"] += 1
            faults += [f"{file}: {fault}" for fault in _faults(page, said, secrets)]
            if options.screenshots is not None:
                page.screenshot(path=options.screenshots / f"{number:03}-{_plain(file)}.png")
        chromium.close()
    return {"held": not faults, "files": sum(outcomes.values()), "outcomes": outcomes, "faults": faults}


def _upload(page: Page, name: str, content: bytes) -> str:
    """Upload a file; what the page then says of it."""
    settle(page)  # the box is another one after each upload
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(files=[file])
    box = page.get_by_test_id("stMain").get_by_test_id("stAlert").filter(has_text=_begins_with(name)).first
    box.wait_for()
    settle(page)
    return box.inner_text()


def _kept(page: Page, name: str) -> bool:
    """Whether the page has a card for a file: boxes of refused ones stand by themselves."""
    refused = page.get_by_test_id("stMain").get_by_test_id("stAlertContentError")
    return refused.filter(has_text=_begins_with(name)).count() == 0


def _begins_with(name: str) -> re.Pattern[str]:
    """How what is said of a file begins: what is packed in it is named without its endings."""
    return re.compile(rf"^\s*{re.escape(name.split('.')[0])}\.")


def _faults(page: Page, said: str, secrets: tuple[str, ...]) -> list[str]:
    """What is wrong with the page after an upload."""
    everything = page.locator("body").inner_text()
    found = [f"shows {secret!r}" for secret in secrets if secret in everything]
    if page.get_by_test_id("stException").count():
        found.append("an exception")
    if not page.get_by_test_id("stMain").get_by_text(f"{GOOD}: 3 stars").count():
        found.append("the file that was there is lost")
    if page.get_by_test_id("stAlert").get_by_role("link").count():
        found.append("an address in the file has become a link")
    if "\n" in said.strip() or len(said) > LONGEST:
        found.append(f"says more than a sentence: {said[:80]!r}")
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)
