"""output.tar.gz as the service writes it."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from typing import IO, Any

MEMBER = "output"


def lines_archive(records: Iterable[dict[str, Any]], garbled: int = 0) -> IO[bytes]:
    """A gzip tar whose one member holds a JSON line a record, with keys in varying order.

    Args:
        records: the records.
        garbled: so many records at the start are cut off in the middle.
    """
    with tempfile.TemporaryFile() as lines:
        for number, record in enumerate(records):
            line = json.dumps(_turned(record, number), ensure_ascii=False)
            lines.write((line[: len(line) // 2] if number < garbled else line).encode() + b"\n")
        size = lines.tell()
        lines.seek(0)
        return _archive([(MEMBER, size, lines)])


def files_archive(results: Iterable[tuple[str, object]]) -> IO[bytes]:
    """A gzip tar with one JSON file a document.

    Args:
        results: name and content of each file.
    """
    encoded = [(name, json.dumps(content, ensure_ascii=False).encode()) for name, content in results]
    return _archive([(name, len(content), io.BytesIO(content)) for name, content in encoded])


def _archive(members: Sequence[tuple[str, int, IO[bytes]]]) -> IO[bytes]:
    target: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (the caller reads and closes it)
    with (
        gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, size, content in members:
            info = tarfile.TarInfo(name)
            info.size = size
            tar.addfile(info, content)
    target.seek(0)
    return target


def _turned(record: dict[str, Any], number: int) -> dict[str, Any]:
    names = list(record)
    turn = number % len(names)
    return {name: record[name] for name in names[turn:] + names[:turn]}
