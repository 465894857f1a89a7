"""The Lambda functions: their one asset, and for each its own role and log group.

The asset is assembled while a template is made, with no pip, no Docker and no network: this library's own handlers and
the pure-Python packages they need, as installed here. boto3 comes with the Lambda runtime.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory

from aws_cdk import Duration, RemovalPolicy, Size
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

import entities_job
from entities_job.contracts import START_JOB_SECONDS

from ._strict import StandardHardening, StrictHardening
from .rights.access import role, service
from .rights.acknowledged import acknowledge

METRICS_NAMESPACE = "EntitiesDetection"

_LONGEST = Duration.minutes(15)
# The inventory of a million files with the longest keys.
_INVENTORY = Size.gibibytes(4)
# A vCPU comes with 1,769 MB; new accounts allow at most 3,008 MB (AWS Lambda Developer Guide, gettingstarted-limits).
_ONE_PROCESSOR, _LARGEST = Size.mebibytes(1769), Size.mebibytes(3008)
# An account runs ten jobs at a time, unless its quotas are raised; each batch of uploads is staged by ten functions.
_CONCURRENCY, _CONCURRENT_STAGING = 10, 100

_DISTRIBUTIONS = ("aws-lambda-powertools", "jmespath", "typing-extensions")
_NATIVE = {".so", ".pyd", ".dylib"}

# Lives as long as the process: CDK copies the folder into the cloud assembly as soon as a function names it.
_folder = TemporaryDirectory(prefix="entities-job-")


@dataclass(frozen=True)
class FunctionFactory:
    """Makes functions with what all functions of one workflow have in common.

    Attributes:
        service: the name that the workflow bears in logs and metrics.
        event_bus_name: the bus that gets the events.
        jobs_uri: the prefix of the output of all jobs.
        work_uri: the prefix of the functions' own files.
        bucket_keys: the keys that objects in the workflow's buckets are encrypted with, as the functions take them.
        log_retention: how long log groups keep what is logged.
        removal_policy: what becomes of the log groups when they leave the stack.
        reserve_concurrency: functions take what they may need from the account's quota.
        hardening: how far functions and log groups are locked down.
    """

    service: str
    event_bus_name: str
    jobs_uri: str
    work_uri: str
    bucket_keys: str
    log_retention: logs.RetentionDays
    removal_policy: RemovalPolicy
    reserve_concurrency: bool
    hardening: StandardHardening | StrictHardening

    def function(
        self,
        scope: Construct,
        construct_id: str,
        module: str,
        *,
        memory: Size | None = None,
        storage: Size | None = None,
        timeout: Duration | None = None,
        concurrency: int = _CONCURRENCY,
        dead_letter_queue: sqs.IQueue | None = None,
    ) -> lambda_.Function:
        """Return a function whose handler is ``entities_job.handlers.<module>.handler``.

        Args:
            scope: the parent.
            construct_id: the id, unique in ``scope``.
            module: the handler's module.
            memory: default: 256 MiB.
            storage: of its temporary folder (default: 512 MiB).
            timeout: default: 1 minute.
            concurrency: how many may run at a time if concurrency is reserved.
            dead_letter_queue: gets events that the function failed on (default: none does).
        """
        parts = Construct(scope, construct_id)
        log_group = self.log_group(parts)
        own = role(parts, "Role", service(parts, "lambda.amazonaws.com"))
        log_group.grant_write(own)
        acknowledge(own, "no-resources", arns=["*"])
        function = lambda_.Function(
            parts,
            "Resource",
            code=code(),
            handler=f"entities_job.handlers.{module}.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=memory.to_mebibytes() if memory else 256,
            ephemeral_storage_size=storage,
            timeout=timeout or Duration.minutes(1),
            reserved_concurrent_executions=concurrency if self.reserve_concurrency else None,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            dead_letter_queue=dead_letter_queue,
            role=own,
            environment={
                "EVENT_BUS_NAME": self.event_bus_name,
                "JOBS_URI": self.jobs_uri,
                "WORK_URI": self.work_uri,
                "BUCKET_KEYS": self.bucket_keys,
                "POWERTOOLS_SERVICE_NAME": self.service,
                "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
            },
        )
        self.hardening.function(function)
        acknowledge(function, "runtime")
        if not self.reserve_concurrency:
            acknowledge(function, "function-concurrency")
        if not dead_letter_queue:
            acknowledge(function, "no-dead-letters")
        return function

    def log_group(self, scope: Construct, *, name: str | None = None) -> logs.LogGroup:
        """Return a log group that keeps what is logged for a time; CloudFormation names it if ``name`` is None."""
        kept, policy = self.log_retention, self.removal_policy
        made = logs.LogGroup(scope, "LogGroup", log_group_name=name, retention=kept, removal_policy=policy)
        self.hardening.log_group(made)
        return made


@dataclass(frozen=True)
class Functions:
    """The Lambda functions that the state machine calls, each with a separate role.

    Attributes:
        inspect_input: completes and checks the request, and lists the input.
        start_job: starts the job.
        poll_job: reads the job's status.
        stop_job: stops the job.
        publish_result: publishes the records of the job's archive.
        publish_failure: reports an execution that ends without a result.
        stage: copies documents under unique names.

    Examples:
        >>> grant = key.grant(workflow.functions.start_job, "kms:CreateGrant", "kms:DescribeKey")
    """

    inspect_input: lambda_.Function
    start_job: lambda_.Function
    poll_job: lambda_.Function
    stop_job: lambda_.Function
    publish_result: lambda_.Function
    publish_failure: lambda_.Function
    stage: lambda_.Function


def task_functions(factory: FunctionFactory, scope: Construct, unreported: sqs.IQueue) -> Functions:
    """Return the functions that the state machine calls, sized for their work; none has a permission of its own yet."""
    make = factory.function
    return Functions(
        # Listing a million documents takes minutes.
        inspect_input=make(scope, "InspectInput", "inspect_input", memory=_ONE_PROCESSOR, timeout=_LONGEST),
        start_job=make(scope, "StartJob", "start_job", timeout=Duration.seconds(START_JOB_SECONDS)),
        poll_job=make(scope, "PollJob", "poll_job"),
        stop_job=make(scope, "StopJob", "stop_job"),
        # One processor compresses while the other reads: nearly twice the price of a second, and half the seconds.
        publish_result=make(
            scope, "PublishResult", "publish_result", memory=_LARGEST, storage=_INVENTORY, timeout=_LONGEST
        ),
        publish_failure=make(
            scope, "PublishFailure", "publish_failure", timeout=Duration.minutes(5), dead_letter_queue=unreported
        ),
        stage=make(scope, "Stage", "stage", memory=_ONE_PROCESSOR, timeout=_LONGEST, concurrency=_CONCURRENT_STAGING),
    )


def code() -> lambda_.AssetCode:
    """Return the code that all functions share. The same installed bytes give the same asset hash."""
    return lambda_.Code.from_asset(str(_assembled()))


@cache
def _assembled() -> Path:
    target = Path(_folder.name)
    shutil.copytree(
        Path(entities_job.__file__).parent, target / "entities_job", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in _DISTRIBUTIONS:
        _copy(name, target)
    # Lambda's own user reads them, whatever the umask here. They are no part of the asset's hash.
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target


def _copy(name: str, target: Path) -> None:
    """Copy a distribution's modules and licences; what installers write beside them differs from machine to machine.

    Raises:
        RuntimeError: it has native modules, or no list of its modules.
    """
    installed = distribution(name)
    files = [file for file in installed.files or [] if ".." not in file.parts and "__pycache__" not in file.parts]
    files = [file for file in files if ".dist-info" not in file.parts[0] or "LICENSE" in file.name.upper()]
    if not any(file.suffix == ".py" for file in files):
        raise RuntimeError(
            f"{name} {installed.version} is installed without a list of its modules, as by Bazel, by a Linux "
            "distribution's own package or as editable, so that the asset would lack them; install it with pip"
        )
    for folder in {file.parent for file in files}:
        (target / folder).mkdir(parents=True, exist_ok=True)
    for file in files:
        if file.suffix in _NATIVE:
            raise RuntimeError(f"{name} {installed.version} has the native file {file}, which the asset can't carry")
        shutil.copyfile(str(file.locate()), target / file)
