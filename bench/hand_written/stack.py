"""The smallest workflow without this library: keys, buckets, functions, roles, rules and an alarm, each by its L2.

It has the same resources and the same policy statements as the construct (tests/synth/test_bench_synth.py compares
them), without checks of arguments, reasons for checkers of templates, and options.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Size, Stack, Tags
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from .machine import Tasks, definition

_KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
_NAME = "Entities"


class HandWritten(Construct):
    """Runs entity-detection jobs."""

    def __init__(self, scope: Construct, construct_id: str, *, asset: str) -> None:
        """Define it; ``asset`` is the folder with the functions' code."""
        super().__init__(scope, construct_id)
        self._stack, self._asset = Stack.of(self), asset
        self._output_key = self._key("OutputKey")
        self._volume_key = self._key("VolumeKey")
        self._input = self._bucket("InputBucket", versioned=True)
        self._input.add_lifecycle_rule(
            id="ExpirePassing",
            prefix="staging/",
            expiration=Duration.days(14),
            noncurrent_version_expiration=Duration.days(1),
        )
        self._input.add_lifecycle_rule(
            id="ExpireClaims",
            prefix="claims/",
            expiration=Duration.days(365),
            noncurrent_version_expiration=Duration.days(1),
        )
        self._output = self._bucket("OutputBucket", versioned=False)
        self._output.add_lifecycle_rule(id="ExpirePassing", prefix="work/", expiration=Duration.days(17))
        for bucket in (self._input, self._output):
            bucket.add_lifecycle_rule(
                id="AbortIncompleteUploads", abort_incomplete_multipart_upload_after=Duration.days(2)
            )
        self._jobs = self._arn("comprehend", "entities-detection-job")
        self._data_access_role = self._data_access()
        self._unreported = sqs.Queue(
            self,
            "Unreported",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        tasks = self._tasks()
        self._machine = self._state_machine(tasks)
        self._sweep()
        self._rules(tasks)
        self._alarm(tasks.poll_job)

    def _key(self, construct_id: str) -> kms.Key:
        return kms.Key(self, construct_id, description=construct_id, enable_key_rotation=True, removal_policy=_KEPT)

    def _bucket(self, construct_id: str, *, versioned: bool) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            construct_id,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._output_key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=versioned,
            removal_policy=_KEPT,
        )
        resource: Any = bucket.node.default_child
        resource.add_property_override("NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True)
        return bucket

    def _arn(self, service: str, resource: str, name: str = "*") -> str:
        return self._stack.format_arn(service=service, resource=resource, resource_name=name)

    def _data_access(self) -> iam.Role:
        conditions = {
            "StringEquals": {"aws:SourceAccount": self._stack.account},
            "ArnLike": {"aws:SourceArn": self._jobs},
        }
        role = iam.Role(
            self,
            "DataAccessRole",
            assumed_by=iam.ServicePrincipal("comprehend.amazonaws.com", conditions=conditions),
            description="Assumed by Amazon Comprehend for entity-detection jobs",
        )
        _allow(role, "s3:ListBucket", on=[self._input.bucket_arn])
        self._read(role, self._input, "input/", f"staging/{_NAME}/")
        self._write(role, self._output, "jobs/")
        _allow(role, "kms:CreateGrant", on=[self._volume_key.key_arn])
        return role

    def _read(self, role: iam.Role, bucket: s3.Bucket, *prefixes: str) -> None:
        for prefix in prefixes:
            _allow(role, "s3:GetObject", on=[bucket.arn_for_objects(f"{prefix}*")])
        self._use_key(role, "kms:Decrypt")

    def _write(self, role: iam.Role, bucket: s3.Bucket, *prefixes: str) -> None:
        for prefix in prefixes:
            _allow(role, "s3:PutObject", on=[bucket.arn_for_objects(f"{prefix}*")])
        self._use_key(role, "kms:GenerateDataKey", "kms:Decrypt")

    def _use_key(self, role: iam.Role, *actions: str) -> None:
        via_s3 = {"StringEquals": {"kms:ViaService": f"s3.{self._stack.region}.amazonaws.com"}}
        _allow(role, *actions, on=[self._output_key.key_arn], when=via_s3)

    def _list(self, role: iam.Role, bucket: s3.Bucket, *prefixes: str) -> None:
        for prefix in prefixes:
            _allow(role, "s3:ListBucket", on=[bucket.bucket_arn], when={"StringLike": {"s3:prefix": f"{prefix}*"}})
        if not prefixes:
            _allow(role, "s3:ListBucket", on=[bucket.bucket_arn])

    def _function(
        self, name: str, module: str, *, timeout: int = 1, dead_letter_queue: sqs.IQueue | None = None, **options: Any
    ) -> tuple[lambda_.Function, iam.Role]:
        """Return a function and its role; ``timeout`` is in minutes, ``options`` are those of ``lambda_.Function``."""
        log_group = logs.LogGroup(
            self, f"{name}LogGroup", retention=logs.RetentionDays.SIX_MONTHS, removal_policy=_KEPT
        )
        own_account = {"StringEquals": {"aws:SourceAccount": self._stack.account}}
        role = iam.Role(
            self,
            f"{name}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com", conditions=own_account),
        )
        log_group.grant_write(role)
        input_name, output_name, key = self._input.bucket_name, self._output.bucket_name, self._output_key.key_arn
        function = lambda_.Function(
            self,
            name,
            code=lambda_.Code.from_asset(self._asset),
            handler=f"entities_job.handlers.{module}.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            timeout=Duration.minutes(timeout),
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            role=role,
            dead_letter_queue=dead_letter_queue,
            environment={
                "EVENT_BUS_NAME": "default",
                "JOBS_URI": f"s3://{output_name}/jobs/",
                "WORK_URI": f"s3://{output_name}/work/",
                "BUCKET_KEYS": f"{input_name}={key} {output_name}={key}",
                "POWERTOOLS_SERVICE_NAME": _NAME,
                "POWERTOOLS_METRICS_NAMESPACE": "EntitiesDetection",
            },
            **{"memory_size": 256, **options},
        )
        return function, role

    def _tasks(self) -> Tasks:
        inspect, role = self._function("InspectInput", "inspect_input", memory_size=1769, timeout=15)
        self._list(role, self._input, "input/", f"staging/{_NAME}/")
        self._read(role, self._input, "input/", f"staging/{_NAME}/")
        self._write(role, self._output, "work/")
        _allow(role, "comprehend:DescribeEntitiesDetectionJob", on=[self._jobs])
        self._read(role, self._output, "work/", "jobs/", "results/summaries/")
        self._list(role, self._output)
        poll, role = self._function("PollJob", "poll_job")
        _allow(role, "comprehend:DescribeEntitiesDetectionJob", on=[self._jobs])
        stop, role = self._function("StopJob", "stop_job")
        _allow(role, "comprehend:StopEntitiesDetectionJob", on=[self._jobs])
        publish, role = self._function(
            "PublishResult",
            "publish_result",
            memory_size=3008,
            ephemeral_storage_size=Size.gibibytes(4),
            timeout=15,
        )
        self._read(role, self._output, "jobs/", "work/", "results/summaries/")
        self._write(role, self._output, "results/")
        self._report(role)
        failure, role = self._function(
            "PublishFailure", "publish_failure", timeout=5, dead_letter_queue=self._unreported
        )
        self._end(role)
        stage, role = self._function("Stage", "stage", memory_size=1769, timeout=15)
        self._read(role, self._input, f"staging/{_NAME}/", f"claims/{_NAME}/")
        self._write(role, self._input, f"staging/{_NAME}/", f"claims/{_NAME}/")
        self._write(role, self._output, "results/refused/")
        self._list(role, self._input)
        output, role = self._function("AwaitOutput", "await_output")
        self._write(role, self._output, "work/waiting/")
        self._read(role, self._output, "work/waiting/", "jobs/")
        self._list(role, self._output)
        start = self._start_job()
        return Tasks(inspect, start, poll, stop, publish, failure, stage, output)

    def _start_job(self) -> lambda_.Function:
        start, role = self._function("StartJob", "start_job")
        start.add_environment("SLOTS", "10")
        keys = {
            "comprehend:VolumeKmsKey": self._volume_key.key_arn,
            "comprehend:OutputKmsKey": self._output_key.key_arn,
        }
        _allow(role, "comprehend:StartEntitiesDetectionJob", on=[self._jobs], when={"StringEquals": keys})
        to_comprehend = {"StringEquals": {"iam:PassedToService": "comprehend.amazonaws.com"}}
        _allow(role, "iam:PassRole", on=[self._data_access_role.role_arn], when=to_comprehend)
        _allow(role, "kms:CreateGrant", "kms:DescribeKey", on=[self._volume_key.key_arn])
        self._use_key(role, "kms:Decrypt", "kms:GenerateDataKey")
        _allow(role, "comprehend:ListEntitiesDetectionJobs", on=["*"])
        _allow(role, "s3:PutObject", on=[self._output.arn_for_objects("work/owners/*")])
        return start

    def _report(self, role: iam.Role) -> None:
        self._write(role, self._output, "work/outcomes/")
        _allow(role, "s3:DeleteObject", on=[self._output.arn_for_objects("work/open/*")])
        self._list(role, self._output)
        own = {"events:source": "cdk-comprehend-entities", "events:detail-type": "Entities Detection Job Ended"}
        bus = self._arn("events", "event-bus", "default")
        _allow(role, "events:PutEvents", on=[bus], when={"ForAllValues:StringEquals": own})

    def _end(self, role: iam.Role) -> None:
        _allow(role, "comprehend:StopEntitiesDetectionJob", on=[self._jobs])
        _allow(role, "comprehend:ListEntitiesDetectionJobs", on=["*"])
        self._report(role)
        self._write(role, self._output, "work/open/")
        self._read(role, self._output, "work/outcomes/", "work/open/")

    def _state_machine(self, tasks: Tasks) -> sfn.StateMachine:
        conditions = {
            "StringEquals": {"aws:SourceAccount": self._stack.account},
            "ArnLike": {"aws:SourceArn": self._stack.format_arn(service="states", resource="*")},
        }
        role = iam.Role(
            self,
            "StateMachineRole",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com", conditions=conditions),
        )
        log_group = logs.LogGroup(
            self, "StateMachineLogGroup", retention=logs.RetentionDays.SIX_MONTHS, removal_policy=_KEPT
        )
        settings = {
            "DataAccessRoleArn": self._data_access_role.role_arn,
            "KmsKeyId": self._output_key.key_arn,
            "VolumeKmsKeyId": self._volume_key.key_arn,
        }
        machine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_chainable(
                definition(self, tasks, self._input, self._output, settings)
            ),
            timeout=Duration.hours(49),
            tracing_enabled=True,
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=False),
            role=role,
        )
        _allow(role, "lambda:InvokeFunction", on=[tasks.await_output.function_arn])
        for name in ("input", "results", "unreported", "version", "workflow"):
            Tags.of(machine).add(f"cdk-comprehend-entities:{name}", name)
        return machine

    def _sweep(self) -> None:
        function, role = self._function("StopOrphans", "stop_orphans", timeout=15, dead_letter_queue=self._unreported)
        self._end(role)
        self._read(role, self._output, "work/owners/")
        _allow(role, "states:ListExecutions", on=[self._machine.state_machine_arn])
        _allow(role, "states:DescribeExecution", "states:GetExecutionHistory", on=[self._executions()])
        event = events.RuleTargetInput.from_object({"StateMachineArn": self._machine.state_machine_arn})
        target = targets.LambdaFunction(function, event=event, dead_letter_queue=self._unreported)
        schedule = events.Schedule.rate(Duration.minutes(15))
        events.Rule(self, "Schedule", description="Sweep", schedule=schedule, targets=[target])

    def _executions(self) -> str:
        return self._arn("states", "execution", f"{self._machine.state_machine_name}:*")

    def _rules(self, tasks: Tasks) -> None:
        described = ["states:DescribeExecution", "states:GetExecutionHistory"]
        for name, actions, on, function in (
            ("Wake", ["states:SendTaskSuccess"], self._machine.state_machine_arn, tasks.await_output),
            ("Describe", described, self._executions(), tasks.publish_failure),
        ):
            assert function.role
            statement = iam.PolicyStatement(actions=actions, resources=[on])
            iam.Policy(self, name, statements=[statement], roles=[function.role])
        events.Rule(
            self,
            "OutputPut",
            description="Outputs",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self._output.bucket_name]},
                    "object": {"key": [{"wildcard": "jobs/*/output/output.tar.gz"}]},
                },
            ),
            targets=[targets.LambdaFunction(tasks.await_output)],
        )
        events.Rule(
            self,
            "ExecutionEnded",
            description="Executions that end without success",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [self._machine.state_machine_arn],
                    "status": ["ABORTED", "FAILED", "TIMED_OUT"],
                },
            ),
            targets=[targets.LambdaFunction(tasks.publish_failure, dead_letter_queue=self._unreported)],
        )

    def _alarm(self, poll_job: lambda_.Function) -> None:
        called: Any = {"period": Duration.minutes(15), "statistic": "Sum"}
        share = cloudwatch.MathExpression(
            expression="(errors + throttles) / (invocations + throttles)",
            using_metrics={
                "errors": poll_job.metric_errors(**called),
                "throttles": poll_job.metric_throttles(**called),
                "invocations": poll_job.metric_invocations(**called),
            },
            period=Duration.minutes(15),
        )
        share.create_alarm(
            self,
            "FailingPolls",
            evaluation_periods=1,
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description="Every poll has failed for 15 minutes",
        )


def _allow(role: iam.Role, *actions: str, on: Sequence[str], when: dict[str, Any] | None = None) -> None:
    role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=list(on), conditions=when))
