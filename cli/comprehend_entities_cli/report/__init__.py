"""The report: one HTML file that shows published results, however many."""

from __future__ import annotations

from .page import write_report

__all__ = ["write_report"]
