"""Commands that use a trained model: encode, predict, decode, project, models."""

import time
from pathlib import Path

from ...errors import ModelError
from ...parameters import canonical_name, parameter
from ..console import table
from ..predictions import predictions_table, split_output, write_predictions
from ..registry import (
    MODEL,
    NOISE_SEED,
    OUT,
    SEED,
    STARS,
    Report,
    UsageError,
    arg,
    command,
    number,
    number_pair,
    whole,
)
from ..streams import join_latents, pieces, written


@command("encode", "write the latents of stars", MODEL, STARS, NOISE_SEED, OUT)
def encode(args, console) -> Report:
    """Latents of stars as npz or Parquet (`z`, labels, ids), or as a table; Parquet input is streamed."""
    from ...io import ARRAY_SUFFIXES, check_output, write_latents
    from ...models.store import load_model

    check_output(args.out, ARRAY_SUFFIXES, args.stars)
    model = load_model(args.model)
    started = time.perf_counter()
    latents = (model.encode(stars, seed=args.seed) for stars in pieces(args.stars, model.wavelength_nm))
    n = written(args.out, latents, write_latents, join_latents)
    seconds = time.perf_counter() - started
    return Report(
        {
            "stars": n,
            "latent_size": model.latent_size,
            "spectra_per_second": n / seconds,
            "seconds": seconds,
            "model_id": model.model_id,
            "file": args.out,
        }
    )


@command(
    "predict",
    "parameters with uncertainty and fit quality for each star",
    MODEL,
    STARS,
    arg(
        "--out",
        metavar="OUT",
        help="file to write; a last name that is no file of spectra is taken for it as well",
    ),
    NOISE_SEED,
)
def predict(args, console) -> Report:
    """`predict MODEL STARS… [OUT]`: parameters read from the latent, 1σ errors, chi² of the reconstruction,
    outlier score.

    OUT is a table (csv, ecsv, fits, vot, parquet) or json.
    """
    from ...models.predictions import join_predictions
    from ...models.store import load_model

    specs, out = split_output(args.stars, args.out)
    model = load_model(args.model)
    parts = [model.predict(stars, seed=args.seed) for stars in pieces(specs, model.wavelength_nm)]
    found = join_predictions(parts)
    if out:
        write_predictions(out, found)
        console.say(f"{len(found):,} stars written to {out}")
    rows = found.rows() if args.json or not out else []
    return Report(
        {"model": model.model_id, "stars": rows, "file": out}, "" if out else predictions_table(found)
    )


@command(
    "decode",
    "spectra under modified parameters",
    MODEL,
    STARS,
    arg(
        "--set",
        action="append",
        default=[],
        type=number_pair,
        metavar="LABEL=VALUE",
        help="give every star this value, e.g. teff=7500; may repeat",
    ),
    NOISE_SEED,
    OUT,
)
def decode(args, console) -> Report:
    """Spectra decoded from the stars' latents. Labels that are not set are the star's own, or estimated from
    its spectrum.
    """
    from ...data.spectra import concatenate
    from ...io import STAR_SUFFIXES, check_output, write_stars
    from ...models.store import load_model

    check_output(args.out, STAR_SUFFIXES, args.stars)
    model = load_model(args.model)
    wanted = {canonical_name(name): value for name, value in args.set}
    model.check_receives(wanted)
    counts = {"given": 0, "estimated": 0}
    parts = (
        _decoded(model, stars, wanted, args.seed, counts) for stars in pieces(args.stars, model.wavelength_nm)
    )
    n = written(args.out, parts, write_stars, concatenate)
    beyond = [n for n, v in wanted.items() if not model.ranges[n][0] <= v <= model.ranges[n][1]]
    for name in beyond:
        low, high = (parameter(name).format(v) for v in model.ranges[name])
        console.say(
            f"{name} = {wanted[name]:g} is extrapolated: 98 % of the training sample have {low} to {high}"
        )
    if counts["estimated"]:
        console.say(f"labels of {counts['estimated']:,} of {n:,} stars were estimated from their spectra")
    return Report(
        {
            "stars": n,
            "set": wanted,
            "extrapolated": n if beyond else 0,
            "beyond": beyond,
            "labels": counts,
            "model_id": model.model_id,
            "file": args.out,
        }
    )


