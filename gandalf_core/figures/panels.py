"""Linked diagrams as plain data: columns over the same stars, and panels that say which column is drawn
against which.

The pages' canvas component draws them (tens of thousands of points, panned and lassoed without a server);
whoever wants a static picture finds the same numbers here. Shapes: N stars, M overlaid stars, P parameters.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from ..parameters import parameter
from . import style
from .population import density, diagram_axes, diagram_title


class Panel(NamedTuple):
    """One diagram. x, y, colour: names of columns. The ranges may run backwards, as a Kiel diagram's do."""

    title: str
    x: str
    y: str
    x_title: str
    y_title: str
    x_range: list[float]
    y_range: list[float]
    colour: str = ""  # empty: by density
    colour_title: str = ""
    colour_range: tuple[float, float] = (0.0, 1.0)
    note: str = ""  # one line under the panel, e.g. a measured number


class LinkedPanels(NamedTuple):
    """Panels over N stars, with M further stars (uploaded ones) drawn as large marks, error bars in
    `<column>_error`.
    """

    ids: np.ndarray
    columns: dict[str, np.ndarray]
    panels: list[Panel]
    overlay_ids: np.ndarray = np.empty(0, str)
    overlay: Mapping[str, np.ndarray] = MappingProxyType({})


def _range(values: np.ndarray, backwards: bool = False) -> list[float]:
    return style.span(values, reverse=backwards)


def label_columns(
    labels: np.ndarray, names: tuple[str, ...], errors: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Columns (N,) by label name, and `<name>_error` where errors are given."""
    columns = {name: style.f4(labels[:, p]) for p, name in enumerate(names)}
    if errors is not None:
        columns |= {f"{name}_error": style.f4(errors[:, p]) for p, name in enumerate(names)}
    return columns


def diagrams(
    ids,
    labels,
    names: tuple[str, ...],
    *,
    overlay_ids=(),
    overlay_labels=None,
    overlay_errors=None,
    like=None,
    prefix="",
) -> LinkedPanels:
    """The Kiel and abundance diagrams (or whatever pairs the labels allow), coloured by crowding.

    like: (N, P) labels whose ranges the axes take, so that predictions can be laid beside the truth.
    """
    columns, panels, frame = (
        label_columns(labels, names),
        [],
        labels if like is None else np.concatenate([labels, like]),
    )
    for x, y in diagram_axes(names):
        crowd = f"crowding {x} {y}"
        columns[crowd] = density(labels[:, names.index(x)], labels[:, names.index(y)])
        titles = [f"{prefix}{parameter(n).axis_title}" for n in (x, y)]
        ranges = [_range(frame[:, names.index(n)], parameter(n).reversed_axis) for n in (x, y)]
        panels.append(Panel(diagram_title(x, y), x, y, *titles, *ranges, crowd, "crowding"))
    extra = {} if overlay_labels is None else label_columns(overlay_labels, names, overlay_errors)
    return LinkedPanels(np.asarray(ids, str), columns, panels, np.asarray(overlay_ids, str), extra)


class Map(NamedTuple):
    """A 2-D map of some stars: `name` heads its row of panels; r2: (P,) k-NN R² of each parameter inside the
    map.
    """

    name: str
    ids: np.ndarray
    xy: np.ndarray
    r2: np.ndarray
    overlay_xy: np.ndarray | None = None


def maps(
    of: list[Map], ids, labels: np.ndarray, names: tuple[str, ...], *, ranges=None, overlay_ids=()
) -> LinkedPanels:
    """One row of panels a map, one panel a parameter, each with its R² under it. Stars that a map lacks are
    not drawn in it.

    ranges: label → (low, high) of the colours; without, the parameter's own range or that of the labels.
    """
    ids = np.asarray(ids, str)
    columns, panels, extra = label_columns(labels, names), [], {}
    for k, item in enumerate(of):
        x, y = f"map{k} x", f"map{k} y"
        columns |= dict(zip((x, y), align(ids, item).T, strict=True))
        if item.overlay_xy is not None:
            extra |= dict(zip((x, y), style.f4(item.overlay_xy).T, strict=True))
        sides = [_range(np.concatenate([columns[c], extra.get(c, columns[c][:0])])) for c in (x, y)]
        for p, name in enumerate(names):
            colours = (ranges or {}).get(name) or style.colour_range(name, labels[:, p])
            panels.append(_map_panel(item, x, y, sides, name, colours, item.r2[p]))
    return LinkedPanels(ids, columns, panels, np.asarray(overlay_ids, str), extra)


def _map_panel(
    item: Map, x: str, y: str, sides: list, name: str, colours: tuple[float, float], r2: float
) -> Panel:
    note = f"k-NN R² = {r2:z.2f}" if np.isfinite(r2) else ""
    title, colour_title = f"{item.name}: {parameter(name).symbol}", parameter(name).axis_title
    return Panel(title, x, y, "", "", *sides, name, colour_title, colours, note)


def align(ids: np.ndarray, item: Map) -> np.ndarray:
    """(N, 2) map coordinates in the order of `ids`; NaN for a star that is not in the map."""
    order = np.argsort(item.ids)
    found = np.clip(np.searchsorted(item.ids[order], ids), 0, max(len(order) - 1, 0))
    if not len(order):
        return np.full((len(ids), 2), np.nan, np.float32)
    rows = order[found]
    return np.where((item.ids[rows] == ids)[:, None], item.xy[rows], np.nan).astype(np.float32)


def sample_rows(count: int, limit: int, seed: int = 0) -> np.ndarray:
    """Rows of a fixed random sample of at most `limit` of `count` stars, in increasing order."""
    if count <= limit:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, limit, replace=False))
