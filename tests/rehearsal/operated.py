"""An operator: somebody with the command line, the runbook, and what the AWS console offers."""

from __future__ import annotations

import io
import itertools
import json
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.waiting import wait_until
from tests.command_line import Typed, typed
from tests.rehearsal.deployed import DOCUMENTS, TEXT, Deployed

PATIENCE_SECONDS = 400


class Operator:
    """One operator of one deployed workflow."""

    _names = itertools.count(1)

    def __init__(self, workflow: Deployed, folder: Path) -> None:
        self.workflow, self.comprehend = workflow, workflow.rehearsal.comprehend
        self.folder = folder
        for name, body in DOCUMENTS.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(body)

    def __call__(self, *arguments: str) -> Typed:
        return typed(*arguments, environment=self.workflow.environment)

    def submit(self, *options: str) -> dict[str, Any]:
        """Submit the documents, and follow the execution to its outcome."""
        told = self("submit", str(self.folder), "--name", f"book-{next(self._names)}", "--json", *options)
        assert told.out, told.err
        answer: dict[str, Any] = told.json
        return answer

    def shown(self, name: str, code: str) -> dict[str, Any]:
        """Return the outcome that ``show`` prints; its code is the entry's, and what it prints says what to do."""
        outcome: dict[str, Any] = self("show", name, "--json").json["Outcome"]
        assert outcome["Error"]["Code"] == code
        assert code in self("show", name).out
        return outcome

    @property
    def machine(self) -> str:
        return self.workflow.outputs["StateMachineArn"]

    def client(self, service: str) -> Any:
        return self.workflow.rehearsal.client(service, patience_seconds=PATIENCE_SECONDS)

    def upload(self, key: str, body: bytes = TEXT * 10, **more: Any) -> dict[str, Any]:
        """Put an object; returns how S3 announces it."""
        bucket = self.workflow.outputs["InputBucket"]
        put = self.client("s3").put_object(Bucket=bucket, Key=key, Body=body, **more)
        item = {"key": key, "version-id": put.get("VersionId", ""), "size": len(body), "etag": put["ETag"].strip('"')}
        return {"detail": {"bucket": {"name": bucket}, "object": item}}

    def announce(self, event: dict[str, Any]) -> None:
        """Deliver S3's event of an object that no rule has announced, and wake the dispatcher."""
        sqs = self.client("sqs")
        sqs.send_message(QueueUrl=self.workflow.outputs["UploadQueueUrl"], MessageBody=json.dumps(event))
        sqs.send_message(QueueUrl=self.workflow.queue("wakes"), MessageBody="{}")

    def see_refused(self, key: str, code: str) -> None:
        """See an upload among the rejected ones, with its code."""

        def listed() -> set[str]:
            found = self("results", "refused", "--json").json
            lower = [{name.lower().replace("_", ""): value for name, value in each.items()} for each in found]
            return {each["errorcode"] for each in lower if str(each["source"]).endswith(f"/{key}")}

        assert wait_until(listed, awaited=f"{key} to be rejected", seconds=PATIENCE_SECONDS, pause=2) == {code}

    def see_published(self, key: str, *, times: int = 1) -> None:
        """See the results of so many versions of an upload."""

        def published() -> int:
            return self("results", "documents", "--json").out.count(f'/{key}"')

        wait_until(published, lambda count: count >= times, awaited=key, seconds=PATIENCE_SECONDS, pause=2)

    def sweep(self) -> dict[str, Any]:
        """Call the sweep as its schedule does, every 15 minutes; returns how many jobs it stopped and ends it told."""
        answer = self.client("lambda").invoke(
            FunctionName=self.function("StopOrphans"), Payload=json.dumps({"StateMachineArn": self.machine})
        )
        swept: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, swept
        return swept

    def function(self, part: str) -> str:
        """Name of the function of this deployment whose name has a part."""
        names = [each["FunctionName"] for each in self.client("lambda").list_functions()["Functions"]]
        stack = self.machine.rpartition(":")[2].partition("Entities")[0]
        [name] = [name for name in names if part in name and name.startswith(stack)]
        return str(name)

    @contextmanager
    def changed_machine(self, change: Callable[[str], str]) -> Iterator[None]:
        """Have another definition of the state machine; afterwards it is as it was."""
        functions = self.client("stepfunctions")
        before = functions.describe_state_machine(stateMachineArn=self.machine)["definition"]
        after = change(before)
        assert after != before
        functions.update_state_machine(stateMachineArn=self.machine, definition=after)
        try:
            yield
        finally:
            functions.update_state_machine(stateMachineArn=self.machine, definition=before)

    @contextmanager
    def changed_limits(self, trigger: str, **limits: float) -> Iterator[None]:
        """Have other limits of a trigger's batches, as after a deployment with them; afterwards they are as before."""
        functions, name = self.client("lambda"), self.function("DispatchUploads")
        before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        settings = json.loads(before["UPLOADS"])
        settings["Triggers"][trigger]["Limits"] |= limits
        changed = {**before, "UPLOADS": json.dumps(settings)}
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
        try:
            yield
        finally:
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": before})

    @contextmanager
    def changed_code(self, part: str, path: str, change: Callable[[str], str]) -> Iterator[None]:
        """Have a function with another text of one of its files; afterwards it is as it was."""
        functions, name = self.client("lambda"), self.function(part)
        with urllib.request.urlopen(functions.get_function(FunctionName=name)["Code"]["Location"]) as answer:
            before = answer.read()
        after = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(before)) as old, zipfile.ZipFile(after, "w") as new:
            for each in old.namelist():
                body = old.read(each)
                if each == path:
                    body = change(text := body.decode()).encode()
                    assert body.decode() != text
                new.writestr(each, body)
        functions.update_function_code(FunctionName=name, ZipFile=after.getvalue())
        try:
            yield
        finally:
            functions.update_function_code(FunctionName=name, ZipFile=before)

    def works_again(self) -> None:
        """See that the cause is gone: what is submitted completes."""
        self.comprehend.reset()
        assert self.submit()["Outcome"]["Status"] == "COMPLETED"
