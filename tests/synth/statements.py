"""Every policy statement of a template, and each as one line that a person can judge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.synth.reading import conditions, listed, readable, shown

# Where a resource's properties hold a policy.
_DOCUMENTS = ("AssumeRolePolicyDocument", "KeyPolicy", "PolicyDocument")


@dataclass(frozen=True)
class Policy:
    """A policy document, and whom it belongs to."""

    owner: str
    kind: str
    document: dict[str, Any]

    @property
    def statements(self) -> list[dict[str, Any]]:
        """Its statements."""
        found: list[dict[str, Any]] = self.document["Statement"]
        return found


def policies(template: dict[str, Any]) -> Iterator[Policy]:
    """All policies of roles, keys, buckets, queues and endpoints."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for kind in _DOCUMENTS:
            if kind in properties:
                owners = [
                    shown(owner) for key in ("Roles", "Bucket", "Queues") for owner in listed(properties.get(key, []))
                ]
                yield Policy(" ".join(owners) or readable(name), f"{resource['Type']} {kind}", properties[kind])


def lines(template: dict[str, Any]) -> str:
    """All statements and the permissions to call functions, sorted, one a line; ``here``: this Region and account."""
    told = [f"{policy.owner}: {line(statement)}" for policy in policies(template) for statement in policy.statements]
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Permission":
            told.append(f"{readable(name)}: " + ", ".join(f"{k} {shown(v)}" for k, v in resource["Properties"].items()))
    short = (
        text.replace("arn:<AWS::Partition>:", "arn:").replace(":<AWS::Region>:<AWS::AccountId>:", ":here:")
        for text in told
    )
    return "\n".join(sorted(short)) + "\n"


def line(statement: dict[str, Any]) -> str:
    """A statement as a sentence: effect, principal, actions, resources, conditions; other elements as they are."""
    rest = dict(statement)
    principals = rest.pop("Principal", {})
    kinds = principals.items() if isinstance(principals, dict) else [("any", principals)]
    parts = [
        rest.pop("Effect"),
        *(f"{kind} {' '.join(map(shown, listed(value)))}" for kind, value in kinds),
        " ".join(listed(rest.pop("Action"))),
        *(["on " + " ".join(map(shown, listed(rest.pop("Resource"))))] if "Resource" in rest else []),
        *(["when " + conditions(statement)] if rest.pop("Condition", None) else []),
        *(f"{key} {value}" for key, value in rest.items()),
    ]
    return " ".join(parts)


_ARNS = {
    "AWS::Events::Rule": "arn:aws:events:us-east-1:111122223333:rule/{}",
    "AWS::IAM::Role": "arn:aws:iam::111122223333:role/{}",
    "AWS::KMS::Key": "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555",
    "AWS::Lambda::Function": "arn:aws:lambda:us-east-1:111122223333:function:{}",
    "AWS::Logs::LogGroup": "arn:aws:logs:us-east-1:111122223333:log-group:{}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SQS::Queue": "arn:aws:sqs:us-east-1:111122223333:{}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:us-east-1:111122223333:stateMachine:{}",
}
_PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "111122223333"}


def deployed(value: Any, resources: dict[str, Any]) -> Any:
    """A part of a template with names and ARNs as if it were deployed, for tools that know no CloudFormation."""

    def arn(name: str) -> str:
        return _ARNS[resources[name]["Type"]].format(name.lower())

    match value:
        case {"Ref": str(name)} if name in _PSEUDO:
            found: Any = _PSEUDO[name]
        case {"Ref": str(name)}:
            found = arn(name) if resources[name]["Type"] == "AWS::StepFunctions::StateMachine" else name.lower()
        case {"Fn::GetAtt": [str(name), attribute]}:
            found = arn(name) if attribute == "Arn" else name.lower()
        case {"Fn::Join": [str(glue), parts]}:
            found = glue.join(deployed(parts, resources))
        case {"Fn::Split": [str(glue), whole]}:
            found = deployed(whole, resources).split(glue)
        case {"Fn::Select": [index, parts]}:
            found = deployed(parts, resources)[int(index)]
        case dict():
            found = {key: deployed(item, resources) for key, item in value.items()}
        case list():
            found = [deployed(item, resources) for item in value]
        case _:
            found = str(value)
    return found
