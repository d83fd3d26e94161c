"""--page: what a command has made as an interactive page of one file, which needs no server."""

from argparse import Namespace
from typing import TYPE_CHECKING

from .console import Console
from .registry import arg

if TYPE_CHECKING:
    import numpy as np

    from ..data.spectra import SpectraSet
    from ..models.trained import TrainedModel

SUFFIXES = (".html",)
STAR_PAGE = arg(
    "--page",
    metavar="FILE.html",
    help="also write an interactive page of the first star, with sliders: one file that needs no server "
    "(default: none)",
)
MAP_PAGE = arg(
    "--page",
    metavar="FILE.html",
    help="also write the map as an interactive page, a panel per label: one file that needs no server "
    "(default: none)",
)


def check_page(args: Namespace) -> None:
    """Before the work: SpectraError for a page that cannot be written, or that is one of the inputs."""
    from ..io import check_output

    if args.page:
        check_output(args.page, SUFFIXES, args.stars)


def write_star_page(
    args: Namespace, model: "TrainedModel", star: "SpectraSet", changes: dict[str, float], console: Console
) -> None:
    """The page of a star that opens with these changes of its labels."""
    from ..publishing.decoder_page import save_decoder_page

    save_decoder_page(args.page, model, star, changes)
    console.say(f"the page of {star.ids[0]} is in {args.page}: open it in a browser")


def write_map_page(
    args: Namespace, model: "TrainedModel", xy: "np.ndarray", stars: "SpectraSet", console: Console
) -> None:
    """The page of a map: xy (N, 2) of the stars."""
    from ..figures.panels import Map, maps
    from ..maps.neighbours import neighbour_r2
    from ..publishing.map_page import save_map_page

    names = model.label_names
    what = f"latent of {model.name}" if args.of == "latent" else "spectra"
    labels = stars.labels_for(names)
    one = Map(what, stars.ids, xy, neighbour_r2(xy, labels))
    linked = maps([one], stars.ids, labels, names, ranges=model.ranges)
    source = f"model: {model.model_id}; stars: {' '.join(args.stars)}"
    title = f"{args.method} map of {len(xy):,} stars: {what}"
    save_map_page(args.page, linked, names, title, (source,), {model.name: model.card})
    console.say(f"the page of the map is in {args.page}: open it in a browser")
