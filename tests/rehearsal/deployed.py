"""The workflow that the rehearsal tests deploy, and what they do with it."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_comprehend_entities import EntitiesDetectionWorkflow, ExecutionLimits
from entities_job.request.rules import PROTECTED
from local.rehearsal import Rehearsal
from local.waiting import wait_until
from tests.events import check

TEXT = b"Ada Lovelace wrote to Charles Babbage from London in 1843. "
DOCUMENTS = {"ada.txt": TEXT * 6, "two words \xe9.txt": TEXT * 4, "deep/three.txt": TEXT * 2}


def synthesize(
    folder: Path,
    *,
    name: str = "Rehearsed",
    allow_overrides: Sequence[str] = PROTECTED,
    largest_batch: int = 1000,
    props: Callable[[cdk.Stack], Mapping[str, Any]] = lambda stack: {},
) -> Path:
    """Synthesize a stack into ``folder``; ``props`` are further ones of its workflow."""
    app = cdk.App(outdir=str(folder), context={"@aws-cdk/aws-iam:minimizePolicies": True})
    stack = cdk.Stack(app, name)
    workflow = EntitiesDetectionWorkflow(
        stack,
        "Entities",
        allow_overrides=list(allow_overrides),
        limits=ExecutionLimits(duration=cdk.Duration.minutes(30), queue_duration=cdk.Duration.minutes(20)),
        removal_policy=cdk.RemovalPolicy.DESTROY,
        **props(stack),
    )
    catalog, analyst = workflow.add_results_catalog(), iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal())
    catalog.grant_query(analyst)
    trigger = workflow.start_on_upload(prefix="uploads/", suffixes=[".txt"], maximum_documents=largest_batch)
    ended = sqs.Queue(stack, "Ended")
    workflow.on_job_ended("ToQueue", target=targets.SqsQueue(ended))
    for language in (sfn.QueryLanguage.JSON_PATH, sfn.QueryLanguage.JSONATA):
        parent = Construct(stack, f"{language.name}Parent")
        machine = sfn.StateMachine(
            parent,
            "Machine",
            query_language=language,
            definition_body=sfn.DefinitionBody.from_chainable(workflow.as_task(parent, "FindEntities")),
        )
        cdk.CfnOutput(stack, f"{language.name.replace('_', '')}ParentArn", value=machine.state_machine_arn)
    for output, value in {
        "InputBucket": workflow.input_bucket.bucket_name,
        "OutputBucket": workflow.output_bucket.bucket_name,
        "StateMachineArn": workflow.state_machine.state_machine_arn,
        "DataAccessRoleArn": workflow.data_access_role.role_arn,
        "OutputKeyArn": workflow.output_key.key_arn,
        "VolumeKeyArn": workflow.volume_key.key_arn,
        "QueueUrl": ended.queue_url,
        "AnalystRoleArn": analyst.role_arn,
        "DatabaseName": catalog.database_name,
        "WorkGroupName": catalog.work_group.name,
        "UploadQueueUrl": trigger.queue.queue_url,
        "BackfillCommand": trigger.backfill_command,
    }.items():
        cdk.CfnOutput(stack, output, value=value)
    app.synth()
    return folder


@dataclass(frozen=True)
class Ended:
    """An execution that has ended, with everything that it left."""

    arn: str
    status: str
    output: dict[str, Any]
    error: str | None
    cause: str | None
    states: list[str]
    failed_tasks: int
    event: dict[str, Any]


class Deployed:
    """A deployed workflow in a rehearsal."""

    _names = itertools.count(1)

    def __init__(self, rehearsal: Rehearsal, outputs: Mapping[str, str]) -> None:
        self.rehearsal, self.outputs = rehearsal, outputs
        self._s3, self._functions = rehearsal.client("s3"), rehearsal.client("stepfunctions")
        self._sqs = rehearsal.client("sqs")
        self._events: dict[str, dict[str, Any]] = {}

    @property
    def environment(self) -> dict[str, str]:
        """What makes the local AWS the AWS of a shell, and this workflow its deployment: other tests deploy others."""
        return {**self.rehearsal.environment, "COMPREHEND_ENTITIES_STATE_MACHINE": self.outputs["StateMachineArn"]}

    def queue(self, name: str) -> str:
        """URL of a queue that a tag of the state machine names, as ``wakes`` or ``dead-letters:Uploads``."""
        tags = self._functions.list_tags_for_resource(resourceArn=self.outputs["StateMachineArn"])["tags"]
        (url,) = [tag["value"] for tag in tags if tag["key"] == f"cdk-comprehend-entities:{name}"]
        return str(url)

    def put(self, documents: Mapping[str, bytes], *, below: str = "input/") -> str:
        """Put documents under a prefix of their own; returns its URI."""
        prefix = f"{below}{next(self._names)}/"
        for name, body in documents.items():
            self._s3.put_object(Bucket=self.outputs["InputBucket"], Key=f"{prefix}{name}", Body=body)
        return f"s3://{self.outputs['InputBucket']}/{prefix}"

    def start(
        self, request: Mapping[str, Any] | None = None, *, name: str | None = None, machine: str = "StateMachineArn"
    ) -> str:
        """Start an execution, by default over three documents; returns its ARN."""
        asked = request if request is not None else {"InputDataConfig": {"S3Uri": self.put(DOCUMENTS)}}
        named = {"name": name} if name else {}
        started = self._functions.start_execution(
            stateMachineArn=self.outputs[machine], input=json.dumps(asked), **named
        )
        arn: str = started["executionArn"]
        return arn

    def run(self, request: Mapping[str, Any] | None = None) -> Ended:
        """Start an execution and see its end."""
        return self.ended(self.start(request))

    def ended(self, arn: str) -> Ended:
        """Wait for the end of an execution, and for its event."""
        execution = self.rehearsal.ended_execution(arn)
        history = self._functions.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        return Ended(
            arn,
            execution["status"],
            json.loads(execution.get("output") or "{}"),
            execution.get("error"),
            execution.get("cause"),
            [e["stateEnteredEventDetails"]["name"] for e in history if "stateEnteredEventDetails" in e],
            sum(e["type"] == "TaskFailed" for e in history),
            self.event(arn),
        )

    def event(self, arn: str, *, patience_seconds: float = 20) -> dict[str, Any]:
        """The event of an execution's end, from the queue that a rule sends it to."""
        wait_until(
            self.received, lambda received: arn in received, awaited=f"the event of {arn}", seconds=patience_seconds
        )
        return self._events[arn]

    def received(self) -> dict[str, dict[str, Any]]:
        """All events until now, by the execution's ARN; some more are received first."""
        queue = self.outputs["QueueUrl"]
        answer = self._sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            event = json.loads(message["Body"])
            check(event["detail"])
            self._events[event["detail"]["ExecutionArn"]] = event
            self._sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return self._events

    def job(self, arn: str, *, status: str, patience_seconds: float = 20) -> dict[str, Any]:
        """The job of a running execution, once it is in a state."""
        name = ".".join(arn.split(":")[-2:])
        by_status = wait_until(
            lambda: {job["JobStatus"]: job for job in self.rehearsal.comprehend.jobs() if job.get("JobName") == name},
            lambda found: status in found,
            awaited=f"job {name} to become {status}",
            seconds=patience_seconds,
            pause=0.02,
        )
        return by_status[status]

    def records(self, outcome: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The published records of an outcome."""
        bucket, _, prefix = outcome["Result"]["DocumentsUri"].removeprefix("s3://").partition("/")
        found: list[dict[str, Any]] = []
        for item in self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
            body = self._s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            found += [json.loads(line) for line in gzip.decompress(body).splitlines()]
        return found

    def read(self, uri: str) -> bytes:
        """An object's content."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body
