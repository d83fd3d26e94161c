"""Every cache of the app, keyed by content: names of sources, digests of grids and weights.

Cached arrays are shared by all sessions and treated as read-only.
"""
