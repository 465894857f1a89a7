"""InspectInput: completes and checks the request, and inspects its input before anything is paid for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from aws_lambda_powertools.utilities.typing import LambdaContext

from ..aws import Location, logger, task
from ..contracts import InspectInputInput, InspectInputOutput
from ..publish import inventory
from ..request.completion import complete
from ..request.inspection import THREADS, Inspection


@task
def handler(event: InspectInputInput, context: LambdaContext) -> InspectInputOutput:
    """Complete the request ``event["Input"]``, write the inventory of its documents, and check both.

    Raises:
        RequestRefused: with every broken rule, or every limit that the input breaks, in its message.
    """
    settings = event["Settings"]
    request = complete(event["Input"], settings)
    target = Location.of(settings["WorkUri"]) / event["Execution"]["Name"] / "inventory.jsonl.gz"
    with ThreadPoolExecutor(THREADS) as pool:
        inspection = Inspection(request, settings, pool)
        inventory.write(target, inspection.entries())
        inspection.check()
    tally, warnings = inspection.tally, inspection.warnings()
    sums = {"documents": tally.documents, "bytes": tally.size, "warnings": len(warnings)}
    logger.info("input inspected", extra=sums)
    return {
        "Request": request,
        "Inventory": {"Uri": target.uri, "Documents": tally.documents, "Files": tally.files, "Bytes": tally.size},
        "Estimate": {"Units": tally.units, "CostUsd": tally.cost},
        "Warnings": warnings,
    }
