"""Upload triggers: what announces uploads, where they wait, who may read them, and what is refused."""

from __future__ import annotations

import json
import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from cdk_comprehend_entities import EntitiesDetectionWorkflow, Recognizer
from tests.synth.reading import OWN, Synthesized, conditions, shown
from tests.synth.reading import told as warnings_of

OWNED = ("staging", "claims")


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


def test_the_dispatcher_hears_how_executions_end_and_looks_for_what_it_missed(english: Synthesized) -> None:
    ended = english.one("AWS::Events::Rule", "BatchEnded")
    assert shown(ended["EventPattern"]["detail"]["StateMachineArn"][0]) == "<StateMachine>"
    (target,) = ended["Targets"]
    assert (shown(target["Arn"]), target["InputPath"]) == ("<UploadDispatcherWakeQueue.Arn>", "$.detail")
    tick = english.one("AWS::Events::Rule", "UploadDispatcherEveryFiveMinutes")
    assert (tick["ScheduleExpression"], tick["State"]) == ("rate(5 minutes)", "ENABLED")
    (wake,) = tick["Targets"]
    assert (shown(wake["Arn"]), wake["Input"]) == ("<UploadDispatcherWakeQueue.Arn>", '{"Sweep":true}')


def test_uploads_outlive_every_crash_of_the_dispatcher(english: Synthesized) -> None:
    queue = english.one("AWS::SQS::Queue", "EnglishQueue")
    function = english.one("AWS::Lambda::Function", "UploadDispatcherDispatchUploads")
    assert queue["VisibilityTimeout"] >= 2 * function["Timeout"]
    # The dispatcher itself tells what is dead.
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 1000
    assert shown(queue["RedrivePolicy"]["deadLetterTargetArn"]) == "<EnglishDeadLetterQueue.Arn>"
    # By default SQS deletes messages after 4 days: a long weekend, and nobody has seen the dead letters.
    for name in ("EnglishQueue", "EnglishDeadLetterQueue"):
        assert english.one("AWS::SQS::Queue", name)["MessageRetentionPeriod"] == 14 * 24 * 3600, name
    # Lambda asks for it: a wake that is being handled wakes no second dispatcher.
    assert english.one("AWS::SQS::Queue", "UploadDispatcherWakeQueue")["VisibilityTimeout"] >= function["Timeout"]


def test_where_there_are_uploads_one_slot_is_theirs(english: Synthesized, default: Synthesized) -> None:
    """What StartJob makes of it: tests/unit/handlers/test_start_job.py."""
    slots = [
        {name: value for name, value in variables.items() if name.startswith("SLOTS")}
        for variables in (
            each.one("AWS::Lambda::Function", "StartJob")["Environment"]["Variables"] for each in (english, default)
        )
    ]
    assert slots == [{"SLOTS": "7", "SLOTS_FOR_UPLOADS": "1"}, {"SLOTS": "10"}]


def test_only_the_dispatcher_itself_reads_uploads(english: Synthesized) -> None:
    (mapping,) = english.of_type("AWS::Lambda::EventSourceMapping").values()
    assert shown(mapping["EventSourceArn"]) == "<UploadDispatcherWakeQueue.Arn>"
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert mapping["MaximumBatchingWindowInSeconds"] == 1


def test_only_the_dispatcher_which_wakes_itself_may_call_itself_again_and_again(english: Synthesized) -> None:
    functions = english.of_type("AWS::Lambda::Function")
    found = {name: each["RecursiveLoop"] for name, each in functions.items() if "RecursiveLoop" in each}
    assert found == {"UploadDispatcherDispatchUploads": "Allow"}


