"""Tables: stars to search and pick from, one star's estimates, predictions, comparisons."""

import numpy as np
import pandas as pd
import streamlit as st

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.figures import audits, regression, style
from gandalf_core.figures.population import format_value
from gandalf_core.models.predictions import Predictions
from gandalf_core.models.trained import TrainedModel
from gandalf_core.parameters import parameter
from gandalf_core.regression.residuals import residual_statistics
from pages.ui import guards, show, state
from pages.ui.cache.models import load_model, model_folders
from pages.ui.cache.outputs import predictions_of

SHOWN = 5000
# with the spectra themselves, the paper's four representations
FOUR = ("autoencoder", "physical-removed", "chemical-removed")


def table_of(stars: SpectraSet, names: tuple[str, ...]) -> pd.DataFrame:
    """Ids, labels and S/N as a frame."""
    labels = stars.labels_for(names)
    return pd.DataFrame({"id": stars.ids, **{n: labels[:, p] for p, n in enumerate(names)}, "snr": stars.snr})


def show_table(frame: pd.DataFrame, names: tuple[str, ...], key: str) -> None:
    """A table of stars with a search box above it and a download below."""
    wanted = st.text_input("Find a star", key="find", placeholder="part of an id", persist_state="session")
    found = frame[frame["id"].str.contains(wanted, case=False, regex=False)] if wanted else frame
    pick_from(found.head(SHOWN), names, key)
    st.caption(f"{len(found):,} of {len(frame):,} stars. Tick a row to look at that star on every page.")
    show.download(found, "stars", f"{key} csv")


def pick_from(frame: pd.DataFrame, names: tuple[str, ...], key: str) -> None:
    """A table in which one row can be chosen; its star becomes the star that is looked at."""
    st.dataframe(
        frame,
        hide_index=True,
        column_config=settings_for(names),
        key=key,
        selection_mode="single-row",
        height=420,
        on_select=lambda: _take_row(key, frame["id"].tolist()),
    )


def _take_row(key: str, ids: list[str]) -> None:
    rows = st.session_state[key].selection.rows
    if rows:
        state.look_at(ids[rows[0]])


def settings_for(names: tuple[str, ...]) -> dict:
    """Number formats of a table's columns, with units in their titles."""
    number = st.column_config.NumberColumn
    made = {
        "id": "Star",
        "file": "File",
        "snr": number("S/N per pixel", format="%.0f"),
        "chi2": number("χ² per pixel", format="%.2f"),
    }
    made["outlier_score"] = st.column_config.ProgressColumn(
        "Outlier score", min_value=0.0, max_value=1.0, format="%.2f"
    )
    for name in names:
        shape = f"%.{parameter(name).decimals}f"
        made |= {name: number(show.header(name), format=shape), f"{name}_error": number("±", format=shape)}
    return made


def show_estimates(model: TrainedModel, star: SpectraSet, found: Predictions) -> None:
    """One star: what is given, what the latent says, what the spectrum says, and how ordinary the star looks."""
    rows = {
        "given": (star.labels_for(model.label_names)[0], None),
        "from the latent": (found.values[0], found.errors[0]),
    }
    if model.regressor_spectrum is not None:
        values, errors = model.predict_from_spectrum(star)
        rows["from the spectrum"] = (values[0], errors[0])
    titles = [
        f"{show.markdown_symbol(n)} {f'[{parameter(n).unit}]' if parameter(n).unit else ''}"
        for n in model.label_names
    ]
    lines = [
        f"| {show.escaped(str(star.ids[0]))} | " + " | ".join(titles) + " |",
        "|---" * (len(titles) + 1) + "|",
    ]
    for kind, (values, errors) in rows.items():
        cells = [
            _cell(n, values[k], None if errors is None else errors[k])
            for k, n in enumerate(model.label_names)
        ]
        lines.append(f"| **{kind}** | " + " | ".join(cells) + " |")
    left, right = st.columns([5, 3])
    left.markdown("\n".join(lines))
    with right:
        show_outlier(found)


def _cell(name: str, value: float, error: float | None) -> str:
    text = format_value(name, value, error).removesuffix(parameter(name).unit).rstrip()
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def show_outlier(found: Predictions) -> None:
    """How unlike the sample the star is, and by what."""
    words = {
        "chi2": "are reconstructed better",
        "core": "have deeper Ca II cores for their parameters",
        "distance": "lie nearer to the middle of the latent",
    }
    score = found.outlier_score[0]
    st.markdown(
        f"χ² per pixel **{found.chi2[0]:.2f}**, outlier score **{score:.2f}**"
        + (" :orange-badge[unusual]" if score > 0.99 else "")
    )
    parts = [
        f"{_share(value[0])} {words[name]}"
        for name, value in found.percentiles.items()
        if np.isfinite(value[0])
    ]
    st.caption(
        "Of the sample's stars, " + ", ".join(parts) + "."
        if parts
        else "This model carries no reference for outliers."
    )


def _share(part: float) -> str:
    """A share of a sample, which is never known to be all or none of it."""
    said = "less than 1 %" if part < 0.01 else "more than 99 %" if part > 0.99 else f"{100 * part:.0f} %"
    return said.replace(" %", "\N{NO-BREAK SPACE}%")


def show_predictions(found: Predictions, uploaded: Predictions | None) -> None:
    """All predictions, uploaded stars first."""
    rows = (uploaded.rows() if uploaded is not None else []) + found.rows()
    frame = pd.DataFrame(rows)
    pick_from(frame.head(SHOWN), found.label_names, f"predictions {len(rows)}")
    show.download(frame, "predictions", "predictions csv")


