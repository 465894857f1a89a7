"""Rules on the values of arguments, for :func:`.checks.checked`: each yields what can never work, and why."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_type_hints

from aws_cdk import Aws, Duration, IResource, RemovalPolicy, Size, SizeRoundingBehavior, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from entities_job.request import limits as service
from entities_job.request import rules
from entities_job.request.model import Violation

from .._settings import default_request, newer_values, trigger_request
from .._storage import OWN_IN_INPUT, OWN_IN_OUTPUT
from .._strict import KEPT
from .._values import ExecutionLimits, Hardening
from ..network.job import chosen_subnets
from ..rights.access import known_to_differ
from .checks import OWN_RULE, Arguments, implements, is_token, wrong_types

_STEP_FUNCTIONS = "AWS Step Functions Developer Guide, "

_LATER = Aws.STACK_ID
"""A token, in place of what is made after the check."""

_ARGUMENTS = {
    "LanguageCode": "language_code",
    "InputDataConfig.InputFormat": "input_format",
    "InputDataConfig.DocumentReaderConfig": "document_reader",
    "InputDataConfig": "input_prefix",
    "OutputDataConfig.KmsKeyId": "output_key",
    "OutputDataConfig": "output_prefix",
    "VolumeKmsKeyId": "volume_key",
    "DataAccessRoleArn": "data_access_role",
    "EntityRecognizerArn": "recognizer",
    "FlywheelArn": "recognizer",
    "VpcConfig.SecurityGroupIds": "security_groups",
    "VpcConfig": "vpc_subnets",
    "Tags": "tags",
    "Region": "scope",
}
"""The arguments that fields of a request come from; the first whose field a path begins with."""

_LIMITS_OF_SERVICE = f"{rules.GUIDE}guidelines-and-limits"
_DURATION = (1, Duration.days(365).to_seconds(), f"{_STEP_FUNCTIONS}service-quotas")
_BOUNDS: dict[str, tuple[float, float, str]] = {
    "documents": (1, service.MAXIMUM_DOCUMENTS, _LIMITS_OF_SERVICE),
    "size": (1, service.MAXIMUM_BYTES, _LIMITS_OF_SERVICE),
    "cost_usd": (service.USD_PER_UNIT["built-in"], math.inf, "Amazon Comprehend pricing"),
    "duration_per_gigabyte": (0, *_DURATION[1:]),
}
"""Least and most that limits of an execution can be, and the source; all others are durations."""

_HISTORY, _OTHER_EVENTS = 25_000, 1_000
_EVENTS = {"Wait": 2, "Task": 5, "Choice": 2, "TaskToken": 6}
"""Events that a state writes into the history of its execution (API Reference, HistoryEvent).

