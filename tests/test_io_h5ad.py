"""AnnData files of every age, by their layout: the right numbers, and one line for what does not fit."""

from collections.abc import Callable
from io import BytesIO

import h5py
import numpy as np
import pytest

from gandalf_core.errors import SpectraError
from gandalf_core.io import h5ad
from gandalf_core.io.latent_tables import LatentTable, obsm_keys, read_latent_table

NAN = float("nan")
Z = np.arange(12.0).reshape(4, 3)
IDS = ["s0", "s1", "s2", "s3"]
TEFF = [5000.0, 5100.0, 5200.0, 5300.0]
TEXT = h5py.string_dtype()


def written(change: Callable[[h5py.File], object] = lambda file: None, z=Z) -> bytes:
    """An AnnData file of today with teff in obs, changed."""
    with h5py.File(content := BytesIO(), "w") as file:
        file.create_group("obsm")
        if z is not None:
            file["obsm"]["X_latent"] = z
        obs = file.create_group("obs")
        obs.attrs["_index"] = "cell"
        obs.create_dataset("cell", data=IDS, dtype=TEXT)
        obs["teff"] = TEFF
        change(file)
    return content.getvalue()


def read(content: bytes, key: str | None = None) -> LatentTable:
    return read_latent_table(("cells.h5ad", content), key)


def refusal(content: bytes, key: str | None = None) -> str:
    with pytest.raises(SpectraError) as caught:
        read(content, key)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("cells.h5ad: ")


# --- latents ---


def sparse(
    file: h5py.File, format: str, shape=(4, 3), values=(7.0, 8.0), indices=(1, 0), ends=(0, 1, 1, 2, 2)
):
    group = file["obsm"].create_group("X_latent")
    group.attrs.update({"encoding-type": format} | ({} if shape is None else {"shape": shape}))
    group["data"], group["indices"], group["indptr"] = np.array(values), np.array(indices), np.array(ends)


def test_sparse_matrices_by_rows_and_by_columns():
    by_rows = read(written(lambda file: sparse(file, "csr_matrix"), z=None)).z
    np.testing.assert_array_equal(by_rows, [[0, 7, 0], [0, 0, 0], [8, 0, 0], [0, 0, 0]])
    by_columns = read(written(lambda file: sparse(file, "csc_matrix", ends=(0, 1, 2, 2)), z=None)).z
    np.testing.assert_array_equal(by_columns, [[0, 8, 0], [7, 0, 0], [0, 0, 0], [0, 0, 0]])


def test_a_table_and_a_single_column_are_latents():
    def table(file: h5py.File) -> None:
        group = file["obsm"].create_group("X_latent")
        group.attrs["_index"] = "cell"
        group.create_dataset("cell", data=IDS, dtype=TEXT)
        group["a"], group["b"] = Z[:, 0], Z[:, 1]

    np.testing.assert_array_equal(read(written(table, z=None)).z, Z[:, :2])
    np.testing.assert_array_equal(read(written(z=Z[:, 0])).z, Z[:, :1])


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda f: sparse(f, "csr_matrix", shape=None), "/obsm/X_latent is a sparse matrix without a shape"),
        (
            lambda f: sparse(f, "csr_matrix", shape=(-4, 3)),
            "/obsm/X_latent is a sparse matrix of a negative shape",
        ),
        (lambda f: sparse(f, "csr_matrix", shape=(10**7, 10**5)), "would grow to"),
        (
            lambda f: f["obsm"].create_dataset("X_latent", data=["a"] * 4, dtype=TEXT),
            "is not a matrix of numbers",
        ),
        (
            lambda f: f["obsm"].create_dataset("X_latent", data=np.ones((4, 3, 2))),
            "is not a matrix of numbers",
        ),
        (lambda f: f["obsm"].create_dataset("X_latent", data=Z + 1j), "holds neither numbers nor texts"),
        (
            lambda f: f["obsm"].create_dataset("X_latent", data=h5py.Empty("f8")),
            "/obsm/X_latent is not an array",
        ),
        (lambda f: f["obsm"].create_dataset("X_latent", data=Z[:2]), "have different numbers of rows"),
        (lambda f: f["obsm"].create_dataset("X_latent", data=Z[:, :0]), "no latents: z has the shape (4, 0)"),
        (lambda f: None, "obsm holds nothing, so no latent"),
    ],
)
def test_what_is_no_latent_is_one_line(change, cause):
    assert cause in refusal(written(change, z=None))


def test_a_file_of_hdf5_that_is_no_anndata_is_named():
    with h5py.File(content := BytesIO(), "w") as file:
        file["obsm"] = Z
    assert refusal(content.getvalue()) == "obsm is not a group: not an AnnData file"
    with h5py.File(content := BytesIO(), "w") as file:
        file["z"] = Z
    assert refusal(content.getvalue()) == "no /obsm: not an AnnData file"
    with pytest.raises(SpectraError, match=r"^x: no /obsm"):
        obsm_keys(("x", content.getvalue()))


# --- columns of obs ---


def column(name: str, **parts: object) -> Callable[[h5py.File], None]:
    """A column of obs in several parts."""

    def change(file: h5py.File) -> None:
        group = file["obs"].create_group(name)
        for part, values in parts.items():
            text = isinstance(values, list) and isinstance(values[0], str)
            group.create_dataset(part, data=values, dtype=TEXT if text else None)

    return change


