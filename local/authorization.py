"""Differences between MiniStack's IAM and that of AWS that would hide a missing permission."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, router
from ministack.core.responses import get_account_id
from ministack.services import s3, stepfunctions


def mend() -> None:
    """Mend all of it."""
    _judge_comprehend()
    _judge_kms_of_buckets()
    _supply_condition_keys()
    _judge_batches()
    _judge_tokens()
    _hide_missing_objects()


def _judge_comprehend() -> None:
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
        request = _request(body)
        job = f"arn:aws:comprehend:{region}:{account}:entities-detection-job/{request.get('JobId', '*')}"
        return str(request.get("ResourceArn", job))

    iam_actions.extract_resource_arn = job_arn


def start_refused(headers: dict[str, str], body: bytes, query: Any) -> Any:
    """Permissions that the service checks of the caller of a start, besides the start itself."""
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
            # By the reference, the condition keys belong to the job only.
            asked.append(("comprehend:StartEntitiesDetectionJob", str(request[field]), {}))
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


def _request(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body or b"{}")
    except (ValueError, RecursionError):
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


def _judge_kms_of_buckets() -> None:
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


def _supply_condition_keys() -> None:
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


def _judge_batches() -> None:
    """IAM knows no actions for SQS's calls in batches: they are judged as the single calls that they stand for."""
    extract = iam_actions.extract_iam_action

    def single(service: str, *call: Any) -> Any:
        action = extract(service, *call)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    iam_actions.extract_iam_action = single


def _judge_tokens() -> None:
    """The answer for a task token is checked against the waiting state machine, which MiniStack does not know."""
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


def _hide_missing_objects() -> None:
    """Without permission to list a bucket, a missing object is reported as access denied.

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
