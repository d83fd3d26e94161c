"""Shared fixtures: the toy world and one small finished model of it.

Heavy modules are imported by the fixtures that need them.
"""

import os
import random
import shutil
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: test workers share the cores
# what is measured here does not depend on the developer's own key, and leaves it alone
os.environ["GANDALF_NOISE_KEY"] = str(Path(__file__).with_name("noise-key.txt"))

import pytest

NEEDS_SHARED = "GANDALF_NEEDS_SHARED"  # set by .ci/run where the project's shared folder is
# begun first, so that no worker waits for the other at the end
LONGEST = ("test_walk.py", "test_cli.py", "test_pages.py", "test_reliability.py", "test_sweep.py")


def pytest_addoption(parser):
    about = "run files, and the tests in each, in another order, which follows from this number"
    parser.addoption("--shuffle", type=int, metavar="SEED", help=about)


def pytest_collection_modifyitems(config, items):
    """The longest files first; or with --shuffle another order of files and of the tests in each."""
    seed = config.getoption("--shuffle")
    if seed is None:
        items.sort(key=lambda item: (*LONGEST, item.path.name).index(item.path.name))
        return
    chance, files = random.Random(seed), {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    names = sorted(files)
    chance.shuffle(names)
    for name in names:
        chance.shuffle(files[name])
    items[:] = [item for name in names for item in files[name]]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that is skipped for want of the shared folder fails where that folder should be."""
    report = yield
    if report.skipped and os.environ.get(NEEDS_SHARED) and "shared folder" in str(report.longrepr):
        report.outcome, report.longrepr = "failed", f"{item.nodeid}: skipped though ../shared is here"
    return report


@pytest.fixture(scope="session")
def stars():
    """400 toy stars with four labels."""
    from toy import toy_stars

    return toy_stars()


@pytest.fixture(scope="session")
def model_folder(stars, tmp_path_factory):
    """A folder with a small finished model: teff and logg removed, the others kept, noise 0.4, one map.

    Do not write to it.
    """
    from toy import toy_config

    from gandalf_core.models.fit import Extras, train
    from gandalf_core.models.store import save_model

    folder = tmp_path_factory.mktemp("models") / "toy-removed"
    model = train(
        stars,
        toy_config(),
        device="cpu",
        extras=Extras(maps=("pca",), regressor_epochs=30, source="toy world"),
    )
    save_model(model, folder)
    return folder


@pytest.fixture(scope="session")
def model(model_folder):
    """The model in `model_folder`, as loaded."""
    from gandalf_core import load_model

    return load_model(model_folder)


@pytest.fixture(scope="module")
def whole_regressors():
    """As many steps for regressors as the product takes; other tests do with fewer (toy.py)."""
    from gandalf_core.training import reader_networks

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader_networks, "FEWEST_STEPS", 1300)
        patch.setattr(reader_networks, "FEWEST_PASSES", 30)
        yield


@pytest.fixture
def copy(model_folder, tmp_path):
    return shutil.copytree(model_folder, tmp_path / "copy")


@pytest.fixture
def earlier(copy):
    """A folder as earlier versions wrote it, without a manifest."""
    (copy / "manifest.json").unlink()
    return copy
