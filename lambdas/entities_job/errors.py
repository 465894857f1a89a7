"""Errors of the functions, and what to check for each known cause of a failure.

The class names are the error names that Step Functions sees, so they are API.

JobError
+-- RequestRefused          the request breaks a rule or a limit: nothing was started
+-- ContractNotUnderstood   the execution's definition is of a version that the functions don't know
+-- SlotTaken               as many jobs as may be are active: tried again later
+-- NoFreeSlot              that was so for longer than the workflow's limit
+-- EventNotAccepted        EventBridge did not take an outcome
+-- ServiceError            what an AWS service answered; its subclasses bear the service's own code
"""

from __future__ import annotations

from botocore.exceptions import ClientError


class JobError(Exception):
    """Base of all errors that the functions raise on purpose."""


class RequestRefused(JobError):
    """The request breaks a rule or a limit; nothing was started."""


class ContractNotUnderstood(JobError):
    """The definition of a running execution sends payloads of a version that the functions don't know."""


class SlotTaken(JobError):
    """As many jobs as may be are active."""


class NoFreeSlot(JobError):
    """No slot for a job became free within the workflow's limit; nothing was started."""


class EventNotAccepted(JobError):
    """EventBridge did not take the event."""


class ServiceError(JobError):
    """A service's own error; the class that is raised bears the service's error code as its name."""


def named(error: ClientError) -> ServiceError:
    """Return the same error under a class named by its code.

    A Lambda function reports the Python class name to Step Functions, and boto3 raises many codes
    (ThrottlingException, AccessDeniedException) as plain ClientError, which no Retry could match.
    """
    code = str(error.response.get("Error", {}).get("Code", "ServiceError"))
    name = "".join(c for c in code if c.isalnum()) or "ServiceError"
    kind: type[ServiceError] = type(name, (ServiceError,), {"__doc__": ServiceError.__doc__})
    return kind(str(error))


HINTS = {
    "NO_READ_ACCESS_TO_INPUT": (
        "the data-access role needs s3:GetObject on the input prefix, s3:ListBucket on its bucket and, for a KMS "
        "bucket, kms:Decrypt on the bucket's key; a bucket or key of another account must allow the role as well"
    ),
    "NO_WRITE_ACCESS_TO_OUTPUT": (
        "the data-access role needs s3:PutObject on the output prefix and kms:GenerateDataKey and kms:Decrypt on "
        "the output key; a bucket or key of another account must allow the role as well"
    ),
    "AccessDenied": (
        "a role lacks a permission, or the request names a key, subnet, security group or recognizer that the role's "
        "conditions don't allow; the message has the action"
    ),
    "TooManyRequestsException": (
        "the account's quota of active entity-detection jobs or of requests is used up; wait for jobs to end, or "
        "start fewer and larger ones"
    ),
    "ThrottlingException": "requests come faster than the account's quota allows; start fewer and larger jobs",
    "ResourceNotFoundException": "check that the recognizer or flywheel exists in this Region and account",
    "ResourceUnavailableException": (
        "the recognizer or flywheel must have been trained and be active; wait until its training has ended"
    ),
    "KmsKeyValidationException": (
        "check that the key exists, is enabled and symmetric, and that its policy lets the data-access role use it"
    ),
    "TooManyTagsException": "a job takes at most 50 tags",
    "ResourceInUseException": "another job has this JobName; choose another one, or omit it",
    "JobNotFoundException": ("the service has no such job in this Region; it may keep records for a limited time only"),
    "InternalServerException": "the service failed with an internal error; start the execution again",
    "InvalidRequestException": (
        "the service rejected the request; the message has the field: correct the execution's input or the "
        "workflow's settings"
    ),
    "ContractNotUnderstood": (
        "the execution started before this version of the functions was deployed; start the execution again"
    ),
    "RequestRefused": "nothing was started or paid; correct the execution's input and start it again",
    "UnknownJobStatus": "the service returned a job status that this version does not know; check for a newer version",
    "ArchiveDamaged": "records before the damage are published; the archive is at the job's OutputDataConfig",
    "ResultTooLarge": (
        "the first records are published; the archive is at the job's OutputDataConfig; next time, put fewer "
        "documents into each job"
    ),
    "ResultIncomplete": "the summary lists the documents; correct or remove them, and submit them again",
    "JobStopped": "the job was stopped from outside; partial results are published",
    "JobTimedOut": "raise the workflow's limits.duration, or put fewer documents into each job",
    "JobNotBegun": (
        "the service did not start to process the job within the workflow's queue_duration; check for an "
        "incident of the service, then start the execution again"
    ),
    "NoFreeSlot": (
        "nothing was started or paid; start the execution again when fewer jobs are active, or raise the workflow's "
        "limits.slot_duration"
    ),
    "JobNotStopped": "ask AWS Support about the job: it may still run and cost money",
    "NothingToAnalyse": "results/refused/ lists each upload of the batch with the reason",
    "ExecutionAborted": "the execution was stopped, and its job with it; start the execution again",
}


def take_up(job_id: str) -> str:
    """Return how a job is followed and published without being paid for again."""
    return f'start an execution with {{"JobId": "{job_id}"}} to follow the job and publish its result at no charge'


def hint(code: str, message: str = "") -> str | None:
    """Return what to check for an error, or None if the message says it all.

    Args:
        code: the service's error code, or ours.
        message: the service's text; its failed jobs begin it with a code of their own.
    """
    names = (code, code.removesuffix("Exception"), message.partition(":")[0])
    return next((HINTS[name] for name in names if name in HINTS), None)
