"""Evaluation of the data-access role's trust policy: Comprehend may assume it for a job, or not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SERVICE = "comprehend.amazonaws.com"


def trusts(policy: Mapping[str, Any], *, job_arn: str, account: str) -> bool:
    """Judge a trust policy as STS does for the service: an Allow that fits, and no Deny that fits.

    Conditions are judged with aws:SourceArn and aws:SourceAccount. A condition on another key, or with an operator that
    is unknown here, never fits an Allow and always fits a Deny.
    """
    context = {"aws:sourcearn": job_arn, "aws:sourceaccount": account}
    allowed = False
    for statement in _list(policy.get("Statement", [])):
        principal = statement.get("Principal", {})
        services = ["*"] if principal == "*" else _list(principal.get("Service", []))
        actions = [action.lower() for action in _list(statement.get("Action", []))]
        if SERVICE not in services and "*" not in services:
            continue
        if not any(_like(action, "sts:assumerole") for action in actions):
            continue
        deny = statement["Effect"] == "Deny"
        fits = _conditions(statement.get("Condition", {}), context, unknown=deny)
        if fits and deny:
            return False
        allowed = allowed or fits
    return allowed


def _conditions(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str], *, unknown: bool) -> bool:
    for operator, keys in conditions.items():
        name = operator.lower().removesuffix("ifexists")
        compare = {"stringequals": _equal, "stringlike": _like, "arnequals": _like, "arnlike": _like}.get(name)
        for key, wanted in keys.items():
            value = context.get(key.lower())
            if value is None and operator.lower().endswith("ifexists"):
                continue
            if compare is None or value is None:
                if not unknown:
                    return False
            elif not any(compare(str(pattern), value) for pattern in _list(wanted)):
                return False
    return True


def _equal(wanted: str, value: str) -> bool:
    return wanted == value


def _like(pattern: str, value: str) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
