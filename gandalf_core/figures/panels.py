"""Linked diagrams as plain data: columns over the same stars, and panels that name the columns they draw.

The pages' canvas component draws them (tens of thousands of points, panned and selected without a server); a
static picture can be drawn from the same numbers. Shapes: N stars, M overlaid stars, P parameters.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..parameters import parameter
from . import style
from .population import density, diagram_axes, diagram_title


class Panel(NamedTuple):
    """One diagram. x, y, colour: names of columns. A range may run backwards, as in a Kiel diagram."""

    title: str
    x: str
    y: str
    x_title: str
    y_title: str
    x_range: list[float]
    y_range: list[float]
    colour: str = ""  # empty: one colour
    colour_title: str = ""
    colour_range: tuple[float, float] = (0.0, 1.0)
    note: str = ""  # one line under the panel, e.g. a measured number
    sample: str = ""  # begins the names of the columns `<sample> x`, `<sample> y` of grey stars underneath


class LinkedPanels(NamedTuple):
    """Panels over N stars, with M further stars (uploaded ones) drawn as large marks.

    columns, overlay: name -> (N,), (M,); `<name>_error` holds the error bars of `name`. Columns of grey stars
    underneath may have any length. notes, overlay_notes: a line about each of the N and of the M stars, such
    as its file; none at all where there is nothing to say.
    """

    ids: np.ndarray
    columns: dict[str, np.ndarray]
    panels: list[Panel]
    overlay_ids: np.ndarray = np.empty(0, str)
    overlay: Mapping[str, np.ndarray] = MappingProxyType({})
    overlay_notes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def label_columns(
    labels: np.ndarray, names: tuple[str, ...], errors: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Columns (N,) by label name, and `<name>_error` where errors (N, P) are known."""
    columns = {name: style.f4(labels[:, p]) for p, name in enumerate(names)}
    if errors is not None:
        columns |= {f"{name}_error": style.f4(errors[:, p]) for p, name in enumerate(names)}
    return columns


def diagrams(
    ids: ArrayLike,
    labels: np.ndarray,
    names: tuple[str, ...],
    *,
    overlay_ids: ArrayLike = (),
    overlay_labels: np.ndarray | None = None,
    overlay_errors: np.ndarray | None = None,
    like: np.ndarray | None = None,
    prefix: str = "",
) -> LinkedPanels:
    """The Kiel and abundance diagrams (or other pairs of the labels there are), coloured by crowding.

    labels: (N, P). overlay_labels, overlay_errors: (M, P). like: (N, P) labels that the axes also span, so
    that predictions can be compared with the truth. prefix: of the axes' titles.
    """
    columns, panels = label_columns(labels, names), []
    frame = labels if like is None else np.concatenate([labels, like])
    for x, y in diagram_axes(names):
        crowding = f"crowding {x} {y}"
        columns[crowding] = density(labels[:, names.index(x)], labels[:, names.index(y)])
        x_range, y_range = (style.label_span(n, frame[:, names.index(n)]) for n in (x, y))
        panels.append(
            Panel(
                title=diagram_title(x, y),
                x=x,
                y=y,
                x_title=f"{prefix}{parameter(x).axis_title}",
                y_title=f"{prefix}{parameter(y).axis_title}",
                x_range=x_range,
                y_range=y_range,
                colour=crowding,
                colour_title="crowding",
            )
        )
    overlay = {} if overlay_labels is None else label_columns(overlay_labels, names, overlay_errors)
    return LinkedPanels(np.asarray(ids, str), columns, panels, np.asarray(overlay_ids, str), overlay)


class Map(NamedTuple):
    """A 2-D map of some stars: `name` heads its row of panels.

    xy: (N, 2); overlay_xy: (M, 2); r2: (P,) k-NN R² of each parameter inside the map.  sample_xy: (K, 2) the
    map's own stars, where those of `xy` were placed among them.
    """

    name: str
    ids: np.ndarray
    xy: np.ndarray
    r2: np.ndarray
    overlay_xy: np.ndarray | None = None
    sample_xy: np.ndarray | None = None


def maps(
    of: list[Map],
    ids: ArrayLike,
    labels: np.ndarray,
    names: tuple[str, ...],
    *,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    overlay_ids: ArrayLike = (),
    overlay_labels: np.ndarray | None = None,
) -> LinkedPanels:
    """One row of panels per map, one panel per parameter of labels (N, P), each with its R² under it.

    A star that is not in a map is not drawn in it. ranges: label → (low, high) of its colours; without one,
    the parameter's own range or that of the labels. overlay_labels: (M, P), to be read beside the marks.
    """
    ids, fixed = np.asarray(ids, str), ranges or {}
    columns, panels = label_columns(labels, names), []
    overlay = {} if overlay_labels is None else label_columns(overlay_labels, names)
    colours = {n: fixed.get(n) or style.colour_range(n, labels[:, p]) for p, n in enumerate(names)}
    for k, item in enumerate(of):
        x, y, sample = f"map{k} x", f"map{k} y", ""
        columns |= zip((x, y), align(ids, item.ids, item.xy).T, strict=True)
        if item.overlay_xy is not None:
            overlay |= zip((x, y), style.f4(item.overlay_xy).T, strict=True)
        if item.sample_xy is not None:
            sample = f"sample{k}"
            columns |= zip((f"{sample} x", f"{sample} y"), style.f4(item.sample_xy).T, strict=True)
        drawn = [_drawn(columns, overlay, c, f"{sample} {a}") for c, a in ((x, "x"), (y, "y"))]
        frame = Panel("", x, y, "", "", style.span(drawn[0]), style.span(drawn[1]), sample=sample)
        panels += [_map_panel(frame, item, n, colours[n], item.r2[p]) for p, n in enumerate(names)]
    return LinkedPanels(ids, columns, panels, np.asarray(overlay_ids, str), overlay)


def _drawn(
    columns: Mapping[str, np.ndarray], overlay: Mapping[str, np.ndarray], axis: str, sample: str
) -> np.ndarray:
    """All coordinates that a map draws along one axis."""
    none = columns[axis][:0]
    return np.concatenate([columns[axis], overlay.get(axis, none), columns.get(sample, none)])


def _map_panel(frame: Panel, item: Map, name: str, colours: tuple[float, float], r2: float) -> Panel:
    """The panel of one parameter in the frame of its map."""
    return frame._replace(
        title=f"{item.name}: {parameter(name).symbol}",
        colour=name,
        colour_title=parameter(name).axis_title,
        colour_range=colours,
        note=f"k-NN R² = {r2:z.2f}" if np.isfinite(r2) else "",
    )


def align(ids: np.ndarray, own: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """(N, 2) coordinates xy of the stars `own`, in the order of `ids`; NaN for a star that is not there."""
    if not len(own):
        return np.full((len(ids), 2), np.nan, np.float32)
    order = np.argsort(own)
    rows = order[np.clip(np.searchsorted(own[order], ids), 0, len(order) - 1)]
    return np.where((own[rows] == ids)[:, None], xy[rows], np.nan).astype(np.float32)
