"""All checks, one module a subject; importing this package makes the list complete."""

from __future__ import annotations

from importlib import import_module

from .catalog import CHECKS, OPEN_POINTS, Check, Evidence

# In this order the checks are numbered.
for _name in ("deployment", "rights", "service", "input", "workflow", "uploads", "results", "end"):
    import_module(f"{__name__}.{_name}")

__all__ = ["CHECKS", "OPEN_POINTS", "Check", "Evidence"]