def show_representations(stars: SpectraSet) -> None:
    """Table 1 of the paper for the chosen stars: the same regressor on the spectra and on three latents."""
    with guards.told():
        models = {name: load_model(name) for name in FOUR if name in model_folders()}
        if not models:
            guards.stop(
                "None of the paper's representations is among the models here: make them with `python -m gandalf_core pretrain`."
            )
        reference = next(iter(models.values()))
        names, true = reference.label_names, stars.labels_for(reference.label_names)
        if not np.isfinite(true).any():
            return show.figure(
                regression.representations({}),
                "Choose simulated stars, or upload some with labels.",
                "no_labels",
            )
        estimates = {"spectra": reference.predict_from_spectrum(stars)[0]}
        estimates |= {
            f"latent of {name}": predictions_of(model, stars).values for name, model in models.items()
        }
    tables = {name: residual_statistics(values, true, names) for name, values in estimates.items()}
    show.figure(
        regression.representations(tables),
        "Mean absolute error of each parameter; a removed one is read badly, and should be.",
        "representations",
    )
    columns = ("mean", "mean_absolute", "std", "stars")
    flat = [
        {"representation": name, "parameter": show.header(label), **{c: row.get(c) for c in columns}}
        for name, labels in tables.items()
        for label, row in labels.items()
    ]
    titles = {
        "representation": "Read from",
        "parameter": "Parameter",
        "mean": "mean Δ",
        "mean_absolute": "mean |Δ|",
        "std": "σ(Δ)",
    }
    number = {
        c: st.column_config.NumberColumn(titles[c], format="%.3g") for c in ("mean", "mean_absolute", "std")
    }
    words = {c: titles[c] for c in ("representation", "parameter")} | {"stars": "Stars"}
    st.dataframe(pd.DataFrame(flat), hide_index=True, column_config=number | words, height="content")


def show_comparison(first: TrainedModel, second: TrainedModel) -> None:
    """Two models: what a fresh probe reads from each, and every figure or setting in which their cards
    differ.
    """
    drawn = audits.r2_table(
        show.card_probes((first.name, second.name)), "What a fresh probe reads from each latent"
    )
    show.figure(
        drawn,
        "R² of a network trained on each latent afterwards: bright is readable, dark is not.",
        "compared",
    )
    columns = {model.name: flattened(model.card) for model in (first, second)}
    keys = dict.fromkeys(key for column in columns.values() for key in column)
    differ = [
        key
        for key in keys
        if key != "name" and len({str(column.get(key)) for column in columns.values()}) > 1
    ]
    frame = pd.DataFrame(
        [{"what": fact_of(key), **{name: _text(c.get(key)) for name, c in columns.items()}} for key in differ]
    )
    st.dataframe(frame, hide_index=True, height="content", column_config={"what": "What differs"})
    st.caption(
        "Only what differs between the two cards; errors and shares are those of a regressor on the latent, on test stars."
    )


FACTS = {
    "reconstruction_mse": "mean squared error of the flux",
    "median_chi2": "median χ² per pixel",
    "latent_size": "latent numbers",
    "seconds": "seconds to make",
    "r2": "R²",
    "mae": "mean |Δ|",
    "rmse": "rms Δ",
    "coverage": "share within 1σ",
    "lambdas": "λ",
    "told": "nuisances told in training",
    "noise": "noise of the latent",
    "source": "made from",
    "train": "training stars",
    "test": "test stars",
    "left_out": "stars left out",
    "versions": "version",
}


AUDITED = {
    "excess": "excess R² of",
    "sliders": "relative error of the slider of",
    "r2": "R² of",
    "source": "the stars",
    "stars": "number of stars",
}


RECIPE = {
    "name": "recipe",
    "target": "target of the discriminators",
    "encoder": "widths of the encoder",
    "decoder": "widths of the decoder",
    "mean_spectrum": "widths of m(y)",
    "discriminators": "widths of the discriminators",
    "conditional_encoder": "conditional encoder",
    "batch_size": "stars in a batch",
}


def fact_of(key: str) -> str:
    """A path in a card in words: `figures · parameters · teff · r2` is `R² of Teff`."""
    parts = [part for part in key.split(" · ") if part not in ("figures", "parameters", "data")]
    if parts[0] == "recipe":
        return RECIPE.get(parts[1], parts[1])
    if parts[0] == "audit":
        return " ".join(["audit:", AUDITED.get(parts[1], parts[1]), *map(style.words, parts[2:])])
    if len(parts) == 2 and (parts[0] == "lambdas" or parts[1] in FACTS):
        label, fact = parts if parts[1] in FACTS else parts[::-1]
        unit = f" [{parameter(label).unit}]" if fact in ("mae", "rmse") and parameter(label).unit else ""
        return f"{FACTS[fact]} of {style.words(label)}{unit}"
    return " · ".join(FACTS.get(part, part) for part in parts)


def flattened(card: dict, above: str = "") -> dict[str, object]:
    """A card as one level: `figures · parameters · teff · r2`."""
    flat: dict[str, object] = {}
    for key, value in card.items():
        name = f"{above} · {key}" if above else key
        flat |= flattened(value, name) if isinstance(value, dict) else {name: value}
    return flat


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if np.isfinite(value) else "–"
    if isinstance(value, list):
        return (
            ", ".join(
                audits.NUISANCES.get(v) or style.words(v) if isinstance(v, str) else str(v) for v in value
            )
            or "–"
        )
    return "–" if value is None else str(value)
