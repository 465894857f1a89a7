"""What watches over executions from outside: completion rule, sweep and custom resource; and the exact waits."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_comprehend_entities import EntitiesDetectionWorkflow
from tests.synth.reading import Synthesized, shown
from tests.synth.test_definition import definition


@pytest.fixture(scope="module")
def stopping() -> Synthesized:
    """A workflow that stops its jobs when the stack is deleted."""

    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        return EntitiesDetectionWorkflow(stack, "Entities", stop_jobs_on_delete=True)

    return Synthesized(build)


def test_the_completion_rule_matches_archives_of_this_workflows_jobs_and_nothing_else(default: Synthesized) -> None:
    rule = default.one("AWS::Events::Rule", "CompletionOutputPut")
    [bucket] = rule["EventPattern"]["detail"].pop("bucket")["name"]
    assert shown(bucket) == "<OutputBucket>"
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"object": {"key": [{"wildcard": "jobs/*/output/output.tar.gz"}]}},
    }
    assert [shown(target["Arn"]) for target in rule["Targets"]] == ["<CompletionAwaitOutput.Arn>"]
    assert rule["State"] == "ENABLED"


def test_the_sweep_comes_every_15_minutes_with_its_machine_and_what_fails_is_kept(default: Synthesized) -> None:
    rule = default.one("AWS::Events::Rule", "OrphanedJobsSchedule")
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(15 minutes)", "ENABLED")
    [target] = rule["Targets"]
    assert shown(target["Arn"]) == "<OrphanedJobsStopOrphans.Arn>"
    assert json.loads(shown(target["Input"])) == {"StateMachineArn": "<StateMachine>"}
    assert shown(target["DeadLetterConfig"]["Arn"]) == "<Unreported.Arn>"
    # EventBridge's own defaults: 185 tries within 24 hours.
    assert "RetryPolicy" not in target
    function = default.one("AWS::Lambda::Function", "OrphanedJobsStopOrphans")
    assert function["Timeout"] == 15 * 60
    assert shown(function["DeadLetterConfig"]["TargetArn"]) == "<Unreported.Arn>"
    variables: dict[str, Any] = function["Environment"]["Variables"]
    assert {name: shown(variables[name]) for name in ("JOBS_URI", "WORK_URI")} == {
        "JOBS_URI": "s3://<OutputBucket>/jobs/",
        "WORK_URI": "s3://<OutputBucket>/work/",
    }


def test_jobs_are_stopped_before_the_rights_to_do_so_and_the_executions_are_deleted(stopping: Synthesized) -> None:
    """CloudFormation deletes in the reverse order: what depends on others goes first."""
    [resource] = [each for each in stopping.resources.values() if each["Type"] == "AWS::CloudFormation::CustomResource"]
    assert shown(resource["Properties"]["ServiceToken"]) == "<OrphanedJobsStopOrphans.Arn>"
    assert shown(resource["Properties"]["StateMachineArn"]) == "<StateMachine>"
    before = {stopping.resources[name]["Type"]: name for name in resource["DependsOn"]}
    needed = {"AWS::Lambda::Function", "AWS::IAM::Policy", "AWS::StepFunctions::StateMachine"}
    assert needed <= set(before)
    assert not [each for each in resource["DependsOn"] if "Bucket" in each and "Policy" not in each]


def test_by_default_a_stack_that_is_deleted_lets_its_jobs_run(default: Synthesized) -> None:
    assert not default.of_type("AWS::CloudFormation::CustomResource")


def test_a_restart_waits_a_minute_longer_each_time_and_begins_anew(default: Synthesized) -> None:
    state = definition(default)["States"]["WaitBeforeRestart"]
    assert (state["Seconds"], state["Next"]) == ("{% $attempt * 60 %}", "StartJob")
    anew = {name: value for name, value in state["Assign"].items() if name != "slotPause"}
    none = "{% {'JobStatus': 'NOT_STARTED'} %}"
    assert anew == {"attempt": "{% $attempt + 1 %}", "looks": 0, "elapsed": 0, "slotSeconds": 0, "job": none}
