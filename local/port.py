"""Looks whether the demo's port is free, before anything is installed: ``python3 -m local.port 4566``."""

from __future__ import annotations

import sys

from local.processes import ROOT, answers, running


def main(port: int) -> None:
    """End the process with a message if another program serves the port; the demo's own servers are replaced."""
    if answers(port) and not running(ROOT / ".rehearsal" / "demo"):
        sys.exit(
            f"Port {port} is in use by another program. Stop it, or choose another port: make demo PORT={port + 1}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]))
