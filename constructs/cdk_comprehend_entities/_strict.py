"""``hardening="strict"``: what the rules of HIPAA, NIST 800-53 and PCI DSS ask for beyond the standard.

An aspect changes what the workflow makes, whenever it makes it, so that the standard is written without exceptions.
Sources: AWS Lambda Developer Guide, configuration-vpc; Amazon CloudWatch Logs User Guide, encrypt-log-data-kms;
Amazon S3 User Guide, enable-server-access-logging; Amazon SQS Developer Guide, sqs-key-management.
"""

from __future__ import annotations

from typing import Any

import jsii
from aws_cdk import Aspects, Duration, Fn, IAspect, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

from ._access import acknowledge, allow, service
from ._network import JobNetwork

# An account runs ten jobs at a time, unless its quotas are raised; each batch of uploads is staged by ten functions.
_CONCURRENCY, _CONCURRENT_STAGING = 10, 100

# PCI DSS asks for a year (requirement 10.7).
_ACCESS_LOGS_KEPT = Duration.days(400)
_OLD_VERSIONS_KEPT = Duration.days(90)

# What the functions call besides S3; logs and traces leave them through Lambda itself.
_CALLED = {
    "Comprehend": (
        ec2.InterfaceVpcEndpointAwsService.COMPREHEND,
        [
            "comprehend:DescribeEntitiesDetectionJob",
            "comprehend:ListEntitiesDetectionJobs",
            "comprehend:StartEntitiesDetectionJob",
            "comprehend:StopEntitiesDetectionJob",
            "comprehend:TagResource",
        ],
    ),
    "Events": (ec2.InterfaceVpcEndpointAwsService.EVENTBRIDGE, ["events:PutEvents"]),
    "Queues": (
        ec2.InterfaceVpcEndpointAwsService.SQS,
        [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        ],
    ),
    "States": (
        ec2.InterfaceVpcEndpointAwsService.STEP_FUNCTIONS,
        ["states:DescribeExecution", "states:ListExecutions", "states:SendTaskSuccess", "states:StartExecution"],
    ),
}

_STRICT = "strict hardening has it"
_REPLICATION = "whether documents may leave the Region is the user's choice: CfnBucket.replication_configuration"


