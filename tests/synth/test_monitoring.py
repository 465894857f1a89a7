"""What watches a workflow: the dashboard, alarms with an entry of the runbook each, and saved queries of all logs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sns as sns

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from tests.synth.reading import Synthesized, shown, told

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"


@pytest.fixture(scope="module")
def watched() -> Synthesized:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = EntitiesDetectionWorkflow(stack, "Entities")
        workflow.start_on_upload()
        workflow.monitor(alarm_topic=sns.Topic(stack, "Topic"), daily_cost_usd=20)
        workflow.start_on_upload("Spanish", prefix="spanish/", language_code="es")
        return workflow

    return Synthesized(build)


@pytest.fixture(scope="module")
def widgets(watched: Synthesized) -> list[dict[str, Any]]:
    [dashboard] = watched.of_type("AWS::CloudWatch::Dashboard").values()
    return list(json.loads(shown(dashboard["DashboardBody"]))["widgets"])


def metrics(widgets: list[dict[str, Any]]) -> str:
    return json.dumps([widget["properties"].get("metrics") for widget in widgets])


@pytest.mark.parametrize(
    "name",
    [
        *("Executions", "JobSeconds", "LagSeconds", "ActiveJobs", "OrphanedJobs", "FailedBatches", "Documents"),
        *("DocumentErrors", "MissingDocuments", "EntitiesOfType", "EstimatedCostUsd", "ExecutionsFailed", "Entities"),
        *("ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "Errors", "Throttles"),
    ],
)
def test_the_dashboard_shows(widgets: list[dict[str, Any]], name: str) -> None:
    assert re.search(rf"\b{name}\b", metrics(widgets))


def test_metrics_by_status_and_type_are_those_of_this_workflow(
    watched: Synthesized, widgets: list[dict[str, Any]]
) -> None:
    searches = re.findall(r"SEARCH\('(.*?)'", metrics(widgets))
    own = f'service=\\"{watched.workflow.service}\\"'
    assert searches == [
        f'{{EntitiesDetection,Status,service}} MetricName=\\"Executions\\" {own}',
        f'{{EntitiesDetection,EntityType,service}} MetricName=\\"EntitiesOfType\\" {own}',
    ]


def test_each_trigger_has_a_row_whenever_it_is_added(widgets: list[dict[str, Any]]) -> None:
    titles = [widget["properties"].get("title", "") for widget in widgets]
    for trigger in ("Uploads", "Spanish"):
        assert sum(title.startswith(f"{trigger}: ") for title in titles) == 3


def alarms(watched: Synthesized) -> dict[str, dict[str, Any]]:
    return watched.of_type("AWS::CloudWatch::Alarm")


def test_all_alarms_tell_the_topic_which_lets_them(watched: Synthesized) -> None:
    found = alarms(watched)
    assert len(found) == 1 + 2 * 2 + 7
    for alarm in found.values():
        assert alarm["AlarmActions"] == alarm["OKActions"]
        assert len(alarm["AlarmActions"]) == 1
    [policy] = watched.of_type("AWS::SNS::TopicPolicy").values()
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (statement["Principal"], statement["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    assert {"StringEquals", "ArnLike"} == set(statement["Condition"])


def test_each_alarm_has_an_entry_of_the_runbook(watched: Synthesized) -> None:
    headings = re.findall(r"^### (\w+)$", RUNBOOK.read_text("utf-8"), re.MULTILINE)
    anchors = {f"docs/runbook.md#{heading.lower()}" for heading in headings}
    named = {alarm["AlarmDescription"].rpartition("Runbook: ")[2] for alarm in alarms(watched).values()}
    assert named <= anchors
    assert len(named) == 10


def test_no_alarm_rings_without_data(watched: Synthesized) -> None:
    assert {alarm["TreatMissingData"] for alarm in alarms(watched).values()} == {"notBreaching"}


def test_queries_look_into_the_logs_of_every_function(watched: Synthesized) -> None:
    groups = {
        shown(function["LoggingConfig"]["LogGroup"])
        for function in watched.of_type("AWS::Lambda::Function").values()
        if str(function["Handler"]).startswith("entities_job.")
    }
    queries = watched.of_type("AWS::Logs::QueryDefinition").values()
    assert len(queries) == 5
    for query in queries:
        assert set(map(shown, query["LogGroupNames"])) == groups
        assert query["Name"].startswith(f"{watched.workflow.service}/")


def test_functions_write_the_metrics_that_the_dashboard_shows(watched: Synthesized, default: Synthesized) -> None:
    def monitored(synthesized: Synthesized) -> set[str]:
        functions = synthesized.of_type("AWS::Lambda::Function").items()
        return {name for name, each in functions if "MONITORED" in each.get("Environment", {}).get("Variables", {})}

    assert monitored(default) == set()
    assert {"PublishResult", "PublishFailure", "OrphanedJobsStopOrphans"} <= monitored(watched)


def test_where_the_runbook_is(stack: cdk.Stack) -> None:
    workflow = EntitiesDetectionWorkflow(stack, "Entities")
    monitoring = workflow.monitor(runbook_url="https://wiki.example.com/entities")
    for alarm in monitoring.alarms:
        resource: Any = alarm.node.default_child
        assert "Runbook: https://wiki.example.com/entities#" in resource.alarm_description


def test_an_imported_topic_is_warned_of(stack: cdk.Stack) -> None:
    topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:us-east-1:111122223333:alarms")
    EntitiesDetectionWorkflow(stack, "Entities").monitor(alarm_topic=topic)
    assert any("must let cloudwatch.amazonaws.com publish" in text for text in told(stack))


@pytest.mark.parametrize("cost", [0, -1.0])
def test_a_cost_that_is_none_is_refused(stack: cdk.Stack, cost: float) -> None:
    workflow = EntitiesDetectionWorkflow(stack, "Entities")
    with pytest.raises(ValueError, match="daily_cost_usd"):
        workflow.monitor(daily_cost_usd=cost)
