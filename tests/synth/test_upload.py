"""Upload triggers: what announces uploads, where they wait, who may read them, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from cdk_comprehend_entities import EntitiesDetectionWorkflow, Recognizer
from tests.synth.reading import Synthesized, conditions, shown


def with_uploads(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
    workflow = EntitiesDetectionWorkflow(stack, "Entities", maximum_active_jobs=7)
    workflow.start_on_upload("English", prefix="uploads/en/", suffixes=[".txt"])
    return workflow


@pytest.fixture(scope="module")
def english() -> Synthesized:
    return Synthesized(with_uploads)


def test_one_rule_announces_every_upload_to_the_queue_and_wakes_the_dispatcher(english: Synthesized) -> None:
    rule = english.one("AWS::Events::Rule", "EnglishUploaded")
    assert rule["EventPattern"]["detail"]["object"] == {"key": [{"prefix": "uploads/en/"}]}
    assert rule["EventPattern"]["detail-type"] == ["Object Created"]
    queue, wake = rule["Targets"]
    assert (shown(queue["Arn"]), queue["InputPath"]) == ("<EnglishQueue.Arn>", "$.detail")
    assert shown(queue["DeadLetterConfig"]["Arn"]) == "<EnglishDeadLetterQueue.Arn>"
    assert (shown(wake["Arn"]), wake["Input"]) == ("<UploadDispatcherWakeQueue.Arn>", '{"Trigger":"English"}')


def test_uploads_outlive_every_crash_of_the_dispatcher(english: Synthesized) -> None:
    queue = english.one("AWS::SQS::Queue", "EnglishQueue")
    function = english.one("AWS::Lambda::Function", "UploadDispatcherDispatchUploads")
    assert queue["VisibilityTimeout"] >= 2 * function["Timeout"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 10
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_only_the_dispatcher_itself_reads_uploads(english: Synthesized) -> None:
    (mapping,) = english.of_type("AWS::Lambda::EventSourceMapping").values()
    assert shown(mapping["EventSourceArn"]) == "<UploadDispatcherWakeQueue.Arn>"
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert mapping["MaximumBatchingWindowInSeconds"] == 1


@pytest.mark.parametrize("name", ["UploadDispatcherWakeQueue", "EnglishQueue", "EnglishDeadLetterQueue"])
def test_queues_are_encrypted_and_take_only_tls_and_only_the_rules_of_the_workflow(
    english: Synthesized, name: str
) -> None:
    assert shown(english.one("AWS::SQS::Queue", name)["KmsMasterKeyId"]) == "<UploadDispatcherQueueKey.Arn>"
    statements = english.one("AWS::SQS::QueuePolicy", f"{name}Policy")["PolicyDocument"]["Statement"]
    assert any(each["Effect"] == "Deny" and "aws:SecureTransport" in str(each["Condition"]) for each in statements)
    allowed = [each for each in statements if each["Effect"] == "Allow"]
    assert allowed
    for each in allowed:
        assert (each["Action"], each["Principal"]) == ("sqs:SendMessage", {"Service": "events.amazonaws.com"})
        (rule,) = each["Condition"]["ArnEquals"].values()
        assert shown(rule) in {"<EnglishUploaded.Arn>", "<UploadDispatcherEveryFiveMinutes.Arn>"}


def test_the_key_serves_eventbridge_for_this_account_only(english: Synthesized) -> None:
    key = english.one("AWS::KMS::Key", "UploadDispatcherQueueKey")
    assert key["EnableKeyRotation"] is True
    service = [each for each in key["KeyPolicy"]["Statement"] if "Service" in each["Principal"]]
    assert [(each["Action"], conditions(each)) for each in service] == [
        (["kms:Decrypt", "kms:GenerateDataKey"], "StringEquals aws:SourceAccount <AWS::AccountId>")
    ]


def told(synthesized: Synthesized) -> dict[str, Any]:
    function = synthesized.one("AWS::Lambda::Function", "UploadDispatcherDispatchUploads")
    settings: dict[str, Any] = json.loads(shown(function["Environment"]["Variables"]["UPLOADS"]))
    return settings


def test_the_dispatcher_knows_its_triggers(english: Synthesized) -> None:
    settings = told(english)
    assert settings["MaximumActiveJobs"] == 7
    assert settings["StagingUri"] == "s3://<InputBucket>/staging/"
    assert settings["Triggers"]["English"]["Suffixes"] == [".txt"]
    assert settings["Triggers"]["English"]["QueueUrl"] == "<EnglishQueue>"


def test_rights_of_the_dispatcher(english: Synthesized) -> None:
    rights = english.rights("<UploadDispatcherDispatchUploadsRole>")
    reads = {"DeleteMessage", "GetQueueAttributes", "ReceiveMessage"}
    via_sqs = "StringEquals kms:ViaService sqs.<AWS::Region>.amazonaws.com"
    assert {right for right in rights if right[1] == "<UploadDispatcherQueueKey.Arn>"} == {
        ("kms:Decrypt", "<UploadDispatcherQueueKey.Arn>", via_sqs),
        ("kms:GenerateDataKey", "<UploadDispatcherQueueKey.Arn>", via_sqs),
    }
    assert {right[:2] for right in rights if not right[0].startswith(("logs:", "xray:", "kms:"))} == {
        *((f"sqs:{action}", "<EnglishQueue.Arn>") for action in {*reads, "ChangeMessageVisibility"}),
        *((f"sqs:{action}", "<UploadDispatcherWakeQueue.Arn>") for action in {*reads, "SendMessage"}),
        ("states:StartExecution", "<StateMachine>"),
        ("states:ListExecutions", "<StateMachine>"),
        ("comprehend:ListEntitiesDetectionJobs", "*"),
        ("s3:PutObject", "<InputBucket.Arn>/staging/*/manifest/*"),
        ("s3:PutObject", "<InputBucket.Arn>/staging/dispatcher/*"),
        ("s3:GetObject", "<InputBucket.Arn>/staging/dispatcher/*"),
        ("s3:ListBucket", "<InputBucket.Arn>"),
    }


def test_rights_of_staging_to_read_uploads_but_never_to_write_or_delete_them(english: Synthesized) -> None:
    rights = {(action, resource) for action, resource, _ in english.rights("<StageRole>") if action.startswith("s3:")}
    assert rights == {
        ("s3:GetObject", "<InputBucket.Arn>/uploads/en/*"),
        ("s3:GetObjectVersion", "<InputBucket.Arn>/uploads/en/*"),
        ("s3:GetObject", "<InputBucket.Arn>/staging/*"),
        ("s3:PutObject", "<InputBucket.Arn>/staging/*"),
        ("s3:PutObject", "<OutputBucket.Arn>/results/refused/*"),
        ("s3:ListBucket", "<InputBucket.Arn>"),
    }


def test_somebody_hears_of_uploads_that_wait_too_long_and_of_dead_letters(english: Synthesized) -> None:
    late = english.one("AWS::CloudWatch::Alarm", "EnglishOldestUpload")
    assert (late["MetricName"], late["Threshold"]) == ("ApproximateAgeOfOldestMessage", 1800)
    dead = english.one("AWS::CloudWatch::Alarm", "EnglishDeadLetters")
    assert (dead["MetricName"], dead["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)


def test_a_batch_is_staged_first_and_any_other_input_is_inspected_at_once(english: Synthesized) -> None:
    definition = json.loads(english.settings())
    assert definition["StartAt"] == "BatchOfUploads"
    states = definition["States"]
    assert states["BatchOfUploads"]["Default"] == "InspectInput"
    assert states["BatchOfUploads"]["Choices"][0]["Next"] == "StageBatch"
    shards = states["StageBatch"]
    assert shards["ItemReader"]["Resource"].endswith(":states:::s3:listObjectsV2")
    assert shards["MaxConcurrency"] == 10
    assert shards["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "PublishFailure"}]
    # What is caught there holds no Job.
    assert states["PublishFailure"]["Arguments"]["Payload"]["Job"].startswith("{% $exists($states.input.Job) ?")
    assert shards["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"


def test_triggers_share_one_dispatcher_with_settings_of_their_own() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = with_uploads(stack)
        workflow.start_on_upload("Spanish", prefix="uploads/es/", language_code="es", maximum_documents=500)
        return workflow

    triggers = told(Synthesized(build))["Triggers"]
    assert {name: each["Request"] for name, each in triggers.items()} == {
        "English": {},
        "Spanish": {"LanguageCode": "es"},
    }
    assert [each["Limits"]["Documents"] for each in triggers.values()] == [100_000, 500]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prefix": "uploads"}, "prefix: must be empty, or end in /"),
        ({"prefix": "/uploads/"}, "or end in / and not begin with it"),
        ({"prefix": ""}, "prefix: must be known, and can't be empty"),
        (
            {"prefix": "staging/mine/"},
            "prefix: can't meet what the workflow writes itself in that bucket, under staging/",
        ),
        ({"trigger_id": "not-this"}, "trigger_id: must be 1 to 32 letters and digits"),
        ({"prefix": "uploads/"}, "overlaps 'uploads/en/'"),
        ({"prefix": "uploads/en/news/"}, "overlaps 'uploads/en/'"),
    ],
)
def test_fails_where_uploads_cannot_lie(stack: cdk.Stack, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_uploads(stack).start_on_upload(**{"trigger_id": "Other", "prefix": "other/", **changes})


def test_fails_where_uploads_would_lie_among_results(stack: cdk.Stack) -> None:
    bucket = s3.Bucket(stack, "Both")
    workflow = EntitiesDetectionWorkflow(stack, "Entities", input_bucket=bucket, output_bucket=bucket)
    with pytest.raises(ValueError, match="the workflow writes itself in that bucket, under results/"):
        workflow.start_on_upload(prefix="results/")


def test_fails_with_more_triggers_than_the_functions_environment_holds(stack: cdk.Stack) -> None:
    workflow = EntitiesDetectionWorkflow(stack, "Entities")
    with pytest.raises(ValueError, match="at most 12 upload triggers; give N12 a workflow"):
        for number in range(13):
            workflow.start_on_upload(f"N{number}", prefix=f"{number}/")


def test_fails_without_a_slot(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="maximum_active_jobs: must be at least 1; got 0"):
        EntitiesDetectionWorkflow(stack, "Entities", maximum_active_jobs=0)


def test_uploads_with_a_model_of_their_own(stack: cdk.Stack) -> None:
    drugs = Recognizer.from_arn("arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/drugs")
    flywheel = Recognizer.from_flywheel_arn("arn:aws:comprehend:us-east-1:111122223333:flywheel/drugs")
    workflow = EntitiesDetectionWorkflow(stack, "Entities", recognizer=drugs, allow_overrides=["FlywheelArn"])
    workflow.start_on_upload(recognizer=flywheel)
    with pytest.raises(ValueError, match="needs a workflow whose allow_overrides name EntityRecognizerArn"):
        workflow.start_on_upload("Other", prefix="other/", recognizer=drugs)
    with pytest.raises(ValueError, match=r"language_code \(LanguageCode\): must be one of en, es, fr, de, it, pt"):
        workflow.start_on_upload("Unknown", prefix="xx/", language_code="xx")


def test_an_uploader_may_put_under_the_prefix_of_its_trigger_and_nothing_else() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = EntitiesDetectionWorkflow(stack, "Entities")
        trigger = workflow.start_on_upload("English", prefix="uploads/en/")
        trigger.grant_upload(iam.Role(stack, "Uploader", assumed_by=iam.AccountRootPrincipal()))
        return workflow

    rights = Synthesized(build).rights("<Uploader>")
    objects = [(action, resource) for action, resource, _ in rights if action.startswith("s3:")]
    assert objects == [("s3:PutObject", "<InputBucket.Arn>/uploads/en/*")]
