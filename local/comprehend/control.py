"""The side door for tests and demos: paths under /_comprehend/."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .faults import JobFault, OperationFault
from .jobs import Job
from .recognizers import read_entity_list
from .service import Comprehend
from .tagging import tag_list


class NoSuchPath(Exception):
    """There is no such method and path."""


def control(service: Comprehend, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Answer one call; :class:`.admin.Admin` describes each.

    Raises:
        NoSuchPath: there is no such method and path.
        ValueError: the body is wrong; the text says what.
        TypeError: the body has an unknown or lacks a needed member.
    """
    actions: dict[tuple[str, str], Callable[[Comprehend, dict[str, Any]], dict[str, Any]]] = {
        ("GET", "health"): _health,
        ("GET", "jobs"): _jobs,
        ("GET", "settings"): _settings,
        ("POST", "settings"): _change_settings,
        ("GET", "recognizers"): lambda service, body: {"Arns": service.recognizers.arns()},
        ("POST", "recognizers"): _add_recognizer,
        ("POST", "faults"): _add_fault,
        ("POST", "faults/clear"): _clear_faults,
        ("POST", "clock"): _advance,
        ("POST", "restart"): _restart,
        ("POST", "reset"): _reset,
    }
    if not isinstance(body, dict):
        raise ValueError("the body is not a JSON object")
    action = actions.get((method, path.removeprefix("/_comprehend/")))
    if action is None:
        known = ", ".join(f"{name} /_comprehend/{end}" for name, end in actions)
        raise NoSuchPath(f"no {method} {path}; there are {known}")
    return action(service, body)


def _health(service: Comprehend, body: dict[str, Any]) -> dict[str, Any]:
    return {"Status": "ok", "VirtualTime": service.clock.now()}


def _jobs(service: Comprehend, body: dict[str, Any]) -> dict[str, Any]:
    with service.jobs.changed:
        return {"Jobs": [_job(job, service.clock.now()) for job in service.jobs.every()]}


def _job(job: Job, now: float) -> dict[str, Any]:
    history = [[status, begin] for status, begin in job.history if begin <= now]
    hidden = {"History": history, "Request": job.request, "Refusal": job.refusal}
    return {**job.properties(now), "Tags": tag_list(job), **hidden}


def _settings(service: Comprehend, body: dict[str, Any]) -> dict[str, Any]:
    return dict(vars(service.settings))


def _change_settings(service: Comprehend, body: dict[str, Any]) -> dict[str, Any]:
    service.change_settings(service.settings.updated(body))
    return _settings(service, body)


def _add_recognizer(service: Comprehend, body: dict[str, Any]) -> dict[str, Any]:
    service.recognizers.add(body["Arn"], read_entity_list(body["EntityList"]), body.get("Status", "TRAINED"))
    return {"Arns": service.recognizers.arns()}


def _add_fault(service: Comprehend, body: dict[str, Any]) -> dict[str, Any]:
    service.faults.add(OperationFault(**body) if "operation" in body else JobFault(**body))
    return {}


def _clear_faults(service: Comprehend, body: dict[str, Any]) -> dict[str, Any]:
    service.faults.clear()
    return {}


def _advance(service: Comprehend, body: dict[str, Any]) -> dict[str, Any]:
    service.clock.advance(float(body["Seconds"]))
    service.wake()
    return _health(service, body)


def _restart(service: Comprehend, body: dict[str, Any]) -> dict[str, Any]:
    service.restart(float(body["Seconds"]))
    return _health(service, body)


def _reset(service: Comprehend, body: dict[str, Any]) -> dict[str, Any]:
    service.reset()
    return {}
