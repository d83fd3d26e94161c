"""The page that `compare-labels --out FILE.html` writes: a comparison with labels, with all its figures."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.spectra import SpectraSet
from ..own.comparing import Compared
from ..own.worst import disagreement, drawn_worst
from ..parameters import parameter
from .own_stars import label_residuals, worst_stars
from .page import html_page

if TYPE_CHECKING:
    from ..models.trained import TrainedModel

READING = (
    "Model − label. Grey: the stars; blue: scatter in bins; red: bias and its error. Errors are the model's "
    "and, where they are given, the labels'; an honest error holds 68 % of the stars within 1σ."
)
WORST_READING = (
    "Each spectrum is drawn from the star's own latent, once with the labels that the model reads and once "
    "with yours: where one of the curves follows the observed lines and the other does not, the other's "
    "labels are the likelier error."
)


def comparison_page(
    model: "TrainedModel", stars: SpectraSet, compared: Compared, result: dict[str, Any]
) -> str:
    """The page as HTML. stars: (N,) those compared.  result: of `own.comparing.compare_labels`."""
    under = f", under the calibration {result['calibration']}" if result.get("calibration") else ""
    known = [j for j, n in enumerate(model.label_names) if n in result["labels"]]
    return html_page(
        f"{model.name} against your labels",
        [
            f"{model.model_id or model.name}{under}; {result['stars']:,} stars.",
            *result["notes"],
            [label_row(name, own) for name, own in result["labels"].items()],
            *repeat_sentences(result),
            label_residuals(compared.residual[:, known], features_of(compared), result["bins"]),
            READING,
            worst_stars(model.wavelength_nm, drawn_worst(model, stars, compared.own, result["worst"])),
            WORST_READING,
            [worst_row(star) for star in result["worst"]],
        ],
    )


def features_of(compared: Compared) -> dict[str, np.ndarray]:
    """What residuals are drawn against, (N,) each: the user's labels and the S/N."""
    names = compared.predictions.label_names
    return {n: compared.own.values[:, j] for j, n in enumerate(names)} | {"snr": compared.snr}


def label_row(name: str, own: dict[str, Any]) -> dict[str, str]:
    """One label's numbers over all stars, as a row of texts."""
    about = parameter(name)
    return {
        "model − label": f"{about.in_text} [{about.unit}]" if about.unit else about.in_text,
        "stars": f"{own['stars']:,}",
        "bias": f"{own['bias']:+.3g} ± {own['bias_error']:.2g}",
        "scatter": f"{own['scatter']:.3g}",
        "rms": f"{own['rmse']:.3g}",
        "within 1σ (68 %)": f"{own['coverage_1']:.0%}",
        "within 2σ (95 %)": f"{own['coverage_2']:.0%}",
        "outliers": str(own["outliers"]),
    }


def worst_row(star: dict[str, Any]) -> dict[str, str]:
    """One of the worst stars, as a row of texts."""
    return {
        "star": star["id"],
        "what disagrees most": disagreement(star),
        "likely reasons": "; ".join(star["reasons"]),
    }


def repeat_sentences(result: dict[str, Any]) -> list[str]:
    """What stars that were observed more than once say of the errors."""
    return [
        f"{parameter(name).in_text}: {own['pairs']:,} repeat observations scatter by {own['ratio']:.2f} of "
        "what errors claim."
        for name, own in result["repeats"].items()
    ]
