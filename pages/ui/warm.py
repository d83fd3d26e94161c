"""Before the first visitor comes: libraries are imported, the models are loaded, the queue is there."""

import gc
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from gandalf_core.errors import GandalfError


@asynccontextmanager
async def warming(_: Any) -> AsyncIterator[None]:
    """Warm up beside the server, which answers at once."""
    threading.Thread(target=_warm, daemon=True).start()
    yield


def _warm() -> None:
    """Load what every visitor needs, and take it out of the search for garbage, which it slows down."""
    quiet = logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context")
    quiet.setLevel(logging.ERROR)  # caches are filled outside a session on purpose
    from pages.ui import jobs, pickers
    from pages.ui.cache.models import decoder_bytes, load_model, model_folders

    with suppress(GandalfError):
        jobs.manager()
        for name in sorted(model_folders(), key=lambda name: name != pickers.DEFAULT):
            model = load_model(name)
            if model.condition_on:
                decoder_bytes(model.identity, model)
    gc.collect()
    gc.freeze()
