"""From the Gaia archive: a sample of labelled stars, fetched in the background, on servers that allow it."""

import json
from dataclasses import dataclass

import streamlit as st

from gandalf_core import io
from gandalf_core.archive.releases import EPOCH, MEAN, releases
from gandalf_core.archive.surveys import PAPERS, is_gaias_own, surveys
from gandalf_core.errors import GandalfError
from gandalf_core.jobs.folder import JobState
from gandalf_core.jobs.job import Job
from gandalf_core.jobs.quotas import quotas
from pages.ui import guards, jobs, show, state
from pages.ui.cache.uploads import NAME, save_upload
from pages.ui.parts.progress import follow

KIND = "fetch"
MOST, USUAL = 20_000, 2_000  # stars; what an upload may be, about, and a first look
FAINTEST, BRIGHTEST = 16.0, 3.0
NOT_HERE = (
    "This server does not fetch from the archives. On your own machine: `gandalf app`, or `gandalf fetch`."
)
ABOUT = (
    "RVS spectra with labels of spectroscopic surveys, under the cuts of the paper. Spectra come from ESA's "
    "archive, labels from VizieR: this machine must be online."
)


@dataclass(frozen=True)
class Request:
    """What the form asks for."""

    release: str
    spectra: str
    surveys: tuple[str, ...]
    magnitudes: tuple[float, float]
    most: int

    def arguments(self, keep: str, *, dry_run: bool) -> list[str]:
        """The command line, without the name of the program. keep: folder of what has arrived."""
        low, high = self.magnitudes
        options = ["--keep", keep, "--release", self.release, "--spectra", self.spectra]
        options += ["--magnitudes", f"{low:g}:{high:g}", "--most", str(self.most)]
        options += [word for name in self.surveys for word in ("--survey", name)]
        return ["fetch", *options, *(["--dry-run"] if dry_run else []), "{folder}/sample.parquet"]


def show_archive() -> None:
    """The form and the latest fetch of this visitor, folded away; a sentence where it is not allowed."""
    with st.expander("From the Gaia archive", icon=":material/cloud_download:"):
        if not quotas().archive:
            st.caption(NOT_HERE)
            return
        st.caption(ABOUT)
        request = _form()
        mine = [job for job in jobs.manager().list(KIND) if job.owner == jobs.owner()]
        left, right = st.columns(2)
        for column, label, icon, dry_run in (
            (left, "How much is it?", ":material/calculate:", True),
            (right, "Fetch", ":material/download:", False),
        ):
            pressed = column.button(label, icon=icon, key=f"archive {label}", disabled=not request.surveys)
            if pressed and _start(request, mine, dry_run):
                st.rerun()
        if mine:
            _show_job(mine[0])


def _form() -> Request:
    known = {slug: survey.name for slug, survey in surveys().items() if survey.place or is_ours(slug)}
    left, middle, right = st.columns(3)
    release = left.selectbox("Release", list(releases()), key="archive_release")
    products = list(releases()[release].products)
    spectra = middle.selectbox(
        "Spectra", products, key="archive_spectra", format_func={MEAN: "mean", EPOCH: "of each transit"}.get
    )
    most = right.number_input("At most this many stars", 100, MOST, USUAL, 100, key="archive_most")
    chosen = st.multiselect(
        "Labels of",
        list(known),
        list(PAPERS),
        format_func=known.get,
        key="archive_surveys",
        help="A star in several has the labels of the first. `gandalf fetch --survey` takes other tables.",
    )
    low, high = st.slider("G [mag]", BRIGHTEST, FAINTEST, (8.0, 14.0), 0.5, key="archive_magnitudes")
    for note in releases()[release].notes:
        st.caption(f":material/info: {note}.")
    return Request(release, spectra or MEAN, tuple(chosen), (low, high), int(most))


def is_ours(slug: str) -> bool:
    """Whether a survey's labels are in the Gaia archive itself."""
    return slug == "gsp-spec" and is_gaias_own(surveys()[slug])


def _start(request: Request, earlier: list[Job], dry_run: bool) -> bool:
    """Queue a fetch; what an earlier one of the same stars has kept is used. Whether that worked."""
    keep = "{folder}/kept"
    like = _without_place(request.arguments(keep, dry_run=False))
    for job in earlier:
        if _without_place(job.arguments) == like:
            keep = job.arguments[2]
            break
    title = f"Gaia {request.release}, {request.most:,} stars"
    try:
        with jobs.telling():
            arguments = request.arguments(keep, dry_run=dry_run)
            jobs.manager().submit(KIND, title, arguments, jobs.owner())
            return True
    except GandalfError as error:
        st.error(guards.error_text(error))
    return False


def _without_place(arguments: list[str] | tuple[str, ...]) -> list[str]:
    """The arguments that say what is fetched, not where to, nor whether it is only counted."""
    return [word for k, word in enumerate(arguments[:-1]) if k != 2 and word != "--dry-run"]


def _show_job(job: Job) -> None:
    """The latest fetch: its progress, what it would take, its stars, or why it failed."""
    if job.active:
        follow([job.id])
    elif job.state != JobState.DONE:
        st.error(guards.error_text(job.status.get("message")))
    else:
        result = json.loads((job.folder / "result.json").read_text(encoding="utf-8"))
        for note in result["notes"]:
            st.caption(f":material/info: {show.escaped(note)}")
        if result.get("dry_run"):
            st.info(show.escaped(_cost(result)))
        else:
            st.success(f"{result['stars']:,} of {result['chosen']:,} stars have arrived.")
            show.action("Use these stars", "check", _use, job, key="archive_use")


def _cost(result: dict) -> str:
    of = ", ".join(f"{count:,} with labels of {name}" for name, count in result["surveys"].items())
    return (
        f"{result['chosen']:,} stars ({of}): {result['download_bytes'] / 1e6:,.0f} MB to download in "
        f"{result['requests_left']:,} requests, about {max(1, round(result['seconds'] / 60)):,} min "
        f"({result['estimated']})."
    )


def _use(job: Job) -> None:
    """The fetched stars as an upload of this session."""
    try:
        stars = io.read_stars(job.folder / "sample.parquet", keep_spikes=True)
        stars.provenance[NAME] = job.title
        key = save_upload(stars)
    except GandalfError as error:
        st.error(guards.error_text(error))
        return
    state.put(state.UPLOADS, tuple(dict.fromkeys([key, *state.get(state.UPLOADS)])))
    state.look_at(str(stars.ids[0]))
