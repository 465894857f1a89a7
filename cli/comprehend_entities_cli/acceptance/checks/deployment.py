"""Checks of resources that CloudFormation created: functions, logs, buckets, events and keys."""

from __future__ import annotations

import json
from typing import Any

from ...aws import error_code
from ...deployment import deployments
from ..terms import CheckFailed, NotHere, expect
from ..trial import Trial
from .catalog import Evidence, check

_NEW_ACCOUNTS_MEGABYTES = 3008
_ENVIRONMENT_BYTES = 4096
_STATE_LOGS = "/aws/vendedlogs/states/"


def _functions(trial: Trial) -> list[dict[str, Any]]:
    client = trial.aws.client("lambda")
    return [client.get_function_configuration(FunctionName=each) for each in trial.physical("AWS::Lambda::Function")]


@check("All functions are active, with at most the memory that new accounts allow", "A1", "C3")
def functions_are_active(trial: Trial) -> Evidence:
    found = _functions(trial)
    states = sorted({str(each.get("State", "Active")) for each in found})
    expect(found and states == ["Active"], f"functions are {', '.join(states) or 'missing'}")
    memory = max(each["MemorySize"] for each in found)
    expect(memory <= _NEW_ACCOUNTS_MEGABYTES, f"a function has {memory} MB, and new accounts allow 3,008 MB")
    storage = max(each.get("EphemeralStorage", {}).get("Size", 512) for each in found)
    return {"Functions": len(found), "LargestMemoryMegabytes": memory, "LargestStorageMegabytes": storage}


@check("The environment of each function fits into the 4 KB that Lambda allows", "A9")
def environments_fit(trial: Trial) -> Evidence:
    sizes = [len(json.dumps(each.get("Environment", {}).get("Variables", {})).encode()) for each in _functions(trial)]
    expect(max(sizes) <= _ENVIRONMENT_BYTES, f"an environment has {max(sizes)} bytes")
    return {"LargestBytes": max(sizes)}


@check("Lambda lets the dispatcher of uploads wake itself", "A2")
def dispatcher_may_wake_itself(trial: Trial) -> Evidence:
    if trial.aws.is_local:
        raise NotHere("CloudFormation of the local AWS does not set it")
    [function] = trial.physical("AWS::Lambda::Function", "DispatchUploads")
    found = trial.aws.client("lambda").get_function_recursion_config(FunctionName=function)["RecursiveLoop"]
    expect(found == "Allow", f"its RecursiveLoop is {found}: Lambda stops it after about 16 wakes")
    return {"RecursiveLoop": found}


@check("The deployment is found by the tags of its state machine")
def deployment_is_found(trial: Trial) -> Evidence:
    found = {each.arn: each for each in deployments(trial.aws)}
    expect(trial.outputs["StateMachineArn"] in found, "its state machine is not found by its tags")
    tagged = found[trial.outputs["StateMachineArn"]]
    expect(tagged.triggers, "its tags have no upload trigger")
    return {"Version": tagged.version, "Triggers": sorted(tagged.triggers)}


@check("The state machine logs into a group that needs no place in the account's log policy", "A3")
def state_machine_logs(trial: Trial) -> Evidence:
    if trial.aws.is_local:
        raise NotHere("the local AWS keeps no logging configuration of a state machine")
    client = trial.aws.client("stepfunctions")
    found = client.describe_state_machine(stateMachineArn=trial.outputs["StateMachineArn"])["loggingConfiguration"]
    groups = [each["cloudWatchLogsLogGroup"]["logGroupArn"].split(":")[6] for each in found.get("destinations", [])]
    expect(groups, "it has no log group")
    expect(all(each.startswith(_STATE_LOGS) for each in groups), f"its log group is {groups}")
    return {"Level": found["level"], "Prefix": _STATE_LOGS}


@check("Every function logs into a log group of the stack, with the retention that was set")
def log_groups(trial: Trial) -> Evidence:
    wanted = {each["LoggingConfig"]["LogGroup"] for each in _functions(trial)}
    pages = trial.aws.client("logs").get_paginator("describe_log_groups").paginate()
    kept = {each["logGroupName"]: each.get("retentionInDays") for page in pages for each in page["logGroups"]}
    missing = sorted(each for each in wanted if not kept.get(each))
    expect(not missing, f"no log group, or no retention: {', '.join(missing)}")
    return {"Groups": len(wanted), "RetentionInDays": sorted({kept[each] for each in wanted})}


