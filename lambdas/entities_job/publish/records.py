"""Records: the service's own lines behind the fields of their job and source, and what is counted on the way.

Every line is parsed. One of the ordinary form is published once its fields are checked; any other one is parsed again
by the rules of :mod:`fields`, and goes to ``unparsed/`` with the reason if it breaks one.
"""

from __future__ import annotations

import io
import json
from collections import Counter, deque
from contextlib import suppress
from typing import cast

from ..contracts import Counts, DocumentNote, Job
from .archive import MAXIMUM_RECORD_BYTES, ArchiveDamaged, Member, TooLong
from .fields import Checker, Json, parse, plain_types, refuse_constant
from .inventory import Inventory, Source
from .out_files import join
from .parts import Parts

_LISTED = 1000
_LISTED_CHARACTERS = 1000
_KEPT_BYTES = 64 * 1024
_LONGEST_TYPE = 128
"""Characters of a type's name, of which the service allows 64: an event counts a hundred of them."""

_SPACE = b" \t\r\n"
"""White space of JSON."""

_MOST_TYPES = 10_000
_NOT_RECEIVED = {"ErrorCode": "NOT_RECEIVED", "ErrorMessage": "The archive has no readable result of the document."}
_TOO_LONG = f"is longer than {MAXIMUM_RECORD_BYTES:,} bytes"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_decode = json.JSONDecoder(parse_constant=refuse_constant).raw_decode


class Results:
    """Makes records from the archive, and counts them.

    Attributes:
        failed: documents with errors, the first thousand.
        lost: missing documents, the first thousand.
    """

    def __init__(self, job: Job, inventory: Inventory, documents: Parts, unparsed: Parts) -> None:
        self.failed: list[DocumentNote] = []
        self.lost: list[DocumentNote] = []
        self._inventory, self._documents, self._unparsed = inventory, documents, unparsed
        self._checker = Checker()
        self._good = self._errors = self._missing = self._others = 0
        self._types: Counter[str] = Counter()
        front = {"JobId": job["JobId"], "JobDate": job["SubmitTime"][:10], "LanguageCode": job["LanguageCode"]}
        self._front = _encode(front)[:-1].encode() + b","

    def add(self, member: Member) -> None:
        """Publish one file of the archive.

        Raises:
            ArchiveDamaged: the file ends early, once all its whole records were published.
        """
        if member.name.endswith(".out"):
            self._out_file(member.whole())
            return
        try:
            # The variable of a plain loop would keep a block while the next one is read.
            deque(map(self._block, member.lines()), maxlen=0)
        except ArchiveDamaged as damage:
            # No part of an object is an object: what the damage left of a line is whole or nothing.
            with suppress(ValueError):
                if isinstance(parse(damage.rest.decode()), dict):
                    self._line(damage.rest)
            raise

    def add_missing(self) -> None:
        """Publish a record for each expected document that the archive has none of."""
        for file, line, source in self._inventory.missing():
            self._missing += 1
            record: Json = {"File": file, **({} if line is None else {"Line": line}), **_NOT_RECEIVED}
            _list(self.lost, source, record)
            self._put(source, json.dumps(record, ensure_ascii=False).encode())

    def counts(self) -> Counts:
        """Return the counts of the documents by their results."""
        return {
            "ExpectedDocuments": self._inventory.expected,
            "Documents": self._good,
            "DocumentErrors": self._errors,
            "MissingDocuments": self._missing,
            "UnexpectedDocuments": self._inventory.unexpected,
            "UnparsedRecords": self._others,
            "Entities": self._types.total(),
            "EntitiesByType": dict(sorted(self._types.items())),
        }

    def _block(self, block: bytes | TooLong) -> None:
        if isinstance(block, tuple):
            self._keep(*block, _TOO_LONG)
        else:
            for line in io.BytesIO(block):
                self._line(line)

    def _line(self, line: bytes) -> None:
        line = line.strip(_SPACE)
        if not line:
            return
        try:
            text = line.decode()
            record, end = _decode(text)
            types = plain_types(record, text) if end == len(text) else None
            if types is None:
                record, types = self._checker.record(text)
            self._add(line, record, types)
        except (ValueError, RecursionError) as error:
            self._keep(line, len(line), str(error))

    def _out_file(self, content: bytes | TooLong) -> None:
        if isinstance(content, tuple):
            self._keep(*content, _TOO_LONG)
            return
        try:
            for document in join(parse(content.decode(), without_blocks=True)):
                line = json.dumps(document, ensure_ascii=False).encode()
                self._add(line, *self._checker.record(line.decode()))
        except (ValueError, RecursionError) as error:
            self._keep(content, len(content), str(error))

    def _add(self, line: bytes, record: Json, types: list[str]) -> None:
        """Publish a record that was checked, and that ``line`` holds.

        Raises:
            ValueError: it is longer than a record may be, or its types are not as the service's can be.
        """
        if len(line) > MAXIMUM_RECORD_BYTES:
            raise ValueError(_TOO_LONG)
        new = not all(map(self._types.__contains__, types))
        if new and (max(map(len, types)) > _LONGEST_TYPE or len(self._types) > _MOST_TYPES):
            raise ValueError(f"has a Type of more than {_LONGEST_TYPE} characters, or one more than {_MOST_TYPES:,}")
        source = self._inventory.claim(record["File"], record.get("Line"))
        if not source:
            return
        self._types.update(types)
        if record.get("ErrorCode") is None:
            self._good += 1
        else:
            self._errors += 1
            _list(self.failed, source, record)
        self._put(source, line)

    def _put(self, source: Source, line: bytes) -> None:
        # Most of an encoder's time goes into finding out that a value is null.
        uri = _encode(source.uri) if source.uri else "null"
        version = _encode(source.version) if source.version else "null"
        candidates = f'"SourceCandidates":{source.candidates},' if source.candidates else ""
        fields = f'"Source":{uri},"SourceVersionId":{version},{candidates}'.encode()
        self._documents.add(b"".join((self._front, fields, line[1:], b"\n")))

    def _keep(self, content: bytes, size: int, reason: str) -> None:
        self._others += 1
        text = content[:_KEPT_BYTES].decode("utf-8", "backslashreplace")
        kept = {"Reason": reason[:_LISTED_CHARACTERS], "Bytes": size, "Content": text}
        self._unparsed.add(self._front + json.dumps(kept, ensure_ascii=False).encode()[1:] + b"\n")


def _list(notes: list[DocumentNote], source: Source, record: Json) -> None:
    """List a document without a result, unless there are enough; its texts may be of any length."""
    if len(notes) >= _LISTED:
        return
    texts = {name: (record.get(name) or "")[:_LISTED_CHARACTERS] for name in ("File", "ErrorCode", "ErrorMessage")}
    line = {} if record.get("Line") is None else {"Line": record["Line"]}
    notes.append(cast(DocumentNote, {"Source": source.uri, **texts, **line}))
