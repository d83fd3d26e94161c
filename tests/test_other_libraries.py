"""Stars in specutils, astropy and pandas, and tables that validators have nothing to say about."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import is_votable, parse, validate
from astropy.io.votable.ucd import check_ucd
from astropy.table import Table
from toy import toy_stars

from gandalf_core import SpectraSet, read_stars, write_stars
from gandalf_core.data.column_notes import note_on
from gandalf_core.data.latents import LatentSet
from gandalf_core.errors import SpectraError
from gandalf_core.io import write_latents, write_table
from gandalf_core.io.latent_tables import read_latent_table
from gandalf_core.parameters import LABELS, STELLAR

RESULTS = (*LABELS, *(f"{name}_error" for name in LABELS), "chi2", "outlier_score", "verdict", "reason")
RESULTS += ("outside", "velocity_kms", "velocity_kms_error", "source_id", "flux", "flux_error", "wavelength")


@pytest.fixture(scope="module")
def stars():
    stars = toy_stars(4, missing=0.3)
    mask = np.zeros(stars.flux.shape, bool)
    mask[1, 3:5] = True
    ids = [str(2**61 + 1 + k) for k in range(4)]
    return SpectraSet(
        stars.flux, stars.wavelength_nm, ids, stars.labels, stars.label_names, stars.flux_error, mask
    )


# --- astropy and pandas ---


def test_a_table_has_units_ucds_and_descriptions(stars):
    table = stars.to_table()
    assert (str(table["wavelength"].unit), str(table["teff"].unit), table["logg"].unit) == ("nm", "K", None)
    assert table["teff"].meta["ucd"] == "phys.temperature.effective"
    assert all(table[name].description for name in table.colnames)
    assert table["source_id"].tolist() == stars.ids.tolist()
    np.testing.assert_array_equal(table["wavelength"][2], stars.wavelength_nm)
    np.testing.assert_array_equal(np.isnan(table["flux"]), stars.mask)
    np.testing.assert_array_equal(table["mh"], stars.label("mh"))


@pytest.mark.parametrize("name", RESULTS)
def test_every_ucd_is_one_of_the_ivoa(name):
    note = note_on(name)
    assert note.description and check_ucd(note.ucd, check_controlled_vocabulary=True) and note.ucd
    of = name.removesuffix("_error")
    assert note.unit == {"velocity_kms": "km.s-1", "wavelength": "nm", "teff": "K"}.get(of, "")
    assert of not in STELLAR or note.unit in ("", STELLAR[of].unit)


def test_a_frame_has_labels_by_id(stars):
    frame = stars.to_pandas()
    assert frame.index.tolist() == stars.ids.tolist() and frame.index.name == "source_id"
    np.testing.assert_array_equal(frame[list(LABELS)], stars.labels)
    assert frame["coverage"].tolist() == pytest.approx([1, 1 - 2 / 48, 1, 1])
    np.testing.assert_allclose(frame["snr"], stars.snr)


# --- validators ---


def written(folder, stars, suffix):
    """Every kind of table that we write, in files with this suffix."""
    long = SpectraSet(**{**vars(stars), "provenance": {"source": "x" * 200}})
    write_stars(folder / f"many{suffix}", long)
    write_stars(folder / f"one{suffix}", long[0])
    write_latents(folder / f"latents{suffix}", LatentSet(np.ones((4, 3)), stars.ids, stars.labels, LABELS))
    columns = {"id": stars.ids, "teff": stars.label("teff"), "teff_error": np.ones(4), "chi2": np.ones(4)}
    texts = {"verdict": np.array(list("abcd")), "reason": np.array(["", "long", "words", "α"[:0]])}
    write_table(folder / f"results{suffix}", columns | texts | {"outside": np.array([True, False] * 2)})
    return [folder / f"{name}{suffix}" for name in ("many", "one", "latents", "results")]


@pytest.mark.filterwarnings("error")
def test_astropy_finds_nothing_wrong_with_our_votables(stars, tmp_path):
    for path in written(tmp_path, stars, ".vot"):
        assert is_votable(path) and validate(path, output=None), path
        found = {f.name: f for f in parse(path, verify="exception").get_first_table().fields}
        assert found["teff"].ucd == "phys.temperature.effective" and found["teff"].description


@pytest.mark.filterwarnings("error")
def test_astropy_finds_nothing_wrong_with_our_fits(stars, tmp_path):
    for path in written(tmp_path, stars, ".fits"):
        with fits.open(path, checksum=True) as opened:
            opened.verify("exception")
            number = opened[1].columns.names.index("teff") + 1
            header = opened[1].header
            assert header[f"TUCD{number}"] == "phys.temperature.effective" and header[f"TCOMM{number}"]


@pytest.mark.parametrize(
    ("suffix", "command"),
    [(".vot", ("stilts", "votlint", "ucd=true", "unit=true")), (".fits", ("fitsverify", "-q"))],
)
def test_the_validators_of_debian_say_nothing(stars, tmp_path, suffix, command):
    """As `apt-get install stilts fitsverify` has them; where they are not, astropy's above stand alone."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    for path in written(tmp_path, stars, suffix):
        done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 0 and ("verification OK" in said if suffix == ".fits" else not said), said