@check("Both buckets encrypt with the workflow's keys, and the bucket of uploads keeps versions")
def buckets_are_encrypted(trial: Trial) -> Evidence:
    s3, told = trial.aws.client("s3"), {}
    for name in ("InputBucket", "OutputBucket"):
        found = s3.get_bucket_encryption(Bucket=trial.outputs[name])["ServerSideEncryptionConfiguration"]["Rules"][0]
        rule = found["ApplyServerSideEncryptionByDefault"]
        own = rule.get("KMSMasterKeyID") == trial.outputs["OutputKeyArn"]
        expect(rule["SSEAlgorithm"] == "aws:kms" and own, f"{name} is encrypted by {rule}")
        told[name] = {"SSEAlgorithm": rule["SSEAlgorithm"], "BucketKey": found.get("BucketKeyEnabled")}
    versions = s3.get_bucket_versioning(Bucket=trial.outputs["InputBucket"]).get("Status")
    expect(versions == "Enabled", f"versioning of the input bucket is {versions}")
    return told


@check("Both buckets block public access")
def buckets_are_private(trial: Trial) -> Evidence:
    s3 = trial.aws.client("s3")
    for name in ("InputBucket", "OutputBucket"):
        found = s3.get_public_access_block(Bucket=trial.outputs[name])["PublicAccessBlockConfiguration"]
        expect(all(found.values()), f"{name}: {found}")
    return {"Blocked": sorted(found)}


@check("Both buckets send their events to EventBridge", "A6")
def buckets_announce(trial: Trial) -> Evidence:
    s3, silent = trial.aws.client("s3"), []
    for name in ("InputBucket", "OutputBucket"):
        found = s3.get_bucket_notification_configuration(Bucket=trial.outputs[name])
        if "EventBridgeConfiguration" not in found:
            silent.append(name)
    expect(
        not silent, f"no events from {', '.join(silent)}: uploads start no jobs, and the end of jobs is noticed late"
    )
    return {"Buckets": 2}


@check("Every rule of EventBridge is enabled and has its targets")
def rules_are_enabled(trial: Trial) -> Evidence:
    events, off = trial.aws.client("events"), []
    rules = trial.physical("AWS::Events::Rule")
    if "backfill" in trial.begun:
        # That scenario disables the rule of uploads for a moment.
        trial.wait(trial.rule_is_on.is_set, "the rule of uploads to be enabled again")
    for rule in rules:
        enabled = events.describe_rule(Name=rule)["State"] == "ENABLED"
        if not enabled or not events.list_targets_by_rule(Rule=rule)["Targets"]:
            off.append(rule)
    expect(not off, f"disabled or without a target: {', '.join(off)}")
    return {"Rules": len(rules)}


@check("Keys are enabled, rotate, and allow only this account", "B2", "F3")
def key_policies(trial: Trial) -> Evidence:
    kms, told = trial.aws.client("kms"), {}
    for name in ("OutputKeyArn", "VolumeKeyArn"):
        key = trial.outputs[name]
        try:
            statements = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])["Statement"]
            state = kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
        except Exception as error:
            if not error_code(error).startswith("AccessDenied"):
                raise
            raise CheckFailed(f"the key policy of {name} does not allow this account: {error}") from error
        expect(state == "Enabled", f"{name} is {state}")
        expect(kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"], f"{name} does not rotate")
        root = f":iam::{trial.account}:root"
        allowed = [each for each in statements if each["Effect"] == "Allow"]
        principals = [str(who) for each in allowed for who in _listed(each["Principal"])]
        whole = any(
            each["Action"] == "kms:*" and any(str(who).endswith(root) for who in _listed(each["Principal"]))
            for each in allowed
        )
        expect(whole, f"the key policy of {name} does not delegate to the IAM policies of this account: {principals}")
        others = [who for who in principals if who == "*" or (":iam::" in who and trial.account not in who)]
        expect(not others, f"the key policy of {name} allows other principals: {others}")
        told[name.removesuffix("Arn")] = {"KeyState": state, "Statements": len(statements)}
    return told


def _listed(principal: Any) -> list[Any]:
    values = principal.values() if isinstance(principal, dict) else [principal]
    return [who for value in values for who in (value if isinstance(value, list) else [value])]
