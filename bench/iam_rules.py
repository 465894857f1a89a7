"""Proof of each permission: a path that fails without it or, if MiniStack can't check it, a test of the template."""

from __future__ import annotations

import re
from typing import NamedTuple

from bench.iam_rights import Right

_RIGHTS, _UPLOAD = "tests/synth/test_rights.py::", "tests/synth/test_upload.py::"
_NETWORK, _RESOURCES = "tests/synth/test_network.py::", "tests/synth/test_resources.py::"


class NotProvable(NamedTuple):
    """The reason why MiniStack can't check a permission, and the test of the template instead, as pytest names it."""

    reason: str
    test: str


_FUNCTION = f"{_RIGHTS}test_a_function_has_no_other_right"
_DISPATCHER = f"{_UPLOAD}test_rights_of_the_dispatcher"
_TLS_ONLY = "the local AWS with IAM speaks TLS only"
_OBJECTS = r"s3:(ListBucket|GetObject|PutObject)|kms:(Decrypt|GenerateDataKey)"
_QUEUE = "sqs:(ReceiveMessage|DeleteMessage|GetQueueAttributes)"
_SERVICES = "MiniStack's services call each other without IAM checks"

RULES: dict[str, NotProvable | str] = {
    # Not checked by MiniStack.
    r"StateMachineRole sts:AssumeRole .*": NotProvable(
        "MiniStack assumes no role for a state machine",
        f"{_RIGHTS}test_only_this_accounts_state_machines_assume_the_state_machines_role",
    ),
    r"StateMachineRole (lambda:InvokeFunction|s3:ListBucket|(states|logs|xray):\w+) .*": NotProvable(
        "MiniStack does not check the calls of a state machine",
        f"{_RIGHTS}test_the_state_machine_calls_its_functions_only",
    ),
    r".*Role sts:AssumeRole lambda.amazonaws.com aws:SourceAccount": NotProvable(
        "MiniStack's Lambda gets a role whomever it trusts",
        f"{_RIGHTS}test_only_lambda_assumes_a_functions_role_and_only_for_this_account",
    ),
    r".*Role logs:(CreateLogStream|PutLogEvents) .*": NotProvable(
        "MiniStack's Lambda writes logs without IAM checks", _FUNCTION
    ),
    r".*Role xray:(PutTraceSegments|PutTelemetryRecords) .*": NotProvable("MiniStack has no X-Ray", _FUNCTION),
    r"StartJobRole kms:(CreateGrant|DescribeKey|Decrypt|GenerateDataKey) .*": NotProvable(
        "when Comprehend uses a key with its caller's rights is undocumented", _FUNCTION
    ),
    r"StartJobRole textract:(DetectDocumentText|AnalyzeDocument) .*": NotProvable(
        "AWS does not document if Comprehend checks its caller or the job's role; the emulator checks the role",
        f"{_RIGHTS}test_tags_and_textract_come_with_their_settings_only",
    ),
    r".*Role sqs:SendMessage <Unreported.Arn> .*": NotProvable(
        "MiniStack's Lambda fills dead-letter queues without IAM checks", _FUNCTION
    ),
    r"DataAccessRole ec2:\w+ .*": NotProvable(
        "the emulator makes no network interfaces",
        f"{_NETWORK}test_the_service_makes_network_interfaces_as_its_guide_shows",
    ),
    rf".*DispatchUploadsRole {_QUEUE} <UploadDispatcherWakeQueue.Arn> ": NotProvable(
        "MiniStack's Lambda reads its queues without IAM checks", _DISPATCHER
    ),
    r".*DispatchUploadsRole kms:(Decrypt|GenerateDataKey) <UploadDispatcherQueueKey.Arn> .*": NotProvable(
        "MiniStack's SQS uses no keys", _DISPATCHER
    ),
    r".*BucketPolicy Deny s3:\* .*": NotProvable(
        _TLS_ONLY, f"{_RESOURCES}test_buckets_refuse_requests_without_tls_and_let_nobody_in"
    ),
    r"UnreportedPolicy (Deny sqs:\*|sqs:SendMessage) .*": NotProvable(
        _SERVICES, f"{_RESOURCES}test_an_aborted_execution_is_reported_or_kept"
    ),
    r".*QueuePolicy Deny sqs:\* .*": NotProvable(
        _TLS_ONLY, f"{_UPLOAD}test_queues_are_encrypted_and_take_only_tls_and_only_the_rules_of_the_workflow"
    ),
    r".*QueuePolicy sqs:SendMessage events.amazonaws.com ArnEquals aws:SourceArn .*": NotProvable(
        _SERVICES, f"{_UPLOAD}test_queues_are_encrypted_and_take_only_tls_and_only_the_rules_of_the_workflow"
    ),
    r"UploadDispatcherQueueKey kms:(\*|Decrypt|GenerateDataKey) .*": NotProvable(
        "MiniStack's SQS uses no keys", f"{_UPLOAD}test_the_key_serves_eventbridge_for_this_account_only"
    ),
    r".* lambda:InvokeFunction events.amazonaws.com for .*": NotProvable(
        _SERVICES, f"{_RIGHTS}test_nobody_invokes_a_function_but_rules_of_the_workflow"
    ),
    # The way of bench.iam_paths that needs the others.
    r"InspectInputRole s3:(GetObject .*/(jobs|results|work)/|ListBucket <OutputBucket).*": "resume",
    r"(PublishFailure|\w+StopOrphans)Role s3:PutObject .*/work/open/\* ": NotProvable(
        "needed only where an execution ends before its first function", _FUNCTION
    ),
    r"StageRole s3:(GetObject .*/claims/|ListBucket ).*": NotProvable(
        "asked only where another batch holds the claim",
        f"{_UPLOAD}test_rights_of_staging_to_read_uploads_but_never_to_write_or_delete_them",
    ),
    r".*DispatchUploadsRole sqs:ChangeMessageVisibility .*": NotProvable(
        "gives back only what a batch has no room for by bytes or cost", _DISPATCHER
    ),
    r"(DataAccess|InspectInput)Role s3:(ListBucket|GetObject) .*staging/.*": "batch",
    rf"DataAccessRole (sts:AssumeRole|{_OBJECTS}|kms:CreateGrant|textract:\w+) .*": "job",
    rf"InspectInputRole ({_OBJECTS}) .*": "job",
    r"StartJobRole (comprehend:(StartEntitiesDetectionJob|TagResource)|iam:PassRole) .*": "job",
    r"InspectInputRole comprehend:DescribeEntitiesDetectionJob .*": "resume",
    r"StartJobRole comprehend:ListEntitiesDetectionJobs .*": "job",
    rf"StartJobRole ({_OBJECTS}) .*": "token",
    r"PollJobRole comprehend:DescribeEntitiesDetectionJob .*": "job",
    r"StopJobRole comprehend:StopEntitiesDetectionJob .*": "deadline",
    r"PublishResultRole s3:ListBucket .*": "deadline",
    rf"PublishResultRole ({_OBJECTS}|events:PutEvents) .*": "job",
    r"PublishResultRole s3:DeleteObject .*/work/open/\*.*": "job",
    r"PublishFailureRole (s3:(PutObject|DeleteObject|GetObject .*/open/\*)|kms:GenerateDataKey).*": "refusal",
    # It reads the marker.
    r"PublishFailureRole kms:Decrypt .*": "abort",
    r"(PublishFailure|\w+StopOrphans)Role states:GetExecutionHistory .*": NotProvable(
        "asked only where an execution ends while its job may be being started", _FUNCTION
    ),
    r"PublishFailureRole s3:(GetObject|ListBucket) .*": NotProvable(
        "asked only after an event that tells the same end again", _FUNCTION
    ),
    r"PublishFailureRole states:DescribeExecution .*": "abort",
    r"PublishFailureRole comprehend:(List|Stop)Entities\w+ .*": "abort",
    r"PublishFailureRole events:PutEvents .*": "refusal",
    rf"StageRole ({_OBJECTS}|s3:GetObjectVersion) .*": "batch",
    rf".*AwaitOutputRole ({_OBJECTS}|states:SendTaskSuccess) .*": "wake",
    r".*StopOrphansRole (comprehend:(List|Stop)\w+|states:(List|Describe)Executions?|events:PutEvents) .*": "abandon",
    rf".*StopOrphansRole ({_OBJECTS}|s3:DeleteObject) .*": "abandon",
    r".*DispatchUploadsRole s3:\w+ .*outcomes.*": "settle",
    r".*DispatchUploadsRole (s3:ListBucketVersions|sqs:SendMessage <UploadsQueue.Arn>) .*": "backfill",
    rf".*DispatchUploadsRole ({_OBJECTS}|{_QUEUE}|sqs:SendMessage) .*": "dispatch",
    r".*DispatchUploadsRole (states:(List|Start)Execution|comprehend:ListEntities)\w* .*": "dispatch",
    r"OutputKey kms:\* .*": "job",
    r"VolumeKey kms:\* .*": "job",
}
"""By regular expression of a right's text ``holder action resource condition``; the first that fits counts."""


def rule_of(right: Right) -> str | None:
    """The pattern that a right falls under; None for one that nobody has thought of."""
    return next((pattern for pattern in RULES if re.fullmatch(pattern, str(right))), None)
