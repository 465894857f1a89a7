"""Starts MiniStack with Amazon Comprehend in it. What touches MiniStack's insides stands here and in machines.py.

Run by the interpreter of MiniStack's own virtual environment, which holds only what the Lambda runtime has.
What is added here is our own belief about AWS, not evidence: tests of templates cover the same facts.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

PINNED = "1.5.33"
PAPER_TYPES = ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress", "AWS::CloudWatch::CompositeAlarm")
"""CloudFormation types that MiniStack does not know; accepted on paper, so that the real template deploys."""

_FORWARDED = ("x-amz-target", "content-type", "authorization", "x-amz-security-token")
_ERROR_MARK = "@@error-type@@"

if version("ministack") != PINNED:
    sys.exit(
        f"this launcher touches the insides of MiniStack {PINNED}, but {version('ministack')} is installed: install "
        f"ministack=={PINNED} (`make clean setup` does), or mend local/launcher.py and its PINNED version"
    )

from ministack import app  # noqa: E402  (the check above must come first)
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, router  # noqa: E402  (as above)
from ministack.core.responses import get_account_id  # noqa: E402  (as above)
from ministack.services import eventbridge, lambda_svc, s3, stepfunctions  # noqa: E402  (as above)
from ministack.services.cloudformation import provisioners  # noqa: E402  (as above)

from local import machines  # noqa: E402  (as above)


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
        refused = _start_refused(headers, body, query)
        return refused or await asyncio.to_thread(forward, headers, body)

    app.SERVICE_HANDLERS["comprehend"] = handle
    router.SERVICE_PATTERNS["comprehend"] = {
        "target_prefixes": ["Comprehend_20171127"],
        "host_patterns": [r"comprehend\."],
    }
    iam_actions.SERVICE_TO_IAM_NAMESPACE["comprehend"] = "comprehend"
    stepfunctions._AWS_SDK_SERVICE_MAP["comprehend"] = {"target_prefix": "Comprehend_20171127", "protocol": "json"}
    stepfunctions._AWS_SDK_ERROR_PREFIX["comprehend"] = "Comprehend"


def judge_comprehend() -> None:
    """IAM judges a call by the resource that it names; MiniStack can't know which one that is.

    Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Comprehend".
    """
    resource_arn = iam_actions.extract_resource_arn

    def job_arn(service: str, *call: Any) -> Any:
        if service != "comprehend":
            return resource_arn(service, *call)
        headers, body, region, account = call[2], call[3], call[5], call[6]
        if headers.get("x-amz-target", "").endswith(".ListEntitiesDetectionJobs"):
            return "*"
        return f"arn:aws:comprehend:{region}:{account}:entities-detection-job/{_request(body).get('JobId', '*')}"

    iam_actions.extract_resource_arn = job_arn


def _request(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def _keys_of_comprehend(request: dict[str, Any]) -> dict[str, Any]:
    def part(name: str, of: str) -> Any:
        structure = request.get(of)
        return structure.get(name) if isinstance(structure, dict) else None

    keys = {
        "comprehend:VolumeKmsKey": request.get("VolumeKmsKeyId"),
        "comprehend:OutputKmsKey": part("KmsKeyId", of="OutputDataConfig"),
        "comprehend:VpcSubnets": part("Subnets", of="VpcConfig"),
        "comprehend:VpcSecurityGroupIds": part("SecurityGroupIds", of="VpcConfig"),
    }
    return {name: value for name, value in keys.items() if value}


def _keys_of_events(request: dict[str, Any]) -> dict[str, Any]:
    # A single value, as long as one call puts events of one kind only.
    keys = {"events:source": "Source", "events:detail-type": "DetailType"}
    entries = request.get("Entries", [])
    values = {name: sorted({str(entry.get(field)) for entry in entries}) for name, field in keys.items()}
    return {name: found[0] if len(found) == 1 else found for name, found in values.items() if found}


def _start_refused(headers: dict[str, str], body: bytes, query: Any) -> Any:
    """What the service asks of whoever starts a job, besides the start itself, which MiniStack has asked."""
    # A call that Step Functions makes by itself is not signed; MiniStack does not judge those.
    judged = app.AUTH and headers.get("authorization")
    if not judged or not headers.get("x-amz-target", "").endswith(".StartEntitiesDetectionJob"):
        return None
    request = _request(body)
    keys, region = _keys_of_comprehend(request), router.extract_region(headers, query)
    to_service = {"iam:PassedToService": "comprehend.amazonaws.com"}
    asked = [("iam:PassRole", str(request.get("DataAccessRoleArn", "")), to_service)]
    for field in ("EntityRecognizerArn", "FlywheelArn"):
        if field in request:
            asked.append(("comprehend:StartEntitiesDetectionJob", str(request[field]), keys))
    if request.get("Tags"):
        jobs = f"arn:aws:comprehend:{region}:{get_account_id()}:entities-detection-job/*"
        asked.append(("comprehend:TagResource", jobs, keys))
    access_key = router.extract_access_key_id(headers, query)
    for action, resource, context in asked:
        denied = iam_evaluator.enforce(
            access_key, action, action.partition(":")[0], region, resource_arn=resource, service_context=context
        )
        if denied:
            return iam_actions.access_denied_response(
                "comprehend",
                action,
                denied.principal_arn,
                "request",
                headers=headers,
                resource_arn=resource,
                explicit_deny=denied.decision == "Deny",
            )
    return None


def name_exceptions() -> None:
    """Lambda reports a Python exception by its class name; MiniStack calls each one Runtime.HandlerError."""
    plain = '"trace": traceback.format_exc()}'
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(plain) != 1:
        sys.exit("local/launcher.py no longer fits MiniStack's Lambda worker: see name_exceptions")
    marked = f'"trace": traceback.format_exc() + "{_ERROR_MARK}" + type(e).__name__}}'
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(plain, marked)
    execute = lambda_svc._execute_function_warm

    def warm(function: Any, event: Any, request_id: Any) -> Any:
        result = execute(function, event, request_id)
        body = result.get("body")
        if isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
            result["log"], mark, name = result.get("log", "").rpartition(_ERROR_MARK)
            if mark:
                body.update(errorType=name.strip(), stackTrace=[])
        return result

    lambda_svc._execute_function_warm = warm


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


def judge_kms_of_buckets() -> None:
    """SSE-KMS is decoration in MiniStack: ask for the caller's rights on the key, as S3 does, and via S3."""
    checks, enforce = iam_actions.s3_additional_checks, iam_evaluator.enforce

    def with_key(method: str, path: str, headers: Any, body: Any, query: Any) -> list[tuple[str, str]]:
        bucket, _, name = path.lstrip("/").partition("/")
        key = _key_of(bucket, headers) if name and method in ("GET", "PUT", "POST") else None
        action = "kms:Decrypt" if method == "GET" else "kms:GenerateDataKey"
        return [*checks(method, path, headers, body, query), *([(action, key)] if key else [])]

    def via_s3(access_key: str, action: str, service: str, region: str, **options: Any) -> Any:
        if service == "s3" and action.startswith("kms:"):
            context = options.get("service_context") or {}
            options["service_context"] = {**context, "kms:ViaService": f"s3.{region}.amazonaws.com"}
        return enforce(access_key, action, service, region, **options)

    iam_actions.s3_additional_checks, iam_evaluator.enforce = with_key, via_s3


