"""Stacks on loopback, deployed from synthesized assemblies without the CDK's command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.waiting import wait_until

_PATIENCE_SECONDS = 600


class StackError(Exception):
    """A stack could not be deployed or deleted; the message says why."""


class Stacks:
    """Deploys and deletes stacks with AWS CloudFormation alone, which takes a second.

    Args:
        client: makes a client of a service by its name.
        folder: for archives of assets.
        bucket: the name of the assets' bucket, as ``cdk bootstrap`` would give it.
    """

    def __init__(self, client: Callable[[str], Any], folder: Path, bucket: str) -> None:
        self._client, self._folder, self._bucket = client, folder, bucket

    def stand_in_for_bootstrap(self) -> None:
        """Make what deployments need of ``cdk bootstrap``: the assets' bucket, and the version."""
        self._client("ssm").put_parameter(
            Name="/cdk-bootstrap/hnb659fds/version", Type="String", Value="30", Overwrite=True
        )
        self._client("s3").create_bucket(Bucket=self._bucket)

    def deploy(self, assembly: Path, stack: str) -> dict[str, str]:
        """Deploy a stack of an assembly, or update it if it is deployed; returns its outputs.

        Raises:
            StackError: it ended otherwise; the message has the reasons of its resources.
        """
        self.stand_in_for_bootstrap()
        storage, formation = self._client("s3"), self._client("cloudformation")
        for file in json.loads((assembly / f"{stack}.assets.json").read_text())["files"].values():
            source = assembly / file["source"]["path"]
            key = next(iter(file["destinations"].values()))["objectKey"]
            if source.is_dir():
                source = Path(shutil.make_archive(str(self._folder / source.name), "zip", source))
            storage.put_object(Bucket=self._bucket, Key=key, Body=source.read_bytes())
        # A template given as text may have 51,200 characters at most.
        storage.put_object(Bucket=self._bucket, Key=stack, Body=(assembly / f"{stack}.template.json").read_bytes())
        given = {
            "StackName": stack,
            "TemplateURL": f"{formation.meta.endpoint_url}/{self._bucket}/{stack}",
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        }
        (formation.update_stack if self._found(stack) else formation.create_stack)(**given)
        status = self._settled(stack)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            events = formation.describe_stack_events(StackName=stack)["StackEvents"]
            reasons = [f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in events]
            raise StackError(f"the stack {stack} ended as {status}:\n" + "\n".join(reasons[:20]))
        return self.outputs(stack)

    def outputs(self, stack: str) -> dict[str, str]:
        """The outputs of a deployed stack."""
        [found] = self._found(stack)
        return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}

    def delete(self, stack: str) -> None:
        """Delete a stack, as ``cdk destroy`` does, and wait until it is gone.

        Raises:
            StackError: some of it could not be deleted.
        """
        self._client("cloudformation").delete_stack(StackName=stack)
        if status := self._settled(stack):
            raise StackError(f"the stack {stack} ended as {status}")

    def _settled(self, stack: str) -> str:
        """The status of a stack when nothing is in progress; nothing for one that is gone."""
        return wait_until(
            lambda: "".join(each["StackStatus"] for each in self._found(stack)),
            lambda status: not status.endswith("IN_PROGRESS"),
            awaited=f"the end of what happens to {stack}",
            seconds=_PATIENCE_SECONDS,
        )

    def _found(self, name: str) -> list[dict[str, Any]]:
        """The stack of that name that is not deleted, if there is one."""
        pages = self._client("cloudformation").get_paginator("describe_stacks").paginate()
        stacks = [stack for page in pages for stack in page["Stacks"]]
        return [each for each in stacks if each["StackName"] == name and each["StackStatus"] != "DELETE_COMPLETE"]
