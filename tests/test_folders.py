"""Which files of somebody's folder are its data: hidden names, HATS catalogues, links, folders x.parquet."""

import os
import sys
from pathlib import Path

import pytest

from gandalf_core.errors import SpectraError
from gandalf_core.io.folders import data_files, name_in, partitions


def tree(root: Path, *names: str) -> Path:
    """A folder of empty files; names that end with / are folders."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return root


def names(root: Path) -> list[str]:
    return [name_in(root, path) for path in partitions(root).files]


def test_what_lies_beside_the_data_is_none(tmp_path):
    """Spark, Dask, macOS, notebooks and Delta leave these behind."""
    data = ["a.parquet", "deeper/b.parquet", "x.parquet/part.0.parquet", "y=1/z=2/c.PARQUET", "y=1/d.pq"]
    beside = ["_metadata", "_common_metadata", "_SUCCESS", ".a.parquet.crc", ".DS_Store", "._a.parquet"]
    beside += [".ipynb_checkpoints/a-checkpoint.parquet", "_temporary/0/e.parquet"]
    beside += ["_delta_log/0.checkpoint.parquet", "empty.parquet/", "README.txt", "partition_info.csv"]
    root = tree(tmp_path / "_survey", *data, *beside)
    assert names(root) == sorted(data)
    listing = partitions(root)
    assert set(listing.aside) == {"_metadata", "_common_metadata", "_SUCCESS"} | {
        ".a.parquet.crc",
        ".DS_Store",
        "._a.parquet",
    }
    assert listing.notes == ["not taken as data: ._a.parquet (its name begins with . or _)"]
    others = [name_in(root, path) for path in data_files(root).files]
    assert others == sorted([*data, "README.txt", "partition_info.csv"])


def test_a_hats_catalogue_is_its_partitions_and_nothing_else(tmp_path):
    pixels = [f"dataset/Norder=1/Dir=0/Npix={k}.parquet" for k in (4, 5)]
    pixels += ["dataset/Norder=2/Dir=0/Npix=9/part0.parquet", "dataset/Norder=2/Dir=0/Npix=9/part1.parquet"]
    about = ["hats.properties", "partition_info.csv", "skymap.fits", "dataset/_metadata"]
    about += ["dataset/_common_metadata", "dataset/data_thumbnail.parquet", "column_statistics.parquet"]
    root = tree(tmp_path / "hats", *pixels, *about)
    (root / "hats.properties").write_text("obs_collection=x\ndataproduct_type=object\n", encoding="utf-8")
    assert names(root) == sorted(pixels)
    assert set(partitions(root).aside) >= {"dataset/data_thumbnail.parquet", "column_statistics.parquet"}
    (note,) = partitions(root).notes
    assert "dataset/data_thumbnail.parquet (lies beside the partitions of a HATS catalogue)" in note


@pytest.mark.parametrize("kind", ["margin", "index", "association", "map"])
@pytest.mark.parametrize("name", ["hats.properties", "properties"])
def test_tables_of_a_hats_collection_that_repeat_its_stars_are_left_aside(tmp_path, kind, name):
    own, other = "main/dataset/Norder=0/Dir=0/Npix=1.parquet", "beside/dataset/Norder=0/Dir=0/Npix=1.parquet"
    root = tree(tmp_path, own, other, "collection.properties")
    (root / "main" / name).write_text("dataproduct_type = object\n", encoding="utf-8")
    (root / "beside" / name).write_text(f"# about\ndataproduct_type = {kind}\n", encoding="utf-8")
    assert names(root) == [own]
    assert partitions(root).notes == [
        f"not taken as data: beside (a HATS {kind}, which repeats stars of the catalogue)"
    ]
    assert names(root / "beside") == [other.removeprefix("beside/")], "who asks for it gets it"


def test_links_are_followed_once(tmp_path):
    root = tree(tmp_path / "survey", "a.parquet")
    elsewhere = tree(tmp_path / "disk2", "b.parquet")
    (root / "more").symlink_to(elsewhere)
    (root / "again").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(root)
    (root / "c.parquet").symlink_to(elsewhere / "b.parquet")
    assert names(root) == ["a.parquet", "again/b.parquet", "c.parquet"]


def test_the_order_is_that_of_the_names_on_every_system(tmp_path):
    root = tree(tmp_path, "b.parquet", "B.parquet", "a/z.parquet", "a.parquet", "é.parquet", "a-b.parquet")
    assert names(root) == ["B.parquet", "a-b.parquet", "a.parquet", "a/z.parquet", "b.parquet", "é.parquet"]


def test_a_folder_without_partitions_says_what_it_has(tmp_path):
    with pytest.raises(SpectraError, match=r"survey: no \.parquet file in this folder$"):
        partitions(tree(tmp_path / "survey", "a.csv", "_metadata"))
    with pytest.raises(SpectraError, match=r"\(not taken as data: _part\.0\.parquet"):
        partitions(tree(tmp_path / "hidden", "_part.0.parquet"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    root, scandir = tree(tmp_path, "a.parquet", "secret/b.parquet"), os.scandir

    def refusing(path):
        if Path(path).name == "secret":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    listing = partitions(root)
    assert names(root) == ["a.parquet"]
    assert listing.unreadable == {"secret": "cannot be read (Permission denied)"}
