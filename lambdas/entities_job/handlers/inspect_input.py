"""InspectInput: completes and checks the request, and inspects its input before anything is paid for."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from ..aws import Location, logger, passes
from ..contracts import (
    Execution,
    InputDataConfig,
    InputWarning,
    Inspected,
    InspectInputInput,
    InspectInputOutput,
    JobRequest,
    Settings,
)
from ..job import marker, resumption
from ..job.identity import folders
from ..publish import inventory
from ..request.completion import complete, without_link
from ..request.inspection import THREADS, Inspection
from ..task import task
from ..uploads import copies


@task
def handler(event: InspectInputInput, context: LambdaContext) -> InspectInputOutput:
    """Complete the request ``event["Input"]``, write the inventory of its documents, and check both.

    An input ``{"JobId": ...}`` resumes an existing job instead.

    Raises:
        RequestRefused: with every broken rule, or every limit that the input breaks, in its message.
    """
    settings, execution, given = event["Settings"], event["Execution"], without_link(event["Input"])
    taken_up = resumption.job_id(given)
    own = folders(os.environ["JOBS_URI"], execution["Name"], given) if taken_up is None else set()
    marker.leave(execution["Id"], own, taken_up)
    if taken_up is not None:
        return _taken_up(taken_up, settings, execution)
    request = complete(given, settings)
    staging, data = Location.of(settings["StagingUri"]), request["InputDataConfig"]
    copied = settings.get("UniqueNames") and not data["S3Uri"].startswith(staging.uri)
    place = copies.place(execution, staging) if copied else None
    found = _inspected(request, settings, execution, check=True, place=place)
    made: InspectInputOutput = {
        "Request": request,
        "Inventory": found["Inventory"],
        "Estimate": found["Estimate"],
        "Warnings": found["Warnings"],
    }
    if place:
        made["Manifest"] = f"{(place / 'manifest').key}/"
        staged: InputDataConfig = {**data, "S3Uri": f"{(place / 'documents').uri}/"}
        made["Request"] = {**request, "InputDataConfig": staged}
    return made


def _inspected(
    request: JobRequest, settings: Settings, execution: Execution, *, check: bool, place: Location | None = None
) -> Inspected:
    """Inspect the input and write its inventory; with ``place``, and the manifest of the copies to make there."""
    folder = marker.work() / execution["Name"]
    target = folder / "inventory.jsonl.gz"
    with ThreadPoolExecutor(THREADS) as pool:
        inspection = Inspection(request, settings, pool)
        entries = inspection.entries()
        inventory.write(target, copies.renamed(entries, place) if place else entries)
        if check:
            inspection.check()
    tally, warnings = inspection.tally, inspection.warnings()
    price = tally.cost + (round(tally.files * copies.USD_PER_COPY, 6) if place else 0)
    sums = {"documents": tally.documents, "bytes": tally.size, "warnings": len(warnings)}
    logger.info("input inspected", extra=sums)
    made: Inspected = {
        "Inventory": {"Uri": target.uri, "Documents": tally.documents, "Files": tally.files, "Bytes": tally.size},
        "Estimate": {"Units": tally.units, "CostUsd": price},
        "Warnings": warnings,
    }
    (folder / "inspected.json").write(json.dumps(made, ensure_ascii=False).encode())
    return made


def _taken_up(job_id: str, settings: Settings, execution: Execution) -> InspectInputOutput:
    """Return an existing job with the inventory of its start or, if that is gone, of its input as it is now."""
    job = resumption.described(job_id, Location.of(settings["ResultsUri"]))
    request = resumption.request(job)
    found = resumption.inspected(job)
    if found is None:
        try:
            found = _inspected(request, settings, execution, check=False)
        except ClientError as error:
            if passes(error):
                raise
            # Published without sources: each of its documents is counted as unexpected.
            target = marker.work() / execution["Name"] / "inventory.jsonl.gz"
            inventory.write(target, [])
            warning: InputWarning = {"Warning": f"the job's input can't be listed, so results have no source: {error}"}
            found = {
                "Inventory": {"Uri": target.uri, "Documents": 0, "Files": 0, "Bytes": 0},
                "Estimate": {"Units": 0, "CostUsd": 0.0},
                "Warnings": [warning],
            }
    logger.info("job taken up", extra={"job_id": job_id, "job_status": job["JobStatus"]})
    return {
        "Request": request,
        "Job": job,
        "Inventory": found["Inventory"],
        "Estimate": found["Estimate"],
        "Warnings": found["Warnings"],
    }
