"""Anybody's latent: plain arrays, files of every layout, and the shell; what does not fit is one line."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

import gandalf_core
from gandalf_core.auditing.latent_sample import FAINTEST, MOST_STARS, latent_sample, rescaled
from gandalf_core.cli import main
from gandalf_core.data.latents import LatentSet
from gandalf_core.errors import AuditError, SpectraError
from gandalf_core.io import write_latents
from gandalf_core.io.latent_tables import obsm_keys, read_latent_table
from reports import plants

NAMES = ("teff", "mh", "vsini")
SIGNS = {"label_names": NAMES, "removed": ("teff",), "kept": ("mh",)}
QUICK = {"probes": ("ridge",), "workers": 1}
LEAK = plants.linear(300, 1, 0.5)
LABELS = np.column_stack([5500 + 500 * LEAK.y, LEAK.kept])


def audited(z=LEAK.z, labels=LABELS, **options) -> dict:
    return gandalf_core.audit_latent(z, labels, **(SIGNS | QUICK | options)).to_dict()


@pytest.fixture(scope="module")
def report() -> dict:
    return audited()


# --- the report ---


def test_the_report_has_the_keys_of_an_audit_and_is_json(report):
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    keys = {
        "model",
        "model_id",
        "stars",
        "left_out",
        "removed",
        "kept",
        "untouched",
        "references",
        "information",
    }
    assert set(report) == keys | {"maps", "counterfactual", "restoration", "notes", "verdict", "seconds"}
    assert set(report["references"]) == {"labels_only", "shuffled"} and report["counterfactual"] == {}
    assert list(report["removed"]) == ["teff"] and list(report["kept"]) == ["mh"]
    assert list(report["untouched"]) == ["vsini"] and len(report["verdict"]) == 3
    needed = {"r2", "floor", "excess", "partial", "p", "detectable", "upper", "verdict", "bits", "strata"}
    assert needed <= set(report["removed"]["teff"])


def test_a_planted_leak_is_read_with_its_size(report):
    teff = report["removed"]["teff"]
    assert teff["verdict"] == "readable" and teff["p"] < 0.01
    assert teff["partial"] == pytest.approx(0.5, abs=0.12)
    assert report["references"]["shuffled"]["teff"]["partial"] < 0.05
    assert report["kept"]["mh"]["r2"] < 0.1 and report["stars"] == 300


def test_it_prints_as_its_verdict_and_hands_out_copies():
    found = gandalf_core.audit_latent(LEAK.z, LABELS, **SIGNS, **QUICK)
    assert str(found) == "\n".join(found.verdict) and "Teff is still readable" in str(found)
    found.to_dict()["removed"].clear()
    assert found.to_dict()["removed"]
    with pytest.raises(AttributeError):
        found.report = {}


def test_a_label_of_neither_sign_is_known_to_the_reader():
    """The latent tells the label only as far as an untouched one does: no leak."""
    y = 0.8 * LABELS[:, 2] + 0.6 * LEAK.y[:, 0]
    labels = np.column_stack([y, LABELS[:, 1:]])
    z = np.hstack([LABELS[:, 2:], plants.gaussian(300, 2).z[:, :4]])
    assert audited(z, labels)["removed"]["teff"]["p"] > 0.025
    alone = audited(z, labels[:, :2], label_names=NAMES[:2])
    assert alone["removed"]["teff"]["verdict"] == "readable"


# --- arrays of every kind ---


@pytest.mark.parametrize(
    "changed",
    [
        lambda z: z.astype(np.float32),
        lambda z: np.hstack([z, np.full((300, 1), 3.3), z[:, :2]]),  # a constant, two repeated
        lambda z: z * np.geomspace(1e-320, 1e280, z.shape[1]),
        lambda z: z + 1e6,
        lambda z: z.tolist(),
    ],
    ids=["float32", "constant and repeated", "huge and tiny", "far from zero", "lists"],
)
def test_a_leak_is_found_however_the_latent_is_written(changed):
    entry = audited(changed(LEAK.z))["removed"]["teff"]
    assert entry["verdict"] == "readable" and entry["partial"] == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize(
    "z",
    [
        np.round(3 * LEAK.y[:, 0]).astype(int),
        LEAK.y[:, 0] > 0,
        np.digitize(LEAK.y[:, 0], [-0.5, 0.5]),
        LEAK.y[:, 0],
    ],
    ids=["integers", "booleans", "classes", "one dimension"],
)
def test_one_dimension_of_any_kind_is_a_latent(z):
    assert audited(z)["removed"]["teff"]["verdict"] == "readable"


def test_a_latent_that_does_not_vary_tells_nothing():
    report = audited(np.ones((300, 4)))
    assert report["removed"]["teff"]["verdict"] == "removed" and report["removed"]["teff"]["partial"] == 0
    assert "the latent does not vary" in report["verdict"][0]


def test_rescaling_loses_no_digit_and_no_dimension():
    z = np.random.default_rng(0).standard_normal((50, 3)) * [1e-200, 1.0, 1e200]
    out = rescaled(z)
    assert np.abs(out).max() <= 1 and (np.log2(np.abs(out).max(0)) >= FAINTEST - 1).all()
    moved = z - z[0]
    assert np.allclose(out / np.abs(out).max(0), moved / np.abs(moved).max(0), rtol=1e-15)
    assert not rescaled(np.full((9, 2), 0.1)).any() and rescaled(np.zeros((9, 2))).shape == (9, 2)


# --- rows ---


def test_rows_that_are_not_finite_are_left_out_and_counted():
    z = LEAK.z.copy()
    z[3, 2], z[5] = np.nan, np.inf
    report = audited(z)
    assert report["stars"] == 298 and report["left_out"] == 2
    assert report["notes"] == ["2 rows left out: the latent is not finite there"]
    assert report["removed"]["teff"]["stars"] == 298


def test_the_first_usable_row_of_each_star_is_audited():
    twice, ids = np.vstack([LEAK.z + 9, LEAK.z]), np.tile(np.arange(300), 2)
    twice[0, 0] = np.nan  # so that star 0 is known by its second row
    sample = latent_sample(twice, np.vstack([LABELS] * 2), NAMES, (("teff",), ("mh",)), ids=ids)
    assert len(sample.z) == 300 and sample.notes[1].startswith("599 rows of 300 stars: the first row of each")
    assert np.array_equal(sample.labels[-1], LABELS[0]) and np.array_equal(sample.labels[0], LABELS[1])
    report = audited(np.vstack([LEAK.z] * 2), np.vstack([LABELS] * 2), ids=ids)
    once = audited()
    assert report["removed"] == once["removed"] and report["left_out"] == 300


def test_of_too_many_stars_a_part_is_drawn():
    n = MOST_STARS + 500
    labels = np.random.default_rng(0).standard_normal((n, 3))
    samples = [latent_sample(np.arange(n), labels, NAMES, (("teff",), ()), seed=s) for s in (0, 0, 1)]
    assert all(len(s.z) == MOST_STARS and f"of {n:,} stars" in s.notes[0] for s in samples)
    assert np.array_equal(samples[0].labels, samples[1].labels)
    assert not np.array_equal(samples[0].labels, samples[2].labels)


def test_a_missing_label_stays_missing():
    labels = LABELS.copy()
    labels[:40, 0], labels[30:60, 1] = np.nan, np.inf
    report = audited(labels=labels)
    assert report["removed"]["teff"]["stars"] == 240 and report["kept"]["mh"]["stars"] == 270


# --- errors of the labels ---


@pytest.mark.parametrize(
    "given",
    [
        (80.0, 0.1, 0.2),
        np.tile([80.0, 0.1, 0.2], (300, 1)),
        {"teff": 80, "mh": np.full(300, 0.1), "vsini": 0.2},
    ],
    ids=["per label", "per row", "by name"],
)
def test_errors_of_labels_may_be_given_in_three_ways(given):
    sample = latent_sample(LEAK.z, LABELS, NAMES, (("teff",), ("mh",)), given)
    assert np.allclose(sample.label_errors, [80, 0.1, 0.2]) and sample.notes == ()


def test_unknown_errors_are_filled_in_and_said():
    some = np.full(300, 0.1)
    some[:10] = np.nan
    sample = latent_sample(LEAK.z, LABELS, NAMES, (("teff",), ("mh",)), {"mh": some})
    assert np.allclose(sample.label_errors, [0, 0.1, 0])
    assert sample.notes == ("label_errors: none of teff, vsini, which count as exact",)
    assert latent_sample(LEAK.z, LABELS, NAMES, (("teff",), ("mh",))).label_errors is None


def test_errors_of_kept_labels_do_not_make_an_honest_latent_guilty():
    """It holds the true kept labels, of which the catalogue's are noisy copies, and nothing else."""
    rng = np.random.default_rng(0)
    true = rng.standard_normal((1500, 2))
    y = true @ [0.9, -0.5] + 0.6 * rng.standard_normal(1500)
    labels = np.column_stack([y, true + 0.4 * rng.standard_normal((1500, 2))])
    z = np.hstack([true + 0.1 * rng.standard_normal((1500, 2)), rng.standard_normal((1500, 4))])
    kept = {"kept": ("mh", "vsini")}
    without = audited(z, labels, **kept)["removed"]["teff"]
    report = audited(z, labels, label_errors={"mh": 0.4, "vsini": 0.4}, **kept)
    entry = report["removed"]["teff"]
    assert without["verdict"] == "readable" and without["typical_errors"] is not None
    assert entry["verdict"] != "readable" and entry["p"] > 0.025
    assert entry["as_given"]["partial"] == pytest.approx(without["partial"]) and without["partial"] > 0.1
    assert "Errors of the other parameters are allowed for" in report["verdict"][0]


