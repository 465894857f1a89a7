"""``python -m comprehend_entities_cli``."""

from __future__ import annotations

from .app import main

main()
