"""What proves each right: a way that fails without it, or, where MiniStack can't judge, a test of the template."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

from bench.iam_rights import Right

_RIGHTS, _UPLOAD = "tests/synth/test_rights.py::", "tests/synth/test_upload.py::"
_NETWORK, _RESOURCES = "tests/synth/test_network.py::", "tests/synth/test_resources.py::"


class NotProvable(NamedTuple):
    """Why MiniStack can't judge a right, and the test of the template that covers it instead, as pytest names it."""

    reason: str
    test: str


_FUNCTION = f"{_RIGHTS}test_a_function_has_no_other_right"
_DISPATCHER = f"{_UPLOAD}test_rights_of_the_dispatcher"
_TLS_ONLY = "a rehearsal that judges speaks TLS only"
_SERVICES = "MiniStack's services reach each other without being judged"

RULES: dict[str, NotProvable | str] = {
    # What MiniStack can't judge.
    "StateMachineRole sts:*": NotProvable(
        "MiniStack assumes no role for a state machine",
        f"{_RIGHTS}test_only_this_accounts_state_machines_assume_the_state_machines_role",
    ),
    "StateMachineRole *": NotProvable(
        "MiniStack does not judge what a state machine calls",
        f"{_RIGHTS}test_the_state_machine_calls_its_functions_only",
    ),
    "* sts:AssumeRole lambda.amazonaws.com *": NotProvable(
        "MiniStack's Lambda gets a role whomever it trusts",
        f"{_RIGHTS}test_only_lambda_assumes_a_functions_role_and_only_for_this_account",
    ),
    "*Role logs:*": NotProvable("MiniStack's Lambda writes logs without being judged", _FUNCTION),
    "*Role xray:*": NotProvable("MiniStack has no X-Ray", _FUNCTION),
    "StartJobRole kms:*": NotProvable("when Comprehend uses a key with its caller's rights is undocumented", _FUNCTION),
    "StartJobRole textract:*": NotProvable(
        "whether Comprehend judges its caller or the job's role is undocumented; the emulator judges the role",
        f"{_RIGHTS}test_tags_and_textract_come_with_their_settings_only",
    ),
    "PublishFailureRole sqs:*": NotProvable(
        "MiniStack's Lambda fills dead-letter queues without being judged", _FUNCTION
    ),
    "DataAccessRole ec2:*": NotProvable(
        "the emulator makes no network interfaces", f"{_NETWORK}test_the_service_makes_network_interfaces_there_only"
    ),
    "*DispatchUploadsRole sqs:[!S]* <UploadDispatcherWakeQueue.Arn>*": NotProvable(
        "MiniStack's Lambda reads its queues without being judged", _DISPATCHER
    ),
    "*DispatchUploadsRole kms:* <UploadDispatcherQueueKey.Arn>*": NotProvable(
        "MiniStack's SQS uses no keys", _DISPATCHER
    ),
    "*BucketPolicy Deny *": NotProvable(
        _TLS_ONLY, f"{_RESOURCES}test_buckets_refuse_requests_without_tls_and_let_nobody_in"
    ),
    "UnreportedPolicy *": NotProvable(_SERVICES, f"{_RESOURCES}test_an_aborted_execution_is_reported_or_kept"),
    "*QueuePolicy Deny *": NotProvable(
        _TLS_ONLY, f"{_UPLOAD}test_queues_are_encrypted_and_take_only_tls_and_only_the_rules_of_the_workflow"
    ),
    "*QueuePolicy sqs:SendMessage *": NotProvable(
        _SERVICES, f"{_UPLOAD}test_queues_are_encrypted_and_take_only_tls_and_only_the_rules_of_the_workflow"
    ),
    "UploadDispatcherQueueKey *": NotProvable(
        "MiniStack's SQS uses no keys", f"{_UPLOAD}test_the_key_serves_eventbridge_for_this_account_only"
    ),
    "PublishFailure.Arn lambda:InvokeFunction *": NotProvable(
        _SERVICES, f"{_RESOURCES}test_an_aborted_execution_is_reported_or_kept"
    ),
    # The way of bench.iam_paths that needs the others.
    "DataAccessRole *staging/[*]*": "batch",
    "DataAccessRole *": "job",
    "InspectInputRole *staging/[*]*": "batch",
    "InspectInputRole *": "job",
    "StartJobRole *": "job",
    "PollJobRole *": "job",
    "StopJobRole *": "deadline",
    "PublishResultRole s3:ListBucket *": "deadline",
    "PublishResultRole *": "job",
    "PublishFailureRole comprehend:*": "abort",
    "PublishFailureRole events:*": "refusal",
    "StageRole *": "batch",
    "*DispatchUploadsRole *": "dispatch",
    "OutputKey kms:[*] *": "job",
    "VolumeKey kms:[*] *": "job",
}
"""By pattern, compared with a right's text ``holder action resource condition``; the first that fits counts."""


def rule_of(right: Right) -> str | None:
    """The pattern that a right falls under; None for one that nobody has thought of."""
    return next((pattern for pattern in RULES if fnmatchcase(str(right), pattern)), None)