# --- what does not fit ---

WRONG = {
    "no label 'age'; there are: teff, mh, vsini": {"removed": ("age",)},
    "teff is both removed and kept": {"kept": ("teff",)},
    "label_names has mh more than once": {"label_names": ("teff", "mh", "mh")},
    "labels has 3 columns and label_names 2 names": {"label_names": ("teff", "mh")},
    "z has 200 rows and labels 300": {"z": LEAK.z[:200]},
    "z has the shape (1, 300, 25)": {"z": LEAK.z[None]},
    "z does not consist of numbers": {"z": [["a"]] * 300},
    "z has 0 dimensions": {"z": np.empty((300, 0))},
    "z has 2,000 dimensions": {"z": np.zeros((300, 2000))},
    "199 of 199 stars have the labels; an audit needs at least 200": {
        "z": LEAK.z[:199],
        "labels": LABELS[:199],
    },
    "teff is 5000 in all 300 stars": {"labels": LABELS * [0, 1, 1] + [5000, 0, 0]},
    "mh is 0 in all 300 stars": {"labels": LABELS * [1, 0, 1]},
    "teff reaches 7e+200": {"labels": LABELS * [1e197, 1, 1]},
    "ids has the shape (5,), z has 300 rows": {"ids": list("abcde")},
    "ids: 1 rows have no id": {"ids": ["", *map(str, range(299))]},
    "label_errors has the shape (2,)": {"label_errors": (1, 2)},
    "label_errors of mh: give 1σ errors that are finite and not negative": {"label_errors": {"mh": -1}},
    "label_errors of teff are as large as its spread": {"label_errors": {"teff": 5000}},
    "label_errors of mh: 7 for 300 rows": {"label_errors": {"mh": np.ones(7)}},
    "no probe 'oracle'": {"probes": ("oracle",)},
}


