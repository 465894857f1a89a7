"""What a batch of uploads is: which messages make one, what it is called, and its manifest. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from ..aws import Location
from ..contracts import ManifestLine, TriggerSettings
from ..request.limits import MAXIMUM_SEMI_STRUCTURED_FILES, Tally, unfit

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

SHARD_DOCUMENTS = 500
"""Documents that one staging function copies."""

_LONGEST_NAME = 100
_LONGEST_KEY = 1024  # bytes of UTF-8, says S3


class Upload(NamedTuple):
    """One version of one object, as S3 announced it; ``sent`` is the time of the announcement, in epoch seconds."""

    bucket: str
    key: str
    version: str
    etag: str
    sequencer: str
    size: int
    sent: float

    @classmethod
    def of(cls, message: MessageTypeDef) -> Upload:
        """The upload that a queue's message announces: S3's Object Created event, or only the event's ``detail``.

        Raises:
            ValueError: the message is none of them.
        """
        try:
            event = json.loads(message["Body"])
            detail = event.get("detail", event)
            item = detail["object"]
            upload = cls(
                detail["bucket"]["name"],
                item["key"],
                item.get("version-id") or "",
                item.get("etag") or "",
                item.get("sequencer") or "",
                int(item.get("size", 0)),
                int(message["Attributes"]["SentTimestamp"]) / 1000,
            )
            # Fails for what is no text, or none that UTF-8 can carry.
            "\0".join(upload[:5]).encode()
            fits = 0 < len(upload.key.encode()) <= _LONGEST_KEY and upload.size >= 0
        except (AttributeError, KeyError, OverflowError, RecursionError, TypeError) as error:
            raise ValueError(f"no Object Created event of S3: {error!r}") from error
        if not fits:
            raise ValueError(f"no object of S3: {upload.size} bytes under a key of {len(upload.key)} characters")
        return upload

    @property
    def identity(self) -> str:
        """The same for every announcement of the same content, and different for the next version of the object."""
        version = self.version or f"{self.etag}/{self.sequencer}"
        return hashlib.sha256("\0".join((self.bucket, self.key, version)).encode()).hexdigest()

    def entry(self, identity: str, refusal: tuple[str, str] | None) -> ManifestLine:
        """Return the upload as a line of the manifest; its copy's name is unique in any batch and recognisable."""
        line: ManifestLine = {
            "Identity": identity,
            "File": f"{identity[:12]}-{self.key.rsplit('/', 1)[-1][-_LONGEST_NAME:]}",
            "Source": Location(self.bucket, self.key).uri,
            "Size": self.size,
        }
        if self.version:
            line["VersionId"] = self.version
        else:
            line["ETag"] = self.etag
        if refusal:
            line["ErrorCode"], line["ErrorMessage"] = refusal
        return line


@dataclass(frozen=True)
class Trigger:
    """The rules of one upload trigger's batches."""

    settings: TriggerSettings

    def refusal(self, upload: Upload) -> tuple[str, str] | None:
        """Return why an upload can't become a document of any batch, as error code and text, or None."""
        suffixes = self.settings["Suffixes"]
        if suffixes and not upload.key.endswith(tuple(suffixes)):
            return "UNEXPECTED_SUFFIX", f"does not end in {' or '.join(suffixes)}"
        reason = unfit(upload.key, upload.size, custom=self.settings["Custom"], by_line=self.settings["ByLine"])
        return ("DOCUMENT_SIZE_EXCEEDED" if upload.size else "EMPTY_DOCUMENT", reason) if reason else None

    def fits(self, tally: Tally) -> bool:
        """Return whether one job may hold all that was counted."""
        most = self.settings["Limits"]
        within = (
            tally.documents <= most["Documents"]
            and tally.size <= most["Bytes"]
            and tally.cost <= most.get("CostUsd", math.inf)
        )
        return within and not (tally.semi_structured and tally.files > MAXIMUM_SEMI_STRUCTURED_FILES)


@dataclass(frozen=True)
class UploadBatch:
    """Uploads that one execution analyses, refused ones among them, so that it accounts for every one.

    Attributes:
        trigger: the trigger's name.
        entries: the lines of the manifest.
        newest: when the last of its uploads was announced, in epoch seconds.
        messages: the queue's messages that announced them, duplicates included.
        left: messages that did not fit.
        left_since: when the oldest of those was announced; None where all fitted.
    """

    trigger: str
    entries: list[ManifestLine]
    newest: float
    messages: list[MessageTypeDef]
    left: list[MessageTypeDef]
    left_since: float | None

    @property
    def name(self) -> str:
        """The execution's name and the prefix of the copies; the same messages make the same name."""
        content = hashlib.sha256("".join(sorted(entry["Identity"] for entry in self.entries)).encode()).hexdigest()
        return f"{self.trigger}-{datetime.fromtimestamp(self.newest, UTC):%Y%m%dT%H%M%S}-{content[:16]}"

    def shards(self) -> Iterator[tuple[str, bytes]]:
        """The manifest's files: name and JSON lines."""
        lines = [json.dumps(entry, ensure_ascii=False) for entry in sorted(self.entries, key=itemgetter("Identity"))]
        for number, start in enumerate(range(0, len(lines), SHARD_DOCUMENTS)):
            yield f"{number:05}.jsonl", "\n".join(lines[start : start + SHARD_DOCUMENTS]).encode()


def assemble(name: str, trigger: Trigger, received: Iterable[tuple[Upload, MessageTypeDef]]) -> UploadBatch | None:
    """The batch that uploads and their messages make: the oldest first, each content once, within the limits."""
    messages: dict[str, list[MessageTypeDef]] = {}
    uploads: dict[str, Upload] = {}
    for upload, message in sorted(received, key=lambda pair: pair[0].sent):
        messages.setdefault(upload.identity, []).append(message)
        uploads.setdefault(upload.identity, upload)
    entries: dict[str, ManifestLine] = {}
    tally = Tally(custom=trigger.settings["Custom"], by_line=False)
    for identity, upload in uploads.items():
        refusal = trigger.refusal(upload)
        if refusal is None:
            tally.add(upload.entry(identity, None))
            if not trigger.fits(tally):
                if tally.documents > 1:
                    break
                # Alone it is too much already.
                tally = Tally(custom=trigger.settings["Custom"], by_line=False)
                refusal = ("BATCH_LIMIT_EXCEEDED", "is more than one batch may hold")
        entries[identity] = upload.entry(identity, refusal)
    if not entries:
        return None
    left = [identity for identity in uploads if identity not in entries]
    return UploadBatch(
        name,
        list(entries.values()),
        max(uploads[identity].sent for identity in entries),
        [message for identity in entries for message in messages[identity]],
        [message for identity in left for message in messages[identity]],
        uploads[left[0]].sent if left else None,
    )
