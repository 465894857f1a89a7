"""Arguments that can never work are refused, all of them by one error with argument, value, rule and source."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn

from cdk_comprehend_entities import (
    EntitiesDetectionWorkflow,
    ExecutionLimits,
    InputFormat,
    LanguageCode,
    PollSchedule,
    Recognizer,
)
from cdk_comprehend_entities.arguments.checks import checked
from cdk_comprehend_entities.arguments.rules import _EVENTS
from entities_job.request import limits as service
from tests.synth.reading import Synthesized
from tests.synth.variants import RECOGNIZER, own_vpc, prefix_list

ARGUMENTS = inspect.signature(EntitiesDetectionWorkflow.__init__).parameters.keys() - {"self", "scope", "construct_id"}
OTHER_CALLS: dict[str, tuple[str, ...]] = {
    "start_on_upload": (
        "trigger_id",
        "prefix",
        "suffixes",
        "language_code",
        "recognizer",
        "maximum_documents",
    ),
    "add_results_catalog": ("catalog_id", "bytes_scanned_cutoff_per_query"),
    "on_job_ended": ("rule_id", "target", "statuses"),
    "on_job_completed": ("rule_id", "target"),
    "on_job_failed": ("rule_id", "target"),
    "as_task": ("scope", "construct_id", "request"),
    "lock_buckets": ("s3_endpoint", "except_roles"),
}
KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
ALIAS = "arn:aws:kms:us-east-1:111122223333:alias/mine"


@pytest.fixture(scope="module")
def workflow() -> EntitiesDetectionWorkflow:
    return EntitiesDetectionWorkflow(cdk.Stack(cdk.App(), "Stack"), "Entities")


def refusal(call: Callable[..., object], *args: Any, **arguments: Any) -> list[str]:
    """The lines of the error that a call ends with, one for each wrong argument."""
    with pytest.raises(ValueError, match="these arguments are invalid:") as caught:
        call(*args, **arguments)
    head, *lines = str(caught.value).splitlines()
    assert head == "these arguments are invalid:"
    assert all(line.startswith("- ") and "; got " in line and line.endswith(")") for line in lines)
    return [line.removeprefix("- ") for line in lines]


def refused(**arguments: Any) -> list[str]:
    return refusal(EntitiesDetectionWorkflow, cdk.Stack(cdk.App(), "Stack"), "Entities", **arguments)


def test_every_argument_of_a_workflow_is_named_with_the_type_that_it_has() -> None:
    named = [line.split(":")[0] for line in refused(**dict.fromkeys(ARGUMENTS, object()))]
    assert sorted(named) == sorted(ARGUMENTS)


@pytest.mark.parametrize("method", OTHER_CALLS)
def test_every_argument_of_other_methods_is_named_with_the_type_that_it_has(
    workflow: EntitiesDetectionWorkflow, method: str
) -> None:
    arguments = OTHER_CALLS[method]
    assert list(inspect.signature(getattr(workflow, method)).parameters) == list(arguments)
    lines = refusal(getattr(workflow, method), **dict.fromkeys(arguments, object()))
    assert [line.split(":")[0] for line in lines] == list(arguments)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("input_bucket", "documents", "must be of type aws_cdk.aws_s3.IBucket; got 'documents'"),
        ("input_bucket", kms.Key, "must be of type aws_cdk.aws_s3.IBucket"),
        ("output_key", "alias/mine", "must be of type aws_cdk.aws_kms.IKey"),
        ("vpc", "vpc-1", "must be of type aws_cdk.aws_ec2.IVpc"),
        ("removal_policy", "destroy", "must be one of RemovalPolicy.DESTROY, RemovalPolicy.RETAIN, "),
        ("log_retention", 30, "must be one of RetentionDays.ONE_DAY, "),
        ("hardening", "Strict", "must be one of Hardening.STANDARD, Hardening.STRICT or one of 'standard', 'strict'"),
        ("language_code", None, "must be one of LanguageCode.AR, "),
        ("recognizer", RECOGNIZER, "must be Recognizer"),
        ("limits", {"documents": 5}, "must be ExecutionLimits"),
        ("poll_schedule", 60, "must be PollSchedule"),
        ("completion_events", "no", "must be True or False"),
        ("stop_jobs_on_delete", 1, "must be True or False"),
        ("maximum_active_jobs", 1.5, "must be a whole number; got 1.5"),
        ("maximum_active_jobs", True, "must be a whole number; got True"),
        ("maximum_active_jobs", "7", "must be a whole number"),
        ("maximum_active_jobs", 0, "must be at least 1; got 0 (the construct's own rule)"),
        ("maximum_active_jobs", -1, "must be at least 1"),
        ("allow_overrides", "Tags", "must be a list, each item a text; got 'Tags'"),
        ("allow_overrides", ["Tags", "Name"], "can contain DataAccessRoleArn, "),
        ("security_groups", "sg-1", "must be a list, each item of type aws_cdk.aws_ec2.ISecurityGroup"),
        ("security_groups", ["sg-1"], "must be a list, each item of type aws_cdk.aws_ec2.ISecurityGroup"),
        ("tags", ["owner"], "must be a mapping, each key a text, each value a text"),
        ("tags", {"owner": 1}, "must be a mapping, each key a text, each value a text"),
        ("input_prefix", None, "must be a text; got None"),
        ("output_prefix", None, "must be a text; got None"),
    ],
)
def test_a_wrong_value_is_refused_with_its_rule(name: str, value: Any, rule: str) -> None:
    (line,) = refused(**{name: value})
    assert line.startswith(f"{name}: {rule}")


@pytest.mark.parametrize(
    ("recognizer", "line"),
    [
        (Recognizer("EntityRecognizerArn", None), "recognizer (EntityRecognizerArn): must match "),  # type: ignore[arg-type]  # what is tested
        (Recognizer("FlywheelArn", RECOGNIZER), "recognizer (FlywheelArn): must match "),
        (Recognizer("Arn", RECOGNIZER), "Arn: is not a field of the API; "),  # type: ignore[arg-type]  # what is tested
    ],
)
def test_recognizers_that_are_none(workflow: EntitiesDetectionWorkflow, recognizer: Recognizer, line: str) -> None:
    assert any(each.startswith(line) for each in refused(recognizer=recognizer))
    assert any(each.startswith(line) for each in refusal(workflow.start_on_upload, recognizer=recognizer))


def test_values_are_judged_beside_wrong_types_and_by_the_api_too() -> None:
    lines = refused(
        input_bucket="documents",
        input_prefix="/texts/",
        maximum_active_jobs=0,
        limits=ExecutionLimits(documents=0, cost_usd="5"),  # type: ignore[arg-type]  # what is tested
        input_format="lines",
        tags={"aws:own": "x"},
        security_groups=[],
        vpc_subnets=ec2.SubnetSelection(),
    )
    assert [line.split(":")[0] for line in lines] == [
        "input_bucket",
        "input_prefix",
        "vpc_subnets",
        "maximum_active_jobs",
        "limits.cost_usd",
        "limits.documents",
        "input_format (InputDataConfig.InputFormat)",
        "tags (Tags)",
    ]
    assert "must be one of ONE_DOC_PER_FILE, ONE_DOC_PER_LINE; got 'lines' (API model" in lines[6]


NUMBERS = [0, -1, math.nan, math.inf, -math.inf, "5", True, [5]]
DAYS = cdk.Duration.days(366)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("documents", value) for value in [*NUMBERS, 1.5, service.MAXIMUM_DOCUMENTS + 1]),
        *(("cost_usd", value) for value in NUMBERS),
        *(("size", value) for value in [5, "5 GB", True, cdk.Size.bytes(0), cdk.Size.bytes(service.MAXIMUM_BYTES + 1)]),
        ("size", cdk.Size.kibibytes(0.3)),
        *(
            (name, value)
            for name in ("duration", "queue_duration", "duration_per_gigabyte")
            for value in [None, 3600, "1h", DAYS, cdk.Duration.millis(500)]
        ),
        ("duration", cdk.Duration.hours(0)),
        ("queue_duration", cdk.Duration.seconds(0)),
    ],
)
def test_limits_that_no_execution_can_keep(name: str, value: Any) -> None:
    (line,) = refused(limits=ExecutionLimits(**{name: value}))
    assert line.startswith(f"limits.{name}: must be ")


def test_limits_at_the_edge_pass() -> None:
    most = ExecutionLimits(
        documents=service.MAXIMUM_DOCUMENTS,
        size=cdk.Size.gibibytes(5),
        cost_usd=0.01,
        duration=cdk.Duration.days(300),
        queue_duration=cdk.Duration.seconds(1),
        duration_per_gigabyte=cdk.Duration.seconds(0),
    )
    least = ExecutionLimits(documents=1, size=cdk.Size.bytes(1), cost_usd=1, duration=cdk.Duration.seconds(1))
    stack = cdk.Stack(cdk.App(), "Stack")
    EntitiesDetectionWorkflow(stack, "Most", limits=most)
    EntitiesDetectionWorkflow(stack, "Least", limits=least)


def test_a_duration_that_is_a_token_is_refused_since_it_is_calculated_with() -> None:
    seconds = cdk.CfnParameter(cdk.Stack(cdk.App(), "Other"), "Seconds", type="Number").value_as_number
    (line,) = refused(limits=ExecutionLimits(duration=cdk.Duration.seconds(seconds)))
    assert line.startswith("limits.duration: must be a known value")


@pytest.mark.parametrize("name", ["input_prefix", "output_prefix"])
@pytest.mark.parametrize("value", ["x", "/x", "/x/", "a*/", "a?/", "a\\b/", "${a}/", "a/${", "/"])
def test_prefixes_that_would_widen_rights_or_hold_other_names(name: str, value: str) -> None:
    assert {line.split(":")[0] for line in refused(**{name: value})} == {name}


@pytest.mark.parametrize(
    ("names", "prefixes"),
    [
        ("input_prefix", {"input_prefix": "staging/"}),
        ("input_prefix", {"input_prefix": "staging/mine/"}),
        ("input_prefix", {"input_prefix": "claims/mine/"}),
        *(("input_prefix", {"input_prefix": f"{own}/"}) for own in ("work", "results", "jobs")),
        ("input_prefix", {"input_prefix": "results/texts/"}),
        ("input_prefix", {"input_prefix": "out/jobs/", "output_prefix": "out/"}),
        ("output_prefix", {"output_prefix": "staging/"}),
    ],
)
def test_places_of_one_bucket_do_not_meet(names: str, prefixes: dict[str, str]) -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    bucket = s3.Bucket(stack, "Both")
    both = {"input_bucket": bucket, "output_bucket": bucket}
    lines = refusal(EntitiesDetectionWorkflow, stack, "Entities", **both, **prefixes)
    assert any(line.startswith(f"{names}: can't overlap the prefixes that the workflow writes") for line in lines)


def test_places_of_two_buckets_may_have_the_same_names() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    EntitiesDetectionWorkflow(stack, "Entities", input_prefix="results/", output_prefix="staging/")
    EntitiesDetectionWorkflow(stack, "Root", input_prefix="")


def test_uploads_are_not_staged_among_documents() -> None:
    workflow = EntitiesDetectionWorkflow(cdk.Stack(cdk.App(), "Stack"), "Entities", input_prefix="")
    (line,) = refusal(workflow.start_on_upload)
    assert line.startswith("input_prefix: can't be empty if uploads are staged")


@pytest.mark.parametrize("name", ["vpc_subnets", "security_groups", "s3_prefix_list"])
def test_parts_of_a_network_need_the_network(name: str) -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    parts = {
        "vpc_subnets": ec2.SubnetSelection(availability_zones=["us-east-1a"]),
        "security_groups": [ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1234")],
        "s3_prefix_list": prefix_list(stack),
    }
    (line,) = refusal(EntitiesDetectionWorkflow, stack, "Entities", **{name: parts[name]})
    assert line.startswith(f"{name}: needs vpc")


def test_a_network_that_jobs_cannot_use() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    public = ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)
    groups = [ec2.SecurityGroup.from_security_group_id(stack, f"Group{n}", f"sg-{n}") for n in range(6)]
    lines = refusal(
        EntitiesDetectionWorkflow,
        stack,
        "Entities",
        vpc=ec2.Vpc(stack, "Vpc", subnet_configuration=[public]),
        security_groups=groups,
    )
    assert lines[0].startswith("vpc_subnets: ")
    assert "no 'Isolated' subnet groups" in lines[0]
    assert lines[1].startswith("security_groups (VpcConfig.SecurityGroupIds): must have at most 5 items")


@pytest.mark.parametrize("field", ["input_key", "output_key", "volume_key"])
@pytest.mark.parametrize(
    "alias",
    [
        lambda stack: kms.Key.from_key_arn(stack, "Alias", ALIAS),
        lambda stack: kms.Alias.from_alias_name(stack, "Alias", "alias/mine"),
        lambda stack: kms.Alias(stack, "Alias", alias_name="alias/mine", target_key=kms.Key(stack, "Key")),
    ],
)
def test_an_alias_is_no_key_however_it_is_given(field: str, alias: Callable[[cdk.Stack], kms.IKey]) -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    lines = refusal(EntitiesDetectionWorkflow, stack, "Entities", **{field: alias(stack)})
    assert lines[0].startswith(f"{field}: must be a key, not an alias")


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("tags (Tags[0].Value)", {"tags": {"owner": "{% $x %}"}}),
        ("tags (Tags[0].Key)", {"tags": {"{% $x %}": "x"}}),
        ("tags (Tags[0].Value)", {"tags": {"owner": "{%"}}),
        ("tags (Tags[0].Value)", {"tags": {"owner": " {% $x %} "}}),
        ("language_code (LanguageCode)", {"language_code": LanguageCode.of("{% $x %}")}),
        ("input_format (InputDataConfig.InputFormat)", {"input_format": InputFormat.of("{% $x %}")}),
        ("recognizer (EntityRecognizerArn)", {"recognizer": Recognizer.from_arn("{% $x %}")}),
    ],
)
def test_texts_that_the_state_machine_would_run(field: str, arguments: dict[str, Any]) -> None:
    assert refused(**arguments)[0].startswith(f"{field}: can't begin with {{% or end with %}}")


def test_texts_that_only_hold_such_marks_stand_as_they_are() -> None:
    marked = Synthesized(lambda stack: EntitiesDetectionWorkflow(stack, "Entities", tags={"rate": "a {% b %} c"}))
    assert "a {% b %} c" in marked.settings()


@pytest.mark.parametrize(
    ("schedule", "limits", "passes"),
    [
        (PollSchedule.fixed(1), ExecutionLimits(), False),
        (PollSchedule.fixed(30), ExecutionLimits(), False),
        (PollSchedule.fixed(60), ExecutionLimits(), True),
        (PollSchedule.fixed(30), ExecutionLimits(duration=cdk.Duration.hours(12)), True),
        (PollSchedule.fixed(60), ExecutionLimits(duration_per_gigabyte=cdk.Duration.hours(6)), False),
        (PollSchedule.proportional(0.05), ExecutionLimits(duration=cdk.Duration.days(360)), True),
        *(
            (schedule, ExecutionLimits(duration=cdk.Duration.days(360)), True)
            for schedule in (PollSchedule.safety(), PollSchedule.service_grid())
        ),
    ],
)
def test_polls_that_would_fill_the_history_before_the_job_must_end(
    schedule: PollSchedule, limits: ExecutionLimits, passes: bool
) -> None:
    if passes:
        EntitiesDetectionWorkflow(cdk.Stack(cdk.App(), "Stack"), "Entities", poll_schedule=schedule, limits=limits)
        return
    (line,) = refused(poll_schedule=schedule, limits=limits)
    assert line.startswith("poll_schedule: polls too often: an execution's history holds 25,000 events, 1,000 of them ")
    assert "at 6 + 5 + 2 = 13 events a poll, 24,000 are 1,846 polls" in line


def test_fewer_events_a_poll_without_the_event_of_the_output() -> None:
    (line,) = refused(poll_schedule=PollSchedule.fixed(30), completion_events=False)
    assert "at 2 + 5 + 2 = 9 events a poll, 24,000 are 2,666 polls, the last at an age of 79,980 s" in line
    assert "may run for 86,400 s; poll less often, or lower limits.duration" in line


def test_events_a_poll_are_those_of_the_states_between_two_polls(default: Synthesized) -> None:
    """What each state writes: Step Functions API Reference, HistoryEvent (StateEntered, TaskScheduled, ...)."""
    states = json.loads(default.settings())["States"]
    rounds = {}
    for waiting in ("WaitForJob", "WaitForOutput"):
        assert [states[waiting]["Next"], states["PollJob"]["Next"]] == ["PollJob", "JobStatus"]
        assert waiting in {choice["Next"] for choice in states["JobStatus"]["Choices"]}
        kinds = [states[name] for name in (waiting, "PollJob", "JobStatus")]
        rounds[waiting] = [
            _EVENTS["TaskToken" if "waitForTaskToken" in str(state.get("Resource")) else state["Type"]]
            for state in kinds
        ]
    assert rounds == {"WaitForJob": [2, 5, 2], "WaitForOutput": [6, 5, 2]}


def test_tokens_pass() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    number = cdk.CfnParameter(stack, "Number", type="Number").value_as_number
    text = cdk.CfnParameter(stack, "Text").value_as_string
    workflow = EntitiesDetectionWorkflow(
        stack,
        "Entities",
        maximum_active_jobs=number,  # type: ignore[arg-type]  # tokens of whole numbers are floats
        output_prefix=text,
        output_key=kms.Key.from_key_arn(stack, "Key", cdk.CfnParameter(stack, "KeyArn").value_as_string),
        limits=ExecutionLimits(documents=number, cost_usd=number),  # type: ignore[arg-type]  # what is tested
    )
    workflow.start_on_upload(suffixes=[text], maximum_documents=500)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"suffixes": ".txt"}, "suffixes: must be a list, each item a text; got '.txt'"),
        ({"prefix": "a*/"}, "prefix: can't contain *, ?, a backslash or ${"),
        ({"prefix": "claims/"}, "prefix: can't overlap the prefixes that the workflow writes"),
        ({"prefix": cdk.Aws.STACK_NAME}, "prefix: must be known"),
        ({"maximum_documents": 0}, "maximum_documents: must be 1 to 1,000,000; got 0"),
        ({"maximum_documents": 1_000_001}, "maximum_documents: must be 1 to 1,000,000"),
        ({"maximum_documents": 1.5}, "maximum_documents: must be a whole number"),
        ({"recognizer": RECOGNIZER}, "recognizer: must be Recognizer"),
        ({"language_code": "xx"}, "language_code (LanguageCode): must be one of en"),
    ],
)
def test_upload_triggers(workflow: EntitiesDetectionWorkflow, arguments: dict[str, Any], line: str) -> None:
    lines = refusal(workflow.start_on_upload, **arguments)
    assert [each[: len(line)] for each in lines] == [line]


def test_all_that_is_wrong_with_an_upload_trigger_at_once(workflow: EntitiesDetectionWorkflow) -> None:
    lines = refusal(workflow.start_on_upload, "not-this", prefix="/x", suffixes=".txt", language_code="xx")
    assert [line.split(":")[0] for line in lines] == [
        "suffixes",
        "trigger_id",
        "prefix",
        "language_code (LanguageCode)",
    ]


@pytest.mark.parametrize(
    ("method", "arguments", "line"),
    [
        (
            "on_job_ended",
            {"rule_id": "R", "statuses": "FAILED"},
            "statuses: must be a list, each item one of 'COMPLETED', ",
        ),
        (
            "on_job_ended",
            {"rule_id": "R", "statuses": ["DONE"]},
            "statuses: must be a list, each item one of 'COMPLETED', ",
        ),
        ("on_job_ended", {"rule_id": "R", "statuses": []}, "statuses: must not be empty"),
        ("as_task", {"construct_id": "T", "request": {}}, "request: must not be empty"),
        ("as_task", {"construct_id": "T", "request": "{}"}, "request: must be a mapping, each key a text"),
        (
            "add_results_catalog",
            {"bytes_scanned_cutoff_per_query": cdk.Size.mebibytes(9)},
            "bytes_scanned_cutoff_per_query: must be at least 10,000,000 bytes, a whole number; got 9437184",
        ),
    ],
)
def test_other_methods(workflow: EntitiesDetectionWorkflow, method: str, arguments: dict[str, Any], line: str) -> None:
    scope = {"scope": workflow} if method == "as_task" else {}
    assert [each[: len(line)] for each in refusal(getattr(workflow, method), **scope, **arguments)] == [line]


def test_a_language_that_is_newer_than_the_library_is_accepted_for_uploads() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = EntitiesDetectionWorkflow(stack, "Entities", language_code=LanguageCode.of("nl"))
        workflow.start_on_upload(language_code=LanguageCode.of("sv"))
        workflow.start_on_upload("Others", prefix="others/")
        return workflow

    inspect_input = json.loads(Synthesized(build).settings())["States"]["InspectInput"]
    for settings in (inspect_input["Arguments"]["Payload"]["Settings"], inspect_input["Assign"]["settings"]):
        assert settings["AcceptedValues"]["LanguageCode"] == ["nl", "sv"]


def test_what_a_request_asks_for_in_vain_is_a_warning() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        recognizer = Recognizer.from_arn(RECOGNIZER)
        return EntitiesDetectionWorkflow(stack, "Entities", language_code="zh", recognizer=recognizer)

    (warning,) = [text for text in Synthesized(build).warnings() if "LanguageCode" in text]
    assert "is ignored: a custom recognizer has its own language" in warning


def test_imported_resources_are_what_their_interfaces_ask_for() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")

    @checked()
    def take(bucket: s3.IBucket, key: kms.IKey, role: iam.IRole, vpc: ec2.IVpc, machine: sfn.IStateMachine) -> None: ...

    given: dict[str, Any] = {
        "bucket": s3.Bucket.from_bucket_name(stack, "Bucket", "given"),
        "key": kms.Key.from_key_arn(stack, "Key", KEY),
        "role": iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/given"),
        "vpc": own_vpc(stack),
        "machine": sfn.StateMachine.from_state_machine_name(stack, "Machine", "given"),
    }
    take(**given)
    shifted = dict(zip(given, [*list(given.values())[1:], given["bucket"]], strict=True))
    assert [line.split(":")[0] for line in refusal(take, **shifted)] == list(given)
