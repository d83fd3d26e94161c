"""The upload box: each file is read by itself and judged as `validate` does; a bad one changes nothing.

Another process reads, under hard limits (SECURITY.md). The verdict stands in a box whose colour is its grade;
all that was understood of a file can be unfolded.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import pandas as pd
import streamlit as st

from gandalf_core.data.spectra import SpectraSet, concatenate, same_grid
from gandalf_core.errors import GandalfError, SpectraError
from gandalf_core.io.confined import readers
from gandalf_core.io.sniff import printable
from gandalf_core.jobs.sayings import without_folders
from gandalf_core.models.trained import TrainedModel
from gandalf_core.products.findings import BAD, GOOD, MAX_NAMED, WARN, Finding, count, named
from gandalf_core.products.validation import Validation
from gandalf_core.sources import believed
from pages.ui import show, state
from pages.ui.cache.models import load_model
from pages.ui.cache.uploads import NAME, UPLOADED, load_upload, save_upload, upload_on_grid
from pages.ui.parts import star_cards, tables

SUFFIXES = [
    *("csv", "tsv", "ecsv", "fits", "fit", "gz", "zip", "xml", "vot", "votable", "npz", "parquet"),
    *("txt", "dat", "ascii", "asc", "tab", "tbl", "mrt"),
]
MAX_MB = 64
BOX = "upload_box"
ICONS = {GOOD: ":material/check:", WARN: ":material/warning:", BAD: ":material/error:"}


class Verdict(NamedTuple):
    """What became of an uploaded file: its grade, a few sentences, and all that was found and understood."""

    grade: str
    text: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()  # of the sets that were kept


# --- the box ---


def show_upload() -> None:
    """The box, what could not be read of the last files, and a card for each file of the session."""
    st.file_uploader(
        "Drop spectra here",
        SUFFIXES,
        accept_multiple_files=True,
        key=_box(),
        on_change=take_files,
        max_upload_size=MAX_MB,
        help="Files as the Gaia archive delivers them, with one or many stars each, at most "
        f"{MAX_MB} MB. They stay on the machine that runs this app.",
    )
    cards: dict[str, Verdict] = {}
    for verdict in state.get(state.VERDICTS):
        if verdict.keys:
            cards |= dict.fromkeys(verdict.keys[:1], verdict)
        else:
            _show_verdict(verdict)
    star_cards.show_cards(_chosen_model(), lambda key: key in cards and _show_verdict(cards[key]))


def _box() -> str:
    """The key of the box: another one after each upload, which empties it."""
    return f"{BOX} {st.session_state.get(BOX, 0)}"


def _show_verdict(verdict: Verdict) -> None:
    boxes = {GOOD: st.success, WARN: st.warning, BAD: st.error}
    boxes[verdict.grade](show.escaped(verdict.text))
    if verdict.findings:
        show_findings(verdict)


def show_findings(verdict: Verdict) -> None:
    """Every sentence on a file, behind a click."""
    with st.expander("All that was checked, and how the file was read"):
        st.markdown("\\\n".join(f"{ICONS[f.grade]} {show.escaped(f.text)}" for f in verdict.findings))
        st.caption("\\\n".join(map(show.escaped, verdict.notes)))


def take_files() -> None:
    """Read the uploaded files, empty the box, and look at the first star that could be read."""
    names = [(printable(file.name), file.getvalue()) for file in st.session_state[_box()] or []]
    st.session_state[BOX] = st.session_state.get(BOX, 0) + 1
    files = [_kept(name, *judge(name, content)) for name, content in names]
    sets = {stars.identity: stars for _, found in files for stars in found}
    earlier = list(state.get(state.UPLOADS))
    new = [key for key in sets if key not in earlier]
    state.put(state.UPLOADS, tuple(dict.fromkeys([*sets, *earlier])))
    times = Counter(star for stars in _uploads(load_upload) for star in stars.ids)
    verdicts = [_with_repeated_ids(*file, times) for file in files]
    before = [v for v in state.get(state.VERDICTS) if v.keys and not set(v.keys) & set(sets)]
    state.put(state.VERDICTS, (*verdicts, *before))
    if new:
        state.look_at(str(sets[new[0]].ids[0]))


def _kept(name: str, verdict: Verdict, sets: list[SpectraSet]) -> tuple[Verdict, list[SpectraSet]]:
    """The same, when the stars are kept on the server; a refusal where the visitor has no room for them."""
    try:
        for stars in sets:
            save_upload(stars)
    except GandalfError as error:
        return Verdict(BAD, f"{name}: cannot be kept. {without_folders(str(error))}"), []
    return verdict._replace(keys=tuple(stars.identity for stars in sets)), sets


def _uploads(read: Callable[[str], SpectraSet]) -> Iterator[SpectraSet]:
    """The uploads of the session as `read` returns them for their keys, newest first, where it can."""
    for key in state.get(state.UPLOADS):
        with suppress(GandalfError):
            yield read(key)


def uploads_first(frame: pd.DataFrame, model: TrainedModel) -> pd.DataFrame:
    """A table of stars with the other uploaded ones above them, beside the names of their files."""
    parts, here = [], set(frame["id"])
    for stars in _uploads(lambda key: upload_on_grid(UPLOADED + key, model)):
        rows = tables.table_of(stars, model.label_names)
        rows = rows[[star not in here for star in rows["id"]]]
        rows.insert(1, "file", stars.provenance.get(NAME, ""))
        parts.append(rows)
    return pd.concat([*parts, frame], ignore_index=True).fillna({"file": ""}) if parts else frame


# --- verdicts ---


def judge(name: str, content: bytes) -> tuple[Verdict, list[SpectraSet]]:
    """A verdict on a file, and its stars, one set for each wavelength grid; none when none can be used."""
    found, sets = Validation(_chosen_model()), []
    for part, stars in ((part, believed(stars)) for part, stars in readers.stars(name, content)):
        if isinstance(stars, SpectraError):
            found.reject(part, str(stars))
        else:
            found.look_at(part, stars)
            sets.append(stars)
    if not found.census.stars:
        return Verdict(BAD, str(found.error)), []
    verdict, joined = _verdict(name, found), _joined(sets) if found.usable else []
    for stars in joined:
        stars.provenance[NAME] = name
    return verdict, joined


def _chosen_model() -> TrainedModel | None:
    with suppress(GandalfError, KeyError):
        return load_model(st.session_state[state.MODEL])
    return None


def _joined(sets: list[SpectraSet]) -> list[SpectraSet]:
    """The stars of a bundle, those on one grid as one set."""
    groups: list[list[SpectraSet]] = []
    for stars in sets:
        like = next((g for g in groups if same_grid(g[0].wavelength_nm, stars.wavelength_nm)), None)
        if like is None:
            groups.append([stars])
        else:
            like.append(stars)
    return [concatenate(group) for group in groups]


def _verdict(name: str, found: Validation) -> Verdict:
    """The file in one sentence, and what is wrong with it in others: where nothing can be used, only why."""
    census, findings = found.census, tuple(f._replace(text=_bare(f.text, name)) for f in found.verdict)
    ids = [str(star) for piece in census.ids for star in piece[:MAX_NAMED]]
    pixels = census.grids.most_common(1)[0][0][0]
    masked = f"{census.masked / census.samples:.1%} of the pixels masked"
    first = f"{name}: {count(census.stars)}, {pixels} pixels, {masked}: {named(ids, total=census.stars)}."
    told = (BAD, WARN) if found.usable else (BAD,)
    wrong = [_sentence(f.text) for f in findings if f.grade in told]
    return Verdict(found.grade, " ".join([first, *wrong]), findings, tuple(found.notes))


def _sentence(text: str) -> str:
    """The text of a finding as a sentence among others."""
    return text[0].upper() + text[1:] + ("" if text.endswith("?") else ".")


def _bare(text: str, name: str) -> str:
    """A sentence without the name of the file, which stands above it."""
    return text.replace(f"{name}: ", "")


def _with_repeated_ids(verdict: Verdict, sets: list[SpectraSet], times: Counter) -> Verdict:
    """The verdict, with a warning where another uploaded star has the same id. times: of each id."""
    repeated = [str(star) for stars in sets for star in stars.ids if times[star] > 1]
    if not repeated:
        return verdict
    warning = (
        f"More than one uploaded star is called {named(list(dict.fromkeys(repeated)))}, and the pages show "
        "only one: give each star its own id."
    )
    return verdict._replace(grade=WARN, text=f"{verdict.text} {warning}")
