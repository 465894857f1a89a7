"""What to check for each known cause of failure, by the service's error code or the code that begins its message."""

from __future__ import annotations

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
        "a role lacks a right, or the request asks for a key, subnet, security group or recognizer that the role's "
        "conditions don't allow; the message names the action"
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
    "ResourceInUseException": "another job has this JobName; give another one, or leave it out",
    "JobNotFoundException": (
        "the service knows no such job in this Region; its record may have been kept for a limited time only"
    ),
    "InternalServerException": "the service had a fault of its own; start the execution again",
    "RequestRefused": "nothing was started or paid; correct the execution's input and start it again",
    "UnknownJobStatus": "the service answered a job status that this version does not know; look for a newer version",
    "ArchiveDamaged": "what came before the damage is published; the archive is where the job's OutputDataConfig says",
    "ResultTooLarge": (
        "what came first is published; the archive is where the job's OutputDataConfig says; next time, give each job "
        "fewer documents"
    ),
    "ResultIncomplete": "the summary names the documents; correct them, or leave them out, and analyse them again",
    "JobStopped": "somebody asked the service to stop the job",
    "JobTimedOut": "raise the workflow's maximum_duration, or give each job fewer documents",
    "JobNotBegun": (
        "the service did not begin the job within the workflow's maximum_queue_duration; look for an incident of the "
        "service, then start the execution again"
    ),
    "JobAbandoned": "its execution ended while the job was being started; start the execution again",
    "ExecutionAborted": "somebody stopped the execution, and its job was stopped with it; start the execution again",
}


def hint(code: str, message: str = "") -> str | None:
    """What a stranger should check, or None where nothing better is known than the message."""
    names = (code, code.removesuffix("Exception"), message.partition(":")[0])
    return next((HINTS[name] for name in names if name in HINTS), None)
