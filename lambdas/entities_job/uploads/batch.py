"""What a batch of uploads is: which messages make one, what it is called, and its manifest. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, NamedTuple

from ..aws import Location
from ..request.limits import MAXIMUM_SEMI_STRUCTURED_FILES, Tally, unfit

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
    def of(cls, message: Mapping[str, Any]) -> Upload:
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

    def entry(self, identity: str, refusal: tuple[str, str] | None) -> dict[str, Any]:
        """The upload as a line of the manifest; its copy's name is unique in any batch and still recognisable."""
        return {
            "Identity": identity,
            "File": f"{identity[:12]}-{self.key.rsplit('/', 1)[-1][-_LONGEST_NAME:]}",
            "Source": Location(self.bucket, self.key).uri,
            **({"VersionId": self.version} if self.version else {"ETag": self.etag}),
            "Size": self.size,
            **({"ErrorCode": refusal[0], "ErrorMessage": refusal[1]} if refusal else {}),
        }


@dataclass(frozen=True)
class Trigger:
    """Settings of one upload trigger.

    Attributes:
        queue_url: where its uploads wait.
        request: what an execution asks for, but the location.
        suffixes: what keys must end in, one of them; none means any.
        custom: whether a custom recognizer reads the documents.
        by_line: whether a document is a line.
        limits: the most that one batch may hold: ``Documents`` (files), ``Bytes`` and, if limited, ``CostUsd``.
    """

    queue_url: str
    request: Mapping[str, Any]
    suffixes: Sequence[str]
    custom: bool
    by_line: bool
    limits: Mapping[str, float]

    def refusal(self, upload: Upload) -> tuple[str, str] | None:
        """Why an upload can't become a document of any batch, as error code and text, or None."""
        if self.suffixes and not upload.key.endswith(tuple(self.suffixes)):
            return "UNEXPECTED_SUFFIX", f"does not end in {' or '.join(self.suffixes)}"
        reason = unfit(upload.key, upload.size, custom=self.custom, by_line=self.by_line)
        return ("DOCUMENT_SIZE_EXCEEDED" if upload.size else "EMPTY_DOCUMENT", reason) if reason else None

    def fits(self, tally: Tally) -> bool:
        """Whether one job may hold all that was counted."""
        found = {"Documents": tally.documents, "Bytes": tally.size, "CostUsd": tally.cost}
        within = all(found[name] <= most for name, most in self.limits.items())
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
    entries: list[dict[str, Any]]
    newest: float
    messages: list[Mapping[str, Any]]
    left: list[Mapping[str, Any]]
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


def assemble(name: str, trigger: Trigger, received: Iterable[tuple[Upload, Mapping[str, Any]]]) -> UploadBatch | None:
    """The batch that uploads and their messages make: the oldest first, each content once, within the limits."""
    messages: dict[str, list[Mapping[str, Any]]] = {}
    uploads: dict[str, Upload] = {}
    for upload, message in sorted(received, key=lambda pair: pair[0].sent):
        messages.setdefault(upload.identity, []).append(message)
        uploads.setdefault(upload.identity, upload)
    entries: dict[str, dict[str, Any]] = {}
    tally = Tally(custom=trigger.custom, by_line=False)
    for identity, upload in uploads.items():
        refusal = trigger.refusal(upload)
        if refusal is None:
            tally.add({"File": upload.key, "Source": upload.key, "Size": upload.size})
            if not trigger.fits(tally):
                if tally.documents > 1:
                    break
                # Alone it is too much already.
                tally = Tally(custom=trigger.custom, by_line=False)
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
