"""The role that the service assumes for a job.

Sources: Amazon Comprehend Developer Guide, security_iam_id-based-policy-examples (role-based permissions),
cross-service-confused-deputy-prevention and usingVPC.
"""

from __future__ import annotations

from aws_cdk import Annotations, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from .._storage import Storage
from ..network.job import JobNetwork
from .access import NARROWER, SERVICE_GUIDE, allow, same_account, service
from .access import role as new_role
from .functions import COMPREHEND, GUIDE, allow_textract, ec2_arn, jobs_arn


def data_access_role(scope: Construct) -> iam.Role:
    """Return a role that only Comprehend can assume, for an entity-detection job of this account and Region."""
    about = "Assumed by Amazon Comprehend for entity-detection jobs"
    return new_role(scope, "DataAccessRole", service(scope, COMPREHEND, jobs_arn(scope)), about)


def grant_job(
    scope: Construct,
    role: iam.IRole,
    storage: Storage,
    network: JobNetwork | None,
    *,
    semi_structured: bool,
    narrow: bool,
) -> None:
    """Let the service run a job with ``role``, or warn that CDK can't.

    Args:
        scope: the workflow.
        role: what the service assumes.
        storage: the documents, the output and the keys.
        network: where jobs run, if not in the service's own network.
        semi_structured: documents may be images and scans.
        narrow: permissions are narrower than the guide shows.
    """
    path, stack = role.node.path, Stack.of(scope)
    if not same_account(role, stack.account):
        _warn(scope, f"{path} is of another account, and IAM passes no role to a service there: no job will start")
        return
    if Stack.of(role).node.addr != stack.node.addr:
        # In a policy of this stack: a role that named the buckets here would make the two stacks need each other.
        role = iam.Role.from_role_name(scope, "GivenDataAccessRole", role.role_name)
    source = f"{GUIDE}#auth-role-permissions"
    for documents in (storage.documents, storage.staging):
        if narrow:
            documents.grant_list(role, source=f"{NARROWER}: {source}")
        else:
            documents.grant_list(role, whole_bucket=True, source=source)
        documents.grant_read(role)
    storage.jobs.grant_write(role)
    allow(role, "kms:CreateGrant", on=[storage.volume_key.key_arn], source=f"{GUIDE}#auth-kms-permissions")
    if network:
        _grant_interfaces(role, network, narrow=narrow)
    if semi_structured:
        allow_textract(role)
    # A new role has the one, an imported one the other; one that CDK may not change ignores grants without a warning.
    if not any(map(role.node.try_find_child, ("DefaultPolicy", "Policy"))):
        _warn(
            scope,
            f"CDK may not change {path}: its owner must add the permissions of DataAccessRole in docs/permissions.md",
        )


def _warn(scope: Construct, text: str) -> None:
    Annotations.of(scope).add_warning_v2("cdk-comprehend-entities:data-access-role-permissions", text)


def _grant_interfaces(role: iam.IRole, network: JobNetwork, *, narrow: bool) -> None:
    """Give the nine permissions on network interfaces; narrow ones as narrow as IAM can say it."""
    guide = "Amazon Comprehend Developer Guide, usingVPC"
    described = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
    allow(role, *(f"ec2:Describe{name}" for name in described), on=["*"], source=guide)
    used = ("CreateNetworkInterfacePermission", "DeleteNetworkInterface", "DeleteNetworkInterfacePermission")
    actions = [f"ec2:{name}" for name in used]
    if not narrow:
        allow(role, "ec2:CreateNetworkInterface", *actions, on=["*"], wildcard=SERVICE_GUIDE, source=guide)
        return
    subnets = [ec2_arn(network, "subnet", subnet.subnet_id) for subnet in network.subnets]
    groups = [ec2_arn(network, "security-group", group.security_group_id) for group in network.security_groups]
    interfaces, wildcard = ec2_arn(network, "network-interface", "*"), "network-interfaces"
    created, source = [*subnets, *groups, interfaces], f"{NARROWER}: {guide}"
    allow(role, "ec2:CreateNetworkInterface", on=created, wildcard=wildcard, source=source)
    there = {"ArnEquals": {"ec2:Subnet": subnets}}
    allow(role, *actions, on=[interfaces], when=there, wildcard=wildcard, source=source)
