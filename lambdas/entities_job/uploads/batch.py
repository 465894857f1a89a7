"""A batch of uploads: the messages that make one, its name, and its manifest. Pure."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
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

_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,10}$")
_LONGEST_KEY = 1024  # bytes of UTF-8, says S3


class Upload(NamedTuple):
    """One version of one object, as S3 announced it.

    Attributes:
        bucket: the bucket.
        key: its key.
        version: its version id, empty in a bucket without versions.
        etag: its ETag, without quotes.
        size: its bytes.
        sent: when it was announced, in epoch seconds.
    """

    bucket: str
    key: str
    version: str
    etag: str
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
            version = item.get("version-id") or ""
            upload = cls(
                detail["bucket"]["name"],
                item["key"],
                # "null" is the version of an object in a bucket without versions, or from before it got them.
                "" if version == "null" else version,
                (item.get("etag") or "").strip('"'),
                int(item.get("size", 0)),
                int(message["Attributes"]["SentTimestamp"]) / 1000,
            )
            # Fails for what is no text, or none that UTF-8 can carry.
            "\0".join(upload[:4]).encode()
            fits = 0 < len(upload.key.encode()) <= _LONGEST_KEY and upload.size >= 0
        except (AttributeError, KeyError, OverflowError, RecursionError, TypeError) as error:
            raise ValueError(f"not an Object Created event of S3: {error!r}") from error
        if not fits:
            raise ValueError(f"not an S3 object: {upload.size} bytes under a key of {len(upload.key)} characters")
        if not (upload.version or upload.etag):
            raise ValueError("neither version id nor ETag, so its content is ambiguous")
        return upload

    def announcement(self) -> str:
        """Return a message that :meth:`of` reads."""
        item = {"key": self.key, "version-id": self.version, "etag": self.etag, "size": self.size}
        return json.dumps({"bucket": {"name": self.bucket}, "object": item})

    @property
    def is_folder(self) -> bool:
        """True for the marker that a console makes for a folder."""
        return self.size == 0 and self.key.endswith("/")

    @property
    def identity(self) -> str:
        """The same for every announcement of the same content, and different for the next version of the object.

        Without versions its ETag identifies it: events have nothing else that listings have, too.
        """
        version = self.version or self.etag
        return hashlib.sha256("\0".join((self.bucket, self.key, version)).encode()).hexdigest()

    def entry(self, identity: str, refusal: tuple[str, str] | None) -> ManifestLine:
        """Return the upload as a line of the manifest.

        Its copy's name is unique and plain, since results are found by it, and shows the kind of document.
        """
        line: ManifestLine = {
            "Identity": identity,
            "File": copy_name(identity, self.key),
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


def copy_name(identity: str, key: str) -> str:
    """Return the name of a copy: plain and unique, with the extension that shows the kind of document."""
    extension = _EXTENSION.search(key)
    return f"{identity}{extension[0].lower() if extension else ''}"


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
    """Uploads that one execution analyses, including rejected ones, so that it accounts for every one.

    Attributes:
        trigger: the trigger's name.
        entries: the lines of the manifest.
        newest: when the last of its uploads was announced, in epoch seconds.
        messages: the queue's messages that announced them, duplicates included.
        left_since: since when, about, uploads wait that did not fit; None if the queue was read to its end.
    """

    trigger: str
    entries: list[ManifestLine]
    newest: float
    messages: list[MessageTypeDef]
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


class Gathering:
    """Uploads that are read one by one until they make a full batch: each content once, within the limits.

    Attributes:
        left: messages that did not fit.
        closed: nothing more is taken.
    """

    def __init__(self, name: str, trigger: Trigger) -> None:
        self.left: list[MessageTypeDef] = []
        self.closed = False
        self._name, self._trigger = name, trigger
        self._entries: dict[str, ManifestLine] = {}
        self._messages: list[MessageTypeDef] = []
        self._tally = self._nothing()
        self._newest = 0.0

    def add(self, upload: Upload, message: MessageTypeDef) -> None:
        """Take an upload into the batch, or leave it if the batch is full."""
        identity = upload.identity
        if identity not in self._entries:
            refusal, full = self._trigger.refusal(upload), not self.wanted()
            if not (full or refusal or self._fits(upload.entry(identity, None))):
                full = self._tally.documents > 1
                # Alone it is too much already.
                self._tally, refusal = self._nothing(), ("BATCH_LIMIT_EXCEEDED", "exceeds the limits of one batch")
            if full:
                self.leave(message)
                return
            self._entries[identity] = upload.entry(identity, refusal)
            self._newest = max(self._newest, upload.sent)
        self._messages.append(message)

    @property
    def begun(self) -> bool:
        """True after a message was taken."""
        return bool(self._entries)

    def leave(self, message: MessageTypeDef) -> None:
        """Leave a message, and take nothing more: what is read later was sent later."""
        self.left.append(message)
        self.closed = True

    def wanted(self) -> int:
        """Return about how many more messages it takes, rather fewer than more; none once it is full."""
        most, tally = self._trigger.settings["Limits"], self._tally
        room = 0 if self.closed else most["Documents"] - len(self._entries)
        if tally.semi_structured:
            room = min(room, MAXIMUM_SEMI_STRUCTURED_FILES - tally.files)
        used = max(tally.size / most["Bytes"], tally.cost / most.get("CostUsd", math.inf))
        if room > 0 and used:
            # The rest as if it were like these; half of it, since some are larger.
            room = min(room, max(1, int(tally.documents * (1 - used) / used / 2)))
        # Of documents nothing is known before there is one.
        return max(0, room if tally.documents else min(room, 10 + len(self._entries)))

    def batch(self) -> UploadBatch | None:
        """Return the gathered batch, if there is one."""
        if not self._entries:
            return None
        # What is left, or was not read, waits about as long as the newest of the batch.
        since = None if self.wanted() else self._newest
        return UploadBatch(self._name, list(self._entries.values()), self._newest, self._messages, since)

    def _fits(self, entry: ManifestLine) -> bool:
        self._tally.add(entry)
        return self._trigger.fits(self._tally)

    def _nothing(self) -> Tally:
        return Tally(custom=self._trigger.settings["Custom"], by_line=False)
