"""PublishResult: streams the service's archive into records with their source, a summary, and the event."""

from __future__ import annotations

import json
import sys
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import Location, client, logger, task
from ..publish import outcome
from ..publish.archive import Archive, Place
from ..publish.inflate import ArchiveDamaged
from ..publish.inventory import Inventory
from ..publish.offsets import Offsets
from ..publish.parts import Parts
from ..publish.records import Results, Tally

_RESERVE_MILLISECONDS = 120_000

# Decompressing and compressing leave the interpreter free, but wait for it between blocks: at most so many seconds.
sys.setswitchinterval(0.001)


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Publish what the job ``event["Job"]`` wrote. Payload and answer: docs/architecture.md, PublishResult.

    Where time runs out it ends behind a whole part, and the next invocation goes on in the middle of the archive: of
    what was published before, it reads at most the last few megabytes again.
    """
    publication = Publication(event, lambda: context.get_remaining_time_in_millis() < _RESERVE_MILLISECONDS)
    with publication.parts:
        if not publication.publish():
            return {"Done": False, "Checkpoint": publication.save()}
        found = publication.summarize()
    return {"Done": True, "Outcome": outcome.emit(found)}


class Publication:
    """The published form of one job's result, as far as it has come; ``hurried`` tells that time runs out."""

    def __init__(self, event: Mapping[str, Any], hurried: Callable[[], bool]) -> None:
        self._event, self._job, self._hurried = event, event["Job"], hurried
        done = _read(Location.of(event["Checkpoint"]["Uri"])) if event["Checkpoint"] else {}
        self._place = _place(done)
        self._lost, self._damage = done.get("Lost", 0), done.get("Damage", "")
        self._inventory = Inventory(Location.of(event["Inventory"]["Uri"]))
        if done:
            self._inventory.received[:] = zlib.decompress(b64decode(done["Received"]))
            self._inventory.unexpected = done["Unexpected"]
        self._tally = Tally.restored(done["Tally"]) if done else Tally()
        self._offsets = Offsets(self._job, *done.get("Offsets", ()))
        self._results = Results(self._job, self._inventory, self._tally, self._offsets)
        results, folder = Location.of(event["Settings"]["ResultsUri"]), f"job_date={self._job['SubmitTime'][:10]}"
        self._documents = results / "documents" / folder / f"{self._job['JobId']}-"
        self._summary = results / "summaries" / folder / f"{self._job['JobId']}.json"
        unparsed = results / "unparsed" / folder / f"{self._job['JobId']}-"
        self.parts = Parts(self._documents, unparsed, **done.get("Parts", {}))

    def publish(self) -> bool:
        """Publish all records; returns whether the end was reached before time ran out."""
        try:
            if self._place and not self._received(self._place):
                return False
        except ArchiveDamaged as error:
            self._damage = str(error)
            logger.error("archive damaged", extra={"why": self._damage})
        except client("s3").exceptions.NoSuchKey:
            # A job that was stopped may leave none.
            if self._job["JobStatus"] != "STOPPED":
                self._damage = f"there is no archive at {self._job['OutputDataConfig']['S3Uri']}"
        self._place = None
        for number, fields, file, line in self._inventory.missing(self._lost):
            self.parts.add(self._results.not_received(fields, file, line))
            if self.parts.full:
                self.parts.put()
                self._lost = number + 1
                if self._hurried():
                    return False
        return True

    def _received(self, place: Place) -> bool:
        archive = Archive(Location.of(self._job["OutputDataConfig"]["S3Uri"]), place, self._hurried)
        for member in archive.members():
            for records, unparsed in self._results.of(member):
                self.parts.add(records, unparsed)
                if self.parts.full:
                    self.parts.put()
                    if self._hurried():
                        self._place = archive.place(member)
                        return False
        return True

    def save(self) -> dict[str, Any]:
        """Keep what the next invocation needs, once all parts have arrived; returns where it is kept."""
        state = {
            "Place": self._place and self._place.saved(),
            "Lost": self._lost,
            "Damage": self._damage,
            "Received": b64encode(zlib.compress(self._inventory.received)).decode(),
            "Unexpected": self._inventory.unexpected,
            "Tally": vars(self._tally),
            "Offsets": self._offsets.counts(),
            "Parts": self.parts.finish(),
        }
        work = Location.of(self._event["Settings"]["WorkUri"]) / self._event["Execution"]["Name"]
        return {"Uri": _put(work / f"checkpoint-{self.parts.number:05}.json", state)}

    def summarize(self) -> dict[str, Any]:
        """Put the summary, which makes the result visible; returns the outcome."""
        tally, parts, (sample, mismatches) = self._tally, self.parts.finish(), self._offsets.counts()
        counts = {
            "ExpectedDocuments": self._event["Inventory"]["Documents"],
            "Documents": tally.documents,
            "DocumentErrors": tally.errors,
            "MissingDocuments": tally.missing,
            "UnexpectedDocuments": self._inventory.unexpected,
            "UnparsedRecords": tally.unparsed,
            "Entities": tally.entities,
            "OffsetSample": sample,
            "OffsetMismatches": mismatches,
        }
        if tally.by_type:
            counts["EntitiesByType"] = dict(sorted(tally.types.items()))
        result = {
            "DocumentsUri": self._documents.uri,
            "SummaryUri": self._summary.uri,
            "Parts": parts["count"],
            "Bytes": parts["size"],
        }
        found = outcome.of_result(self._event, counts, result, self._damage)
        lists = {"Failed": tally.failed, "Missing": tally.lost, "Warnings": self._event["Warnings"]}
        _put(self._summary, {**found, **lists})
        return found


def _place(done: Mapping[str, Any]) -> Place | None:
    """Where to go on in the archive, or None if it was read to its end."""
    if not done:
        return Place()
    return Place.restored(done["Place"]) if done["Place"] else None


def _read(place: Location) -> dict[str, Any]:
    body = client("s3").get_object(Bucket=place.bucket, Key=place.key)["Body"]
    state: dict[str, Any] = json.loads(body.read())
    return state


def _put(place: Location, content: Mapping[str, Any]) -> str:
    body = json.dumps(content, ensure_ascii=False).encode()
    client("s3").put_object(Bucket=place.bucket, Key=place.key, Body=body)
    return place.uri
