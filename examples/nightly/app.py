"""Every night, the documents of the day before: EventBridge Scheduler, your own state machine, one state of it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from cdk_comprehend_entities import EntitiesDetectionWorkflow, ExecutionLimits

DAY_BEFORE = "$fromMillis($toMillis($states.input.ScheduledTime) - 86400000, '[Y0001]-[M01]-[D01]')"


class Nightly(cdk.Stack):
    """At 01:00 UTC, the documents under ``input/<the day before>/`` are analysed; the topic says what was found."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        workflow = EntitiesDetectionWorkflow(self, "Entities", language_code="en", limits=ExecutionLimits(cost_usd=10))
        news = sns.Topic(self, "News", enforce_ssl=True)
        night = sfn.StateMachine(
            self,
            "Night",
            comment="Finds the entities in the documents of a day, and says so",
            query_language=sfn.QueryLanguage.JSONATA,
            definition_body=sfn.DefinitionBody.from_chainable(self._night(workflow, news)),
            tracing_enabled=True,
        )
        # Schedules are delivered at least once. A night has a name, a name starts one execution, and so nobody pays
        # twice for a night.
        start = tasks.StepFunctionsStartExecution.jsonata(
            self,
            "StartTheNight",
            state_machine=night,
            name=f"{{% 'night-' & {DAY_BEFORE} %}}",
            input=sfn.TaskInput.from_object({"Day": f"{{% {DAY_BEFORE} %}}"}),
        )
        start.add_catch(
            sfn.Succeed.jsonata(self, "StartedBefore"), errors=["StepFunctions.ExecutionAlreadyExistsException"]
        )
        once = sfn.StateMachine(
            self,
            "Once",
            comment="Starts each night once, however often the schedule is delivered",
            query_language=sfn.QueryLanguage.JSONATA,
            definition_body=sfn.DefinitionBody.from_chainable(start),
            tracing_enabled=True,
        )
        undelivered = sqs.Queue(self, "Undelivered", enforce_ssl=True, retention_period=cdk.Duration.days(14))
        schedule = scheduler.Schedule(
            self,
            "EveryNight",
            description="The documents of the day before",
            schedule=scheduler.ScheduleExpression.cron(hour="1", minute="0", time_zone=cdk.TimeZone.ETC_UTC),
            target=scheduler_targets.StepFunctionsStartExecution(
                once,
                input=scheduler.ScheduleTargetInput.from_object(
                    {"ScheduledTime": scheduler.ContextAttribute.scheduled_time}
                ),
                dead_letter_queue=undelivered,
            ),
        )

        for name, value in {
            "InputBucketName": workflow.input_bucket.bucket_name,
            "NewsTopicArn": news.topic_arn,
            "NightArn": night.state_machine_arn,
            "OnceArn": once.state_machine_arn,
            "ScheduleName": schedule.schedule_name,
            "UndeliveredQueueUrl": undelivered.queue_url,
            "StateMachineArn": workflow.state_machine.state_machine_arn,
        }.items():
            cdk.CfnOutput(self, name, value=value)

    def _night(self, workflow: EntitiesDetectionWorkflow, news: sns.ITopic) -> sfn.IChainable:
        uri = f"'s3://{workflow.input_bucket.bucket_name}/input/' & $states.input.Day & '/'"
        find = workflow.as_task(self, "FindEntities", request={"InputDataConfig": {"S3Uri": f"{{% {uri} %}}"}})
        found = tasks.SnsPublish.jsonata(
            self,
            "SayWhatWasFound",
            topic=news,
            subject="{% 'Entities of ' & $states.context.Execution.Input.Day & ': ' & $states.input.Status %}",
            message=sfn.TaskInput.from_object({name: f"{{% $states.input.{name} %}}" for name in ("Counts", "Result")}),
            outputs="{% $states.input %}",
        )
        failed = tasks.SnsPublish.jsonata(
            self,
            "SayWhatWentWrong",
            topic=news,
            subject="{% 'Entities of ' & $states.context.Execution.Input.Day & ': ' & $states.input.Error %}",
            message=sfn.TaskInput.from_text("{% $states.input.Cause %}"),
            outputs="{% $states.input %}",
        )
        end = sfn.Fail.jsonata(
            self, "NightFailed", error="{% $states.input.Error %}", cause="{% $states.input.Cause %}"
        )
        find.add_catch(failed.next(end))
        return find.next(found)


app = cdk.App()
Nightly(app, "Nightly")
app.synth()
