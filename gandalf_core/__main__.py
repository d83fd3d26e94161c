"""The command line: `python -m gandalf_core …`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
