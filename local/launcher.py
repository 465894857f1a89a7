"""Starts MiniStack with Amazon Comprehend in it.

What touches MiniStack's insides stands here, in authorization.py, in machines.py and in chaos.py.
Run by the interpreter of MiniStack's own virtual environment, which holds only what the Lambda runtime has.
What is added here is our own belief about AWS, not evidence: tests of templates cover the same facts.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

PINNED = "1.5.33"
PAPER_TYPES = (
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::EC2::FlowLog",
    "AWS::Logs::QueryDefinition",
    # CDK's function for it needs the AWS SDK for JavaScript, and MiniStack deletes buckets that hold objects anyway.
    "Custom::S3AutoDeleteObjects",
)
"""CloudFormation types that MiniStack does not know or can't run; accepted on paper, so that templates deploy."""

_FORWARDED = ("x-amz-target", "content-type", "authorization", "x-amz-security-token")
_RAISED = "@@raised@@"

if version("ministack") != PINNED:
    sys.exit(
        f"this launcher depends on the internals of MiniStack {PINNED}, but {version('ministack')} is installed: "
        f"install ministack=={PINNED} (`make clean setup` does), or fix local/launcher.py and its PINNED version"
    )

from ministack import app  # noqa: E402  (the check above must come first)
from ministack.core import iam_actions, lambda_runtime, router  # noqa: E402  (as above)
from ministack.services import eventbridge, lambda_svc, s3, stepfunctions  # noqa: E402  (as above)
from ministack.services.cloudformation import provisioners  # noqa: E402  (as above)

from local import authorization, chaos, failures, machines, processes  # noqa: E402  (as above)


def register_comprehend(emulator: str) -> None:
    """Have MiniStack route, authorise and offer to Step Functions what the Comprehend emulator serves."""

    def forward(headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        kept = {name: value for name, value in headers.items() if name.lower() in _FORWARDED}
        request = urllib.request.Request(emulator, data=body, method="POST", headers=kept)
        try:
            answer = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        # The Date header is the emulator's own clock, by which the workflow judges a job's age.
        kinds = {"Content-Type": "application/x-amz-json-1.1", "Date": answer.headers.get("Date", "")}
        return answer.status, kinds, answer.read()

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        refused = authorization.start_refused(headers, body, query)
        return refused or await asyncio.to_thread(forward, headers, body)

    app.SERVICE_HANDLERS["comprehend"] = handle
    router.SERVICE_PATTERNS["comprehend"] = {
        "target_prefixes": ["Comprehend_20171127"],
        "host_patterns": [r"comprehend\."],
    }
    iam_actions.SERVICE_TO_IAM_NAMESPACE["comprehend"] = "comprehend"
    stepfunctions._AWS_SDK_SERVICE_MAP["comprehend"] = {"target_prefix": "Comprehend_20171127", "protocol": "json"}
    stepfunctions._AWS_SDK_ERROR_PREFIX["comprehend"] = "Comprehend"


def name_exceptions() -> None:
    """Lambda reports a Python exception by its class name, and goes on in the same environment.

    MiniStack calls each exception Runtime.HandlerError and kills the worker; here it is a result of a worker that goes
    on, made an error again outside. What its own limit throttles has no name there at all.
    """
    plain = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(plain) != 1:
        sys.exit("local/launcher.py no longer fits MiniStack's Lambda worker: see name_exceptions")
    raised = f'{{"{_RAISED}": [type(e).__name__, str(e), traceback.format_exc()]}}'
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(plain, f'{{"status": "ok", "result": {raised}}}')
    execute = lambda_svc._execute_function_warm

    def warm(function: Any, event: Any, request_id: Any) -> Any:
        result = execute(function, event, request_id)
        body = result.get("body")
        if not isinstance(body, dict) or _RAISED not in body:
            return result
        name, message, trace = body[_RAISED]
        error = {"errorType": name, "errorMessage": message, "stackTrace": []}
        return {"body": error, "error": True, "log": f"{result.get('log', '')}\n{trace}"}

    throttle = lambda_svc._throttle_response

    def throttled(*arguments: Any, **options: Any) -> Any:
        answer = throttle(*arguments, **options)
        answer["body"]["errorType"] = "Lambda.TooManyRequestsException"
        return answer

    lambda_svc._execute_function_warm, lambda_svc._throttle_response = warm, throttled


def scale_client_pauses() -> None:
    """Let the pauses between a function's own attempts at a call pass on the scaled clock, as those of Retry do."""
    patch = (
        "import botocore.endpoint, time, types\n"
        f"pause = lambda seconds: time.sleep(seconds * {stepfunctions._SFN_WAIT_SCALE})\n"
        "botocore.endpoint.time = types.SimpleNamespace(sleep=pause)\n"
    )
    lambda_runtime._PYTHON_WORKER_SCRIPT = patch + lambda_runtime._PYTHON_WORKER_SCRIPT


def keep_bucket_settings() -> None:
    """CloudFormation of MiniStack drops a bucket's encryption; KMS rights could not be judged without it."""

    def wrap(provision: Callable[..., Any], position: int) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            result = provision(*arguments)
            encryption = arguments[position].get("BucketEncryption") or {}
            for rule in encryption.get("ServerSideEncryptionConfiguration", []):
                key = (rule.get("ServerSideEncryptionByDefault") or {}).get("KMSMasterKeyID")
                if key:
                    s3._put_bucket_encryption(result[0], _encryption_xml(key))
            return result

        return wrapped

    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    handlers["create"], handlers["update"] = wrap(handlers["create"], 1), wrap(handlers["update"], 2)


def _encryption_xml(key: str) -> bytes:
    return (
        '<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule>'
        "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>"
        f"<KMSMasterKeyID>{key}</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule>"
        "</ServerSideEncryptionConfiguration>"
    ).encode()


def announce_versions() -> None:
    """An event of S3 names the object's version; on MiniStack's EventBridge it does not."""
    fire, dispatch, current = s3._fire_s3_event, eventbridge._dispatch_event, threading.local()

    def fired(*arguments: Any, version_id: str | None = None, **options: Any) -> None:
        current.version = version_id
        fire(*arguments, version_id=version_id, **options)

    def dispatched(event: dict[str, Any], *view: Any) -> Any:
        version = getattr(current, "version", None)
        if event.get("Source") == "aws.s3" and version:
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *view)

    s3._fire_s3_event, eventbridge._dispatch_event = fired, dispatched


