"""The role that the service assumes for a job: reading documents, writing the raw result, using keys and subnets.

Sources: Amazon Comprehend Developer Guide, security_iam_id-based-policy-examples, cross-service-confused-deputy-prevention
and usingVPC; Service Authorization Reference. Rights are added, so what is too narrow for a special case is widened by
``workflow.data_access_role.add_to_principal_policy(...)``.
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from ._settings import JobDefaults

COMPREHEND = "comprehend.amazonaws.com"


def job_arn(scope: Construct) -> str:
    """The ARN pattern of this account's jobs; a job's number is made by the service."""
    return Stack.of(scope).format_arn(service="comprehend", resource="entities-detection-job", resource_name="*")


def role(scope: Construct) -> iam.Role:
    """A role that only Comprehend can assume, and only for an entity-detection job of this account and Region."""
    return iam.Role(
        scope,
        "DataAccessRole",
        description="Assumed by Amazon Comprehend for entity-detection jobs",
        assumed_by=iam.ServicePrincipal(
            COMPREHEND,
            conditions={
                "StringEquals": {"aws:SourceAccount": Stack.of(scope).account},
                "ArnLike": {"aws:SourceArn": job_arn(scope)},
            },
        ),
    )


def grant(defaults: JobDefaults) -> None:
    """Give the role what a job needs and no more."""
    role, storage = defaults.data_access_role, defaults.storage
    storage.documents.grant_list(role)
    storage.documents.grant_read(role)
    storage.jobs.grant_put(role)
    statements = [iam.PolicyStatement(actions=["kms:CreateGrant"], resources=[storage.volume_key.key_arn])]
    if defaults.network:
        statements += defaults.network.statements()
    if defaults.document_reader:
        statements.append(textract())
    for statement in statements:
        role.add_to_principal_policy(statement)


def textract() -> iam.PolicyStatement:
    """Reading images and scans; the guide does not say whose right is judged, so StartJob has it, too."""
    return iam.PolicyStatement(
        actions=["textract:DetectDocumentText", "textract:AnalyzeDocument"],
        # IAM knows no resources for these actions.
        resources=["*"],
    )