def test_a_shard_that_fails_says_why_and_not_only_that_one_failed(english: Synthesized) -> None:
    states = json.loads(english.settings())["States"]
    shard = states["StageBatch"]["ItemProcessor"]["States"]
    assert shard["StageShard"]["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "ShardFailed"}]
    assert shard["ShardFailed"] == {"Type": "Pass", "End": True}
    failed, *_ = states["AnythingStaged"]["Choices"]
    assert failed["Next"] == "PublishFailure"
    assert failed["Condition"] == "{% $exists($states.input.Shards.Error) %}"
    error, cause = (f"[$states.input.Shards.{name}][0]" for name in ("Error", "Cause"))
    assert failed["Output"] == f"{{% {{'Error': {{'Error': {error}, 'Cause': {cause}}}}} %}}"


def test_staging_is_repeated_since_any_trouble_may_pass(english: Synthesized) -> None:
    states = json.loads(english.settings())["States"]
    shard = states["StageBatch"]["ItemProcessor"]["States"]["StageShard"]
    tries = [
        (retry["ErrorEquals"], retry["MaxAttempts"])
        for each in (shard, states["StageBatch"])
        for retry in each["Retry"]
    ]
    assert tries == [(["States.ALL"], 8), (["States.ALL"], 2)]


def test_a_batch_without_documents_says_whether_any_were_rejected(english: Synthesized) -> None:
    *_, nothing = json.loads(english.settings())["States"]["AnythingStaged"]["Choices"]
    staged, refused, duplicates = (f"$states.input.Shards.{name}" for name in ("Staged", "Refused", "Duplicates"))
    assert nothing["Condition"] == f"{{% $sum([{staged}]) = 0 and $sum([{refused}, {duplicates}]) > 0 %}}"
    rejected, new = nothing["Output"].split(" : ")
    assert rejected.startswith(f"{{% {{'Error': $sum([{refused}]) > 0 ? {{'Error': 'NothingToAnalyse',")
    assert new.startswith("{'Error': 'NothingNew',")


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
        own = {"<EnglishUploaded.Arn>", "<UploadDispatcherEveryFiveMinutes.Arn>", "<BatchEnded.Arn>"}
        assert shown(rule) in own


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
    assert settings["StagingUri"] == f"s3://<InputBucket>/staging/{OWN}/"
    assert settings["Triggers"]["English"]["Suffixes"] == [".txt"]
    assert settings["Triggers"]["English"]["Queue"] == "<EnglishQueue.QueueName>"


def test_a_command_analyses_what_no_event_announced(stack: cdk.Stack) -> None:
    command = stack.resolve(EntitiesDetectionWorkflow(stack, "Entities").start_on_upload("English").backfill_command)
    assert "aws lambda invoke --function-name <UploadDispatcherDispatchUploads>" in shown(command)
    assert shown(command).startswith("""echo '{"Backfill":{"Trigger":"English"}}' | aws """)


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
        ("sqs:SendMessage", "<EnglishQueue.Arn>"),
        ("sqs:SendMessage", "<EnglishDeadLetterQueue.Arn>"),
        ("s3:ListBucket", "<OutputBucket.Arn>"),
        ("s3:ListBucketVersions", "<InputBucket.Arn>"),
        ("s3:GetObject", "<OutputBucket.Arn>/work/outcomes/*"),
        *((f"sqs:{action}", "<UploadDispatcherWakeQueue.Arn>") for action in {*reads, "SendMessage"}),
        ("states:StartExecution", "<StateMachine>"),
        ("states:ListExecutions", "<StateMachine>"),
        ("comprehend:ListEntitiesDetectionJobs", "*"),
        ("s3:PutObject", f"<InputBucket.Arn>/staging/{OWN}/*/manifest/*"),
        ("s3:PutObject", f"<InputBucket.Arn>/claims/{OWN}/*"),
        ("s3:GetObject", f"<InputBucket.Arn>/claims/{OWN}/*"),
        ("s3:ListBucket", "<InputBucket.Arn>"),
        ("s3:PutObject", "<OutputBucket.Arn>/work/open/*"),
    }


