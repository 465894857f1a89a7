"""A watched workflow deploys on the local AWS: its dashboard, its alarms with their topic, its saved queries."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_sns as sns

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from local.rehearsal import Rehearsal


def test_it_deploys(rehearsal: Rehearsal, tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    stack = cdk.Stack(app, "Watched")
    workflow = EntitiesDetectionWorkflow(stack, "Entities", removal_policy=cdk.RemovalPolicy.DESTROY)
    workflow.start_on_upload()
    monitoring = workflow.monitor(alarm_topic=sns.Topic(stack, "Topic"))
    cdk.CfnOutput(stack, "Dashboard", value=monitoring.dashboard.dashboard_name)
    app.synth()
    outputs = rehearsal.stacks.deploy(tmp_path, "Watched")
    cloudwatch = rehearsal.client("cloudwatch")
    assert cloudwatch.get_dashboard(DashboardName=outputs["Dashboard"])["DashboardBody"]
    alarms = [each for each in cloudwatch.describe_alarms()["MetricAlarms"] if "Watched" in each["AlarmName"]]
    # Those on metric math, FailingPolls and DocumentErrors, are accepted on paper: MiniStack knows single metrics only.
    assert len(alarms) == len(monitoring.alarms) - 2
    assert all(each["AlarmActions"] and "docs/runbook.md#" in each["AlarmDescription"] for each in alarms)
    rehearsal.stacks.delete("Watched")
