"""The documentation site: `python -m sphinx -q -W docs build/site`, with warnings as errors.

The references of commands and of Python are written from parsers and docstrings (reference.py) before each
build. Notebooks are executed where GANDALF_NOTEBOOKS is set, as .ci/run does.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
# for the processes that execute notebooks
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(HERE.parent), os.environ.get("PYTHONPATH"))))

import reference  # noqa: E402

import gandalf_core  # noqa: E402

project, author = "GANDALF Explorer", "The GANDALF Explorer founders"
release = gandalf_core.__version__
extensions = ["myst_nb"]
exclude_patterns = ["results", "images", "**.ipynb_checkpoints"]
html_theme, html_title = "furo", f"GANDALF Explorer {release}"
html_show_copyright = False
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]
# documents link to files beside docs/, which GitHub shows; tests/test_docs.py looks whether all are there
suppress_warnings = ["myst.xref_missing", "mystnb.unknown_mime_type", "myst.header"]
nb_execution_mode = "force" if os.environ.get("GANDALF_NOTEBOOKS") else "off"
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # seconds of a cell, on a machine that does much else

reference.write(HERE / "generated")
