"""CloudWatch metrics of the functions, in the embedded metric format; docs/events.md lists them."""

from __future__ import annotations

from collections.abc import Mapping

from aws_lambda_powertools.metrics import EphemeralMetrics

UNITS = {"EstimatedCostUsd": "None", "JobSeconds": "Seconds", "LagSeconds": "Seconds"}
"""Units of metrics that count nothing."""


def measure(figures: Mapping[str, float], **dimensions: str) -> None:
    """Write metrics in the namespace and for the service that the function's environment names.

    Args:
        figures: values by the names of metrics.
        dimensions: dimensions beside ``service``.

    Example:
        >>> measure({"Executions": 1}, Status="COMPLETED")
    """
    metrics = EphemeralMetrics()
    for name, value in figures.items():
        metrics.add_metric(name, UNITS.get(name, "Count"), value)
    for name, text in dimensions.items():
        metrics.add_dimension(name, text)
    metrics.flush_metrics()
