"""The maps of the Maps page: the chosen stars in the models' stored maps, or in maps that a job has made.

All rows draw the same stars, those of the sidebar. A star that took part in a map has its own place there;
any other is placed among its nearest neighbours. Shapes: N chosen stars, P labels.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import streamlit as st

from gandalf_core.data.identity import identity
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import GandalfError
from gandalf_core.figures import panels, spectra
from gandalf_core.figures.panels import LinkedPanels, Map
from gandalf_core.maps.fitting import MapSettings
from gandalf_core.maps.projection import Projection
from gandalf_core.models.trained import TrainedModel
from gandalf_core.simulator import simulator_identity
from pages.ui import guards, jobs, show, state
from pages.ui.cache.make_maps import METHOD_NAMES, SPECTRA
from pages.ui.cache.maps import made_map, map_r2, places_of, stored_map
from pages.ui.cache.models import load_model, model_folders
from pages.ui.cache.outputs import labels_of
from pages.ui.cache.stars import (
    TEST,
    NotSimulated,
    is_mine,
    load_stars,
    star_labels,
    stars_by_ids,
    test_ids,
)
from pages.ui.cache.uploads import notes_on, notes_on_mine, uploads_beside, uploads_on_grid
from pages.ui.parts import diagrams

WIDTH = 560  # of the list of representations: four names on a laptop, a line of its own on a phone
PAIR = ("physical-removed", "chemical-removed")  # the paper's two exercises, side by side
ROWS = "map_rows"  # session key: the representations
FEW = 300  # stars, whose k-NN R² is uncertain by a tenth or more
MAX_PLACED = 3000  # stars that are placed in a map while the page waits: some seconds


# --- what is asked for ---


@dataclass(frozen=True)
class Chosen:
    """The stars of all maps: ids (N,), labels (N, P); where `own` (N,) is false, some are estimates."""

    ids: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]
    own: np.ndarray


@dataclass(frozen=True)
class Request:
    """The maps that the page asks for, one per representation (row). model: its labels colour them.

    source: of the stars.  settings: of maps of their own; None for the models' stored maps.
    """

    rows: tuple[str, ...]
    method: str
    model: TrainedModel
    source: str
    settings: MapSettings | None

    def row_model(self, row: str) -> TrainedModel:
        """The model whose latent a row shows, or whose scaling its spectra have. ModelError when gone."""
        return self.model if row == SPECTRA else load_model(row)

    def stars(self, owner: TrainedModel) -> SpectraSet:
        """The chosen stars on a model's grid. Raises NotSimulated and SpectraError as `load_stars`."""
        if self.source == TEST:
            return stars_by_ids(test_ids(self.model), owner)
        return load_stars(self.source, owner)

    @cached_property
    def chosen(self) -> Chosen:
        """Raises NotSimulated and SpectraError as `load_stars`."""
        ids, values = star_labels(self.source, self.model)
        own = np.asarray(np.isfinite(values).all(1))
        if not own.all() and self.model.regressor_spectrum is not None:
            values = labels_of(self.model, self.stars(self.model))
        return Chosen(ids, values, self.model.label_names, own)

    def key(self, row: str, settings: MapSettings) -> str:
        """Identifies a map of the chosen stars by all that it depends on."""
        owner = self.row_model(row)
        used = settings.used(self.method, len(self.chosen.ids))
        stars = self.stars(owner).identity if is_mine(self.source) else simulator_identity()
        return identity("map", owner.identity, kind_of(row), self.method, used, self.chosen.ids, stars)


def kind_of(row: str) -> str:
    return SPECTRA if row == SPECTRA else "latent"


def words_of(row: str) -> str:
    return "the spectra" if row == SPECTRA else row


