"""What the construct tells its functions: the default request, checked by the API's rules, and more settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Stack, Token
from aws_cdk import aws_iam as iam
from constructs import Construct

from entities_job.contracts import CONTRACT_VERSION, BatchSettings, JobRequest, Settings, TriggerRequest
from entities_job.job.schedule import PollSchedule
from entities_job.request import limits as service
from entities_job.request import rules

from ._storage import Storage
from ._values import DocumentReader, ExecutionLimits, InputFormat, LanguageCode, Recognizer
from .network.job import JobNetwork


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
    limits: ExecutionLimits,
    poll_schedule: PollSchedule,
    completion_events: bool,
) -> Settings:
    """Return what each task of the state machine gets as ``Settings``.

    Raises:
        ValueError: with all rules that the request breaks, or a name in ``allow_overrides`` that is no protected field.
    """
    unknown = sorted(set(allow_overrides) - set(rules.PROTECTED))
    if unknown:
        raise ValueError(f"allow_overrides can name {', '.join(rules.PROTECTED)}; got {', '.join(unknown)}")
    request: JobRequest = {
        "LanguageCode": str(language_code),
        "DataAccessRoleArn": data_access_role.role_arn,
        "InputDataConfig": {"InputFormat": str(input_format)},
        "OutputDataConfig": {"S3Uri": storage.jobs.uri, "KmsKeyId": storage.output_key.key_arn},
        "VolumeKmsKeyId": storage.volume_key.key_arn,
    }
    if document_reader:
        request["InputDataConfig"]["DocumentReaderConfig"] = document_reader.request()
    if recognizer:
        request[recognizer.field] = recognizer.arn
    if network:
        request["VpcConfig"] = network.request
    if tags:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    # Members of the enums may be newer than the rules, plain text may be mistaken.
    enums = {"LanguageCode": language_code, "InputDataConfig.InputFormat": input_format}
    accepted = {field: [str(value)] for field, value in enums.items() if isinstance(value, LanguageCode | InputFormat)}
    _check(scope, request, storage, accepted)
    return {
        "ContractVersion": CONTRACT_VERSION,
        "Request": request,
        "AcceptedValues": accepted,
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


def batch_settings(
    scope: Construct,
    settings: Settings,
    storage: Storage,
    *,
    language_code: LanguageCode | str | None,
    recognizer: Recognizer | None,
    suffixes: Sequence[str],
    maximum_documents: int,
) -> BatchSettings:
    """Return what an upload trigger's batches ask for and may hold.

    Raises:
        ValueError: a field that may not be overridden, or all rules that the request breaks.
    """
    own: TriggerRequest = {}
    if language_code:
        own["LanguageCode"] = str(language_code)
    if recognizer:
        own[recognizer.field] = recognizer.arn
    refused = sorted(own.keys() & set(rules.PROTECTED) - set(settings["AllowedOverrides"]))
    if refused:
        raise ValueError(f"uploads that set {', '.join(refused)} need a workflow whose allow_overrides name it")
    request = settings["Request"].copy()
    if recognizer:
        # A job uses one model: the trigger's own replaces the workflow's, of either kind.
        request.pop("EntityRecognizerArn", None)
        request.pop("FlywheelArn", None)
    request = {**request, **own}
    _check(scope, request, storage, settings["AcceptedValues"])
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


def _check(scope: Construct, request: JobRequest, storage: Storage, accepted: Mapping[str, Sequence[str]]) -> None:
    checked: JobRequest = {
        **request,
        "InputDataConfig": {**request["InputDataConfig"], "S3Uri": storage.documents.comparable_uri},
        "OutputDataConfig": {**request["OutputDataConfig"], "S3Uri": storage.jobs.comparable_uri},
    }
    found = rules.violations(
        checked,
        region=Stack.of(scope).region,
        is_token=lambda value: isinstance(value, str) and Token.is_unresolved(value),
        accepted=accepted,
    )
    if found:
        raise ValueError(rules.explain(found))
