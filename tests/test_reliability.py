"""The short forms of `python -m reliability`: nothing is lost, and nobody is silently wrong."""

import json
import subprocess
import sys

import numpy as np
import pytest
import toy  # noqa: F401  with whom regressors take few steps

from gandalf_core.io import read_bytes
from reliability import document, full_disk, fuzz, kill, oracle, tables
from reliability.options import Options
from reliability.records import ROOT, load

QUICK = Options(quick=True)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="forks, limits and SIGKILL")


@on_linux
def test_damaged_files_and_files_laid_out_in_other_ways_are_read_right_or_refused():
    result = fuzz.run(QUICK)
    assert result["held"], result["faults"]
    verdicts = result["verdicts"]
    assert sum(verdicts.values()) == result["mutants"] == fuzz.SHORT
    assert min(verdicts[name] for name in (oracle.SAME, oracle.REFUSED, oracle.NOTED)) > fuzz.SHORT // 10


@pytest.mark.parametrize("kind", tables.KINDS)
def test_a_file_that_nobody_changed_is_read_without_a_difference(kind):
    file = tables.original(kind, np.random.default_rng(4))
    found = oracle.of_stars(file, read_bytes("s", tables.written(file)))
    assert found == (oracle.NOTED if kind == "text" else oracle.SAME, "")  # it names no columns


@pytest.mark.parametrize("name", ["flux", "flux_error", "teff"])
def test_the_oracle_notices_a_wrong_value(name):
    file = tables.original("fits", np.random.default_rng(4))
    values = file.columns[name].copy()
    values[:] = values * 1.002 if name == "teff" else values  # of all samples of a star
    values[5] = values[6] * 1.002 if name != "teff" else values[5]
    stars = read_bytes("s", tables.written(file.with_columns(**{name: values})))
    verdict, why = oracle.of_stars(file, stars)
    assert verdict == oracle.WRONG and "values of" in why


def test_a_mask_of_truths_in_the_cells_of_ecsv_masks():
    """`[false, true]` was no number, and the mask was left aside."""
    file = tables.original("ecsv-rows", np.random.default_rng(4))
    bad = np.zeros(file.truth.flux.shape, bool)
    bad[1, 7] = True
    stars = read_bytes("s", tables.written(file.with_columns(bad_pixel=bad)))
    np.testing.assert_array_equal(stars.mask, bad)


@pytest.mark.long
@on_linux
def test_kills_lose_nothing():
    result = kill.run(QUICK)
    assert result["held"], result
    assert sum(result[part]["kills"] for part in ("training", "saving", "catalogue", "sweep")) > 3


@pytest.mark.long
@on_linux
def test_a_full_disk_is_one_line_and_the_old_output_stays():
    result = full_disk.run(QUICK)
    assert result["held"], result
    assert result["places"]["a limit on files"]["commands"] == 4


@on_linux
@pytest.mark.long
@pytest.mark.browser
@pytest.mark.parametrize("attack", ["look", "load"])
def test_visitors_in_browsers_meet_no_error(attack):
    """How soon they are answered is measured on an idle machine, not here."""
    command = [sys.executable, "-m", "reliability", attack, "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    result = json.loads(done.stdout)
    assert not result.get("faults") and not result.get("errors"), result


def test_the_document_is_that_of_the_stored_results():
    assert document.PATH.read_text(encoding="utf-8") == document.text()
    assert [
        name for name in ("kill", "full-disk", "fuzz", "hostile", "look") if not load(name).get("held", True)
    ] == []
