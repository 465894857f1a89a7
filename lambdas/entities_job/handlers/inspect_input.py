"""InspectInput: completes and judges the request, then looks at every document before anything is paid for."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import Location, client, logger, task
from ..errors import RequestRefused
from ..publish import inventory
from ..request.completion import complete
from ..request.limits import MAXIMUM_DOCUMENTS, Tally, units
from ..request.rules import Violation, explain

_SPOT_CHECKS = 20
_SPOT_BYTES = 64 * 1024


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Judge ``event["Input"]`` and list its documents. Payload and answer: docs/architecture.md, InspectInput.

    Raises:
        RequestRefused: with every broken rule and limit in its message.
    """
    settings = event["Settings"]
    request = complete(event["Input"], settings)
    data = request["InputDataConfig"]
    custom = bool(request.get("EntityRecognizerArn") or request.get("FlywheelArn"))
    tally = Tally(custom=custom, by_line=data.get("InputFormat") == "ONE_DOC_PER_LINE")
    target = Location.of(settings["WorkUri"]) / event["Execution"]["Name"] / "inventory.jsonl.gz"
    inventory.write(target, _inspected(Location.of(data["S3Uri"]), settings["StagingUri"], tally))
    found = list(tally.violations(data["S3Uri"], settings["Limits"]))
    if found:
        raise RequestRefused(explain(found))
    logger.info(
        "input inspected", extra={"documents": tally.documents, "bytes": tally.size, "warnings": len(tally.warnings)}
    )
    return {
        "Request": request,
        "Inventory": {"Uri": target.uri, "Documents": tally.documents, "Files": tally.files, "Bytes": tally.size},
        "Estimate": {"Units": tally.units, "CostUsd": tally.cost},
        "Warnings": tally.warnings,
    }


def _inspected(source: Location, staging_uri: str | None, tally: Tally) -> Iterator[dict[str, Any]]:
    origins = _origins(source) if staging_uri and source.uri.startswith(staging_uri) else {}
    for item in _listed(source):
        file = item["Key"].rsplit("/", 1)[-1]
        entry = {
            "File": file,
            "Source": Location(source.bucket, item["Key"]).uri,
            "Size": item["Size"],
            **origins.get(file, {}),
        }
        line_units = 0
        if tally.by_line:
            entry["Lines"], line_units = _lines(source.bucket, item["Key"], tally)
        elif tally.files < _SPOT_CHECKS and not tally.custom:
            _check_encoding(source.bucket, item["Key"], tally)
        tally.add(entry, line_units)
        yield entry
        if tally.documents > MAXIMUM_DOCUMENTS:
            return


def _listed(source: Location) -> Iterator[dict[str, Any]]:
    """The objects that the service would read: all under a prefix that ends in a slash, or the one object named.

    The service takes S3Uri for a string prefix: without the slash, ``in/doc1`` would also take ``in/doc10``.
    """
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=source.bucket, Prefix=source.key)
    for page in pages:
        for item in page.get("Contents", []):
            if not source.key.endswith("/") and item["Key"] != source.key:
                rule = f"must end in / or name one whole object; as a prefix it would also take {item['Key']}"
                raise RequestRefused(
                    explain([Violation("InputDataConfig.S3Uri", source.uri, rule, "API model, S3Uri")])
                )
            if not item["Key"].endswith("/"):
                yield item


def _origins(documents: Location) -> dict[str, dict[str, Any]]:
    """What a batch's manifest says of each staged copy: its original object and version."""
    manifest = Location(documents.bucket, f"{documents.key.rstrip('/').rsplit('/', 1)[0]}/manifest/")
    found: dict[str, dict[str, Any]] = {}
    for item in _listed(manifest):
        body = client("s3").get_object(Bucket=manifest.bucket, Key=item["Key"])["Body"]
        for line in body.iter_lines():
            entry = json.loads(line)
            found[entry["File"]] = entry
    return found


def _lines(bucket: str, key: str, tally: Tally) -> tuple[int, int]:
    """Count a file's lines and their charged units, and check all of its text.

    Lines end in LF, CR or CRLF; an undecodable line makes the service drop the rest of its file.
    """
    body = client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    lines = charged = held = 0
    broken = after_return = False
    for chunk in body.iter_chunks(1024 * 1024):
        text = decoder.decode(chunk)
        broken = broken or "\ufffd" in text
        if after_return and text.startswith("\n"):
            text = text[1:]
        after_return = text.endswith("\r")
        *whole, last = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if whole:
            charged += units(held + len(whole[0])) + sum(units(len(line)) for line in whole[1:])
            lines, held = lines + len(whole), 0
        held += len(last)
    if broken:
        tally.warn(
            key.rsplit("/", 1)[-1], "is not UTF-8 throughout; the service drops what follows the first such line"
        )
    return (lines + 1, charged + units(held)) if held else (lines, charged)


def _check_encoding(bucket: str, key: str, tally: Tally) -> None:
    answer = client("s3").get_object(Bucket=bucket, Key=key)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(answer["Body"].read(_SPOT_BYTES))
    except UnicodeDecodeError:
        tally.warn(key.rsplit("/", 1)[-1], "is not UTF-8; the service takes nothing else")
    finally:
        answer["Body"].close()