def _key_of(bucket: str, headers: Any) -> str | None:
    """The key that an object of a request is encrypted with: the request's own, or the bucket's."""
    if key := headers.get("x-amz-server-side-encryption-aws-kms-key-id"):
        return str(key)
    encryption = s3._bucket_encryption.get(bucket) or ""
    text = encryption.decode() if isinstance(encryption, bytes) else str(encryption)
    found = re.search("<KMSMasterKeyID>([^<]+)", text)
    return found[1] if found else None


def supply_condition_keys() -> None:
    """Keys that AWS puts into a request's context and MiniStack does not.

    A service that assumes a role carries aws:SourceArn and aws:SourceAccount: the emulator names its job in ExternalId.
    Where the emulator uses a key with the credentials of a job, it stands for S3.
    """
    resolve, context_of = iam_evaluator._resolve_condition_key, iam_actions.request_tag_context
    readers = {"comprehend": _keys_of_comprehend, "events": _keys_of_events}

    def with_request(service: str, action: str, body: bytes, query: Any) -> dict[str, Any]:
        keys: dict[str, Any] = context_of(service, action, body, query)
        return {**keys, **readers[service](_request(body))} if service in readers else keys

    def supplied(key: str, context: Any) -> Any:
        value = resolve(key, context)
        if value is not None:
            return value
        external = context.service_context.get("sts:externalid") or ""
        if context.action == "sts:AssumeRole" and external.startswith("arn:aws:"):
            return {"aws:sourcearn": external, "aws:sourceaccount": external.split(":")[4]}.get(key.lower())
        of_job = re.search("/comprehend-[0-9a-f]{32}$", context.principal_arn)
        stands_for_s3 = of_job and context.action in ("kms:Decrypt", "kms:GenerateDataKey")
        return f"s3.{context.region}.amazonaws.com" if stands_for_s3 and key.lower() == "kms:viaservice" else None

    iam_evaluator._resolve_condition_key, iam_actions.request_tag_context = supplied, with_request


