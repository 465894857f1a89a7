"""The face of the package: all that its users meet has a public name, and every public name is met."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import aws_cdk as cdk

import cdk_comprehend_entities as face
from cdk_comprehend_entities import EntitiesDetectionWorkflow, Hardening
from entities_job import contracts
from tests.synth.variants import own_vpc, prefix_list

PACKAGES = ("cdk_comprehend_entities", "entities_job")
RETURNED = {"Functions", "JobNetwork", "ResultsCatalog", "UploadTrigger", "WorkflowMonitoring"}
"""Classes whose objects a workflow returns: nobody but the library calls their constructors."""


def own(hint: object) -> Iterator[type]:
    """The library's own classes in an annotation. Payloads have a public module of their own: contracts."""
    for part in get_args(hint):
        yield from own(part)
    module = hint.__module__ if isinstance(hint, type) else ""
    if isinstance(hint, type) and module.startswith(PACKAGES) and not module.startswith(contracts.__name__):
        yield hint


def met(kind: type, objects: dict[type, Any]) -> Iterator[type]:
    """The classes in public signatures and attributes of a class and its bases in the library."""
    for base in kind.__mro__:
        if not list(own(base)):
            continue
        for name, hint in get_type_hints(base).items():
            yield from own(hint) if not name.startswith("_") else ()
        for name, member in vars(base).items():
            if name.startswith("_") and (name != "__init__" or kind.__name__ in RETURNED):
                continue
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            if inspect.isfunction(function):
                for hint in get_type_hints(function).values():
                    yield from own(hint)
    for name, value in vars(objects[kind]).items() if kind in objects else ():
        if not name.startswith("_"):
            yield from own(type(value))


def objects() -> dict[type, Any]:
    """A workflow and the constructs that it returns, for their attributes."""
    stack = cdk.Stack(cdk.App(), "Stack")
    workflow = EntitiesDetectionWorkflow(
        stack, "Entities", vpc=own_vpc(stack), s3_prefix_list=prefix_list(stack), hardening=Hardening.STRICT
    )
    made = [workflow, workflow.network, workflow.start_on_upload(), workflow.add_results_catalog(), workflow.functions]
    return {type(each): each for each in made}


def test_names_are_sorted_and_exist() -> None:
    assert face.__all__ == sorted(face.__all__)
    assert all(hasattr(face, name) for name in face.__all__)


def test_public_names_are_those_that_users_meet() -> None:
    known = objects()
    found: set[type] = {EntitiesDetectionWorkflow}
    todo = list(found)
    while todo:
        new = set(met(todo.pop(), known)) - found
        found |= new
        todo += new
    assert {kind.__name__ for kind in found} == set(face.__all__)
    assert {getattr(face, kind.__name__) for kind in found} == found
    assert {kind.__name__ for kind in found} >= RETURNED
