"""Stage: copies one shard of a batch's uploads under the batch's own prefix, inside S3.

Every step may be repeated: copies have fixed names, and what a batch has claimed stays its own.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from ..aws import Location, client, logger, task
from ..request.limits import MINIMUM_BYTES

_THREADS = 16
_PADDING = "padding.txt"
_PADDING_BYTES = b"This line fills a small batch up to the least size of a job. " * 9 + b"\n"
_FIRST_SHARD = "00000.jsonl"

_REFUSALS = {
    "NoSuchKey": ("SOURCE_DELETED", "was deleted before it was copied"),
    "NoSuchVersion": ("SOURCE_DELETED", "was deleted before it was copied"),
    "MethodNotAllowed": ("SOURCE_DELETED", "was deleted before it was copied"),
    "PreconditionFailed": ("SOURCE_OVERWRITTEN", "was overwritten before it was copied, in a bucket without versions"),
    "InvalidObjectState": ("SOURCE_ARCHIVED", "lies in an archive storage class, from which S3 copies nothing"),
}


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Stage the shard ``event["Shard"]``, a URI ``.../<batch>/manifest/<nnnnn>.jsonl``.

    Refused uploads are reported under ``event["ResultsUri"]``.
    Answer: ``{"Staged": n, "Refused": n, "Duplicates": n}``.
    """
    shard = Shard(Location.of(event["Shard"]), Location.of(event["ResultsUri"]))
    counts = shard.stage()
    logger.info("shard staged", extra={"shard": event["Shard"], **counts})
    return counts


class Shard:
    """One file of a batch's manifest, and the places that belong to it."""

    def __init__(self, manifest: Location, results: Location) -> None:
        folder, self._name = manifest.key.rsplit("/", 1)
        self._manifest = manifest
        self._place = Location(manifest.bucket, folder.rsplit("/", 1)[0])
        staging, self._batch = self._place.key.rsplit("/", 1)
        self._claims = Location(manifest.bucket, staging) / "claims"
        date = self._batch.split("-")[1]
        part = f"job_date={date[:4]}-{date[4:6]}-{date[6:8]}/{self._batch}-{self._name}.gz"
        self._report = results / "refused" / part

    def stage(self) -> dict[str, int]:
        """Copy what the manifest lists and nobody else has claimed; report what can't be copied."""
        entries = [json.loads(line) for line in _get(self._manifest).split(b"\n")]
        entries = [entry for entry in entries if not entry.get("Padding")]
        with ThreadPoolExecutor(_THREADS) as pool:
            outcomes = list(pool.map(self._stage_one, entries))
        refused = [entry for entry, outcome in zip(entries, outcomes, strict=True) if outcome == "Refused"]
        if refused:
            lines = [json.dumps({"Batch": self._batch, **_record(entry)}, ensure_ascii=False) for entry in refused]
            _put(self._report, gzip.compress("\n".join([*lines, ""]).encode(), mtime=0))
        staged = sum(e["Size"] for e, outcome in zip(entries, outcomes, strict=True) if outcome == "Staged")
        if self._name == _FIRST_SHARD and 0 < staged < MINIMUM_BYTES:
            self._pad()
        return {**dict.fromkeys(("Staged", "Refused", "Duplicates"), 0), **Counter(outcomes)}

    def _stage_one(self, entry: dict[str, Any]) -> str:
        if not self._claim(entry["Identity"]):
            logger.info("uploaded content is another batch's already", extra={"source": entry["Source"]})
            return "Duplicates"
        if "ErrorCode" not in entry:
            try:
                self._copy(entry)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code not in _REFUSALS:
                    raise
                entry["ErrorCode"], entry["ErrorMessage"] = _REFUSALS[code]
        return "Refused" if "ErrorCode" in entry else "Staged"

    def _claim(self, identity: str) -> bool:
        """Whether this batch is the one that analyses this content: announced twice, it may be in another one, too."""
        place = self._claims / identity
        try:
            client("s3").put_object(Bucket=place.bucket, Key=place.key, Body=self._batch.encode(), IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            return _get(place).decode() == self._batch
        return True

    def _copy(self, entry: Mapping[str, Any]) -> None:
        source = Location.of(entry["Source"])
        version = {"VersionId": entry["VersionId"]} if "VersionId" in entry else {}
        unchanged = {} if version else {"CopySourceIfMatch": entry["ETag"]}
        target = self._place / "documents" / entry["File"]
        client("s3").copy_object(
            Bucket=target.bucket,
            Key=target.key,
            CopySource={"Bucket": source.bucket, "Key": source.key, **version},
            # Copying tags would need rights on tags.
            TaggingDirective="REPLACE",
            **unchanged,
        )

    def _pad(self) -> None:
        entry: dict[str, Any] = {"File": _PADDING, "Source": (self._place / "documents" / _PADDING).uri}
        entry |= {"Size": len(_PADDING_BYTES), "Padding": True}
        _put(self._place / "manifest" / "padding.json", json.dumps(entry).encode())
        _put(self._place / "documents" / _PADDING, _PADDING_BYTES)


def _record(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A refused upload under the names that published records have."""
    version = {"SourceVersionId": entry["VersionId"]} if "VersionId" in entry else {}
    return {name: entry[name] for name in ("Source", "Size", "ErrorCode", "ErrorMessage")} | version


def _get(place: Location) -> bytes:
    body: bytes = client("s3").get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
    return body


def _put(place: Location, body: bytes) -> None:
    client("s3").put_object(Bucket=place.bucket, Key=place.key, Body=body)
