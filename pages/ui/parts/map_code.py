"""The code for the maps of the Maps page."""

from gandalf_core.publishing.code import mapping
from pages.ui.cache.maps import stored_map
from pages.ui.cache.stars import TEST
from pages.ui.parts import code
from pages.ui.parts.maps import Request, kind_of, words_of


def show_map_code(request: Request) -> None:
    """The code for the first row of stored maps; maps with settings of their own have none."""
    row = request.rows[0]
    owned = stored_map(request.row_model(row), kind_of(row), request.method)
    if request.settings is not None or owned is None:
        return
    stars = None if request.source == TEST else code.named_stars(request.model)
    lines = mapping(code.named_model(owned[0]), kind_of(row), request.method, stars)
    code.show_code(lines, "maps", f"Of the first row, {words_of(row)}: the others are made alike.")