@pytest.mark.parametrize("message", WRONG)
def test_what_does_not_fit_is_one_line(message):
    given = {"z": LEAK.z, "labels": LABELS} | WRONG[message]
    with pytest.raises(AuditError) as caught:
        audited(**given)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_an_unknown_keyword_is_refused_as_python_does():
    with pytest.raises(TypeError, match="unexpected keyword argument 'kepd'"):
        audited(kepd=("mh",))


# --- files ---

IDS = np.array([f"star {k}" for k in range(300)])
SET = LatentSet(LEAK.z, IDS, LABELS, NAMES, "mine@1")


def write_h5ad(path, z=LEAK.z, key="X_latent"):
    """An AnnData file as scanpy writes it; with a categorical and a nullable column."""
    text = h5py.string_dtype()
    with h5py.File(path, "w") as file:
        file.create_group("obsm").create_dataset(key, data=z)
        obs = file.create_group("obs")
        obs.attrs["_index"] = "cell"
        obs.create_dataset("cell", data=IDS.tolist(), dtype=text)
        for name, column in zip(NAMES, LABELS.T, strict=True):
            obs[name] = column
        obs.create_dataset("batch", data=["a"] * 300, dtype=text)
        kind = obs.create_group("kind")
        kind["codes"] = np.arange(300) % 3 - 1
        kind.create_dataset("categories", data=["dwarf", "giant"], dtype=text)
        count = obs.create_group("count")
        count["values"], count["mask"] = np.arange(300), np.arange(300) < 10


