"""The inspection of a request's input before anything is paid for: names, sizes, lines and first bytes of its files."""

from __future__ import annotations

import codecs
import json
import random
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor
from itertools import groupby, islice
from pathlib import PurePosixPath
from typing import NamedTuple, cast

from botocore.exceptions import ClientError

from ..aws import Listed, Location, error_code
from ..contracts import InputWarning, InventoryEntry, JobRequest, Settings
from ..errors import RequestRefused
from .limits import MAXIMUM_DOCUMENTS, Tally, excerpt_of_warnings, is_semi_structured, units
from .model import SOURCE, Violation
from .rules import GUIDE, Excerpt, explain, is_custom, remarks

THREADS = 32
"""Files that are read at once; the S3 client has as many connections."""

_SAMPLE_FILES = 5000
_SAMPLE_SECONDS = 60
_HEAD_BYTES = 64 * 1024
_CHUNK_BYTES = 1024 * 1024
_NAMES_BYTES = 8 * 1024
_URI = "InputDataConfig.S3Uri"

_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
"""Storage classes whose objects can't be read. The archive tiers of INTELLIGENT_TIERING don't show in a listing: S3
answers a read of such an object with InvalidObjectState, so that only a file that is read is found out."""

_KINDS = (
    (b"%PDF-", "a PDF document", (".pdf",)),
    (b"PK\x03\x04", "a Word document or another ZIP archive", (".docx",)),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", (".png",)),
    (b"\xff\xd8\xff", "a JPEG image", (".jpg", ".jpeg")),
    (b"II*\x00", "a TIFF image", (".tif", ".tiff")),
    (b"MM\x00*", "a TIFF image", (".tif", ".tiff")),
)
"""First bytes of the kinds that only a custom recognizer reads, and the suffixes of their names."""


class _Seen(NamedTuple):
    """The finding about one file: its lines and their units, what is wrong with it, and whether it could be read."""

    lines: int = 0
    units: int = 0
    warning: str = ""
    readable: bool = True
    archived: bool = False


