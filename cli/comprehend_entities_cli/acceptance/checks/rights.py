"""Checks of permissions: the data-access role, and all other principals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...aws import error_code
from ..terms import CheckFailed, NotHere, expect
from ..trial import Trial
from .catalog import Evidence, check


@check("Only Comprehend can assume the data-access role, for jobs of this account and Region", "B1")
def role_trusts_comprehend_only(trial: Trial) -> Evidence:
    name = trial.outputs["DataAccessRoleArn"].rpartition("/")[2]
    statements = trial.aws.client("iam").get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    expect(len(statements) == 1, f"its trust policy has {len(statements)} statements")
    principal, condition = statements[0]["Principal"], json.dumps(statements[0].get("Condition", {}))
    expect(principal == {"Service": "comprehend.amazonaws.com"}, f"it trusts {principal}")
    for key in ("aws:SourceAccount", "aws:SourceArn"):
        expect(key in condition, f"its trust policy has no condition on {key}")
    expect(trial.account in condition, f"its trust policy is for another account: {condition}")
    return {"Principal": principal, "Conditions": ["aws:SourceAccount", "aws:SourceArn"]}


@check("Only Comprehend can get credentials of the data-access role")
def role_is_not_assumed_by_others(trial: Trial) -> Evidence:
    if trial.aws.is_local:
        raise NotHere("the caller of the local AWS is the account's root, which may do everything")
    try:
        trial.aws.client("sts").assume_role(
            RoleArn=trial.outputs["DataAccessRoleArn"], RoleSessionName="acceptance", DurationSeconds=900
        )
    except Exception as error:
        expect(error_code(error) == "AccessDenied", str(error))
        return {"AssumeRole": "AccessDenied"}
    raise CheckFailed("the caller of this command could assume it")


@check("The data-access role reads input, writes output and uses the keys", "B1", "B2")
def role_has_its_rights(trial: Trial) -> Evidence:
    s3 = f"arn:{trial.partition}:s3:::"
    bucket, output = trial.outputs["InputBucket"], trial.outputs["OutputBucket"]
    via = {"kms:ViaService": f"s3.{trial.aws.region}.amazonaws.com"}
    wanted: list[tuple[str, str, dict[str, str]]] = [
        ("s3:ListBucket", f"{s3}{bucket}", {}),
        ("s3:GetObject", f"{s3}{bucket}/input/x.txt", {}),
        ("s3:PutObject", f"{s3}{output}/jobs/x/output/output.tar.gz", {}),
        ("kms:CreateGrant", trial.outputs["VolumeKeyArn"], {}),
    ]
    if not trial.aws.is_local:  # it does not take a condition's values from the request
        wanted += [(action, trial.outputs["OutputKeyArn"], via) for action in ("kms:Decrypt", "kms:GenerateDataKey")]
    missing = [f"{action} on {on}" for action, on, context in wanted if not _allowed(trial, action, on, context)]
    expect(not missing, f"missing permissions: {'; '.join(missing)}")
    return {"Allowed": [action for action, *_ in wanted]}


@check("The data-access role has no other permissions on the documents and the results")
def role_has_no_more(trial: Trial) -> Evidence:
    s3 = f"arn:{trial.partition}:s3:::"
    bucket, output = trial.outputs["InputBucket"], trial.outputs["OutputBucket"]
    unwanted = [
        ("s3:PutObject", f"{s3}{bucket}/input/x.txt"),
        ("s3:DeleteObject", f"{s3}{bucket}/input/x.txt"),
        ("s3:GetObject", f"{s3}{bucket}/elsewhere/x.txt"),
        ("s3:GetObject", f"{s3}{output}/results/x"),
        ("s3:PutObject", f"{s3}{output}/results/x"),
        ("comprehend:StartEntitiesDetectionJob", "*"),
        ("iam:PassRole", trial.outputs["DataAccessRoleArn"]),
    ]
    allowed = [f"{action} on {on}" for action, on in unwanted if _allowed(trial, action, on, {})]
    expect(not allowed, f"it has more permissions: {'; '.join(allowed)}")
    return {"Denied": sorted({action for action, _ in unwanted})}


@check("Buckets reject requests without TLS")
def tls_only(trial: Trial) -> Evidence:
    for name in ("InputBucket", "OutputBucket"):
        text = trial.aws.client("s3").get_bucket_policy(Bucket=trial.outputs[name])["Policy"]
        denied = any(
            each["Effect"] == "Deny" and '"aws:SecureTransport": "false"' in json.dumps(each)
            for each in json.loads(text)["Statement"]
        )
        expect(denied, f"the policy of {name} allows requests without TLS")
    if trial.aws.is_local:
        raise NotHere("the bucket policies require TLS, but with permissions enforced the local AWS has TLS only")
    from botocore.config import Config

    plain = trial.aws.client_of("s3", use_ssl=False, config=Config(signature_version="s3v4"))
    try:
        plain.list_objects_v2(Bucket=trial.outputs["OutputBucket"], MaxKeys=1)
    except Exception as error:
        expect(error_code(error) == "AccessDenied", str(error))
        return {"OverHttp": "AccessDenied"}
    raise CheckFailed("a request over http was answered")


def _allowed(trial: Trial, action: str, resource: str, context: Mapping[str, str]) -> bool:
    entries = [
        {"ContextKeyName": name, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for name, value in context.items()
    ]
    given: dict[str, Any] = {"ContextEntries": entries} if entries else {}
    answer = trial.aws.client("iam").simulate_principal_policy(
        PolicySourceArn=trial.outputs["DataAccessRoleArn"], ActionNames=[action], ResourceArns=[resource], **given
    )
    return bool(answer["EvaluationResults"][0]["EvalDecision"] == "allowed")
