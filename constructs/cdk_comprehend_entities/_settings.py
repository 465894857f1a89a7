"""What the construct tells its functions: the default request, judged by the API's rules, and more settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_iam as iam
from constructs import Construct

from entities_job.job.schedule import PollSchedule
from entities_job.request import limits, rules

from ._network import JobNetwork
from ._storage import Storage
from .values import DocumentReader, InputFormat, LanguageCode, Recognizer


def settings(
    scope: Construct,
    *,
    language_code: LanguageCode | str,
    input_format: InputFormat,
    recognizer: Recognizer | None,
    document_reader: DocumentReader | None,
    tags: Mapping[str, str] | None,
    data_access_role: iam.IRole,
    storage: Storage,
    network: JobNetwork | None,
    allow_overrides: Sequence[str],
    maximum_duration: Duration,
    duration_per_gigabyte: Duration,
    maximum_queue_duration: Duration,
    poll_schedule: PollSchedule,
    completion_events: bool,
    ceilings: Mapping[str, float | None],
) -> dict[str, Any]:
    """The ``Settings`` of docs/architecture.md, section 2.

    Raises:
        ValueError: with all rules that the request breaks, or a name in ``allow_overrides`` that is no protected field.
    """
    unknown = sorted(set(allow_overrides) - set(rules.PROTECTED))
    if unknown:
        raise ValueError(f"allow_overrides can name {', '.join(rules.PROTECTED)}; got {', '.join(unknown)}")
    reader = document_reader.request() if document_reader else None
    request = {
        "LanguageCode": str(language_code),
        "DataAccessRoleArn": data_access_role.role_arn,
        "InputDataConfig": {"InputFormat": str(input_format), **({"DocumentReaderConfig": reader} if reader else {})},
        "OutputDataConfig": {"S3Uri": storage.jobs.uri, "KmsKeyId": storage.output_key.key_arn},
        "VolumeKmsKeyId": storage.volume_key.key_arn,
        **({recognizer.field: recognizer.arn} if recognizer else {}),
        **({"VpcConfig": network.request()} if network else {}),
        **({"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}),
    }
    # Members of the enums may be newer than the rules, plain text may be mistaken.
    enums = {"LanguageCode": language_code, "InputDataConfig.InputFormat": input_format}
    accepted = {field: [str(value)] for field, value in enums.items() if isinstance(value, LanguageCode | InputFormat)}
    _check(scope, request, storage, accepted)
    return {
        "Request": request,
        "AcceptedValues": accepted,
        "AllowedOverrides": sorted(allow_overrides),
        "InputUris": [storage.documents.uri, storage.staging.uri],
        "StagingUri": storage.staging.uri,
        "WorkUri": storage.work.uri,
        "ResultsUri": storage.results.uri,
        "Limits": {name: ceiling for name, ceiling in ceilings.items() if ceiling is not None},
        "MaximumSeconds": maximum_duration.to_seconds(),
        "SecondsPerGigabyte": duration_per_gigabyte.to_seconds(),
        "MaximumQueueSeconds": maximum_queue_duration.to_seconds(),
        "CompletionEvents": completion_events,
        "Schedule": poll_schedule.settings(),
    }


def upload_settings(
    scope: Construct, settings: Mapping[str, Any], storage: Storage, own: Mapping[str, str], maximum_documents: int
) -> dict[str, Any]:
    """What an upload trigger tells the dispatcher: its ``own`` request fields, and the limits of its batches.

    Raises:
        ValueError: a field that may not be overridden, or all rules that the request breaks.
    """
    refused = sorted(own.keys() & set(rules.PROTECTED) - set(settings["AllowedOverrides"]))
    if refused:
        raise ValueError(f"uploads that set {', '.join(refused)} need a workflow whose allow_overrides name it")
    # A job uses one model: the trigger's own replaces the workflow's, of either kind.
    replaced = rules.MODELS if rules.is_custom(own) else ()
    request = {**{field: value for field, value in settings["Request"].items() if field not in replaced}, **own}
    ceilings = settings["Limits"]
    _check(scope, request, storage, settings["AcceptedValues"])
    return {
        "request": own,
        "custom": rules.is_custom(request),
        "by_line": request["InputDataConfig"]["InputFormat"] == InputFormat.ONE_DOC_PER_LINE,
        "limits": {
            **ceilings,
            "Documents": min(maximum_documents, ceilings.get("Documents", maximum_documents)),
            "Bytes": ceilings.get("Bytes", limits.MAXIMUM_BYTES),
        },
    }


def _check(
    scope: Construct, request: Mapping[str, Any], storage: Storage, accepted: Mapping[str, Sequence[str]]
) -> None:
    judged = {
        **request,
        "InputDataConfig": {**request["InputDataConfig"], "S3Uri": storage.documents.judged_uri},
        "OutputDataConfig": {**request["OutputDataConfig"], "S3Uri": storage.jobs.judged_uri},
    }
    found = rules.violations(
        judged,
        region=Stack.of(scope).region,
        is_token=lambda value: isinstance(value, str) and Token.is_unresolved(value),
        accepted=accepted,
    )
    if found:
        raise ValueError(rules.explain(found))
