"""The service's output archive as a stream of records, in constant memory."""

from __future__ import annotations

import gzip
import json
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

from .errors import JobError
from .locations import Location
from .service import client

LONGEST_RECORD = 64 * 1024 * 1024
"""Bytes of one record; a document of 1 MB has a fraction of it, and an archive made to burst memory has more."""

_CHUNK = 1024 * 1024
_BROKEN = (EOFError, tarfile.ReadError, gzip.BadGzipFile, zlib.error)


class ArchiveRefused(JobError):
    """The archive holds something that no result of the service can be."""


class Archive:
    """Records of one archive.

    Attributes:
        truncated: whether the archive ended before its end; known once all records were read.
    """

    def __init__(self, source: Location) -> None:
        self._source = source
        self.truncated = False

    def records(self) -> Iterator[bytes]:
        """Each record as one line of JSON without its line end; none where there is no archive (a stopped job).

        Raises:
            ArchiveRefused: a record is longer than any can be.
        """
        s3 = client("s3")
        try:
            body = s3.get_object(Bucket=self._source.bucket, Key=self._source.key)["Body"]
        except s3.exceptions.NoSuchKey:
            return
        try:
            unpacked = gzip.GzipFile(fileobj=body)
            with tarfile.open(fileobj=unpacked, mode="r|", bufsize=_CHUNK) as archive:
                # Members' names are never used as paths; all but regular files hold nothing.
                for member in archive:
                    file = archive.extractfile(member) if member.isfile() else None
                    if file:
                        yield from _documents(file) if member.name.endswith(".out") else _lines(file)
        except _BROKEN:
            self.truncated = True


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := file.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line)
        if len(rest) > LONGEST_RECORD:
            raise ArchiveRefused(f"a record of the result is longer than {LONGEST_RECORD:,} bytes")
    if rest:
        yield rest


def _documents(file: IO[bytes]) -> Iterator[bytes]:
    """The one document of a ``.out`` file: an object, or an array of its pages, which become one record.

    The text blocks stay in the archive: they are many times as large as the entities that refer to them.
    """
    text = file.read(LONGEST_RECORD + 1)
    if len(text) > LONGEST_RECORD:
        raise ArchiveRefused(f"a document of the result is longer than {LONGEST_RECORD:,} bytes")
    try:
        found = json.loads(text)
        pages: list[dict[str, Any]] = found if isinstance(found, list) else [found]
        record = {name: value for name, value in pages[0].items() if name != "Blocks"}
        for name in ("Entities", "Errors"):
            record[name] = [item for page in pages for item in page.get(name, [])]
    except (ValueError, AttributeError, IndexError):
        yield text.replace(b"\n", b" ")
        return
    if record["Errors"]:
        record.update({name: record["Errors"][0].get(name) for name in ("ErrorCode", "ErrorMessage")})
    else:
        del record["Errors"]
    yield json.dumps(record, ensure_ascii=False).encode()