def show_rows() -> tuple[str, ...]:
    """Choose the representations to compare, each a row of panels."""
    options = [SPECTRA, *model_folders()]
    defaults = dict.fromkeys((SPECTRA, st.session_state[state.MODEL], *PAIR))
    opening = [row for row in defaults if row in options]
    state.opens_with(ROWS, opening)
    st.session_state.setdefault(ROWS, opening)
    st.session_state[ROWS] = [row for row in st.session_state[ROWS] if row in options]
    rows = st.multiselect("Representations", options, key=ROWS, persist_state="session", width=WIDTH)
    return tuple(rows)


# --- one row ---


@dataclass(frozen=True)
class Row:
    """A representation: its map, or why there is none.

    map: None where nothing can be drawn.  placed: how many chosen stars are drawn that did not take part in
    the map.  made: whether it is a map of the chosen stars alone.  cause: a sentence on what is missing.
    job: that simulates the stars it waits for.
    """

    name: str
    map: Map | None = None
    placed: int = 0
    made: bool = False
    cause: str = ""
    job: str = ""


def rows_of(request: Request) -> list[Row]:
    """Every row with its map, or with the reason why there is none."""
    rows = []
    for name in request.rows:
        try:
            rows.append(_row(request, name))
        except NotSimulated as waiting:
            rows.append(_waiting(name, waiting))
        except GandalfError as error:
            rows.append(Row(name, cause=f"{guards.error_text(error)}."))
    return rows


def _waiting(name: str, waiting: NotSimulated) -> Row:
    """A row whose stars are simulated first, by a job; it says why where that cannot be."""
    try:
        job = jobs.prepare(waiting.ids, waiting.path)
    except GandalfError as error:
        return Row(name, cause=f"{guards.error_text(error)}.")
    return Row(name, cause="its stars are being simulated, only once.", job=job)


def _row(request: Request, name: str) -> Row:
    if request.settings is not None:
        made = made_map(request.key(name, request.settings))
        if made is not None:
            return Row(name, _map(request, name, request.row_model(name), made), made=True)
    owned = stored_map(request.row_model(name), kind_of(name), request.method)
    if owned is None:
        method = METHOD_NAMES[request.method]
        return Row(name, cause=f"carries no {method} map: make one under **Map settings**.")
    return _stored_row(request, name, *owned)


def _stored_row(request: Request, name: str, owner: TrainedModel, projection: Projection) -> Row:
    """The chosen stars in a stored map, those that it does not have placed in it."""
    ids = request.chosen.ids
    xy = panels.align(ids, projection.ids, projection.xy)
    others = np.flatnonzero(np.isnan(xy[:, 0]))
    # of a model's test stars, those that its maps hold are enough, and need no spectra
    if not len(others) or (request.source == TEST and len(others) < len(ids)):
        return Row(name, _map(request, name, owner, projection, xy))
    if len(others) > MAX_PLACED:
        others = others[np.linspace(0, len(others) - 1, MAX_PLACED).astype(int)]
    stars = request.stars(owner)
    stars = stars[np.isin(stars.ids, ids[others])]
    places = places_of(stars, owner, kind_of(name), projection)
    xy[others] = panels.align(ids[others], stars.ids, places)
    row = _map(request, name, owner, projection, xy)._replace(sample_xy=projection.xy)
    return Row(name, row, placed=int(np.isfinite(xy[others, 0]).sum()))


def _map(
    request: Request, name: str, owner: TrainedModel, projection: Projection, xy: np.ndarray | None = None
) -> Map:
    """The map of a row: places (N, 2) of the chosen stars, by default those that the map has."""
    xy = panels.align(request.chosen.ids, projection.ids, projection.xy) if xy is None else xy
    return Map(
        name=name if name == SPECTRA else f"latent of {name}",
        ids=request.chosen.ids,
        xy=xy,
        r2=map_r2(xy, request.chosen.values),
        overlay_xy=_places_of_uploads(request, name, owner, projection),
    )


