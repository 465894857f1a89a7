"""Makes the pictures of docs/images from a report, such as that of ``make demo``: ``python -m bench.pictures``."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.chromium import Browser

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"


def main(report: Path) -> None:
    """Write report.png: the overview, and documents below it."""
    if not report.exists():
        sys.exit(f"{report} is missing; make demo writes it")
    with Browser() as page:
        page.open(f"{report.resolve().as_uri()}#documents", ready="document.querySelector('.card mark')")
        page.look(IMAGES / "report.png", 1280, 860)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "report.html")
