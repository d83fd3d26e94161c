"""Every cache of the app, keyed by content: names of sources, digests of grids and weights.

Cached arrays are shared by all sessions and treated as read-only.
"""

from gandalf_core.places import explorer_folder
from pages.ui.cache.keys import subfolder as folder  # noqa: F401  until jobs.py has moved

ROOT = explorer_folder()
