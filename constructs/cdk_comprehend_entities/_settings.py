"""Settings that the construct gives its functions: the default request, and more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import jsii
from aws_cdk import Annotations, IStableAnyProducer, Lazy
from aws_cdk import aws_iam as iam
from constructs import Construct

from entities_job.contracts import (
    CONTRACT_VERSION,
    BatchSettings,
    InputDataConfig,
    JobRequest,
    Settings,
    TriggerRequest,
)
from entities_job.job.schedule import PollSchedule
from entities_job.request import limits as service
from entities_job.request import rules

from ._storage import Storage
from ._values import DocumentReader, ExecutionLimits, InputFormat, LanguageCode, Recognizer
from .network.job import JobNetwork


@jsii.implements(IStableAnyProducer)
class AcceptedValues:
    """Enum values that may be newer than the rules, by the path of their field; upload triggers add theirs."""

    def __init__(self, given: Mapping[str, object]) -> None:
        self.values = newer_values(given)

    def add(self, given: Mapping[str, object]) -> None:
        """Accept what :func:`newer_values` finds in more arguments."""
        for field, values in newer_values(given).items():
            self.values.setdefault(field, []).extend(values)

    def produce(self) -> dict[str, list[str]]:
        """Return what stands in the template; CDK calls it when all is added."""
        return self.values


def newer_values(given: Mapping[str, object]) -> dict[str, list[str]]:
    """Return the accepted values of arguments: members of the enums may be newer than the rules, texts mistaken."""
    fields = {"language_code": "LanguageCode", "input_format": "InputDataConfig.InputFormat"}
    values = {field: given.get(name) for name, field in fields.items()}
    return {field: [str(value)] for field, value in values.items() if isinstance(value, LanguageCode | InputFormat)}


def default_request(
    language_code: LanguageCode | str,
    input_format: InputFormat | str,
    recognizer: Recognizer | None,
    document_reader: DocumentReader | None,
    tags: Mapping[str, str] | None,
) -> dict[str, Any]:
    """Return the fields of the default request that need no resource; :func:`settings` completes it."""
    documents: InputDataConfig = {"InputFormat": str(input_format)}
    if document_reader:
        documents["DocumentReaderConfig"] = document_reader.request()
    return {
        "LanguageCode": str(language_code),
        "InputDataConfig": documents,
        **({recognizer.field: str(recognizer.arn)} if recognizer else {}),
        **({"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}),
    }


def trigger_request(
    request: JobRequest, language_code: LanguageCode | str | None, recognizer: Recognizer | None
) -> tuple[TriggerRequest, JobRequest]:
    """Return the request of an upload trigger, with ``request`` added."""
    own: TriggerRequest = {}
    if language_code:
        own["LanguageCode"] = str(language_code)
    whole = request.copy()
    if recognizer:
        own[recognizer.field] = str(recognizer.arn)
        # A job uses one model: the trigger's own replaces the workflow's, of either kind.
        for field in rules.MODELS:
            whole.pop(field, None)  # type: ignore[misc]  # both may be missing
    return own, {**whole, **own}


def settings(
    request: Mapping[str, Any],
    accepted: AcceptedValues,
    *,
    data_access_role: iam.IRole,
    storage: Storage,
    network: JobNetwork | None,
    allow_overrides: Sequence[str],
    limits: ExecutionLimits,
    poll_schedule: PollSchedule,
    completion_events: bool,
    unique_names: bool,
) -> Settings:
    """Return the ``Settings`` of the state machine's tasks."""
    completed: dict[str, Any] = {
        **request,
        "DataAccessRoleArn": data_access_role.role_arn,
        "OutputDataConfig": {"S3Uri": storage.jobs.uri, "KmsKeyId": storage.output_key.key_arn},
        "VolumeKmsKeyId": storage.volume_key.key_arn,
        **({"VpcConfig": network.request} if network else {}),
    }
    made: Settings = {
        "ContractVersion": CONTRACT_VERSION,
        "Request": cast(JobRequest, completed),
        "AcceptedValues": cast("dict[str, list[str]]", Lazy.any(accepted)),
        "AllowedOverrides": sorted(allow_overrides),
        "InputUris": [storage.documents.uri, storage.staging.uri],
        "StagingUri": storage.staging.uri,
        "ResultsUri": storage.results.uri,
        "Limits": limits.ceilings(),
        "MaximumSlotSeconds": limits.slot_duration.to_seconds(),
        "MaximumQueueSeconds": limits.queue_duration.to_seconds(),
        "CompletionEvents": completion_events,
        "Schedule": poll_schedule.settings(),
    }
    if unique_names:
        made["UniqueNames"] = True
    return made


def batch_settings(
    settings: Settings, own: TriggerRequest, request: JobRequest, suffixes: Sequence[str], maximum_documents: int
) -> BatchSettings:
    """Return the request and the limits of an upload trigger's batches."""
    most = settings["Limits"]
    return {
        "Request": own,
        "Suffixes": list(suffixes),
        "Custom": rules.is_custom(request),
        "ByLine": request["InputDataConfig"].get("InputFormat") == InputFormat.ONE_DOC_PER_LINE,
        "Limits": {
            **most,
            "Documents": min(maximum_documents, most.get("Documents", maximum_documents)),
            "Bytes": most.get("Bytes", service.MAXIMUM_BYTES),
        },
    }


def warn_in_vain(scope: Construct, request: JobRequest) -> None:
    """Warn of fields of a request that have no effect."""
    for remark in rules.remarks(request):
        Annotations.of(scope).add_warning_v2(f"cdk-comprehend-entities:{remark.field}", str(remark))
