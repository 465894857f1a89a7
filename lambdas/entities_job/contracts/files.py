"""Files that the functions write for each other."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from .tasks import Estimate, InputWarning, InventoryReference


class InventoryEntry(TypedDict):
    """One line of the inventory: a file of the input, and the number of its lines if a document is a line."""

    File: str
    Source: str
    VersionId: NotRequired[str]
    Size: int
    Lines: NotRequired[int]
    Padding: NotRequired[bool]


class OpenExecution(TypedDict):
    """The marker of an execution whose end is not reported: where its jobs write, and the job that it resumed."""

    Execution: str
    Folders: list[str]
    JobId: NotRequired[str]


class Inspected(TypedDict):
    """The findings of InspectInput, kept for an execution that resumes the job."""

    Inventory: InventoryReference
    Estimate: Estimate
    Warnings: list[InputWarning]


class ManifestLine(InventoryEntry):
    """One line of a batch's manifest: an upload, the name of its copy, and the reason if it is rejected."""

    Identity: str
    ETag: NotRequired[str]
    ErrorCode: NotRequired[str]
    ErrorMessage: NotRequired[str]
