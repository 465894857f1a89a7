"""The stack: synthesized by a process of its own, and deployed by the caller's own credentials."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..aws import Aws, CommandError, error_code
from .ledger import Ledger

TAG = "cdk-comprehend-entities:acceptance"
"""The tag of the stack, which CloudFormation gives to all that it makes."""

BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
"""The SSM parameter that ``cdk bootstrap`` leaves (AWS CDK Developer Guide, bootstrapping)."""

_SHOWN_CHARACTERS = 3000
_SHOWN_REASONS = 5


def synthesize(folder: Path, stack: str, recognizer: str | None) -> Path:
    """Write the cloud assembly of the stack into a folder; return the folder.

    Raises:
        CommandError: the CDK or Node.js is missing, or the synthesis failed.
    """
    command = [
        sys.executable,
        "-m",
        f"{__package__}.synthesis",
        str(folder),
        stack,
        *([recognizer] if recognizer else []),
    ]
    # The process finds what this one finds; Node.js may stand beside Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise CommandError(
            f"The stack can't be synthesized:\n{done.stdout[-_SHOWN_CHARACTERS:]}",
            "The CDK needs Node.js 20 or newer on the PATH, and the package aws-cdk-lib.",
        )
    return folder


def bootstrap_bucket(account: str, region: str) -> str:
    """Return the name of the bucket that ``cdk bootstrap`` makes for assets."""
    return f"cdk-hnb659fds-assets-{account}-{region}"


def deploy(aws: Aws, assembly: Path, ledger: Ledger, *, pause: float, told: Callable[[str], None]) -> dict[str, str]:
    """Deploy the stack of a cloud assembly; return its outputs.

    Args:
        aws: the account.
        assembly: what :func:`synthesize` wrote.
        ledger: the run; it learns what is put into the bootstrap's bucket before it is put.
        pause: seconds between two looks at the stack.
        told: gets the stack's status at each look.

    Raises:
        CommandError: the deployment failed, with CloudFormation's own reasons.
    """
    template = _put_assets(aws, assembly, ledger)
    aws.client("cloudformation").create_stack(
        StackName=ledger.stack,
        TemplateURL=template,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        Tags=[{"Key": TAG, "Value": ledger.stack}],
        # What failed is still there to be seen; it is removed in any case.
        OnFailure="DO_NOTHING",
    )
    status = settled(aws, ledger.stack, pause=pause, told=told)
    if status != "CREATE_COMPLETE":
        reasons = "\n".join(failures(aws, ledger.stack)) or "CloudFormation gives no reason"
        raise CommandError(f"The deployment of {ledger.stack} ended as {status}:\n{reasons}")
    return {each["OutputKey"]: each["OutputValue"] for each in described(aws, ledger.stack).get("Outputs", [])}


def described(aws: Aws, stack: str) -> dict[str, Any]:
    """Return a stack as CloudFormation describes it; empty if there is none of this name or id."""
    try:
        found: dict[str, Any] = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except Exception as error:
        if error_code(error) != "ValidationError":
            raise
        return {}
    return {} if found["StackStatus"] == "DELETE_COMPLETE" else found


def settled(
    aws: Aws, stack: str, *, pause: float, told: Callable[[str], None] = lambda status: None, seconds: float = 3600
) -> str:
    """Wait until CloudFormation does nothing more to a stack; return its status, which is empty for no stack.

    Raises:
        CommandError: it took longer than ``seconds``.
    """
    until = time.monotonic() + seconds
    while True:
        status = str(described(aws, stack).get("StackStatus", ""))
        told(status)
        if not status.endswith("_IN_PROGRESS"):
            return status
        if time.monotonic() > until:
            raise CommandError(f"{stack} is still {status} after {seconds:.0f} s.")
        time.sleep(pause)


def failures(aws: Aws, stack: str) -> list[str]:
    """Return why resources of a stack failed, the first failure first."""
    pages = aws.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
    events = [event for page in pages for event in page["StackEvents"]]
    return [
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', '')}"
        for event in reversed(events)
        if str(event.get("ResourceStatus", "")).endswith("_FAILED")
    ][:_SHOWN_REASONS]


def resources(aws: Aws, stack: str) -> Iterator[tuple[str, str, str]]:
    """Yield type, logical id and physical id of each resource that a stack has made; ``stack`` may be an id."""
    pages = aws.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    for page in pages:
        for each in page["StackResourceSummaries"]:
            if each.get("PhysicalResourceId"):
                yield each["ResourceType"], each["LogicalResourceId"], each["PhysicalResourceId"]


def _put_assets(aws: Aws, assembly: Path, ledger: Ledger) -> str:
    """Put the assets of a stack into the bootstrap's bucket; return the URL of the template."""
    s3, bucket, url = aws.client("s3"), bootstrap_bucket(ledger.account, ledger.region), ""
    files = json.loads((assembly / f"{ledger.stack}.assets.json").read_text("utf-8"))["files"]
    for file in files.values():
        source, key = assembly / file["source"]["path"], next(iter(file["destinations"].values()))["objectKey"]
        if not _exists(s3, bucket, key):
            ledger.assets.append((bucket, key))
            ledger.write()
            with tempfile.TemporaryDirectory() as folder:
                packed = Path(shutil.make_archive(f"{folder}/asset", "zip", source)) if source.is_dir() else source
                s3.upload_file(str(packed), bucket, key)
        if source.name == f"{ledger.stack}.template.json":
            signed = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
            url = urlsplit(signed)._replace(query="").geturl()
    return url


def _exists(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except Exception as error:
        if error_code(error) not in ("404", "NoSuchKey", "NotFound"):
            raise
        return False
    return True
