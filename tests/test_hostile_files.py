"""Strangers' files: none makes a reader open another file, and none costs more than its size allows.

Reading happens as in the app, in a process that the system ends after five seconds of processor time or at a
gigabyte of memory: a message that comes from the reader itself means that both were enough.
"""

import os
import socket
from io import BytesIO

import numpy as np
import pytest
from astropy.io import fits
from hostile_files import (
    GOOD,
    WAVE,
    costly_binaries,
    costly_texts,
    link_in_a_bundle,
    references,
    slow_but_sound,
    stream_at,
)

from gandalf_core.data.instruments import declared
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.io import read_bytes, read_stars, write_stars
from gandalf_core.io.confined import Limits, Readers
from gandalf_core.io.folders import data_files, partitions
from gandalf_core.io.label_table import read_labels
from gandalf_core.io.latent_tables import read_latent_table
from gandalf_core.io.parquet import has_row_per_star, iter_parquet
from gandalf_core.products.validation import validate
from gandalf_core.simulator import is_simulated, simulate
from gandalf_core.sources import believed, gather

REFUSED = references() | costly_texts() | costly_binaries()
SOUND = slow_but_sound()


@pytest.fixture(scope="module")
def small():
    """Readers with a gigabyte and five seconds."""
    readers = Readers(Limits(memory=10**9, cpu_seconds=5, bundle_seconds=5))
    yield readers
    readers.close()


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_file_is_one_line_within_five_seconds_and_a_gigabyte(small, name):
    content, words = REFUSED[name]
    errors = [str(stars) for _, stars in small.stars(name, content) if isinstance(stars, SpectraError)]
    assert any(words in error for error in errors), errors[0][:300]
    stem = name.split(".")[0]
    assert all(error.startswith(stem) and "\n" not in error and len(error) < 400 for error in errors)


def test_keywords_of_fits_that_point_elsewhere_are_only_text(small):
    """Inheritance from the primary header, members of a group in another file, and a file to include."""
    table = fits.BinTableHDU.from_columns(
        [fits.Column("wavelength", "D", "nm", array=WAVE), fits.Column("flux", "D", array=1 + 0 * WAVE)]
    )
    primary = fits.PrimaryHDU()
    primary.header["TUNIT1"] = "Angstrom"
    elsewhere = {"INHERIT": True, "GRPLC1": "file:///etc/passwd", "GRPID1": -1, "FILENAME": "/etc/passwd"}
    table.header.update(elsewhere)
    fits.HDUList([primary, table]).writeto(content := BytesIO())
    [(_, stars)] = small.stars("group.fits", content.getvalue())
    assert stars.wavelength_nm == pytest.approx(WAVE) and (stars.flux == 1).all()
    assert "root:" not in str(stars.provenance)


@pytest.mark.parametrize("name", SOUND)
def test_a_text_that_costs_a_careless_pattern_minutes_is_read(small, name):
    [(_, stars)] = small.stars(name, SOUND[name])
    assert isinstance(stars, SpectraSet), str(stars)[:300]
    assert len(stars) == 1 and (len(stars.wavelength_nm) == len(WAVE) or name == "array.csv")


@pytest.mark.parametrize("name", ["names.csv", "yaml.ecsv", "fields.vot", "zeros.npz", "text.parquet"])
def test_tables_of_labels_and_latents_have_the_same_bounds(small, name, tmp_path):
    (tmp_path / name).write_bytes(REFUSED[name][0])
    for read in (read_labels, read_latent_table, read_stars):
        with pytest.raises(SpectraError, match=name.split(".")[0]):
            read(tmp_path / name)


# --- what is no regular file ---


def special(folder, kind):
    """A pipe that nobody writes into, a socket, or a link to a device without end."""
    path = folder / f"{kind}.csv"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    else:
        path.symlink_to("/dev/zero")
    return path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes that have names")
@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_regular_file_is_named_and_not_waited_for(tmp_path, kind):
    path = special(tmp_path, kind)
    readers = (
        read_stars,
        read_labels,
        read_latent_table,
        lambda p: list(iter_parquet(p)),
        lambda p: gather([str(p)]),
    )
    for read in readers:
        with pytest.raises(SpectraError, match=rf"{kind}\.csv: is a {kind}"):
            read(path)
    assert not has_row_per_star(path)
    (tmp_path / "good.csv").write_bytes(GOOD)
    found = validate([str(tmp_path)])
    assert found.census.stars == 1
    assert data_files(tmp_path).aside == {f"{kind}.csv": "is a pipe, a socket or a device"}


def test_a_name_with_a_zero_byte_is_one_line():
    with pytest.raises(SpectraError, match=r"x\\x00y'?: cannot be read"):
        read_stars("x\0y")


