"""Commands that use a trained model: encode, decode, project."""

import time
from argparse import Namespace
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...errors import ModelError
from ...parameters import canonical_name, parameter
from ..arguments import (
    EXPORTING,
    KEEP_SPIKES,
    MAPS,
    MODEL,
    NOISE_KEY,
    OUT,
    SEED,
    SHIFT,
    STARS,
    named_number,
    number_from,
    whole_number,
)
from ..console import Console
from ..keys import about, exporting
from ..pages import MAP_PAGE, STAR_PAGE, check_page, write_map_page, write_star_page
from ..registry import Report, arg, command
from ..streams import intake_for, join_latents, stars_for, to_rest, write_pieces

if TYPE_CHECKING:
    import numpy as np

    from ...data.spectra import SpectraSet
    from ...maps.fitting import MapStars
    from ...maps.projection import Projection
    from ...models.trained import TrainedModel


@command("encode", "write the latents of stars", MODEL, STARS, KEEP_SPIKES, SHIFT, *EXPORTING, OUT)
def encode(args: Namespace, console: Console) -> Report:
    """Write the latents of stars as npz or Parquet (`z`, labels, ids), or as a table.

    Parquet input is read piece by piece, so a file may be of any size.
    """
    from ...io import LATENT_SUFFIXES, check_output, write_latents
    from ...models.store import load_model

    check_output(args.out, LATENT_SUFFIXES, args.stars)
    model = exporting(load_model(args.model), args, console)
    started = time.perf_counter()
    intake = intake_for(args, model, decoded=False)
    pieces = intake.pieces(args.stars, model.wavelength_nm)
    latents = (model.encode(stars) for stars in pieces)
    n = write_pieces(args, latents, write_latents, join_latents)
    seconds = time.perf_counter() - started
    console.taken_in(intake)
    result = {
        "stars": n,
        "latent_size": model.latent_size,
        "spectra_per_second": n / seconds,
        "seconds": seconds,
        **about(model),
        "file": args.out,
    }
    return Report(result | intake.result())


@command(
    "decode",
    "spectra under modified parameters",
    MODEL,
    STARS,
    KEEP_SPIKES,
    SHIFT,
    arg(
        "--set",
        action="append",
        default=[],
        type=named_number,
        metavar="LABEL=VALUE",
        help="give every star this value, in K or dex, e.g. teff=7500 (default: its own); may repeat",
    ),
    STAR_PAGE,
    *EXPORTING,
    OUT,
)
def decode(args: Namespace, console: Console) -> Report:
    """Write the spectra decoded from the stars' latents under modified labels.

    A label that is not set is the star's own, or estimated from its spectrum where the star has none. A star
    is `extrapolated` where a label that it is decoded under lies beyond those of the training stars.
    """
    from ...data.spectra import concatenate
    from ...io import STAR_SUFFIXES, check_output, write_stars
    from ...models.store import load_model

    check_output(args.out, STAR_SUFFIXES, args.stars)
    check_page(args)
    model = exporting(load_model(args.model), args, console)
    changes = {canonical_name(name): value for name, value in args.set}
    model.check_receives(changes)
    done = _Decoded(model, changes)
    intake = intake_for(args, model, decoded=True)
    parts = map(done.take, intake.pieces(args.stars, model.wavelength_nm))
    n = write_pieces(args, parts, write_stars, concatenate)
    console.taken_in(intake)
    beyond = _beyond(model, changes, console)
    if done.extrapolated and not beyond:
        console.say(f"{done.extrapolated:,} of {n:,} stars have labels beyond those of the training stars")
    if estimated := done.counts["estimated"]:
        console.say(f"labels of {estimated:,} of {n:,} stars were estimated from their spectra")
    if args.page and done.first is not None:
        write_star_page(args, model, done.first, changes, console)
    result = {"stars": n, "set": changes, "extrapolated": done.extrapolated, "beyond": beyond}
    result |= {"labels": done.counts} | intake.result() | about(model) | {"file": args.out}
    return Report(result)


@dataclass
class _Decoded:
    """What `decode` counts while stars pass: whose labels were given and estimated; and the first star."""

    model: "TrainedModel"
    changes: dict[str, float]
    counts: dict[str, int] = field(default_factory=lambda: {"given": 0, "estimated": 0})
    extrapolated: int = 0
    first: "SpectraSet | None" = None

    def take(self, stars: "SpectraSet") -> "SpectraSet":
        """The decoded spectra of some stars."""
        from ...products.grid import beyond_sample

        self.first = stars[:1] if self.first is None else self.first
        spectra, own = self.model.modify(stars, self.changes)
        self.counts["given"] += int(own.sum())
        self.counts["estimated"] += int((~own).sum())
        self.extrapolated += int(beyond_sample(self.model, spectra.labels).sum())
        return spectra