def test_what_encode_writes_is_read_with_its_labels(tmp_path):
    for suffix in ("npz", "parquet"):
        write_latents(tmp_path / f"z.{suffix}", SET)
        table = read_latent_table(tmp_path / f"z.{suffix}")
        assert table.declared == NAMES and table.model_id == "mine@1"
        assert np.array_equal(table.z, SET.z) and np.array_equal(table.ids, IDS)
        assert np.array_equal(table.labels(NAMES).values, LABELS)
    for suffix in ("csv", "fits", "vot"):  # as tables: any column may be a label
        write_latents(tmp_path / f"z.{suffix}", SET)
        table = read_latent_table(tmp_path / f"z.{suffix}")
        assert table.declared is None and table.candidates == NAMES
        assert np.allclose(table.z, SET.z) and np.array_equal(table.ids, IDS)


def test_arrays_of_ones_own_are_read(tmp_path):
    small = LEAK.z * 1e-9
    np.savez(tmp_path / "a.npz", latent=small, labels=LABELS, label_names=NAMES)
    table = read_latent_table(tmp_path / "a.npz")
    assert table.z.dtype == np.float64 and np.array_equal(table.z, small) and table.ids is None
    np.savez(tmp_path / "b.npz", z=small, teff=LABELS[:, 0], Fe_H=LABELS[:, 1], note="mine")
    table = read_latent_table(tmp_path / "b.npz")
    assert table.candidates == ("teff", "mh") and table.declared is None
    assert np.array_equal(table.labels(["mh", "teff"]).values, LABELS[:, [1, 0]])


@pytest.mark.parametrize("lists", [True, False], ids=["a column of lists", "numbered columns"])
def test_parquet_of_ones_own_is_read(tmp_path, lists):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"z": list(LEAK.z)} if lists else {f"z_{k}": column for k, column in enumerate(LEAK.z.T)}
    rest = {
        "source_id": np.arange(300) + 10**15,
        "Teff": LABELS[:, 0],
        "snr": LABELS[:, 1],
        "ra": LABELS[:, 2],
    }
    pq.write_table(pa.table(rest | columns), tmp_path / "z.parquet")
    table = read_latent_table(tmp_path / "z.parquet")
    assert np.array_equal(table.z, LEAK.z) and table.ids[1] == "1000000000000001"
    assert table.candidates == ("teff", "snr"), "a position is no label"
    if not lists:
        pq.write_table(
            pa.table({k: v for k, v in (rest | columns).items() if k != "z_3"}), tmp_path / "z.parquet"
        )
        with pytest.raises(SpectraError, match="number 3 is missing"):
            read_latent_table(tmp_path / "z.parquet")


def test_anndata_is_read_without_anndata(tmp_path):
    path = tmp_path / "cells.h5ad"
    write_h5ad(path)
    table = read_latent_table(path)
    assert np.array_equal(table.z, LEAK.z) and np.array_equal(table.ids, IDS)
    assert set(table.candidates) == {*NAMES, "kind", "count"}, "a text is no label"
    labels = table.labels(("kind", "teff", "count"))
    assert np.array_equal(labels.values[:, 1], LABELS[:, 0])
    assert np.isnan(labels.values[0, 0]) and labels.values[1:3, 0].tolist() == [0, 1]
    assert np.isnan(labels.values[9, 2]) and labels.values[10, 2] == 10
    assert labels.notes == ("cells.h5ad: kind read as the numbers of its classes (0 = dwarf, 1 = giant)",)
    assert read_latent_table(("cells.h5ad", path.read_bytes())).candidates == table.candidates


def test_the_matrix_in_obsm_is_chosen_or_asked_for(tmp_path):
    path = tmp_path / "cells.h5ad"
    write_h5ad(path, key="X_scvi")
    assert read_latent_table(path).z.shape == (300, 25), "the only one"
    with h5py.File(path, "a") as file:
        file["obsm/X_pca"] = LEAK.z[:, :2]
        sparse = file.create_group("obsm/X_sparse")
        sparse.attrs["encoding-type"], sparse.attrs["shape"] = "csr_matrix", (300, 4)
        sparse["data"], sparse["indices"] = np.ones(300), np.arange(300) % 4
        sparse["indptr"] = np.arange(301)
    assert set(obsm_keys(path)) == {"X_scvi", "X_pca", "X_sparse"}
    with pytest.raises(SpectraError, match=r"obsm holds .*: choose one \(--obsm KEY\)"):
        read_latent_table(path)
    assert read_latent_table(path, "X_pca").z.shape == (300, 2)
    assert np.array_equal(read_latent_table(path, "X_sparse").z, np.eye(4)[np.arange(300) % 4])
    with pytest.raises(SpectraError, match="no obsm/X_umap"):
        read_latent_table(path, "X_umap")
    np.savez(tmp_path / "a.npz", z=LEAK.z)
    with pytest.raises(SpectraError, match="is not AnnData"):
        read_latent_table(tmp_path / "a.npz", "X_pca")
    assert obsm_keys(tmp_path / "a.npz") == ()


