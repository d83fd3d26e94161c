"""The process that reads strangers' files, part by part: its answers, its limits, what its hook refuses."""

import io
import os
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from star_files import ERROR, FLUX, WAVE, star_file

from gandalf_core.io import confinement, worker
from gandalf_core.io.latent_tables import read_latent_table
from gandalf_core.io.parcels import unpacked_latents, unpacked_stars
from gandalf_core.io.read import read_bytes

GOOD = star_file("csv", {"wavelength": WAVE, "flux": FLUX, "flux_error": ERROR})
LATENTS = b"z_0,z_1,teff\n0.5,1,5000\n0.25,2,5100\n"


def answers(task: str, content: bytes, name: str = "a.csv", **more: object) -> list[worker.Answer]:
    return list(
        worker._answers({"task": task, "name": name, **more}, {"content": np.frombuffer(content, "u1")})
    )


def bundle(**files: bytes) -> bytes:
    with zipfile.ZipFile(content := io.BytesIO(), "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return content.getvalue()


# --- answers ---


def test_each_file_of_a_bundle_is_an_answer_and_a_bad_one_spoils_no_other():
    content = bundle(**{"a.csv": GOOD, "b.txt": b"read me\n", "c.csv": GOOD})
    (good, bad, other) = answers("stars", content, "b.zip")
    here = read_bytes("b.zip/a.csv", GOOD)
    for (values, arrays), stem in ((good, "a"), (other, "c")):
        assert values["part"] == f"b.zip/{stem}.csv"
        stars = unpacked_stars({k: v for k, v in values.items() if k != "part"}, arrays)
        assert stars.ids.tolist() == [stem] and np.array_equal(stars.flux, here.flux)
        assert np.array_equal(stars.flux_error, here.flux_error)
    values, arrays = bad
    assert values["part"] == "b.zip/b.txt" and not arrays
    assert values["error"].startswith("b.zip/b.txt: no column 'flux' (columns: read, me): expected source_id")


def test_latents_and_the_keys_of_anndata_are_answers():
    import h5py

    ((values, arrays),) = answers("latents", LATENTS, "l.csv")
    table, here = unpacked_latents(values, arrays), read_latent_table(("l.csv", LATENTS))
    assert np.array_equal(table.z, [[0.5, 1], [0.25, 2]]) and table.candidates == here.candidates == ("teff",)
    assert table.labels(["teff"]).values.tolist() == [[5000], [5100]]
    with h5py.File(content := io.BytesIO(), "w") as file:
        file.create_group("obsm").update({"X_pca": np.ones((2, 2)), "X_latent": np.zeros((2, 3))})
        file.create_group("obs")["teff"] = [5000.0, 5100.0]
    assert answers("obsm", content.getvalue()) == [({"keys": ["X_latent", "X_pca"]}, {})]
    ((values, arrays),) = answers("latents", content.getvalue(), obsm="X_pca")
    assert np.array_equal(arrays["z"], np.ones((2, 2)))
    ((values, arrays),) = answers("latents", content.getvalue(), obsm="X_umap")
    assert values == {"error": "a.csv: no obsm/X_umap; obsm holds X_latent, X_pca"} and not arrays


def test_too_many_stars_or_files_are_refused_with_the_cure(monkeypatch):
    content = bundle(**{"a.csv": GOOD, "b.csv": GOOD})
    monkeypatch.setattr(worker, "MAX_STARS", 1)
    (_, (values, arrays)) = answers("stars", content, "b.zip")
    assert (
        values["error"].startswith("b.zip/b.csv: a page takes at most 1 stars: split the file") and not arrays
    )
    monkeypatch.setattr(worker, "MAX_FILES", 1)
    ((values, _),) = answers("stars", content, "b.zip")
    assert values["error"].startswith("b.zip: 2 files, and a page reads at most 1: use the command line")


def test_whatever_a_library_raises_is_one_answer(monkeypatch):
    monkeypatch.setattr(worker, "_latents", lambda *_: 1 / 0)
    assert answers("latents", LATENTS) == [({"error": "a.csv: cannot be read (ZeroDivisionError)"}, {})]


# --- limits ---


@pytest.fixture
def limits(monkeypatch):
    """What is set, instead of setting it: (name, soft, hard) of limits; hooks, and roots of files."""
    resource = pytest.importorskip("resource")
    found = SimpleNamespace(set=[], hooks=[], roots=[])
    names = {getattr(resource, n): n for n in dir(resource) if n.startswith("RLIMIT_")}
    monkeypatch.setattr(resource, "setrlimit", lambda number, pair: found.set.append((names[number], *pair)))
    monkeypatch.setattr(sys, "addaudithook", found.hooks.append)
    monkeypatch.setattr(
        confinement, "_limit_files", lambda roots: found.roots.extend(roots) or ["no other files"]
    )
    return found


@pytest.mark.parametrize(("platform", "memory"), [("linux", True), ("darwin", False)])
def test_every_limit_is_set_and_what_holds_is_said(monkeypatch, limits, platform, memory):
    monkeypatch.setattr(sys, "platform", platform)
    held = confinement.confine(2**30)
    assert (confinement.MEMORY in held) == memory
    assert [limit for limit in held if limit != "memory"] == [
        "processor time",
        "no other files",
        "watched by Python",
    ]
    values = {name: (soft, hard) for name, soft, hard in limits.set}
    assert values["RLIMIT_AS"] == values["RLIMIT_DATA"] == (2**30, 2**30)
    assert values["RLIMIT_FSIZE"] == values["RLIMIT_CORE"] == (0, 0) and len(limits.hooks) == 1
    package = confinement.Path(confinement.__file__).parents[1]
    assert limits.roots[0] == package and package.parent not in limits.roots


def test_a_limit_that_the_system_refuses_is_not_said_to_hold(monkeypatch, limits):
    import resource

    def refuse(number, pair):
        raise ValueError("not here")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert "memory" not in confinement.confine(2**30)


@pytest.mark.parametrize(("hard", "expected"), [(-1, 8), (5, 5), (100, 8)])
def test_processor_time_counts_from_now_and_stays_below_the_hard_limit(monkeypatch, limits, hard, expected):
    import resource

    monkeypatch.setattr(resource, "getrusage", lambda _: SimpleNamespace(ru_utime=3.5, ru_stime=0.6))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, hard))
    confinement.allow_cpu(3.0)
    assert limits.set == [("RLIMIT_CPU", expected, hard)]


