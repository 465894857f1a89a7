"""PublishResult: streams the service's archive into records with their source, a summary, and the event."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from .archive import Archive
from .errors import JobError
from .hints import hint
from .locations import Location
from .outcome import SCHEMA_VERSION, emit
from .parts import Parts
from .service import client, task
from .sources import Source, Sources

_NAMED = 1000
_RESERVE_MILLISECONDS = 60_000

# Inside a JSON string every quote is escaped, so that these find names of fields only; they begin with plain text,
# which the search finds many times as fast as anything that has to look back.
_FILE = re.compile(rb'"File"\s*:\s*"((?:[^"\\]|\\.)*)"')
_TYPE = re.compile(rb'"Type"\s*:\s*"((?:[^"\\]|\\.)*)"')
_ERROR = re.compile(rb'"ErrorCode"\s*:')


class ResultTooLarge(JobError):
    """Not even one part of the result could be published within the time of one function."""


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Publish what the job ``event["Job"]`` wrote. Payload and answer: docs/architecture.md, PublishResult.

    Where time runs out it ends at the last whole part, and the next run goes on from there: it reads what is done
    again (gzip can't be entered midway) but neither compresses nor writes it.

    Raises:
        ResultTooLarge: a run got no further than the one before.
    """
    done = (event["Checkpoint"] or {}).get("Parts", 0)
    publication = Publication(event, done)
    for closed in publication.publish():
        if closed > done and context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS:
            publication.parts.wait()
            return {"Done": False, "Checkpoint": {"Parts": closed}}
        if context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS // 2:
            raise ResultTooLarge(f"no part after the first {done} could be published within one run")
    outcome = publication.outcome()
    emit(outcome)
    return {"Done": True, "Outcome": outcome}