def put_elsewhere(group, folder, way) -> None:
    """A matrix that lies elsewhere, under X_latent."""
    shape, other = LEAK.z.shape, str(folder / "other.h5ad")
    if way == "link":
        group["X_latent"] = h5py.ExternalLink(other, "/obsm/X_latent")
    elif way == "soft link":
        group["X_latent"] = h5py.SoftLink("/obsm/X_pca")
    elif way == "raw file":
        LEAK.z.tofile(folder / "raw.bin")
        files = [(str(folder / "raw.bin"), 0, h5py.h5f.UNLIMITED)]
        group.create_dataset("X_latent", shape=shape, dtype="f8", external=files)
    else:
        layout = h5py.VirtualLayout(shape=shape, dtype="f8")
        layout[:] = h5py.VirtualSource(other, "/obsm/X_latent", shape=shape)
        group.create_virtual_dataset("X_latent", layout)


@pytest.mark.parametrize("way", ["link", "soft link", "raw file", "virtual"])
def test_nothing_outside_an_anndata_file_is_opened(tmp_path, way):
    write_h5ad(tmp_path / "other.h5ad")
    path = tmp_path / "cells.h5ad"
    write_h5ad(path, key="X_pca")
    with h5py.File(path, "a") as file:
        put_elsewhere(file["obsm"], tmp_path, way)
    with pytest.raises(SpectraError, match=r"links are not followed|lies in another file"):
        read_latent_table(path)
    assert read_latent_table(path, "X_pca").z.shape == (300, 25)


def test_an_anndata_file_that_would_fill_the_memory_is_refused(tmp_path):
    path = tmp_path / "cells.h5ad"
    write_h5ad(path, key="X_pca")
    with h5py.File(path, "a") as file:
        huge = {"shape": (10**6, 10**5), "dtype": "f8", "chunks": (1000, 100), "compression": "gzip"}
        file["obsm"].create_dataset("X_latent", **huge)
    with pytest.raises(SpectraError, match="would grow to"):
        read_latent_table(path)


@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_damaged_anndata_file_is_one_line(tmp_path, part):
    path = tmp_path / "cells.h5ad"
    write_h5ad(path)
    content = path.read_bytes()
    with pytest.raises(SpectraError, match=r"^cells\.h5ad: ") as caught:
        read_latent_table(("cells.h5ad", content[: int(part * len(content))]))
    assert "\n" not in str(caught.value)


def test_a_file_without_latents_says_what_it_has(tmp_path):
    np.savez(tmp_path / "s.npz", flux=np.ones((3, 9)), wavelength_nm=np.arange(9))
    with pytest.raises(
        SpectraError, match=r"no array 'z' of latents .*; these are spectra: `encode` them first"
    ):
        read_latent_table(tmp_path / "s.npz")
    (tmp_path / "t.csv").write_text("source_id,teff,z\n1,5000,0.3\n2,5100,0.2\n")  # z: a redshift
    with pytest.raises(
        SpectraError, match=r"no column z of lists, nor z_0, z_1, … .*columns: source_id, teff, z"
    ):
        read_latent_table(tmp_path / "t.csv")
    np.savez(tmp_path / "n.npz", z=LEAK.z, labels=LABELS[:9], label_names=NAMES)
    with pytest.raises(SpectraError, match="300 latents, but labels"):
        read_latent_table(tmp_path / "n.npz")


# --- the shell ---


@pytest.fixture
def shell(capsys):
    def run(*arguments) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["audit", *map(str, arguments)])
        return status, *capsys.readouterr()

    return run


def test_the_shell_audits_a_file_as_python_does(shell, tmp_path, report):
    path = tmp_path / "z.npz"
    np.savez(path, z=LEAK.z, labels=LABELS, label_names=NAMES)
    status, out, err = shell(
        "--latent", path, "--removed", "Teff", "--kept", "[M/H]", "--probes", "ridge", "--json"
    )
    found = json.loads(out)
    assert status == 0 and "probes on z" in err
    assert found["model"] == str(path) and found["rejected"] == {}
    for part in ("removed", "kept", "untouched", "verdict", "stars"):
        assert found[part] == report[part]


