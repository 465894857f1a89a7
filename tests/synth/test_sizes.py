"""What the definition and the payloads weigh with the longest legal settings.

Quotas: AWS Step Functions Developer Guide, service-quotas (a definition of 1 MB, payloads of 256 KiB), and AWS
CloudFormation User Guide, cloudformation-limits (a template of 1 MB).
"""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

from cdk_comprehend_entities import DocumentReader, EntitiesDetectionWorkflow, InputFormat, Recognizer
from entities_job.request import limits, rules
from tests.synth.reading import Synthesized
from tests.synth.variants import RECOGNIZER, own_vpc

MB, PAYLOAD = 1_000_000, 256 * 1024
FOUR_BYTES, ESCAPED = "\U00020000", "\x01"
"""Characters of four bytes of UTF-8, and of six bytes of JSON."""


def longest(character: str) -> dict[str, str]:
    return {f"{number:02}{character * 126}": character * 256 for number in range(rules.MAXIMUM_TAGS)}


@pytest.fixture(scope="module", params=[FOUR_BYTES, ESCAPED], ids=["four-bytes", "escaped"])
def large(request: pytest.FixtureRequest) -> Synthesized:
    def build(stack: cdk.Stack) -> EntitiesDetectionWorkflow:
        vpc = own_vpc(stack)
        groups = [ec2.SecurityGroup.from_security_group_id(stack, f"Group{n}", f"sg-{n:017}") for n in range(5)]
        workflow = EntitiesDetectionWorkflow(
            stack,
            "Entities",
            recognizer=Recognizer.from_arn(RECOGNIZER.replace("drugs", "d" * 63)),
            document_reader=DocumentReader.analyze(tables=True, forms=True, every_pdf=True),
            input_format=InputFormat.ONE_DOC_PER_FILE,
            input_prefix=f"{'i' * 900}/",
            output_prefix=f"{'o' * 900}/",
            vpc=vpc,
            security_groups=groups,
            tags=longest(request.param),
            allow_overrides=rules.PROTECTED,
        )
        workflow.start_on_upload()
        return workflow

    return Synthesized(build)


def weight(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def test_the_definition_and_the_template_keep_their_quotas(large: Synthesized) -> None:
    assert len(large.settings().encode()) < MB
    assert weight(large.template.to_json()) < MB


def test_the_largest_payload_keeps_its_quota(large: Synthesized) -> None:
    states = json.loads(large.settings())["States"]
    settings: dict[str, Any] = states["InspectInput"]["Arguments"]["Payload"]["Settings"]
    request = settings["Request"]
    assert len(request["Tags"]) == rules.MAXIMUM_TAGS
    # A caller's own request may have as many tags and an URI of 1,024 characters.
    asked = {"InputDataConfig": {"S3Uri": "s" * 1024}, "Tags": request["Tags"], "JobName": "n" * 256}
    execution = {"Id": "i" * 300, "Name": "n" * 80, "StateMachineArn": "a" * 256}
    texts = dict.fromkeys(range(20), "t" * 1024)
    # StartJob and InspectInput get the settings and a whole request; all other tasks get no request.
    variables = {"Settings": settings, "Execution": execution, "Job": texts}
    for payload in (
        {**variables, "Request": {**request, **asked}},
        {**variables, "Input": asked},
        {**variables, "Warnings": "w" * limits.WARNINGS_BYTES},
    ):
        assert weight(payload) < PAYLOAD