def _beyond(model: "TrainedModel", changes: dict[str, float], console: Console) -> list[str]:
    """The labels set beyond the range of the training sample; each with a message."""
    beyond = [n for n, v in changes.items() if not model.ranges[n][0] <= v <= model.ranges[n][1]]
    for name in beyond:
        low, high = (parameter(name).format(v) for v in model.ranges[name])
        value = f"{name} = {changes[name]:g}"
        console.say(f"{value} is extrapolated: 98 % of the training stars have {low} to {high}")
    return beyond


@command(
    "project",
    "a map of stars in two dimensions",
    MODEL,
    STARS,
    KEEP_SPIKES,
    SHIFT,
    arg("--of", choices=("latent", "spectra"), default="latent", help="what to map (default: latent)"),
    arg("--method", choices=MAPS, default="tsne", help="the method of the map (default: tsne)"),
    arg(
        "--perplexity",
        type=number_from(1),
        metavar="N",
        default=30.0,
        help="t-SNE only: the size of a star's neighbourhood, in stars (default: 30)",
    ),
    arg(
        "--neighbours",
        type=whole_number(2),
        metavar="N",
        default=15,
        help="UMAP only: the size of a star's neighbourhood, in stars (default: 15)",
    ),
    arg(
        "--cache",
        metavar="DIR",
        help="store the map in this folder, where the same command finds it again and new stars "
        "can be placed in it (default: nowhere)",
    ),
    arg(
        "--place",
        action="store_true",
        help="place the stars in the map that the model carries (default: make a new map)",
    ),
    MAP_PAGE,
    NOISE_KEY,
    SEED,
    OUT,
)
def project(args: Namespace, console: Console) -> Report:
    """Write a t-SNE, UMAP or PCA map, `xy` (N, 2); `neighbour_r2` says how well the map shows each label."""
    from ...io import ARRAY_SUFFIXES, check_output, write_map
    from ...maps.fitting import MapStars
    from ...maps.neighbours import neighbour_r2
    from ...models.store import load_model
    from ...sources import Intake

    check_output(args.out, ARRAY_SUFFIXES, args.stars)
    check_page(args)
    model = exporting(load_model(args.model), args, console)
    plain = Intake(args.keep_spikes, prepare=to_rest(args, model))
    intake = intake_for(args, model, decoded=False) if args.of == "latent" else plain
    stars, intake = stars_for(args, console, model.wavelength_nm, intake)
    x = model.encode(stars).z if args.of == "latent" else model.scaler.flux_in(stars.flux, stars.mask)
    started = time.perf_counter()
    labels = stars.labels_for(model.label_names)
    shown = MapStars(stars.ids, labels, model.label_names)
    xy = _placed(model, x, args) if args.place else _new_map(x, shown, args, console).xy
    seconds = time.perf_counter() - started
    write_map(args.out, xy, stars.ids, labels, model.label_names)
    if args.page:
        write_map_page(args, model, xy, stars, console)
    r2 = dict(zip(model.label_names, neighbour_r2(xy, labels).tolist(), strict=True))
    result = {"stars": len(stars), "seconds": seconds, "neighbour_r2": r2}
    result |= {"of": args.of, "method": args.method, "file": args.out}
    return Report(result | intake.result() | about(model))


def _placed(model: "TrainedModel", x: "np.ndarray", args: Namespace) -> "np.ndarray":
    """(N, 2) the places of stars in the model's map. ModelError when it carries no such map."""
    name = f"{args.of}-{args.method}"
    if name not in model.projections:
        others = ", ".join(model.projections) or "none"
        raise ModelError(
            f"{model.name}: carries no map {name} (it has: {others}); leave out --place to make one"
        )
    return model.projections[name].place(x)


def _new_map(x: "np.ndarray", stars: "MapStars", args: Namespace, console: Console) -> "Projection":
    from ...maps.fitting import MapSettings, fit_projection
    from ...maps.stored import cached_projection

    settings, progress = MapSettings(args.seed, args.perplexity, args.neighbours), console.progress
    if args.cache:
        return cached_projection(x, args.method, args.cache, settings, stars=stars, progress=progress)
    return fit_projection(x, args.method, settings, stars=stars, progress=progress)
