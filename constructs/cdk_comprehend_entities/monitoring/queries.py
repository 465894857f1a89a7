"""Saved queries of CloudWatch Logs Insights: the functions' lines have ``execution`` and, once known, ``job_id``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_logs as logs
from constructs import Construct

QUERIES: Mapping[str, Sequence[str]] = {
    "One execution": (
        "fields @timestamp, level, service, location, message, job_id",
        'filter execution = "NAME_OF_THE_EXECUTION"',
        "sort @timestamp asc",
    ),
    "One job": (
        "fields @timestamp, level, execution, location, message, job_status, elapsed",
        'filter job_id = "ID_OF_THE_JOB"',
        "sort @timestamp asc",
    ),
    "Errors": (
        "fields @timestamp, level, execution, job_id, message, exception_name",
        'filter level in ["ERROR", "CRITICAL", "WARNING"] or @message like /Task timed out|Runtime\\.ExitError/',
        "sort @timestamp desc",
        "limit 200",
    ),
    "Outcomes": (
        'filter message = "execution ended"',
        "stats count(*) as executions by status, error",
        "sort executions desc",
    ),
    "Memory and duration": (
        'filter @type = "REPORT"',
        "stats max(@maxMemoryUsed / 1000 / 1000) as megabytes, max(@duration / 1000) as seconds, count(*) as runs "
        "by @log",
    ),
}
"""Queries by their names, each a list of the commands that are joined by a bar."""


class LogQueries(Construct):
    """The saved queries of a workflow, in a folder of its name."""

    def __init__(self, scope: Construct, construct_id: str, *, folder: str, log_group_names: list[str]) -> None:
        super().__init__(scope, construct_id)
        self._definitions = [
            logs.CfnQueryDefinition(
                self,
                "".join(word.capitalize() for word in name.split()),
                name=f"{folder}/{name}",
                query_string="\n| ".join(lines),
                log_group_names=log_group_names,
            )
            for name, lines in QUERIES.items()
        ]

    def cover(self, log_group_names: list[str]) -> None:
        """Have all queries look into these log groups."""
        for definition in self._definitions:
            definition.log_group_names = log_group_names