class Publication:
    """The published form of one job's result."""

    def __init__(self, event: Mapping[str, Any], done: int) -> None:
        self._event, self._job = event, event["Job"]
        results, day = Location.of(event["Settings"]["ResultsUri"]), self._job["SubmitTime"][:10]
        folder = f"job_date={day}"
        self._documents = results / "documents" / folder / f"{self._job['JobId']}-"
        self._summary = results / "summaries" / folder / f"{self._job['JobId']}.json"
        self._unparsed_at = results / "unparsed" / folder / f"{self._job['JobId']}.jsonl"
        front = {"JobId": self._job["JobId"], "JobDate": day, "LanguageCode": self._job["LanguageCode"]}
        self._front = json.dumps(front)[:-1].encode()
        self._sources = Sources(Location.of(event["Inventory"]["Uri"]))
        self._archive = Archive(Location.of(self._job["OutputDataConfig"]["S3Uri"]))
        self._last: tuple[bytes, Source | None, bytes] = (b"", None, b"")
        self._counts: Counter[str] = Counter()
        self._types: Counter[bytes] = Counter()
        self._failed: list[dict[str, Any]] = []
        self._missing: list[dict[str, Any]] = []
        self._unparsed: list[dict[str, str]] = []
        self.parts = Parts(self._documents, done=done)

    def publish(self) -> Iterator[int]:
        """Publish all records; yields the number of closed parts whenever one is closed."""
        for line in self._archive.records():
            if self._record(line):
                yield self.parts.closed
        for file, source, lacking in self._sources.missing():
            self._counts["MissingDocuments"] += lacking
            code = {
                "ErrorCode": "NOT_RECEIVED",
                "ErrorMessage": f"the service gave no result for {lacking} document(s)",
            }
            record = {"File": file, **code, "Documents": lacking}
            if len(self._missing) < _NAMED:
                self._missing.append({"Source": source.uri, **record})
            self.parts.add(self._before(source), json.dumps(record, ensure_ascii=False).encode()[1:])
        self.parts.finish()

    def _record(self, line: bytes) -> bool:
        found = _FILE.search(line)
        if not (found and line[:1] == b"{" and line[-1:] == b"}"):
            self._set_apart(line)
            return False
        file = found[1]
        if file != self._last[0]:
            source = self._sources.find(json.loads(b'"%b"' % file))
            self._last = (file, source, self._before(source))
        _, source, before = self._last
        if source:
            if source.padding:
                return False
            self._sources.receive(source)
        if _ERROR.search(line):
            self._counts["DocumentErrors"] += 1
            if len(self._failed) < _NAMED:
                record = json.loads(line)
                wanted = ("File", "Line", "ErrorCode", "ErrorMessage")
                self._failed.append({name: record[name] for name in wanted if name in record})
        else:
            self._counts["Documents"] += 1
        self._types.update(_TYPE.findall(line))
        return self.parts.add(before, line[1:])

    def _before(self, source: Source | None) -> bytes:
        """What stands in front of a record's own fields. A name that several objects bear has no one source."""
        if source is None or source.candidates > 1:
            known: dict[str, Any] = {"Source": None, "SourceCandidates": source.candidates if source else 0}
        else:
            known = {"Source": source.uri, "SourceVersionId": source.version}
        return self._front + b", " + json.dumps(known, ensure_ascii=False)[1:-1].encode() + b", "

    def _set_apart(self, line: bytes) -> None:
        self._counts["UnparsedRecords"] += 1
        if len(self._unparsed) < _NAMED:
            text = line[:1000].decode("utf-8", "replace")
            self._unparsed.append({"Reason": "no JSON object with the field File", "Text": text})

    def outcome(self) -> dict[str, Any]:
        """Put the summary, which makes the result visible, and return the outcome."""
        event, counts = self._event, self._counts
        types = {json.loads(b'"%b"' % name): number for name, number in sorted(self._types.items())}
        outcome: dict[str, Any] = {
            "SchemaVersion": SCHEMA_VERSION,
            "Status": self._status(),
            "ExecutionArn": event["Execution"]["Id"],
            "StateMachineArn": event["Execution"]["StateMachineArn"],
            "Job": self._job,
            "Counts": {
                "ExpectedDocuments": event["Inventory"]["Documents"],
                **{name: counts[name] for name in ("Documents", "DocumentErrors", "MissingDocuments")},
                "UnparsedRecords": counts["UnparsedRecords"],
                "Entities": self._types.total(),
                "EntitiesByType": types,
            },
            "Result": {
                "DocumentsUri": self._documents.uri,
                "SummaryUri": self._summary.uri,
                "Parts": self.parts.closed,
                "Truncated": self._archive.truncated,
            },
            "Polls": event["Polls"],
            "LagSeconds": event["LagSeconds"],
            "Units": event["Estimate"]["Units"],
            "EstimatedCostUsd": event["Estimate"]["CostUsd"],
            **self._stopped(),
        }
        if self._unparsed:
            lines = "\n".join(json.dumps(each, ensure_ascii=False) for each in self._unparsed)
            self._put(self._unparsed_at, lines)
        lists = {"Failed": self._failed, "Missing": self._missing, "Warnings": event["Warnings"]}
        self._put(self._summary, json.dumps({**outcome, **lists}, ensure_ascii=False))
        return outcome

    def _status(self) -> str:
        if self._job["JobStatus"] == "STOPPED":
            return "TIMED_OUT" if self._event["StopCode"] else "STOPPED"
        spoiled = ("DocumentErrors", "MissingDocuments", "UnparsedRecords")
        bad = self._archive.truncated or any(self._counts[name] for name in spoiled)
        return "COMPLETED_WITH_ERRORS" if bad else "COMPLETED"

    def _stopped(self) -> dict[str, Any]:
        if self._job["JobStatus"] != "STOPPED":
            return {}
        code = self._event["StopCode"] or "JobStopped"
        message = f"the job {self._job['JobId']} was stopped after {self._counts['Documents']} documents"
        return {"Error": {"Code": code, "Message": message, "Hint": hint(code)}}

    def _put(self, place: Location, text: str) -> None:
        client("s3").put_object(Bucket=place.bucket, Key=place.key, Body=text.encode())
