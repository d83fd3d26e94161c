"""Tables of stars: to search and to choose from, and one star's estimates."""

import numpy as np
import pandas as pd
import streamlit as st

from gandalf_core.data.positions import checked_positions, position_columns
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.figures.population import format_value
from gandalf_core.models import reasons
from gandalf_core.models.predictions import AT_LEAST, OF_VERDICTS, Predictions
from gandalf_core.models.trained import TrainedModel
from gandalf_core.own.calibration import NamedCalibration
from gandalf_core.parameters import parameter
from pages.ui import show, state
from pages.ui.cache.calibrations import read_from, under
from pages.ui.cache.outputs import predictions_of
from pages.ui.cache.uploads import is_uploaded, positions_of

Numbers = tuple[np.ndarray, np.ndarray | None]  # values and errors (P,) of one star

MAX_ROWS = 5000
OUTLIER_WORDS = {
    "misfit": "are fitted better",
    "core": "have Ca II cores that are less filled",
    "second": "show less of a second spectrum",
    "rotation": "have narrower lines",
    "local": "deviate less in the worst place",
    "distance": "lie closer to the middle of the latent",
}


# --- stars ---


def table_of(stars: SpectraSet, names: tuple[str, ...]) -> pd.DataFrame:
    """Ids, labels, S/N and, where they are known, positions as a frame, one row per star."""
    labels = dict(zip(names, stars.labels_for(names).T, strict=True))
    places = position_columns(stars.positions)
    return pd.DataFrame({"id": stars.ids, **labels, "snr": stars.snr, **places})


def show_table(frame: pd.DataFrame, names: tuple[str, ...], key: str) -> None:
    """A table of stars with a search box above it and a download below."""
    part = st.text_input("Find a star", key="find", placeholder="part of an id", persist_state="session")
    rows = frame[frame["id"].str.contains(part, case=False, regex=False)] if part else frame
    choose_from(rows.head(MAX_ROWS), names, key)
    st.caption(f"{len(rows):,} of {len(frame):,} stars. Tick a row to look at that star on every page.")
    show.download(rows, "stars", f"{key} csv")


def frame_of(read: Predictions) -> pd.DataFrame:
    """Predictions as a frame; of stars that are not judged nothing that a verdict would say."""
    frame = pd.DataFrame(read.columns())
    return frame if read.judged else frame.drop(columns=list(OF_VERDICTS))


def completed(frame: pd.DataFrame) -> pd.DataFrame:
    """A table of predictions with positions of uploaded stars and, in `reason`, what was done to spectra."""
    positions = checked_positions(positions_of(frame["id"]), len(frame))
    done = {
        star: what for star in {*state.divided(), *state.get(state.AT_REST)} if (what := state.prepared(star))
    }
    if frame["id"].isin(list(done)).any():
        why = frame["reason"].fillna("") if "reason" in frame else pd.Series("", frame.index)
        note = frame["id"].map(lambda star: f" ({done[star]})" if star in done else "")
        frame = frame.assign(reason=(why + note).str.strip())
    return frame.assign(**position_columns(positions))


def choose_from(frame: pd.DataFrame, names: tuple[str, ...], key: str, *, height: int = 420) -> None:
    """A table in which one row can be chosen; its star is then shown on every page."""
    st.dataframe(
        frame,
        hide_index=True,
        column_config=column_settings(names),
        key=key,
        selection_mode="single-row",
        height=height,
        on_select=lambda: _take_row(key, frame["id"].tolist()),
    )


def _take_row(key: str, ids: list[str]) -> None:
    rows = st.session_state[key].selection.rows
    if rows:
        state.look_at(ids[rows[0]])


def column_settings(names: tuple[str, ...]) -> dict:
    """Titles with units and number formats of a table's columns."""
    number = st.column_config.NumberColumn
    columns = {
        "id": "Star",
        "file": "File",
        "snr": number("S/N per pixel", format="%.0f"),
        "ra": number("RA [deg]", format="%.5f"),
        "dec": number("Dec [deg]", format="%.5f"),
        "chi2": number("χ² per pixel", format="%.2f"),
        "outlier_score": st.column_config.ProgressColumn(
            "Outlier score", min_value=0.0, max_value=1.0, format="%.3f"
        ),
        "verdict": "Verdict",
        "reason": "Why",
        "outside": "Outside",
        "velocity_kms": number("Velocity [km/s]", format="%.1f"),
        "velocity_kms_error": number("± [km/s]", format="%.1f"),
    }
    for name in names:
        digits = f"%.{parameter(name).decimals}f"
        columns |= {
            name: number(show.header(name), format=digits),
            f"{name}_error": number("±", format=digits),
        }
    return columns


# --- one star ---