Wait and Choice: entered, exited. Task: entered, scheduled, started, succeeded, exited. A task with a token that waited
in vain: entered, scheduled, started, submitted, timed out, exited.
"""


def workflow(given: Arguments) -> Iterator[Violation]:
    """Yield the violations in the arguments of a workflow."""
    for name in ("input_prefix", "output_prefix"):
        yield from _prefix(name, given[name])
    yield from _overlaps(given)
    for name in ("input_key", "output_key", "volume_key"):
        yield from _alias(name, given[name])
    for name in ("input_bucket", "input_key", "output_bucket", "output_key", "volume_key"):
        yield from _elsewhere(name, given[name], given["scope"])
    for name in ("vpc_subnets", "security_groups", "s3_prefix_list"):
        if given[name] and not given["vpc"]:
            yield Violation(name, given[name], "needs vpc: jobs run in the service's own network", OWN_RULE)
    if given["hardening"] == Hardening.STRICT:
        if not given["vpc"]:
            yield Violation("vpc", None, "is needed by strict hardening, which puts the functions into it", OWN_RULE)
        if given["removal_policy"] not in (RemovalPolicy.RETAIN, KEPT):
            rule = f"can't be {given['removal_policy'].name} with strict hardening, which keeps data and logs"
            yield Violation("removal_policy", given["removal_policy"], rule, OWN_RULE)
    unknown = sorted(set(given["allow_overrides"]) - set(rules.PROTECTED))
    if unknown:
        yield Violation("allow_overrides", unknown, f"can contain {', '.join(rules.PROTECTED)}", OWN_RULE)
    yield from _between("maximum_active_jobs", given["maximum_active_jobs"], 1)
    limits = given["limits"] or ExecutionLimits()
    yield from list(_limits(limits)) or _polls(given, limits)
    yield from _request(given)


def uploads(given: Arguments) -> Iterator[Violation]:
    """Yield the violations in the arguments of an upload trigger; ``self`` is its workflow."""
    of, name, prefix = given["self"], given["trigger_id"], given["prefix"]
    if not re.fullmatch(r"[A-Za-z0-9]{1,32}", name):
        yield Violation("trigger_id", name, "must be 1 to 32 letters and digits", OWN_RULE)
    yield from _prefix("prefix", prefix)
    if not prefix or is_token(prefix):
        yield Violation("prefix", prefix, "must be known, and can't be empty", OWN_RULE)
    before_own = of._storage.jobs.path.removesuffix(OWN_IN_OUTPUT[0])
    in_input, in_output = _own(of.input_bucket, of.output_bucket, before_own)
    yield from _meeting("prefix", _uri(of.input_bucket, prefix), [*in_input, *in_output])
    if not of._storage.documents.path:
        rule = "can't be empty if uploads are staged in the bucket: their copies would be documents again"
        yield Violation("input_prefix", "", rule, OWN_RULE)
    yield from _between("maximum_documents", given["maximum_documents"], *_BOUNDS["documents"])
    own, request = trigger_request(of._settings["Request"], given["language_code"], given["recognizer"])
    for field in sorted(own.keys() & set(rules.PROTECTED) - set(of._settings["AllowedOverrides"])):
        rule = f"needs a workflow with {field} in allow_overrides"
        yield Violation(_argument(field), given["recognizer"], rule, OWN_RULE)
    located = {**request["InputDataConfig"], "S3Uri": _uri(of.input_bucket, prefix)}
    yield from _of_api({**request, "InputDataConfig": located}, {**of._accepted.values, **newer_values(given)})


def catalog(given: Arguments) -> Iterator[Violation]:
    """Yield the violations in the arguments of a results catalog."""
    cutoff = given["bytes_scanned_cutoff_per_query"]
    if cutoff and not cutoff.is_unresolved():
        source = "Amazon Athena API Reference, WorkGroupConfiguration"
        yield from _between("bytes_scanned_cutoff_per_query", cutoff, 10_000_000, source=source)


def _prefix(name: str, value: str) -> Iterator[Violation]:
    if is_token(value):
        return
    if value.startswith("/") or (value and not value.endswith("/")):
        rule = (
            "must be empty, or end in / and not begin with it, because a prefix without the slash also matches "
            "other names"
        )
        yield Violation(name, value, rule, f"{rules.GUIDE}api-async-insights")
    if re.search(r"[*?\\]|\$\{", value):
        rule = "can't contain *, ?, a backslash or ${, which match other keys in policies and event patterns"
        source = "AWS IAM User Guide, reference_policies_elements_resource; Amazon EventBridge User Guide, "
        yield Violation(name, value, rule, f"{source}eb-create-pattern-operators")


def _overlaps(given: Arguments) -> Iterator[Violation]:
    in_input, in_output = _own(given["input_bucket"], given["output_bucket"], given["output_prefix"])
    # All of a bucket may be documents until uploads are staged in it.
    own = [*in_input, *in_output] if given["input_prefix"] else in_output
    yield from _meeting("input_prefix", _uri(given["input_bucket"], given["input_prefix"]), own)
    for place in in_output:
        yield from _meeting("output_prefix", place, in_input)


def _own(
    input_bucket: s3.IBucket | None, output_bucket: s3.IBucket | None, output_prefix: str
) -> tuple[list[str], list[str]]:
    """Return where the workflow itself writes, in the bucket of documents and in that of results."""
    in_input = [_uri(input_bucket, name) for name in OWN_IN_INPUT]
    return in_input, [_uri(output_bucket, f"{output_prefix}{name}", new="new-output") for name in OWN_IN_OUTPUT]


def _uri(bucket: s3.IBucket | None, path: str, *, new: str = "new-input") -> str:
    """Return a prefix as a URI, with a stand-in for a name not known yet: those of one bucket still compare."""
    name = bucket.bucket_name if bucket else new
    return f"s3://{bucket.node.addr if bucket and is_token(name) else name}/{path}"


def _meeting(name: str, uri: str, own: Sequence[str]) -> Iterator[Violation]:
    met = [place.split("/", 3)[3] for place in own if uri.startswith(place) or place.startswith(uri)]
    if met:
        rule = f"can't overlap the prefixes that the workflow writes in that bucket: {', '.join(met)}"
        yield Violation(name, uri.split("/", 3)[3], rule, OWN_RULE)


def _alias(name: str, key: kms.IKey | None) -> Iterator[Violation]:
    if key and (implements(key, kms.IAlias) or re.search("(^|:)alias/", key.key_arn)):
        rule = (
            "must be a key, not an alias, because IAM grants no permissions on an alias; import the key itself with "
            "kms.Key.from_lookup or kms.Key.from_key_arn"
        )
        yield Violation(name, key.key_arn, rule, "AWS KMS Developer Guide, alias-authorization")


def monitoring(given: Arguments) -> Iterator[Violation]:
    """Yield the violations in the arguments of ``monitor``."""
    if given["daily_cost_usd"] is not None:
        yield from _between("daily_cost_usd", given["daily_cost_usd"], service.USD_PER_UNIT["built-in"])
    if given["runbook_url"] is not None and not given["runbook_url"]:
        yield Violation("runbook_url", given["runbook_url"], "must not be empty; omit it to use its default", OWN_RULE)


def _elsewhere(name: str, resource: IResource | None, scope: object) -> Iterator[Violation]:
    if not resource or not isinstance(scope, Construct):
        return
    here, there = Stack.of(scope).region, resource.env.region
    if known_to_differ(here, there):
        rule, source = f"must be in the Region of the jobs, {here}", f"{rules.GUIDE}idp-inputs-async"
        yield Violation(name, there, rule, source)


def _between(
    name: str, value: Any, least: float, most: float = math.inf, source: str = OWN_RULE
) -> Iterator[Violation]:
    unit = " bytes" if isinstance(value, Size) else " seconds" if isinstance(value, Duration) else ""
    if unit and value.is_unresolved():
        yield Violation(name, value, "must be a known value, because it is used in calculations", OWN_RULE)
        return
    if isinstance(value, Size):
        value = value.to_kibibytes(rounding=SizeRoundingBehavior.NONE) * 1024
    elif isinstance(value, Duration):
        value = value.to_seconds(integral=False)
    if not is_token(value) and ((unit and value % 1) or not least <= value <= most):
        range_ = f"at least {least:,}" if most == math.inf else f"{least:,} to {most:,}"
        yield Violation(name, value, f"must be {range_}{unit and f'{unit}, a whole number'}", source)


def _limits(limits: ExecutionLimits) -> Iterator[Violation]:
    wrong = wrong_types(get_type_hints(ExecutionLimits), vars(limits), "limits.")
    yield from wrong.values()
    for name, value in vars(limits).items():
        if name not in wrong and value is not None:
            yield from _between(f"limits.{name}", value, *_BOUNDS.get(name, _DURATION))


def _polls(given: Arguments, limits: ExecutionLimits) -> Iterator[Violation]:
    """Yield that a schedule polls so often that the history of the execution is full before the job must end."""
    schedule, seen = given["poll_schedule"], given["completion_events"]
    if schedule is None:
        return
    seen = given["output_bucket"] is None if seen is None else seen
    # WaitForOutput or WaitForJob, PollJob, JobStatus.
    poll = [_EVENTS[state] for state in ("TaskToken" if seen else "Wait", "Task", "Choice")]
    left, age = _HISTORY - _OTHER_EVENTS, 0
    polls = left // sum(poll)
    for _ in range(polls):
        age += schedule.wait_seconds(age)
    gigabytes = service.MAXIMUM_BYTES / 1e9
    longest = limits.duration.to_seconds() + limits.duration_per_gigabyte.to_seconds() * gigabytes
    if age < longest:
        rule = (
            f"polls too often: an execution's history holds {_HISTORY:,} events, {_OTHER_EVENTS:,} of them for other "
            f"states; at {' + '.join(map(str, poll))} = {sum(poll)} events a poll, {left:,} are {polls:,} polls, the "
            f"last at an age of {age:,} s, but a job may run for {longest:,.0f} s; poll less often, or lower "
            "limits.duration"
        )
        yield Violation("poll_schedule", schedule, rule, f"{_STEP_FUNCTIONS}service-quotas")


def _request(given: Arguments) -> Iterator[Violation]:
    names = ("language_code", "input_format", "recognizer", "document_reader", "tags")
    request = default_request(*(given[name] for name in names))
    located = {**request["InputDataConfig"], "S3Uri": _uri(given["input_bucket"], given["input_prefix"])}
    jobs = _uri(given["output_bucket"], f"{given['output_prefix']}{OWN_IN_OUTPUT[0]}", new="new-output")
    whole: dict[str, object] = {
        **request,
        "InputDataConfig": located,
        "OutputDataConfig": {"S3Uri": jobs, "KmsKeyId": getattr(given["output_key"], "key_arn", _LATER)},
        "VolumeKmsKeyId": getattr(given["volume_key"], "key_arn", _LATER),
        "DataAccessRoleArn": getattr(given["data_access_role"], "role_arn", _LATER),
    }
    if given["vpc"]:
        subnets = [_LATER]
        try:
            subnets = [subnet.subnet_id for subnet in chosen_subnets(given["vpc"], given["vpc_subnets"])]
        except RuntimeError as error:
            rule = (
                f"there are no such subnets ({error}); choose others, which are by default the isolated ones, as in "
                "ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)"
            )
            yield Violation("vpc_subnets", given["vpc_subnets"], rule, "aws_cdk.aws_ec2.Vpc.select_subnets")
        groups = [group.security_group_id for group in given["security_groups"] or []]
        whole["VpcConfig"] = {"SecurityGroupIds": groups or [_LATER], "Subnets": subnets}
    scope = given["scope"]
    region = Stack.of(scope).region if isinstance(scope, Construct) else None
    yield from _of_api(whole, newer_values(given), region)


def _of_api(
    request: Mapping[str, object], accepted: Mapping[str, Sequence[str]], region: str | None = None
) -> Iterator[Violation]:
    found = rules.violations(request, region=region, is_token=is_token, accepted=accepted)
    for violation in (*_jsonata(request), *found):
        yield violation._replace(field=_argument(violation.field))


def _argument(field: str) -> str:
    return next((f"{name} ({field})" for path, name in _ARGUMENTS.items() if field.startswith(path)), field)


def _jsonata(value: object, path: str = "") -> Iterator[Violation]:
    """Yield texts that the state machine, in whose definition they stand, would run."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _jsonata(item, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _jsonata(item, f"{path}[{index}]")
    elif isinstance(value, str) and (value.lstrip().startswith("{%") or value.rstrip().endswith("%}")):
        rule = "can't begin with {% or end with %}: the state machine would run it as JSONata"
        yield Violation(path, value, rule, f"{_STEP_FUNCTIONS}transforming-data")