@pytest.mark.parametrize(
    ("parts", "expected", "remark"),
    [
        (
            {"codes": [1, -1, 0, 1], "categories": ["dwarf", "giant"]},
            [1, NAN, 0, 1],
            "(0 = dwarf, 1 = giant)",
        ),
        ({"codes": [1, -1, 0, 1], "categories": [0.5, 2.5]}, [2.5, NAN, 0.5, 2.5], ""),
        ({"values": [1, 2, 3, 4], "mask": [False, True, False, False]}, [1, NAN, 3, 4], ""),
        ({"values": [True, True, False, True], "mask": [False, False, False, True]}, [1, 1, 0, NAN], ""),
    ],
)
def test_columns_in_parts_are_numbers_with_gaps(parts, expected, remark):
    labels = read(written(column("kind", **parts))).labels(["kind"])
    np.testing.assert_array_equal(labels.values[:, 0], expected)
    said = (f"cells.h5ad: kind read as the numbers of its classes {remark}",) if remark else ()
    assert labels.notes == said


def test_of_many_classes_the_first_are_named():
    classes = [f"class {k}" for k in range(9)]
    table = read(written(column("kind", codes=[0, 8, 3, 3], categories=classes)))
    assert table.remarks["kind"].endswith(
        "(0 = class 0, 1 = class 1, 2 = class 2, 3 = class 3, 4 = class 4, …)"
    )


@pytest.mark.parametrize(
    ("parts", "cause"),
    [
        ({"codes": [0, 2, 0, 0], "categories": ["a", "b"]}, "a categorical column has codes without a class"),
        ({"codes": [0.0, 1.0, 0.0, 0.0], "categories": ["a", "b"]}, "has codes without a class"),
    ],
)
def test_codes_without_a_class_are_refused(parts, cause):
    assert cause in refusal(written(column("kind", **parts)))


def test_what_is_no_column_of_numbers_is_left_out():
    def change(file: h5py.File) -> None:
        column("texts", values=["a", "b", "c", "d"], mask=[False] * 4)(file)
        column("other", something=[1, 2])(file)
        file["obs"]["pairs"] = np.ones((4, 2))
        file["obs"].create_dataset("name", data=["a", "b", "c", "d"], dtype=TEXT)
        file["obs"]["records"] = np.ones(4, [("a", "f8"), ("b", "i4")])

    table = read(written(change))
    assert table.candidates == ("teff",) and table.ids.tolist() == IDS
    assert "different numbers of rows" in refusal(
        written(lambda file: file["obs"].create_dataset("x", data=[1, 2]))
    )


def test_row_names_that_are_missing_are_no_ids():
    def change(file: h5py.File) -> None:
        del file["obs"]["cell"]
        file["obs"].create_dataset("cell", data=["s0", "", "s2", "s3"], dtype=TEXT)

    assert read(written(change)).ids is None
    assert read(written(lambda file: file["obs"].__delitem__("cell"))).ids is None


# --- earlier layouts ---


def test_tables_of_before_version_07_are_one_array_of_records():
    records = np.array(
        [(b"s0", 5000.0, b"a"), (b"s1", 5100.0, "é".encode()), (b"s2", 5200.0, b"c"), (b"s3", 5300.0, b"d")],
        [("index", "S4"), ("teff", "f8"), ("batch", "S2")],
    )

    def change(file: h5py.File) -> None:
        del file["obs"]
        file["obs"] = records

    table = read(written(change))
    assert table.ids.tolist() == IDS and table.candidates == ("teff",)
    assert table.labels(["teff"]).values[:, 0].tolist() == TEFF
    assert {c.name: c.values.tolist() for c in table.columns}["batch"] == ["a", "é", "c", "d"]

    def bare(file: h5py.File) -> None:
        del file["obs"]
        file["obs"] = TEFF

    assert refusal(written(bare)) == "/obs is not a table: not an AnnData file"


def test_classes_of_version_07_stand_in_a_group_of_their_own():
    def change(file: h5py.File) -> None:
        file["obs"]["kind"] = np.array([1, 0, -1, 1], "i1")
        classes = file["obs"].create_group("__categories")
        classes.create_dataset("kind", data=["dwarf", "giant"], dtype=TEXT)

    labels = read(written(change)).labels(["kind", "teff"])
    np.testing.assert_array_equal(labels.values, [[1, 5000], [0, 5100], [NAN, 5200], [1, 5300]])
    assert labels.notes == ("cells.h5ad: kind read as the numbers of its classes (0 = dwarf, 1 = giant)",)


# --- without the library ---


def test_without_h5py_reading_and_writing_name_the_cure(monkeypatch, tmp_path):
    from gandalf_core.data.latents import LatentSet
    from gandalf_core.io import write_latents

    content = written()
    assert h5ad.available()
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    assert not h5ad.available()
    assert refusal(content).startswith("reading AnnData needs h5py: pip install 'gandalf-explorer[anndata]'")
    latents = LatentSet(Z.astype(np.float32), np.array(IDS), np.empty((4, 0)), (), "m@1")
    with pytest.raises(SpectraError, match="writing AnnData needs h5py"):
        write_latents(tmp_path / "z.h5ad", latents)
    assert not (tmp_path / "z.h5ad").exists()
