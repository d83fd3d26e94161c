"""Training: an epoch against its matrix products, and against an epoch of a quarter of the stars."""

from statistics import median

from benchmarks.products import encode_products, flop, runner, seconds, step_products
from benchmarks.rows import Row, sample, training_split
from gandalf_core.config.presets import preset
from gandalf_core.config.schema import with_fields
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.training.trainer import Trainer

EPOCHS = 4  # the first warms up, the last one also finishes the model


def paper_256(quick: bool) -> list[Row]:
    return [_rate("training-paper-256", "paper-physical-removed", 256, 0.75, 0.88, quick)]


def paper_50(quick: bool) -> list[Row]:
    return [_rate("training-paper-50", "paper-physical-removed", 50, 0.50, 0.65, quick)]


def bottleneck_256(quick: bool) -> list[Row]:
    share, beside = against_products("physical-removed", 256, training_split(quick))
    return [
        Row(
            "training-bottleneck-256",
            "bottleneck, batch 256: time / time of its products",
            1 / share,
            1.5,
            1.2,
            False,
            beside,
        )
    ]


def _rate(name: str, recipe: str, batch: int, reach: float, moonshot: float, quick: bool) -> Row:
    share, beside = against_products(recipe, batch, training_split(quick))
    return Row(name, f"paper, batch {batch}: FLOP rate / matmul rate", share, reach, moonshot, True, beside)


def against_products(recipe: str, batch: int, stars: SpectraSet) -> tuple[float, dict]:
    """Time of an epoch's products / time of the epoch, the products timed before and after each epoch."""
    trainer = _trainer(recipe, stars, batch)
    products = step_products(trainer.config, len(stars.wavelength_nm))
    steps, alone = len(trainer.data) // batch, runner(products)
    repeats = max(10, steps // 8)
    seconds(alone, repeats)
    before, shares, epochs, times = None, [], [], []
    for record in trainer.epochs():
        after = seconds(alone, repeats)
        if before and record.epoch < EPOCHS:
            times.append((before + after) / 2)
            epochs.append(record.seconds)
            shares.append(steps * times[-1] / record.seconds)
        before = after
    work = flop(products)
    return median(shares), {
        "epoch_seconds": median(epochs),
        "matmul_gflops": work / median(times) / 1e9,
        "achieved_gflops": steps * work / median(epochs) / 1e9,
        "stars": len(trainer.data),
    }


def scaling(quick: bool) -> list[Row]:
    """Time for all stars over time for a quarter of them: 4 if linear."""
    stars = sample(quick)
    quarter = stars[: len(stars) // 4]
    train = {
        n: _epoch_seconds("paper-physical-removed", s) for n, s in (("all", stars), ("quarter", quarter))
    }
    encode = {n: _encode_seconds(s) for n, s in (("all", stars), ("quarter", quarter))}
    return [
        Row(
            f"scaling-{name}",
            f"{name}: time(N) / time(N/4)",
            t["all"] / t["quarter"],
            4.4,
            4.2,
            False,
            {"seconds": t["all"], "stars": len(stars)},
        )
        for name, t in (("training", train), ("encoding", encode))
    ]


def _epoch_seconds(recipe: str, stars: SpectraSet) -> float:
    records = list(_trainer(recipe, stars, 256).epochs())
    return median(r.seconds for r in records[1:-1])


def _encode_seconds(stars: SpectraSet) -> float:
    from benchmarks.encoding import untrained

    model = untrained(stars)
    model.encode(stars[:2000])
    return min(seconds(lambda: model.encode(stars)) for _ in range(3))


def _trainer(recipe: str, stars: SpectraSet, batch: int) -> Trainer:
    short = {
        "training.batch_size": batch,
        "training.epochs": EPOCHS,
        "training.mean_epochs": 1,
        "training.validation_fraction": 0.0,
    }
    return Trainer(stars, with_fields(preset(recipe), short), "cpu")


def matmul(quick: bool) -> list[Row]:
    """How fast this machine multiplies at the shapes of the encoder; without a goal."""
    work = encode_products(preset("paper"), 800, 4096)
    run = runner(work)
    run()
    best = min(seconds(run, 5) for _ in range(5))
    return [Row("matmul", "matmul rate, encoder on 4,096 spectra [GFLOP/s]", flop(work) / best / 1e9)]
