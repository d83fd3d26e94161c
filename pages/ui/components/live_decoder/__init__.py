"""The live decoder: a components-v2 component that runs a model's decoder in the browser.

The browser fetches the model's decoder (components/delivery.py) and keeps it; the component draws and edits.
When the user lets go of a slider, `{"token", "star", "labels", "z"}` comes back from the browser;
settings from Python go in in the same form.
"""

from collections.abc import Callable

from gandalf_core.publishing.components import LIVE_DECODER
from gandalf_core.publishing.decoder_view import View
from pages.ui.components.delivery import Part, offer
from pages.ui.components.registration import register

_component, _ = register(LIVE_DECODER)


def mount(parts: tuple[Part, ...], key: str, view: View, on_change: Callable[[], None]) -> None:
    """Draw the component. parts: of the decoder; on_change runs when settings come back."""
    offer(*parts)
    _component(key=key, data=view.as_json(), height="content", on_settings_change=on_change)
