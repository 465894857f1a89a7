"""What is made: buckets, functions, the state machine, and the watch over executions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import Duration, RemovalPolicy, Size
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_comprehend_entities import EntitiesDetectionWorkflow, ExecutionLimits, PollSchedule
from entities_job.contracts import CONTRACT_VERSION, START_JOB_SECONDS
from tests.synth.reading import OWN, Synthesized, shown

BUCKETS = {"InputBucket", "OutputBucket"}
HANDLERS = {
    "InspectInput": "inspect_input",
    "StartJob": "start_job",
    "PollJob": "poll_job",
    "StopJob": "stop_job",
    "PublishResult": "publish_result",
    "PublishFailure": "publish_failure",
    "Stage": "stage",
    "CompletionAwaitOutput": "await_output",
    "OrphanedJobsStopOrphans": "stop_orphans",
}


def test_buckets_are_private_and_encrypted_with_a_bucket_key(default: Synthesized) -> None:
    buckets = default.of_type("AWS::S3::Bucket")
    assert set(buckets) == BUCKETS
    for bucket in buckets.values():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["BucketKeyEnabled"] is True
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        assert shown(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]) == "<OutputKey.Arn>"
        assert all(bucket["PublicAccessBlockConfiguration"].values())
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4


def test_buckets_refuse_requests_without_tls_and_let_nobody_in(default: Synthesized) -> None:
    policies = default.of_type("AWS::S3::BucketPolicy")
    assert {shown(policy["Bucket"]) for policy in policies.values()} == {f"<{name}>" for name in BUCKETS}
    for policy in policies.values():
        statements = policy["PolicyDocument"]["Statement"]
        assert {statement["Effect"] for statement in statements} == {"Deny"}
        assert {"Bool": {"aws:SecureTransport": "false"}} in [statement["Condition"] for statement in statements]


def test_documents_are_versioned_and_what_passes_expires(default: Synthesized) -> None:
    buckets = default.of_type("AWS::S3::Bucket")
    assert buckets["InputBucket"]["VersioningConfiguration"] == {"Status": "Enabled"}
    # What an execution needs is kept two weeks longer than it may run: 12 + 24 + 1 + 12 hours.
    for name, prefix, days in (("InputBucket", "staging/", 14), ("OutputBucket", "work/", 17)):
        rules = {rule["Id"]: rule for rule in buckets[name]["LifecycleConfiguration"]["Rules"]}
        assert rules["ExpirePassing"]["Prefix"] == prefix
        assert rules["ExpirePassing"]["ExpirationInDays"] == days
        assert rules["AbortIncompleteUploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
        # Nothing else expires: documents and results are the user's.
        own = (prefix, "claims/")
        assert not [rule for rule in rules.values() if "ExpirationInDays" in rule and rule.get("Prefix") not in own]


def test_what_was_analysed_is_known_for_a_year(default: Synthesized) -> None:
    """Not under ``staging/``: of two rules for one object the shorter wins. No old versions are left of either."""
    rules = default.one("AWS::S3::Bucket", "InputBucket")["LifecycleConfiguration"]["Rules"]
    found = {
        rule["Prefix"]: (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"])
        for rule in rules
        if "ExpirationInDays" in rule
    }
    assert found == {"staging/": (14, 1), "claims/": (365, 1)}


def test_data_outlives_the_stack_unless_told_otherwise(default: Synthesized) -> None:
    holding = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Logs::LogGroup")
    kept = [resource for resource in default.resources.values() if resource["Type"] in holding]
    # Kept, unless the stack's very first deployment fails: then nothing holds data yet.
    policies = {(resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) for resource in kept}
    assert policies == {("RetainExceptOnCreate", "Retain")}
    destroyed = Synthesized(
        lambda stack: EntitiesDetectionWorkflow(stack, "Entities", removal_policy=RemovalPolicy.DESTROY)
    )
    found = [resource for resource in destroyed.resources.values() if resource["Type"] in holding]
    assert {resource["DeletionPolicy"] for resource in found} == {"Delete"}
    assert not [resource for resource in found if resource["Type"].startswith("Custom::")]


def test_objects_are_deleted_with_new_buckets_only_and_if_asked() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        given = s3.Bucket.from_bucket_name(stack, "In", "given-in")
        policy = RemovalPolicy.DESTROY
        return EntitiesDetectionWorkflow(
            stack, "Entities", input_bucket=given, removal_policy=policy, auto_delete_objects=True
        )

    emptied = Synthesized(build).of_type("Custom::S3AutoDeleteObjects").values()
    assert [shown(resource["BucketName"]) for resource in emptied] == ["<OutputBucket>"]


def test_fails_where_objects_would_be_deleted_from_a_bucket_that_is_kept(stack: cdk.Stack) -> None:
    with pytest.raises(RuntimeError, match="autoDeleteObjects"):
        EntitiesDetectionWorkflow(stack, "Entities", auto_delete_objects=True)


def test_functions_share_one_asset_and_name_handlers_that_exist(default: Synthesized) -> None:
    functions = default.of_type("AWS::Lambda::Function")
    handlers = {name: function["Handler"] for name, function in functions.items()}
    assert handlers == {name: f"entities_job.handlers.{module}.handler" for name, module in HANDLERS.items()}
    assert len({json.dumps(function["Code"], sort_keys=True) for function in functions.values()}) == 1
    source = Path(__file__).parents[2] / "lambdas" / "entities_job" / "handlers"
    assert not [module for module in HANDLERS.values() if not (source / f"{module}.py").is_file()]


def test_a_new_account_allows_the_memory_of_every_function(default: Synthesized) -> None:
    sizes = [function["MemorySize"] for function in default.of_type("AWS::Lambda::Function").values()]
    assert sizes
    assert max(sizes) <= 3008


def test_who_reports_an_end_outlasts_a_start_that_goes_on_and_then_stops_its_job(default: Synthesized) -> None:
    """It waits for the longest start, and tries for minutes to stop what was started."""
    functions = default.of_type("AWS::Lambda::Function")
    assert functions["StartJob"]["Timeout"] == START_JOB_SECONDS
    assert functions["PublishFailure"]["Timeout"] >= START_JOB_SECONDS + 4 * 60


def test_the_inventory_of_a_million_files_fits_into_the_temporary_folder(default: Synthesized) -> None:
    function = default.one("AWS::Lambda::Function", "PublishResult")
    assert function["EphemeralStorage"]["Size"] >= 4096


def test_no_function_reserves_concurrency_unless_asked(default: Synthesized) -> None:
    asked = Synthesized(lambda stack: EntitiesDetectionWorkflow(stack, "Entities", reserve_concurrency=True))
    reserved, kept = (
        {name: each.get("ReservedConcurrentExecutions") for name, each in of.of_type("AWS::Lambda::Function").items()}
        for of in (asked, default)
    )
    # Ten shards of ten batches at a time.
    assert reserved.pop("Stage") == 100
    assert set(reserved.values()) == {10}
    assert set(kept.values()) == {None}


@pytest.mark.parametrize("name", HANDLERS)
def test_a_function_is_traced_and_logs_into_its_own_group(default: Synthesized, name: str) -> None:
    function = default.one("AWS::Lambda::Function", name)
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert shown(function["LoggingConfig"]["LogGroup"]) == f"<{name}LogGroup>"
    assert default.one("AWS::Logs::LogGroup", f"{name}LogGroup")["RetentionInDays"] == 180
    assert function["Environment"]["Variables"]["EVENT_BUS_NAME"] == "default"


def test_the_state_machine_logs_every_step_but_no_payload(default: Synthesized) -> None:
    (machine,) = default.of_type("AWS::StepFunctions::StateMachine").values()
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["TracingConfiguration"] == {"Enabled": True}
    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)


def test_the_machines_log_group_needs_no_place_in_the_accounts_policy_and_its_name_is_never_taken() -> None:
    def name(stack: str) -> str:
        made = Synthesized(lambda scope: EntitiesDetectionWorkflow(scope, "Entities"), stack_name=stack)
        return shown(made.one("AWS::Logs::LogGroup", "StateMachineLogGroup")["LogGroupName"])

    unique, _, end = name("One").removeprefix("/aws/vendedlogs/states/").partition("-")
    assert re.fullmatch(r"\w{1,64}", unique)
    # The last part of the GUID in arn:<partition>:cloudformation:<region>:<account>:stack/<name>/<GUID>.
    assert end == "<AWS::StackId>[/2][-4]"
    assert name("Two").partition("-")[0].removeprefix("/aws/vendedlogs/states/") != unique


def test_tools_find_the_parts_by_tags_of_the_state_machine() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = EntitiesDetectionWorkflow(stack, "Entities", output_prefix="entities/")
        workflow.start_on_upload("English", prefix="uploads/en/")
        return workflow

    tagged = Synthesized(build)
    (machine,) = tagged.of_type("AWS::StepFunctions::StateMachine").values()
    found = {tag["Key"].removeprefix("cdk-comprehend-entities:"): shown(tag["Value"]) for tag in machine["Tags"]}
    assert found.pop("version")
    assert found == {
        "workflow": tagged.workflow.service,
        "input": "s3://<InputBucket>/input/",
        "results": "s3://<OutputBucket>/entities/results/",
        "unreported": "<Unreported>",
        "wakes": "<UploadDispatcherWakeQueue>",
        "uploads:English": "uploads/en/",
        "dead-letters:English": "<EnglishDeadLetterQueue>",
    }
    assert all(tag["Key"].startswith("cdk-comprehend-entities:") for tag in machine["Tags"])
    assert not [
        kind for kind in ("AWS::S3::Bucket", "AWS::SQS::Queue") if "cdk-comprehend" in str(tagged.of_type(kind))
    ]


def test_an_aborted_execution_is_reported_or_kept(default: Synthesized) -> None:
    rule = default.one("AWS::Events::Rule", "ExecutionEnded")
    assert rule["EventPattern"]["source"] == ["aws.states"]
    assert rule["EventPattern"]["detail"]["status"] == ["ABORTED", "FAILED", "TIMED_OUT"]
    assert list(map(shown, rule["EventPattern"]["detail"]["stateMachineArn"])) == ["<StateMachine>"]
    (target,) = rule["Targets"]
    assert shown(target["Arn"]) == "<PublishFailure.Arn>"
    assert shown(target["DeadLetterConfig"]["Arn"]) == "<Unreported.Arn>"
    # EventBridge's own defaults: 185 tries within 24 hours.
    assert "RetryPolicy" not in target
    function = default.one("AWS::Lambda::Function", "PublishFailure")
    assert shown(function["DeadLetterConfig"]["TargetArn"]) == "<Unreported.Arn>"
    # By default SQS would delete what is kept there after 4 days.
    assert default.one("AWS::SQS::Queue", "Unreported")["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_an_alarm_rings_when_every_poll_has_failed_for_15_minutes(default: Synthesized) -> None:
    alarm = default.one("AWS::CloudWatch::Alarm", "FailingPolls")
    share, *metrics = alarm["Metrics"]
    assert (share["Expression"], alarm["Threshold"]) == ("(errors + throttles) / (invocations + throttles)", 1)
    assert (alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, "notBreaching")
    for metric in metrics:
        stat = metric["MetricStat"]
        assert (stat["Period"], stat["Stat"], metric["Id"]) == (900, "Sum", stat["Metric"]["MetricName"].lower())
        assert [shown(each["Value"]) for each in stat["Metric"]["Dimensions"]] == ["<PollJob>"]


def test_the_functions_are_told_the_settings() -> None:
    told = Synthesized(
        lambda stack: EntitiesDetectionWorkflow(
            stack,
            "Entities",
            language_code="es",
            input_prefix="texts/",
            output_prefix="entities/",
            tags={"project": "x"},
            allow_overrides=["Tags"],
            limits=ExecutionLimits(
                documents=1000,
                size=Size.mebibytes(2),
                cost_usd=2.5,
                duration=Duration.hours(2),
                duration_per_gigabyte=Duration.minutes(10),
            ),
            poll_schedule=PollSchedule.fixed(30),
        )
    )
    definition = json.loads(told.settings())
    settings = definition["States"]["InspectInput"]["Arguments"]["Payload"]["Settings"]
    assert settings == {
        "ContractVersion": CONTRACT_VERSION,
        "Request": {
            "LanguageCode": "es",
            "DataAccessRoleArn": "<DataAccessRole.Arn>",
            "InputDataConfig": {"InputFormat": "ONE_DOC_PER_FILE"},
            "OutputDataConfig": {"S3Uri": "s3://<OutputBucket>/entities/jobs/", "KmsKeyId": "<OutputKey.Arn>"},
            "VolumeKmsKeyId": "<VolumeKey.Arn>",
            "Tags": [{"Key": "project", "Value": "x"}],
        },
        "AcceptedValues": {"InputDataConfig.InputFormat": ["ONE_DOC_PER_FILE"]},
        "AllowedOverrides": ["Tags"],
        "InputUris": ["s3://<InputBucket>/texts/", f"s3://<InputBucket>/staging/{OWN}/"],
        "StagingUri": f"s3://<InputBucket>/staging/{OWN}/",
        "ResultsUri": "s3://<OutputBucket>/entities/results/",
        "Limits": {"Documents": 1000, "Bytes": 2 * 1024 * 1024, "CostUsd": 2.5},
        "MaximumSlotSeconds": 43_200,
        "MaximumQueueSeconds": 14400,
        "CompletionEvents": True,
        "Schedule": PollSchedule.fixed(30).settings(),
    }
    limit = definition["States"]["InspectInput"]["Assign"]["limit"]
    assert limit == "{% 7200 + $states.result.Payload.Inventory.Bytes * 6e-07 %}"
    # 12 hours for a slot, 2 and 6 times 10 minutes for the job, 1 to stop, 12 for all else.
    assert definition["TimeoutSeconds"] == (12 + 2 + 1 + 12) * 3600 + 6 * 600


@pytest.fixture(scope="module")
def watched() -> Synthesized:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = EntitiesDetectionWorkflow(
            stack,
            "Entities",
            event_bus=events.EventBus(stack, "Bus"),
            notification_topic=sns.Topic(stack, "Topic"),
        )
        queue = targets.SqsQueue(sqs.Queue(stack, "Queue"))
        workflow.on_job_completed("Completed", target=queue)
        workflow.on_job_failed("Failed", target=queue)
        return workflow

    return Synthesized(build)


@pytest.mark.parametrize(
    ("rule", "target", "statuses"),
    [
        ("Notification", "<Topic>", None),
        ("Completed", "<Queue.Arn>", ["COMPLETED", "COMPLETED_WITH_ERRORS"]),
        ("Failed", "<Queue.Arn>", ["ABORTED", "FAILED", "REFUSED", "TIMED_OUT"]),
    ],
)
def test_rules_match_this_workflows_events_only(
    watched: Synthesized, rule: str, target: str, statuses: list[str] | None
) -> None:
    found = watched.one("AWS::Events::Rule", rule)
    assert shown(found["EventBusName"]) == "<Bus>"
    pattern = found["EventPattern"]
    assert pattern["source"] == ["cdk-comprehend-entities"]
    assert pattern["detail-type"] == ["Entities Detection Job Ended"]
    assert list(map(shown, pattern["detail"]["StateMachineArn"])) == ["<StateMachine>"]
    assert pattern["detail"].get("Status") == statuses
    assert [shown(item["Arn"]) for item in found["Targets"]] == [target]


def test_events_go_to_the_given_bus(watched: Synthesized) -> None:
    rights = watched.rights("<PublishFailureRole>")
    assert {right[1] for right in rights if right[0] == "events:PutEvents"} == {"<Bus.Arn>"}


@pytest.mark.parametrize(
    ("method", "name", "statistic"),
    [
        ("metric_documents", "Documents", "Sum"),
        ("metric_failed", "ExecutionsFailed", "Sum"),
        ("metric_lag", "LagSeconds", "Maximum"),
    ],
)
def test_a_named_metric_has_its_statistic(default: Synthesized, method: str, name: str, statistic: str) -> None:
    metric = getattr(default.workflow, method)()
    assert (metric.metric_name, metric.statistic) == (name, statistic)
    assert getattr(default.workflow, method)(statistic="Average").statistic == "Average"


def test_a_metric_is_the_one_that_the_functions_emit(default: Synthesized) -> None:
    metric = default.workflow.metric("Documents", statistic="Sum")
    for function in default.of_type("AWS::Lambda::Function").values():
        emitting = function["Environment"]["Variables"]
        assert emitting["POWERTOOLS_METRICS_NAMESPACE"] == metric.namespace
        assert {"service": emitting["POWERTOOLS_SERVICE_NAME"]} == dict(metric.dimensions or {})