class Inspection:
    """The inspection of one request's input: :meth:`entries` once to the end, then :meth:`check`.

    A million files take some 50 MB of memory.

    Attributes:
        tally: the sums of what is listed.
    """

    def __init__(self, request: JobRequest, settings: Settings, pool: Executor) -> None:
        data = request["InputDataConfig"]
        self.tally = Tally(custom=is_custom(request), by_line=data.get("InputFormat") == "ONE_DOC_PER_LINE")
        self._request, self._settings, self._pool = request, settings, pool
        self._source = Location.of(data["S3Uri"])
        self._names = array("q")
        self._archived = Excerpt[str](_NAMES_BYTES)
        # Drawn at random, so that no order of names hides a kind of file; the same listing gives the same sample.
        self._random = random.Random(0)
        self._sample: list[Listed] = []
        self._fit = self._seen = self._unseen = 0
        self._unreadable: Counter[str] = Counter()

    def entries(self) -> Iterator[InventoryEntry]:
        """List the input and yield its inventory in the order of the keys.

        Raises:
            RequestRefused: the URI is a prefix that ends within a name.
        """
        staged = self._source.uri.startswith(self._settings["StagingUri"])
        origins = _origins(self._source) if staged else {}
        listed, look = self._listed(), self._pool.map if self.tally.by_line else map
        # In portions, since a pool takes all that it is given at once.
        while portion := list(islice(listed, 4 * THREADS)):
            for item, seen in zip(portion, look(self._first_look, portion), strict=True):
                entry: InventoryEntry = {"File": item.location.name, "Source": item.location.uri, "Size": item.size}
                if origin := origins.get(entry["File"]):
                    entry.update(origin)
                if self.tally.by_line:
                    entry["Lines"] = seen.lines
                self._names.append(hash(entry["File"]))
                fit = self.tally.add(entry, seen.units)
                self._fit += fit
                if seen.archived or (fit and self.tally.by_line):
                    self._note(item, seen)
                elif fit:
                    self._choose(item)
                yield entry
                if self.tally.documents > MAXIMUM_DOCUMENTS:
                    return

    def check(self) -> None:
        """Read the first bytes of at most 5,000 files, within a minute, and check the input against all limits.

        Raises:
            RequestRefused: with every limit that the input breaks in its message.
        """
        self._sample.sort()
        until = time.monotonic() + _SAMPLE_SECONDS
        heads = self._pool.map(lambda item: self._head(item, until), self._sample)
        for item, seen in zip(self._sample, heads, strict=True):
            self._note(item, seen)
        found = [*self.tally.violations(self._source.uri, self._settings["Limits"]), *self._violations()]
        if found:
            raise RequestRefused(explain(found))

    def warnings(self) -> list[InputWarning]:
        """Return the warnings of the whole input, then those of files: at most 100, in 32 KiB of JSON."""
        found = excerpt_of_warnings()
        for text in self._remarks():
            found.add({"Warning": text})
        for warning in self.tally.warnings.kept:
            found.add(warning)
        left = found.left + self.tally.warnings.left
        return [*found.kept, *([InputWarning(Warning=f"and {left:,} more warnings")] if left else [])]

    def _listed(self) -> Iterator[Listed]:
        """Yield what the service would read: all objects under a prefix that ends in a slash, or the one object named.

        The service takes S3Uri for a string prefix: without the slash, ``in/doc1`` would also take ``in/doc10``.
        """
        key = self._source.key
        for item in self._source.list():
            other = item.location.key
            if key and not key.endswith("/") and other != key:
                rule = f"must end in / or be the URI of one object; as a prefix it would also match {other!r}"
                raise RequestRefused(explain([Violation(_URI, self._source.uri, rule, f"{SOURCE}InputDataConfig")]))
            # What a console makes for a folder is no document.
            if item.size or not other.endswith("/"):
                yield item

    def _choose(self, item: Listed) -> None:
        """Keep a uniform sample of the files that the service takes (reservoir sampling)."""
        if len(self._sample) < _SAMPLE_FILES:
            self._sample.append(item)
        elif (place := self._random.randrange(self._fit)) < _SAMPLE_FILES:
            self._sample[place] = item

    def _note(self, item: Listed, seen: _Seen | None) -> None:
        if seen is None:
            self._unseen += 1
        elif seen.archived:
            self._archived.add(item.location.key)
        else:
            self._seen += 1
            if seen.warning:
                self.tally.warnings.add({"File": item.location.name, "Warning": seen.warning})
            if not seen.readable:
                self._unreadable[seen.warning] += 1

    def _violations(self) -> Iterator[Violation]:
        uri = self._source.uri
        if self._archived.kept:
            more = f" and {self._archived.left:,} more" if self._archived.left else ""
            rule = f"must contain no object in an archive storage class; restore and copy {self._archived.kept}{more}"
            yield Violation(_URI, uri, rule, "Amazon S3 User Guide, restoring-objects")
        nothing_fits = self.tally.files and not self._fit
        if nothing_fits or (self._unreadable and self._unreadable.total() == self._seen):
            reasons = [f"{count:,} of {self._seen:,}: {reason}" for reason, count in self._unreadable.items()]
            why = ", ".join(reasons) or "all are empty or too large"
            rule = f"must contain a document that the service can read; {why}"
            yield Violation(_URI, uri, rule, f"{GUIDE}idp-inputs-async")

    def _remarks(self) -> Iterator[str]:
        yield from map(str, remarks(self._request))
        groups = (sum(1 for _ in group) for _, group in groupby(sorted(self._names)))
        repeated = sum(size for size in groups if size > 1)
        if repeated and not self._settings.get("UniqueNames"):
            yield (
                f"{repeated:,} files share their base name with another file; "
                "the service identifies a document by its base name only"
            )
        if self._unseen:
            yield f"{self._unseen:,} files were not checked for their type and encoding: it took too long"

    def _first_look(self, item: Listed) -> _Seen:
        """Return what the listing shows of a file, and all about its lines if a document is a line."""
        if item.storage_class in _ARCHIVES:
            return _Seen(archived=True)
        if not self.tally.by_line or not item.size:
            return _Seen()
        try:
            return self._lines(item)
        except ClientError as error:
            return _unavailable(error)

    def _lines(self, item: Listed) -> _Seen:
        """Count a file's lines and their charged units, and check all of its text.

        Lines end in LF, CR or CRLF; an undecodable line makes the service drop the rest of its file.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        lines = charged = held = 0
        warning, readable = "", True
        after_return = broken = False
        for chunk in item.location.stream().body.iter_chunks(_CHUNK_BYTES):
            if not lines and not held:
                warning, readable = self._kind(item.location.name, chunk)
            begun, text = decoder.getstate()[0], decoder.decode(chunk)
            # A file may hold the replacement character itself.
            broken = broken or ("\ufffd" in text and text.count("\ufffd") > (begun + chunk).count(b"\xef\xbf\xbd"))
            if after_return and text.startswith("\n"):
                text = text[1:]
            after_return = text.endswith("\r")
            *whole, last = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
            if whole:
                charged += units(held + len(whole[0])) + sum(units(len(line)) for line in whole[1:])
                lines, held = lines + len(whole), 0
            held += len(last)
        cut = decoder.decode(b"", final=True)
        if held or cut:
            lines, charged = lines + 1, charged + units(held + len(cut))
        if (broken or cut) and readable:
            warning = "is not entirely UTF-8; the service drops all lines after the first invalid one"
        return _Seen(lines, charged, warning, readable)

    def _head(self, item: Listed, until: float) -> _Seen | None:
        """Return what a file's first bytes show, or None if the time is over."""
        if time.monotonic() > until:
            return None
        try:
            head = item.location.head(_HEAD_BYTES)
        except ClientError as error:
            return _unavailable(error)
        warning, readable = self._kind(item.location.name, head)
        if not warning and not is_semi_structured(item.location.name, custom=self.tally.custom):
            try:
                codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) == item.size)
            except UnicodeDecodeError:
                warning, readable = "is not UTF-8; the service accepts nothing else", False
        return _Seen(warning=warning, readable=readable)

    def _kind(self, file: str, head: bytes) -> tuple[str, bool]:
        """Return what is wrong with a file's kind by its first bytes, and whether the service could read it."""
        for magic, kind, suffixes in _KINDS:
            if head.startswith(magic):
                if not self.tally.custom:
                    return f"is {kind}: it needs a custom recognizer, EntityRecognizerArn or FlywheelArn", False
                if not file.lower().endswith(suffixes):
                    return f"is {kind}, but its name does not end in {' or '.join(suffixes)}", True
                return "", True
        if is_semi_structured(file, custom=self.tally.custom):
            return f"does not begin as a {PurePosixPath(file).suffix.lower()} file does", True
        return "", True


def _unavailable(error: ClientError) -> _Seen:
    """Return the finding about a file that S3 did not return: archived, or deleted since it was listed."""
    if error_code(error) not in ("InvalidObjectState", "NoSuchKey"):
        raise error
    return _Seen(archived=error_code(error) == "InvalidObjectState")


def _origins(documents: Location) -> dict[str, InventoryEntry]:
    """Return the original object and version of each staged copy of a batch, from the batch's manifest."""
    manifest = Location(documents.bucket, f"{documents.key.rstrip('/').rsplit('/', 1)[0]}/manifest/")
    found: dict[str, InventoryEntry] = {}
    for item in manifest.list():
        for line in item.location.stream().body.iter_lines():
            entry = json.loads(line)
            kept = {name: entry[name] for name in InventoryEntry.__annotations__ if name in entry}
            found[entry["File"]] = cast(InventoryEntry, kept)
    return found