# --- links ---


def test_a_link_in_a_bundle_does_not_spoil_the_file_beside_it(small):
    import zipfile

    with zipfile.ZipFile(out := BytesIO(link_in_a_bundle()), "a") as packed:
        packed.writestr("good.csv", GOOD)
    (link, error), (good, stars) = small.stars("both.zip", out.getvalue())
    assert link == "both.zip/link.csv" and "a symbolic link" in str(error) and "passwd" not in str(error)
    assert good == "both.zip/good.csv" and len(stars) == 1


def test_a_link_out_of_a_folder_of_files_is_refused_and_one_inside_is_read(tmp_path):
    folder, elsewhere = tmp_path / "downloaded", tmp_path / "private"
    folder.mkdir(), elsewhere.mkdir()
    (elsewhere / "secret.csv").write_bytes(GOOD)
    (folder / "good.csv").write_bytes(GOOD)
    (folder / "inside.csv").symlink_to(folder / "good.csv")
    (folder / "out.csv").symlink_to(elsewhere / "secret.csv")
    (folder / "more").symlink_to(elsewhere)
    found = validate([str(folder)])
    assert found.census.stars == 2
    assert sorted(os.path.relpath(name, folder) for name in found.rejected) == ["more/secret.csv", "out.csv"]
    assert all("a link out of the folder" in cause for cause in found.rejected.values())


def test_links_of_a_catalogue_to_another_disk_are_followed_and_said(tmp_path):
    folder, disk = tmp_path / "survey", tmp_path / "disk2"
    folder.mkdir(), disk.mkdir()
    for path in (folder / "a.parquet", disk / "b.parquet"):
        path.touch()
    (folder / "b.parquet").symlink_to(disk / "b.parquet")
    listing = partitions(folder)
    assert [path.name for path in listing.files] == ["a.parquet", "b.parquet"]
    assert listing.notes == ["links that lead out of the folder are followed: b.parquet"]


# --- references ---


def test_columns_of_parquet_in_another_file_are_not_looked_for(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table, kept = pa.table({"flux": [[1.0, 2.0]], "wavelength": [[850.0, 851.0]]}), []
    pq.write_table(table, tmp_path / "part.parquet", metadata_collector=kept)
    kept[0].set_file_path("../part.parquet")
    kept[0].write_metadata_file(tmp_path / "index.parquet")
    with pytest.raises(SpectraError, match=r"its columns are in another file \(\.\./part\.parquet\)"):
        read_stars(tmp_path / "index.parquet")


def test_no_address_in_a_file_is_visited(tmp_path):
    """A server on this machine hears of nothing, whoever reads the file."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/secret"
        with pytest.raises(SpectraError, match="nothing else is opened"):
            read_bytes("x.vot", stream_at(address))
        with pytest.raises(TimeoutError):
            server.accept()


# --- what a file says of its own origin ---


@pytest.mark.parametrize(
    "provenance",
    [
        '{"instrument": "gaia-rvs", "parts": [5, {"parts": {}}]}',
        '{"simulated": "yes", "instrument": {"name": []}}',
        '{"simulated": {"edition": 2, "seed": 1}}',
        '{"simulated": {"edition": 2, "seed": -1, "snr": null, "given_labels": false, "nuisances": {}}}',
        '{"simulated": {"edition": 2, "seed": 3, "snr": ["a", []], "given_labels": 0, "nuisances": {}}}',
        '{"simulated": {"edition": 2, "seed": 3, "snr": null, "given_labels": 0, "nuisances": {"cn": []}}}',
        '{"simulated": {"edition": 2, "seed": 3, "snr": null, "given_labels": 0, "nuisances": {"x": 1}}}',
        '{"simulated": {"seed": 3, "snr": 0, "given_labels": 0, "nuisances": {}, "edition": 2, "dealt": 1}}',
        '{"parts": ' * 200 + "{}" + "}" * 200,
        "[" * 100_000,
    ],
)
def test_a_strangers_account_of_its_stars_is_not_believed(provenance):
    ids = np.array(["sim3-1", "sim3-2"])
    np.savez(out := BytesIO(), flux=np.ones((2, 60)), wavelength_nm=WAVE, ids=ids, provenance=provenance)
    stars = believed(read_bytes("s.npz", out.getvalue()))
    assert len(stars.identity) == 16 and not is_simulated(stars)
    assert len(list(declared(stars.provenance))) <= 1


def test_what_we_wrote_of_a_simulation_is_believed(tmp_path):
    write_stars(tmp_path / "s.npz", simulate(3, seed=1))
    (stars,) = gather([str(tmp_path / "s.npz")])[:1]
    assert is_simulated(stars)
