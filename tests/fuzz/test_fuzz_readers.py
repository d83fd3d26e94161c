"""Damaged files: cut or flipped anywhere, they are read, or raise one SpectraError that names the file."""

import io
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from archive_files import archive_file, bundle, gzipped, toy
from astropy.io import fits, votable
from astropy.table import Table

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.io import read_bytes, write_stars

CASES = 40  # per kind of file
FOREIGN = ("image", "tabledata", "binary", "ipac", "mrt", "masked", "utf16", "commas")
SMALL = ("npz", "parquet", "ecsv", "fits", "vot", "txt", "csv")


def small() -> SpectraSet:
    rng = np.random.default_rng(0)
    flux = rng.normal(1, 0.1, (2, 40))
    return SpectraSet(
        flux,
        850 + 0.1 * np.arange(40),
        ["11", "12"],
        rng.normal(size=(2, 2)),
        ("teff", "vsini"),
        np.full((2, 40), 0.1),
    )


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> dict[str, bytes]:
    """Valid files: ours, and the archive's."""
    folder = tmp_path_factory.mktemp("valid")
    out = {}
    for suffix in SMALL:
        write_stars(folder / f"s.{suffix}", small()[:1] if suffix == "txt" else small())
        out[suffix] = (folder / f"s.{suffix}").read_bytes()
    out["gz"], out["zip"] = gzipped(out["csv"]), bundle({"a.csv": out["csv"], "b.fits": out["fits"]})
    out["archive"] = archive_file("votable", "INDIVIDUAL", toy())
    return out | foreign()


def foreign() -> dict[str, bytes]:
    """Files that other programs write: an image, tables of other formats, texts of other countries."""
    wavelength, flux = np.round(small().wavelength_nm, 2), np.round(small().flux[0].astype(float), 5)
    table = Table({"wavelength": wavelength, "flux": flux}, units={"wavelength": "nm"})
    masked = Table(table, masked=True)
    masked["flux"].mask[3] = True
    text = "wavelength;flux\n" + "".join(f"{w};{f}\n".replace(".", ",") for w, f in table.iterrows())
    image = fits.PrimaryHDU(flux)
    image.header.update({"CRVAL1": 850.0, "CRPIX1": 1, "CDELT1": 0.1, "CUNIT1": "nm"})
    image.writeto(picture := io.BytesIO())
    out = {"image": picture.getvalue(), "utf16": text.encode("utf-16"), "commas": text.encode()}
    for kind in ("tabledata", "binary"):
        votable.from_table(table).to_xml(document := io.BytesIO(), tabledata_format=kind)
        out[kind] = document.getvalue()
    for kind, written in (("ipac", table), ("mrt", table.copy()), ("ecsv", masked)):
        written.write(lines := io.StringIO(), format=f"ascii.{kind}")
        out["masked" if kind == "ecsv" else kind] = lines.getvalue().encode()
    return out


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut short, or with some bytes flipped, or a piece removed, doubled or replaced by noise.

    Often in the header.
    """
    raw = np.frombuffer(data, np.uint8).copy()
    start = int(rng.integers(len(raw) if rng.random() < 0.5 else min(len(raw), 3000)))
    stop = min(len(raw), start + int(rng.integers(1, 200)))
    kind = rng.integers(5)
    if kind == 0:
        return raw[:start].tobytes()
    if kind == 1:
        raw[rng.integers(start, stop, 5)] ^= np.uint8(1) << rng.integers(0, 8, 5).astype(np.uint8)
        return raw.tobytes()
    if kind == 2:
        return np.delete(raw, slice(start, stop)).tobytes()
    if kind == 3:
        return np.insert(raw, start, raw[start:stop]).tobytes()
    raw[start:stop] = rng.integers(0, 256, stop - start)
    return raw.tobytes()


@pytest.mark.parametrize("kind", [*SMALL, "gz", "zip", "archive", *FOREIGN])
def test_damage_raises_nothing_but_spectra_errors(samples, kind):
    data, refused = samples[kind], 0
    assert len(read_bytes("good", data))
    for seed in range(CASES):
        broken = damaged(data, np.random.default_rng([seed, *kind.encode()]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read = read_bytes("broken.bin", broken)
            except SpectraError as error:
                refused += 1
                assert str(error).startswith("broken.bin") and "\n" not in str(error), str(error)
            else:
                assert np.isfinite(read.flux[~read.mask]).all()
    assert refused > CASES // 10
