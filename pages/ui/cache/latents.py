"""Latents that a user uploads to be audited, and their audits, kept under the digest of the file."""

from pathlib import Path
from typing import Any

import streamlit as st

from gandalf_core.atomic import write_bytes
from gandalf_core.auditing import audit_table
from gandalf_core.data.identity import identity
from gandalf_core.io.confined import readers
from gandalf_core.io.latent_tables import LatentTable
from pages.ui import jobs
from pages.ui.cache.keys import subfolder


def key_of(content: bytes) -> str:
    """The key of an uploaded file."""
    return identity(content)


def keys_in_obsm(name: str, content: bytes) -> tuple[str, ...]:
    """The matrices of an AnnData file; none for any other. SpectraError for a damaged one."""
    return _obsm(key_of(content), name, content)


@st.cache_data(max_entries=8, show_spinner=False)
def _obsm(key: str, _name: str, _content: bytes) -> tuple[str, ...]:
    return readers.obsm_keys(_name, _content)


def latent_table(name: str, content: bytes, obsm: str | None) -> LatentTable:
    """The latents of an uploaded file. SpectraError, one line, when it holds none."""
    return _table(key_of(content), obsm, name, content)


@st.cache_resource(max_entries=8, show_spinner="Reading …")
def _table(key: str, obsm: str | None, _name: str, _content: bytes) -> LatentTable:
    return readers.latents(_name, _content, obsm)


def own_audit(key: str, obsm: str | None, signs: tuple[tuple[str, ...], ...], table: LatentTable) -> dict:
    """The report on an uploaded latent; signs: what was removed and kept. AuditError as `audit_latent`."""
    return _audit(key, obsm, signs, table)


@st.cache_data(max_entries=16, show_spinner="Auditing: a minute or two …")
def _audit(
    key: str, obsm: str | None, signs: tuple[tuple[str, ...], ...], _table: LatentTable
) -> dict[str, Any]:
    removed, kept = signs
    return audit_table(_table, removed, kept).to_dict()


def file_for_job(key: str, name: str, content: bytes) -> Path:
    """The uploaded file on disk, for a job. It belongs to the visitor; JobError as `save_upload`."""
    path = subfolder("latents") / f"{key}{''.join(Path(name).suffixes[-1:])}"
    with jobs.keeping("latent", path.name, name, path, len(content)):
        if not path.is_file():
            write_bytes(path, content)
    return path