def test_rights_of_staging_to_read_uploads_but_never_to_write_or_delete_them(english: Synthesized) -> None:
    rights = {(action, resource) for action, resource, _ in english.rights("<StageRole>") if action.startswith("s3:")}
    assert rights == {
        ("s3:GetObject", "<InputBucket.Arn>/uploads/en/*"),
        ("s3:GetObjectVersion", "<InputBucket.Arn>/uploads/en/*"),
        *(
            (f"s3:{action}", f"<InputBucket.Arn>/{own}/{OWN}/*")
            for action in ("GetObject", "PutObject")
            for own in OWNED
        ),
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
    assert shards["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "PublishFailure", "ResultPath": "$.Error"}]
    # What is caught there holds no Job.
    assert states["PublishFailure"]["Arguments"]["Payload"]["Job"].startswith("{% $exists($states.input.Job) ?")
    assert shards["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    leads = [choice["Next"] for choice in states["AnythingStaged"]["Choices"]]
    assert leads == ["PublishFailure", "InspectInput", "PublishFailure"]


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
            "prefix: can't overlap the prefixes that the workflow writes in that bucket: staging/",
        ),
        ({"trigger_id": "not-this"}, "trigger_id: must be 1 to 32 letters and digits"),
        ({"prefix": "uploads/"}, "overlaps 'uploads/en/'"),
        ({"prefix": "uploads/en/news/"}, "overlaps 'uploads/en/'"),
    ],
)
def test_fails_where_uploads_cannot_lie(stack: cdk.Stack, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_uploads(stack).start_on_upload(**{"trigger_id": "Other", "prefix": "other/", **changes})


def test_two_workflows_on_one_bucket_share_nothing_but_the_uploads(stack: cdk.Stack) -> None:
    bucket = s3.Bucket(stack, "Shared")
    found = []
    for name, language in (("One", "en"), ("Two", "es")):
        workflow = EntitiesDetectionWorkflow(stack, name, input_bucket=bucket, language_code=language)
        workflow.start_on_upload()
        found.append(workflow.service)
    template = json.dumps(assertions.Template.from_stack(stack).to_json())
    for name in found:
        assert {f"staging/{name}/", f"claims/{name}/"} <= set(re.findall(r"\b(?:staging|claims)/\w+/", template))


def test_two_triggers_over_one_prefix_work_if_they_analyse_in_different_ways(stack: cdk.Stack) -> None:
    workflow = with_uploads(stack)
    workflow.start_on_upload("Spanish", prefix="uploads/", language_code="es")
    with pytest.raises(ValueError, match="analysed twice in the same way: prefix 'uploads/es/' overlaps 'uploads/'"):
        workflow.start_on_upload("Again", prefix="uploads/es/", language_code="es")


def test_warns_of_a_bucket_all_of_whose_notifications_cdk_sets(stack: cdk.Stack) -> None:
    EntitiesDetectionWorkflow(stack, "Given", input_bucket=s3.Bucket(stack, "Mine")).start_on_upload()
    imported = s3.Bucket.from_bucket_name(stack, "Imported", "somewhere")
    EntitiesDetectionWorkflow(stack, "Other", input_bucket=imported).start_on_upload()
    managed = s3.Bucket(stack, "Managed", event_bridge_enabled=True)
    EntitiesDetectionWorkflow(stack, "Third", input_bucket=managed).start_on_upload()
    [text] = [each for each in warnings_of(stack) if "CDK now sets all notifications" in each]
    assert "CDK now sets all notifications of Stack/Mine:" in text


def test_fails_where_uploads_would_lie_among_results(stack: cdk.Stack) -> None:
    bucket = s3.Bucket(stack, "Both")
    workflow = EntitiesDetectionWorkflow(stack, "Entities", input_bucket=bucket, output_bucket=bucket)
    with pytest.raises(ValueError, match="the workflow writes in that bucket: results/"):
        workflow.start_on_upload(prefix="results/")


@pytest.mark.parametrize(
    ("count", "suffixes"),
    [(40, []), (12, [".txt", ".text", ".html", ".xml"] * 5), (1, [f".{n:04}" for n in range(500)])],
)
def test_fails_with_more_settings_of_triggers_than_the_functions_environment_holds(
    stack: cdk.Stack, count: int, suffixes: list[str]
) -> None:
    workflow = EntitiesDetectionWorkflow(stack, "Entities")
    with pytest.raises(
        ValueError, match=r"of 3,500 bytes in the dispatcher's environment; use a separate workflow for N\d+,"
    ):
        for number in range(count):
            workflow.start_on_upload(f"N{number}", prefix=f"{number}/", suffixes=suffixes)


def test_the_rendered_settings_of_many_triggers_fit_into_the_environment(stack: cdk.Stack) -> None:
    workflow, count = EntitiesDetectionWorkflow(stack, "Entities"), 0
    with pytest.raises(ValueError, match="3,500 bytes"):
        for count in range(99):
            workflow.start_on_upload(f"Trigger{count}", prefix=f"uploads/{count}/", suffixes=[".txt"])
    assert count >= 10


def test_fails_without_a_slot(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="maximum_active_jobs: must be at least 1; got 0"):
        EntitiesDetectionWorkflow(stack, "Entities", maximum_active_jobs=0)


def test_uploads_with_a_model_of_their_own(stack: cdk.Stack) -> None:
    drugs = Recognizer.from_arn("arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/drugs")
    flywheel = Recognizer.from_flywheel_arn("arn:aws:comprehend:us-east-1:111122223333:flywheel/drugs")
    workflow = EntitiesDetectionWorkflow(stack, "Entities", recognizer=drugs, allow_overrides=["FlywheelArn"])
    workflow.start_on_upload(recognizer=flywheel)
    with pytest.raises(ValueError, match="needs a workflow with EntityRecognizerArn in allow_overrides"):
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


def test_with_unique_names_documents_are_inspected_first_then_copied_then_analysed() -> None:
    made = Synthesized(lambda stack: EntitiesDetectionWorkflow(stack, "Entities", unique_names=True))
    states = json.loads(made.settings())["States"]
    to_copy = next(choice for choice in states["TakenUp"]["Choices"] if choice["Next"] == "StageBatch")
    assert to_copy["Condition"] == "{% $exists($states.input.Manifest) %}"
    _, copied, batch, _ = states["AnythingStaged"]["Choices"]
    assert (copied["Next"], batch["Next"]) == ("StartJob", "InspectInput")
    assert copied["Condition"].startswith("{% $inspected and ")
    assert states["BatchOfUploads"]["Choices"][0]["Assign"] == {"inspected": False}
    assert states["InspectInput"]["Assign"]["inspected"] is True
    assert ("s3:GetObject", "<InputBucket.Arn>/input/*") in {right[:2] for right in made.rights("<StageRole>")}
    manifests = ("s3:PutObject", f"<InputBucket.Arn>/staging/{OWN}/*/manifest/*")
    assert manifests in {right[:2] for right in made.rights("<InspectInputRole>")}


def test_without_unique_names_nothing_of_it_is_there_and_nobody_may_copy(english: Synthesized) -> None:
    assert "inspected" not in english.settings()
    assert manifest_rights(english) == set()


def manifest_rights(made: Synthesized) -> set[str]:
    return {right[1] for right in made.rights("<InspectInputRole>") if "manifest" in right[1]}
