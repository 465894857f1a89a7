"""What the construct tells its functions: the default request, judged by the API's rules, and the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_iam as iam
from constructs import Construct

from ._lambdas import PollSchedule, limits, rules
from ._network import JobNetwork
from ._storage import Storage
from .values import DocumentReader, InputFormat, LanguageCode, Recognizer


def default_request(
    *,
    language_code: LanguageCode | str,
    input_format: InputFormat,
    recognizer: Recognizer | None,
    document_reader: DocumentReader | None,
    tags: Mapping[str, str] | None,
    data_access_role: iam.IRole,
    storage: Storage,
    network: JobNetwork | None,
) -> dict[str, Any]:
    """The StartEntitiesDetectionJob request of a job whose caller gives an input location only."""
    reader = {"DocumentReaderConfig": document_reader.request()} if document_reader else {}
    request: dict[str, Any] = {
        "LanguageCode": text_of(language_code),
        "DataAccessRoleArn": data_access_role.role_arn,
        "InputDataConfig": {"InputFormat": input_format.value, **reader},
        "OutputDataConfig": {"S3Uri": storage.jobs.uri, "KmsKeyId": storage.output_key.key_arn},
        "VolumeKmsKeyId": storage.volume_key.key_arn,
    }
    if recognizer:
        request[recognizer.field] = recognizer.arn
    if network:
        request["VpcConfig"] = network.request()
    if tags:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return request


def text_of(language_code: LanguageCode | str) -> str:
    """The language code as text."""
    return language_code.value if isinstance(language_code, LanguageCode) else language_code


def accepted_values(
    language_code: LanguageCode | str, input_format: InputFormat, document_reader: DocumentReader | None
) -> frozenset[str]:
    """Values that pass unjudged, since they are objects made by ``of()`` and may be newer than the rules."""
    language = [language_code.value] if isinstance(language_code, LanguageCode) else []
    return frozenset([input_format.value, *language, *(document_reader.values() if document_reader else [])])


def check_request(scope: Construct, request: Mapping[str, Any], storage: Storage, accepted: frozenset[str]) -> None:
    """Judge the request at synth time; CDK tokens and ``accepted`` values pass.

    Raises:
        ValueError: with all broken rules.
    """
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


def settings(
    request: Mapping[str, Any],
    storage: Storage,
    *,
    accepted: frozenset[str],
    allow_overrides: Sequence[str],
    maximum_duration: Duration,
    poll_schedule: PollSchedule,
    ceilings: Mapping[str, float | None],
) -> dict[str, Any]:
    """The ``Settings`` of docs/architecture.md, section 2.

    Raises:
        ValueError: a name in ``allow_overrides`` that is no protected field.
    """
    unknown = sorted(set(allow_overrides) - set(rules.PROTECTED))
    if unknown:
        raise ValueError(f"allow_overrides can name {', '.join(rules.PROTECTED)}; got {', '.join(unknown)}")
    return {
        "Request": request,
        "AcceptedValues": sorted(accepted),
        "AllowedOverrides": sorted(allow_overrides),
        "InputUris": [storage.documents.uri, storage.staging.uri],
        "StagingUri": storage.staging.uri,
        "WorkUri": storage.work.uri,
        "ResultsUri": storage.results.uri,
        "Limits": {name: ceiling for name, ceiling in ceilings.items() if ceiling is not None},
        "MaximumSeconds": maximum_duration.to_seconds(),
        "Schedule": poll_schedule.settings(),
    }


def upload_settings(
    scope: Construct,
    settings: Mapping[str, Any],
    storage: Storage,
    own: Mapping[str, Any],
    maximum_documents: int,
) -> dict[str, Any]:
    """What an upload trigger tells the dispatcher: its ``own`` request fields, judged, and the limits of its batches.

    Raises:
        ValueError: a field that may not be overridden, or a value that breaks a rule.
    """
    refused = sorted(own.keys() & set(rules.PROTECTED) - set(settings["AllowedOverrides"]))
    if refused:
        raise ValueError(f"uploads that set {', '.join(refused)} need a workflow whose allow_overrides name it")
    request = {**settings["Request"], **own}
    check_request(scope, request, storage, frozenset(settings["AcceptedValues"]))
    ceilings = settings["Limits"]
    return {
        "request": own,
        "custom": any(request.get(field) for field in ("EntityRecognizerArn", "FlywheelArn")),
        "by_line": request["InputDataConfig"]["InputFormat"] == "ONE_DOC_PER_LINE",
        "limits": {
            **ceilings,
            "Documents": min(maximum_documents, ceilings.get("Documents", maximum_documents)),
            "Bytes": ceilings.get("Bytes", limits.MAXIMUM_BYTES),
        },
    }
