"""scripts/synthesise.py: points, photospheres, files, resuming; with PySME installed, the spectra themselves.

Where PySME is installed (data/README.md), `pytest -n0 tests/test_synthesise.py` skips nothing.
"""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gandalf_core.errors import SpectraError
from gandalf_core.parameters import CALCIUM_CORES_NM
from gandalf_core.simulator.grids import FLUX_UNIT, GRID_FILES, pack_flux
from scripts import raw_grid, rvs_spectrum, synthesise
from scripts.grid_points import RANGES, sobol_points, table_points
from scripts.pack_grid import instrument_matrix, observed, origin
from scripts.raw_grid import RawGrid, compute, differences, unfinished
from scripts.rvs_spectrum import LABEL_NAMES, RAW_NM, has_photosphere, photospheres

ROOT = Path(__file__).resolve().parents[1]
HAS_PYSME = importlib.util.find_spec("pysme") is not None
needs_pysme = pytest.mark.skipif(not HAS_PYSME, reason="PySME is not installed: data/README.md says how")
VERSIONS = {"computation": "2", "pysme-astro": "1.2.0"}
SUN, GIANT, ABSURD = (5772, 4.44, 0, 0, 0), (4900, 2.4, -1, 0.3, 0), (9000, 4.0, 0, 0, 0)


def invented(labels: np.ndarray) -> np.ndarray:
    """(L,) a flux that differs from point to point, in the place of a synthesis."""
    return 0.5 + 0.4 * np.sin(RAW_NM * labels[0] / 1e4)


@pytest.fixture
def computed(monkeypatch) -> list[tuple[float, ...]]:
    """Spectra are invented; the points that were computed, in order."""
    points = []

    def spectra(labels: np.ndarray, processes: int):
        for point in labels:
            points.append(tuple(point))
            yield invented(point)

    monkeypatch.setattr(raw_grid, "spectra", spectra)
    return points


# --- physics that needs no PySME ---


def test_inputs_are_those_of_the_stored_grid():
    """Another line list or other photospheres need a new grid, and then these hashes."""
    hashes = {p.name: hashlib.sha256(p.read_bytes()).hexdigest()[:16] for p in rvs_spectrum.INPUTS}
    assert hashes == {"lines.csv": "048458b3e3d759e5", "photospheres.npz": "819ae36bf7d1996f"}


def test_a_model_s_own_labels_give_its_own_columns():
    with np.load(rvs_spectrum.PHOTOSPHERES_FILE) as stored:
        labels, ln, log_tau = stored["labels"][100], stored["ln"][100], stored["log_tau"]
    columns = photospheres().at(labels)
    here = np.isclose(log_tau[:, None], np.log10(columns["tau"])).any(1)
    np.testing.assert_allclose(columns["temp"], np.exp(ln[0][here]), rtol=1e-5)
    np.testing.assert_allclose(columns["rho"], np.exp(ln[1][here]), rtol=1e-4)
    particles = (columns["xne"] + columns["xna"]) * rvs_spectrum.BOLTZMANN * columns["temp"]
    np.testing.assert_allclose(particles, np.exp(ln[2][here]), rtol=1e-4)
    np.testing.assert_allclose(columns["rhox"] * 10 ** labels[1], particles, rtol=1e-6)


def test_photospheres_of_other_labels_lie_between_and_grow_hotter_inwards():
    columns = photospheres().at(SUN)
    assert (np.diff(columns["temp"]) > 0).all() and (np.diff(columns["rhox"]) > 0).all()
    at_unity = np.interp(0.0, np.log10(columns["tau"]), columns["temp"])
    assert 6200 < at_unity < 6600  # Magic et al. 2013: the mean solar model has 6400 K at optical depth 1


def test_points_without_a_photosphere_are_known():
    assert has_photosphere(np.array([SUN, GIANT, ABSURD])).tolist() == [True, True, False]
    assert "hull" in rvs_spectrum.reason_to_refuse(ABSURD)
    assert "alphafe is beyond" in rvs_spectrum.reason_to_refuse((5772, 4.44, 0, 4.44, 0))
    assert "not a number" in rvs_spectrum.reason_to_refuse((5772, 4.44, np.nan, 0, 0))
    assert rvs_spectrum.reason_to_refuse(SUN) == ""


@pytest.mark.parametrize("teff", [4200, 5000, 5800, 6500])
def test_microturbulence_does_not_jump(teff):
    gravities = np.arange(1.3, 5.1, 0.01)
    speeds = np.array([rvs_spectrum.microturbulence(teff, logg) for logg in gravities])
    assert (speeds >= 0.5).all() and abs(np.diff(speeds)).max() < 0.02
    assert rvs_spectrum.microturbulence(5772, 4.44) == pytest.approx(1.05, abs=0.05)


def test_vacuum_wavelengths_of_the_calcium_lines():
    air = np.array([8498.02, 8542.09, 8662.14])
    np.testing.assert_allclose(rvs_spectrum.to_vacuum(air) / 10, CALCIUM_CORES_NM, atol=5e-4)


# --- points ---