def keep_archived() -> None:
    """S3 does not copy an object in an archive class before it is restored; MiniStack does.

    Source: Amazon S3 API Reference, CopyObject, errors.
    """
    check = s3._check_sse_c_copy_source

    def checked(headers: dict[str, str], source: dict[str, Any]) -> Any:
        place = headers["x-amz-copy-source"].lstrip("/").partition("?")[0].partition("/")
        archived = source.get("storage_class") in s3._ARCHIVE_STORAGE_CLASSES
        if archived and s3._sync_restore(place[0], place[2], source) != "restored":
            return s3._invalid_object_state(place[0], place[2], source["storage_class"])
        return check(headers, source)

    s3._check_sse_c_copy_source = checked


def fail_by_name() -> None:
    """Let tasks of executions fail whose names ask for it (:mod:`local.failures`)."""
    wanted, execute, handle = failures.Failures(), lambda_svc._execute_function_warm, app.SERVICE_HANDLERS["events"]

    def warm(function: Any, event: Any, request_id: Any) -> Any:
        kind = wanted.wanted((function.get("config") or function)["FunctionName"], event)
        result = None if kind and not kind.after else execute(function, event, request_id)
        if result:
            wanted.learn(event, result.get("body"))
        if not kind:
            return result
        return {"body": {"errorType": kind.error, "errorMessage": kind.message}, "error": True, "log": ""}

    async def events(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        refused = wanted.refused(body)
        if refused:
            return 200, {"Content-Type": "application/x-amz-json-1.1"}, refused
        return await handle(method, path, headers, body, query)

    lambda_svc._execute_function_warm, app.SERVICE_HANDLERS["events"] = warm, events


def accept_on_paper() -> None:
    """Let types that MiniStack does not know, and alarms on metric math, be created without effect."""

    def create(logical_id: str, properties: Any, stack: str) -> tuple[str, dict[str, str]]:
        return f"{stack}-{logical_id}", {"Arn": f"arn:aws:paper:::{logical_id}", "Id": logical_id}

    paper: dict[str, Callable[..., Any]] = {
        "create": create,
        # An alarm is told its logical id, too.
        "update": lambda physical, *_: (physical, {}),
        "delete": lambda *_: None,
    }
    for name in PAPER_TYPES:
        provisioners._RESOURCE_HANDLERS.setdefault(name, paper)
    alarms = provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]

    def wrap(step: str, known: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **more: Any) -> Any:
            math = any("Metrics" in each for each in given if isinstance(each, dict))
            return paper[step](*given) if math else known(*given, **more)

        return wrapped

    for step, known in list(alarms.items()):
        alarms[step] = wrap(step, known)


if __name__ == "__main__":
    processes.end_with_parent()
    register_comprehend(os.environ["COMPREHEND_EMULATOR_URL"])
    authorization.mend()
    name_exceptions()
    scale_client_pauses()
    keep_bucket_settings()
    announce_versions()
    keep_archived()
    machines.mend()
    accept_on_paper()
    if "REHEARSAL_FAILURES" in os.environ:
        fail_by_name()
    if "REHEARSAL_FAULTS" in os.environ:
        chaos.inject(json.loads(os.environ["REHEARSAL_FAULTS"]))
    app.main()
