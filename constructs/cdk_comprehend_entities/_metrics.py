"""The CloudWatch metrics of a workflow: what its functions emit once for each execution that ends."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch

from ._functions import METRICS_NAMESPACE, FunctionFactory


class Metrics:
    """Methods of a workflow; their ``options`` are those of ``cloudwatch.Metric``."""

    function_factory: FunctionFactory

    def metric(self, metric_name: str, **options: Any) -> cloudwatch.Metric:
        """A metric of this workflow; docs/events.md lists them."""
        dimensions = {"service": self.function_factory.service}
        metric = cloudwatch.Metric(
            namespace=METRICS_NAMESPACE, metric_name=metric_name, dimensions_map=dimensions, **options
        )
        return metric.attach_to(self)  # type: ignore[arg-type]  # the class that mixes this in is a construct

    def metric_documents(self, **options: Any) -> cloudwatch.Metric:
        """Documents with a result; their sum, unless told otherwise."""
        return self.metric("Documents", **{"statistic": "Sum", **options})

    def metric_failed(self, **options: Any) -> cloudwatch.Metric:
        """Executions that failed; their sum, unless told otherwise. The average is the share that failed."""
        return self.metric("ExecutionsFailed", **{"statistic": "Sum", **options})

    def metric_lag(self, **options: Any) -> cloudwatch.Metric:
        """Seconds from the end of a job to the poll that saw it; the longest, unless told otherwise."""
        return self.metric("LagSeconds", **{"statistic": "Maximum", **options})
