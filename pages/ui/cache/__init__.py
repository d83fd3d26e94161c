"""Every cache of the app, keyed by the whole content of what a result depends on (data/identity.py).

Cached arrays are shared by all sessions and treated as read-only.
"""