@pytest.mark.parametrize("suffix", [".vot", ".fits", ".ecsv", ".csv", ".tbl", ".npz", ".parquet"])
def test_what_is_written_is_read(stars, tmp_path, suffix):
    path = tmp_path / f"stars{suffix}"
    write_stars(path, stars)
    again = read_stars(path)
    assert again.ids.tolist() == stars.ids.tolist()
    np.testing.assert_array_equal(again.mask, stars.mask)
    np.testing.assert_array_equal(again.flux[~stars.mask], stars.flux[~stars.mask])
    rounding = 1e-14 if suffix in (".ecsv", ".csv", ".tbl") else 0
    np.testing.assert_allclose(again.labels_for(LABELS), stars.labels, rtol=rounding)


def test_latents_go_to_anndata_and_back(tmp_path):
    """By our reader; and, where it is installed, by anndata itself."""
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(5, 4))
    labels[2, 1] = np.nan
    ids = [str(2**61 + k) for k in range(5)]
    latents = LatentSet(rng.normal(size=(5, 3)), ids, labels, LABELS, model_id="a model")
    write_latents(tmp_path / "z.h5ad", latents)
    read = read_latent_table(tmp_path / "z.h5ad")
    np.testing.assert_array_equal(read.z, latents.z.astype(np.float32))
    assert list(read.ids) == ids
    for p, name in enumerate(LABELS):
        column = next(c.values for c in read.columns if c.name == name)
        np.testing.assert_array_equal(column, labels[:, p])
    anndata = pytest.importorskip("anndata")
    again = anndata.read_h5ad(tmp_path / "z.h5ad")
    assert again.obs_names.tolist() == ids and again.obsm["X_latent"].shape == (5, 3)


def test_an_ipac_table_has_units_and_takes_ascii_alone(tmp_path):
    columns = {"id": np.array(["a", "b"]), "teff": np.array([5000.0, 6000.0])}
    write_table(tmp_path / "t.tbl", columns)
    read = Table.read(tmp_path / "t.tbl", format="ascii.ipac")
    assert str(read["teff"].unit) == "K" and read["teff"].tolist() == [5000, 6000]
    with pytest.raises(SpectraError, match="IPAC table takes ASCII alone"):
        write_table(tmp_path / "u.tbl", columns | {"verdict": np.array(["α", "b"])})
    assert not (tmp_path / "u.tbl").exists()


# --- specutils ---


def test_without_specutils_one_line_says_what_to_install(stars, monkeypatch):
    monkeypatch.setitem(sys.modules, "specutils", None)
    for call in (stars.to_specutils, lambda: SpectraSet.from_specutils([])):
        with pytest.raises(SpectraError, match=r"pip install 'gandalf-explorer\[specutils\]'"):
            call()


def test_specutils_there_and_back(stars):
    """The real library: in the list of what developers install, so that it is never missing there."""
    import specutils

    spectrum = stars.to_specutils()
    assert isinstance(spectrum, specutils.Spectrum) and spectrum.flux.shape == stars.flux.shape
    np.testing.assert_array_equal(spectrum.mask, stars.mask)
    again = SpectraSet.from_specutils(spectrum)
    assert again.ids.tolist() == stars.ids.tolist() and again.label_names == stars.label_names
    for name in ("wavelength_nm", "flux_error", "labels", "mask"):
        np.testing.assert_array_equal(getattr(again, name), getattr(stars, name))
    np.testing.assert_array_equal(again.flux[~stars.mask], stars.flux[~stars.mask])


def test_spectra_of_others_are_understood_or_refused(stars):
    import astropy.units as u
    import specutils
    from astropy.nddata import InverseVariance

    flux = stars.flux[:2].astype(float)
    grid = stars.wavelength_nm * u.nm
    ivar = InverseVariance(np.full(flux[0].shape, 400.0))
    by_frequency = specutils.Spectrum(
        flux=flux[0][::-1] * u.one, spectral_axis=grid.to(u.THz, u.spectral())[::-1], uncertainty=ivar[::-1]
    )
    plain = specutils.Spectrum(flux=flux[1] * u.percent * 100, spectral_axis=grid.to(u.AA), uncertainty=ivar)
    both = SpectraSet.from_specutils([by_frequency, plain], ids=["a", "b"])
    np.testing.assert_allclose(both.flux, stars.flux[:2], rtol=1e-6)
    np.testing.assert_allclose(both.wavelength_nm, stars.wavelength_nm, rtol=1e-12)
    np.testing.assert_allclose(both.flux_error, 0.05)
    assert both.ids.tolist() == ["a", "b"] and both.label_names == ()
    with pytest.raises(SpectraError, match="flux in Jy: divide the spectra by their continuum"):
        SpectraSet.from_specutils(specutils.Spectrum(flux=flux[0] * u.Jy, spectral_axis=grid))
    other = specutils.Spectrum(flux=flux[1] * u.one, spectral_axis=grid + 1 * u.nm)
    with pytest.raises(SpectraError, match="on different wavelengths"):
        SpectraSet.from_specutils([plain, other])
    with pytest.raises(SpectraError, match="no spectra: give a specutils Spectrum"):
        SpectraSet.from_specutils(["star.csv"])