class StrictHardening(Construct):
    """The key, the access logs and the network of a workflow whose hardening is strict.

    Attributes:
        key: encrypts logs, the functions' environment, and the queue of what could not be reported.
        access_logs: gets the access logs of the workflow's own buckets.
        connections: of the functions' security group, which reaches S3 only.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, network: JobNetwork | None, removal_policy: RemovalPolicy
    ) -> None:
        super().__init__(scope, construct_id)
        if network is None:
            raise ValueError("strict hardening puts the functions into the VPC of the jobs: give the workflow a vpc")
        if removal_policy is not RemovalPolicy.RETAIN:
            raise ValueError(
                f"strict hardening keeps data and logs: removal_policy must be RETAIN; got {removal_policy}"
            )
        self._network = network
        self._endpoints: list[ec2.IVpcEndpoint] = []
        self.key = self._key()
        self.access_logs = self._access_logs()
        self._group = network.group_reaching_s3(self, "SecurityGroup", "Functions around entity-detection jobs")
        self.connections = self._group.connections
        Aspects.of(scope).add(_Strictness(self))

    def _key(self) -> kms.Key:
        stack = Stack.of(self)
        key = kms.Key(self, "Key", description="Logs of functions for entity-detection jobs", enable_key_rotation=True)
        # The names of log groups are made when they are.
        log_groups = stack.format_arn(service="logs", resource="log-group:*")
        for name, actions, when in (
            (
                f"logs.{stack.region}.amazonaws.com",
                ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
                {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
            ),
            (
                "events.amazonaws.com",
                ["kms:Decrypt", "kms:GenerateDataKey"],
                {"StringEquals": {"aws:SourceAccount": stack.account}},
            ),
        ):
            principal = iam.ServicePrincipal(name, conditions=when)
            # A key policy that named its key would refer to itself.
            key.add_to_resource_policy(iam.PolicyStatement(principals=[principal], actions=actions, resources=["*"]))
        return key

    def _access_logs(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        acknowledge(bucket, "S3BucketReplicationEnabled", _REPLICATION)
        bucket.add_lifecycle_rule(
            id="Expire", expiration=_ACCESS_LOGS_KEPT, noncurrent_version_expiration=_OLD_VERSIONS_KEPT
        )
        acknowledge(bucket, "S3DefaultEncryptionKMS", "S3 delivers access logs only to buckets with its own encryption")
        for rule in ("AwsSolutions-S1", "S3BucketLoggingEnabled", "CKV_AWS_18"):
            acknowledge(bucket, rule, "a log of the deliveries of logs would never end")
        return bucket

    def add_interface_endpoints(self) -> list[ec2.InterfaceVpcEndpoint]:
        """Endpoints in the jobs' subnets, which let through what the functions call, by principals of this account."""
        stack = Stack.of(self)
        group = ec2.SecurityGroup(
            self,
            "EndpointsSecurityGroup",
            vpc=self._network.vpc,
            description="Endpoints for functions around entity-detection jobs",
            allow_all_outbound=False,
        )
        group.connections.allow_from(self._group, ec2.Port.HTTPS)
        endpoints = []
        for name, (called, actions) in _CALLED.items():
            endpoint = ec2.InterfaceVpcEndpoint(
                self,
                name,
                vpc=self._network.vpc,
                service=called,
                subnets=ec2.SubnetSelection(subnets=self._network.subnets),
                security_groups=[group],
                # CDK would let in the whole VPC.
                open=False,
            )
            own = {"StringEquals": {"aws:PrincipalAccount": stack.account}}
            # The functions' roles say on what: an endpoint's policy adds no right.
            endpoint.add_to_policy(
                iam.PolicyStatement(principals=[iam.AnyPrincipal()], actions=actions, resources=["*"], conditions=own)
            )
            endpoints.append(endpoint)
        self._endpoints += endpoints
        return endpoints

    def adopt_s3_endpoint(self, endpoint: ec2.GatewayVpcEndpoint) -> None:
        """Let the functions' answers to CloudFormation, which go to a bucket of its own, through an endpoint, too."""
        region = Fn.join("", Fn.split("-", Stack.of(self).region))
        answers = f"arn:{Stack.of(self).partition}:s3:::cloudformation-custom-resource-response-{region}/*"
        put = iam.PolicyStatement(principals=[iam.AnyPrincipal()], actions=["s3:PutObject"], resources=[answers])
        endpoint.add_to_policy(put)
        self._endpoints.append(endpoint)

    def function(self, function: lambda_.Function) -> None:
        """Put a function into the VPC, limit its concurrency, and encrypt its environment."""
        resource = _resource(function)
        staging = function.node.path.endswith("/Stage/Resource")
        resource.reserved_concurrent_executions = _CONCURRENT_STAGING if staging else _CONCURRENCY
        resource.kms_key_arn = self.key.key_arn
        resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            security_group_ids=[self._group.security_group_id],
            subnet_ids=[subnet.subnet_id for subnet in self._network.subnets],
        )
        self._network.grant_function_interfaces(function, self._group)
        # A message that Lambda puts into a dead-letter queue is encrypted with a data key that the role asks for.
        puts = ["kms:GenerateDataKey"] if function.dead_letter_queue else []
        allow(function, "kms:Decrypt", *puts, on=[self.key.key_arn])
        # Deleted before what they need to answer CloudFormation.
        function.node.add_dependency(*self._endpoints)

    def log_group(self, log_group: logs.LogGroup) -> None:
        """Encrypt a log group, and protect it from being deleted."""
        resource = _resource(log_group)
        resource.kms_key_id = self.key.key_arn
        resource.deletion_protection_enabled = True

    def bucket(self, bucket: s3.Bucket) -> None:
        """Log who accesses a bucket, and keep old versions of its objects."""
        if bucket.node.path == self.access_logs.node.path:
            return
        resource = _resource(bucket)
        resource.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
            destination_bucket_name=self.access_logs.bucket_name, log_file_prefix=f"{bucket.node.id}/"
        )
        delivery = service(bucket, "logging.s3.amazonaws.com", bucket.bucket_arn)
        self.access_logs.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[delivery],
                actions=["s3:PutObject"],
                resources=[self.access_logs.arn_for_objects(f"{bucket.node.id}/*")],
            )
        )
        acknowledge(bucket, "S3BucketReplicationEnabled", _REPLICATION)
        if resource.versioning_configuration is None:
            resource.versioning_configuration = s3.CfnBucket.VersioningConfigurationProperty(status="Enabled")
            bucket.add_lifecycle_rule(id="ExpireOldVersions", noncurrent_version_expiration=_OLD_VERSIONS_KEPT)

    def queue(self, queue: sqs.Queue) -> None:
        """Encrypt a queue that has no key yet."""
        resource = _resource(queue)
        if resource.sqs_managed_sse_enabled:
            resource.sqs_managed_sse_enabled = None
            resource.kms_master_key_id = self.key.key_arn


@jsii.implements(IAspect)
class _Strictness:
    """Brings each resource of a workflow to its strict form."""

    def __init__(self, hardening: StrictHardening) -> None:
        self._hardening = hardening

    def visit(self, node: IConstruct) -> None:
        """Harden one node of the tree."""
        match node:
            case lambda_.Function():
                self._hardening.function(node)
            case logs.LogGroup():
                self._hardening.log_group(node)
            case s3.Bucket():
                self._hardening.bucket(node)
            case sqs.Queue():
                self._hardening.queue(node)
            case iam.Policy():
                acknowledge(node, "IAMNoInlinePolicy", "a policy of one role goes with it, and nobody else can have it")


@jsii.implements(IAspect)
class StandardHardening:
    """Tells checkers why what is not in its strict form is meant to be."""

    def visit(self, node: IConstruct) -> None:
        """Tell them of one node of the tree."""
        match node:
            case lambda_.Function():
                acknowledge(node, "CKV_AWS_115", f"a state machine or a queue bounds how many run; {_STRICT}")
                acknowledge(node, "CKV_AWS_117", f"it calls AWS only, over TLS; {_STRICT}")
                acknowledge(node, "CKV_AWS_173", f"its environment holds names, under Lambda's own key; {_STRICT}")
            case logs.LogGroup():
                acknowledge(node, "CKV_AWS_158", f"logs hold no documents, and CloudWatch encrypts them; {_STRICT}")
            case s3.Bucket():
                for rule in ("AwsSolutions-S1", "CKV_AWS_18"):
                    acknowledge(node, rule, f"logging accesses is the account's choice; {_STRICT}")
                if _resource(node).versioning_configuration is None:
                    acknowledge(node, "CKV_AWS_21", f"results are written once; {_STRICT}")
            case sqs.Queue() if _resource(node).sqs_managed_sse_enabled:
                acknowledge(node, "CKV_AWS_27", f"messages hold no documents, and the service encrypts them; {_STRICT}")


def _resource(node: IConstruct) -> Any:
    return node.node.default_child
