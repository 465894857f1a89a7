"""All checks, one module a subject; importing this package makes the list complete."""

from __future__ import annotations

# In this order the checks are numbered.
from . import deployment, rights, service, input, workflow, uploads, results, end  # noqa: I001
from .catalog import CHECKS, OPEN_POINTS, Check, Evidence

__all__ = ["CHECKS", "OPEN_POINTS", "Check", "Evidence"]

_MODULES = (deployment, rights, service, input, workflow, uploads, results, end)