def test_of_a_table_only_the_named_labels_take_part(shell, tmp_path):
    write_h5ad(tmp_path / "cells.h5ad")
    arguments = [
        "--latent",
        tmp_path / "cells.h5ad",
        "--removed",
        "teff",
        "--kept",
        "kind",
        "--probes",
        "ridge",
    ]
    status, out, err = shell(*arguments, "--json")
    found = json.loads(out)
    assert status == 0 and found["untouched"] == {} and list(found["kept"]) == ["kind"]
    assert "note: cells.h5ad: kind read as the numbers of its classes" in err
    status, out, _ = shell(*arguments)
    assert status == 0 and out.splitlines()[-2:] == found["verdict"]
    assert "Found from" in out.splitlines()[0] and "At most" in out.splitlines()[0]


def test_the_signs_of_an_encoded_file_are_those_of_its_model(
    shell, model, model_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("GANDALF_PRETRAINED", str(model_folder.parent))
    encoded = replace(SET, labels=np.column_stack([LABELS, LABELS[:, 0]]), label_names=model.label_names)
    for name, path in ((model.model_id, tmp_path / "own.npz"), ("toy-removed@0", tmp_path / "other.npz")):
        write_latents(path, replace(encoded, model_id=name))
    status, out, err = shell("--latent", tmp_path / "own.npz", "--probes", "ridge", "--json")
    assert status == 0, err
    assert list(json.loads(out)["removed"]) == ["teff", "logg"]
    status, _, err = shell("--latent", tmp_path / "other.npz", "--probes", "ridge")
    assert (
        status == 2 and "which labels were removed? --removed NAME (labels: teff, logg, mh, alphafe)" in err
    )


MODEL, FILE, TEFF = ["generator", "simulated:300"], ["--latent", "{file}"], ["--removed", "teff"]
BAD = {
    "neither": ([], "audit what? give MODEL and STARS, or --latent FILE"),
    "no stars": (["generator"], "audit what?"),
    "both": ([*MODEL, *FILE], "takes the place of MODEL and STARS"),
    "sign without a latent": ([*MODEL, *TEFF], "--removed goes with --latent"),
    "key without a latent": ([*MODEL, "--obsm", "X"], "--obsm goes with --latent"),
    "row": ([*FILE, "--row", "plain"], "--row goes with MODEL and STARS"),
    "plain": ([*FILE, "--plain", "none"], "--plain goes with MODEL and STARS"),
    "record": ([*FILE, "--record"], "--record goes with MODEL and STARS"),
    "spikes": ([*FILE, "--keep-spikes"], "--keep-spikes goes with MODEL and STARS"),
    "no file": (["--latent", "nothing.npz", *TEFF], "nothing.npz: no such file"),
    "no signs": (FILE, "z.npz: which labels were removed? --removed NAME"),
    "no such label": ([*FILE, "--removed", "age"], "z.npz: no label 'age'; there are: teff, mh"),
    "both signs": ([*FILE, *TEFF, "--kept", "teff"], "z.npz: teff is both removed and kept"),
    "few rows": (["--latent", "{few}", *TEFF], "few.npz: mh: 150 of 150 stars have the labels"),
    "error": ([*FILE, *TEFF, "--label-error", "mh=-1"], "z.npz: label_errors of mh"),
    "error of what": ([*FILE, *TEFF, "--label-error", "mh"], "is not NAME=VALUE"),
    "obsm": ([*FILE, *TEFF, "--obsm", "X"], "z.npz: is not AnnData"),
    "probe": ([*FILE, *TEFF, "--probes", "foo"], "no probe 'foo'"),
}


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_is_status_two_and_one_line(shell, tmp_path, mistake):
    np.savez(tmp_path / "z.npz", z=LEAK.z, labels=LABELS, label_names=NAMES)
    np.savez(tmp_path / "few.npz", z=LEAK.z[:150], labels=LABELS[:150], label_names=NAMES)
    arguments, message = BAD[mistake]
    words = {"{file}": tmp_path / "z.npz", "{few}": tmp_path / "few.npz"}
    status, out, err = shell(*(words.get(a, a) for a in arguments))
    assert status == 2 and out == "" and message in err
    assert len([line for line in err.splitlines() if line.startswith("gandalf: ")]) == 1
