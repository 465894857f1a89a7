"""One shard of a batch: its uploads are claimed, copied under the batch's own prefix, or rejected.

Every step may be repeated: copies have fixed names, and what a batch has claimed stays its own.
"""

from __future__ import annotations

import gzip
import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from .. import aws
from ..aws import Location, error_code, logger, passes
from ..contracts import Claim, InventoryEntry, ManifestLine, RefusedUpload, StageOutput
from ..request.limits import MINIMUM_BYTES
from .records import Records, Run

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

Fate = Literal["Staged", "Refused", "Duplicates"]
"""Ends of an upload, under the names of their counts."""

_THREADS = 16
_PADDING_BYTES = b"This line fills a small batch up to the least size of a job. " * 9 + b"\n"
_PAUSES = (0, 2, 8)
"""Seconds before each try to copy an object: permissions of a new role or key propagate within moments."""

_UNREADABLE = "SOURCE_UNREADABLE"
_REFUSALS = {
    "NoSuchKey": ("SOURCE_DELETED", "was deleted before it was copied"),
    "NoSuchVersion": ("SOURCE_DELETED", "was deleted before it was copied"),
    "MethodNotAllowed": ("SOURCE_DELETED", "was deleted before it was copied"),
    "PreconditionFailed": ("SOURCE_OVERWRITTEN", "was overwritten before it was copied, in a bucket without versions"),
    **dict.fromkeys(
        # The first is what S3 answers, the second what the API reference of CopyObject lists.
        ("InvalidObjectState", "ObjectNotInActiveTierError"),
        ("SOURCE_ARCHIVED", "is in an archive storage class; S3 does not copy it"),
    ),
}


class Shard:
    """One file of a batch's manifest, ``.../<batch>/manifest/<nnnnn>.jsonl``, and the places that belong to it."""

    def __init__(self, manifest: Location, execution: str, claims: Location, results: Location) -> None:
        folder, self._name = manifest.key.rsplit("/", 1)
        self._manifest = manifest
        self._place = Location(manifest.bucket, folder.rsplit("/", 1)[0])
        self._batch = self._place.name
        # Of the trigger: two of them may analyse one upload, each in its own way.
        trigger, date, _ = self._batch.split("-")
        self._claims, self._records = claims / trigger, Records(claims)
        run = Run.of(execution)
        # A caller may stage a batch again under another name.
        self._run = run if run and run.batch == self._batch else Run(self._batch)
        self._own: Claim = {"Execution": self._run.name}
        self._free = cache(lambda holder: self._records.is_free({"Execution": holder}))
        part = f"job_date={date[:4]}-{date[4:6]}-{date[6:8]}/{self._batch}-{self._name}.gz"
        self._report = results / "refused" / part

    def stage(self) -> StageOutput:
        """Copy the uploads of the manifest that no other batch has claimed; report those that can't be copied."""
        entries: list[ManifestLine] = [json.loads(line) for line in self._manifest.read().split(b"\n")]
        # A repeated map finds the padding that its first run listed.
        entries = [entry for entry in entries if not entry.get("Padding")]
        fates = self._staged(entries)
        refused = [entry for entry, fate in zip(entries, fates, strict=True) if fate == "Refused"]
        # An earlier execution may have rejected what this one could read.
        if refused or self._run.number > 1:
            lines = [json.dumps(self._refusal(entry), ensure_ascii=False) for entry in refused]
            self._report.write(gzip.compress("\n".join([*lines, ""]).encode(), mtime=0))
        staged = sum(entry["Size"] for entry, fate in zip(entries, fates, strict=True) if fate == "Staged")
        # It may be the only shard that stages anything.
        if 0 < staged < MINIMUM_BYTES and entries[0]["Identity"]:
            self._pad()
        return {
            "Staged": fates.count("Staged"),
            "Refused": fates.count("Refused"),
            "Duplicates": fates.count("Duplicates"),
        }

    def _staged(self, entries: list[ManifestLine]) -> list[Fate]:
        """Return the fate of each entry; an object that S3 never copies is rejected alone, not its batch."""
        fates: dict[int, Fate] = {}
        for pause in _PAUSES:
            left = [number for number in range(len(entries)) if number not in fates]
            if left:
                time.sleep(pause)
            with ThreadPoolExecutor(_THREADS) as pool:
                found = pool.map(self._stage_one, [entries[number] for number in left])
                fates.update({number: fate for number, fate in zip(left, found, strict=True) if fate})
        unreadable = json.dumps({**self._own, "ErrorCode": _UNREADABLE}).encode()
        for number, entry in enumerate(entries):
            if number not in fates and entry["Identity"]:
                (self._claims / entry["Identity"]).write(unreadable)
        return [fates.get(number, "Refused") for number in range(len(entries))]

    def _stage_one(self, entry: ManifestLine) -> Fate | None:
        """Return the fate of an entry, or None if S3 did not copy it, with the reason in the entry."""
        # Documents of a direct execution belong to it alone.
        if entry["Identity"] and not self._claim(entry["Identity"]):
            logger.info("uploaded content is another batch's already", extra={"source": entry["Source"]})
            return "Duplicates"
        if entry.get("ErrorCode", _UNREADABLE) == _UNREADABLE:
            try:
                self._copy(entry)
            except ClientError as error:
                # The shard is tried again.
                if passes(error):
                    raise
                code = error_code(error)
                reason = f"S3 does not copy it: {error}"
                entry["ErrorCode"], entry["ErrorMessage"] = _REFUSALS.get(code, (_UNREADABLE, reason))
                return "Refused" if code in _REFUSALS else None
            entry.pop("ErrorCode", None)
        return "Refused" if "ErrorCode" in entry else "Staged"

    def _claim(self, identity: str) -> bool:
        """Return whether this execution is the one that analyses this content: another may hold it, too."""
        place, own = self._claims / identity, json.dumps(self._own).encode()
        if place.write_new(own):
            return True
        while True:
            body, etag = place.read_marked()
            holder: Claim = json.loads(body or b'{"Execution": ""}')
            if holder == self._own:
                return True
            before = Run.of(holder["Execution"]) or self._run
            earlier = before.batch == self._batch and before.number <= self._run.number
            if not (earlier or "ErrorCode" in holder or self._free(holder["Execution"])):
                return False
            # Another execution that takes it over meanwhile changes its ETag.
            if place.write_if(own, etag):
                return True

    def _copy(self, entry: ManifestLine) -> None:
        place, target = Location.of(entry["Source"]), self._place / "documents" / entry["File"]
        source: CopySourceTypeDef = {"Bucket": place.bucket, "Key": place.key}
        more: dict[str, Any] = {"Bucket": target.bucket, "Key": target.key, **target.encryption}
        if "VersionId" in entry:
            source["VersionId"] = entry["VersionId"]
        elif "ETag" in entry:
            more["CopySourceIfMatch"] = entry["ETag"]
        # Copying tags would need permissions on tags.
        aws.s3().copy_object(CopySource=source, TaggingDirective="REPLACE", **more)

    def _pad(self) -> None:
        file = f"padding-{self._name.partition('.')[0]}"
        document = self._place / "documents" / f"{file}.txt"
        entry: InventoryEntry = {
            "File": document.name,
            "Source": document.uri,
            "Size": len(_PADDING_BYTES),
            "Padding": True,
        }
        (self._place / "manifest" / f"{file}.json").write(json.dumps(entry).encode())
        document.write(_PADDING_BYTES)

    def _refusal(self, entry: ManifestLine) -> RefusedUpload:
        """Return a rejected upload under the names that published records have."""
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