def _places_of_uploads(
    request: Request, name: str, owner: TrainedModel, projection: Projection
) -> np.ndarray | None:
    """(M, 2) places of the uploaded stars; NaN for one that does not fit, None without uploads."""
    shown, fitting = overlaid(request), uploads_on_grid(owner)
    if shown is None or fitting is None:
        return None
    try:
        fitting = fitting[np.isin(fitting.ids, shown.ids)]
        return panels.align(shown.ids, fitting.ids, places_of(fitting, owner, kind_of(name), projection))
    except GandalfError:
        return None


def overlaid(request: Request) -> SpectraSet | None:
    """The uploaded stars that are not among the chosen ones, on the model's grid; None without any."""
    return uploads_beside(request.model, request.chosen.ids)


# --- all rows ---


def show_maps(request: Request, rows: list[Row]) -> None:
    """The maps as linked panels, one row per representation and one column per parameter."""
    chosen, uploads, model = request.chosen, overlaid(request), request.model
    maps = [row.map for row in rows if row.map is not None]
    overlay_ids = [] if uploads is None else uploads.ids
    overlay_labels = None if uploads is None else labels_of(model, uploads)
    notes, own = notes_on(overlay_ids), notes_on_mine(chosen.ids)

    def build() -> LinkedPanels:
        return panels.maps(
            maps,
            chosen.ids,
            chosen.values,
            chosen.names,
            ranges=model.ranges,
            overlay_ids=overlay_ids,
            overlay_labels=overlay_labels,
        )._replace(notes=own, overlay_notes=notes)

    key = identity("maps", maps, chosen, model.ranges, overlay_ids, overlay_labels, notes, own)
    about = diagrams.About(
        f"{METHOD_NAMES[request.method]} maps of {len(chosen.ids):,} stars",
        " ".join(_sentences(request, rows)),
        tuple(row.name for row in rows if row.map is not None and row.name != SPECTRA),
    )
    columns = max(len(chosen.names), 2)
    diagrams.show_linked("maps", key, build, chosen.names, columns=columns, about=about)


def _sentences(request: Request, rows: list[Row]) -> list[str]:
    """What colours and marks mean, and which stars were placed in which map."""
    told = [
        "Colour: the parameter in the panel's title. k-NN R²: how well a star's ten nearest neighbours **in "
        "the map** predict the parameter (1: exactly; 0 or below: not at all). A map illustrates, it proves "
        "nothing: see the Audit page. Pink: uploaded stars. Ring: the star in the sidebar."
    ]
    if placed := [words_of(row.name) for row in rows if row.placed]:
        most = max(row.placed for row in rows)
        told.append(
            f"In the stored maps of {', '.join(placed)}, whose own stars are grey, {most:,} of these stars "
            "are placed among their nearest neighbours. **Map settings** makes maps of these stars alone."
        )
    if len(request.chosen.ids) < FEW:
        told.append(f"Of only {len(request.chosen.ids)} stars, R² is uncertain by a tenth or more.")
    if not request.chosen.own.all():
        told.append(
            "Stars whose file has no parameters are coloured by estimates from their spectra, and R² rests "
            "on them."
        )
    return told


def show_causes(rows: list[Row]) -> None:
    """Why some rows are not drawn, in one box."""
    missing = [f"**{words_of(row.name)}**: {row.cause}" for row in rows if row.map is None]
    if missing:
        st.info("Not drawn:  \n" + "  \n".join(missing), icon=":material/info:")


def show_selected(stars: SpectraSet, ids: np.ndarray) -> None:
    """The mean spectrum of the stars with these ids (K,) beside that of the others."""
    rows = np.isin(stars.ids, ids)
    groups = {"selected": stars.flux[rows], "the other stars of the maps": stars.flux[~rows]}
    show.figure(
        spectra.mean_and_spread(stars.wavelength_nm, {n: flux for n, flux in groups.items() if len(flux)}),
        "Median and 16-84 % band. Where the two differ is what the selected stars have in common.",
        "map_spread",
    )