def show_estimates(
    model: TrainedModel,
    star: SpectraSet,
    predictions: Predictions,
    calibration: NamedCalibration | None = None,
) -> None:
    """One star: its own labels, the estimates from latent and spectrum, and how ordinary the star is.

    calibration: applied to the estimates that it is of, in a row that names it.
    """
    rows: dict[str, Numbers] = {"own labels": (star.labels_for(model.label_names)[0], None)}
    if model.regressor_spectrum is not None:
        read = predictions_of(model, star, "spectrum")
        rows["from the spectrum"] = (read.values[0], read.errors[0])
    rows["from the latent"] = (predictions.values[0], predictions.errors[0])
    if calibration is not None:
        source = read_from(calibration)
        read = under(calibration, predictions_of(model, star, source), star.snr, model, source)
        name = show.escaped(calibration.name)
        rows[f"from the {source}, under {name}"] = (read.values[0], read.errors[0])
    limit = AT_LEAST if predictions.outside[0] else ""
    left, right = st.columns([5, 3])
    pale = {("from the latent", name) for name in model.removed}
    left.markdown(_markdown_table(str(star.ids[0]), model.label_names, rows, limit, pale))
    if model.removed:
        left.caption("Grey: removed from the latent, so read with the spread of the sample as its error.")
    if limit:
        left.warning(f"Outside the model's sample: {show.escaped(str(predictions.reason[0]))}")
    with right:
        show_outlier(star, predictions)


def _markdown_table(
    star: str,
    names: tuple[str, ...],
    rows: dict[str, Numbers],
    limit: str,
    pale: set[tuple[str, str]],
) -> str:
    """One row per source, one column per label; limit: words before errors that are lower limits.

    pale: (source, label) of the numbers in grey.
    """
    titles = [f"{show.markdown_symbol(n)} {unit(n)}" for n in names]
    lines = [f"| {show.escaped(star)} | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for source, (values, errors) in rows.items():
        cells = [
            cell(n, values[k], None if errors is None else errors[k], limit) for k, n in enumerate(names)
        ]
        cells = [f":gray[{c}]" if (source, n) in pale else c for n, c in zip(names, cells, strict=True)]
        lines.append(f"| **{source}** | {' | '.join(cells)} |")
    return "\n".join(lines)


def unit(name: str) -> str:
    """The unit of a label in brackets; empty where it has none."""
    return f"[{parameter(name).unit}]" if parameter(name).unit else ""


def cell(name: str, value: float, error: float | None, limit: str) -> str:
    """A value with its error and without its unit, on one line."""
    text = format_value(name, value, error, limit=limit).removesuffix(parameter(name).unit).rstrip()
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def show_outlier(star: SpectraSet, predictions: Predictions) -> None:
    """What kind of star it looks like, why, and what can be done about it."""
    score = reasons.score_text(float(predictions.outlier_score[0]))
    chi2 = f"χ² per pixel **{reasons.chi2_text(float(predictions.chi2[0]))}**"
    st.markdown(f"{chi2}, outlier score **{score}** {badge(predictions)}")
    if not predictions.outside[0]:  # else it stands beside the parameters
        st.caption(show.escaped(sentence(str(predictions.reason[0]))))
    parts = [
        f"{share_text(share[0])} {OUTLIER_WORDS[name]}"
        for name, share in predictions.percentiles.items()
        if name in OUTLIER_WORDS and np.isfinite(share[0])
    ]
    if parts:
        st.caption(f"Of ordinary stars like it, {', '.join(parts)}.")
    show_rest(str(star.ids[0]), predictions)


def badge(predictions: Predictions) -> str:
    """The word of the verdict on the first star, in colour; empty where there is none."""
    word = str(predictions.verdict[0])
    colour = "green" if word == reasons.NORMAL else "orange"
    return f":{colour}-badge[{word}]" if word else ""


def sentence(reason: str) -> str:
    """The reason of a verdict as a sentence."""
    return f"{reason[0].upper()}{reason[1:]}." if reason else "No verdict."


def show_rest(star: str, predictions: Predictions) -> None:
    """A button that moves an uploaded star to rest, and one that undoes it; whether it was divided."""
    if star in state.divided() and is_uploaded(star):
        st.caption("It is divided by its fitted continuum, on every page (**One star** on Data, Decode).")
    moved = state.get(state.AT_REST)
    if star in moved:
        st.caption(f"Its lines were shifted by {moved[star]:+.1f} km/s; it was moved to rest, on every page.")
        st.button("Undo", "move_back", icon=":material/undo:", on_click=state.move_back, args=(star,))
    elif (
        is_uploaded(star) and reasons.is_shifted(predictions.velocity_kms, predictions.velocity_kms_error)[0]
    ):
        velocity = float(predictions.velocity_kms[0])
        st.button(
            "Move it to rest",
            "move_to_rest",
            icon=":material/speed:",
            on_click=state.move_to_rest,
            args=(star, velocity),
        )


def share_text(share: float) -> str:
    """A share of a sample, which is never known to be all or none of it."""
    text = "less than 1 %" if share < 0.01 else "more than 99 %" if share > 0.99 else f"{100 * share:.0f} %"
    return text.replace(" %", "\N{NO-BREAK SPACE}%")