def test_sobol_points_fill_the_range_where_photospheres_are():
    points = sobol_points(600, seed=3)
    assert points.shape == (600, 5) and has_photosphere(points).all()
    assert (points >= RANGES[0]).all() and (points <= RANGES[1]).all()
    for column in (3, 4):  # not limited by the photospheres
        share = np.histogram(points[:, column], 6, tuple(RANGES[:, column]))[0] / len(points)
        np.testing.assert_allclose(share, 1 / 6, atol=0.03)


def test_more_sobol_points_continue_fewer_and_seeds_differ():
    np.testing.assert_array_equal(sobol_points(700, seed=3)[:50], sobol_points(50, seed=3))
    assert not np.isin(sobol_points(50, seed=4)[:, 0], sobol_points(50, seed=3)[:, 0]).any()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_of_labels(tmp_path, suffix):
    import pandas as pd

    table = pd.DataFrame({"name": ["a", "b"], "Teff": [5000, 6000], "[Fe/H]": [-1, 0.1], "logg": [4.5, 4.0]})
    table["[alpha/Fe]"] = 0.2
    path = tmp_path / f"points{suffix}"
    table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    expected = [[5000, 4.5, -1, 0.2, 0], [6000, 4.0, 0.1, 0.2, 0]]
    np.testing.assert_array_equal(table_points(path), expected)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("teff,logg,mh\n5000,4,0\n", "0 columns of alphafe"),
        ("teff,logg,mh,feh,alphafe\n5000,4,0,0,0\n", "2 columns of mh"),
        ("teff,logg,mh,alphafe\n", "no points"),
        ("teff,logg,mh,alphafe\n5000,four,0,0\n", "must be numbers"),
        ("", "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path, text, complaint):
    path = tmp_path / "points.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpectraError, match=f"points.csv: .*{complaint}"):
        table_points(path)
    with pytest.raises(SpectraError, match=r"\.csv or \.parquet"):
        table_points(tmp_path / "points.txt")


# --- raw grids ---


def test_a_raw_grid_has_the_layout_that_is_packed(tmp_path, computed):
    points = np.array([SUN, GIANT], float)
    compute(points, tmp_path / "grid.npz", VERSIONS, 1)
    with np.load(tmp_path / "grid.npz") as stored:
        assert stored["flux"].dtype == np.uint16 and stored["label_names"].tolist() == list(LABEL_NAMES)
        assert json.loads(str(stored["made_by"])) == VERSIONS
        assert (stored["wavelength_nm"][[0, -1]] == pytest.approx([845.8, 870.2])) and len(RAW_NM) == 4881
        np.testing.assert_allclose(stored["flux"][1] / FLUX_UNIT, invented(points[1]), atol=1.01e-5)
    assert origin(str(tmp_path / "grid.npz")) == {"file": "grid.npz", "spectra": 2, "made_by": VERSIONS}
    labels, flux = observed(str(tmp_path / "grid.npz"))
    np.testing.assert_array_equal(labels, points)
    np.testing.assert_allclose(flux[0], invented(points[0]) @ instrument_matrix(RAW_NM), atol=2e-5)


def test_points_that_cannot_be_computed_are_left_out_with_their_reason(tmp_path, computed):
    grid, left_out = compute(np.array([SUN, ABSURD, GIANT], float), tmp_path / "g.npz", VERSIONS, 1)
    np.testing.assert_array_equal(grid.labels, [SUN, GIANT])
    assert len(left_out) == 1 and left_out[0].startswith("teff 9000, logg 4") and "hull" in left_out[0]
    with pytest.raises(SpectraError, match="no point can be computed"):
        compute(np.array([ABSURD], float), tmp_path / "none.npz", VERSIONS, 1)


def test_an_interrupted_grid_goes_on(tmp_path, computed, monkeypatch):
    points, path = sobol_points(6, seed=1), tmp_path / "g.npz"
    monkeypatch.setattr(raw_grid, "SAVE_SECONDS", -1)  # store after every spectrum
    whole = raw_grid.spectra

    def killed(labels, processes):
        yield from whole(labels[:4], processes)
        raise KeyboardInterrupt

    monkeypatch.setattr(raw_grid, "spectra", killed)
    with pytest.raises(KeyboardInterrupt):
        compute(points, path, VERSIONS, 1)
    assert not path.exists() and len(RawGrid.read(unfinished(path))) == 4
    monkeypatch.setattr(raw_grid, "spectra", whole)
    grid, _ = compute(points, path, VERSIONS, 1)
    np.testing.assert_array_equal(grid.labels, points)
    np.testing.assert_array_equal(computed, points)  # each of them once
    np.testing.assert_allclose(grid.flux / FLUX_UNIT, [invented(p) for p in points], atol=1.01e-5)
    assert list(tmp_path.iterdir()) == [path]


def test_a_complete_grid_grows(tmp_path, computed):
    path = tmp_path / "g.npz"
    compute(sobol_points(3, seed=1), path, VERSIONS, 1)
    compute(sobol_points(5, seed=1), path, VERSIONS, 1)
    assert len(computed) == 5 and len(RawGrid.read(path)) == 5


def test_other_work_is_not_replaced(tmp_path, computed):
    path = tmp_path / "g.npz"
    compute(sobol_points(3, seed=1), path, VERSIONS, 1)
    before = path.read_bytes()
    with pytest.raises(SpectraError, match=r"g\.npz: made by other versions"):
        compute(sobol_points(3, seed=1), path, VERSIONS | {"pysme-astro": "9"}, 1)
    with pytest.raises(SpectraError, match=r"g\.npz: holds other points"):
        compute(sobol_points(3, seed=2), path, VERSIONS, 1)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off", None])
def test_a_file_that_is_no_grid_is_one_line(tmp_path, content):
    path = tmp_path / "g.npz"
    if content is None:
        np.savez(path, labels=np.zeros((2, 4)), flux=np.zeros((2, 9)), wavelength_nm=np.arange(9))
    else:
        path.write_bytes(content)
    for use in (lambda: RawGrid.read(path), lambda: list(differences(path, 2, 0, 1))):
        with pytest.raises(SpectraError, match=r"g\.npz: [^\n]*$"):
            use()


@pytest.mark.parametrize("packed", [False, True])
def test_differences_are_found_where_they_are(tmp_path, computed, packed):
    """One of four stored spectra is wrong by .01 in a window of .2 nm."""
    path, points = tmp_path / "g.npz", sobol_points(4, seed=1)
    grid, _ = compute(points, path, VERSIONS, 1)
    wrong = grid.flux.copy()
    wrong[2, 2000:2040] += np.uint16(0.01 * FLUX_UNIT)
    if packed:
        seen = (wrong / np.float32(FLUX_UNIT)) @ instrument_matrix(RAW_NM)
        np.savez(path, labels=points, **pack_flux(seen))
    else:
        RawGrid(points, wrong, VERSIONS).write(path)
    found = {tuple(labels): size for labels, size in differences(path, 4, 0, 1)}
    assert found.pop(tuple(points[2])) == pytest.approx(0.01, rel=0.05)
    assert len(found) == 3 and max(found.values()) < 3e-5


# --- the command ---


def run(*arguments: str, folder: Path = Path("/")) -> subprocess.CompletedProcess:
    """The script as a stranger runs it: from another folder, without PYTHONPATH."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, str(ROOT / "scripts" / "synthesise.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=kept, cwd=folder)


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from scripts import synthesise; synthesise.parser().format_help(); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", cwd=ROOT, check=True
    )
    assert not {"numpy", "scipy", "pandas", "pysme"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("", "give the labels of one spectrum"),
        ("5000 4", "2 labels"),
        ("5000 4 0 0 0 --more 3 --out a.npz", "give the labels of one spectrum, or one of"),
        ("--more 3", "name the raw grid"),
        ("--more 3 --out a.csv", "name the raw grid"),
        ("--more 0 --out a.npz", "at least 1"),
        ("5000 4 0 0 --out a.fits", r"\.csv or \.npz"),
    ],
)
def test_wrong_use_ends_with_status_2(arguments, complaint, capsys):
    with pytest.raises(SystemExit, match="2"):
        synthesise.main(arguments.split())
    assert complaint.replace("\\", "") in capsys.readouterr().err


@pytest.mark.skipif(HAS_PYSME, reason="PySME is installed")
def test_without_pysme_the_message_says_what_to_install():
    done = run("5772", "4.44", "0", "0")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "pysme" in done.stderr and rvs_spectrum.INSTALL in done.stderr


# --- with PySME ---


@needs_pysme
@pytest.mark.parametrize(("mh", "alphafe", "cn"), [(-1.0, 0.3, 0.5), (0.3, -0.1, 0.0)])
def test_every_element_has_its_abundance_once(mh, alphafe, cn):
    from pysme.abund import Abund

    solar, made = Abund.solar(), rvs_spectrum.abundances(mh, alphafe, cn)
    expected = {"Ca": mh + alphafe, "Mg": mh + alphafe, "O": mh + alphafe, "Fe": mh, "C": mh, "N": mh + cn}
    for element, change in {**expected, "He": 0.0}.items():
        assert made[element] - solar[element] == pytest.approx(change, abs=1e-9), element


@needs_pysme
def test_spectra_of_the_stored_grid_come_out_again():
    found = list(differences(GRID_FILES["a"], 2, 0, 1))
    assert len(found) == 2 and max(size for _, size in found) < synthesise.LARGEST_DIFFERENCE


@needs_pysme
def test_one_spectrum_as_a_table(tmp_path):
    done = run(*map(str, GIANT), "--out", "giant.csv", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["giant.csv"]  # and none of PySME's own
    text = (tmp_path / "giant.csv").read_text(encoding="utf-8")
    assert "# teff 4900, logg 2.4, mh -1, alphafe 0.3, cn 0\n" in text and "pysme-astro 1.2.0" in text
    nm, flux = np.loadtxt(
        text.splitlines(), delimiter=",", skiprows=text[: text.index("wave")].count("\n") + 1
    ).T
    strength = sum((1 - flux[abs(nm - centre) <= 2.2]).sum() * 0.005 for centre in CALCIUM_CORES_NM[1:])
    assert strength == pytest.approx(0.62, abs=0.01)
