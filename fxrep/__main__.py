"""`python -m fxrep` is the same as the `fxrep` command."""

from __future__ import annotations

from fxrep.cli.main import main

if __name__ == "__main__":
    main()
