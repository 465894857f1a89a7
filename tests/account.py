"""AWS in memory as far as the command line uses it: a deployed workflow, its queues, keys and roles."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from typing import Any

import pytest
from botocore.response import StreamingBody

from tests.aws import ACCOUNT, MACHINE, REGION, Aws, installed

NAME = "Letters"
QUEUES = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}"
DEAD, WAITING, WAKES, UNREPORTED = (f"{QUEUES}/{name}" for name in ("dead", "waiting", "wakes", "unreported"))
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Data"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
TAGS = {
    "workflow": NAME,
    "version": "unreleased",
    "input": "s3://in/input/",
    "results": "s3://out/results/",
    "unreported": UNREPORTED,
    "wakes": WAKES,
    "uploads:Mail": "uploads/",
    "dead-letters:Mail": DEAD,
}


class Account(Aws):
    """An account with one deployment of the workflow.

    Attributes:
        machines: tags of each state machine.
        tagging: whether the tagging API finds them.
        history: payloads of an execution's states, by its ARN, the newest first: (state, input or output).
        buckets: whether each bucket sends its events to EventBridge.
        key_states: state of each key.
        trusted: who the role of jobs trusts.
        invoked: what functions were invoked with.
        answer: what they answer.
        events: of stacks, by stack id.
    """

    def __init__(self) -> None:
        super().__init__()
        self.machines = {MACHINE: {f"cdk-comprehend-entities:{name}": value for name, value in TAGS.items()}}
        self.tagging = True
        self.history: defaultdict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        self.buckets = {"in": True, "out": False}
        self.key_states = {KEY: "Enabled"}
        self.trusted = "comprehend.amazonaws.com"
        self.invoked: list[Any] = []
        self.answer_of_function: tuple[Any, bool] = ({}, False)
        self.stacks: dict[str, tuple[str, str]] = {}
        self.stack_events: dict[str, list[dict[str, Any]]] = {}
        self.removed: list[str] = []
        self.after_look: list[Any] = []

    def ended(self, name: str, outcome: dict[str, Any], *, status: str = "SUCCEEDED") -> str:
        """Let an execution have ended with an outcome; returns its ARN."""
        arn = self.run(name, status=status)
        self.executions[arn]["stopDate"] = self.now
        self.executions[arn]["output"] = json.dumps(outcome)
        return arn

    # --- AWS Step Functions and tags ---

    def _GetResources(self, given: dict[str, Any]) -> dict[str, Any]:
        found = [
            {"ResourceARN": arn, "Tags": [{"Key": name, "Value": value} for name, value in tags.items()]}
            for arn, tags in self.machines.items()
            if self.tagging and given["TagFilters"][0]["Key"] in tags
        ]
        return {"ResourceTagMappingList": found}

    def _ListStateMachines(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"stateMachines": [{"stateMachineArn": arn, "name": arn.rpartition(":")[2]} for arn in self.machines]}

    def _ListTagsForResource(self, given: dict[str, Any]) -> dict[str, Any]:
        tags = self.machines[given["resourceArn"]]
        return {"tags": [{"key": name, "value": value} for name, value in tags.items()]}

    def _DescribeStateMachine(self, given: dict[str, Any]) -> dict[str, Any]:
        request = {"LanguageCode": "en", "DataAccessRoleArn": ROLE}
        definition = {"States": {"InspectInput": {"Arguments": {"Payload": {"Settings": {"Request": request}}}}}}
        return {"status": "ACTIVE", "definition": json.dumps(definition)}

    def _DescribeExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = super()._DescribeExecution(given)
        if found["status"] == "RUNNING" and self.after_look:
            found = dict(found)
            self.after_look.pop(0)()
        return found

    def _StopExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        self.executions[given["executionArn"]] |= {"status": "ABORTED", "stopDate": self.now}
        return {"stopDate": self.now}

    def _GetExecutionHistory(self, given: dict[str, Any]) -> dict[str, Any]:
        events = [
            {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": name, "input": json.dumps(payload)}}
            for name, payload in self.history[given["executionArn"]]
        ]
        return {"events": events}

    # --- Amazon SQS and AWS Lambda ---

    def _GetQueueAttributes(self, given: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = super()._GetQueueAttributes(given)
        answer["Attributes"]["QueueArn"] = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{given['QueueUrl'].rpartition('/')[2]}"
        return answer

    def _ListDeadLetterSourceQueues(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"queueUrls": [WAITING] if given["QueueUrl"] == DEAD else []}

    def _DeleteMessage(self, given: dict[str, Any]) -> dict[str, Any]:
        del self.messages[given["QueueUrl"]][given["ReceiptHandle"]]
        return {}

    def _ListEventSourceMappings(self, given: dict[str, Any]) -> dict[str, Any]:
        function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:Dispatch"
        return {"EventSourceMappings": [{"FunctionArn": function}] if given["EventSourceArn"].endswith("wakes") else []}

    def _Invoke(self, given: dict[str, Any]) -> dict[str, Any]:
        self.invoked.append(json.loads(given["Payload"]))
        value, failed = self.answer_of_function
        body = json.dumps(value).encode()
        return {
            "Payload": StreamingBody(io.BytesIO(body), len(body)),
            **({"FunctionError": "Unhandled"} if failed else {}),
        }

    # --- what doctor and purge ask ---

    def _GetCallerIdentity(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"Account": ACCOUNT}

    def _HeadBucket(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["Bucket"] not in self.buckets:
            raise self.refused("404")
        return {}

    def _GetBucketEncryption(self, given: dict[str, Any]) -> dict[str, Any]:
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}
        return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}

    def _GetBucketNotificationConfiguration(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"EventBridgeConfiguration": {}} if self.buckets[given["Bucket"]] else {}

    def _DescribeKey(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"KeyMetadata": {"KeyId": given["KeyId"], "KeyState": self.key_states[given["KeyId"]]}}

    def _GetRole(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["RoleName"] != "Data":
            raise self.refused("NoSuchEntity")
        return {"Role": {"AssumeRolePolicyDocument": {"Statement": [{"Principal": {"Service": self.trusted}}]}}}

    def _ListStacks(self, given: dict[str, Any]) -> dict[str, Any]:
        found = [
            {"StackId": key, "StackName": name, "StackStatus": status} for key, (name, status) in self.stacks.items()
        ]
        return {"StackSummaries": found}

    def _DescribeStackEvents(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"StackEvents": self.stack_events[given["StackName"]]}

    def _ListObjectVersions(self, given: dict[str, Any]) -> dict[str, Any]:
        found = [
            {"Key": uri.split("/", 3)[3], "VersionId": version.id}
            for uri in self.uris(f"s3://{given['Bucket']}/")
            for version in self.objects[uri]
        ]
        return {"Versions": found, "IsTruncated": False}

    def _ListMultipartUploads(self, given: dict[str, Any]) -> dict[str, Any]:
        return {}

    def _DeleteObjects(self, given: dict[str, Any]) -> dict[str, Any]:
        for each in given["Delete"]["Objects"]:
            self.objects.pop(f"s3://{given['Bucket']}/{each['Key']}", None)
        return {}

    def _DeleteBucket(self, given: dict[str, Any]) -> dict[str, Any]:
        if self.uris(f"s3://{given['Bucket']}/"):
            raise self.refused("BucketNotEmpty")
        self.removed.append(given["Bucket"])
        return {}

    def _ScheduleKeyDeletion(self, given: dict[str, Any]) -> dict[str, Any]:
        self.removed.append(given["KeyId"])
        return {}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account with a deployment, which all clients of this process call."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    made = Account()
    installed(monkeypatch, made)
    return made
