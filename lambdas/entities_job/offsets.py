"""A sample of entities, compared with the text that they were found in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from .inventory import Inventory, Row
from .locations import Location
from .service import client, logger

_LONGEST_SOURCE = 2 * 1024**2
# The service ends lines at these, and only at these.
_LINE_END = re.compile("\r\n|\r|\n")


class Offsets:
    """Compares offsets, in Unicode code points, for the documents number 1, 2, 4, 8 and so on, beside the reading."""

    def __init__(self, job: Mapping[str, Any], inventory: Inventory, sample: int = 0, mismatches: int = 0) -> None:
        self._inventory, self._submitted = inventory, job["SubmitTime"]
        self._input = Location.of(job["InputDataConfig"]["S3Uri"])
        self._compared = [(sample, mismatches)]
        self._reader = ThreadPoolExecutor(1)
        self._running: list[Future[tuple[int, int]]] = []

    def add(self, records: Sequence[bytes], before: int) -> None:
        """Compare those of ``records``, given without their opening brace, that belong to the sample.

        Args:
            records: the documents that follow the first ``before``.
            before: how many came earlier.
        """
        number = 1 << before.bit_length()
        while number <= before + len(records):
            record = json.loads(b"{" + records[number - before - 1])
            row = self._inventory.source(json.dumps(record["File"], ensure_ascii=False).encode()[1:-1])
            if row and row.size <= _LONGEST_SOURCE:
                self._running.append(self._reader.submit(self._compare, row, record))
            number *= 2

    def counts(self) -> tuple[int, int]:
        """Entities compared, and those whose text stands elsewhere, once all is compared."""
        self._compared += (compared.result() for compared in self._running)
        self._running.clear()
        sample, mismatches = map(sum, zip(*self._compared, strict=True))
        return sample, mismatches

    def _compare(self, row: Row, record: Mapping[str, Any]) -> tuple[int, int]:
        try:
            text = self._text(row, record.get("Line"))
        except (ClientError, UnicodeDecodeError, IndexError) as error:
            logger.info("no offsets compared", extra={"source": row.source.decode(), "why": str(error)})
            return 0, 0
        entities = record["Entities"]
        return len(entities), sum(text[one["BeginOffset"] : one["EndOffset"]] != one["Text"] for one in entities)

    def _text(self, row: Row, line: int | None) -> str:
        """The document as the service read it: for a batch of uploads its copy, otherwise the source itself."""
        place = Location.of(json.loads(row.source))
        if not place.uri.startswith(self._input.uri):
            place = self._input / json.loads(row.file)
        answer = client("s3").get_object(Bucket=place.bucket, Key=place.key, IfUnmodifiedSince=self._submitted)
        text: str = answer["Body"].read().decode()
        return text if line is None else _LINE_END.split(text)[line]
