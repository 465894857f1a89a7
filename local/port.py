"""Looks whether the demo's port is free, before anything is installed: ``python3 -m local.port 4566``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from local.processes import ROOT, answers, running

DEMO = ROOT / ".rehearsal" / "demo"


def main(port: int) -> None:
    """End the process with a message if another program serves the port; the demo's own servers are replaced."""
    if answers(port) and not _serves(DEMO, port):
        sys.exit(
            f"Port {port} is in use by another program. Stop it, or choose another port: make demo PORT={port + 1}"
        )


def _serves(folder: Path, port: int) -> bool:
    """Return whether the rehearsal in ``folder`` serves a port."""
    if not running(folder):
        return False
    environment = json.loads((folder / "rehearsal.json").read_text())["environment"]
    return str(environment["AWS_ENDPOINT_URL"]).endswith(f":{port}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
