"""`python -m sandbox`."""

import sys

from sandbox.server import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
