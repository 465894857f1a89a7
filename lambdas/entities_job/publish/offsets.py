"""A sample of entities, compared with the text that they were found in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from ..aws import Location, client, logger

_LONGEST_SOURCE = 2 * 1024**2
# The service ends lines at these, and only at these.
_LINE_END = re.compile("\r\n|\r|\n")


class Offsets:
    """Compares offsets, in Unicode code points, for the documents number 1, 2, 4, 8 and so on, beside the reading."""

    def __init__(self, job: Mapping[str, Any], sample: int = 0, mismatches: int = 0) -> None:
        self._submitted = job["SubmitTime"]
        self._input = Location.of(job["InputDataConfig"]["S3Uri"])
        self._compared = [(sample, mismatches)]
        self._reader = ThreadPoolExecutor(1)
        self._running: list[Future[tuple[int, int]]] = []

    def add(self, fields: Sequence[bytes], lines: Sequence[bytes], before: int) -> None:
        """Compare those documents that belong to the sample.

        Args:
            fields: of each document, what its record gains.
            lines: of each, the service's own, without its opening brace.
            before: how many documents came earlier.
        """
        number = 1 << before.bit_length()
        while number <= before + len(lines):
            at = number - before - 1
            record = json.loads(b"{" + fields[at] + lines[at])
            if record["Source"]:
                self._running.append(self._reader.submit(self._compare, record))
            number *= 2

    def counts(self) -> tuple[int, int]:
        """Entities compared, and those whose text stands elsewhere, once all is compared."""
        self._compared += (compared.result() for compared in self._running)
        self._running.clear()
        sample, mismatches = map(sum, zip(*self._compared, strict=True))
        return sample, mismatches

    def _compare(self, record: Mapping[str, Any]) -> tuple[int, int]:
        try:
            text = self._text(record)
        except (ClientError, ValueError, IndexError) as error:
            logger.info("no offsets compared", extra={"source": record["Source"], "why": str(error)})
            return 0, 0
        entities = record["Entities"]
        return len(entities), sum(text[one["BeginOffset"] : one["EndOffset"]] != one["Text"] for one in entities)

    def _text(self, record: Mapping[str, Any]) -> str:
        """The document as the service read it: for a batch of uploads its copy, otherwise the source itself.

        Raises:
            ClientError: it is gone, or another by now.
            ValueError: it is no text, or too long.
            IndexError: it has no such line.
        """
        place = Location.of(record["Source"])
        if not place.uri.startswith(self._input.uri):
            place = self._input / record["File"]
        answer = client("s3").get_object(Bucket=place.bucket, Key=place.key, IfUnmodifiedSince=self._submitted)
        if answer["ContentLength"] > _LONGEST_SOURCE:
            answer["Body"].close()
            raise ValueError(f"{answer['ContentLength']:,} bytes are more than a sample needs")
        text: str = answer["Body"].read().decode()
        return _LINE_END.split(text)[record["Line"]] if "Line" in record else text