def _decoded(model, stars, wanted: dict[str, float], noise_seed: int | None, counts: dict[str, int]):
    """A SpectraSet of the decoded flux under the modified labels; counts whose labels were used."""
    made, given = model.modify(stars, wanted, seed=noise_seed)
    counts["given"] += int(given.sum())
    counts["estimated"] += int((~given).sum())
    return made


@command(
    "project",
    "a map of stars in two dimensions",
    MODEL,
    STARS,
    arg("--of", choices=("latent", "spectra"), default="latent", help="what is mapped (default: latent)"),
    arg("--method", choices=("tsne", "umap", "pca"), default="tsne", help="default: tsne"),
    arg("--perplexity", type=number(1), default=30.0, help="of t-SNE (default: 30)"),
    arg("--neighbours", type=whole(2), default=15, help="of UMAP (default: 15)"),
    arg(
        "--cache",
        metavar="DIR",
        help="keep the whole map here too (it can then place new stars), and find it here again",
    ),
    arg(
        "--place",
        action="store_true",
        help="place the stars in the map that the model carries, instead of making a new one",
    ),
    SEED,
    OUT,
)
def project(args, console) -> Report:
    """A t-SNE, UMAP or PCA map, `xy` (N, 2); `neighbour_r2` says how much of each label the map itself shows."""
    from ...io import ARRAY_SUFFIXES, check_output, write_map
    from ...maps.projection import neighbour_r2
    from ...models.store import load_model
    from ...sources import load_stars

    check_output(args.out, ARRAY_SUFFIXES, args.stars)
    model = load_model(args.model)
    stars = model.on_grid(load_stars(args.stars, model.wavelength_nm))
    x = model.encode(stars).z if args.of == "latent" else model.scaler.flux_in(stars.flux, stars.mask)
    started = time.perf_counter()
    labels = stars.labels_for(model.label_names)
    about = {"ids": stars.ids, "labels": labels, "label_names": model.label_names}
    xy = _placed(model, x, args) if args.place else _new_map(x, about, args, console).xy
    seconds = time.perf_counter() - started
    write_map(args.out, xy, stars.ids, labels, model.label_names)
    r2 = dict(zip(model.label_names, neighbour_r2(xy, labels).tolist(), strict=True))
    made = {"of": args.of, "method": args.method, "file": args.out}
    return Report({"stars": len(stars), "seconds": seconds, "neighbour_r2": r2} | made)


def _placed(model, x, args):
    name = f"{args.of}-{args.method}"
    if name not in model.projections:
        there = ", ".join(model.projections) or "none"
        raise ModelError(
            f"{model.name}: carries no map {name} (it has: {there}); leave out --place to make one"
        )
    return model.projections[name].place(x)


def _new_map(x, about, args, console):
    from ...maps.projection import cached_projection, fit_projection

    settings = {"seed": args.seed, "perplexity": args.perplexity, "neighbours": args.neighbours, **about}
    if args.cache:
        return cached_projection(x, args.method, args.cache, progress=console.progress, **settings)
    return fit_projection(x, args.method, progress=console.progress, **settings)


@command(
    "models",
    "list the models with their cards",
    arg("name", nargs="?", metavar="MODEL", help="print this one's card"),
    arg("--root", metavar="DIR", help="list the model folders here (default: pretrained/)"),
)
def models(args, console) -> Report:
    """The models in pretrained/ (or --root) with what was removed, kept and measured; with MODEL, its card."""
    from ...models.cards import card_text
    from ...models.store import list_models, load_model
    from ...places import model_roots

    if args.name:
        model = load_model(args.name)
        return Report(
            {"models": [{"name": model.name, "path": args.name, "card": model.card}]},
            card_text(model.name, model.card),
        )
    if args.root and not Path(args.root).is_dir():
        raise UsageError(f"{args.root}: no such folder")
    found = list_models(args.root)
    result = {"models": [{"name": m.name, "path": str(m.path), "card": m.card} for m in found]}
    roots = args.root or " or ".join(map(str, model_roots()))
    return Report(result, _models_table(found) if found else f"no models in {roots}")


def _models_table(found) -> str:
    header = ["model", "removed", "kept", "latent", "stars", "reconstruction mse"]
    return table(header, [_model_row(m.name, m.card) for m in found])


def _model_row(name: str, card: dict) -> list[str]:
    signs = [", ".join(parameter(n).plain for n in card[key]) or "-" for key in ("removed", "kept")]
    mse = card["figures"]["reconstruction_mse"]
    return [name, *signs, str(card["latent_size"]), f"{card['data']['train']:,}", f"{mse:.2e}"]
