"""ListEntitiesDetectionJobs: filter, order and pages."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any

from .errors import ServiceError
from .jobs import Job

DEFAULT_PAGE = 100


def page(jobs: Iterable[Job], request: dict[str, Any], now: float) -> dict[str, Any]:
    """One page of the list.

    Raises:
        ServiceError: InvalidFilterException for more than one filter, InvalidRequestException for a foreign NextToken.
    """
    chosen: dict[str, Any] = request.get("Filter", {})
    if len(chosen) > 1:
        raise ServiceError(
            "InvalidFilterException", "The filter specified for the operation is invalid. Specify a different filter."
        )
    name: str
    value: Any
    name, value = next(iter(chosen.items()), ("", None))
    tests: dict[str, Callable[[Job], bool]] = {
        "": lambda job: True,
        "JobName": lambda job: job.request.get("JobName") == value,
        "JobStatus": lambda job: job.status(now) == value,
        "SubmitTimeBefore": lambda job: job.submit_time < value,
        "SubmitTimeAfter": lambda job: job.submit_time > value,
    }
    if name not in tests:
        raise ServiceError("InvalidFilterException", f"The filter {name} is unknown.")
    # The API reference asks for the oldest first with SubmitTimeBefore only.
    sign = 1 if name == "SubmitTimeBefore" else -1
    ordered = sorted((sign * job.submit_time, job.job_id, job) for job in jobs if tests[name](job))
    if "NextToken" in request:
        after = _decode(request["NextToken"], chosen)
        ordered = [item for item in ordered if [item[0], item[1]] > after]
    # JSON may spell a whole number as 5.0.
    size = int(request.get("MaxResults", DEFAULT_PAGE))
    answer: dict[str, Any] = {"EntitiesDetectionJobPropertiesList": [job.properties(now) for *_, job in ordered[:size]]}
    if len(ordered) > size:
        answer["NextToken"] = _encode(chosen, list(ordered[size - 1][:2]))
    return answer


def _encode(chosen: dict[str, Any], last: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([chosen, last]).encode()).decode()


def _decode(token: str, chosen: dict[str, Any]) -> list[Any]:
    try:
        filter_then, (time, job_id) = json.loads(base64.urlsafe_b64decode(token))
        last = [float(time), str(job_id)]
    except (ValueError, TypeError, RecursionError) as error:
        raise ServiceError("InvalidRequestException", "The NextToken is invalid.") from error
    if filter_then != chosen:
        raise ServiceError("InvalidRequestException", "The NextToken belongs to a list with another filter.")
    return last
