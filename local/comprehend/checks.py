"""Rules over several fields of a StartEntitiesDetectionJob request, as the service's documentation states them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from botocore.session import get_session

from .errors import ServiceError, usual
from .settings import Settings

MAXIMUM_TAGS = 50


@cache
def regions() -> frozenset[str]:
    """The Regions with Comprehend, in all partitions."""
    session = get_session()
    partitions = session.get_available_partitions()
    return frozenset(
        region for partition in partitions for region in session.get_available_regions("comprehend", partition)
    )


@cache
def partition_of(region: str) -> str:
    """The partition of a Region, as ARNs name it."""
    partition: str = get_session().get_partition_for_region(region)
    return partition


def check_region(region: str) -> None:
    """Refuse a Region without Comprehend.

    Raises:
        ServiceError: InvalidRequestException. In reality the endpoint's name is not even found.
    """
    if region not in regions():
        raise ServiceError("InvalidRequestException", f"Amazon Comprehend is not available in the Region {region}.")


def check_start(request: dict[str, Any], settings: Settings) -> None:
    """Judge the rules that need nothing but the request.

    Raises:
        ServiceError: the first broken rule.
    """
    custom = "EntityRecognizerArn" in request or "FlywheelArn" in request
    if "EntityRecognizerArn" in request and "FlywheelArn" in request:
        raise _invalid("Specify either EntityRecognizerArn or FlywheelArn, not both.")
    if settings.document_reader_rules == "refused" and "DocumentReaderConfig" in request["InputDataConfig"]:
        _check_document_reader(request["InputDataConfig"], custom, settings.default_input_format)
    if "alias/" in request.get("VolumeKmsKeyId", ""):
        raise usual("KmsKeyValidationException")
    check_tags(request.get("Tags", []))


def check_tags(tags: Sequence[Mapping[str, str]]) -> None:
    """Judge the tags of a request.

    Raises:
        ServiceError: TooManyTagsException, or InvalidRequestException for keys that are repeated or reserved.
    """
    keys = [tag["Key"] for tag in tags]
    if len(keys) > MAXIMUM_TAGS:
        raise usual("TooManyTagsException")
    if repeated := [key for key, count in Counter(keys).items() if count > 1]:
        raise _invalid(f"Duplicate tag keys found: {', '.join(repeated)}")
    if reserved := [key for key in keys if key.lower().startswith("aws:")]:
        raise _invalid(f"Tag keys must not start with aws: {', '.join(reserved)}")


def _check_document_reader(input_config: dict[str, Any], custom: bool, default_format: str) -> None:
    reader = input_config["DocumentReaderConfig"]
    if not custom:
        raise _invalid("DocumentReaderConfig needs a custom model: specify EntityRecognizerArn or FlywheelArn.")
    if input_config.get("InputFormat", default_format) != "ONE_DOC_PER_FILE":
        raise _invalid("DocumentReaderConfig needs the InputFormat ONE_DOC_PER_FILE.")
    if (reader["DocumentReadAction"] == "TEXTRACT_ANALYZE_DOCUMENT") != ("FeatureTypes" in reader):
        raise _invalid("FeatureTypes must be specified with TEXTRACT_ANALYZE_DOCUMENT, and only with it.")


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidRequestException", message)