def test_systems_without_these_limits_say_that_none_holds(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert confinement.leave_network() == [] and confinement._limit_files([]) == []
    monkeypatch.setitem(sys.modules, "resource", None)
    assert confinement._limit_resources(2**30) == []
    confinement.allow_cpu(1.0)  # nothing to set, and no error


# --- the hook ---


def test_the_hook_refuses_what_no_reader_needs(tmp_path):
    root, outside = tmp_path / "lib", tmp_path / "etc"
    root.mkdir()
    outside.mkdir()
    refuse = confinement._hook((root,))
    for event in (
        "socket.connect",
        "subprocess.Popen",
        "os.system",
        "os.remove",
        "os.exec",
        "urllib.Request",
    ):
        with pytest.raises(PermissionError, match=f"{event} is refused where strangers' files are read"):
            refuse(event, ())
    refuse("import", ("numpy",))
    refuse("open", (str(root / "a.py"), "r", os.O_RDONLY))
    refuse("open", (os.fsencode(root / "a.py"), "rb", os.O_RDONLY))
    refuse("open", (3, "rb", os.O_RDONLY))  # a pipe that is open
    (root / "link").symlink_to(outside / "secret")
    for path, flags in (
        (outside / "secret", os.O_RDONLY),
        (root / ".." / "etc" / "secret", os.O_RDONLY),
        (root / "link", os.O_RDONLY),
        (root / "a.py", os.O_WRONLY),
        (root / "a.py", os.O_RDONLY | os.O_CREAT),
        (root / "a.py", None),
    ):
        with pytest.raises(PermissionError, match="a file says only what is in it: no other file is opened"):
            refuse("open", (str(path), "r", "w" if flags is None else flags))
