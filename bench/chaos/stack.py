"""What is deployed: a workflow with two upload triggers, and two state machines that run it as one of their states."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_comprehend_entities import EntitiesDetectionWorkflow, ExecutionLimits

STACK = "Chaos"
FULL_BATCH = 12
"""Uploads that make a batch: a full one waits for nothing but a slot."""
OBSERVER = "ToObserver"
"""In the name of the rule by which the run hears of outcomes: what gets lost there would be lost to the check only."""


def assembly(folder: Path) -> Path:
    """Synthesize the stack into a folder."""
    app = cdk.App(outdir=str(folder))
    stack = cdk.Stack(app, STACK)
    limits = ExecutionLimits(duration=cdk.Duration.hours(2), queue_duration=cdk.Duration.minutes(60))
    workflow = EntitiesDetectionWorkflow(stack, "Entities", limits=limits, removal_policy=cdk.RemovalPolicy.DESTROY)
    observed = sqs.Queue(stack, "Observer")
    workflow.on_job_ended(OBSERVER, target=targets.SqsQueue(observed))
    outputs = {
        "Machine": workflow.state_machine.state_machine_arn,
        "Input": workflow.input_bucket.bucket_name,
        "Output": workflow.output_bucket.bucket_name,
        "OutputKey": workflow.output_key.key_arn,
        "Role": workflow.data_access_role.role_arn,
        "Observed": observed.queue_url,
    }
    for name, language in (("English", "en"), ("Spanish", "es")):
        trigger = workflow.start_on_upload(
            name,
            prefix=f"{name.lower()}/",
            suffixes=[".txt"],
            language_code=language,
            maximum_documents=FULL_BATCH,
        )
        outputs |= {f"Queue{name}": trigger.queue.queue_url, f"Dead{name}": trigger.dead_letter_queue.queue_url}
    for kind in (sfn.QueryLanguage.JSON_PATH, sfn.QueryLanguage.JSONATA):
        name = kind.name.replace("_", "")
        parent = Construct(stack, f"{name}Caller")
        found = workflow.as_task(parent, "FindEntities")
        machine = sfn.StateMachine(
            parent, "Machine", query_language=kind, definition_body=sfn.DefinitionBody.from_chainable(found)
        )
        outputs[f"{name}Parent"] = machine.state_machine_arn
    for name, value in outputs.items():
        cdk.CfnOutput(stack, name, value=value)
    app.synth()
    return folder