def judge_batches() -> None:
    """IAM knows no actions for SQS's calls in batches: they are judged as the single calls that they stand for."""
    extract = iam_actions.extract_iam_action

    def single(service: str, *call: Any) -> Any:
        action = extract(service, *call)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    iam_actions.extract_iam_action = single


def judge_tokens() -> None:
    """Whoever answers for a task token is judged by the state machine that waits; MiniStack can't know which one."""
    execute, invoke, resource_arn = (
        stepfunctions._execute_task,
        stepfunctions._invoke_with_callback,
        iam_actions.extract_resource_arn,
    )
    running, machines = threading.local(), dict[str, str]()

    def executed(state: Any, given: Any, execution: Any, context: Any) -> Any:
        running.machine = context["StateMachine"]["Id"]
        return execute(state, given, execution, context)

    def invoked(resource: str, given: Any, token: str, state: Any) -> Any:
        machines[token] = running.machine
        return invoke(resource, given, token, state)

    def of_token(service: str, *call: Any) -> Any:
        token = _request(call[3]).get("taskToken", "") if service == "states" else ""
        return machines.get(token) or resource_arn(service, *call)

    stepfunctions._execute_task, stepfunctions._invoke_with_callback = executed, invoked
    iam_actions.extract_resource_arn = of_token


def hide_missing_objects() -> None:
    """Who may not list a bucket is not told that an object is missing, only that access is denied.

    Source: Amazon S3 API Reference, GetObject, Permissions.
    """
    handle = app.SERVICE_HANDLERS["s3"]

    async def handled(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        answer = await handle(method, path, headers, body, query)
        key = path.lstrip("/").partition("/")[2]
        if not (answer[0] == 404 and key and app.AUTH and headers.get("authorization")):
            return answer
        bucket = "arn:aws:s3:::" + headers.get("x-amz-copy-source", path).lstrip("/").partition("/")[0]
        caller, region = router.extract_access_key_id(headers, query), router.extract_region(headers, query)
        denied = iam_evaluator.enforce(caller, "s3:ListBucket", "s3", region, resource_arn=bucket)
        if not denied:
            return answer
        who = denied.principal_arn
        return iam_actions.access_denied_response(
            "s3", "s3:ListBucket", who, "request", headers=headers, resource_arn=bucket
        )

    app.SERVICE_HANDLERS["s3"] = handled


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


def inject_faults(rates: dict[str, float]) -> None:
    """Let calls fail at random, half of them before and half after they took effect.

    ``rates`` gives a probability for each service by MiniStack's name of it; ``lambda`` is for invocations.
    """
    chance = random.Random(rates.pop("seed", 0))
    unavailable = (503, {"Content-Type": "application/json"}, b'{"__type": "ServiceUnavailable"}')

    def wrap(handle: Callable[..., Any], rate: float) -> Callable[..., Any]:
        async def handled(*arguments: Any) -> Any:
            lot = chance.random()
            if lot < rate / 2:
                return unavailable
            answer = await handle(*arguments)
            return unavailable if lot < rate else answer

        return handled

    execute, invocations = lambda_svc._execute_function_warm, rates.pop("lambda", 0.0)

    def warm(function: Any, event: Any, request_id: Any) -> Any:
        lot = chance.random()
        failed = {"body": {"errorType": "Sandbox.Timedout", "errorMessage": "injected"}, "error": True, "log": ""}
        if lot < invocations / 2:
            return failed
        result = execute(function, event, request_id)
        return failed if lot < invocations else result

    lambda_svc._execute_function_warm = warm
    for name, rate in rates.items():
        app.SERVICE_HANDLERS[name] = wrap(app.SERVICE_HANDLERS[name], rate)


def accept_on_paper() -> None:
    """Let types that MiniStack does not know be created without effect."""

    def create(logical_id: str, properties: Any, stack: str) -> tuple[str, dict[str, str]]:
        return f"{stack}-{logical_id}", {"Arn": f"arn:aws:paper:::{logical_id}", "Id": logical_id}

    for name in PAPER_TYPES:
        provisioners._RESOURCE_HANDLERS.setdefault(
            name,
            {"create": create, "update": lambda physical, old, new, stack: (physical, {}), "delete": lambda *_: None},
        )


if __name__ == "__main__":
    register_comprehend(os.environ["COMPREHEND_EMULATOR_URL"])
    judge_comprehend()
    name_exceptions()
    keep_bucket_settings()
    judge_kms_of_buckets()
    supply_condition_keys()
    judge_batches()
    judge_tokens()
    hide_missing_objects()
    announce_versions()
    machines.mend()
    accept_on_paper()
    if "REHEARSAL_FAULTS" in os.environ:
        inject_faults(json.loads(os.environ["REHEARSAL_FAULTS"]))
    app.main()
