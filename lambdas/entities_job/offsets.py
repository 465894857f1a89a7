"""A sample of entities, compared with the text that they were found in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from .inventory import Inventory, Row
from .locations import Location
from .service import client, logger

_LONGEST_SOURCE = 2 * 1024**2
# The service ends lines at these, and only at these.
_LINE_END = re.compile("\r\n|\r|\n")


class Offsets:
    """Compares offsets, in Unicode code points, for the documents number 1, 2, 4, 8 and so on.

    Attributes:
        sample: entities compared.
        mismatches: those whose text stands elsewhere.
    """

    def __init__(self, job: Mapping[str, Any], inventory: Inventory, sample: int = 0, mismatches: int = 0) -> None:
        self._inventory, self._submitted = inventory, job["SubmitTime"]
        self._input = Location.of(job["InputDataConfig"]["S3Uri"])
        self.sample, self.mismatches = sample, mismatches

    def counts(self) -> dict[str, int]:
        """What ``Offsets`` takes to go on counting."""
        return {"sample": self.sample, "mismatches": self.mismatches}

    def due(self, before: int, more: int) -> bool:
        """Whether one of ``more`` documents after the first ``before`` belongs to the sample."""
        return before.bit_length() != (before + more).bit_length()

    def check(self, line: bytes) -> None:
        """Compare a record's entities; ``line`` is the record without its opening brace."""
        record = json.loads(b"{" + line)
        row = self._inventory.source(json.dumps(record["File"], ensure_ascii=False).encode()[1:-1])
        if row is None or row.size > _LONGEST_SOURCE:
            return
        try:
            text = self._text(row, record.get("Line"))
        except (ClientError, UnicodeDecodeError, IndexError) as error:
            logger.info("no offsets compared", extra={"source": row.source.decode(), "why": str(error)})
            return
        for entity in record["Entities"]:
            self.sample += 1
            self.mismatches += text[entity["BeginOffset"] : entity["EndOffset"]] != entity["Text"]

    def _text(self, row: Row, line: int | None) -> str:
        """The document as the service read it: for a batch of uploads its copy, otherwise the source itself."""
        place = Location.of(json.loads(row.source))
        if not place.uri.startswith(self._input.uri):
            place = self._input / json.loads(row.file)
        answer = client("s3").get_object(Bucket=place.bucket, Key=place.key, IfUnmodifiedSince=self._submitted)
        text: str = answer["Body"].read().decode()
        return text if line is None else _LINE_END.split(text)[line]
