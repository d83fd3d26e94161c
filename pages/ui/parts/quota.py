"""What this visitor uses of the server and may use, on the pages where something is added to it."""

from datetime import datetime

import streamlit as st

from gandalf_core.errors import GandalfError
from gandalf_core.jobs.accounts import megabytes
from gandalf_core.jobs.ledger import Thing
from gandalf_core.jobs.quotas import Quotas, quotas
from pages.ui import guards, jobs, show, state, visitor

LISTED = 20  # of what a visitor keeps


def show_usage() -> None:
    """One line: jobs, megabytes and simulated stars, each of how many."""
    try:
        st.caption(usage_text())
    except GandalfError as error:
        st.warning(guards.error_text(error))


def usage_text() -> str:
    """The line in words."""
    limits, by = quotas(), visitor.current()
    used = jobs.manager().accounts.usage(by.id)
    parts = (
        f"{used.jobs} of {limits.jobs} jobs",
        f"{megabytes(used.disk).removesuffix(' MB')} of {megabytes(limits.disk)}",
        f"{used.simulated_stars:,} of {limits.simulated_stars:,} simulated stars in 24 hours",
    )
    return f"You use {', '.join(parts)}. {_rules(limits, by.here)}"


def _rules(limits: Quotas, here: bool) -> str:
    """Who may stop and delete what."""
    if here:
        return "This is the server's own machine: you may stop and delete everything."
    deletes = "stop and delete" if limits.deletion else "stop"
    kept = "" if limits.deletion else " Results stay until the oldest of all must make room."
    return f"Only you, and who runs the server, can {deletes} what you started.{kept}"


def show_kept() -> None:
    """Behind a click: the usage, and the uploads that this visitor keeps, each with a button."""
    try:
        with st.expander("Your files on this server", icon=":material/folder_shared:"):
            st.caption(usage_text())
            every = jobs.manager().accounts.ledger.of(jobs.owner())
            kept = [t for t in every if t.kind != "model" and t.title]
            for thing in kept[:LISTED]:
                _show(thing)
            if len(kept) > LISTED:
                st.caption(f"And {len(kept) - LISTED:,} older ones.")
            if not kept:
                st.caption(
                    "None yet. What you upload stays here, so that a link to it works, until you remove it."
                )
    except GandalfError as error:
        st.warning(guards.error_text(error))


def _show(thing: Thing) -> None:
    text, button = st.columns([5, 1], vertical_alignment="center")
    when = datetime.fromtimestamp(thing.stored).strftime("%d %B %Y, %H:%M")
    text.markdown(f"**{show.escaped(thing.title)}**, {megabytes(thing.bytes)}, {when}")
    button.button("Remove", key=f"remove {thing.kind} {thing.name}", on_click=_remove, args=(thing,))


def _remove(thing: Thing) -> None:
    """Remove an upload, from the session's list, too."""
    jobs.remove(thing.kind, thing.name)
    state.forget_uploads((thing.name,))
