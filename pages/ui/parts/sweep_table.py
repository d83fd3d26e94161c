"""The table of a sweep's trials: its columns, their order and their titles."""

import pandas as pd
import streamlit as st

from gandalf_core.figures import sweeps as figures
from gandalf_core.parameters import parameter
from gandalf_core.sweeps.space import SPREAD, Sweep
from pages.ui import show

TITLES = {  # in the order of the columns; the fields and what the probes found come after the score
    "trial": "Trial",
    "state": "State",
    "score": "Score",
    "spread": "±",
    "leakage": "Leakage",
    "loss": "Loss",
    "lost_flux": "Lost flux",
    "reconstruction_mse": "MSE of the flux",
    "latent_size": "Latent dimensions",
    "mean_lambda": "mean |λ|",
    "discriminator_error": "Discriminators wrong",
    "chance_error": "Wrong by guessing",
    "seconds": "Seconds",
    "cause": "Cause",
}


def show_table(name: str, sweep: Sweep, frame: pd.DataFrame) -> None:
    """All trials, the best first."""
    shown = frame.drop(columns=redundant(sweep, frame)).dropna(axis="columns", how="all")
    shown = shown[sorted(shown, key=lambda column: (rank(sweep, column), column))]
    titles = {column: title(column) for column in shown}
    titles |= {
        column: st.column_config.NumberColumn(title(column), format="%.4g")
        for column in shown.select_dtypes("number")
    }
    st.dataframe(shown, hide_index=True, column_config=titles, key=f"trials {name}")
    st.caption(" ".join(_sentences(sweep, shown)))
    show.download(frame, "trials", f"trials {name} csv")


def _sentences(sweep: Sweep, shown: pd.DataFrame) -> list[str]:
    """What the columns mean."""
    sentences = [f"The best first. Score: {figures.SCORES[sweep.score].lower()}; lower is better."]
    if "discriminator_error" in shown:
        sentences.append(
            "Discriminators wrong: the share of stars whose parameter they put into the wrong range."
        )
    if sweep.score != "reconstruction":
        sentences.append("Excess: what a fresh probe reads of a removed parameter beyond the floor.")
        sentences.append("R²: what it reads of the others.")
    if "leakage" in shown:
        sentences.append("Leakage: the mean excess.")
    if "loss" in shown:
        sentences.append("Loss: the mean of 1 − R².")
    if "lost_flux" in shown:
        sentences.append("Lost flux: the share of the flux's variance that the decoder does not draw.")
    if sweep.seeds > 1:
        sentences.append(f"Values are means over {sweep.seeds} seeds, ± their standard deviation.")
    return sentences


def rank(sweep: Sweep, column: str) -> int:
    """The place of a column: trial and score, the fields, what the probes found, what the training found."""
    first, found, rest = list(TITLES)[:4], list(TITLES)[4:7], list(TITLES)[7:]
    order = [*first, *(axis.path for axis in sweep.axes), *found, "excess", "r2", *rest]
    kind = column.partition(" ")[0]
    return order.index(kind) if kind in order else len(order)


def redundant(sweep: Sweep, frame: pd.DataFrame) -> list[str]:
    """Columns that repeat another one, or have the same value in every trial."""
    repeats = {"model.latent_size": "latent_size"}
    if sweep.score == "reconstruction":
        repeats["score"] = "reconstruction_mse"
    shown = {*(axis.path for axis in sweep.axes), "score"}
    repeated: set[str] = {copy for column, copy in repeats.items() if copy in frame and column in shown}
    repeated |= {c for c in frame if c.startswith(SPREAD) and c != f"{SPREAD}score"}
    constant = {c for c in ("latent_size", "mean_lambda") if c in frame and frame[c].nunique() <= 1}
    return list(repeated | constant)


def title(column: str) -> str:
    """The head of a column in words."""
    kind, _, label = column.partition(" ")
    if kind == SPREAD.strip():
        return f"± {title(label)}"
    if kind in ("excess", "r2") and label:
        return f"{'Excess' if kind == 'excess' else 'R²'} {parameter(label).in_text}"
    words = TITLES.get(column) or figures.field_words(column)
    return words[0].upper() + words[1:]
