"""`python -m callscope`: the `callscope` command, for whoever names the interpreter."""

from __future__ import annotations

from callscope.cli import main

if __name__ == "__main__":
    main()
