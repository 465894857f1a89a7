"""One shard of a batch: its uploads are claimed, copied under the batch's own prefix, or refused.

Every step may be repeated: copies have fixed names, and what a batch has claimed stays its own.
"""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from .. import aws
from ..aws import Location, error_code, logger
from ..contracts import InventoryEntry, ManifestLine, RefusedUpload, StageOutput
from ..request.limits import MINIMUM_BYTES

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

Fate = Literal["Staged", "Refused", "Duplicates"]
"""What becomes of an upload, under the names of what is counted."""

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


class Shard:
    """One file of a batch's manifest, ``.../<batch>/manifest/<nnnnn>.jsonl``, and the places that belong to it."""

    def __init__(self, manifest: Location, results: Location) -> None:
        folder, self._name = manifest.key.rsplit("/", 1)
        self._manifest = manifest
        self._place = Location(manifest.bucket, folder.rsplit("/", 1)[0])
        staging, self._batch = self._place.key.rsplit("/", 1)
        self._claims = Location(manifest.bucket, staging) / "claims"
        date = self._batch.split("-")[1]
        part = f"job_date={date[:4]}-{date[4:6]}-{date[6:8]}/{self._batch}-{self._name}.gz"
        self._report = results / "refused" / part

    def stage(self) -> StageOutput:
        """Copy what the manifest lists and no other batch has claimed; report what can't be copied."""
        entries: list[ManifestLine] = [json.loads(line) for line in self._manifest.read().split(b"\n")]
        # A repeated map finds the padding that its first run listed.
        entries = [entry for entry in entries if not entry.get("Padding")]
        with ThreadPoolExecutor(_THREADS) as pool:
            fates = list(pool.map(self._stage_one, entries))
        refused = [entry for entry, fate in zip(entries, fates, strict=True) if fate == "Refused"]
        if refused:
            lines = [json.dumps(self._refusal(entry), ensure_ascii=False) for entry in refused]
            self._report.write(gzip.compress("\n".join([*lines, ""]).encode(), mtime=0))
        staged = sum(entry["Size"] for entry, fate in zip(entries, fates, strict=True) if fate == "Staged")
        if self._name == _FIRST_SHARD and 0 < staged < MINIMUM_BYTES:
            self._pad()
        return {
            "Staged": fates.count("Staged"),
            "Refused": fates.count("Refused"),
            "Duplicates": fates.count("Duplicates"),
        }

    def _stage_one(self, entry: ManifestLine) -> Fate:
        if not self._claim(entry["Identity"]):
            logger.info("uploaded content is another batch's already", extra={"source": entry["Source"]})
            return "Duplicates"
        if "ErrorCode" not in entry:
            try:
                self._copy(entry)
            except ClientError as error:
                if error_code(error) not in _REFUSALS:
                    raise
                entry["ErrorCode"], entry["ErrorMessage"] = _REFUSALS[error_code(error)]
        return "Refused" if "ErrorCode" in entry else "Staged"

    def _claim(self, identity: str) -> bool:
        """Return whether this batch is the one that analyses this content: another may hold it, too."""
        place = self._claims / identity
        return place.write_new(self._batch.encode()) or place.read().decode() == self._batch

    def _copy(self, entry: ManifestLine) -> None:
        place, target = Location.of(entry["Source"]), self._place / "documents" / entry["File"]
        source: CopySourceTypeDef = {"Bucket": place.bucket, "Key": place.key}
        # Copying tags would need permissions on tags.
        if "VersionId" in entry:
            source["VersionId"] = entry["VersionId"]
        more = {**target.encryption, **({} if "VersionId" in entry else {"CopySourceIfMatch": entry["ETag"]})}
        to = {"Bucket": target.bucket, "Key": target.key}
        aws.s3().copy_object(**to, CopySource=source, TaggingDirective="REPLACE", **more)

    def _pad(self) -> None:
        document = self._place / "documents" / _PADDING
        entry: InventoryEntry = {
            "File": _PADDING,
            "Source": document.uri,
            "Size": len(_PADDING_BYTES),
            "Padding": True,
        }
        (self._place / "manifest" / "padding.json").write(json.dumps(entry).encode())
        document.write(_PADDING_BYTES)

    def _refusal(self, entry: ManifestLine) -> RefusedUpload:
        """Return a refused upload under the names that published records have."""
        made: RefusedUpload = {
            "Batch": self._batch,
            "Source": entry["Source"],
            "Size": entry["Size"],
            "ErrorCode": entry["ErrorCode"],
            "ErrorMessage": entry["ErrorMessage"],
        }
        if "VersionId" in entry:
            made["SourceVersionId"] = entry["VersionId"]
        return made
