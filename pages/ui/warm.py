"""Before the first visitor comes: libraries are imported, the models are loaded, the queue is there."""

import gc
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from gandalf_core.errors import GandalfError
from pages.ui import memory


@asynccontextmanager
async def warming(_: Any) -> AsyncIterator[None]:
    """Warm up beside the server, which answers at once."""
    memory.keep_little()
    threading.Thread(target=_warm, daemon=True).start()
    yield


_importing = threading.Lock()


def import_all() -> None:
    """Import what every page needs, in one thread at a time.

    Two threads that begin at different ends of modules which import each other find one half made: the first
    visitor of a busy server would see a KeyError.
    """
    with _importing:
        for name in ("gandalf_core.simulator", "gandalf_core.models.store", "pages.ui.pickers", *_parts()):
            import_module(name)


def _parts() -> list[str]:
    """The modules of the pages."""
    folder = Path(__file__).parent / "parts"
    return [f"pages.ui.parts.{path.stem}" for path in sorted(folder.glob("*.py"))]


def _open_pages(model: Any) -> None:
    """What pages with this model need at their first opening: its first stars, and what it says of them."""
    from pages.ui.cache.outputs import predictions_of
    from pages.ui.cache.stars import first_by_ids, test_ids

    stars = first_by_ids(test_ids(model), model)
    for some in (stars[:1], stars):
        predictions_of(model, some, "latent" if model.regressor_spectrum is None else "spectrum")


def _warm() -> None:
    """Load what every visitor needs, and take it out of the search for garbage, which it slows down."""
    quiet = logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context")
    quiet.setLevel(logging.ERROR)  # caches are filled outside a session on purpose
    import_all()
    from pages.ui import jobs, pickers
    from pages.ui.cache.models import decoder_parts, load_model, model_folders

    with suppress(GandalfError):
        jobs.manager()
        for name in sorted(model_folders(), key=lambda name: name != pickers.DEFAULT):
            model = load_model(name)
            if model.condition_on:
                decoder_parts(model.identity, model)
            if name == pickers.DEFAULT:
                with suppress(GandalfError):  # of somebody's own stars, which it does not hold
                    _open_pages(model)
    gc.collect()
    gc.freeze()
    memory.give_back()
