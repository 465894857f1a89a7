"""PublishResult: publishes the archive of a job as records with their sources, a summary, and the event."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from ..aws import Location, error_code, logger
from ..contracts import OutcomeError, OutcomeOutput, PublishResultInput, Result
from ..job.resumption import summary as place_of_summary
from ..publish import outcome
from ..publish.archive import ArchiveDamaged, ahead, inflated, members
from ..publish.ending import report
from ..publish.inventory import opened
from ..publish.parts import Parts
from ..publish.records import Results
from ..task import task


@task
def handler(event: PublishResultInput, context: LambdaContext) -> OutcomeOutput:
    """Publish what the job ``event["Job"]`` wrote. Payload and answer: docs/architecture.md, PublishResult.

    What it writes depends on the archive and the inventory alone, so that a run that is repeated changes nothing.
    """
    job, results = event["Job"], Location.of(event["Settings"]["ResultsUri"])
    day = f"job_date={job['SubmitTime'][:10]}"
    summary = place_of_summary(results, job)
    if standing := summary.read_if_there():
        return {"Outcome": report(event["Execution"], outcome.of_published(event, json.loads(standing)))}
    # All threads end here, whatever happens inside.
    with (
        opened(Location.of(event["Inventory"]["Uri"])) as inventory,
        ThreadPoolExecutor(1) as reader,
        ThreadPoolExecutor(2) as writers,
    ):
        records = results / "documents" / day / f"{job['JobId']}-"
        documents = Parts(records, writers)
        unparsed = Parts(results / "unparsed" / day / f"{job['JobId']}-", writers)
        found = Results(job, inventory, documents, unparsed)
        damage: OutcomeError | None = None
        archive = Location.of(job["OutputDataConfig"]["S3Uri"])
        try:
            for member in members(ahead(inflated(archive.chunks()), reader)):
                found.add(member)
        except ArchiveDamaged as error:
            damage = {"Code": error.code, "Message": f"{error}: {archive.uri}"}
        except ClientError as error:
            if error_code(error) != "NoSuchKey":
                raise
            # A job that was stopped may leave none.
            if job["JobStatus"] != "STOPPED":
                damage = {"Code": ArchiveDamaged.code, "Message": f"there is no archive at {archive.uri}"}
        if damage:
            logger.error("archive not read to its end", extra={"why": damage})
        found.add_missing()
        documents.finish()
        unparsed.finish()
    result: Result = {
        "DocumentsUri": records.uri,
        "SummaryUri": summary.uri,
        "Parts": documents.count,
        "Bytes": documents.size,
    }
    ended = outcome.of_result(event, found.counts(), result, damage)
    lists = {"Failed": found.failed, "Missing": found.lost}
    summary.write(json.dumps({**ended, **lists}, ensure_ascii=False).encode())
    return {"Outcome": report(event["Execution"], ended)}
