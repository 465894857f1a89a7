"""What the construct tells its functions: the default request, judged by the API's rules, and the settings around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration, Size, Stack, Token
from aws_cdk import aws_iam as iam
from constructs import Construct

from ._lambdas import PollSchedule, rules
from ._network import JobNetwork
from ._storage import Storage
from .values import DocumentReader, InputFormat, LanguageCode, Recognizer


@dataclass(frozen=True)
class JobDefaults:
    """What a job is started with, unless an execution's input says otherwise."""

    language_code: LanguageCode | str
    input_format: InputFormat
    recognizer: Recognizer | None
    document_reader: DocumentReader | None
    tags: Mapping[str, str]
    data_access_role: iam.IRole
    storage: Storage
    network: JobNetwork | None

    def request(self) -> dict[str, Any]:
        """A StartEntitiesDetectionJob request without input location."""
        language, reader = self.language_code, self.document_reader
        request: dict[str, Any] = {
            "LanguageCode": language.value if isinstance(language, LanguageCode) else language,
            "DataAccessRoleArn": self.data_access_role.role_arn,
            "InputDataConfig": {"InputFormat": self.input_format.value},
            "OutputDataConfig": {"S3Uri": self.storage.jobs.uri, "KmsKeyId": self.storage.output_key.key_arn},
            "VolumeKmsKeyId": self.storage.volume_key.key_arn,
        }
        if self.recognizer:
            request[self.recognizer.field] = self.recognizer.arn
        if reader:
            request["InputDataConfig"]["DocumentReaderConfig"] = reader.request()
        if self.network:
            request["VpcConfig"] = self.network.request()
        if self.tags:
            request["Tags"] = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        return request

    def accepted_values(self) -> list[str]:
        """Values that pass unjudged, since they came from ``of()`` and may be newer than the rules."""
        language, reader = self.language_code, self.document_reader
        return sorted(
            {
                self.input_format.value,
                *([language.value] if isinstance(language, LanguageCode) else []),
                *([reader.action, reader.mode, *reader.features] if reader else []),
            }
        )

    def check(self, scope: Construct) -> None:
        """Judge the request at synth time; CDK tokens pass.

        Raises:
            ValueError: with all broken rules.
        """
        request = self.request()
        request["InputDataConfig"]["S3Uri"] = self.storage.documents.judged_uri
        request["OutputDataConfig"]["S3Uri"] = self.storage.jobs.judged_uri
        found = rules.violations(
            request,
            region=Stack.of(scope).region,
            is_token=lambda value: isinstance(value, str) and Token.is_unresolved(value),
            accepted=frozenset(self.accepted_values()),
        )
        if found:
            raise ValueError(rules.explain(found))


def settings(
    defaults: JobDefaults,
    *,
    allow_overrides: Sequence[str],
    maximum_duration: Duration,
    poll_schedule: PollSchedule,
    maximum_documents: int | None,
    maximum_size: Size | None,
    maximum_cost_usd: float | None,
) -> dict[str, Any]:
    """The ``Settings`` of docs/architecture.md, section 2.

    Raises:
        ValueError: a name in ``allow_overrides`` that is no protected field.
    """
    unknown = sorted(set(allow_overrides) - set(rules.PROTECTED))
    if unknown:
        raise ValueError(f"allow_overrides can name {', '.join(rules.PROTECTED)}; got {', '.join(unknown)}")
    storage = defaults.storage
    ceilings = {
        "Documents": maximum_documents,
        "Bytes": maximum_size and maximum_size.to_bytes(),
        "CostUsd": maximum_cost_usd,
    }
    return {
        "Request": defaults.request(),
        "AcceptedValues": defaults.accepted_values(),
        "AllowedOverrides": sorted(allow_overrides),
        "InputUris": [storage.documents.uri, storage.staging.uri],
        "StagingUri": storage.staging.uri,
        "WorkUri": storage.work.uri,
        "ResultsUri": storage.results.uri,
        "Limits": {name: value for name, value in ceilings.items() if value is not None},
        "MaximumSeconds": maximum_duration.to_seconds(),
        "Schedule": poll_schedule.settings(),
    }
