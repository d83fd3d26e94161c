"""What stands behind docs/results.md: the runs, and the tables and pictures of what they stored.

python -m reports --help
"""
