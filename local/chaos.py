"""Has MiniStack's services, invocations and events fail by chance (:mod:`local.chances`).

Only calls that functions make fail, not those of whoever looks at them from outside. What no server can answer (a
connection that is reset, a time-out, a process that ends) a header asks of botocore in the function's own process.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import threading
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.core import lambda_runtime
from ministack.services import eventbridge, lambda_svc

from local.chances import REFUSED_EVENT, Chances, Fault
from local.failures import KINDS

_HEADER = "x-injected"
# Functions sign with the account as their key; others have keys of another form.
_FUNCTIONS = "Credential=000000000000/"

_ANSWERS = {
    "Throttled": (400, "ThrottlingException", "SlowDown"),
    "ServerError": (500, "InternalServerException", "InternalError"),
    "Unavailable": (503, "ServiceUnavailableException", "ServiceUnavailable"),
    "AccessDenied": (403, "AccessDeniedException", "AccessDenied"),
}
"""Status, code of JSON services and code of S3."""

_IN_THE_FUNCTION = """
import botocore.exceptions, botocore.httpsession, os

def _send(self, request, send=botocore.httpsession.URLLib3Session.send):
    answer = send(self, request)
    kind, url = answer.headers.get("x-injected"), request.url
    if kind == "Killed":
        os._exit(137)
    if kind == "Reset":
        raise botocore.exceptions.ConnectionClosedError(endpoint_url=url, request=request, error="injected")
    if kind == "TimedOut":
        raise botocore.exceptions.ReadTimeoutError(endpoint_url=url, error="injected")
    if kind == "CutAnswer" and request.stream_output:
        whole, read = int(answer.headers.get("Content-Length", 0)), answer.raw.read
        left = [whole // 2]
        def cut(amount=None, *more, **options):
            part = read(left[0] if amount is None else min(amount, left[0]), *more, **options) if left[0] else b""
            left[0] -= len(part)
            return part
        answer.raw.read = cut
    return answer

botocore.httpsession.URLLib3Session.send = _send
"""


def inject(settings: dict[str, Any]) -> None:
    """Let calls, invocations and events fail; ``settings`` are those of :class:`local.chances.Chances`.

    ``unreadable``: objects with this text in their keys are copied for no function.
    """
    if text := settings.pop("unreadable", ""):
        _refuse_copies(str(text))
    chances = Chances(settings)
    lambda_runtime._PYTHON_WORKER_SCRIPT = _IN_THE_FUNCTION + lambda_runtime._PYTHON_WORKER_SCRIPT
    for service in settings.get("calls", {}):
        app.SERVICE_HANDLERS[service] = _failing(service, app.SERVICE_HANDLERS[service], chances)
    lambda_svc._execute_function_warm = _unreliable(lambda_svc._execute_function_warm, chances)
    eventbridge._invoke_target = _rerouted(eventbridge._invoke_target, chances)


def _refuse_copies(text: str) -> None:
    handle = app.SERVICE_HANDLERS["s3"]

    async def handled(method: str, path: str, headers: dict[str, str], *rest: Any) -> Any:
        if text in headers.get("x-amz-copy-source", ""):
            return _error("s3", "AccessDenied")
        return await handle(method, path, headers, *rest)

    app.SERVICE_HANDLERS["s3"] = handled


def _failing(service: str, handle: Callable[..., Any], chances: Chances) -> Callable[..., Any]:
    async def handled(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        if _FUNCTIONS not in headers.get("authorization", ""):
            return await handle(method, path, headers, body, query)
        target = headers.get("x-amz-target", "").rpartition(".")[2]
        # A bucket's name differs from run to run.
        subject = path.lstrip("/").partition("/")[2] if service == "s3" else _job(body)
        fault = chances.of_call(service, target or method, subject)
        if fault is None:
            return await handle(method, path, headers, body, query)
        if fault.kind == "Slow":
            await asyncio.sleep(fault.seconds)
        if fault.kind == REFUSED_EVENT:
            return 200, {"Content-Type": "application/x-amz-json-1.1"}, _refused_event(body)
        # What a function reads as a stream is cut where it reads.
        streamed = service == "s3" and method == "GET" and subject != ""
        return await _failed(service, fault, lambda: handle(method, path, headers, body, query), cut=not streamed)

    return handled


async def _failed(service: str, fault: Fault, handle: Callable[[], Any], *, cut: bool) -> Any:
    """Answer a call that fails; one that fails after it took effect is handled first."""
    # Nobody is throttled or denied afterwards.
    after = fault.kind in ("Slow", "CutAnswer") or (fault.after and fault.kind not in ("Throttled", "AccessDenied"))
    answered = await handle() if after else None
    if fault.kind in _ANSWERS:
        return _error(service, fault.kind)
    if answered is None:
        return 503, {"Content-Type": "text/plain", _HEADER: fault.kind}, b""
    status, headers, body = answered
    if fault.kind == "Slow":
        return answered
    if fault.kind == "CutAnswer" and cut and isinstance(body, bytes):
        body = body[: len(body) // 2]
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    return status, {**headers, _HEADER: fault.kind}, body


def _error(service: str, kind: str) -> tuple[int, dict[str, str], bytes]:
    status, code, code_of_s3 = _ANSWERS[kind]
    if service == "s3":
        text = f"<Error><Code>{code_of_s3}</Code><Message>injected</Message></Error>"
        return 503 if kind == "Throttled" else status, {"Content-Type": "application/xml"}, text.encode()
    answer = json.dumps({"__type": code, "message": "injected"}).encode()
    return status, {"Content-Type": "application/x-amz-json-1.1"}, answer


def _refused_event(body: bytes) -> bytes:
    number = len(json.loads(body)["Entries"])
    entry = {"ErrorCode": "ThrottlingException", "ErrorMessage": "injected"}
    return json.dumps({"FailedEntryCount": number, "Entries": [entry] * number}).encode()


def _job(body: bytes) -> str:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return ""
    return str(request.get("JobName") or request.get("JobId") or request.get("executionArn") or "")


def _unreliable(execute: Callable[..., Any], chances: Chances) -> Callable[..., Any]:
    def executed(function: Any, event: Any, request_id: Any) -> Any:
        name = str((function.get("config") or function)["FunctionName"])
        fault = chances.of_invocation(f"{name} {_subject(event)}")
        result = None if fault and not fault.after else execute(function, event, request_id)
        if fault:
            kind = KINDS[fault.kind]
            return {"body": {"errorType": kind.error, "errorMessage": kind.message}, "error": True, "log": ""}
        body = (result or {}).get("body")
        if isinstance(body, dict) and body.get("errorMessage") == "Worker process died":
            body["errorType"] = KINDS["Crash"].error
        return result

    return executed


def _subject(event: Any) -> str:
    """Return what an invocation is about: an execution, a job, a shard, or the detail of an event."""
    if not isinstance(event, dict):
        return ""
    execution, detail = event.get("Execution"), event.get("detail")
    if isinstance(detail, dict):
        return _about(detail)
    name = execution.get("Name") if isinstance(execution, dict) else execution
    return str(event.get("JobId") or event.get("Shard") or name or "")


def _about(detail: dict[str, Any]) -> str:
    item = detail.get("object")
    return str(item.get("key") if isinstance(item, dict) else detail.get("executionArn") or detail.get("ExecutionArn"))


def _rerouted(invoke: Callable[..., Any], chances: Chances) -> Callable[..., Any]:
    """Deliver events to rules' targets twice, late, or never."""

    def invoked(target: Any, event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
        try:
            detail = json.loads(event.get("Detail") or "{}")
        except ValueError:
            detail = {}
        fault = chances.of_event(f"{rule.get('Name')} {target.get('Id')}", _about(detail))
        if fault is None or fault.kind == "Duplicated":
            invoke(target, event, rule, view)
        if fault and fault.kind != "Lost":
            context = contextvars.copy_context()
            timer = threading.Timer(fault.seconds, context.run, (invoke, target, event, rule, view))
            timer.daemon = True
            timer.start()

    return invoked
