"""Who may do what in the smallest use, to the last right, and what further settings add."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from cdk_comprehend_entities import DocumentReader, EntitiesDetectionWorkflow, Recognizer
from tests.synth.reading import OWN, Synthesized, conditions, shown

JOBS = "arn:<AWS::Partition>:comprehend:<AWS::Region>:<AWS::AccountId>:entities-detection-job/*"
RECOGNIZER = "arn:aws:comprehend:us-east-1:111122223333:entity-recognizer/drugs/version/v1"
VIA_S3 = "StringEquals kms:ViaService s3.<AWS::Region>.amazonaws.com"
PINNED_KEYS = (
    "StringEquals comprehend:VolumeKmsKey <VolumeKey.Arn> and StringEquals comprehend:OutputKmsKey <OutputKey.Arn>"
)
LISTS_BUCKET = ("s3:ListBucket", "<InputBucket.Arn>", "")
LISTS_INPUT = ("s3:ListBucket", "<InputBucket.Arn>", "StringLike s3:prefix input/*")
READS_INPUT = ("s3:GetObject", "<InputBucket.Arn>/input/*", "")
LISTS_STAGED = ("s3:ListBucket", "<InputBucket.Arn>", f"StringLike s3:prefix staging/{OWN}/*")
READS_STAGED = ("s3:GetObject", f"<InputBucket.Arn>/staging/{OWN}/*", "")
DECRYPTS = ("kms:Decrypt", "<OutputKey.Arn>", VIA_S3)
ENCRYPTS = ("kms:GenerateDataKey", "<OutputKey.Arn>", VIA_S3)
SENDS_EVENT = (
    "events:PutEvents",
    "arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:event-bus/default",
    "ForAllValues:StringEquals events:source cdk-comprehend-entities"
    " and ForAllValues:StringEquals events:detail-type Entities Detection Job Ended",
)
REPORTS = {
    ("s3:ListBucket", "<OutputBucket.Arn>", ""),
    ("s3:PutObject", "<OutputBucket.Arn>/work/outcomes/*", ""),
    ("s3:DeleteObject", "<OutputBucket.Arn>/work/open/*", ""),
    DECRYPTS,
    ENCRYPTS,
    SENDS_EVENT,
}
ENDS = REPORTS | {
    ("s3:GetObject", "<OutputBucket.Arn>/work/outcomes/*", ""),
    ("s3:GetObject", "<OutputBucket.Arn>/work/open/*", ""),
    ("s3:PutObject", "<OutputBucket.Arn>/work/open/*", ""),
}
_EXECUTIONS = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<StateMachine>[:6]:*"
DESCRIBES = {("states:DescribeExecution", _EXECUTIONS, ""), ("states:GetExecutionHistory", _EXECUTIONS, "")}
TEXTRACT = {("textract:DetectDocumentText", "*", ""), ("textract:AnalyzeDocument", "*", "")}

RIGHTS = {
    "DataAccessRole": {
        LISTS_BUCKET,
        READS_INPUT,
        READS_STAGED,
        ("s3:PutObject", "<OutputBucket.Arn>/jobs/*", ""),
        DECRYPTS,
        ENCRYPTS,
        ("kms:CreateGrant", "<VolumeKey.Arn>", ""),
    },
    "InspectInput": {
        LISTS_INPUT,
        READS_INPUT,
        LISTS_STAGED,
        READS_STAGED,
        ("s3:PutObject", "<OutputBucket.Arn>/work/*", ""),
        ("s3:GetObject", "<OutputBucket.Arn>/work/*", ""),
        ("s3:GetObject", "<OutputBucket.Arn>/jobs/*", ""),
        ("s3:GetObject", "<OutputBucket.Arn>/results/summaries/*", ""),
        ("s3:ListBucket", "<OutputBucket.Arn>", ""),
        ("comprehend:DescribeEntitiesDetectionJob", JOBS, ""),
        DECRYPTS,
        ENCRYPTS,
    },
    "StartJob": {
        ("comprehend:ListEntitiesDetectionJobs", "*", ""),
        ("s3:PutObject", "<OutputBucket.Arn>/work/owners/*", ""),
        ("comprehend:StartEntitiesDetectionJob", JOBS, PINNED_KEYS),
        ("iam:PassRole", "<DataAccessRole.Arn>", "StringEquals iam:PassedToService comprehend.amazonaws.com"),
        ("kms:CreateGrant", "<VolumeKey.Arn>", ""),
        ("kms:DescribeKey", "<VolumeKey.Arn>", ""),
        DECRYPTS,
        ENCRYPTS,
    },
    "PollJob": {("comprehend:DescribeEntitiesDetectionJob", JOBS, "")},
    "StopJob": {("comprehend:StopEntitiesDetectionJob", JOBS, "")},
    "PublishResult": {
        ("s3:ListBucket", "<OutputBucket.Arn>", ""),
        ("s3:GetObject", "<OutputBucket.Arn>/jobs/*", ""),
        ("s3:GetObject", "<OutputBucket.Arn>/work/*", ""),
        ("s3:GetObject", "<OutputBucket.Arn>/results/summaries/*", ""),
        ("s3:PutObject", "<OutputBucket.Arn>/results/*", ""),
        *REPORTS,
    },
    "PublishFailure": {
        ("comprehend:ListEntitiesDetectionJobs", "*", ""),
        ("comprehend:StopEntitiesDetectionJob", JOBS, ""),
        *DESCRIBES,
        ("sqs:SendMessage", "<Unreported.Arn>", ""),
        *ENDS,
    },
    "CompletionAwaitOutput": {
        ("s3:ListBucket", "<OutputBucket.Arn>", ""),
        ("s3:GetObject", "<OutputBucket.Arn>/jobs/*", ""),
        ("s3:GetObject", "<OutputBucket.Arn>/work/waiting/*", ""),
        ("s3:PutObject", "<OutputBucket.Arn>/work/waiting/*", ""),
        ("states:SendTaskSuccess", "<StateMachine>", ""),
        DECRYPTS,
        ENCRYPTS,
    },
    "OrphanedJobsStopOrphans": {
        ("comprehend:ListEntitiesDetectionJobs", "*", ""),
        ("comprehend:StopEntitiesDetectionJob", JOBS, ""),
        ("states:ListExecutions", "<StateMachine>", ""),
        *DESCRIBES,
        ("s3:GetObject", "<OutputBucket.Arn>/work/owners/*", ""),
        ("sqs:SendMessage", "<Unreported.Arn>", ""),
        *ENDS,
    },
    "Stage": {
        ("s3:ListBucket", "<InputBucket.Arn>", ""),
        READS_STAGED,
        ("s3:PutObject", f"<InputBucket.Arn>/staging/{OWN}/*", ""),
        ("s3:GetObject", f"<InputBucket.Arn>/claims/{OWN}/*", ""),
        ("s3:PutObject", f"<InputBucket.Arn>/claims/{OWN}/*", ""),
        ("s3:PutObject", "<OutputBucket.Arn>/results/refused/*", ""),
        DECRYPTS,
        ENCRYPTS,
    },
}
FUNCTIONS = [name for name in RIGHTS if name != "DataAccessRole"]
TASKS = [name for name in FUNCTIONS if not name.startswith(("OrphanedJobs", "Completion"))]


def test_the_data_access_role_has_no_other_right(default: Synthesized) -> None:
    assert default.rights("<DataAccessRole>") == RIGHTS["DataAccessRole"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_no_other_right(default: Synthesized, function: str) -> None:
    observed = {
        ("logs:CreateLogStream", f"<{function}LogGroup.Arn>", ""),
        ("logs:PutLogEvents", f"<{function}LogGroup.Arn>", ""),
        ("xray:PutTraceSegments", "*", ""),
        ("xray:PutTelemetryRecords", "*", ""),
    }
    assert default.rights(f"<{function}Role>") == RIGHTS[function] | observed


def test_the_state_machine_calls_its_functions_only(default: Synthesized) -> None:
    called = {right for right in default.rights("<StateMachineRole>") if right[0].split(":")[0] not in {"logs", "xray"}}
    executions = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<StateMachine>[:6]"
    assert called == {
        *(("lambda:InvokeFunction", f"<{name}.Arn>{version}", "") for name in TASKS for version in ("", ":*")),
        ("lambda:InvokeFunction", "<CompletionAwaitOutput.Arn>", ""),
        # The Distributed Map that stages batches of uploads.
        ("s3:ListBucket", "<InputBucket.Arn>", ""),
        ("states:StartExecution", "<StateMachine>", ""),
        ("states:DescribeExecution", f"{executions}:*", ""),
        ("states:StopExecution", f"{executions}:*", ""),
        ("states:RedriveExecution", f"{executions}/*:*", ""),
    }


def test_only_comprehend_assumes_the_data_access_role_and_only_for_an_entity_job(default: Synthesized) -> None:
    (trust,) = default.one("AWS::IAM::Role", "DataAccessRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "comprehend.amazonaws.com"}
    assert conditions(trust) == f"StringEquals aws:SourceAccount <AWS::AccountId> and ArnLike aws:SourceArn {JOBS}"


def test_only_this_accounts_state_machines_assume_the_state_machines_role(default: Synthesized) -> None:
    (trust,) = default.one("AWS::IAM::Role", "StateMachineRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "states.amazonaws.com"}
    assert conditions(trust) == (
        "StringEquals aws:SourceAccount <AWS::AccountId>"
        " and ArnLike aws:SourceArn arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:*"
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_lambda_assumes_a_functions_role_and_only_for_this_account(default: Synthesized, function: str) -> None:
    (trust,) = default.one("AWS::IAM::Role", f"{function}Role")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert conditions(trust) == "StringEquals aws:SourceAccount <AWS::AccountId>"


def test_nobody_invokes_a_function_but_rules_of_the_workflow(default: Synthesized) -> None:
    permissions = default.of_type("AWS::Lambda::Permission").values()
    rules = {f"<{name}.Arn>" for name in default.of_type("AWS::Events::Rule")}
    assert permissions
    for permission in permissions:
        assert permission["Principal"] == "events.amazonaws.com"
        assert shown(permission["SourceArn"]) in rules


def test_no_role_has_a_managed_policy_or_inline_rights(default: Synthesized) -> None:
    roles = default.of_type("AWS::IAM::Role")
    assert roles
    assert not [name for name, role in roles.items() if {"ManagedPolicyArns", "Policies"} & role.keys()]


@pytest.fixture(scope="module")
def custom() -> Synthesized:
    return Synthesized(
        lambda stack: EntitiesDetectionWorkflow(
            stack,
            "Entities",
            recognizer=Recognizer.from_arn(RECOGNIZER),
            document_reader=DocumentReader.detect_text(),
            tags={"project": "drugs"},
        )
    )


def test_a_custom_recognizer_is_named_without_the_conditions_of_jobs(custom: Synthesized) -> None:
    started = {right for right in custom.rights("<StartJobRole>") if right[0].endswith("StartEntitiesDetectionJob")}
    start = "comprehend:StartEntitiesDetectionJob"
    assert started == {(start, JOBS, PINNED_KEYS), (start, RECOGNIZER, "")}


def test_tags_and_textract_come_with_their_settings_only(custom: Synthesized) -> None:
    added = {("comprehend:TagResource", JOBS, ""), *TEXTRACT}
    assert added <= custom.rights("<StartJobRole>")
    assert custom.rights("<DataAccessRole>") == RIGHTS["DataAccessRole"] | TEXTRACT


def test_what_inputs_may_override_is_not_pinned() -> None:
    names = ["VolumeKmsKeyId", "OutputDataConfig", "VpcConfig", "EntityRecognizerArn", "FlywheelArn", "Tags"]
    opened = Synthesized(lambda stack: EntitiesDetectionWorkflow(stack, "Entities", allow_overrides=names))
    account = "arn:<AWS::Partition>:comprehend:<AWS::Region>:<AWS::AccountId>"
    started = {right for right in opened.rights("<StartJobRole>") if right[0].endswith("StartEntitiesDetectionJob")}
    assert started == {
        ("comprehend:StartEntitiesDetectionJob", resource, "")
        for resource in (JOBS, f"{account}:entity-recognizer/*", f"{account}:flywheel/*")
    }
    assert ("comprehend:TagResource", JOBS, "") in opened.rights("<StartJobRole>")


@pytest.fixture(scope="module")
def granted() -> Synthesized:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = EntitiesDetectionWorkflow(stack, "Entities")
        for name, grant in (
            ("Starter", workflow.grant_start_execution),
            ("Uploader", workflow.grant_upload),
            ("Reader", workflow.grant_read_results),
        ):
            grant(iam.Role(stack, name, assumed_by=iam.AccountRootPrincipal()))
        return workflow

    return Synthesized(build)


def test_who_starts_executions_may_do_nothing_else(granted: Synthesized) -> None:
    assert granted.rights("<Starter>") == {("states:StartExecution", "<StateMachine>", "")}


def test_who_uploads_may_not_read(granted: Synthesized) -> None:
    puts = ("s3:PutObject", "<InputBucket.Arn>/input/*", "")
    assert granted.rights("<Uploader>") == {puts, ENCRYPTS, DECRYPTS}


def test_who_reads_results_sees_neither_raw_ones_nor_the_functions_files(granted: Synthesized) -> None:
    assert granted.rights("<Reader>") == {
        ("s3:ListBucket", "<OutputBucket.Arn>", "StringLike s3:prefix results/*"),
        ("s3:GetObject", "<OutputBucket.Arn>/results/*", ""),
        DECRYPTS,
    }


def test_another_account_reads_results_by_the_policies_of_bucket_and_key() -> None:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        workflow = EntitiesDetectionWorkflow(stack, "Entities")
        workflow.grant_read_results(iam.AccountPrincipal("999988887777"))
        return workflow

    shared = Synthesized(build)
    bucket = shared.one("AWS::S3::BucketPolicy", "OutputBucketPolicy")["PolicyDocument"]["Statement"]
    allowed = [statement for statement in bucket if statement["Effect"] == "Allow"]
    assert {(statement["Action"], shown(statement["Resource"]), conditions(statement)) for statement in allowed} == {
        ("s3:ListBucket", "<OutputBucket.Arn>", "StringLike s3:prefix results/*"),
        ("s3:GetObject", "<OutputBucket.Arn>/results/*", ""),
    }
    (_, key) = shared.one("AWS::KMS::Key", "OutputKey")["KeyPolicy"]["Statement"]
    assert (key["Action"], key["Resource"], conditions(key)) == ("kms:Decrypt", "*", VIA_S3)


def test_keys_let_iam_policies_of_the_account_decide_and_nobody_else_in(default: Synthesized) -> None:
    for key in default.of_type("AWS::KMS::Key").values():
        (statement,) = key["KeyPolicy"]["Statement"]
        assert shown(statement["Principal"]["AWS"]) == "arn:<AWS::Partition>:iam::<AWS::AccountId>:root"
        assert key["EnableKeyRotation"] is True
