"""`python -m cbackprop` is the command `cbackprop`."""

import sys

from cbackprop.command.main import main

if __name__ == "__main__":
    sys.exit(main())
